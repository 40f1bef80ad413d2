//! The client identity: what well-known clients say of themselves in two headers.

use std::sync::LazyLock;

use regex::Regex;
use wiremock::Request;

use super::config::IdentityRule;
use super::wire::header;

/// Digits as in real clients; the hash says that it is not one.
const CLIENT_HASH: &str = "c0ffeefa4ec0ffeefa4ec0ffeefa4ec0ffeefa4ec0ffeefa4ec0ffeefa4e0000";

static IDE_MARK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"KiroIDE-\d+(\.\d+)+-[0-9a-f]{64}").expect("a constant pattern"));

const COMMAND_LINE_MARK: &str = "AmazonQ-For-CLI";

/// The mark of a known client in a header value.
fn mark(value: Option<&str>) -> Option<&str> {
    let value = value?;
    match IDE_MARK.find(value) {
        Some(found) => Some(found.as_str()),
        None => value.contains(COMMAND_LINE_MARK).then_some(COMMAND_LINE_MARK),
    }
}

/// Whether the headers prove an identity.
pub(super) fn is_proved(request: &Request, rule: IdentityRule) -> bool {
    let user_agent = mark(header(request, "user-agent"));
    let amz_user_agent = mark(header(request, "x-amz-user-agent"));
    match rule {
        IdentityRule::Both => user_agent.is_some() && user_agent == amz_user_agent,
        IdentityRule::Either => user_agent.is_some() || amz_user_agent.is_some(),
        IdentityRule::UserAgent => user_agent.is_some(),
        IdentityRule::AmzUserAgent => amz_user_agent.is_some(),
    }
}

/// The headers of a client with full identity, credentials and `tokentype` apart.
pub(super) fn headers() -> Vec<(String, String)> {
    let mark = format!("KiroIDE-0.11.107-{CLIENT_HASH}");
    [
        ("content-type", "application/json".to_owned()),
        (
            "user-agent",
            format!(
                "aws-sdk-js/1.0.34 ua/2.1 os/linux#6.8.0 lang/js md/nodejs#22.21.1 \
                 api/codewhispererstreaming#1.0.34 m/E {mark}"
            ),
        ),
        ("x-amz-user-agent", format!("aws-sdk-js/1.0.34 {mark}")),
        ("x-amzn-codewhisperer-optout", "false".to_owned()),
        ("x-amzn-kiro-agent-mode", "vibe".to_owned()),
        ("amz-sdk-invocation-id", uuid::Uuid::new_v4().to_string()),
        ("amz-sdk-request", "attempt=1; max=3".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_known_clients() {
        for (name, value) in headers() {
            if name.ends_with("user-agent") {
                assert!(mark(Some(&value)).is_some(), "{name}: {value}");
            }
        }
        assert_eq!(mark(Some("aws-sdk-rust/1 app/AmazonQ-For-CLI")), Some(COMMAND_LINE_MARK));
        assert_eq!(mark(Some("KiroIDE-0.7.45-abc")), None);
        assert_eq!(mark(Some("python-requests/2.32")), None);
        assert_eq!(mark(None), None);
    }
}
