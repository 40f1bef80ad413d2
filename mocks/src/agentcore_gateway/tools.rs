//! Tools behind the gateway.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::auth::Identity;
use super::config::ExceptionLevel;
use super::defects::GatewayDefect;
use super::state::State;
use crate::config::ConfigError;
use crate::mcp::misfit;

/// Name of the tool that searches for tools.
const SEARCH_TOOL: &str = "x_amz_bedrock_agentcore_search";

/// A tool, as configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolConfig {
    /// The target that it belongs to.
    target: String,
    /// Its name there.
    name: String,
    #[serde(default)]
    description: String,
    /// JSON Schema of its arguments; root type object.
    input_schema: Option<Value>,
    /// What it does.
    #[serde(default)]
    does: Behaviour,
    /// What `text` answers.
    #[serde(default)]
    text: String,
    /// It declares itself read-only.
    #[serde(default)]
    read_only: bool,
}

/// What a tool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Behaviour {
    /// Answers a fixed text.
    #[default]
    Text,
    /// Answers its argument `text`.
    Echo,
    /// Adds `a` and `b`.
    Add,
    /// Names the caller.
    Whoami,
    /// Fails.
    Fail,
    /// Searches the tools for `query`.
    Search,
}

/// A tool with everything settled.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    /// None for the gateway's own.
    target: Option<String>,
    name: String,
    description: String,
    input_schema: Value,
    does: Behaviour,
    text: String,
    read_only: bool,
}

/// The outcome of a call.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    Text(String),
    /// The tool ran and failed.
    Failed(String),
    NoSuchTool,
    /// The arguments do not fit, and why.
    BadArguments(String),
}

impl Tool {
    fn new(target: &str, name: &str, description: &str, does: Behaviour, input_schema: Value) -> Self {
        Self {
            target: Some(target.to_owned()),
            name: name.to_owned(),
            description: description.to_owned(),
            input_schema,
            does,
            text: String::new(),
            read_only: does != Behaviour::Fail,
        }
    }

    /// The tool that searches for tools.
    pub(super) fn semantic_search() -> Self {
        let schema =
            json!({ "type": "object", "properties": { "query": { "type": "string" } }, "required": ["query"] });
        let description = "Returns the tools that fit a query best.";
        Self { target: None, ..Self::new("", SEARCH_TOOL, description, Behaviour::Search, schema) }
    }

    fn definition(&self, separator: &str) -> Value {
        let mut definition = json!({
            "name": self.full_name(separator),
            "description": self.description,
            "inputSchema": self.input_schema,
        });
        if self.read_only {
            definition["annotations"] = json!({ "readOnlyHint": true });
        }
        definition
    }

    fn full_name(&self, separator: &str) -> String {
        match &self.target {
            Some(target) => format!("{target}{separator}{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// The tools of a configuration.
pub(super) fn settle(configured: Option<&[ToolConfig]>) -> Result<Vec<Tool>, ConfigError> {
    let Some(configured) = configured else {
        return Ok(built_in());
    };
    let mut tools = Vec::with_capacity(configured.len());
    for (index, config) in configured.iter().enumerate() {
        let schema = config.input_schema.clone().unwrap_or_else(|| json!({ "type": "object" }));
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            let path = format!("tools[{index}].input_schema.type");
            return Err(ConfigError::new(path, "the arguments of a tool are an object; write type: object"));
        }
        tools.push(Tool {
            text: config.text.clone(),
            read_only: config.read_only,
            ..Tool::new(&config.target, &config.name, &config.description, config.does, schema)
        });
    }
    Ok(tools)
}

fn built_in() -> Vec<Tool> {
    let none = json!({ "type": "object", "properties": {} });
    let text = json!({ "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] });
    let numbers = json!({
        "type": "object",
        "properties": { "a": { "type": "number" }, "b": { "type": "number" } },
        "required": ["a", "b"],
    });
    let mut tools = vec![
        Tool::new("Demo", "echo", "Returns the text it is given.", Behaviour::Echo, text),
        Tool::new("Demo", "add", "Adds two numbers.", Behaviour::Add, numbers),
        Tool::new("Demo", "whoami", "Names the caller.", Behaviour::Whoami, none.clone()),
        Tool::new("Demo", "fail", "Fails whenever it is called.", Behaviour::Fail, none.clone()),
    ];
    // Enough for several pages.
    for name in ["open", "close", "list", "count", "audit"] {
        let description = format!("Reports the {name} operation of the ledger.");
        let text = format!("ledger {name}: nothing to report");
        tools.push(Tool { text, ..Tool::new("Ledger", name, &description, Behaviour::Text, none.clone()) });
    }
    tools
}

impl State {
    fn separator(&self) -> &'static str {
        if self.shows(GatewayDefect::TwoUnderscores) { "__" } else { "___" }
    }

    /// A page of tools, and the cursor of the next one; none for a cursor that was never handed out.
    pub(super) fn tool_page(&self, cursor: Option<&str>) -> Option<(Vec<Value>, Option<String>)> {
        let mut tools: Vec<Value> = self.settled.tools.iter().map(|tool| tool.definition(self.separator())).collect();
        if self.shows(GatewayDefect::DuplicateTools)
            && let Some(first) = tools.first().cloned()
        {
            tools.insert(1, first);
        }
        let size = self.settled.config.page_size.unwrap_or(tools.len()).max(1);
        let start = match cursor {
            None => 0,
            Some(cursor) => match cursor_position(cursor).filter(|start| *start < tools.len() && start % size == 0) {
                Some(start) => start,
                None if self.shows(GatewayDefect::InvalidCursorAccepted) => 0,
                None => return None,
            },
        };
        let end = (start + size).min(tools.len());
        let dropped = usize::from(start > 0 && self.shows(GatewayDefect::PaginationDrops));
        let page = tools.get(start + dropped..end).unwrap_or_default().to_vec();
        let next = if end < tools.len() {
            Some(cursor_at(end))
        } else {
            (start > 0 && self.shows(GatewayDefect::PaginationLoops)).then(|| cursor_at(0))
        };
        Some((page, next))
    }

    /// Runs a tool.
    pub(super) fn run_tool(&mut self, name: &str, arguments: &Map<String, Value>, caller: &Identity) -> Outcome {
        let separator = self.separator();
        let Some(tool) = self.settled.tools.iter().find(|tool| tool.full_name(separator) == name).cloned() else {
            return match self.shows(GatewayDefect::UnknownToolAsResult) {
                true => Outcome::Text(String::new()),
                false => Outcome::NoSuchTool,
            };
        };
        if !self.shows(GatewayDefect::ArgumentsUnchecked)
            && let Some(problem) = misfit(&tool.input_schema, arguments)
        {
            return Outcome::BadArguments(problem);
        }
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| arguments.get(name).cloned().unwrap_or_default();
        let outcome = match tool.does {
            Behaviour::Text => tool.text,
            Behaviour::Echo => text("text").to_owned(),
            Behaviour::Add => sum(&number("a"), &number("b")),
            Behaviour::Whoami => self.whoami(caller),
            Behaviour::Search => self.matching_tools(text("query")),
            Behaviour::Fail => {
                return Outcome::Failed(match self.settled.config.exception_level {
                    Some(ExceptionLevel::Debug) => format!("Target {name} failed: it always does"),
                    None => "An internal error occurred. Please retry later.".to_owned(),
                });
            }
        };
        Outcome::Text(match self.shows(GatewayDefect::EchoAltered) {
            true => outcome.trim().to_lowercase(),
            false => outcome,
        })
    }

    fn whoami(&mut self, caller: &Identity) -> String {
        let previous = self.last_subject.replace(caller.subject.clone());
        if self.shows(GatewayDefect::LeaksToken) {
            return format!("{} {}", caller.subject, caller.token);
        }
        match previous {
            Some(previous) if self.shows(GatewayDefect::SharedIdentity) => previous,
            _ => caller.subject.clone(),
        }
    }

    fn matching_tools(&self, query: &str) -> String {
        let words: Vec<String> = query.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let found: Vec<Value> = self
            .settled
            .tools
            .iter()
            .filter(|tool| tool.target.is_some())
            .filter(|tool| {
                let text = format!("{} {}", tool.name, tool.description).to_lowercase();
                words.iter().any(|word| text.contains(word.as_str()))
            })
            .map(|tool| tool.definition(self.separator()))
            .collect();
        json!({ "tools": found }).to_string()
    }
}

fn sum(a: &Value, b: &Value) -> String {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) if a.checked_add(b).is_some() => (a + b).to_string(),
        _ => (a.as_f64().unwrap_or_default() + b.as_f64().unwrap_or_default()).to_string(),
    }
}

fn cursor_at(position: usize) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(format!("tools:{position}"))
}

fn cursor_position(cursor: &str) -> Option<usize> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(cursor).ok()?;
    std::str::from_utf8(&text).ok()?.strip_prefix("tools:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_opaque_and_read_back() {
        assert_eq!(cursor_position(&cursor_at(12)), Some(12));
        assert_eq!(cursor_position("not-a-cursor"), None);
    }
}
