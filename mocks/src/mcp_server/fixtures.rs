//! What a target's `fixtures:` would say of this server.

use serde_json::{Map, Value, json};

use super::config::Config;

/// Things to call, read and get, and what they give.
pub(super) fn fixtures(config: &Config) -> Map<String, Value> {
    let echo = json!({ "name": "echo", "arguments": { "message": "hello" }, "text": "hello", "structured": { "message": "hello" } });
    let mut fixtures = json!({
        "tool": echo,
        "echo": echo,
        "add": { "name": "add", "arguments": { "a": 2, "b": 3 }, "text": "5", "structured": { "sum": 5 } },
        "bad_arguments": { "name": "add", "arguments": { "a": "two", "b": 3 } },
        "fail": { "name": "fail", "arguments": {}, "text": "this tool always fails" },
        "progress": { "name": "progress", "arguments": { "steps": 3 }, "count": 3 },
        "stream": { "name": "progress", "arguments": { "steps": 3, "pause_ms": 40 } },
        "slow": { "name": "slow", "arguments": { "ms": 200 } },
        "whoami": { "name": "whoami", "arguments": {} },
        "route": { "name": "route", "arguments": { "region": "north", "shard": 7 }, "headers": { "Region": "north", "Shard": "7" }, "text": "north/7" },
        "ask": { "name": "ask", "arguments": { "what": "elicitation" } },
        "write": { "name": "write_note", "arguments": { "message": "a note" } },
        "mirror": { "name": "mirror", "arguments": { "value": { "n": [1, 0.5, null, "ü"] } }, "structured": { "value": { "n": [1, 0.5, null, "ü"] } } },
        "media": { "name": "media", "arguments": {} },
        "unknown_tool": "no-such-tool",
    });
    if config.versions.as_ref().is_some_and(|versions| versions.iter().all(|v| v.as_str() >= "2026-07-28")) {
        fixtures["modern_only"] = json!(true);
    }
    if config.sessions {
        // Sessions can be ended by the client, and their streams resumed.
        fixtures["sessions"] = json!(true);
        fixtures["resumption"] = json!(true);
    }
    if config.completions {
        fixtures["completion"] = json!({
            "ref": { "type": "ref/prompt", "name": "explain" },
            "argument": { "name": "language", "value": "r" },
            "values": ["ruby", "rust"],
        });
    }
    if config.logging {
        fixtures["log"] = json!({ "name": "log", "arguments": {} });
    }
    if config.resources {
        fixtures["resource"] = json!({ "uri": "gauntlet://greeting", "text": "Hello from Gauntlet" });
        fixtures["watched_resource"] = json!({ "uri": "gauntlet://notes/latest" });
        fixtures["running_calls"] = json!({ "uri": "gauntlet://calls/running" });
        fixtures["unknown_resource"] = json!("gauntlet://chapters/99");
    }
    if config.prompts {
        fixtures["prompt"] =
            json!({ "name": "greet", "arguments": { "name": "Ada" }, "text": "Greet Ada in a friendly tone." });
    }
    let Value::Object(mut fixtures) = fixtures else {
        return Map::new();
    };
    fixtures.retain(|_, fixture| {
        let name = fixture.get("name").and_then(Value::as_str);
        !name.is_some_and(|name| config.without_tools.iter().any(|without| without == name))
    });
    fixtures
}
