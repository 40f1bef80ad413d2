//! `pack.yaml`: what a folder of scenarios shares.

use std::sync::Arc;
use std::time::Duration;

use super::{Defaults, Lifecycle, Transport, decode};
use crate::diagnostic::Diagnostic;
use crate::node::{Key, Node, NodeValue, Source};
use crate::version::VersionWindow;
use crate::{shape, yaml};

/// What a pack gives to each of its scenarios.
#[derive(Debug, Clone)]
pub struct Pack {
    /// The file; spans in this pack say 1 for it.
    pub source: Arc<Source>,
    /// Its name.
    pub name: String,
    /// One sentence about it.
    pub title: Option<String>,
    /// The role under test.
    pub target: Option<Key>,
    /// Versions.
    pub versions: Option<VersionWindow>,
    /// Transport.
    pub transport: Option<Transport>,
    /// Lifecycle.
    pub lifecycle: Option<Lifecycle>,
    /// Added to each scenario's.
    pub tags: Vec<String>,
    /// Configuration of mocks.
    pub given: Option<Node>,
    /// Named values.
    pub vars: Vec<(Key, Node)>,
    /// What every `call` and `notify` starts from.
    pub defaults: Defaults,
    /// Bound on each scenario.
    pub timeout: Option<Duration>,
    /// Bound on each step.
    pub step_timeout: Option<Duration>,
}

impl Pack {
    /// Parses and checks a `pack.yaml`.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn parse(source: Arc<Source>) -> Result<Self, Vec<Diagnostic>> {
        let mut root = yaml::parse(&source, 1)?;
        let problems = shape::validate(&root, &shape::PACK, &source);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            source,
            name: decode::text(&root, "name").unwrap_or_default(),
            title: decode::text(&root, "title"),
            target: decode::key(&root, "target"),
            versions: decode::versions(&root),
            transport: decode::transport(&root),
            lifecycle: decode::lifecycle(&root),
            tags: decode::texts(&root, "tags"),
            given: decode::take(&mut root, "given"),
            vars: decode::members(decode::take(&mut root, "vars")),
            defaults: decode::defaults(&mut root),
            timeout: decode::duration(&root, "timeout"),
            step_timeout: decode::duration(&root, "step_timeout"),
        })
    }
}

/// Members of both; those of `own` win.
pub(super) fn merged(own: Option<Node>, base: Option<&Node>) -> Option<Node> {
    match (own, base) {
        (Some(Node { value: NodeValue::Object(members), span }), Some(Node { value: NodeValue::Object(more), .. })) => {
            Some(Node { value: NodeValue::Object(merged_members(members, more)), span })
        }
        (Some(own), _) => Some(own),
        (None, base) => base.cloned(),
    }
}

/// Members of both; those of `own` win.
pub(super) fn merged_members(own: Vec<(Key, Node)>, base: &[(Key, Node)]) -> Vec<(Key, Node)> {
    let mut all: Vec<(Key, Node)> =
        base.iter().filter(|(k, _)| !own.iter().any(|(o, _)| o.name == k.name)).cloned().collect();
    all.extend(own);
    all
}
