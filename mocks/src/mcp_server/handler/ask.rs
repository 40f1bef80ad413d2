//! The tool `ask`: what the server wants from the client.
//!
//! Up to 2025-11-25 it is a request of the server on the call's own stream; from 2026-07-28 an `input_required` result,
//! whose state is sealed, bound to the call, and carried back by the client.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rmcp::ErrorData;
use rmcp::model::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::tools::{Outcome, text};
use super::{Context, Defect, Server, at_least, is_modern, version};

/// What may be asked for.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Wanted {
    Sampling,
    Roots,
    Elicitation,
}

impl Wanted {
    fn capability(self) -> &'static str {
        match self {
            Self::Sampling => "sampling",
            Self::Roots => "roots",
            Self::Elicitation => "elicitation",
        }
    }

    fn declared(self, capabilities: &ClientCapabilities) -> bool {
        match self {
            Self::Sampling => capabilities.sampling.is_some(),
            Self::Roots => capabilities.roots.is_some(),
            Self::Elicitation => capabilities.elicitation.is_some(),
        }
    }

    fn request(self) -> Value {
        match self {
            Self::Sampling => json!({ "method": "sampling/createMessage", "params": {
                "messages": [{ "role": "user", "content": { "type": "text", "text": "Say hello" } }],
                "maxTokens": 16,
            }}),
            Self::Roots => json!({ "method": "roots/list" }),
            Self::Elicitation => json!({ "method": "elicitation/create", "params": {
                "message": "What is your name?",
                "requestedSchema": {
                    "type": "object",
                    "properties": { "name": { "type": "string" } },
                    "required": ["name"],
                },
            }}),
        }
    }

    /// What the client's answer says, as text; none if it does not fit.
    fn read(self, answer: &Value) -> Option<String> {
        match self {
            Self::Sampling => {
                let content = answer.get("content")?;
                let block = content.as_array().map_or(Some(content), |blocks| blocks.first())?;
                Some(format!("sampled: {}", block.get("text")?.as_str()?))
            }
            Self::Roots => {
                let roots: Option<Vec<&str>> =
                    answer.get("roots")?.as_array()?.iter().map(|r| r.get("uri")?.as_str()).collect();
                Some(format!("roots: {}", roots?.join(" ")))
            }
            Self::Elicitation => match answer.get("action")?.as_str()? {
                "accept" => Some(format!("name: {}", answer.get("content")?.get("name")?.as_str()?)),
                action @ ("decline" | "cancel") => Some(format!("no name: {action}")),
                _ => None,
            },
        }
    }
}

impl Server {
    pub(super) async fn ask(&self, wanted: Wanted, request: &CallToolRequestParams, context: &Context) -> Outcome {
        if wanted == Wanted::Elicitation && !at_least(&version(context), &ProtocolVersion::V_2025_06_18) {
            return Ok(CallToolResult::error(text("this version has no elicitation")).into());
        }
        let declared = context.client_capabilities().is_some_and(|capabilities| wanted.declared(&capabilities))
            || self.shared.shows(Defect::ClientCapabilitiesIgnored);
        if is_modern(context) {
            return self.ask_by_result(wanted, declared, request);
        }
        if !declared {
            let message = format!("the client does not offer {}", wanted.capability());
            return Ok(CallToolResult::error(text(message)).into());
        }
        let question: ServerRequest = serde_json::from_value(wanted.request()).map_err(internal)?;
        let answer = tokio::select! {
            answer = context.peer.send_request(question) => answer,
            () = context.ct.cancelled() => return Err(ErrorData::internal_error("cancelled", None)),
        };
        let said = match answer {
            Ok(answer) => wanted.read(&serde_json::to_value(answer).map_err(internal)?),
            Err(error) => return Ok(CallToolResult::error(text(format!("the client refused: {error}"))).into()),
        };
        Ok(match said {
            Some(said) => CallToolResult::success(text(said)).into(),
            None => CallToolResult::error(text("the client's answer does not fit the question")).into(),
        })
    }

    fn ask_by_result(&self, wanted: Wanted, declared: bool, request: &CallToolRequestParams) -> Outcome {
        if !declared {
            let required = json!({ (wanted.capability()): {} });
            let required: ClientCapabilities = serde_json::from_value(required).map_err(internal)?;
            return Err(ErrorData::missing_required_client_capability(required));
        }
        if let Some(state) = &request.request_state
            && self.seal(wanted) != *state
            && !self.shared.shows(Defect::RequestStateUnchecked)
        {
            return Err(ErrorData::invalid_params("requestState is not one of this call", None));
        }
        if let Some(answer) = request.input_responses.as_ref().and_then(|answers| answers.get("answer")) {
            return match wanted.read(answer) {
                Some(said) => Ok(CallToolResult::success(text(said)).into()),
                None => Err(ErrorData::invalid_params("inputResponses.answer does not fit the question", None)),
            };
        }
        let question: InputRequest = serde_json::from_value(wanted.request()).map_err(internal)?;
        let questions = InputRequests::from([("answer".to_owned(), question)]);
        Ok(InputRequiredResult::new(Some(questions), Some(self.seal(wanted))).into())
    }

    /// A state that only this server can have made, and only for this question.
    fn seal(&self, wanted: Wanted) -> String {
        let mark = self.shared.mark(("ask", wanted.capability()));
        URL_SAFE_NO_PAD.encode(format!("ask:{}:{mark}", wanted.capability()))
    }
}

fn internal(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}
