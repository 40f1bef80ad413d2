//! Signatures: known failures and how to recognise them.

use super::expect::{EVENTS, EXPECT};
use super::step::CAPTURE;
use super::{optional, required};
use crate::shape::{Kind, Shape};

/// A file of signatures.
pub static SIGNATURES: Shape = Shape {
    name: "file of signatures",
    rest: None,
    fields: &[required("signatures", Kind::NonEmpty(&Kind::Object(&SIGNATURE)), "The known failures.")],
};

static SIGNATURE: Shape = Shape {
    name: "signature",
    rest: None,
    fields: &[
        required("id", Kind::Id, "Unique id: letters, digits, `.`, `-`, `_`."),
        required("title", Kind::Text, "One sentence: what goes wrong."),
        required("systems", Kind::NonEmpty(&Kind::Id), "The systems it was seen with."),
        required(
            "confidence",
            Kind::Word(&["certain", "likely", "possible"]),
            "What a match is worth: `possible` where other causes look the same.",
        ),
        required(
            "recognise",
            Kind::NonEmpty(&Kind::Object(&SIGHT)),
            "Exchanges in this order; others may stand between.",
        ),
        required("cause", Kind::Text, "Why it happens."),
        required("remedy", Kind::NonEmpty(&Kind::Object(&REMEDY)), "What helps, the best first."),
        optional("source", Kind::Text, "How it is known."),
        optional("link", Kind::Text, "Where to read on: a URL."),
        optional(
            "mended",
            Kind::Object(&MENDED),
            "What is right, as a scenario made of a recording that shows it expects it.",
        ),
        required("reproduce", Kind::Object(&REPRODUCE), "The scenario that shows it, or why there is none."),
    ],
};

static SIGHT: Shape = Shape {
    name: "exchange",
    rest: None,
    fields: &[
        optional(
            "hop",
            Kind::Word(&["front", "behind"]),
            "`front`: a client asked the target; `behind`: the target asked a system behind it. Default: either.",
        ),
        optional(
            "absent",
            Kind::True,
            "No such exchange between the one before and the one after it in the list, or on that side of the only one.",
        ),
        optional("request", Kind::Object(&REQUEST), "What was sent."),
        optional("response", Kind::Object(&RESPONSE), "What came back."),
        optional("failure", Kind::Pattern, "Why there is no whole answer: a text."),
        optional("within", Kind::Duration, "The answer was complete at most so long after the send."),
        optional("after", Kind::Duration, "The answer was complete no sooner than this after the send."),
        optional(
            "capture",
            Kind::Names(&Kind::Either(&[Kind::JsonPath, Kind::Object(&CAPTURE)])),
            "Name to JSONPath into `{ request, response }`; later exchanges may read `${name}`.",
        ),
    ],
};

static REQUEST: Shape = Shape {
    name: "request",
    rest: None,
    fields: &[
        optional("method", Kind::Pattern, "HTTP method; `stdin` for a line to a child process."),
        optional("host", Kind::Pattern, "Host, with the port where the URL has one."),
        optional("path", Kind::Pattern, "Path."),
        optional("query", Kind::Pattern, "Query parameters."),
        optional("headers", Kind::Pattern, "Header name in lower case to value, a list if repeated."),
        optional("body", Kind::Pattern, "The parsed body, or its text."),
        optional("form", Kind::Pattern, "The fields of a form."),
    ],
};

static RESPONSE: Shape = Shape {
    name: "response",
    rest: None,
    fields: &[
        optional("status", Kind::Pattern, "HTTP status."),
        optional("headers", Kind::Pattern, "Header name in lower case to value, a list if repeated."),
        optional("body", Kind::Pattern, "The parsed body, or its text."),
        optional("answer", Kind::Pattern, "The whole JSON-RPC answer."),
        optional("result", Kind::Pattern, "Result of the JSON-RPC answer."),
        optional("error", Kind::Pattern, "Error of the JSON-RPC answer."),
        optional("messages", Kind::Pattern, "Every JSON-RPC message of the exchange, in order."),
        optional("$sse", EVENTS, "These events in this order; others may stand between."),
    ],
};

static REMEDY: Shape = Shape {
    name: "remedy",
    rest: None,
    fields: &[
        required("who", Kind::Text, "Who has to act: `gateway`, `client`, `administrator`, …"),
        required("do", Kind::Text, "What to do, as an instruction."),
    ],
};

static MENDED: Shape = Shape {
    name: "mended",
    rest: None,
    fields: &[
        optional("given", Kind::Map(&Kind::Any), "Configuration of mocks, as `given` of a scenario of the role."),
        optional("steps", Kind::NonEmpty(&Kind::Step), "Steps that come before the one that shows it."),
        optional("expect", Kind::Object(&EXPECT), "What must be true of the answer that shows it."),
        optional("received", Kind::NonEmpty(&Kind::Step), "`received` steps right after that one."),
    ],
};

static REPRODUCE: Shape = Shape {
    name: "reproduction",
    rest: None,
    fields: &[
        optional("scenario", Kind::Id, "The scenario in whose transcript it shows."),
        optional("defect", Kind::Text, "`MOCK:DEFECT`: what to switch on; without it the scenario provokes it itself."),
        optional("none", Kind::Text, "Why no scenario reproduces it."),
    ],
};
