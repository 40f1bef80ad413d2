//! Gauntlet scenario files: from text to a spanned tree, to a checked [`Scenario`], to resolved values and matchers.
//!
//! No network and no mock is known here. The stages are separate on purpose: [`yaml`] parses text to a [`Node`] tree in
//! which every value knows its place, [`shape`] and [`scenario`] validate it, and only at run time are variables
//! [`resolve`]d and patterns [`matching`]-ed, so that a failed expectation still points at its line.

pub mod diagnostic;
pub mod dotted;
pub mod duration;
pub mod emit;
pub mod jsonpath;
pub mod lint;
pub mod matching;
pub mod node;
pub mod render;
pub mod resolve;
pub mod scenario;
pub mod shape;
pub mod signature;
pub mod sse;
pub mod version;
pub mod yaml;

pub use diagnostic::{Diagnostic, Severity};
pub use dotted::Dotted;
pub use matching::Mismatch;
pub use node::{Key, Node, NodeValue, Source, Span};
pub use scenario::{Pack, Scenario, Step, StepKind};
pub use signature::Signature;
pub use version::{Version, VersionWindow};
