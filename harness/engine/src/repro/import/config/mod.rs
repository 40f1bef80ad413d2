//! Configurations of MCP clients: which servers they know, as targets.

mod jsonc;
mod target;
mod values;

use std::collections::BTreeMap;

use gauntlet_format::emit;
use serde_json::{Map, Value, json};

use self::target::Targets;
use self::values::shown;
use super::{Error, Note, Place};

/// The servers that a client knows, as a configuration of Gauntlet. Nothing in it is secret: values are read from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers {
    /// The names of the targets.
    pub names: Vec<String>,
    /// `gauntlet.yaml`.
    pub config: String,
    /// A first scenario, which runs on each of them.
    pub scenario: String,
    /// Variables of the environment that the targets read, and what each was.
    pub variables: BTreeMap<String, String>,
}

/// Servers of one file.
const MOST: usize = 500;

/// Reads a configuration. Comments and trailing commas are no errors.
pub(super) fn read(text: &str, name: &str) -> Result<(Servers, Vec<Note>), Error> {
    let plain = jsonc::without_comments(text);
    let document: Value = serde_json::from_str(&plain).map_err(|error| {
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default().to_owned();
        let place = Place { line: error.line().max(1), column: Some(error.column().max(1)) };
        Error::Malformed { name: name.to_owned(), place, problem: format!("not JSON: {what}") }
    })?;
    let unusable = |problem: String| Error::Unusable { name: name.to_owned(), problem };
    let servers = servers(&document).ok_or_else(|| {
        unusable("no servers are in it: a client configuration has `mcpServers`, or `servers`, with a `command` or a `url` for each name".to_owned())
    })?;
    if servers.is_empty() {
        return Err(unusable("its list of servers is empty".to_owned()));
    }
    if servers.len() > MOST {
        return Err(unusable(format!("it has more than {MOST} servers; take a part of them")));
    }
    let mut read = Targets::default();
    let mut targets = Map::new();
    for (server, entry) in &servers {
        let called = read.called(server);
        match read.target(&called, entry) {
            Ok(target) => drop(targets.insert(called, target)),
            Err(why) => read.note(format!("server `{}` left out: {why}", shown(server))),
        }
    }
    if targets.is_empty() {
        let why = read.notes.first().map(|note| note.text.clone()).unwrap_or_default();
        return Err(unusable(why));
    }
    let names = targets.keys().cloned().collect();
    let config = emit::scenario(&json!({ "targets": targets }));
    Ok((Servers { names, config, scenario: smoke(), variables: read.variables }, read.notes))
}

fn smoke() -> String {
    emit::scenario(&json!({
        "id": "imported.smoke",
        "title": "The server opens a session and lists its tools to the last page",
        "tags": ["imported", "smoke"],
        "target": "mcp-server",
        "requires": { "capabilities": ["tools"] },
        "steps": [{
            "call": "tools/list",
            "cursor_walk": true,
            "expect": { "pages": { "$each": { "tools": { "$each": { "name": { "$type": "string" }, "inputSchema": { "$type": "object" } } } } } },
        }],
    }))
}

/// The servers by name, wherever the client keeps them.
fn servers(document: &Value) -> Option<Map<String, Value>> {
    let object = |value: Option<&Value>| value.and_then(Value::as_object).cloned();
    let keys = ["mcpServers", "servers", "mcp_servers", "context_servers"];
    let own = |value: &Value| keys.iter().find_map(|key| object(value.get(key)));
    let mut found = own(document);
    // `settings.json` of VS Code, and the powers of Kiro.
    for key in ["mcp", "powers"] {
        if let Some(further) = document.get(key).and_then(own) {
            found.get_or_insert_default().extend(further);
        }
    }
    found.or_else(|| {
        let is_server =
            |value: &Value| ["command", "url", "serverUrl", "httpUrl"].iter().any(|key| value.get(key).is_some());
        object(Some(document)).filter(|all| !all.is_empty() && all.values().all(is_server))
    })
}
