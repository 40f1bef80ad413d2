//! The tables.

mod auth;
mod compare;
mod expect;
mod matcher;
mod mock;
mod oauth;
mod signature;
mod step;

pub use expect::EXPECT;
pub use matcher::MATCHERS;
pub use signature::SIGNATURES;
pub(super) use step::STEP;
pub use step::VERBS;

use self::auth::AUTH;
use self::mock::STUB;
use super::{Field, Kind, Shape};

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
        optional(
            "secrets",
            Kind::List(&Kind::Id),
            "Secrets that whoever runs it gives with `--secret`, each read as `${secret:NAME}`.",
        ),
        optional("defaults", Kind::Object(&DEFAULTS), "What every `call` and `notify` starts from."),
        optional(
            "volatile",
            Kind::Object(&VOLATILE),
            "What of its transcripts differs from run to run, beside what the built-in rules know.",
        ),
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

static VOLATILE: Shape = Shape {
    name: "volatile",
    rest: None,
    fields: &[
        optional("rules", Kind::List(&Kind::Object(&VOLATILE_RULE)), "Rules beside the built-in ones."),
        optional(
            "keep",
            Kind::List(&Kind::Id),
            "Names of rules that do not hold here: what they would replace is compared.",
        ),
    ],
};

static VOLATILE_RULE: Shape = Shape {
    name: "volatile-rule",
    rest: None,
    fields: &[
        required("name", Kind::Id, "Its name, which the placeholder bears."),
        optional("header", Kind::Text, "A header whose whole value is replaced."),
        optional(
            "path",
            Kind::Text,
            "A place in a message, such as `result.content[*].text`, whose value is replaced.",
        ),
        optional(
            "pattern",
            Kind::Text,
            "A regular expression on any text; its first group is replaced, or the whole match if it has none.",
        ),
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

const HEADERS: Kind = Kind::Variable(&Kind::Object(&Shape {
    name: "headers",
    rest: Some(Kind::Either(&[Kind::Text, TEXTS, Kind::Number])),
    fields: &[
        optional("$only", TEXTS, "Keeps just these of the default headers."),
        optional("$drop", TEXTS, "Takes these default headers away."),
    ],
}));
