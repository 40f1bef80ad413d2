//! Relations between the hops.

use super::optional;
use crate::shape::{Kind, Shape};

const PATHS: Kind = Kind::NonEmpty(&Kind::Text);

/// What arrived behind the target against what its client sent.
pub(super) static COMPARE: Shape = Shape {
    name: "compare",
    rest: None,
    fields: &[
        optional("same", PATHS, "Paths at which what arrived is what the client sent: `body.params.arguments`."),
        optional("absent", PATHS, "Paths whose value, as the client sent it, is nowhere in what arrived."),
        optional("changed", PATHS, "Paths at which there is a value, and another one than the client sent."),
        optional("with", Kind::Text, "Name of the step that caused the requests; default: found by time and content."),
        optional("answer", Kind::Object(&ANSWER), "What the client got against what the mock answered."),
    ],
};

static ANSWER: Shape = Shape {
    name: "answer",
    rest: None,
    fields: &[
        optional("same", PATHS, "Paths at which the client got what the mock answered: `result.content`."),
        optional("absent", PATHS, "Paths whose value, as the mock answered it, is nowhere in what the client got."),
        optional("changed", PATHS, "Paths at which the client got a value, and another one than the mock answered."),
    ],
};
