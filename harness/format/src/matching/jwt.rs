//! `$jwt`: decodes, never verifies.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::text::string_of;
use super::{At, Mismatch, go};

/// Header and claims of a JWT in compact form (RFC 7519 §3, RFC 7515 §3.1).
fn decode(token: &str) -> Result<Value, String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return Err(format!("it has {} parts between dots, a JWT has 3", parts.len()));
    };
    let part = |name: &str, text: &str| -> Result<Value, String> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|e| format!("its {name} is not base64url: {e}"))?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => Ok(Value::Object(members)),
            Ok(_) => Err(format!("its {name} is not a JSON object")),
            Err(e) => Err(format!("its {name} is not JSON: {e}")),
        }
    };
    let (header, claims) = (part("header", header)?, part("claims", claims)?);
    URL_SAFE_NO_PAD.decode(signature).map_err(|e| format!("its signature is not base64url: {e}"))?;
    Ok(json!({ "header": header, "claims": claims }))
}

pub(super) fn jwt(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let Some(text) = string_of(at, actual, out) else { return };
    match decode(text) {
        Ok(parts) => go(at.argument, Some(&parts), &at.path.member("$jwt"), out),
        Err(e) => at.fail(Some(actual), format!("is not a JWT: {e}"), out),
    }
}
