//! Versions with a handshake: 2025-03-26 to 2025-11-25.

use std::time::Duration;

use serde_json::{Map, Value, json};
use wiremock::Request;

use super::auth::Identity;
use super::defects::GatewayDefect;
use super::state::{Session, State};
use super::tools::Outcome;
use crate::answer::{Answer, header};
use crate::mcp::{
    ARGUMENT_ERRORS_AS_RESULTS, ASSUMED, BATCHES, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, Message,
    SESSION_HEADER, VERSION_HEADER, VERSIONS, accepted, error_answer, initialize_version, printable,
};

impl State {
    /// Answers one message under a version with a handshake.
    pub(super) fn legacy(&mut self, message: Message, request: &Request, caller: &Identity, now: Duration) -> Answer {
        let (id, is_initialize) = match &message {
            Message::Call { id, method, .. } => (Some(id), method == "initialize"),
            _ => (None, false),
        };
        // The header means nothing before a version is agreed on.
        let version = match is_initialize {
            true => Ok(ASSUMED),
            false => self.legacy_version(request, id, caller, now),
        };
        let version = match version {
            Ok(version) => version,
            Err(refusal) => return refusal,
        };
        match message {
            Message::Call { id, method, params } => {
                self.legacy_call(&id, &method, params.unwrap_or_default(), version, caller, now)
            }
            Message::Notification if self.shows(GatewayDefect::NotificationAnswered) => {
                self.result_answer(&Value::from(0), json!({}))
            }
            Message::Notification | Message::Response => accepted(),
            Message::Invalid(id, why) => error_answer(400, id.as_ref(), INVALID_REQUEST, why),
        }
    }

    /// The version in force, after the session and the header have been looked at.
    fn legacy_version(
        &self,
        request: &Request,
        id: Option<&Value>,
        caller: &Identity,
        now: Duration,
    ) -> Result<&'static str, Answer> {
        let spoken = self.settled.config.supported_versions.with_handshake();
        let fallback = *spoken.first().unwrap_or(&ASSUMED);
        let mut version = if spoken.contains(&ASSUMED) { ASSUMED } else { fallback };
        if self.settled.config.sessions.is_some() && !self.shows(GatewayDefect::SessionUnchecked) {
            version = self.session(request, id, caller, now)?.version;
        }
        match header(request, VERSION_HEADER).map(str::trim) {
            None => Ok(version),
            Some(named) => match spoken.into_iter().find(|spoken| *spoken == named) {
                Some(spoken) => Ok(spoken),
                None if self.shows(GatewayDefect::UnsupportedVersionAccepted) => Ok(version),
                None => {
                    let message = format!("Unsupported MCP-Protocol-Version: {}", printable(named));
                    Err(error_answer(400, id, INVALID_REQUEST, &message))
                }
            },
        }
    }

    /// The session of a request.
    fn session(
        &self,
        request: &Request,
        id: Option<&Value>,
        caller: &Identity,
        now: Duration,
    ) -> Result<Session, Answer> {
        let Some(session_id) = header(request, SESSION_HEADER) else {
            return Err(error_answer(400, id, INVALID_REQUEST, "Mcp-Session-Id header is missing"));
        };
        let shared = self.shows(GatewayDefect::SessionSharedBetweenIdentities);
        self.sessions
            .get(session_id)
            .filter(|session| {
                (session.expires_at > now || self.shows(GatewayDefect::SessionNeverEnds))
                    && (shared || session.owner.is_none() || session.owner == caller.owner())
            })
            .cloned()
            .ok_or_else(|| error_answer(404, id, INVALID_REQUEST, "Session not found"))
    }

    fn legacy_call(
        &mut self,
        id: &Value,
        method: &str,
        params: Map<String, Value>,
        version: &'static str,
        caller: &Identity,
        now: Duration,
    ) -> Answer {
        match method {
            "initialize" => self.initialize(id, &params, caller, now),
            "ping" => self.result_answer(id, json!({})),
            "tools/list" => match self.page_for(&params) {
                Ok((tools, next)) => {
                    let mut result = json!({ "tools": tools });
                    if let Some(next) = next {
                        result["nextCursor"] = Value::from(next);
                    }
                    self.result_answer(id, result)
                }
                Err(why) => error_answer(200, Some(id), INVALID_PARAMS, why),
            },
            "tools/call" => {
                let result = self.call_result(&params, caller, version >= ARGUMENT_ERRORS_AS_RESULTS);
                match result {
                    Ok(result) => self.result_answer(id, result),
                    Err(why) => error_answer(200, Some(id), INVALID_PARAMS, &why),
                }
            }
            _ if self.shows(GatewayDefect::UnknownMethodAsResult) => self.result_answer(id, json!({})),
            _ => error_answer(200, Some(id), METHOD_NOT_FOUND, "Method not found"),
        }
    }

    fn initialize(&mut self, id: &Value, params: &Map<String, Value>, caller: &Identity, now: Duration) -> Answer {
        let named = match initialize_version(params) {
            Ok(named) => named,
            Err(why) => return error_answer(200, Some(id), INVALID_PARAMS, why),
        };
        let spoken = match self.shows(GatewayDefect::LeftOutVersionAgreed) {
            true => VERSIONS.to_vec(),
            false => self.settled.config.supported_versions.with_handshake(),
        };
        let newest = *spoken.last().unwrap_or(&ASSUMED);
        let version = match self.shows(GatewayDefect::VersionNotEchoed) {
            true => *spoken.first().unwrap_or(&ASSUMED),
            false => spoken.iter().copied().find(|spoken| *spoken == named).unwrap_or(newest),
        };
        let answer = self.result_answer(
            id,
            json!({
                "protocolVersion": version,
                "capabilities": { "tools": { "listChanged": false } },
                "serverInfo": super::server_info(),
            }),
        );
        let Some(sessions) = self.settled.config.sessions else {
            return answer;
        };
        let session_id = uuid::Uuid::new_v4().to_string();
        let session = Session { owner: caller.owner(), version, expires_at: now + sessions.timeout };
        self.sessions.insert(session_id.clone(), session);
        answer.with_header(SESSION_HEADER, session_id)
    }

    /// DELETE on the endpoint: the end of a session.
    pub(super) fn delete(&mut self, request: &Request, caller: &Identity, now: Duration) -> Option<Answer> {
        self.settled.config.sessions?;
        Some(match self.session(request, None, caller, now) {
            Ok(_) => {
                if !self.shows(GatewayDefect::SessionDeleteIgnored) {
                    self.sessions.remove(header(request, SESSION_HEADER).unwrap_or_default());
                }
                Answer::text(204, "application/json", String::new())
            }
            Err(refusal) => refusal,
        })
    }

    /// Batches exist in one version only.
    pub(super) fn batch(&mut self, batch: &[Value], request: &Request, caller: &Identity, now: Duration) -> Answer {
        let refusal = || error_answer(400, None, INVALID_REQUEST, "Batches are not supported");
        let served = self.shows(GatewayDefect::BatchServed);
        match self.legacy_version(request, None, caller, now) {
            Ok(BATCHES) => {}
            Ok(_) if served => {}
            Err(_) if served => {}
            Ok(_) => return refusal(),
            Err(refusal) => return refusal,
        }
        let spoken = self.settled.config.supported_versions.with_handshake().contains(&BATCHES);
        if batch.is_empty() || !(spoken || served) {
            return refusal();
        }
        let mut answers = Vec::new();
        for value in batch {
            let answer = match Message::classify(value) {
                Message::Call { method, .. } if method == "initialize" => {
                    error_answer(200, value.get("id"), INVALID_REQUEST, "initialize cannot be part of a batch")
                }
                Message::Call { id, method, params } => {
                    self.legacy_call(&id, &method, params.unwrap_or_default(), ASSUMED, caller, now)
                }
                Message::Notification | Message::Response => continue,
                Message::Invalid(id, why) => error_answer(200, id.as_ref(), INVALID_REQUEST, why),
            };
            answers.push(serde_json::from_slice::<Value>(&answer.body).unwrap_or_default());
        }
        if answers.is_empty() { accepted() } else { Answer::json(200, &Value::Array(answers)) }
    }

    /// The page that params ask for.
    pub(super) fn page_for(&self, params: &Map<String, Value>) -> Result<(Vec<Value>, Option<String>), &'static str> {
        let cursor = match params.get("cursor") {
            None => None,
            Some(Value::String(cursor)) => Some(cursor.as_str()),
            Some(_) => return Err("cursor must be a string"),
        };
        self.tool_page(cursor).ok_or("Invalid cursor")
    }

    /// The result of tools/call, or why it is a protocol error.
    pub(super) fn call_result(
        &mut self,
        params: &Map<String, Value>,
        caller: &Identity,
        misfit_is_result: bool,
    ) -> Result<Value, String> {
        let Some(name) = params.get("name").and_then(Value::as_str) else {
            return Err("name is missing".to_owned());
        };
        let none = Map::new();
        let arguments = match params.get("arguments") {
            None => &none,
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return Err("arguments must be an object".to_owned()),
        };
        let (text, is_error) = match self.run_tool(name, arguments, caller) {
            Outcome::Text(text) => (text, false),
            Outcome::Failed(text) => (text, !self.shows(GatewayDefect::ToolErrorAsSuccess)),
            Outcome::BadArguments(why) if misfit_is_result => (format!("Invalid arguments: {why}"), true),
            Outcome::BadArguments(why) => return Err(format!("Invalid arguments: {why}")),
            Outcome::NoSuchTool => return Err(format!("Unknown tool: {name}")),
        };
        Ok(json!({ "content": [{ "type": "text", "text": text }], "isError": is_error }))
    }
}
