//! Credentials in JSON, as processes and metadata services write them.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Credentials from a document with the names `AccessKeyId`, `SecretAccessKey`, `Expiration` and the token's name.
///
/// # Errors
/// A clause that says what is missing or wrong; no value is in it.
pub(super) fn credentials(document: &Value, token: &str, provider: &'static str) -> Result<Credentials, String> {
    let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
    let need = |name: &str| text(name).ok_or_else(|| format!("it has no `{name}`"));
    let expiry = match document.get("Expiration") {
        None | Some(Value::Null) => None,
        Some(value) => Some(value.as_str().and_then(instant).ok_or("its `Expiration` is not a time as in RFC 3339")?),
    };
    Ok(Credentials::new(
        need("AccessKeyId")?,
        need("SecretAccessKey")?,
        text(token).map(str::to_owned),
        expiry,
        provider,
    ))
}

/// A time as in RFC 3339; the older form with `UTC` for `Z` too.
pub(super) fn instant(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix("UTC").map_or_else(|| text.to_owned(), |rest| format!("{rest}Z"));
    OffsetDateTime::parse(&text, &Rfc3339).ok().map(SystemTime::from)
}

/// The time for a message.
pub(super) fn shown(instant: SystemTime) -> String {
    let whole = OffsetDateTime::from(instant).replace_nanosecond(0);
    whole.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}
