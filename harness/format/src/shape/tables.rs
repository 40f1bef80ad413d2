//! The tables.

use super::{Field, Kind, Shape, Verb};

const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, kind, required: true, doc }
}

const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, kind, required: false, doc }
}

const TEXTS: Kind = Kind::List(&Kind::Text);
const TRANSPORT: Kind = Kind::Word(&["http", "stdio", "any"]);
const LIFECYCLE: Kind = Kind::Word(&["auto", "manual", "bare"]);
const COUNT: Kind = Kind::Variable(&Kind::Count);
const TRUE: Kind = Kind::Variable(&Kind::Bool);
const DURATION: Kind = Kind::Variable(&Kind::Duration);

/// A scenario file.
pub static SCENARIO: Shape = Shape {
    name: "scenario",
    rest: None,
    fields: &[
        required("id", Kind::Id, "Unique id: letters, digits, `.`, `-`, `_`."),
        required("title", Kind::Text, "One sentence: what is true when it passes."),
        optional("description", Kind::Text, "Background for `gauntlet explain`."),
        optional("proves", Kind::List(&Kind::Id), "Ids of the requirements that a pass proves."),
        optional("tags", Kind::List(&Kind::Text), "For selection."),
        optional("target", Kind::Id, "The role under test; default from `pack.yaml`."),
        optional(
            "versions",
            Kind::Versions,
            "MCP versions it applies to: `2025-06-18`, `2025-03-26..`, `..2025-11-25`, or a list.",
        ),
        optional("transport", TRANSPORT, "Transport it needs; default `any`."),
        optional("lifecycle", LIFECYCLE, "Who opens and closes the session; default: as the target says."),
        optional("requires", Kind::Object(&REQUIRES), "What it needs of the target."),
        optional("hostile", Kind::Bool, "Sends inputs that may hurt; a target that is not a mock must allow it."),
        optional(
            "given",
            Kind::Map(&Kind::Any),
            "Configuration of the mock under test, or of the upstream mocks by name.",
        ),
        optional(
            "stubs",
            Kind::List(&Kind::Object(&STUB)),
            "Makes a mock out of nothing: request pattern to response.",
        ),
        optional("matrix", Kind::Names(&Kind::NonEmpty(&Kind::Any)), "One case for each combination."),
        optional("vars", Kind::Names(&Kind::Any), "Named values."),
        optional("defaults", Kind::Object(&DEFAULTS), "What every `call` and `notify` starts from."),
        optional("timeout", Kind::Duration, "Bound on the whole scenario; default 60s."),
        optional("step_timeout", Kind::Duration, "Bound on each step; default 15s."),
        required("steps", Kind::NonEmpty(&Kind::Step), "What is done, in order."),
    ],
};

/// A `pack.yaml`.
pub static PACK: Shape = Shape {
    name: "pack",
    rest: None,
    fields: &[
        required("name", Kind::Id, "Name of the pack."),
        optional("title", Kind::Text, "One sentence about the pack."),
        optional("target", Kind::Id, "The role under test."),
        optional("versions", Kind::Versions, "MCP versions that the scenarios apply to."),
        optional("transport", TRANSPORT, "Transport that the scenarios need."),
        optional("lifecycle", LIFECYCLE, "Who opens and closes the session."),
        optional("tags", Kind::List(&Kind::Text), "Added to the tags of every scenario."),
        optional("given", Kind::Map(&Kind::Any), "Configuration of mocks; a scenario's own members win by key."),
        optional("vars", Kind::Names(&Kind::Any), "Named values; a scenario's own win by name."),
        optional("defaults", Kind::Object(&DEFAULTS), "What every `call` and `notify` starts from."),
        optional("timeout", Kind::Duration, "Bound on each scenario."),
        optional("step_timeout", Kind::Duration, "Bound on each step."),
    ],
};

static REQUIRES: Shape = Shape {
    name: "requires",
    rest: None,
    fields: &[
        optional(
            "capabilities",
            Kind::List(&Kind::Text),
            "Server capabilities such as `resources.subscribe`; missing is `skip`.",
        ),
        optional("fixtures", Kind::List(&Kind::Text), "Entries of the target's `fixtures:`; missing is `untestable`."),
        optional("upstreams", Kind::List(&Kind::Text), "Upstream mocks behind the target; missing is `untestable`."),
    ],
};

static DEFAULTS: Shape = Shape {
    name: "defaults",
    rest: None,
    fields: &[
        optional("headers", HEADERS, "Header name to value."),
        optional("auth", AUTH, "Credentials in place of the target's."),
        optional("envelope", Kind::Map(&Kind::Any), "Members put beside `jsonrpc`, `id`, `method` and `params`."),
    ],
};

const HEADERS: Kind = Kind::Object(&Shape {
    name: "headers",
    rest: Some(Kind::Either(&[Kind::Text, TEXTS, Kind::Number])),
    fields: &[
        optional("$only", TEXTS, "Keeps just these of the default headers."),
        optional("$drop", TEXTS, "Takes these default headers away."),
    ],
});

const AUTH: Kind = Kind::Either(&[Kind::Variable(&Kind::Word(&["none"])), Kind::Object(&AUTHS)]);

static AUTHS: Shape = Shape {
    name: "auth",
    rest: None,
    fields: &[
        optional("bearer", Kind::Text, "A bearer token."),
        optional(
            "basic",
            Kind::Object(&Shape {
                name: "basic",
                rest: None,
                fields: &[required("username", Kind::Text, "User."), required("password", Kind::Text, "Password.")],
            }),
            "User and password.",
        ),
        optional("header", Kind::Map(&Kind::Text), "Header name to value."),
        optional(
            "sigv4",
            Kind::Object(&Shape {
                name: "sigv4",
                rest: Some(Kind::Any),
                fields: &[
                    required("service", Kind::Text, "AWS service name, as it stands in the credential scope."),
                    required("region", Kind::Text, "AWS region, as it stands in the credential scope."),
                ],
            }),
            "AWS Signature Version 4.",
        ),
    ],
};

/// Keys of every step.
pub(super) static STEP: Shape = Shape {
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
        optional("capture", Kind::Names(&Kind::JsonPath), "Name to JSONPath into the exchange."),
        optional(
            "expect",
            Kind::Either(&[Kind::Object(&EXPECT), Kind::NonEmpty(&Kind::Object(&EXPECT))]),
            "What must be true of the exchange.",
        ),
    ],
};

const PARAMS: Field = optional("params", Kind::Either(&[Kind::Map(&Kind::Any), Kind::Any]), "Parameters.");
const ENVELOPE: Field =
    optional("envelope", Kind::Map(&Kind::Any), "Members put beside `jsonrpc`, `id`, `method` and `params`.");

const HTTP: &[&str] = &["status", "headers", "body", "$sse", "within", "after", "outcome", "stderr"];
const RPC: &[&str] = &[
    "status", "headers", "body", "result", "error", "answer", "messages", "$sse", "pages", "within", "after",
    "outcome", "stderr",
];
const MOCK: &[&str] = &["count", "requests", "method", "path", "query", "headers", "body", "connection", "stderr"];

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
        kind: Kind::True,
        fields: &[],
        expects: OAUTH,
        doc: "OAuth discovery: challenge and metadata documents.",
    },
    Verb { name: "authorize", kind: Kind::True, fields: &[], expects: OAUTH, doc: "An OAuth authorization code flow." },
    Verb { name: "refresh", kind: Kind::True, fields: &[], expects: OAUTH, doc: "An OAuth refresh." },
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
        doc: "Judges what an upstream mock, or the target, got.",
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
        expects: &["status", "headers", "body", "exit", "stderr", "within", "after", "outcome"],
        doc: "Ends the client's session: DELETE, or end of stdin and exit.",
    },
    Verb { name: "wait", kind: Kind::Duration, fields: &[], expects: &["stderr"], doc: "Pauses." },
];

const OAUTH: &[&str] = HTTP;

static REPLY: Shape = Shape {
    name: "reply",
    rest: None,
    fields: &[
        optional("result", Kind::Any, "Answers with this result."),
        optional("error", Kind::Any, "Answers with this error."),
    ],
};

static CONTROL: Shape = Shape {
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

static STUB: Shape = Shape {
    name: "stub",
    rest: None,
    fields: &[
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
            "outcome",
            Kind::Pattern,
            "`answered`, `silent` (a stdio peer said nothing), `closed` (the peer closed without an answer) or `timeout`.",
        ),
        optional("exit", Kind::Pattern, "Exit of a child process: `{ code, signal }`."),
        optional("stderr", Kind::Pattern, "What a child process wrote to standard error since the last step."),
        optional("count", Kind::Pattern, "Of `received`: how many requests."),
        optional("requests", Kind::Pattern, "Of `received`: the list of requests."),
        optional("method", Kind::Pattern, "Of `received`: HTTP method of each request."),
        optional("path", Kind::Pattern, "Of `received`: path of each request."),
        optional("query", Kind::Pattern, "Of `received`: query parameters of each request."),
        optional("connection", Kind::Pattern, "Of `received`: the connection that each request came on."),
    ],
};

const EVENTS: Kind = Kind::List(&Kind::Object(&EVENT));

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

const TYPE: Kind = Kind::Word(&["string", "number", "integer", "boolean", "object", "array", "null"]);

/// The matchers.
pub static MATCHERS: &[Field] = &[
    optional("$regex", Kind::Text, "The string has a match of this regular expression."),
    optional("$type", Kind::Either(&[TYPE, Kind::NonEmpty(&TYPE)]), "The value is of this JSON type, or one of these."),
    optional("$any", Kind::True, "The value is there, null included."),
    optional("$absent", Kind::True, "The member is not there."),
    optional("$contains", Kind::Pattern, "A string holds the text; an array holds an element that matches."),
    optional("$not", Kind::Pattern, "The value is there and does not match."),
    optional("$oneOf", Kind::List(&Kind::Pattern), "At least one of these matches."),
    optional("$allOf", Kind::List(&Kind::Pattern), "All of these match."),
    optional("$len", Kind::Pattern, "Length of a string (characters), array or object."),
    optional("$gt", Kind::Variable(&Kind::Number), "A number greater than this."),
    optional("$lt", Kind::Variable(&Kind::Number), "A number less than this."),
    optional("$gte", Kind::Variable(&Kind::Number), "A number of at least this."),
    optional("$lte", Kind::Variable(&Kind::Number), "A number of at most this."),
    optional("$unordered", Kind::Variable(&Kind::List(&Kind::Pattern)), "The same elements in any order."),
    optional("$exact", Kind::Any, "Equal, nothing more."),
    optional("$schema", Kind::Any, "Valid under this JSON Schema, 2020-12 unless it says otherwise."),
    optional(
        "$url",
        Kind::Object(&Shape {
            name: "$url",
            rest: None,
            fields: &[
                optional("scheme", Kind::Pattern, "Scheme in lower case."),
                optional("host", Kind::Pattern, "Host."),
                optional("port", Kind::Pattern, "Port, the scheme's default if none is written."),
                optional("path", Kind::Pattern, "Path."),
                optional("query", Kind::Pattern, "Parameter name to value, a list if repeated."),
            ],
        }),
        "The string is an absolute URL with these parts.",
    ),
    optional("$json", Kind::Pattern, "The string holds JSON that matches."),
    optional("$sse", EVENTS, "The event stream holds these events in this order; others may stand between."),
    optional(
        "$jwt",
        Kind::Object(&Shape {
            name: "$jwt",
            rest: None,
            fields: &[optional("header", Kind::Pattern, "JOSE header."), optional("claims", Kind::Pattern, "Claims.")],
        }),
        "The string is a JWT with these.",
    ),
    optional(
        "$challenge",
        Kind::Object(&Shape {
            name: "$challenge",
            rest: Some(Kind::Pattern),
            fields: &[optional("scheme", Kind::Pattern, "Authentication scheme, in any case.")],
        }),
        "A `WWW-Authenticate` value with a challenge of this scheme and these parameters.",
    ),
    optional(
        "$arn",
        Kind::Object(&Shape {
            name: "$arn",
            rest: None,
            fields: &[
                optional("partition", Kind::Pattern, "Partition, such as `aws`."),
                optional("service", Kind::Pattern, "Service."),
                optional("region", Kind::Pattern, "Region, empty for global resources."),
                optional("account", Kind::Pattern, "Account id."),
                optional("resource", Kind::Pattern, "The rest, colons included."),
            ],
        }),
        "The string is an ARN with these parts.",
    ),
    optional(
        "$unique",
        Kind::Either(&[Kind::True, Kind::Text]),
        "No two elements are equal, or none by this member; a path `tools.name` opens the lists on its way.",
    ),
    optional("$each", Kind::Pattern, "Every element matches."),
];
