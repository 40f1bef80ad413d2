//! Who may use the gateway.

use http::HeaderMap;

use super::super::config::{LoginErrors, Settled};
use super::super::defects::GatewayDefect;
use super::error::ApiError;
use crate::defect::DefectSet;

/// The key of a client, in `x-api-key` or as a bearer token; or the refusal.
pub(in super::super) fn log_in(
    headers: &HeaderMap,
    settled: &Settled,
    defects: &DefectSet<GatewayDefect>,
) -> Result<String, ApiError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let bearer = bearer.filter(|_| !defects.has(GatewayDefect::BearerNotAccepted));
    let mut given = [text("x-api-key"), bearer].into_iter().flatten();
    let known = given.clone().find(|key| settled.config.api_keys.iter().any(|known| !known.is_empty() && known == key));
    if let Some(key) = known {
        return Ok(key.to_owned());
    }
    if defects.has(GatewayDefect::LoginNotChecked) {
        return Ok(given.next().unwrap_or_default().to_owned());
    }
    let error = ApiError::new(401, "authentication_error", "Invalid or missing API key").with_note("wrong client key");
    Err(match settled.config.login_errors {
        LoginErrors::Plain => error,
        LoginErrors::Detail => error.wrapped(),
    })
}
