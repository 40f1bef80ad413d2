//! What is found, and how it is told: step 7 of `/mcp`.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::accounts::Account;
use super::config::{Dates, ErrorMember, ResultShape, ToolFailure};
use super::defects::KiroDefect;
use super::state::State;
use super::wire::{Answer, object};

/// The only tool.
pub(super) const TOOL: &str = "web_search";

/// Most results in one answer.
const MOST_RESULTS: usize = 10;

/// Stands in for a date that the configuration does not give.
const SOME_DAY_MILLIS: i64 = 1_775_520_000_000;

const INVALID_PARAMS: i64 = -32602;

impl State {
    /// Handles the message of a caller who was let in.
    pub(super) fn json_rpc(&mut self, account: &Account, message: &Map<String, Value>) -> Answer {
        match message.get("method").and_then(Value::as_str) {
            Some("tools/list") => self.tools_list(message),
            Some("tools/call") => self.tools_call(account, message),
            Some(_) if !message.contains_key("id") => Answer::text(202, "application/json", String::new()),
            Some(_) if self.shows(KiroDefect::UnknownMethodAccepted) => self.rpc_result(message, json!({})),
            Some(_) => self.rpc_error(message, -32601, "Method not found"),
            None => self.rpc_error(message, -32600, "Invalid Request"),
        }
    }

    fn tools_list(&self, message: &Map<String, Value>) -> Answer {
        let limit = self.settled.config.max_query_length;
        let mut query = json!({ "type": "string" });
        if let Some(limit) = limit {
            query["maxLength"] = Value::from(limit);
        }
        let tool = json!({
            "name": TOOL,
            "description": "Searches the web and returns up to 10 results with title, address, snippet and date.",
            "inputSchema": { "type": "object", "properties": { "query": query }, "required": ["query"] },
        });
        let tools = if self.shows(KiroDefect::ToolListEmpty) { json!([]) } else { json!([tool]) };
        self.rpc_result(message, json!({ "tools": tools }))
    }

    fn tools_call(&mut self, account: &Account, message: &Map<String, Value>) -> Answer {
        let params = message.get("params");
        let name = params.and_then(|params| params.get("name")).and_then(Value::as_str);
        if name != Some(TOOL) {
            return self.rpc_error(message, INVALID_PARAMS, &format!("Unknown tool: {}", name.unwrap_or_default()));
        }
        let query = params.and_then(|params| params.pointer("/arguments/query")).and_then(Value::as_str);
        let Some(query) = query.filter(|query| self.is_valid_query(query)) else {
            return self.rpc_error(message, INVALID_PARAMS, "Invalid tool parameters provided");
        };
        if let Some(refusal) = self.limits(account) {
            return refusal;
        }
        self.searches += 1;
        self.found(message, query)
    }

    fn is_valid_query(&self, query: &str) -> bool {
        let fits = self.settled.config.max_query_length.is_none_or(|limit| query.chars().count() <= limit);
        (!query.is_empty() || self.shows(KiroDefect::EmptyQueryAccepted))
            && (fits || self.shows(KiroDefect::QueryLengthUnchecked))
    }

    /// Quota and rate.
    fn limits(&mut self, account: &Account) -> Option<Answer> {
        if let Some(reason) = self.settled.config.quota {
            return Some(self.refuse_quota(reason));
        }
        let rate = self.settled.config.rate.clone()?;
        let due = self.searches >= rate.after && rate.times.is_none_or(|times| self.rate_refusals < times);
        if !due {
            return None;
        }
        self.rate_refusals += 1;
        Some(self.refuse_rate(rate.reason, &account.user_id, rate.retry_after))
    }

    fn found(&self, message: &Map<String, Value>, query: &str) -> Answer {
        let config = &self.settled.config;
        match config.tool_failure {
            ToolFailure::Backend if self.shows(KiroDefect::BackendErrorAsNoResults) => {
                return self.rpc_error(message, INVALID_PARAMS, "Tool returned no results");
            }
            ToolFailure::Backend => return self.rpc_error(message, -32603, "Internal error"),
            ToolFailure::IsErrorText => {
                return self.tool_error(message, "Search failed: the index is unavailable.");
            }
            ToolFailure::IsErrorJson => {
                return self.tool_error(message, r#"{"error":"the index is unavailable"}"#);
            }
            ToolFailure::None | ToolFailure::InnerError => {}
        }
        let nothing = config.no_results_for.iter().any(|part| query.contains(part.as_str()));
        let results = if nothing { Vec::new() } else { self.results() };
        let failed = config.tool_failure == ToolFailure::InnerError;
        if results.is_empty() && !failed && !self.shows(KiroDefect::NoResultsAsEmptySuccess) {
            return self.rpc_error(message, INVALID_PARAMS, "Tool returned no results");
        }
        let error = if failed { Value::from("the index is unavailable") } else { Value::Null };
        self.wrapped(message, self.document(results, query, error))
    }

    /// A success without results, which hides that something failed.
    pub(super) fn empty_success(&self, message: &Map<String, Value>) -> Answer {
        self.wrapped(message, self.document(Vec::new(), "", Value::Null))
    }

    /// The document inside the text.
    fn document(&self, mut results: Vec<Value>, query: &str, error: Value) -> Value {
        let total = results.len();
        if self.shows(KiroDefect::ResultsTruncated) {
            results.pop();
        }
        let query = if self.shows(KiroDefect::QueryChanged) { query.to_uppercase() + " *" } else { query.to_owned() };
        let results = match self.settled.config.result_shape {
            ResultShape::ResultsNull => Value::Null,
            _ => Value::Array(results),
        };
        object([
            ("results", results),
            ("totalResults", Value::from(total)),
            ("query", Value::from(query)),
            ("error", error),
        ])
    }

    fn wrapped(&self, message: &Map<String, Value>, document: Value) -> Answer {
        let shape = match self.settled.config.result_shape {
            ResultShape::Normal if self.shows(KiroDefect::ResultTextNotJson) => ResultShape::NotJson,
            ResultShape::Normal if self.shows(KiroDefect::ResultTextDoubleEncoded) => ResultShape::DoubleEncoded,
            shape => shape,
        };
        let text = match shape {
            ResultShape::NotJson => "Here is what was found: two pages about the subject.".to_owned(),
            ResultShape::DoubleEncoded => Value::from(document.to_string()).to_string(),
            _ => document.to_string(),
        };
        let content = match shape {
            ResultShape::ContentEmpty => json!([]),
            _ => json!([{ "type": "text", "text": text }]),
        };
        let answer = self.tool_result(message, json!({ "content": content, "isError": false }));
        match shape {
            ResultShape::Html => {
                let page = "<!DOCTYPE html><html><head><title>Service</title></head><body>OK</body></html>";
                Answer::text(200, "text/html; charset=utf-8", page.to_owned())
            }
            ResultShape::EventStream => {
                let event = format!("event: message\ndata: {}\n\n", String::from_utf8_lossy(&answer.body));
                Answer::text(200, "text/event-stream", event)
            }
            _ if self.shows(KiroDefect::NdjsonAnswer) => {
                let lines = format!("{}\n{{}}\n", String::from_utf8_lossy(&answer.body));
                Answer::text(200, "application/x-ndjson", lines)
            }
            _ => answer,
        }
    }

    fn tool_error(&self, message: &Map<String, Value>, text: &str) -> Answer {
        let is_error = !self.shows(KiroDefect::ToolErrorAsSuccess);
        let result = json!({ "content": [{ "type": "text", "text": text }], "isError": is_error });
        self.tool_result(message, result)
    }

    /// The results, completed and in the form that the service has.
    fn results(&self) -> Vec<Value> {
        let dates = match self.shows(KiroDefect::DatesAsIso) {
            true => Dates::Iso,
            false => self.settled.config.dates,
        };
        let given = self.settled.config.search_results.iter().take(MOST_RESULTS);
        given.enumerate().map(|(index, given)| complete(given, index, dates)).collect()
    }

    fn tool_result(&self, message: &Map<String, Value>, result: Value) -> Answer {
        let mut answer = self.envelope(message);
        if self.settled.config.error_member == ErrorMember::Null {
            answer.insert("error".to_owned(), Value::Null);
        }
        answer.insert("result".to_owned(), result);
        let answer = Answer::json(200, &Value::Object(answer));
        match self.shows(KiroDefect::SessionIdMinted) {
            true => answer.with_header("mcp-session-id", "session-that-nobody-asked-for"),
            false => answer,
        }
    }

    fn rpc_result(&self, message: &Map<String, Value>, result: Value) -> Answer {
        let mut answer = self.envelope(message);
        answer.insert("result".to_owned(), result);
        Answer::json(200, &Value::Object(answer))
    }

    pub(super) fn rpc_error(&self, message: &Map<String, Value>, code: i64, text: &str) -> Answer {
        let mut answer = self.envelope(message);
        let text = if self.shows(KiroDefect::MessageTextChanged) { "Request failed." } else { text };
        answer.insert("error".to_owned(), object([("code", Value::from(code)), ("message", Value::from(text))]));
        Answer::json(200, &Value::Object(answer))
    }

    /// `id` and `jsonrpc`, in this order.
    fn envelope(&self, message: &Map<String, Value>) -> Map<String, Value> {
        let mut envelope = Map::new();
        let id = match self.shows(KiroDefect::IdNotEchoed) {
            true => Value::from("server-generated-id"),
            false => message.get("id").cloned().unwrap_or_default(),
        };
        envelope.insert("id".to_owned(), id);
        if !self.shows(KiroDefect::JsonrpcMemberMissing) {
            envelope.insert("jsonrpc".to_owned(), Value::from("2.0"));
        }
        envelope
    }
}

/// A result with every member that the service sends, in its order; members of one's own follow.
fn complete(given: &Map<String, Value>, index: usize, dates: Dates) -> Value {
    let url = given.get("url").and_then(Value::as_str).unwrap_or("https://example.org/");
    let domain = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let mut result = Map::new();
    for (name, default) in [
        ("title", Value::from(format!("Result {}", index + 1))),
        ("url", Value::from(url)),
        ("snippet", Value::from("")),
        ("publishedDate", Value::Null),
        ("id", Value::from((index + 1).to_string())),
        ("domain", Value::from(domain)),
        ("maxVerbatimWordLimit", Value::from(30)),
        ("publicDomain", Value::from(true)),
    ] {
        let value = given.get(name).cloned().unwrap_or(default);
        result.insert(name.to_owned(), if name == "publishedDate" { date(&value, dates) } else { value });
    }
    for (name, value) in given {
        result.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Value::Object(result)
}

fn date(given: &Value, dates: Dates) -> Value {
    let millis = || match given {
        Value::Number(number) => number.as_i64().unwrap_or(SOME_DAY_MILLIS),
        Value::String(text) => OffsetDateTime::parse(text, &Rfc3339)
            .map_or(SOME_DAY_MILLIS, |day| day.unix_timestamp().saturating_mul(1000)),
        _ => SOME_DAY_MILLIS,
    };
    match dates {
        Dates::AsGiven => given.clone(),
        Dates::Null => Value::Null,
        Dates::Milliseconds => Value::from(millis()),
        Dates::Iso => {
            let day = OffsetDateTime::from_unix_timestamp(millis() / 1000).ok();
            Value::from(day.and_then(|day| day.format(&Rfc3339).ok()).unwrap_or_default())
        }
    }
}
