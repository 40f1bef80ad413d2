//! Messages against the shapes of each version.

mod client;
mod general;
mod lifecycle;
mod tools;

use gauntlet_format::Version;
use serde_json::{Value, json};

use super::super::{Dialect, Direction, Validator, Violation};

use Direction::{ClientToServer, ServerToClient};
use Version::{V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25, V2026_07_28};

const UP_TO_2025_11_25: [Version; 4] = [V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25];

fn judge(version: Option<Version>, from: Direction, answers: Option<&str>, message: &Value) -> Vec<Violation> {
    Validator::for_version(version).check(message, Dialect::default(), from, answers)
}

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn answer(result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "result": result})
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// `{ …base, …more }`; null takes a member away.
fn with(base: &Value, more: Value) -> Value {
    let mut whole = base.clone();
    for (name, value) in more.as_object().expect("an object") {
        let members = whole.as_object_mut().expect("an object");
        match value {
            Value::Null => members.shift_remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    whole
}

#[track_caller]
fn passes(version: Option<Version>, from: Direction, answers: Option<&str>, message: Value) {
    assert_eq!(judge(version, from, answers, &message), [], "{version:?} {message}");
}

/// Exactly one violation, at this path, for this requirement, with this in its reason.
#[track_caller]
fn breaks(
    version: Version,
    from: Direction,
    answers: Option<&str>,
    message: Value,
    (path, requirement, reason): (&str, &str, &str),
) {
    let found = judge(Some(version), from, answers, &message);
    let [violation] = found.as_slice() else {
        panic!("{version} {message}: expected one violation of {requirement}, found {found:#?}");
    };
    assert_eq!(violation.path, path, "{version} {message}");
    assert_eq!(violation.requirement, Some(requirement), "{version} {message}");
    assert!(violation.reason.contains(reason), "expected `{reason}` in `{}`", violation.reason);
}
