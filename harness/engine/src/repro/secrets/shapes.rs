//! Secrets that can be told by what they look like, wherever they stand.

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::Regex;
use serde_json::Value;

use super::Kind;

/// What was seen in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The secret itself.
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
    /// What it is called if no name stands beside it.
    pub(super) name: &'static str,
}

struct Form {
    /// The group `v` is the secret.
    pattern: &'static str,
    kind: Kind,
    name: &'static str,
}

const fn form(pattern: &'static str, kind: Kind, name: &'static str) -> Form {
    Form { pattern, kind, name }
}

/// Where two could begin in one place, the first one applies.
static FORMS: &[Form] = &[
    form(
        r"(?<v>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:[^-]|-[^-])*(?:-----END [A-Z0-9 ]{0,40}-----)?)",
        Kind::PrivateKey,
        "private-key",
    ),
    form(r"\b(?<v>eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){2,4})", Kind::Jwt, "jwt"),
    form(r"(?i:\bbearer)(?:\s|%20|\+)+(?<v>[A-Za-z0-9._~+/-]{8,}=*)", Kind::Bearer, "token"),
    form(r"(?i:\bbasic)(?:\s|%20|\+)+(?<v>[A-Za-z0-9+/_-]{6,}=*)", Kind::Basic, "basic"),
    form(r"\b(?<v>A[KS]IA[0-9A-Z]{12,})\b", Kind::AccessKey, "access-key-id"),
    form(r"\bSignature=(?<v>[0-9a-fA-F]{64})\b", Kind::Signature, "signature"),
    form(r"(?i:X-Amz-Signature|X-Goog-Signature)(?:=|%3D)(?<v>[0-9a-fA-F]{40,})", Kind::Signature, "signature"),
    form(
        r"\b(?<v>(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz|AQoDYXdz)[A-Za-z0-9+/%_-]{4,}=*)",
        Kind::Token,
        "session-token",
    ),
    form(r"\b(?<v>ao[ar]AAAAA[A-Za-z0-9_+/-]{8,}(?::[A-Za-z0-9+/=_-]+)?)", Kind::Token, "token"),
    form(r"\b(?<v>(?:sk|rk|ksk|whsec)[-_](?:live_|test_|ant-|proj-|or-)?[A-Za-z0-9_-]{16,})", Kind::ApiKey, "api-key"),
    form(
        r"\b(?<v>(?:gh[pousr]|github_pat|glpat|npm|hf|dop_v1|doo_v1|shpat|shpss)[_-][A-Za-z0-9_-]{16,})",
        Kind::ApiKey,
        "api-key",
    ),
    form(r"\b(?<v>xox[a-z]-[A-Za-z0-9-]{10,})", Kind::ApiKey, "api-key"),
    form(r"\b(?<v>AIza[A-Za-z0-9_-]{35})", Kind::ApiKey, "api-key"),
    form(r"\b(?<v>ya29\.[A-Za-z0-9_-]{16,})", Kind::Token, "token"),
    form(r"\b(?<v>SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})", Kind::ApiKey, "api-key"),
    form(r"\b[A-Za-z][A-Za-z0-9+.-]*://(?<v>[^/?#\s@\x22'<>\\]{1,512})@", Kind::Userinfo, "url-password"),
];

/// One expression for all forms, so that a text is read once. That it compiles is shown by every test.
static EXPRESSION: LazyLock<Option<(Regex, Vec<usize>)>> = LazyLock::new(|| {
    let name = |i: usize| format!("r{i}");
    let whole: Vec<String> =
        FORMS.iter().enumerate().map(|(i, form)| form.pattern.replace("?<v>", &format!("?<{}>", name(i)))).collect();
    let regex = Regex::new(&whole.join("|")).ok()?;
    let group = |i: usize| regex.capture_names().position(|group| group == Some(name(i).as_str()));
    let groups = (0..FORMS.len()).map(group).collect::<Option<_>>()?;
    Some((regex, groups))
});

/// Standing alone, forty characters of base64: how AWS writes secret keys.
static SECRET_KEY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9/+]{40,}").ok());

/// Every secret that the text shows by its form.
pub(super) fn of(text: &str) -> Vec<Shape> {
    let Some((regex, groups)) = EXPRESSION.as_ref() else { return Vec::new() };
    let mut found = Vec::new();
    let mut has_access_key = false;
    for captures in regex.captures_iter(text) {
        let Some((form, group)) = FORMS.iter().zip(groups).find_map(|(form, i)| Some((form, captures.get(*i)?))) else {
            continue;
        };
        has_access_key |= form.kind == Kind::AccessKey;
        if let Some(range) = confirmed(form.kind, text, group.range()) {
            found.push(Shape { range, kind: form.kind, name: form.name });
        }
    }
    if has_access_key && let Some(regex) = SECRET_KEY.as_ref() {
        found.extend(regex.find_iter(text).filter(|key| is_secret_key(key.as_str())).map(|key| Shape {
            range: key.range(),
            kind: Kind::SecretKey,
            name: "secret-access-key",
        }));
    }
    found
}

/// The part of a match that is a secret, if it is one.
fn confirmed(kind: Kind, text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let value = &text[range.clone()];
    match kind {
        Kind::Jwt => {
            let header = value.split('.').next()?;
            let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
            header.is_object().then_some(range)
        }
        // `Bearer realm="x"` of a challenge and `Bearer authentication is required` are no tokens.
        Kind::Bearer => {
            let next = text[range.end..].chars().next();
            let is_parameter = value.ends_with('=') && next.is_some_and(|c| !c.is_whitespace() && c != ',');
            let is_word = value.len() < 24 && !value.bytes().any(|b| b.is_ascii_digit());
            // The end of a sentence is none of a token.
            let end = range.start + value.trim_end_matches('.').len();
            (!is_parameter && !is_word).then_some(range.start..end)
        }
        Kind::Basic => basic(value).is_some().then_some(range),
        // `user:password@`, or a token alone.
        Kind::Userinfo => match value.split_once(':') {
            Some((_, "")) => None,
            Some((user, _)) => Some(range.start + user.len() + 1..range.end),
            None => (value.len() >= 8).then_some(range),
        },
        _ => Some(range),
    }
}

/// The password in credentials of the `Basic` scheme.
pub(super) fn basic(credentials: &str) -> Option<String> {
    let trimmed = credentials.trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(trimmed).or_else(|_| URL_SAFE_NO_PAD.decode(trimmed)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (_, password) = text.split_once(':')?;
    (!text.chars().any(char::is_control)).then(|| password.to_owned())
}

/// Neither a digest nor a word.
fn is_secret_key(text: &str) -> bool {
    let has = |test: fn(&u8) -> bool| text.bytes().any(|b| test(&b));
    text.len() == 40
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && !text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether the value is likely enough nothing else when it is met again. `is_strong` says that it stood where only secrets stand.
pub(super) fn reappears(value: &str, is_strong: bool) -> bool {
    const WORDS: [&str; 12] = [
        "anonymous",
        "disabled",
        "required",
        "undefined",
        "password",
        "redacted",
        "optional",
        "localhost",
        "application",
        "string",
        "credentials",
        "authorization",
    ];
    let count = value.chars().count();
    let has_digit = value.bytes().any(|b| b.is_ascii_digit());
    let has_letter = value.bytes().any(|b| b.is_ascii_alphabetic());
    let mut distinct: Vec<char> = value.chars().take(64).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 4 || WORDS.contains(&value.to_ascii_lowercase().as_str()) {
        return false;
    }
    match count {
        16.. => true,
        8..16 => has_letter && (has_digit || is_strong),
        5..8 => is_strong && has_digit && has_letter,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn seen(text: &str) -> Vec<(Kind, &str)> {
        of(text).into_iter().map(|shape| (shape.kind, &text[shape.range])).collect()
    }

    #[test]
    fn secrets_by_their_form() {
        let jwt = format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode("{}{}"));
        let basic = STANDARD.encode("user:pass");
        let long = ["sk-ant", "x01", "0123456789abcdef"].join("-");
        let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ+x/y==\n-----END EC PRIVATE KEY-----";
        for (text, kind, secret) in [
            (format!("got {jwt}, sorry"), Kind::Jwt, jwt.as_str()),
            ("say Bearer abc-123_x.y~= now".to_owned(), Kind::Bearer, "abc-123_x.y~="),
            (format!("'basic {basic}'"), Kind::Basic, basic.as_str()),
            ("key ASIAIOSFODNN7EXAMPLE.".to_owned(), Kind::AccessKey, "ASIAIOSFODNN7EXAMPLE"),
            (format!("no {long}"), Kind::ApiKey, long.as_str()),
            ("ghp_0123456789abcdefghij".to_owned(), Kind::ApiKey, "ghp_0123456789abcdefghij"),
            (format!("{pem}\nrest"), Kind::PrivateKey, pem),
            ("-----BEGIN PRIVATE KEY-----\nMIIE".to_owned(), Kind::PrivateKey, "-----BEGIN PRIVATE KEY-----\nMIIE"),
            ("postgres://me:hunter2@db/x".to_owned(), Kind::Userinfo, "hunter2"),
            ("at aoaAAAAAGfakeAccess123 end".to_owned(), Kind::Token, "aoaAAAAAGfakeAccess123"),
        ] {
            assert_eq!(seen(&text), [(kind, secret)], "{text}");
        }
        let pair = "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        assert_eq!(seen(pair).iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [Kind::AccessKey, Kind::SecretKey]);
    }

    #[test]
    fn what_only_looks_like_a_secret() {
        for text in [
            r#"Bearer resource_metadata="https://a/b1", scope="x""#,
            "Bearer realm=example1",
            "Bearer authentication is required",
            "basic knowledge of things",
            "https://example.com/a@b",
            "mailto:someone@example.com",
            "eyJub3QgYSBqd3Q.x.y",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "task-0123456789abcdef0123",
        ] {
            assert_eq!(seen(text), [], "{text}");
        }
    }

    #[test]
    fn everyday_words_are_no_secrets_elsewhere() {
        for value in ["true", "en-US", "12345678", "undefined", "dark", "********", "abcdefgh"] {
            assert!(!reappears(value, false), "{value}");
        }
        for value in ["hunter2", "correcthorse", "s3cr3t-value", "0123456789abcdef"] {
            assert!(reappears(value, true), "{value}");
        }
    }
}
