//! A conversation as the runtime wants it: one current message of the user, and what came before.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::client::{Messages, Part, Role, Tool, Turn};
use super::search::LONGEST_QUERY;

/// What a tool returned.
#[derive(Debug, Clone)]
pub(in super::super) struct ToolOutcome {
    pub(in super::super) id: String,
    pub(in super::super) text: String,
    pub(in super::super) is_error: bool,
}

/// What the user said, tool results included.
#[derive(Debug, Clone, Default)]
struct Said {
    content: String,
    results: Vec<ToolOutcome>,
}

/// A conversation that grows by the rounds of a turn.
#[derive(Debug, Clone)]
pub(in super::super) struct Conversation {
    id: String,
    model: String,
    tools: Vec<Value>,
    history: Vec<Value>,
    current: Said,
    /// Length of the history that the client sent.
    from_client: usize,
}

impl Conversation {
    /// From what the client sent, with these tools.
    pub(in super::super) fn new(messages: &Messages, tools: Vec<Value>) -> Self {
        let mut conversation = Self {
            id: Uuid::new_v4().to_string(),
            model: messages.model.clone(),
            tools,
            history: Vec::new(),
            current: Said { content: messages.system.clone(), results: Vec::new() },
            from_client: 0,
        };
        let mut answered = false;
        for turn in &messages.turns {
            match turn.role {
                Role::User => {
                    if answered {
                        answered = false;
                        conversation.current = Said::default();
                    }
                    conversation.current.add(turn);
                }
                Role::Assistant => {
                    conversation.answer(turn, answered);
                    answered = true;
                }
            }
        }
        if answered {
            // The client wants the answer continued.
            conversation.current = Said { content: "Continue.".to_owned(), results: Vec::new() };
        }
        conversation.from_client = conversation.history.len();
        conversation
    }

    /// The model said this and called tools, which returned that.
    pub(in super::super) fn add_round(
        &mut self,
        text: &str,
        calls: &[(String, String, Value)],
        results: Vec<ToolOutcome>,
    ) {
        let said = std::mem::take(&mut self.current);
        self.history.push(said.as_message(&self.model, &[]));
        let uses: Vec<Value> =
            calls.iter().map(|(id, name, input)| json!({ "toolUseId": id, "name": name, "input": input })).collect();
        self.history.push(assistant(text, uses));
        self.current.results = results;
    }

    /// Leaves only the last round of those that were added.
    pub(in super::super) fn forget_earlier_rounds(&mut self) {
        let last = self.history.len().saturating_sub(2);
        if last > self.from_client {
            self.history.drain(self.from_client..last);
        }
    }

    /// The body of a request.
    pub(super) fn request(&self, profile: Option<&str>) -> Value {
        let mut request = json!({ "conversationState": {
            "chatTriggerType": "MANUAL",
            "conversationId": self.id,
            "currentMessage": self.current.as_message(&self.model, &self.tools),
            "history": self.history,
        } });
        if let Some(arn) = profile {
            request["profileArn"] = Value::from(arn);
        }
        request
    }

    /// A message of the assistant; one after another is part of the same.
    fn answer(&mut self, turn: &Turn, goes_on: bool) {
        let mut text = String::new();
        let mut uses = Vec::new();
        for part in &turn.parts {
            match part {
                Part::Text(more) => append(&mut text, more),
                Part::ToolUse { id, name, input } => {
                    uses.push(json!({ "toolUseId": id, "name": name, "input": input }));
                }
                Part::ToolResult { .. } => {}
            }
        }
        if goes_on {
            self.current = Said { content: "Continue.".to_owned(), results: Vec::new() };
        }
        let said = std::mem::take(&mut self.current);
        self.history.push(said.as_message(&self.model, &[]));
        self.history.push(assistant(&text, uses));
    }
}

impl Said {
    fn add(&mut self, turn: &Turn) {
        for part in &turn.parts {
            match part {
                Part::Text(text) => append(&mut self.content, text),
                Part::ToolResult { id, text, is_error } => {
                    self.results.push(ToolOutcome { id: id.clone(), text: text.clone(), is_error: *is_error });
                }
                Part::ToolUse { .. } => {}
            }
        }
    }

    fn as_message(&self, model: &str, tools: &[Value]) -> Value {
        let mut context = json!({});
        if !tools.is_empty() {
            context["tools"] = Value::from(tools.to_vec());
        }
        if !self.results.is_empty() {
            context["toolResults"] = self.results.iter().map(ToolOutcome::document).collect();
        }
        json!({ "userInputMessage": {
            "content": self.content,
            "modelId": model,
            "origin": "AI_EDITOR",
            "userInputMessageContext": context,
        } })
    }
}

impl ToolOutcome {
    fn document(&self) -> Value {
        let status = if self.is_error { "error" } else { "success" };
        json!({ "toolUseId": self.id, "content": [{ "text": self.text }], "status": status })
    }
}

fn assistant(text: &str, uses: Vec<Value>) -> Value {
    let mut message = json!({ "content": text });
    if !uses.is_empty() {
        message["toolUses"] = Value::from(uses);
    }
    json!({ "assistantResponseMessage": message })
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}

impl Tool {
    /// As the runtime wants it.
    pub(in super::super) fn specification(&self) -> Value {
        let mut schema = self.schema.clone();
        if let Some(schema) = schema.as_object_mut() {
            schema.entry("type").or_insert_with(|| Value::from("object"));
        }
        specification(&self.name, &self.description, schema)
    }

    /// The search tool that the gateway carries out itself.
    pub(in super::super) fn injected() -> Value {
        let query = json!({ "type": "string", "maxLength": LONGEST_QUERY });
        let schema = json!({ "type": "object", "properties": { "query": query }, "required": ["query"] });
        specification("web_search", "Searches the web.", schema)
    }

    /// The server tool as it is, which is no function.
    pub(in super::super) fn without_schema() -> Value {
        specification("web_search", "", json!({}))
    }
}

fn specification(name: &str, description: &str, schema: Value) -> Value {
    json!({ "toolSpecification": { "name": name, "description": description, "inputSchema": { "json": schema } } })
}
