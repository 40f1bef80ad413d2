//! What is wrong with a set of scenarios.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::node::{Key, NodeValue, Source, Span};
use crate::scenario::{Scenario, Step, StepKind};

/// What other scenarios, and the world around, need to know of a scenario.
#[derive(Debug, Clone)]
pub struct ScenarioSummary {
    /// Files that the places refer to.
    pub sources: Vec<Arc<Source>>,
    /// Its id.
    pub id: Key,
    /// Requirement ids, those of single blocks included.
    pub proves: Vec<Key>,
    /// The role under test.
    pub target: Key,
    /// Mocks by name: of `requires.upstreams`, stubs, `received` and `control`; `target` left out.
    pub upstreams: Vec<Key>,
}

impl From<&Scenario> for ScenarioSummary {
    fn from(scenario: &Scenario) -> Self {
        let mut summary = Self {
            sources: scenario.sources.clone(),
            id: Key { name: scenario.id.clone(), span: scenario.id_span },
            proves: scenario.proves.clone(),
            target: scenario.target.clone(),
            upstreams: scenario.requires.upstreams.clone(),
        };
        summary.upstreams.extend(scenario.stubbed_upstreams());
        summary.steps(&scenario.steps);
        summary
    }
}

impl ScenarioSummary {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.proves.extend(step.expect.iter().flat_map(|b| b.proves.iter().cloned()));
            match &step.kind {
                StepKind::Received { upstream, .. } if upstream.name != "target" => {
                    self.upstreams.push(upstream.clone());
                }
                StepKind::Control(node) => {
                    if let Some(mock) = node.get("mock")
                        && let NodeValue::String(name) = &mock.value
                        && name != "target"
                    {
                        self.upstreams.push(Key { name: name.clone(), span: mock.span });
                    }
                }
                StepKind::Parallel(steps) | StepKind::Repeat { steps, .. } => self.steps(steps),
                _ => {}
            }
        }
    }

    fn source(&self, span: Span) -> &Arc<Source> {
        self.sources.get(usize::from(span.source)).unwrap_or(&self.sources[0])
    }
}

/// Ids that more than one scenario has: one error for each scenario after the first, naming both places.
#[must_use]
pub fn across(summaries: &[ScenarioSummary]) -> Vec<Diagnostic> {
    let mut first: HashMap<&str, &ScenarioSummary> = HashMap::new();
    let mut found = Vec::new();
    for summary in summaries {
        let Some(other) = first.get(summary.id.name.as_str()) else {
            first.insert(&summary.id.name, summary);
            continue;
        };
        let place = format!("{}:{}", other.source(other.id.span).path.display(), other.id.span.line);
        let message = format!("the id `{}` is taken", summary.id.name);
        found.push(
            Diagnostic::error("duplicate-id", summary.source(summary.id.span), summary.id.span, message)
                .label(format!("also in {place}"))
                .help("ids name results, baselines and cases; each is unique"),
        );
    }
    found
}

/// Names that exist outside of the scenarios. An empty list means that nothing is known, and nothing is checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'k> {
    /// Requirement ids.
    pub requirements: &'k [&'k str],
    /// Target roles.
    pub targets: &'k [&'k str],
    /// Upstream names and mocks.
    pub mocks: &'k [&'k str],
}

/// Names in a scenario that lead nowhere.
#[must_use]
pub fn names(summary: &ScenarioSummary, known: &Known<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut check = |keys: &[Key], known: &[&str], code, what: &str| {
        for key in keys.iter().filter(|k| !known.is_empty() && !known.contains(&k.name.as_str())) {
            let message = format!("there is no {what} `{}`", key.name);
            found.push(
                Diagnostic::error(code, summary.source(key.span), key.span, message)
                    .label("unknown")
                    .maybe_help(did_you_mean(&key.name, known.iter().copied())),
            );
        }
    };
    check(&summary.proves, known.requirements, "unknown-requirement", "requirement");
    check(std::slice::from_ref(&summary.target), known.targets, "unknown-target", "target");
    check(&summary.upstreams, known.mocks, "unknown-mock", "upstream or mock");
    found
}
