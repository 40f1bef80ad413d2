//! Steps and their verbs.

use super::auth::AUTH;
use super::expect::EXPECT;
use super::mock::CONTROL;
use super::{HEADERS, oauth, optional, required};
use crate::scenario::SNAPSHOT;
use crate::shape::{Field, Kind, Shape, Verb};

/// Keys of every step.
pub(in crate::shape) static STEP: Shape = Shape {
    name: "step",
    rest: None,
    fields: &[
        optional("name", Kind::Text, "A label for output."),
        optional("as", Kind::Name, "The named client that speaks; default `client`."),
        optional(
            "headers",
            HEADERS,
            "Header name to value; a list repeats the header; `$only` and `$drop` choose among the defaults.",
        ),
        optional("auth", AUTH, "Credentials in place of the target's."),
        optional("timeout", Kind::Duration, "Bound on this step."),
        optional("linger", Kind::Duration, "How long to go on reading a stream after the answer."),
        optional("on_purpose", Kind::Bool, "This message is meant to be invalid."),
        optional(
            "capture",
            Kind::Names(&Kind::Either(&[Kind::JsonPath, Kind::Object(&CAPTURE)])),
            "Name to JSONPath into the exchange, or to a part of the text there.",
        ),
        optional(
            "expect",
            Kind::Either(&[Kind::Object(&EXPECT), Kind::NonEmpty(&Kind::Object(&EXPECT)), Kind::Word(&[SNAPSHOT])]),
            "What must be true of the exchange; `snapshot` alone stands for `{ snapshot: true }`.",
        ),
    ],
};

const PARAMS: Field = optional("params", Kind::Either(&[Kind::Map(&Kind::Any), Kind::Any]), "Parameters.");
const ENVELOPE: Field =
    optional("envelope", Kind::Map(&Kind::Any), "Members put beside `jsonrpc`, `id`, `method` and `params`.");

const RPC: &[&str] = &[
    "status", "headers", "body", "result", "error", "answer", "messages", "$sse", "pages", "within", "after",
    "outcome", "stderr", SNAPSHOT,
];
const MOCK: &[&str] = &[
    "count",
    "requests",
    "mock",
    "method",
    "path",
    "query",
    "headers",
    "body",
    "connection",
    "connections",
    "status",
    "response",
    "compare",
    "note",
    "stderr",
];

/// The verbs.
pub static VERBS: &[Verb] = &[
    Verb {
        name: "call",
        kind: Kind::Text,
        fields: &[
            PARAMS,
            optional("id", Kind::Any, "Request id in place of a generated one."),
            ENVELOPE,
            optional(
                "replies",
                Kind::Map(&Kind::Object(&REPLY)),
                "Method to how the client answers the server's own request.",
            ),
            optional(
                "cursor_walk",
                Kind::Bool,
                "Follows `nextCursor` to the end; `expect` sees all results as `pages`.",
            ),
        ],
        expects: RPC,
        doc: "Sends a JSON-RPC request and takes its answer.",
    },
    Verb {
        name: "notify",
        kind: Kind::Text,
        fields: &[PARAMS, ENVELOPE],
        expects: RPC,
        doc: "Sends a JSON-RPC notification.",
    },
    Verb {
        name: "http",
        kind: Kind::RequestLine,
        fields: &[
            optional("query", Kind::Map(&Kind::Any), "Query parameters."),
            optional("json", Kind::Any, "Body, as JSON."),
            optional("body", Kind::Text, "Body, as it stands."),
            optional("form", Kind::Map(&Kind::Any), "Body, as a form."),
            optional("raw", Kind::Text, "Bytes put on the socket instead of a request."),
        ],
        expects: RPC,
        doc: "Sends a raw HTTP request: `METHOD` to the MCP endpoint or `METHOD /path` to its origin.",
    },
    Verb {
        name: "send",
        kind: Kind::Any,
        fields: &[],
        expects: RPC,
        doc: "Sends one raw message: a stdio line or the body of a POST. A string goes out untouched.",
    },
    Verb {
        name: "listen",
        kind: Kind::Duration,
        fields: &[
            optional("count", Kind::Count, "Stops after so many messages."),
            optional("last_event_id", Kind::Text, "Resumes after this event."),
        ],
        expects: RPC,
        doc: "Opens the GET stream, or reads what the server says on stdio, for at most so long.",
    },
    Verb {
        name: "discover",
        kind: oauth::LEG,
        fields: &[],
        expects: oauth::MEMBERS,
        doc: "OAuth discovery: the challenge, then the metadata of the resource and of its authorization server.",
    },
    Verb {
        name: "authorize",
        kind: oauth::LEG,
        fields: &[
            oauth::AUTHORIZATION,
            oauth::TOKEN,
            optional("step_up", Kind::Bool, "Asks for the scopes of the last 403 besides those it has."),
        ],
        expects: oauth::MEMBERS,
        doc: "An OAuth sign-in, discovery included; the client's later requests carry its token.",
    },
    Verb {
        name: "refresh",
        kind: Kind::True,
        fields: &[oauth::TOKEN],
        expects: oauth::MEMBERS,
        doc: "Refreshes the client's token.",
    },
    Verb {
        name: "revoke",
        kind: Kind::Word(&["access_token", "refresh_token"]),
        fields: &[oauth::TOKEN],
        expects: oauth::MEMBERS,
        doc: "Revokes one of the client's tokens (RFC 7009); the client goes on using it.",
    },
    Verb {
        name: "drive",
        kind: Kind::Either(&[Kind::True, Kind::Object(&DRIVE)]),
        fields: &[],
        expects: &["outcome", "result", "error", "problem", "exit", "stdout", "stderr", "within", "after"],
        doc: "Lets a target that is a client connect, list the tools and call one.",
    },
    Verb {
        name: "received",
        kind: Kind::Id,
        fields: &[
            optional("where", Kind::Pattern, "Only requests that match."),
            optional("count", Kind::Pattern, "How many requests there must be."),
            optional(
                "since",
                Kind::Word(&["start", "last"]),
                "From the start of the scenario, or from the previous `received` step.",
            ),
        ],
        expects: MOCK,
        doc: "Judges what an upstream mock got, or the target, or (`upstreams`) all the upstream mocks in one sequence.",
    },
    Verb { name: "control", kind: Kind::Object(&CONTROL), fields: &[], expects: &[], doc: "Tells a mock something." },
    Verb {
        name: "parallel",
        kind: Kind::NonEmpty(&Kind::Step),
        fields: &[],
        expects: &["within", "after"],
        doc: "Runs steps at the same time.",
    },
    Verb {
        name: "repeat",
        kind: Kind::NonEmpty(&Kind::Step),
        fields: &[
            required("times", Kind::Count, "At most so many rounds."),
            optional("every", Kind::Duration, "Pause between rounds."),
            optional("until", Kind::Pattern, "Stops when the last exchange matches."),
        ],
        expects: &["within", "after"],
        doc: "Runs steps again and again.",
    },
    Verb {
        name: "close",
        kind: Kind::True,
        fields: &[],
        expects: &["status", "headers", "body", "exit", "stderr", "within", "after", "outcome", SNAPSHOT],
        doc: "Ends the client's session: DELETE, or end of stdin and exit.",
    },
    Verb { name: "wait", kind: Kind::Duration, fields: &[], expects: &["stderr"], doc: "Pauses." },
];

pub(super) static CAPTURE: Shape = Shape {
    name: "capture",
    rest: None,
    fields: &[
        required("from", Kind::JsonPath, "JSONPath to a string in the exchange."),
        required(
            "regex",
            Kind::Text,
            "What of the string is taken: the first group, or the whole match if there is none.",
        ),
    ],
};

static DRIVE: Shape = Shape {
    name: "drive",
    rest: None,
    fields: &[
        optional("tool", Kind::Text, "The tool to call; default: the fixture `tool`."),
        optional("arguments", Kind::Map(&Kind::Any), "Its arguments."),
        optional(
            "browser",
            Kind::Variable(&Kind::Word(&["follow", "deny", "none"])),
            "What the browser does: signs in, refuses, or stays away.",
        ),
    ],
};

static REPLY: Shape = Shape {
    name: "reply",
    rest: None,
    fields: &[
        optional("result", Kind::Any, "Answers with this result."),
        optional("error", Kind::Any, "Answers with this error."),
    ],
};
