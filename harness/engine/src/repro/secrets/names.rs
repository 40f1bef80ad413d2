//! Which names say that a value is secret, and what a secret is called.

use std::collections::HashSet;

/// Characters of a secret's name, without the number behind it.
const LONGEST: usize = 48;

/// Names whose values are secret wherever they stand, as [`folded`].
const WHOLE: [&str; 22] = [
    "accesskeyid",
    "assertion",
    "authentication",
    "authorization",
    "awsaccesskeyid",
    "clientassertion",
    "codeverifier",
    "cookie",
    "credentials",
    "devicecode",
    "passcode",
    "passphrase",
    "proxyauthorization",
    "pwd",
    "samlresponse",
    "setcookie",
    "sig",
    "signature",
    "usercode",
    "xamzsignature",
    "xgoogsignature",
    "xauth",
];

/// Ends of names whose values are secret: `refresh_token`, `x-goog-api-key`, `GITHUB_TOKEN`.
const ENDS: [&str; 10] = [
    "accesskey",
    "apikey",
    "authkey",
    "bearertoken",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "subscriptionkey",
    "token",
];

/// Ends of names that only look it: places in lists, ids that make a request count once, and what a caller makes up to know
/// an answer again.
const HARMLESS: [&str; 10] = [
    "cancellationtoken",
    "clienttoken",
    "continuationtoken",
    "idempotencytoken",
    "markertoken",
    "nexttoken",
    "pagetoken",
    "paginationtoken",
    "progresstoken",
    "synctoken",
];

/// Which names are secret, where a user says more than the tables.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    also: HashSet<String>,
    not: HashSet<String>,
}

impl Names {
    pub(super) fn new(also: &[String], not: &[String]) -> Self {
        let fold = |names: &[String]| names.iter().map(|name| folded(name)).collect();
        Self { also: fold(also), not: fold(not) }
    }

    /// Whether the value of a header, a parameter or a member of this name is secret.
    pub(super) fn is_secret(&self, name: &str) -> bool {
        // No name that means anything is longer.
        if name.is_empty() || name.len() > 200 {
            return false;
        }
        let name = folded(name);
        if self.not.contains(&name) {
            return false;
        }
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        self.also.contains(&name)
            || WHOLE.contains(&name.as_str())
            || name == "xamzssobearertoken"
            || ends(&ENDS) && !ends(&HARMLESS)
            || name.ends_with("secretkey")
    }

    /// Whether a user says that the name is none of a secret.
    pub(super) fn is_excused(&self, name: &str) -> bool {
        self.not.contains(&folded(name))
    }
}

/// A name without the ways of writing it: `access_token`, `accessToken` and `Access-Token` are the same.
pub(super) fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// What a secret is called that was found under this name: `SecretAccessKey` gives `secret-access-key`.
pub(super) fn called(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if out.len() >= LONGEST {
            break;
        }
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) && !out.is_empty() {
                out.push('-');
            }
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        before = c;
    }
    let called = out.trim_end_matches('-');
    if called.is_empty() { "secret".to_owned() } else { called.to_owned() }
}

/// The name in `${secret:NAME}`, if the text from its start on is one that stands for a secret; and how long it is.
pub(super) fn placeholder(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix(PREFIX)?;
    let end = rest.find('}')?;
    let name = &rest[..end];
    is_name(name).then_some((name, PREFIX.len() + end + 1))
}

/// What is written in place of a secret.
pub(super) fn standing_for(name: &str) -> String {
    format!("{PREFIX}{name}}}")
}

/// How a text that stands for a secret begins.
pub(super) const PREFIX: &str = "${secret:";

/// Whether the text can be the name of a secret: small letters, digits and dashes. So it never says where a value is to be
/// read from, as `env:HOME` would.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.len() <= LONGEST + 16 && text.bytes().all(plain) && !text.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_in_any_spelling() {
        let names = Names::default();
        for name in [
            "access_token",
            "refreshToken",
            "id_token",
            "client_secret",
            "clientSecret",
            "code_verifier",
            "assertion",
            "password",
            "api_key",
            "apiKey",
            "x-api-key",
            "X-Amz-Security-Token",
            "sessionToken",
            "SecretAccessKey",
            "AccessKeyId",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "x-amz-sso_bearer_token",
            "csrf-token",
            "token",
            "WebIdentityToken",
            "registration_access_token",
            "Proxy-Authorization",
            "device_code",
            "SAMLResponse",
        ] {
            assert!(names.is_secret(name), "{name}");
        }
        for name in [
            "token_type",
            "token_endpoint",
            "progressToken",
            "nextToken",
            "next_page_token",
            "max_tokens",
            "state",
            "nonce",
            "code_challenge",
            "profileArn",
            "mcp-session-id",
            "www-authenticate",
            "clientToken",
            "",
            "code",
            "subject_token_type",
            "id_token_signed_response_alg",
            "nextCursor",
        ] {
            assert!(!names.is_secret(name), "{name}");
        }
        let own = Names::new(&["X-Tenant-Key".into()], &["token".into()]);
        assert!(own.is_secret("xTenantKey") && !own.is_secret("Token") && own.is_secret("access_token"));
    }

    #[test]
    fn a_secret_has_a_readable_name() {
        for (name, expected) in [
            ("SecretAccessKey", "secret-access-key"),
            ("access_token", "access-token"),
            ("GITHUB_TOKEN", "github-token"),
            ("X-Amz-Signature", "x-amz-signature"),
            ("pass\u{1b}[2Jword\n", "pass-2-jword"),
            ("🔑", "secret"),
            ("x".repeat(500).as_str(), "x".repeat(LONGEST).as_str()),
        ] {
            assert_eq!(called(name), expected);
            assert!(is_name(&called(name)));
        }
        assert_eq!(placeholder("${secret:a-b-2} x"), Some(("a-b-2", 15)));
        assert_eq!(placeholder("${secret:env:HOME}"), None);
    }
}
