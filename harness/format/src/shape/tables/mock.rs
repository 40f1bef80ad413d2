//! What mocks are told: commands, faults, stubs.

use super::{COUNT, DURATION, HEADERS, TEXTS, TRUE, optional, required};
use crate::shape::{Kind, Shape};

pub(super) static CONTROL: Shape = Shape {
    name: "control",
    rest: None,
    fields: &[
        optional("mock", Kind::Id, "The upstream mock; default: the mock under test."),
        optional("set", Kind::Map(&Kind::Any), "Configuration to change."),
        optional("defects", TEXTS, "Misbehaviour to show from now on."),
        optional("faults", Kind::List(&Kind::Object(&FAULT)), "Faults on the wire from now on."),
        optional("restart", TRUE, "Forgets every session."),
        optional("advance", DURATION, "Moves the mock's clock."),
    ],
};

static FAULT: Shape = Shape {
    name: "fault",
    rest: None,
    fields: &[
        optional("delay", DURATION, "The answer begins so much later."),
        optional(
            "drip",
            Kind::Object(&Shape {
                name: "drip",
                rest: None,
                fields: &[
                    required("bytes", COUNT, "Size of a piece."),
                    required("every", DURATION, "Pause between pieces."),
                ],
            }),
            "The body comes in small pieces.",
        ),
        optional("cut_after_bytes", COUNT, "The connection closes after so many bytes of the body."),
        optional("cut_after_events", COUNT, "The connection closes after so many events of a stream."),
        optional("reset", TRUE, "The connection is reset without an answer."),
        optional("hang", TRUE, "No answer, the connection stays open."),
        optional("status", COUNT, "Answers with this HTTP status."),
        optional(
            "headers",
            Kind::Variable(&Kind::Map(&Kind::Text)),
            "Headers that the answer has in place of its own of these names.",
        ),
        optional("wrong_id", TRUE, "The JSON-RPC answer carries another id."),
        optional("duplicate", TRUE, "The JSON-RPC answer comes twice."),
        optional("reorder", TRUE, "The events come in reverse order."),
        optional("malformed_sse", TRUE, "Lines that are not of the event-stream grammar stand in between."),
        optional("garbage", TRUE, "The body is not JSON."),
        optional("path", Kind::Text, "Only requests to this path."),
        optional("method", Kind::Text, "Only requests with this JSON-RPC method."),
        optional("times", COUNT, "Only so many times."),
    ],
};

pub(super) static STUB: Shape = Shape {
    name: "stub",
    rest: None,
    fields: &[
        optional("at", Kind::Id, "The upstream mock in whose place it answers; without, a mock of the stubs' own."),
        optional(
            "match",
            Kind::Object(&Shape {
                name: "match",
                rest: None,
                fields: &[
                    optional("method", Kind::Pattern, "HTTP method."),
                    optional("path", Kind::Pattern, "Path."),
                    optional("query", Kind::Pattern, "Query parameters."),
                    optional("headers", Kind::Pattern, "Header name in lower case to value."),
                    optional("body", Kind::Pattern, "The parsed body, or its text."),
                ],
            }),
            "Pattern on the request; without it every request matches.",
        ),
        optional("times", COUNT, "Answers only so many requests."),
        optional(
            "respond",
            Kind::Object(&Shape {
                name: "respond",
                rest: None,
                fields: &[
                    optional("status", COUNT, "HTTP status; default 200."),
                    optional("headers", HEADERS, "Header name to value."),
                    optional("json", Kind::Any, "Body, as JSON."),
                    optional("body", Kind::Text, "Body, as it stands."),
                    optional("sse", Kind::List(&Kind::Object(&SENT_EVENT)), "Events of a stream."),
                ],
            }),
            "The answer.",
        ),
        optional("faults", Kind::List(&Kind::Object(&FAULT)), "Misbehaviour on the wire."),
    ],
};

static SENT_EVENT: Shape = Shape {
    name: "event",
    rest: None,
    fields: &[
        optional("event", Kind::Text, "Event type."),
        optional("id", Kind::Text, "Event id."),
        optional("data", Kind::Any, "Data: text, or anything else as JSON."),
        optional("retry", COUNT, "Reconnection time in milliseconds."),
        optional("after", DURATION, "Sent so much after the event before it."),
    ],
};
