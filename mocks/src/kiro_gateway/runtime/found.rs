//! What a search found: the JSON inside the text inside the JSON-RPC answer.

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::super::context::Context;
use super::super::defects::GatewayDefect;
use super::super::failure::{Failure, FailureKind};
use super::connection::Incoming;

/// The error that is none.
const NO_RESULTS: &str = "Tool returned no results";
const INVALID_PARAMETERS: &str = "Invalid tool parameters provided";

/// The results of a search.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Found {
    pub(in super::super) hits: Vec<Hit>,
    /// In place of the results: the text as it came.
    pub(in super::super) raw_text: Option<String>,
    /// The gateway is to fall over.
    pub(in super::super) crash: bool,
}

/// One result.
#[derive(Debug, Clone)]
pub(in super::super) struct Hit {
    pub(in super::super) title: String,
    pub(in super::super) url: String,
    pub(in super::super) snippet: String,
    /// When it was published, in words; none if that is not known.
    pub(in super::super) date: Option<String>,
}

/// A result as the runtime writes it. Unknown members are its own affair.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawHit {
    #[serde(default)]
    title: Option<String>,
    url: String,
    #[serde(default)]
    snippet: Option<String>,
    #[serde(default)]
    published_date: Value,
}

/// Reads an answer with status 200 to the request with this id.
pub(super) fn read(context: &Context, answer: &Incoming, id: &str) -> Result<Found, Failure> {
    let Ok(document) = serde_json::from_slice::<Value>(&answer.body) else {
        return Err(malformed("the answer is not JSON"));
    };
    if let Some(error) = document.get("error").filter(|error| !error.is_null()) {
        return rpc_error(context, error);
    }
    let checked = context.settled.config.check_answer_id && !context.shows(GatewayDefect::WrongIdAccepted);
    if checked && document.get("id").and_then(Value::as_str) != Some(id) {
        return Err(Failure::new(FailureKind::ForeignAnswer, "the answer carries the id of another request"));
    }
    let result = document.get("result").ok_or_else(|| malformed("the answer has neither result nor error"))?;
    let text = result.pointer("/content/0/text").and_then(Value::as_str);
    if result.get("isError") == Some(&Value::Bool(true)) {
        return Err(Failure::new(FailureKind::Tool, text.unwrap_or("the tool failed")));
    }
    let text = text.ok_or_else(|| malformed("the result has no text"))?;
    if context.shows(GatewayDefect::TextNotDecoded) {
        return Ok(Found { raw_text: Some(text.to_owned()), ..Found::default() });
    }
    results(context, text)
}

fn rpc_error(context: &Context, error: &Value) -> Result<Found, Failure> {
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    match message {
        NO_RESULTS => nothing(context),
        INVALID_PARAMETERS => Err(Failure::new(FailureKind::InvalidQuery, message)),
        _ => Err(Failure::new(FailureKind::Rpc, format!("JSON-RPC error {error}"))),
    }
}

/// A search that found nothing, which is no failure.
fn nothing(context: &Context) -> Result<Found, Failure> {
    match context.shows(GatewayDefect::NoResultsAsFailure) {
        true => Err(Failure::new(FailureKind::Rpc, NO_RESULTS)),
        false => Ok(Found::default()),
    }
}

/// The results in the text of a tool result.
fn results(context: &Context, text: &str) -> Result<Found, Failure> {
    let mut document: Value = serde_json::from_str(text).map_err(|_| malformed("the result text is not JSON"))?;
    // Seen once in a while: the text holds a JSON string that holds the JSON.
    if let Value::String(inner) = &document {
        document = serde_json::from_str(inner).map_err(|_| malformed("the result text is not JSON"))?;
    }
    let error = document.get("error").filter(|error| !error.is_null());
    if let Some(error) = error.filter(|_| !context.shows(GatewayDefect::InnerErrorIgnored)) {
        return Err(Failure::new(FailureKind::Tool, error.to_string()));
    }
    let list = match document.get("results") {
        Some(Value::Array(list)) => list,
        Some(Value::Null) if context.shows(GatewayDefect::ResultsNullCrash) => {
            return Ok(Found { crash: true, ..Found::default() });
        }
        _ => return Err(malformed("the result text has no list of results")),
    };
    if list.is_empty() {
        return nothing(context);
    }
    let mut found = Found::default();
    for raw in list {
        let raw = RawHit::deserialize(raw).map_err(|error| malformed(&format!("a result is not readable: {error}")))?;
        if raw.published_date.is_string() && context.shows(GatewayDefect::IsoDatesCrash) {
            found.crash = true;
        }
        if raw.published_date.is_null() && context.shows(GatewayDefect::NullDatesDropped) {
            continue;
        }
        found.hits.push(Hit {
            title: raw.title.unwrap_or_default(),
            url: raw.url,
            snippet: raw.snippet.unwrap_or_default(),
            date: date(&raw.published_date),
        });
    }
    if context.shows(GatewayDefect::ResultsReordered) {
        found.hits.reverse();
    }
    if context.shows(GatewayDefect::ResultDropped) {
        found.hits.pop();
    }
    if context.shows(GatewayDefect::TitleEscaped) {
        for hit in &mut found.hits {
            hit.title = hit.title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        }
    }
    Ok(found)
}

/// A date in words: null, milliseconds since the epoch, and text are all in use.
fn date(value: &Value) -> Option<String> {
    let day = match value {
        Value::Number(number) => OffsetDateTime::from_unix_timestamp(number.as_i64()?.div_euclid(1000)).ok()?,
        Value::String(text) => match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(day) => day,
            // Text of any other form says something to the reader all the same.
            Err(_) => return (!text.is_empty()).then(|| text.clone()),
        },
        _ => return None,
    };
    day.format(format_description!("[month repr:long] [day padding:none], [year]")).ok()
}

fn malformed(told: &str) -> Failure {
    Failure::new(FailureKind::Malformed, told)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_in_all_forms() {
        assert_eq!(date(&json!(1_775_520_000_000_u64)).as_deref(), Some("April 7, 2026"));
        assert_eq!(date(&json!("2026-04-07T00:00:00Z")).as_deref(), Some("April 7, 2026"));
        assert_eq!(date(&json!("2026-04-07")).as_deref(), Some("2026-04-07"));
        for none in [json!(null), json!(""), json!(i64::MAX), json!([])] {
            assert_eq!(date(&none), None, "{none}");
        }
    }
}
