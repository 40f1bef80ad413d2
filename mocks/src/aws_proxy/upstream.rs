//! Requests to the upstream: signed with the credentials of a profile, answered by a document or a stream.

use futures_util::StreamExt as _;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use sse_stream::SseStream;
use url::Url;

use super::defects::ProxyDefect;
use super::proxy::Proxy;
use crate::outbound::{OutboundAnswer, OutboundError};
use crate::sigv4::Signer;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// Why the upstream gave no result.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// None is configured.
    NoUpstream,
    /// The profile has no credentials.
    NoCredentials,
    /// They, or a signature, could not be made.
    Unsigned(String),
    /// Any status that is not a success, with the JSON-RPC error in its body.
    Http {
        status: u16,
        error: Option<Value>,
    },
    /// The session is no longer known.
    SessionLost,
    /// A JSON-RPC error.
    Rpc(Value),
    TimedOut,
    /// No answer, or no whole one.
    Broken(String),
    /// The client takes no answer any more.
    Cancelled,
}

/// How a request travels.
#[derive(Debug, Clone, Default)]
pub(super) struct Travel {
    pub(super) profile: String,
    pub(super) session: Option<String>,
    pub(super) version: Option<String>,
    /// The client's own `mcp-…` headers, where requests stand alone.
    pub(super) headers: HeaderMap,
    /// What follows the name of the proxy in `user-agent`.
    pub(super) client: String,
}

/// An answer and the session that came with it.
#[derive(Debug)]
pub(super) struct Answered {
    /// The JSON-RPC answer; none if there was nothing to answer.
    pub(super) message: Option<Value>,
    pub(super) session: Option<String>,
}

impl Proxy {
    /// Sends one message. What comes before its answer is handed to `relay` as it arrives.
    pub(super) async fn send(
        &self,
        travel: &Travel,
        message: &Value,
        relay: &mut (dyn FnMut(Value) + Send),
    ) -> Result<Answered, Failure> {
        let answer = self.signed(Method::POST, travel, message.to_string().into_bytes()).await?;
        let session = answer.headers.get(&SESSION).and_then(|id| id.to_str().ok()).map(str::to_owned);
        let status = answer.status.as_u16();
        if !answer.status.is_success() {
            let body = answer.bytes().await.unwrap_or_default();
            let error = serde_json::from_slice::<Value>(&body).ok().and_then(|body| body.get("error").cloned());
            return Err(match (status, &travel.session) {
                (404, Some(_)) => Failure::SessionLost,
                _ => Failure::Http { status, error: error.filter(Value::is_object) },
            });
        }
        let Some(id) = message.get("id").filter(|_| message.get("method").is_some()) else {
            return Ok(Answered { message: None, session });
        };
        let message = self.answer_to(id, answer, relay).await?;
        match message.get("error") {
            Some(error) => Err(Failure::Rpc(error.clone())),
            None => Ok(Answered { message: Some(message), session }),
        }
    }

    /// Ends a session.
    pub(super) async fn delete(&self, travel: &Travel) -> Result<(), Failure> {
        self.signed(Method::DELETE, travel, Vec::new()).await.map(|_| ())
    }

    async fn answer_to(
        &self,
        id: &Value,
        answer: OutboundAnswer,
        relay: &mut (dyn FnMut(Value) + Send),
    ) -> Result<Value, Failure> {
        let is_answer = |message: &Value| message.get("id") == Some(id) && message.get("method").is_none();
        let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !media_type.to_ascii_lowercase().starts_with("text/event-stream") {
            let body = answer.bytes().await?;
            let message: Value =
                serde_json::from_slice(&body).map_err(|_| Failure::Broken("the answer is not JSON".to_owned()))?;
            return match is_answer(&message) {
                true => Ok(message),
                false => Err(Failure::Broken("the answer has another id".to_owned())),
            };
        }
        let mut held = Vec::new();
        let pieces = std::pin::pin!(answer.pieces());
        let mut events = SseStream::from_bytes_stream(pieces);
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| Failure::Broken(error.to_string()))?;
            let Some(message) = event.data.and_then(|data| serde_json::from_str::<Value>(&data).ok()) else {
                continue;
            };
            if is_answer(&message) {
                held.into_iter().for_each(relay);
                return Ok(message);
            }
            if message.get("method").is_none() {
                continue;
            }
            if self.shows(ProxyDefect::ProgressSwallowed) {
                continue;
            }
            match self.shows(ProxyDefect::StreamBuffered) {
                true => held.push(message),
                false => relay(message),
            }
        }
        Err(Failure::Broken("the stream ended before the answer".to_owned()))
    }

    async fn signed(&self, method: Method, travel: &Travel, body: Vec<u8>) -> Result<OutboundAnswer, Failure> {
        let settled = self.settled();
        let (Some(endpoint), Some(outbound)) = (&settled.endpoint, self.outbound()) else {
            return Err(Failure::NoUpstream);
        };
        let mut headers = travel.headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let agent = format!("gauntlet-aws-proxy/{} {}", env!("CARGO_PKG_VERSION"), travel.client);
        for (name, value) in [(SESSION, &travel.session), (VERSION, &travel.version), (USER_AGENT, &Some(agent))] {
            if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value.trim()).ok()) {
                headers.insert(name, value);
            }
        }
        let now = self.clock.now();
        let name = match settled.profile(&travel.profile) {
            _ if self.shows(ProxyDefect::CredentialsOfDefault) => &settled.default,
            None if self.shows(ProxyDefect::UnknownProfileAsDefault) => &settled.default,
            _ => &travel.profile,
        };
        let profile = settled.profile(name).ok_or(Failure::NoCredentials)?;
        let forever = self.shows(ProxyDefect::CredentialsCached);
        let key = self.credentials.of(name, profile, now, forever).await.map_err(Failure::Unsigned)?;
        let region = match self.shows(ProxyDefect::ProfileRegionSigned) {
            true => settled.region_of(&travel.profile),
            false => &settled.config.region,
        };
        let signer = Signer::new(key.ok_or(Failure::NoCredentials)?, &settled.config.service, region);
        signer
            .sign(method.as_str(), endpoint.as_str(), &mut headers, &body, now)
            .map_err(|error| Failure::Unsigned(error.to_string()))?;
        let (method, url) = self.on_the_way(method, endpoint.clone(), &mut headers);
        Ok(outbound.send(method, url, headers, body).await?)
    }

    /// What defects make of a request that is signed.
    fn on_the_way(&self, mut method: Method, mut url: Url, headers: &mut HeaderMap) -> (Method, Url) {
        if self.shows(ProxyDefect::HeaderChangedAfterSigning) {
            headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream, */*"));
        }
        if self.shows(ProxyDefect::MethodChangedAfterSigning) && method == Method::POST {
            method = Method::PUT;
        }
        if self.shows(ProxyDefect::PathChangedAfterSigning) {
            url.set_path(&format!("{}/", url.path()));
        }
        if self.shows(ProxyDefect::QueryAddedAfterSigning) {
            url.query_pairs_mut().append_pair("via", "proxy");
        }
        (method, url)
    }
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::TimedOut => Self::TimedOut,
            other => Self::Broken(other.to_string()),
        }
    }
}

impl Failure {
    /// As a JSON-RPC error, for requests that are not tool calls.
    pub(super) fn as_error(&self) -> Value {
        match self {
            Self::Rpc(error) | Self::Http { error: Some(error), .. } => error.clone(),
            other => json!({ "code": -32603, "message": other.reason("") }),
        }
    }

    /// Why, as the result of a failed tool call says it.
    pub(super) fn reason(&self, endpoint: &str) -> String {
        match self {
            Self::NoUpstream => "No upstream is configured; set upstreams.aws".to_owned(),
            Self::NoCredentials => {
                "No AWS credentials available. Configure credentials or use --skip-auth to send unsigned requests."
                    .to_owned()
            }
            Self::Unsigned(why) => why.clone(),
            Self::Http { status: 429, .. } => "Rate limited by upstream API, please retry later".to_owned(),
            Self::Http { status, .. } => {
                let side = if *status < 500 { "Client" } else { "Server" };
                let status = http::StatusCode::from_u16(*status).map(|status| status.to_string());
                format!("{side} error '{}' for url '{endpoint}'", status.unwrap_or_default())
            }
            Self::SessionLost => "Session terminated".to_owned(),
            Self::Rpc(error) => error.get("message").and_then(Value::as_str).unwrap_or("error").to_owned(),
            Self::TimedOut => "Upstream request timed out, please retry".to_owned(),
            Self::Broken(why) => format!("The upstream broke off: {why}"),
            Self::Cancelled => "Cancelled".to_owned(),
        }
    }
}
