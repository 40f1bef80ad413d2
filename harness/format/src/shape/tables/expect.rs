//! Expectations.

use super::compare::COMPARE;
use super::{DURATION, optional};
use crate::shape::{Kind, Shape};

/// A block of expectations.
pub static EXPECT: Shape = Shape {
    name: "expect",
    rest: None,
    fields: &[
        optional(
            "proves",
            Kind::List(&Kind::Id),
            "Ids of the requirements that this block proves; default: the scenario's.",
        ),
        optional("because", Kind::Text, "A sentence for the reader."),
        optional(
            "versions",
            Kind::Versions,
            "MCP versions at which the block applies; default: all of the scenario's.",
        ),
        optional("status", Kind::Pattern, "HTTP status."),
        optional("headers", Kind::Pattern, "Header name in lower case to value, a list if repeated."),
        optional("body", Kind::Pattern, "The parsed body, or its text when it is not JSON."),
        optional("result", Kind::Pattern, "Result of the JSON-RPC answer."),
        optional("error", Kind::Pattern, "Error of the JSON-RPC answer."),
        optional("answer", Kind::Pattern, "The whole JSON-RPC answer."),
        optional("messages", Kind::Pattern, "Every JSON-RPC message of the exchange, in order, the answer included."),
        optional("$sse", EVENTS, "These events in this order; others may stand between."),
        optional("pages", Kind::Pattern, "The results of a `cursor_walk`."),
        optional("within", Kind::Duration, "The answer was complete at most so long after the send."),
        optional("after", Kind::Duration, "The answer was complete no sooner than this after the send."),
        optional(
            "snapshot",
            Kind::True,
            "The exchanges of the step are those in the snapshot beside the scenario; `run --bless` writes it.",
        ),
        optional(
            "outcome",
            Kind::Pattern,
            "`answered`, `silent` (a stdio peer said nothing), `closed` (the peer closed without an answer) or `timeout`.",
        ),
        optional("exit", Kind::Pattern, "Exit of a child process: `{ code, signal }`."),
        optional("stdout", Kind::Pattern, "What a client program wrote to standard output."),
        optional("stderr", Kind::Pattern, "What a child process wrote to standard error since the last step."),
        optional("count", Kind::Pattern, "Of `received`: how many requests."),
        optional("requests", Kind::Pattern, "Of `received`: the list of requests."),
        optional("method", Kind::Pattern, "Of `received`: HTTP method of each request."),
        optional("path", Kind::Pattern, "Of `received`: path of each request."),
        optional("query", Kind::Pattern, "Of `received`: query parameters of each request."),
        optional("connection", Kind::Pattern, "Of `received`: the connection that each request came on."),
        optional("connections", Kind::Pattern, "Of `received`: over how many connections the requests came."),
        optional(
            "response",
            Kind::Pattern,
            "Of `received`: what the mock answered each request: `{ status, headers, body, complete }`.",
        ),
        optional(
            "compare",
            Kind::Object(&COMPARE),
            "Of `received`: each request held against the client's request that caused it.",
        ),
        optional(
            "note",
            Kind::Pattern,
            "Of `received`: what the mock noted about each request, such as why it refused.",
        ),
        optional("mock", Kind::Pattern, "Of `received: upstreams`: which mock got each request."),
        optional(
            "problem",
            Kind::Pattern,
            "Code of what stopped an OAuth leg or a driven client; without it a problem fails the step.",
        ),
        optional("challenge", Kind::Pattern, "Of an OAuth leg: the parameters of the Bearer challenge."),
        optional("resource_metadata", Kind::Pattern, "Of an OAuth leg: the protected resource metadata (RFC 9728)."),
        optional("resource_metadata_url", Kind::Pattern, "Of an OAuth leg: where they were found."),
        optional("found_by", Kind::Pattern, "Of an OAuth leg: how they were found: `header`, `path` or `root`."),
        optional("issuer", Kind::Pattern, "Of an OAuth leg: the authorization server."),
        optional("server_metadata", Kind::Pattern, "Of an OAuth leg: the authorization server's metadata (RFC 8414)."),
        optional("server_metadata_url", Kind::Pattern, "Of an OAuth leg: where they were found."),
        optional(
            "registration",
            Kind::Pattern,
            "Of an OAuth leg: how the client is known: `static`, `metadata-document` or `dynamic`.",
        ),
        optional(
            "authorization_request",
            Kind::Pattern,
            "Of an OAuth leg: the parameters of the authorization request.",
        ),
        optional("token_request", Kind::Pattern, "Of an OAuth leg: the parameters of the token request."),
        optional("redirect", Kind::Pattern, "Of an OAuth leg: the parameters that the browser came back with."),
        optional("token", Kind::Pattern, "Of an OAuth leg: the answer of the token endpoint."),
        optional("warnings", Kind::Pattern, "Of an OAuth leg: what was put up with, one sentence each."),
    ],
};

pub(super) const EVENTS: Kind = Kind::List(&Kind::Object(&EVENT));

static EVENT: Shape = Shape {
    name: "event",
    rest: None,
    fields: &[
        optional("event", Kind::Pattern, "Event type; `message` if the stream does not say."),
        optional("id", Kind::Pattern, "Event id."),
        optional(
            "data",
            Kind::Pattern,
            "Data: a string or matcher is held against the text, anything else against the JSON in it.",
        ),
        optional("retry", Kind::Pattern, "Reconnection time in milliseconds."),
        optional("at", Kind::Pattern, "Arrival, in milliseconds after the send of the request."),
        optional("within", DURATION, "Came at most so long after the send of the request."),
        optional("after", DURATION, "Came no sooner than this after the send of the request."),
    ],
};
