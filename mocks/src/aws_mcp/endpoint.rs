//! The MCP endpoint.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value, json};

use super::auth::Unsigned;
use super::defects::AwsMcpDefect;
use super::reply::Reply;
use super::state::{InFlight, Session, State};
use super::tools::{self, Call, Outcome};
use crate::answer::{Answer, header_in};
use crate::mcp::{
    self, ARGUMENT_ERRORS_AS_RESULTS, ASSUMED, AnswerForm, INVALID_PARAMS, INVALID_REQUEST, META_SERVER_INFO,
    METHOD_NOT_FOUND, Message, PARSE_ERROR, SESSION_HEADER, Stateless, Unchecked, VERSION_HEADER, accepted,
    error_answer, initialize_version, printable, put_cache_hints,
};
use crate::sigv4::Caller;

/// What a call over its share is told; assumed.
const THROTTLED: i64 = -32000;

/// A request, and who made it.
pub(super) struct Asked<'r> {
    pub(super) request: &'r Request<Bytes>,
    pub(super) judged: Result<Caller, Unsigned>,
    /// Since the Unix epoch.
    pub(super) now: Duration,
}

impl Asked<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        header_in(self.request.headers(), name).map(str::trim)
    }

    fn caller(&self) -> Option<&Caller> {
        self.judged.as_ref().ok()
    }
}

/// What a version does its own way.
#[derive(Debug, Clone, Copy)]
enum Style<'s> {
    /// With a handshake.
    Session { version: &'static str, id: Option<&'s str> },
    /// Without.
    Stateless,
}

impl State {
    /// Answers any request to the endpoint.
    pub(super) fn endpoint(&mut self, asked: &Asked<'_>) -> Reply {
        let mut reply = match asked.request.method().as_str() {
            "POST" => self.post(asked),
            "DELETE" => self.delete(asked).into(),
            "GET" if self.shows(AwsMcpDefect::GetServed) => {
                Answer::text(200, "text/event-stream", ": open\n\n".to_owned()).into()
            }
            _ => self.not_allowed().into(),
        };
        // Of a request that needed no signature, too: what a client signs badly is worth knowing.
        reply.note = asked.judged.as_ref().err().map(Unsigned::note);
        reply
    }

    /// The service answers so, with a result beside the error.
    fn not_allowed(&self) -> Answer {
        if self.shows(AwsMcpDefect::GetWithoutBody) {
            return Answer::text(405, "text/plain", String::new()).with_header("allow", "POST, DELETE");
        }
        let error = json!({ "code": INVALID_REQUEST, "message": "HTTP method not supported." });
        let body = json!({ "jsonrpc": "2.0", "id": "", "result": null, "error": error });
        Answer::json(405, &body).with_header("allow", "POST, DELETE")
    }

    fn delete(&mut self, asked: &Asked<'_>) -> Answer {
        if !self.settled.config.sessions {
            return self.not_allowed();
        }
        match self.session_of(asked, None) {
            Ok(_) => {
                if !self.shows(AwsMcpDefect::SessionDeleteIgnored)
                    && let Some(id) = asked.header(SESSION_HEADER)
                {
                    self.end_session(id);
                }
                Answer::text(204, "application/json", String::new())
            }
            Err(refusal) => refusal,
        }
    }

    fn post(&mut self, asked: &Asked<'_>) -> Reply {
        let Ok(body) = serde_json::from_slice::<Value>(asked.request.body()) else {
            return error_answer(400, None, PARSE_ERROR, "Parse error").into();
        };
        if body.is_array() {
            return error_answer(400, None, INVALID_REQUEST, "Batches are not supported").into();
        }
        let (id, method, params) = match Message::classify(&body) {
            Message::Call { id, method, params } => (id, method, params.unwrap_or_default()),
            Message::Notification | Message::Response => return self.notified(asked, &body).into(),
            Message::Invalid(id, why) => return error_answer(400, id.as_ref(), INVALID_REQUEST, why).into(),
        };
        // Credentials come first: who may not call learns nothing of sessions.
        let tool = params.get("name").and_then(Value::as_str).filter(|_| method == "tools/call").unwrap_or_default();
        let needs_signature = tools::needs_signature(tool) || self.shows(AwsMcpDefect::PublicToolsNeedSignature);
        if needs_signature && let Err(unsigned) = &asked.judged {
            return self.refuse(unsigned, &id).into();
        }
        let style = match self.style(asked, &body, &id, &method, &params) {
            Ok(style) => style,
            Err(refusal) => return refusal.into(),
        };
        self.call(asked, style, &id, &method, &params)
    }

    fn notified(&self, asked: &Asked<'_>, body: &Value) -> Answer {
        if !self.is_modern(asked, body)
            && let Err(refusal) = self.legacy_version(asked, None)
        {
            return refusal;
        }
        accepted()
    }

    fn is_modern(&self, asked: &Asked<'_>, body: &Value) -> bool {
        let (all, legacy) =
            (self.settled.config.supported_versions.all(), self.settled.config.supported_versions.with_handshake());
        if all.len() == legacy.len() || legacy.is_empty() {
            return legacy.is_empty();
        }
        mcp::is_modern(asked.header(VERSION_HEADER), body, &legacy)
    }

    /// Under which version a request is served, after its headers, its metadata and its session have been looked at.
    fn style<'a>(
        &self,
        asked: &'a Asked<'_>,
        body: &Value,
        id: &Value,
        method: &str,
        params: &Map<String, Value>,
    ) -> Result<Style<'a>, Answer> {
        if self.is_modern(asked, body) {
            let stateless = Stateless { headers: asked.request.headers(), id, method, params };
            stateless.check(&self.settled.config.supported_versions.all(), Unchecked::default())?;
            return Ok(Style::Stateless);
        }
        let version = match method {
            // The header means nothing before a version is agreed on.
            "initialize" => ASSUMED,
            _ => self.legacy_version(asked, Some(id))?,
        };
        Ok(Style::Session { version, id: asked.header(SESSION_HEADER) })
    }

    fn legacy_version(&self, asked: &Asked<'_>, id: Option<&Value>) -> Result<&'static str, Answer> {
        let spoken = self.settled.config.supported_versions.with_handshake();
        let mut version = spoken.first().copied().unwrap_or(ASSUMED);
        if self.settled.config.sessions && !self.shows(AwsMcpDefect::SessionUnchecked) {
            version = self.session_of(asked, id)?.version;
        }
        match asked.header(VERSION_HEADER) {
            None => Ok(version),
            Some(named) => spoken.into_iter().find(|spoken| *spoken == named).ok_or_else(|| {
                let message = format!("Unsupported MCP-Protocol-Version: {}", printable(named));
                error_answer(400, id, INVALID_REQUEST, &message)
            }),
        }
    }

    fn session_of(&self, asked: &Asked<'_>, id: Option<&Value>) -> Result<Session, Answer> {
        let Some(session_id) = asked.header(SESSION_HEADER) else {
            return Err(error_answer(400, id, INVALID_REQUEST, "Mcp-Session-Id header is missing"));
        };
        let caller = self.owner(asked.caller());
        // Whoever does not sign is nobody else, and may do what everybody may.
        let is_theirs = |session: &&Session| match (&session.owner, &caller) {
            (Some(owner), Some(caller)) => owner == caller || self.shows(AwsMcpDefect::SessionNotBound),
            _ => true,
        };
        let status = if self.shows(AwsMcpDefect::LostSessionAs400) { 400 } else { 404 };
        let session = self.session(session_id).filter(is_theirs).cloned();
        session.ok_or_else(|| error_answer(status, id, INVALID_REQUEST, "Session not found"))
    }

    fn call(
        &mut self,
        asked: &Asked<'_>,
        style: Style<'_>,
        id: &Value,
        method: &str,
        params: &Map<String, Value>,
    ) -> Reply {
        match (method, style) {
            ("initialize", Style::Session { .. }) => self.initialize(asked, id, params).into(),
            ("server/discover", Style::Stateless) => {
                let result = json!({ "supportedVersions": self.settled.config.supported_versions.all(), "capabilities": capabilities() });
                self.answer(style, id, result, true).into()
            }
            ("ping", Style::Session { .. }) => self.answer(style, id, json!({}), false).into(),
            ("tools/list", _) => match params.get("cursor") {
                None => self.answer(style, id, json!({ "tools": self.definitions() }), true).into(),
                Some(_) => error_answer(200, Some(id), INVALID_PARAMS, "Invalid cursor").into(),
            },
            ("tools/call", _) => self.call_tool(asked, style, id, params),
            _ => {
                let status = if matches!(style, Style::Stateless) { 404 } else { 200 };
                error_answer(status, Some(id), METHOD_NOT_FOUND, "Method not found").into()
            }
        }
    }

    fn initialize(&mut self, asked: &Asked<'_>, id: &Value, params: &Map<String, Value>) -> Answer {
        let named = match initialize_version(params) {
            Ok(named) => named,
            Err(why) => return error_answer(200, Some(id), INVALID_PARAMS, why),
        };
        let spoken = self.settled.config.supported_versions.with_handshake();
        let newest = spoken.last().copied().unwrap_or(ASSUMED);
        let version = spoken.into_iter().find(|spoken| *spoken == named).unwrap_or(newest);
        let result = json!({ "protocolVersion": version, "capabilities": capabilities(), "serverInfo": server_info() });
        let answer = self.answer(Style::Session { version, id: None }, id, result, false);
        if !self.settled.config.sessions {
            return answer;
        }
        let session = Session { owner: self.owner(asked.caller()), version };
        answer.with_header(SESSION_HEADER, self.open_session(session))
    }

    /// An answer with a result.
    fn answer(&self, style: Style<'_>, id: &Value, result: Value, is_kept: bool) -> Answer {
        let mut members = Map::new();
        if let Style::Stateless = style {
            members.insert("resultType".to_owned(), json!("complete"));
        }
        if let Value::Object(result) = result {
            members.extend(result);
        }
        if let Style::Stateless = style {
            if is_kept {
                put_cache_hints(&mut members);
            }
            members.insert("_meta".to_owned(), json!({ META_SERVER_INFO: server_info() }));
        }
        let id = if self.shows(AwsMcpDefect::IdNotEchoed) { &json!("server-generated-id") } else { id };
        Answer::json(200, &json!({ "jsonrpc": "2.0", "id": id, "result": members }))
    }

    fn call_tool(&mut self, asked: &Asked<'_>, style: Style<'_>, id: &Value, params: &Map<String, Value>) -> Reply {
        let Some(name) = params.get("name").and_then(Value::as_str) else {
            return error_answer(200, Some(id), INVALID_PARAMS, "name is missing").into();
        };
        let none = Map::new();
        let arguments = match params.get("arguments") {
            None => &none,
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return error_answer(200, Some(id), INVALID_PARAMS, "arguments must be an object").into(),
        };
        if !tools::exists(name) {
            return error_answer(200, Some(id), INVALID_PARAMS, &format!("Unknown tool: {}", printable(name))).into();
        }
        let empty = |state: &Self| state.answer(style, id, json!({ "content": [], "isError": false }), false).into();
        if self.is_removed(name) {
            if self.shows(AwsMcpDefect::RemovedToolAsSuccess) {
                return empty(self);
            }
            let short = name.trim_start_matches("aws___");
            let message = format!("The {short} tool has been removed, use another one.");
            return error_answer(200, Some(id), INVALID_REQUEST, &message).into();
        }
        if let Some(retry_after) = self.throttled() {
            if self.shows(AwsMcpDefect::ThrottledAsSuccess) {
                return empty(self);
            }
            let answer = error_answer(429, Some(id), THROTTLED, "Rate exceeded");
            return match self.shows(AwsMcpDefect::RetryAfterMissing) {
                true => answer.into(),
                false => answer.with_header("retry-after", retry_after.to_string()).into(),
            };
        }
        let outcome = match asked.caller() {
            Some(caller) if tools::needs_signature(name) => {
                let session = match style {
                    Style::Session { id, .. } if self.settled.config.sessions => id,
                    _ => None,
                };
                let call = Call { caller: self.acting(caller), region: self.region(params), session, arguments };
                self.run_signed(name, &call, asked)
            }
            _ => self.run_public(name, arguments),
        };
        self.finished(asked, style, id, params, name, outcome)
    }

    /// The answer to a call, and how it comes.
    fn finished(
        &mut self,
        asked: &Asked<'_>,
        style: Style<'_>,
        id: &Value,
        params: &Map<String, Value>,
        name: &str,
        outcome: Outcome,
    ) -> Reply {
        let misfit_is_result = match style {
            Style::Session { version, .. } => version >= ARGUMENT_ERRORS_AS_RESULTS,
            Style::Stateless => true,
        };
        let (text, is_error) = match outcome {
            Outcome::Text(text) => (text, false),
            Outcome::Failed(text) => (text, true),
            Outcome::BadArguments(why) if misfit_is_result => (format!("Invalid arguments: {why}"), true),
            Outcome::BadArguments(why) => {
                return error_answer(200, Some(id), INVALID_PARAMS, &format!("Invalid arguments: {why}")).into();
            }
        };
        let (in_flight, others) = InFlight::enter(&self.in_flight);
        let last = self.last_text.replace(text.clone());
        let text = match last {
            Some(last) if others > 0 && self.shows(AwsMcpDefect::AnswersCrossed) => last,
            _ => text,
        };
        let result = json!({ "content": [{ "type": "text", "text": text }], "isError": is_error });
        Reply {
            delay: self.settled.delay(name),
            before: self.progress(asked, params),
            is_stream: self.settled.config.answers == AnswerForm::Sse,
            in_flight: Some(in_flight),
            ..Reply::from(self.answer(style, id, result, false))
        }
    }

    /// Progress notifications, if the caller wants them.
    fn progress(&self, asked: &Asked<'_>, params: &Map<String, Value>) -> Vec<Value> {
        let token = params.get("_meta").and_then(|meta| meta.get("progressToken"));
        let reads_streams = asked.header("accept").is_some_and(|accept| accept.contains("text/event-stream"));
        let total = self.settled.config.progress;
        let Some(token) = token.filter(|_| reads_streams && !self.shows(AwsMcpDefect::ProgressMissing)) else {
            return Vec::new();
        };
        let token = match self.shows(AwsMcpDefect::ProgressTokenLost) {
            true => json!("another-token"),
            false => token.clone(),
        };
        let told = |done: u32| json!({ "progressToken": token, "progress": done, "total": total });
        (1..=total)
            .map(|done| json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": told(done) }))
            .collect()
    }

    /// When to come back, for a call that is one too many.
    fn throttled(&mut self) -> Option<u32> {
        let throttle = self.settled.config.throttle?;
        let calls = self.calls;
        self.calls += 1;
        let last = throttle.after.saturating_add(throttle.times);
        (throttle.after..last).contains(&calls).then_some(throttle.retry_after)
    }

    /// Who acts for a caller.
    fn acting(&mut self, caller: &Caller) -> Caller {
        let last = self.last_caller.replace(caller.clone());
        match last {
            Some(last) if self.shows(AwsMcpDefect::SharedIdentity) => last,
            _ => caller.clone(),
        }
    }

    fn region(&self, params: &Map<String, Value>) -> String {
        let named = params.get("_meta").and_then(|meta| meta.get("AWS_REGION")).and_then(Value::as_str);
        match named {
            Some(named) if !self.shows(AwsMcpDefect::RegionMetaIgnored) => named.to_owned(),
            _ => self.settled.rules.region.clone(),
        }
    }
}

fn capabilities() -> Value {
    json!({ "tools": { "listChanged": false } })
}

fn server_info() -> Value {
    json!({ "name": "AWS MCP", "version": "1.0.0" })
}
