//! What is a message, and what is none.

use serde_json::{Value, json};

use super::super::{Dialect, Direction, Message, classify};
use gauntlet_format::Version;

use Direction::{ClientToServer, ServerToClient};

#[test]
fn well_formed_messages_are_what_they_are() {
    let request = json!({"jsonrpc": "2.0", "id": "a", "method": "tools/list", "params": {}, "profileArn": "arn:x"});
    assert_eq!(
        classify(&request).unwrap(),
        Message::Request { id: &json!("a"), method: "tools/list", params: Some(&json!({})) }
    );
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(
        classify(&notification).unwrap(),
        Message::Notification { method: "notifications/initialized", params: None }
    );
    let response = json!({"jsonrpc": "2.0", "id": 1.0, "result": {}});
    assert_eq!(classify(&response).unwrap(), Message::Response { id: &json!(1.0), result: &json!({}) });
    let error = json!({"jsonrpc": "2.0", "id": 3, "error": {"code": -32601.0, "message": "", "data": [1]}});
    assert_eq!(
        classify(&error).unwrap(),
        Message::Error { id: Some(&json!(3)), code: -32601, message: "", data: Some(&json!([1])) }
    );
}

#[test]
fn methods_of_nobody_knows_whom_may_come_with_and_without_id() {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "harbor/unknown"});
    assert!(matches!(classify(&request), Ok(Message::Request { .. })));
    let notification = json!({"jsonrpc": "2.0", "method": "harbor/unknown"});
    assert!(matches!(classify(&notification), Ok(Message::Notification { .. })));
}

#[test]
fn an_error_may_lack_a_readable_id_in_every_version() {
    let error = json!({"code": -32700, "message": "unreadable"});
    for value in [json!({"jsonrpc": "2.0", "error": error}), json!({"jsonrpc": "2.0", "id": null, "error": error})] {
        for version in Version::ALL {
            let message = Dialect::of(Some(version)).classify(&value).unwrap();
            assert_eq!(message.id(), None);
            assert!(message.is_answer());
        }
    }
}

#[test]
fn every_fault_of_an_envelope_is_named() {
    let cases = [
        (json!("x"), "", "a message is a JSON object; this is the string \"x\"", "base.server.envelope"),
        (json!(null), "", "a message is a JSON object; this is null", "base.server.envelope"),
        (json!([]), "", "a batch has at least one message; this one is empty", "base.server.envelope"),
        (json!([[]]), "[0]", "message 0 of the batch: a batch does not hold another batch", "base.server.envelope"),
        (
            json!([{"jsonrpc": "2.0", "id": 1, "result": {}}, {"jsonrpc": "2.0", "id": 2, "method": "ping"}]),
            "",
            "a batch holds either requests and notifications or answers; this one holds both",
            "base.server.envelope",
        ),
        (
            json!([{"jsonrpc": "2.0", "method": "x"}, {"jsonrpc": "2.0", "id": true, "method": "x"}]),
            "[1].id",
            "message 1 of the batch: the id of a request is a string or an integer; this is the boolean true",
            "base.server.envelope",
        ),
        (json!({"id": 1, "method": "ping"}), "jsonrpc", "`jsonrpc` is missing; it is \"2.0\"", "base.server.envelope"),
        (
            json!({"jsonrpc": 2.0, "id": 1, "method": "ping"}),
            "jsonrpc",
            "`jsonrpc` is \"2.0\"; this is the number 2.0",
            "base.server.envelope",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1}),
            "",
            "neither `method`, `result` nor `error`: not a request, a notification or an answer",
            "base.server.envelope",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "result": {}}),
            "method",
            "`method` beside `result`: either a request or an answer, not both",
            "base.server.envelope",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "error": {}}),
            "method",
            "`method` beside `error`: either a request or an answer, not both",
            "base.server.envelope",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": 7}),
            "method",
            "`method` is a string; this is the number 7",
            "base.server.envelope",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}),
            "params",
            "`params` is an object; this is an empty array",
            "base.server.envelope",
        ),
        (
            json!({"jsonrpc": "2.0", "method": "x", "params": null}),
            "params",
            "`params` is an object; this is null",
            "base.server.envelope",
        ),
        (
            json!({"jsonrpc": "2.0", "id": null, "method": "ping"}),
            "id",
            "the id of a request is a string or an integer, never null",
            "base.server.envelope",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}),
            "id",
            "the id of a request is a string or an integer; this is the number 1.5",
            "base.server.envelope",
        ),
        (
            json!({"jsonrpc": "2.0", "method": "ping"}),
            "id",
            "`ping` is a request and needs an id",
            "base.server.envelope",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 4, "method": "notifications/message"}),
            "id",
            "`notifications/message` is a notification and has no id",
            "base.notification.no-id.server",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "result": {}, "error": null}),
            "",
            "`result` beside `error`: an answer has one of them",
            "base.response.result-xor-error",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "result": [1]}),
            "result",
            "`result` is an object; this is an array",
            "base.server.envelope",
        ),
        (
            json!({"jsonrpc": "2.0", "result": {}}),
            "id",
            "a result has the id of the request it answers; `id` is missing",
            "base.response.id-echo",
        ),
        (
            json!({"jsonrpc": "2.0", "id": null, "result": {}}),
            "id",
            "the id of an answer is a string or an integer; this is null",
            "base.response.id-echo",
        ),
        (
            json!({"jsonrpc": "2.0", "id": {}, "error": {"code": 1, "message": "m"}}),
            "id",
            "the id of an answer is a string or an integer; this is an object",
            "base.response.id-echo",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "error": "broken"}),
            "error",
            "`error` is an object with `code` and `message`; this is the string \"broken\"",
            "base.error.code-integer",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "error": {"message": "m"}}),
            "error.code",
            "`error.code` is an integer; it is missing",
            "base.error.code-integer",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -1.5, "message": "m"}}),
            "error.code",
            "`error.code` is an integer; this is the number -1.5",
            "base.error.code-integer",
        ),
        (
            json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": null}}),
            "error.message",
            "`error.message` is a string; this is null",
            "base.error.code-integer",
        ),
    ];
    for (value, path, sentence, requirement) in cases {
        let error = classify(&value).expect_err(sentence);
        assert_eq!(error.to_string(), sentence, "{value}");
        assert_eq!(error.path(), path, "{value}");
        assert_eq!(error.requirement(ServerToClient), requirement, "{value}");
    }
}

#[test]
fn a_client_breaks_requirements_of_its_own() {
    let cases = [
        (json!({"id": 1}), "base.client.envelope"),
        (json!({"jsonrpc": "2.0", "id": null, "method": "ping"}), "base.client.request-id-not-null"),
        (json!({"jsonrpc": "2.0", "id": 0.5, "method": "ping"}), "base.client.request-id-type"),
        (json!({"jsonrpc": "2.0", "method": "tools/list"}), "base.client.request-id-type"),
        (json!({"jsonrpc": "2.0", "id": 1, "method": "notifications/cancelled"}), "base.notification.no-id.client"),
        (json!({"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}), "base.response.client-id-echo"),
        (json!({"jsonrpc": "2.0", "result": {}}), "base.response.client-id-echo"),
        (json!({"jsonrpc": "2.0", "id": 1, "error": {}}), "base.client.envelope"),
    ];
    for (value, requirement) in cases {
        assert_eq!(classify(&value).expect_err(requirement).requirement(ClientToServer), requirement, "{value}");
    }
}

#[test]
fn batches_exist_in_one_version() {
    let batch = json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}, {"jsonrpc": "2.0", "method": "x"}]);
    for version in Version::ALL {
        let outcome = Dialect::of(Some(version)).classify(&batch);
        if version == Version::V2025_03_26 {
            assert!(matches!(outcome, Ok(Message::Batch(messages)) if messages.len() == 2));
            continue;
        }
        let error = outcome.expect_err("no batches");
        assert_eq!(
            error.to_string(),
            format!("a message is a JSON object; this is an array, and version {version} has no batches")
        );
        let expected = if version == Version::V2024_11_05 { "base.client.envelope" } else { "batch.removed.client" };
        assert_eq!(error.requirement(ClientToServer), expected);
    }
    assert!(matches!(classify(&batch), Ok(Message::Batch(_))), "without a version, a batch is one");
}

#[test]
fn known_habits_are_allowed_only_by_name() {
    let null_error = json!({"jsonrpc": "2.0", "id": 1, "error": null, "result": {}});
    let null_result = json!({"jsonrpc": "2.0", "id": 1, "result": null, "error": {"code": -32600, "message": "m"}});
    let both_null = json!({"jsonrpc": "2.0", "id": 1, "result": null, "error": null});
    let habit = Dialect { null_error_beside_result: true, ..Dialect::default() };
    assert!(matches!(habit.classify(&null_error), Ok(Message::Response { .. })));
    assert!(matches!(habit.classify(&null_result), Ok(Message::Error { .. })));
    for value in [&null_error, &null_result] {
        assert!(classify(value).is_err(), "{value}");
    }
    assert!(habit.classify(&both_null).is_err());

    let habit = Dialect { string_null_id: true, ..Dialect::default() };
    for id in ["null", ""] {
        let value = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32001, "message": "m"}});
        assert_eq!(habit.classify(&value).unwrap().id(), None);
        assert_eq!(classify(&value).unwrap().id(), Some(&Value::from(id)));
    }
}

#[test]
fn long_values_do_not_fill_the_sentence() {
    let value = json!({"jsonrpc": "x".repeat(10_000), "id": 1, "method": "ping"});
    assert_eq!(classify(&value).unwrap_err().to_string(), "`jsonrpc` is \"2.0\"; this is a long string");
}
