//! 2026-07-28: no handshake, no session; every request says in headers and metadata what it is.

use base64::Engine as _;
use serde_json::{Map, Value, json};
use wiremock::Request;

use super::auth::Identity;
use super::config::MODERN;
use super::defects::GatewayDefect;
use super::mcp::{
    INVALID_PARAMS, INVALID_REQUEST, META_VERSION, METHOD_NOT_FOUND, Message, VERSION_HEADER, accepted, error_answer,
    error_with_data,
};
use super::state::State;
use crate::answer::{Answer, header};

const HEADER_MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;

const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const META_SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// How long a client may keep what it was told, in milliseconds.
const TTL_MILLIS: u64 = 60_000;

impl State {
    /// Answers one message under the version without handshake.
    pub(super) fn modern(&mut self, message: Message, request: &Request, caller: &Identity) -> Answer {
        let (id, method, params) = match message {
            Message::Call { id, method, params } => (id, method, params.unwrap_or_default()),
            Message::Notification if self.shows(GatewayDefect::NotificationAnswered) => {
                return self.result_answer(&Value::from(0), json!({ "resultType": "complete" }));
            }
            Message::Notification => return accepted(),
            Message::Response => {
                return error_answer(400, None, INVALID_REQUEST, "clients send no responses");
            }
            Message::Invalid(id, why) => {
                return error_answer(400, id.as_ref(), INVALID_REQUEST, why);
            }
        };
        if let Err(refusal) = self.check_request(request, &id, &method, &params) {
            return refusal;
        }
        match method.as_str() {
            "server/discover" if !self.shows(GatewayDefect::DiscoverMissing) => {
                let result = json!({
                    "supportedVersions": self.settled.versions(),
                    "capabilities": { "tools": { "listChanged": false } },
                });
                self.complete(&id, result, true)
            }
            "tools/list" => match self.page_for(&params) {
                Ok((tools, next)) => {
                    let mut result = json!({ "tools": tools });
                    if let Some(next) = next {
                        result["nextCursor"] = Value::from(next);
                    }
                    self.complete(&id, result, true)
                }
                Err(why) => error_answer(200, Some(&id), INVALID_PARAMS, why),
            },
            "tools/call" => match self.call_result(&params, caller, true) {
                Ok(result) => self.complete(&id, result, false),
                Err(why) => error_answer(200, Some(&id), INVALID_PARAMS, &why),
            },
            _ if self.shows(GatewayDefect::UnknownMethodAsResult) => self.complete(&id, json!({}), false),
            _ => {
                let status = if self.shows(GatewayDefect::NotFoundAs200) { 200 } else { 404 };
                error_answer(status, Some(&id), METHOD_NOT_FOUND, "Method not found")
            }
        }
    }

    /// Headers and metadata, before anything is done.
    fn check_request(
        &self,
        request: &Request,
        id: &Value,
        method: &str,
        params: &Map<String, Value>,
    ) -> Result<(), Answer> {
        let mismatch = |why: &str| error_answer(400, Some(id), HEADER_MISMATCH, why);
        let Some(version) = header(request, VERSION_HEADER).map(str::trim) else {
            let spoken = self.settled.config.supported_versions.join(", ");
            return Err(mismatch(&format!("MCP-Protocol-Version header missing; this server speaks {spoken}")));
        };
        let meta = params.get("_meta").and_then(Value::as_object);
        let meta_version = meta.and_then(|meta| meta.get(META_VERSION)).and_then(Value::as_str);
        if meta_version.is_some_and(|named| named != version) {
            return Err(mismatch("MCP-Protocol-Version does not match the version in _meta"));
        }
        if version != MODERN && !self.shows(GatewayDefect::UnsupportedVersionAccepted) {
            let data = json!({ "supported": self.settled.versions(), "requested": version });
            let message = "Unsupported protocol version";
            return Err(error_with_data(400, Some(id), UNSUPPORTED_VERSION, message, Some(data)));
        }
        if !self.shows(GatewayDefect::MetaUnchecked) {
            let has_capabilities = meta.is_some_and(|meta| meta.get(META_CAPABILITIES).is_some_and(Value::is_object));
            let missing = match (meta_version, has_capabilities) {
                (None, _) => Some(META_VERSION),
                (_, false) => Some(META_CAPABILITIES),
                _ => None,
            };
            if let Some(missing) = missing {
                return Err(error_answer(400, Some(id), INVALID_PARAMS, &format!("{missing} missing in _meta")));
            }
        }
        if self.shows(GatewayDefect::HeaderMismatchAccepted) {
            return Ok(());
        }
        match header(request, "mcp-method").map(str::trim) {
            None => return Err(mismatch("Mcp-Method header missing")),
            Some(named) if named != method => {
                return Err(mismatch("Mcp-Method does not match the method"));
            }
            Some(_) => {}
        }
        // A call without a name fails for that reason.
        if method == "tools/call"
            && let Some(name) = params.get("name").and_then(Value::as_str)
        {
            let Some(named) = request.headers.get("mcp-name") else {
                return Err(mismatch("Mcp-Name header missing"));
            };
            if named.to_str().ok().and_then(decode_header).as_deref() != Some(name) {
                return Err(mismatch("Mcp-Name does not match params.name"));
            }
        }
        Ok(())
    }

    /// A result that is complete, with what this version wants in each.
    fn complete(&self, id: &Value, result: Value, cacheable: bool) -> Answer {
        let mut members = Map::new();
        if !self.shows(GatewayDefect::ResultTypeMissing) {
            members.insert("resultType".to_owned(), json!("complete"));
        }
        if let Value::Object(result) = result {
            members.extend(result);
        }
        if cacheable && !self.shows(GatewayDefect::CacheHintsMissing) {
            members.insert("ttlMs".to_owned(), json!(TTL_MILLIS));
            // What is listed depends on who asks.
            members.insert("cacheScope".to_owned(), json!("private"));
        }
        members.insert("_meta".to_owned(), json!({ META_SERVER_INFO: super::server_info() }));
        self.result_answer(id, Value::Object(members))
    }
}

/// A header value as text: plain, or in the Base64 sentinel. None if the sentinel cannot be decoded.
fn decode_header(value: &str) -> Option<String> {
    let value = value.trim();
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Some(value.to_owned());
    };
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_are_decoded() {
        assert_eq!(decode_header(" plain ").as_deref(), Some("plain"));
        assert_eq!(decode_header("=?base64?TcO2bmtlYnVkZQ==?=").as_deref(), Some("Mönkebude"));
        assert_eq!(decode_header("=?base64?%%%?="), None);
    }
}
