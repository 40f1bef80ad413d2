//! A conversation that shows what a server offers, the same one on every side: the first visit plans it by what is listed.

use std::sync::Arc;

use gauntlet_format::Version;
use gauntlet_format::scenario::Lifecycle;
use gauntlet_reports::{Body, Exchange};
use serde_json::{Map, Value, json};

use crate::lifecycle::{Call, DEFAULT_CLIENT, HeaderChanges, Session, SessionSpec, name_header_value};
use crate::runner::{RunOptions, walk};
use crate::target::Target;
use crate::target::instance::{Given, Instance};
use crate::target::probe::example;
use crate::transcript::Recorder;
use crate::transcript::learn::learn;

/// Tools that are called, and resources and prompts that are fetched, at most; of each kind.
const MOST: usize = 24;

/// What no server has.
const UNKNOWN: &str = "gauntlet-no-such-thing";

/// Leads through one version.
pub(super) struct Guide<'a> {
    pub(super) version: Option<Version>,
    pub(super) options: &'a RunOptions,
}

/// One request of the tour.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    method: &'static str,
    params: Option<Value>,
    /// Follows the pages to the end.
    walk: bool,
    /// Headers that repeat arguments.
    headers: Vec<(String, String)>,
}

impl Ask {
    fn new(method: &'static str, params: Value) -> Self {
        Self { method, params: Some(params), walk: false, headers: Vec::new() }
    }

    fn plain(method: &'static str) -> Self {
        Self { method, params: None, walk: false, headers: Vec::new() }
    }

    fn list(method: &'static str) -> Self {
        Self { method, params: None, walk: true, headers: Vec::new() }
    }
}

/// What came of a visit.
#[derive(Debug, Default)]
pub(super) struct Visit {
    /// What was asked, in order.
    pub(super) plan: Vec<Ask>,
    pub(super) transcript: Vec<Exchange>,
    /// URL or command.
    pub(super) endpoint: String,
    /// Why it ended at the door.
    pub(super) not_opened: Option<String>,
}

impl Guide<'_> {
    /// Visits the target: as planned, or making a plan on the way.
    ///
    /// # Errors
    /// A sentence when the target does not start or answers nothing at all.
    pub(super) async fn lead(&self, target: &Target, plan: Option<&[Ask]>) -> Result<Visit, String> {
        target.bound_questions(self.options.step_timeout);
        let secrets = &self.options.secrets;
        let instance = Instance::start(target, &Given::default(), secrets).await.map_err(|f| f.message)?;
        let recorder = Arc::new(Recorder::new());
        let mut visit = Visit { endpoint: instance.endpoint(), ..Visit::default() };
        let session = self.session(&instance, Arc::clone(&recorder)).map_err(|f| f.message)?;
        match session.open(self.options.step_timeout).await {
            Err(error) => visit.not_opened = Some(error.message),
            Ok(()) => {
                visit.plan = match plan {
                    Some(plan) => plan.to_vec(),
                    None => self.explore(&session, &instance).await,
                };
                let known = if plan.is_some() { 0 } else { self.openers(&session).len() };
                for (step, ask) in visit.plan.iter().enumerate().skip(known) {
                    self.ask(&session, step, ask).await;
                }
            }
        }
        session.close(None, instance.patience).await;
        instance.learn_secrets(secrets);
        secrets.absorb(&target.secrets);
        learn(secrets, &[], &recorder, &[]);
        let answered = recorder.since(0).iter().any(crate::transcript::Recorded::is_answered);
        let (transcript, _) = recorder.transcript(&target.spec.name, &[]);
        visit.transcript = super::conversation(&transcript, &target.spec.name);
        let signs_in = target.spec.auth.as_ref().is_some_and(|auth| auth.get("oauth").is_some());
        visit.transcript.retain(|exchange| is_of_the_tour(exchange, signs_in));
        if !answered {
            let failed = visit.transcript.iter().find_map(|exchange| exchange.failure.clone());
            let reason = visit.not_opened.or(failed);
            return Err(secrets.redactor().redact(&reason.unwrap_or_else(|| "it answered nothing".to_owned())));
        }
        visit.not_opened = visit.not_opened.map(|reason| secrets.redactor().redact(&reason));
        Ok(visit)
    }

    fn session(&self, instance: &Instance, recorder: Arc<Recorder>) -> Result<Session, crate::transport::Failure> {
        let lifecycle = if self.version.is_some() { Lifecycle::Auto } else { Lifecycle::Bare };
        let spec = SessionSpec {
            // Signs in before the first request, so that both sides begin with the same one.
            persevere: false,
            ..instance.session_spec(DEFAULT_CLIENT, self.version, lifecycle)
        };
        Ok(Session::new(spec, instance.link()?, recorder))
    }

    /// What is asked before anything is known.
    fn openers(&self, session: &Session) -> Vec<Ask> {
        let Some(version) = self.version else { return vec![Ask::list("tools/list")] };
        if !version.is_stateful() {
            // Whether there is what is listed is part of what is compared.
            return vec![
                Ask::plain("server/discover"),
                Ask::list("tools/list"),
                Ask::list("resources/list"),
                Ask::list("resources/templates/list"),
                Ask::list("prompts/list"),
            ];
        }
        let declares = |name: &str| session.opened().is_some_and(|o| o.capabilities.get(name).is_some());
        let mut asks = vec![Ask::plain("ping")];
        if declares("logging") {
            asks.push(Ask::new("logging/setLevel", json!({ "level": "debug" })));
        }
        if declares("tools") {
            asks.push(Ask::list("tools/list"));
        }
        if declares("resources") {
            asks.extend([Ask::list("resources/list"), Ask::list("resources/templates/list")]);
        }
        if declares("prompts") {
            asks.push(Ask::list("prompts/list"));
        }
        asks
    }

    /// Asks what there is, and plans what to ask further.
    async fn explore(&self, session: &Session, instance: &Instance) -> Vec<Ask> {
        let mut plan = self.openers(session);
        let mut listed = Map::new();
        for (step, ask) in plan.iter().enumerate() {
            for page in self.ask(session, step, ask).await {
                for (name, value) in page.as_object().into_iter().flatten() {
                    if let (Value::Array(items), Value::Array(all)) =
                        (value, listed.entry(name.clone()).or_insert_with(|| json!([])))
                    {
                        all.extend(items.iter().cloned());
                    }
                }
            }
        }
        let items = |name: &str| listed.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        plan.extend(tool_calls(items("tools"), &instance.fixtures));
        let uris = items("resources").iter().filter_map(|resource| resource.get("uri")?.as_str());
        plan.extend(uris.take(MOST).map(|uri| Ask::new("resources/read", json!({ "uri": uri }))));
        if listed.contains_key("resources") {
            plan.push(Ask::new("resources/read", json!({ "uri": format!("gauntlet://{UNKNOWN}") })));
        }
        plan.extend(items("prompts").iter().take(MOST).filter_map(prompt));
        if listed.contains_key("prompts") {
            plan.push(Ask::new("prompts/get", json!({ "name": UNKNOWN })));
        }
        if listed.contains_key("tools") {
            plan.push(Ask::new("tools/list", json!({ "cursor": UNKNOWN })));
        }
        plan.push(Ask::plain("gauntlet/no-such-method"));
        plan
    }

    /// Arguments that a tool wants to see in headers, too (2026-07-28, headers.param.client-mirrors).
    fn parameter_headers(&self, ask: &Ask) -> HeaderChanges {
        let mut headers = HeaderChanges::default();
        if self.version.is_some_and(|version| !version.is_stateful()) {
            for (name, value) in &ask.headers {
                headers.set(name, name_header_value(value));
            }
        }
        headers
    }

    /// Asks, and gives back the results, page by page.
    async fn ask(&self, session: &Session, step: usize, ask: &Ask) -> Vec<Value> {
        let call = Call {
            step: Some(step),
            method: ask.method,
            params: ask.params.clone(),
            headers: self.parameter_headers(ask),
            deadline: self.options.step_timeout,
            ..Call::default()
        };
        if ask.walk {
            return walk(session, call).await.1;
        }
        session.call(call).await;
        Vec::new()
    }
}

/// Whether it is a message of the session itself. What a sign-in takes is none, nor is the request without a token by which
/// it finds out where to sign in.
fn is_of_the_tour(exchange: &Exchange, signs_in: bool) -> bool {
    let is_message = matches!(&exchange.request.body, Body::Json(message) if message.get("jsonrpc").is_some());
    let has_token = || exchange.request.headers.iter().any(|(name, _)| name == "authorization");
    is_message && (!signs_in || has_token())
}

/// Calls of tools that do no harm: those that declare themselves read-only, and those that the fixtures name; one with
/// arguments that do not fit, and one of a tool that does not exist.
fn tool_calls(tools: &[Value], fixtures: &Map<String, Value>) -> Vec<Ask> {
    let name = |tool: &Value| tool.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_listed = |wanted: &Value| tools.iter().any(|tool| tool.get("name") == Some(wanted));
    let mut calls: Vec<Value> = Vec::new();
    let mut add = |call: Value| {
        if !calls.contains(&call) && calls.len() < MOST {
            calls.push(call);
        }
    };
    for fixture in fixtures.values() {
        if let (Some(tool), Some(arguments)) = (fixture.get("name"), fixture.get("arguments"))
            && is_listed(tool)
        {
            add(json!({ "name": tool, "arguments": arguments }));
        }
    }
    let named: Vec<Value> = fixtures.values().filter_map(|fixture| fixture.get("name").cloned()).collect();
    let read_only = |tool: &&Value| tool.pointer("/annotations/readOnlyHint") == Some(&Value::Bool(true));
    for tool in tools.iter().filter(read_only).filter(|tool| !named.contains(&name(tool).into())) {
        if let Some(arguments) = example(tool.get("inputSchema").unwrap_or(&Value::Null), 0) {
            add(json!({ "name": name(tool), "arguments": arguments }));
        }
    }
    // Nothing but an object is ever meant to be the arguments, and a harmless tool that takes it does no harm.
    let demanding = tools.iter().filter(read_only).find(|tool| {
        tool.pointer("/inputSchema/required").and_then(Value::as_array).is_some_and(|required| !required.is_empty())
    });
    let mut asks: Vec<Ask> = calls
        .into_iter()
        .map(|call| {
            let headers = tools.iter().find(|tool| tool.get("name") == call.get("name"));
            let headers = headers.map(|tool| repeated(tool, &call)).unwrap_or_default();
            Ask { headers, ..with_progress(call) }
        })
        .collect();
    if let Some(tool) = demanding {
        asks.push(Ask::new("tools/call", json!({ "name": name(tool), "arguments": {} })));
    }
    if !tools.is_empty() {
        asks.push(Ask::new("tools/call", json!({ "name": UNKNOWN, "arguments": {} })));
    }
    asks
}

/// Every call asks for progress, which a tool reports or not.
fn with_progress(mut params: Value) -> Ask {
    let token = format!("gauntlet-{}", params.get("name").and_then(Value::as_str).unwrap_or_default());
    params["_meta"] = json!({ "progressToken": token });
    Ask::new("tools/call", params)
}

/// The arguments that the tool's schema wants to see in headers.
fn repeated(tool: &Value, call: &Value) -> Vec<(String, String)> {
    let properties = tool.pointer("/inputSchema/properties").and_then(Value::as_object);
    let wanted = properties.into_iter().flatten().filter_map(|(name, property)| {
        let header = property.get("x-mcp-header")?.as_str()?;
        let value = match call.get("arguments")?.get(name)? {
            Value::String(text) => text.clone(),
            scalar @ (Value::Number(_) | Value::Bool(_)) => scalar.to_string(),
            _ => return None,
        };
        Some((format!("mcp-param-{header}"), value))
    });
    wanted.collect()
}

/// A prompt with a word for each argument that it demands.
fn prompt(prompt: &Value) -> Option<Ask> {
    let demanded = prompt.get("arguments").and_then(Value::as_array).into_iter().flatten();
    let arguments: Map<String, Value> = demanded
        .filter(|argument| argument.get("required") == Some(&Value::Bool(true)))
        .filter_map(|argument| Some((argument.get("name")?.as_str()?.to_owned(), "gauntlet".into())))
        .collect();
    Some(Ask::new("prompts/get", json!({ "name": prompt.get("name")?.as_str()?, "arguments": arguments })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_tools_are_called() {
        let read_only = json!({ "readOnlyHint": true });
        let tools = [
            json!({ "name": "rm", "inputSchema": { "type": "object" } }),
            json!({ "name": "look", "inputSchema": { "type": "object" }, "annotations": read_only }),
            json!({ "name": "find", "inputSchema": { "type": "object", "required": ["q"], "properties": { "q": { "type": "string" } } }, "annotations": read_only }),
            json!({ "name": "named", "inputSchema": { "type": "object" } }),
        ];
        let fixtures = json!({ "tool": { "name": "named", "arguments": { "a": 1 } }, "gone": { "name": "gone", "arguments": {} } });
        let asks = tool_calls(&tools, fixtures.as_object().unwrap_or(&Map::new()));
        let called: Vec<String> = asks
            .iter()
            .map(|ask| {
                let params = ask.params.clone().unwrap_or_default();
                format!("{} {}", params["name"].as_str().unwrap_or_default(), params["arguments"])
            })
            .collect();
        let no_such = format!("{UNKNOWN} {{}}");
        assert_eq!(called, ["named {\"a\":1}", "look {}", "find {\"q\":\"gauntlet\"}", "find {}", no_such.as_str()]);
    }
}
