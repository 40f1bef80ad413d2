//! Completions: a scripted model that answers a conversation as an event stream.
//!
//! The model never searches by itself: it asks for the tool `web_search`, and the client searches and sends the result.

use std::time::Duration;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Map, Value, json};
use wiremock::Request;

use super::config::{Operation, ScriptedTurn};
use super::defects::KiroDefect;
use super::errors::{ARN_REQUIRED, NOT_AUTHORIZED};
use super::state::State;
use super::wire::Answer;

const SEARCH: &str = "web_search";

/// Longest text that the model takes over from tool results, in characters.
const MOST_QUOTED: usize = 8000;

/// Longest query that the model makes, in characters.
const LONGEST_QUERY: usize = 200;

/// What a conversation holds, as far as the model looks at it.
struct Conversation<'m> {
    /// What the user says now.
    content: &'m str,
    tools: Vec<&'m str>,
    /// Results that came with the current message.
    results: usize,
    /// Texts of all results so far, in order.
    quoted: Vec<&'m str>,
    /// How many messages brought results.
    rounds: usize,
}

impl State {
    /// `POST /generateAssistantResponse`, or `POST /` with its target.
    pub(super) fn completion(&mut self, request: &Request, now: Duration) -> Answer {
        let message = match self.admit_completion(request, now) {
            Ok(message) => message,
            Err(refusal) => return refusal,
        };
        if let Some(forced) = self.forced(Operation::Completion) {
            return forced;
        }
        let Some(conversation) = self.conversation(&message) else {
            return self.refuse_body();
        };
        let turn = self.turn(&conversation);
        let stream = self.encode(&events(&turn));
        Answer { status: 200, headers: Vec::new(), content_type: "application/vnd.amazon.eventstream", body: stream }
    }

    /// The caller and the profile, in the order of searches. No report says that a completion needs a profile or an identity.
    fn admit_completion(&self, request: &Request, now: Duration) -> Result<Map<String, Value>, Answer> {
        let account = self.authenticate(request, now)?;
        let Ok(Value::Object(message)) = serde_json::from_slice(&request.body) else {
            return Err(self.refuse_body());
        };
        if self.is_legacy(request) {
            return Ok(message);
        }
        let named = self.named_profiles(request, &message);
        if named.is_malformed() {
            return Err(self.refuse_body());
        }
        if named.is_empty() && self.settled.config.completions.profile_required {
            return Err(self.refuse(400, ARN_REQUIRED, None));
        }
        if !account.authorized || !self.owns(&account, &named) {
            return Err(self.refuse(403, NOT_AUTHORIZED, None));
        }
        Ok(message)
    }

    /// The conversation, if it is well-formed: every tool has a schema, every result answers a call of the message before it,
    /// once.
    fn conversation<'m>(&self, message: &'m Map<String, Value>) -> Option<Conversation<'m>> {
        let state = message.get("conversationState")?;
        let current = state.pointer("/currentMessage/userInputMessage")?;
        let content = current.get("content")?.as_str()?;
        let history = state.get("history").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut tools = Vec::new();
        for tool in list(current, "/userInputMessageContext/tools") {
            let specification = tool.get("toolSpecification")?;
            tools.push(specification.get("name")?.as_str().filter(|name| !name.is_empty())?);
            let kind = specification.pointer("/inputSchema/json/type").and_then(Value::as_str);
            if kind != Some("object") && !self.shows(KiroDefect::CompletionToolSchemaUnchecked) {
                return None;
            }
        }
        let mut calls: Vec<&str> = Vec::new();
        let mut quoted = Vec::new();
        let mut rounds = 0;
        let users = history.iter().map(Some).chain([None]);
        let mut results = 0;
        for message in users {
            if let Some(said) = message.and_then(|message| message.get("assistantResponseMessage")) {
                calls = list(said, "/toolUses").iter().filter_map(|call| call.get("toolUseId")?.as_str()).collect();
                continue;
            }
            let said = match message {
                Some(message) => message.get("userInputMessage")?,
                None => current,
            };
            let brought = list(said, "/userInputMessageContext/toolResults");
            for result in brought {
                let id = result.get("toolUseId")?.as_str()?;
                match calls.iter().position(|call| *call == id) {
                    Some(position) => {
                        calls.remove(position);
                    }
                    None if self.shows(KiroDefect::CompletionToolResultsUnchecked) => {}
                    None => return None,
                }
                quoted.extend(list(result, "/content").iter().filter_map(|part| part.get("text")?.as_str()));
            }
            rounds += usize::from(!brought.is_empty());
            results = brought.len();
        }
        let has_something = !content.is_empty() || results > 0;
        has_something.then_some(Conversation { content, tools, results, quoted, rounds })
    }

    /// What the model says: by the script as far as it goes, then by itself.
    fn turn(&self, conversation: &Conversation<'_>) -> ScriptedTurn {
        if let Some(turn) = self.settled.config.completions.script.get(conversation.rounds) {
            return turn.clone();
        }
        if conversation.results > 0 {
            let all = conversation.quoted.join("\n");
            let text = format!("This is what the tools say:\n{}", cut(&all, MOST_QUOTED));
            return ScriptedTurn { text: Some(text), tools: Vec::new() };
        }
        let wants = conversation.content.to_ascii_lowercase().contains("search the web for ");
        if wants && conversation.tools.contains(&SEARCH) {
            return ScriptedTurn::search(query_of(conversation.content));
        }
        let text = format!("A made-up answer to: {}", cut(conversation.content, MOST_QUOTED));
        ScriptedTurn { text: Some(text), tools: Vec::new() }
    }

    fn encode(&self, events: &[(&'static str, Value)]) -> Vec<u8> {
        let mut stream = Vec::new();
        for (kind, payload) in events {
            let text = |text: &'static str| HeaderValue::String(text.into());
            let message = Message::new(payload.to_string())
                .add_header(Header::new(":event-type", text(kind)))
                .add_header(Header::new(":content-type", text("application/json")))
                .add_header(Header::new(":message-type", text("event")));
            // Only lengths beyond those of the format make it fail, and texts are bounded far below.
            if let Err(error) = write_message_to(&message, &mut stream) {
                tracing::warn!(%error, "an event was left out");
            }
        }
        if self.shows(KiroDefect::CompletionChecksumWrong)
            && let Some(last) = stream.last_mut()
        {
            *last ^= 0xff;
        }
        stream
    }
}

/// The events of an answer. Some clients find them by how their text begins, so the order of members counts.
fn events(turn: &ScriptedTurn) -> Vec<(&'static str, Value)> {
    let mut events = Vec::new();
    if let Some(text) = &turn.text {
        // In two pieces, so that a client has to put them together.
        let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        let pieces = [&text[..half], &text[half..]];
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        events.extend(pieces.map(|piece| ("assistantResponseEvent", json!({ "content": piece }))));
    }
    for call in &turn.tools {
        let id = format!("tooluse_{}", &uuid::Uuid::new_v4().simple().to_string()[..22]);
        let input = call.input.to_string();
        let half = input.char_indices().nth(input.chars().count() / 2).map_or(0, |(at, _)| at);
        let mut event = |payload| events.push(("toolUseEvent", payload));
        event(json!({ "name": call.name, "toolUseId": id }));
        for piece in [&input[..half], &input[half..]] {
            event(json!({ "input": piece, "name": call.name, "toolUseId": id }));
        }
        event(json!({ "stop": true, "name": call.name, "toolUseId": id }));
    }
    events.push(("contextUsageEvent", json!({ "contextUsagePercentage": 1.5 })));
    events.push(("meteringEvent", json!({})));
    events
}

/// What is to be searched for, in the user's words.
fn query_of(content: &str) -> &str {
    let lower = content.to_ascii_lowercase();
    let phrase = "search the web for ";
    // Lower case in ASCII leaves every position where it was.
    let rest = lower.find(phrase).and_then(|at| content.get(at + phrase.len()..)).unwrap_or(content);
    let line = rest.lines().next().unwrap_or(rest);
    cut(line.trim().trim_end_matches(['.', '?', '!']), LONGEST_QUERY)
}

fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(at, _)| &text[..at])
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_users() {
        assert_eq!(query_of("Please search the web for rust 2026 edition."), "rust 2026 edition");
        assert_eq!(query_of("Search the Web for ÄÖÜ?\nThanks"), "ÄÖÜ");
        assert_eq!(query_of(&format!("search the web for {}", "ä".repeat(300))).chars().count(), 200);
    }
}
