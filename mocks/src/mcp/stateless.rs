//! 2026-07-28: no handshake, no session; every request says in headers and metadata what it is.

use base64::Engine as _;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::{INVALID_PARAMS, META_VERSION, MODERN, VERSION_HEADER, error_answer, error_with_data};
use crate::answer::Answer;

const HEADER_MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;

const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// Where a result names the server.
pub(crate) const META_SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// How long a client may keep what it was told, in milliseconds.
const TTL_MILLIS: u64 = 60_000;

/// What a server with a defect lets pass.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unchecked {
    /// Versions that are not spoken.
    pub(crate) version: bool,
    /// Missing members of `_meta`.
    pub(crate) meta: bool,
    /// Headers that are missing or say something else than the body.
    pub(crate) headers: bool,
}

/// A request of this version, before anything is done.
pub(crate) struct Stateless<'r> {
    pub(crate) headers: &'r HeaderMap,
    pub(crate) id: &'r Value,
    pub(crate) method: &'r str,
    pub(crate) params: &'r Map<String, Value>,
}

impl Stateless<'_> {
    /// Holds headers and metadata against the body. `spoken` are the versions of the server, oldest first.
    pub(crate) fn check(&self, spoken: &[&str], unchecked: Unchecked) -> Result<(), Answer> {
        let mismatch = |why: &str| error_answer(400, Some(self.id), HEADER_MISMATCH, why);
        let Some(version) = self.header(VERSION_HEADER) else {
            let spoken = spoken.join(", ");
            return Err(mismatch(&format!("MCP-Protocol-Version header missing; this server speaks {spoken}")));
        };
        let meta = self.params.get("_meta").and_then(Value::as_object);
        let meta_version = meta.and_then(|meta| meta.get(META_VERSION)).and_then(Value::as_str);
        if meta_version.is_some_and(|named| named != version) {
            return Err(mismatch("MCP-Protocol-Version does not match the version in _meta"));
        }
        if version != MODERN && !unchecked.version {
            let data = json!({ "supported": spoken, "requested": version });
            let message = "Unsupported protocol version";
            return Err(error_with_data(400, Some(self.id), UNSUPPORTED_VERSION, message, Some(data)));
        }
        if !unchecked.meta {
            let has_capabilities = meta.is_some_and(|meta| meta.get(META_CAPABILITIES).is_some_and(Value::is_object));
            let missing = match (meta_version, has_capabilities) {
                (None, _) => Some(META_VERSION),
                (_, false) => Some(META_CAPABILITIES),
                _ => None,
            };
            if let Some(missing) = missing {
                return Err(error_answer(400, Some(self.id), INVALID_PARAMS, &format!("{missing} missing in _meta")));
            }
        }
        if unchecked.headers {
            return Ok(());
        }
        match self.header("mcp-method") {
            None => return Err(mismatch("Mcp-Method header missing")),
            Some(named) if named != self.method => {
                return Err(mismatch("Mcp-Method does not match the method"));
            }
            Some(_) => {}
        }
        // A call without a name fails for that reason.
        if self.method == "tools/call"
            && let Some(name) = self.params.get("name").and_then(Value::as_str)
        {
            let Some(named) = self.headers.get("mcp-name") else {
                return Err(mismatch("Mcp-Name header missing"));
            };
            if named.to_str().ok().and_then(decode_header).as_deref() != Some(name) {
                return Err(mismatch("Mcp-Name does not match params.name"));
            }
        }
        Ok(())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }
}

/// Says of a result that it may be kept for a while. What is listed depends on who asks.
pub(crate) fn put_cache_hints(members: &mut Map<String, Value>) {
    members.insert("ttlMs".to_owned(), json!(TTL_MILLIS));
    members.insert("cacheScope".to_owned(), json!("private"));
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
