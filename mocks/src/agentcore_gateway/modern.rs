//! 2026-07-28: no handshake, no session; every request says in headers and metadata what it is.

use serde_json::{Map, Value, json};
use wiremock::Request;

use super::auth::Identity;
use super::defects::GatewayDefect;
use super::state::State;
use crate::answer::Answer;
use crate::mcp::{
    INVALID_PARAMS, INVALID_REQUEST, META_SERVER_INFO, METHOD_NOT_FOUND, Message, Stateless, Unchecked, accepted,
    error_answer, put_cache_hints,
};

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
        let stateless = Stateless { headers: &request.headers, id: &id, method: &method, params: &params };
        if let Err(refusal) = stateless.check(&self.settled.config.supported_versions.all(), self.unchecked()) {
            return refusal;
        }
        match method.as_str() {
            "server/discover" if !self.shows(GatewayDefect::DiscoverMissing) => {
                let result = json!({
                    "supportedVersions": self.settled.config.supported_versions.all(),
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

    fn unchecked(&self) -> Unchecked {
        Unchecked {
            version: self.shows(GatewayDefect::UnsupportedVersionAccepted),
            meta: self.shows(GatewayDefect::MetaUnchecked),
            headers: self.shows(GatewayDefect::HeaderMismatchAccepted),
        }
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
            put_cache_hints(&mut members);
        }
        members.insert("_meta".to_owned(), json!({ META_SERVER_INFO: super::server_info() }));
        self.result_answer(id, Value::Object(members))
    }
}
