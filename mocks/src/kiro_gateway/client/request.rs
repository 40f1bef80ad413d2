//! A request for a message, as far as the gateway needs to understand it.

use serde_json::{Map, Value};

use super::super::defects::GatewayDefect;
use super::error::ApiError;
use crate::defect::DefectSet;

/// How a coding client begins a search side query.
const SIDE_QUERY: &str = "Perform a web search for the query:";

/// Type of the server tool, without its date.
const SERVER_SEARCH: &str = "web_search_2";

/// A request for a message.
#[derive(Debug, Clone)]
pub(in super::super) struct Messages {
    pub(in super::super) model: String,
    pub(in super::super) stream: bool,
    /// Instructions, the system messages included.
    pub(in super::super) system: String,
    pub(in super::super) turns: Vec<Turn>,
    /// Functions of the client.
    pub(in super::super) tools: Vec<Tool>,
    /// The server tool, if it is declared.
    pub(in super::super) search: Option<SearchTool>,
    /// The tool that the answer must use.
    forced: Option<String>,
}

/// The server tool.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct SearchTool {
    /// How often it may be used.
    pub(in super::super) max_uses: Option<u64>,
}

/// A function of the client.
#[derive(Debug, Clone)]
pub(in super::super) struct Tool {
    pub(in super::super) name: String,
    pub(in super::super) description: String,
    pub(in super::super) schema: Value,
}

/// A message of the conversation.
#[derive(Debug, Clone)]
pub(in super::super) struct Turn {
    pub(in super::super) role: Role,
    pub(in super::super) parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Role {
    User,
    Assistant,
}

/// A block of a message.
#[derive(Debug, Clone)]
pub(in super::super) enum Part {
    Text(String),
    /// The model called a function of the client.
    ToolUse {
        id: String,
        name: String,
        input: Value,
    },
    /// What the function returned.
    ToolResult {
        id: String,
        text: String,
        is_error: bool,
    },
}

impl Messages {
    pub(in super::super) fn read(body: &[u8], defects: &DefectSet<GatewayDefect>) -> Result<Self, ApiError> {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            return Err(ApiError::invalid("the body is not a JSON object"));
        };
        let model = members.get("model").and_then(Value::as_str).filter(|model| !model.is_empty());
        let model = model.ok_or_else(|| ApiError::invalid("model: a name is required"))?.to_owned();
        if members.get("max_tokens").and_then(Value::as_u64).is_none_or(|most| most == 0) {
            return Err(ApiError::invalid("max_tokens: a positive number is required"));
        }
        let messages = members.get("messages").and_then(Value::as_array).filter(|messages| !messages.is_empty());
        let messages = messages.ok_or_else(|| ApiError::invalid("messages: at least one message is required"))?;
        let mut system = text_of(members.get("system").unwrap_or(&Value::Null));
        let mut turns = Vec::with_capacity(messages.len());
        for (index, message) in messages.iter().enumerate() {
            let content = message.get("content").unwrap_or(&Value::Null);
            let role = match message.get("role").and_then(Value::as_str) {
                Some("user") => Role::User,
                Some("assistant") => Role::Assistant,
                Some("system") if !defects.has(GatewayDefect::SystemRoleRefused) => {
                    system = [system, text_of(content)].join("\n").trim().to_owned();
                    continue;
                }
                Some("system") => return Err(unprocessable(format!("messages.{index}.role: Input should be 'user'"))),
                _ => return Err(ApiError::invalid(format!("messages.{index}.role: user or assistant is required"))),
            };
            turns.push(Turn { role, parts: parts(content, index, defects)? });
        }
        if !turns.iter().any(|turn| turn.role == Role::User) {
            return Err(ApiError::invalid("messages: a message of the user is required"));
        }
        let declared = members.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let choice = members.get("tool_choice").filter(|choice| choice.get("type") == Some(&Value::from("tool")));
        Ok(Self {
            model,
            stream: members.get("stream") == Some(&Value::Bool(true)),
            system,
            turns,
            tools: declared.iter().filter(|tool| !is_server_search(tool)).filter_map(function).collect(),
            search: declared
                .iter()
                .find(|tool| is_server_search(tool))
                .map(|tool| SearchTool { max_uses: tool.get("max_uses").and_then(Value::as_u64) }),
            forced: choice.and_then(|choice| choice.get("name")?.as_str()).map(str::to_owned),
        })
    }

    /// Whether the turn is nothing but a search: the client must have one, or it asks for one in so many words and has no
    /// other tool.
    pub(in super::super) fn is_side_query(&self, defects: &DefectSet<GatewayDefect>) -> bool {
        let worded = || self.last_user_texts().iter().any(|text| text.trim_start().starts_with(SIDE_QUERY));
        let replaced = defects.has(GatewayDefect::TurnReplacedBySearch);
        let forced = self.forced.as_deref() == Some("web_search");
        self.search.is_some() && (replaced || forced || (self.tools.is_empty() && worded()))
    }

    /// What a side query searches for.
    pub(in super::super) fn side_query(&self, defects: &DefectSet<GatewayDefect>) -> String {
        let texts = match defects.has(GatewayDefect::QueryFromFirstMessage) {
            true => self.turns.iter().find(|turn| turn.role == Role::User).map(Turn::texts).unwrap_or_default(),
            false => self.last_user_texts(),
        };
        // Clients put reminders of their own into blocks beside it.
        let worded = texts.iter().find(|text| text.trim_start().starts_with(SIDE_QUERY));
        let text = worded.or(texts.last()).copied().unwrap_or_default().trim();
        match defects.has(GatewayDefect::QueryPrefixKept) {
            true => text.to_owned(),
            false => text.strip_prefix(SIDE_QUERY).unwrap_or(text).trim().to_owned(),
        }
    }

    fn last_user_texts(&self) -> Vec<&str> {
        self.turns.iter().rev().find(|turn| turn.role == Role::User).map(Turn::texts).unwrap_or_default()
    }
}

impl Turn {
    fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        for part in &self.parts {
            if let Part::Text(text) = part {
                texts.push(text.as_str());
            }
        }
        texts
    }
}

fn is_server_search(tool: &Value) -> bool {
    tool.get("type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with(SERVER_SEARCH))
}

fn function(tool: &Value) -> Option<Tool> {
    Some(Tool {
        name: tool.get("name")?.as_str()?.to_owned(),
        description: tool.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        schema: tool.get("input_schema").cloned().unwrap_or_else(|| Value::Object(Map::new())),
    })
}

fn parts(content: &Value, index: usize, defects: &DefectSet<GatewayDefect>) -> Result<Vec<Part>, ApiError> {
    let blocks = match content {
        Value::String(text) => return Ok(vec![Part::Text(text.clone())]),
        Value::Array(blocks) => blocks,
        _ => return Err(ApiError::invalid(format!("messages.{index}.content: text or a list of blocks is required"))),
    };
    let mut parts = Vec::with_capacity(blocks.len());
    for block in blocks {
        let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match text("type").as_str() {
            "text" => parts.push(Part::Text(text("text"))),
            "tool_use" => {
                let input = block.get("input").cloned().unwrap_or_default();
                parts.push(Part::ToolUse { id: text("id"), name: text("name"), input });
            }
            "tool_result" => parts.push(Part::ToolResult {
                id: text("tool_use_id"),
                text: text_of(block.get("content").unwrap_or(&Value::Null)),
                is_error: block.get("is_error") == Some(&Value::Bool(true)),
            }),
            "server_tool_use" | "web_search_tool_result" if defects.has(GatewayDefect::OwnBlocksRefused) => {
                return Err(unprocessable(format!("messages.{index}.content: Input should be a valid content block")));
            }
            // The model hears of earlier searches by what they found.
            "web_search_tool_result" => parts.push(Part::Text(echoed(block))),
            "" => return Err(ApiError::invalid(format!("messages.{index}.content: a block has no type"))),
            _ => {}
        }
    }
    Ok(parts)
}

/// The results of an earlier answer, as text.
fn echoed(block: &Value) -> String {
    let results = block.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let line = |result: &Value| {
        let text = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        format!("{} <{}>: {}", text("title"), text("url"), text("encrypted_content"))
    };
    results.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Text, or the texts of a list of blocks.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<&str> = blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

fn unprocessable(message: String) -> ApiError {
    ApiError::new(422, "invalid_request_error", message)
}
