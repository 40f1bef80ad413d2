//! What happens to a request before the SDK sees it.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

use super::{Defect, Gate, Kind, Post, Refusal, SESSION_ID, VERSION, rpc};
use crate::mcp_server::handler::Server;

/// What `session-id-not-ascii` adds to a session id.
pub(super) const FOREIGN_SUFFIX: &[u8] = "é".as_bytes();

const MODERN: &str = "2026-07-28";

/// Whether the body is labelled as JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(';').next().is_some_and(|t| t.trim().eq_ignore_ascii_case("application/json")))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

impl Gate {
    /// Defects that make the server overlook a header of any request.
    pub(super) fn admit_defects(&self, parts: &mut Parts) {
        if self.shows(Defect::OriginNotChecked) {
            parts.headers.remove(ORIGIN);
        }
        if self.shows(Defect::SessionIdNotAscii)
            && let Some(id) = parts.headers.get(SESSION_ID)
            && let Some(own) = id.as_bytes().strip_suffix(FOREIGN_SUFFIX)
            && let Ok(own) = HeaderValue::from_bytes(own)
        {
            parts.headers.insert(SESSION_ID, own);
        }
        let bad = text(&parts.headers, VERSION).is_some_and(|v| !self.settings.speaks(v));
        if bad && parts.headers.contains_key(SESSION_ID) && self.shows(Defect::ProtocolVersionHeaderIgnored) {
            parts.headers.remove(VERSION);
        }
    }

    /// The version that a request is judged by: what it states, what its header states, what its session agreed on.
    pub(super) fn version_in_force(&self, headers: &HeaderMap, message: Option<&Value>) -> String {
        let stated = message.and_then(rpc::stated_version).or_else(|| text(headers, VERSION));
        let agreed = text(headers, SESSION_ID).and_then(|id| self.sessions.version(id));
        match (stated, agreed) {
            (Some(stated), _) => stated.to_owned(),
            (None, Some(agreed)) => agreed.as_str().to_owned(),
            (None, None) if self.settings.has_handshake() => "2025-03-26".to_owned(),
            (None, None) => MODERN.to_owned(),
        }
    }

    /// Refuses what the SDK would serve although this server does not offer the version.
    pub(super) async fn version_refusal(&self, post: &Post, message: &Value, kind: &Kind) -> Option<Response<Body>> {
        let header = text(&post.parts.headers, VERSION);
        let id = match kind {
            Kind::Request { id, .. } => Some(id.clone()),
            _ => None,
        };
        let opens = matches!(kind, Kind::Request { method, .. } if method == "initialize");
        if opens && !self.settings.has_handshake() {
            let (status, refusal) = if header.is_none_or(|v| v < MODERN) {
                let what = "MCP-Protocol-Version header missing or too old; this server speaks 2026-07-28";
                (StatusCode::BAD_REQUEST, Refusal::new(rpc::HEADER_MISMATCH, what, id))
            } else {
                let what = "Method not found: initialize; this server speaks 2026-07-28, without a handshake";
                (StatusCode::NOT_FOUND, Refusal::new(rpc::METHOD_NOT_FOUND, what, id))
            };
            return Some(self.refuse(post, status, &refusal).await);
        }
        let demanded = !opens && header.is_none() && ("2025-06-18".."2026-07-28").contains(&post.version.as_str());
        if demanded && self.shows(Defect::VersionHeaderDemanded) {
            let refusal = Refusal::new(rpc::INVALID_REQUEST, "MCP-Protocol-Version is missing", id);
            return Some(self.refuse(post, StatusCode::BAD_REQUEST, &refusal).await);
        }
        // A request that states its version itself gets the error of 2026-07-28, from the SDK.
        let unknown = header.filter(|v| !opens && !self.settings.speaks(v))?;
        if rpc::stated_version(message).is_some() {
            return None;
        }
        let what = format!("Unsupported protocol version: {unknown}");
        let later = unknown > MODERN && !post.parts.headers.contains_key(SESSION_ID);
        let code = if later { rpc::UNSUPPORTED_VERSION } else { rpc::INVALID_REQUEST };
        let versions: Vec<&str> = self.settings.versions.iter().map(ProtocolVersion::as_str).collect();
        let data = json!({ "supported": versions, "requested": unknown });
        let refusal = Refusal::new(code, what, id).with_data(data);
        Some(self.refuse(post, StatusCode::BAD_REQUEST, &refusal).await)
    }

    /// Completes a request of 2026-07-28 that the server is to overlook something about, before the SDK sees it.
    pub(super) fn mend_request(&self, post: &mut Post, message: &Value, kind: &Kind) {
        let Kind::Request { method, .. } = kind else {
            return;
        };
        let stated = rpc::stated_version(message).map(str::to_owned);
        let header = text(&post.parts.headers, VERSION).map(str::to_owned);
        if header.as_deref().is_none_or(|v| v < MODERN) && stated.as_deref().is_none_or(|v| v < MODERN) {
            return;
        }
        let mut message = message.clone();
        let before = message.clone();
        if self.shows(Defect::MetaNotRequired) {
            rpc::complete_meta(&mut message, header.as_deref().unwrap_or(MODERN));
        }
        if self.shows(Defect::UnsupportedVersionAccepted) && stated.as_deref().is_some_and(|v| !self.settings.speaks(v))
        {
            message["params"]["_meta"][rpc::META_VERSION] = json!(MODERN);
            set(&mut post.parts.headers, VERSION, Some(MODERN));
        }
        let stated = rpc::stated_version(&message).map(str::to_owned);
        let lacking = header.is_none() && self.shows(Defect::VersionHeaderNotRequired);
        let differing = header.is_some() && header != stated && self.shows(Defect::HeaderMismatchAccepted);
        if (lacking || differing) && stated.is_some() {
            set(&mut post.parts.headers, VERSION, stated.as_deref());
        }
        if self.shows(Defect::McpMethodHeaderIgnored) {
            set(&mut post.parts.headers, "mcp-method", Some(method));
        }
        if matches!(method.as_str(), "resources/subscribe" | "resources/unsubscribe") {
            // The SDK asks for the name of methods that this version does not have.
            let uri = message.pointer("/params/uri").and_then(Value::as_str).map(str::to_owned);
            set(&mut post.parts.headers, "mcp-name", uri.as_deref());
        }
        let name = match method.as_str() {
            "tools/call" | "prompts/get" => message.pointer("/params/name"),
            "resources/read" => message.pointer("/params/uri"),
            _ => None,
        };
        let name = name.and_then(Value::as_str).map(str::to_owned);
        if name.is_some() && self.shows(Defect::McpNameHeaderIgnored) {
            set(&mut post.parts.headers, "mcp-name", name.as_deref());
        }
        if method == "tools/call" {
            let overlooked = self.shows(Defect::McpParamHeaderIgnored);
            let schema = Server::new(self.shared.clone()).input_schema(name.as_deref().unwrap_or_default());
            let properties = schema.as_ref().and_then(|s| s.get("properties")?.as_object());
            for (property, schema) in properties.into_iter().flatten() {
                let Some(suffix) = schema.get("x-mcp-header").and_then(Value::as_str) else { continue };
                let header = format!("mcp-param-{suffix}");
                let value = message.pointer(&format!("/params/arguments/{property}")).filter(|v| !v.is_null());
                // Integers are compared as numbers: the SDK is given the spelling of the body.
                let given = text(&post.parts.headers, &header).and_then(|v| v.parse::<f64>().ok());
                let equal = schema.get("type").is_some_and(|t| t == "integer")
                    && given.is_some()
                    && given == value.and_then(Value::as_f64);
                if overlooked || equal {
                    let value = value.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
                    set(&mut post.parts.headers, &header, value.as_deref());
                }
            }
        }
        let sentinel = text(&post.parts.headers, "mcp-name").is_some_and(|v| v.starts_with("=?base64?"));
        if sentinel && self.shows(Defect::McpNameBase64NotDecoded) {
            // Compared as it stands, the encoded form never equals the name.
            post.parts.headers.insert("mcp-name", HeaderValue::from_static("not-decoded"));
        }
        if message != before {
            post.body = Bytes::from(message.to_string());
        }
    }
}

/// Gives a header this value, or takes it away.
fn set(headers: &mut HeaderMap, name: &str, value: Option<&str>) {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        return;
    };
    match value.and_then(|v| HeaderValue::from_str(&encoded(v)).ok()) {
        Some(value) => drop(headers.insert(name, value)),
        None => drop(headers.remove(name)),
    }
}

/// The value as it may stand in a header of 2026-07-28.
fn encoded(value: &str) -> String {
    let plain = value.bytes().all(|b| (0x20..=0x7E).contains(&b)) && value.trim() == value;
    if plain && !value.starts_with("=?base64?") {
        value.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(value))
    }
}
