//! The exchange of a token for credentials: AssumeRoleWithWebIdentity.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use quick_xml::Reader;
use quick_xml::events::Event;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::form_urlencoded;

use super::defects::ProxyDefect;
use super::state::View;
use crate::sigv4::AccessKey;

/// Version of the query API.
const API_VERSION: &str = "2011-06-15";

/// How often a request is made if STS fails or cannot reach the issuer, as the AWS SDKs do by default.
const ATTEMPTS: u32 = 3;

/// What is waited before the next attempt.
const PAUSE: Duration = Duration::from_millis(50);

/// Time for one attempt.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(5);

/// Largest answer that is read; credentials take a few kilobytes.
const LARGEST_ANSWER: usize = 256 << 10;

/// Why there are no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExchangeError {
    /// The code that STS gave, or what went wrong instead.
    pub(super) code: String,
    pub(super) message: String,
}

impl ExchangeError {
    fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    /// Whether the next attempt may fare better.
    fn is_passing(&self) -> bool {
        matches!(self.code.as_str(), "unreachable" | "unavailable" | "IDPCommunicationError")
    }
}

impl View {
    /// Credentials for a role, for the token of a caller.
    pub(super) async fn exchange(
        &self,
        token: &str,
        role: &str,
        session_name: &str,
    ) -> Result<AccessKey, ExchangeError> {
        let form = form(self, token, role, session_name);
        let invocation = uuid::Uuid::new_v4().to_string();
        let mut attempt = 1;
        loop {
            match self.attempt(form.clone(), &invocation, attempt).await {
                Err(error) if error.is_passing() && attempt < ATTEMPTS => {
                    attempt += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt(&self, form: Bytes, invocation: &str, attempt: u32) -> Result<AccessKey, ExchangeError> {
        let unreachable = |error: &dyn std::fmt::Display| ExchangeError::new("unreachable", error.to_string());
        let sts = &self.settled.sts;
        let request = Request::builder()
            .method(Method::POST)
            .uri(sts.as_str())
            .header(HOST, sts.authority())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .header(USER_AGENT, HeaderValue::from_static("gauntlet-remote-proxy"))
            .header("amz-sdk-invocation-id", invocation)
            .header("amz-sdk-request", format!("attempt={attempt}; max={ATTEMPTS}"))
            .body(Full::new(form))
            .map_err(|error| unreachable(&error))?;
        let answered = async {
            let response = self.client.request(request).await.map_err(|error| unreachable(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
            Ok((status, body.map_err(|error| unreachable(&error))?.to_bytes()))
        };
        let (status, body) =
            tokio::time::timeout(LONGEST_ATTEMPT, answered).await.map_err(|_| unreachable(&"no answer in time"))??;
        match status {
            StatusCode::OK => credentials(&body),
            status if status.is_server_error() => {
                Err(ExchangeError::new("unavailable", format!("STS answered {status}")))
            }
            status => {
                Err(refusal(&body)
                    .unwrap_or_else(|| ExchangeError::new("unreadable", format!("STS answered {status}"))))
            }
        }
    }
}

/// The parameters of a request.
fn form(view: &View, token: &str, role: &str, session_name: &str) -> Bytes {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", "AssumeRoleWithWebIdentity").append_pair("Version", API_VERSION);
    form.append_pair("RoleArn", role).append_pair("RoleSessionName", session_name);
    form.append_pair("WebIdentityToken", token);
    if !view.shows(ProxyDefect::DurationNotSent) {
        form.append_pair("DurationSeconds", &view.settled.session_duration.as_secs().to_string());
    }
    Bytes::from(form.finish())
}

/// The credentials in an answer.
fn credentials(body: &[u8]) -> Result<AccessKey, ExchangeError> {
    let [id, secret, token, expiration] =
        elements(body, ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"]);
    let (Some(id), Some(secret), Some(token)) = (id, secret, token) else {
        return Err(ExchangeError::new("unreadable", "the answer of STS has no credentials"));
    };
    let end = expiration.and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok());
    let expires_at = end.and_then(|end| u64::try_from(end.unix_timestamp()).ok()).map(Duration::from_secs);
    // Whose they are is nothing to who signs with them.
    Ok(AccessKey { session_token: Some(token), expires_at, ..AccessKey::new(id, secret, "") })
}

fn refusal(body: &[u8]) -> Option<ExchangeError> {
    let [code, message] = elements(body, ["Code", "Message"]);
    Some(ExchangeError::new(&code?, message.unwrap_or_default()))
}

/// The text of the first element of each name, wherever it stands in a document.
fn elements<const N: usize>(document: &[u8], names: [&str; N]) -> [Option<String>; N] {
    let mut found = [const { None::<String> }; N];
    let text = String::from_utf8_lossy(document);
    let mut reader = Reader::from_str(&text);
    let mut open: Option<usize> = None;
    // A document that breaks off or is malformed gives what was read until then.
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(start) => {
                let name = start.local_name();
                open = names.iter().position(|wanted| *wanted == name.as_ref());
                open = open.filter(|index| found[*index].is_none());
                if let Some(index) = open {
                    found[index] = Some(String::new());
                }
            }
            Event::Text(text) => {
                if let Some(value) = open.and_then(|index| found[index].as_mut()) {
                    value.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                if let Some(value) = open.and_then(|index| found[index].as_mut())
                    && let Ok(text) = quick_xml::escape::unescape(&format!("&{};", reference.xml10_content()))
                {
                    value.push_str(&text);
                }
            }
            Event::End(_) => open = None,
            Event::Eof => break,
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
      <AssumeRoleWithWebIdentityResult><Credentials>
        <AccessKeyId>ASIAFAKE000000000001</AccessKeyId><SecretAccessKey>a/b+c&amp;d</SecretAccessKey>
        <SessionToken>t&#x6f;ken==</SessionToken><Expiration>2026-11-21T00:37:07Z</Expiration>
      </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#;

    #[test]
    fn credentials_are_read() {
        let key = credentials(GOOD.as_bytes()).expect("credentials");
        assert_eq!((key.access_key_id.as_str(), key.secret_access_key.as_str()), ("ASIAFAKE000000000001", "a/b+c&d"));
        assert_eq!(key.session_token.as_deref(), Some("token=="));
        assert_eq!(key.expires_at, Some(Duration::from_secs(1_795_221_427)));
    }

    #[test]
    fn refusals_are_read() {
        let text = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not &lt;you&gt;</Message></Error></ErrorResponse>";
        let error = refusal(text.as_bytes()).expect("a refusal");
        assert_eq!((error.code.as_str(), error.message.as_str()), ("AccessDenied", "Not <you>"));
    }

    #[test]
    fn what_is_no_answer_gives_no_credentials() {
        for text in [
            "",
            "{}",
            "<html><body>Bad gateway</body></html>",
            "<Credentials><AccessKeyId>A</AccessKeyId></Credentials>",
            "<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>B</Sec",
            "<<<>>>&&&",
            "<a><AccessKeyId>A</b></a>",
        ] {
            assert_eq!(credentials(text.as_bytes()).expect_err("none").code, "unreadable", "{text}");
        }
        let deep = "<a>".repeat(50_000);
        assert!(credentials(deep.as_bytes()).is_err());
    }
}
