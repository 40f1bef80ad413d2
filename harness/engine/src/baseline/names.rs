//! What an entry may name, and what of it is not there.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_format::scenario::each_step;
use gauntlet_format::{Diagnostic, Node, NodeValue, Scenario, Span, StepKind, Version};
use gauntlet_reports::baseline::{CheckName, Entry};

use super::BaselineFile;
use crate::config::Config;
use crate::runner::{Loaded, ScenarioSet, labels_of, steps_of};

/// Checks that no scenario writes down: what every message is held against, and how those on what arrived are named.
const UNWRITTEN: [&str; 5] = ["schema", "wire", "problem", "count", "requests"];

/// What there is to fail.
#[derive(Debug, Clone, Default)]
pub struct Names {
    scenarios: BTreeMap<String, Parts>,
    targets: BTreeSet<String>,
}

/// What of a scenario an entry may name.
#[derive(Debug, Clone, Default)]
struct Parts {
    /// Labels by name.
    matrix: BTreeMap<String, Vec<String>>,
    steps: usize,
    /// How labels of its checks begin.
    checks: BTreeSet<String>,
}

impl Names {
    /// Of all scenarios of the sets, whatever is selected, and of all targets. A file that is in several sets is read once.
    #[must_use]
    pub fn of(sets: &[&ScenarioSet], config: &Config) -> Self {
        let mut names = Self::default();
        let mut seen = HashSet::new();
        for set in sets {
            // An embedded file may be called as one of the user is.
            for file in set.files.iter().filter(|file| seen.insert((&file.path, file.embedded.is_some()))) {
                if let Loaded::Scenario(scenario) = set.load(file) {
                    // A case that nobody's target takes is told under the name of its role.
                    names.targets.insert(scenario.target.name.clone());
                    names.scenarios.entry(scenario.id.clone()).or_insert_with(|| parts(&scenario));
                }
            }
        }
        names.targets.extend(config.targets.iter().map(|target| target.name.clone()));
        names
    }

    /// What of a baseline names nothing: the line of its entry, and the message.
    #[must_use]
    pub fn unknown(&self, file: &BaselineFile) -> Vec<(u32, Diagnostic)> {
        let mut found = Vec::new();
        for (entry, node) in file.baseline.entries.iter().zip(&file.nodes) {
            let mut problems = Vec::new();
            self.entry(entry, node, &mut problems);
            found.extend(problems.into_iter().map(|Problem { span, message, help }| {
                let diagnostic = Diagnostic::error("unknown-name", &file.source, span, message).maybe_help(help);
                (entry.lines.first, diagnostic)
            }));
        }
        found
    }

    fn entry(&self, entry: &Entry, node: &Node, problems: &mut Vec<Problem>) {
        let span = |member: &str| node.get(member).map_or(node.span, |node| node.span);
        for version in &entry.versions {
            if version.parse::<Version>().is_err() {
                let known = Version::ALL.iter().map(|version| version.as_str());
                problems.push(Problem::new(span("version"), format!("no MCP version is `{version}`"), version, known));
            }
        }
        if let Some(target) = &entry.target
            && !self.targets.contains(target)
        {
            let known = self.targets.iter().map(String::as_str);
            problems.push(Problem::new(span("target"), format!("no target is named `{target}`"), target, known));
        }
        let named: Vec<&Parts> =
            self.scenarios.iter().filter(|(id, _)| entry.names_scenario(id)).map(|(_, parts)| parts).collect();
        if named.is_empty() {
            let id = &entry.scenario;
            let message = if entry.is_glob() {
                format!("no scenario's id is as `{id}` says")
            } else {
                format!("no scenario is named `{id}`")
            };
            problems.push(Problem::new(span("scenario"), message, id, self.scenarios.keys().map(String::as_str)));
            return;
        }
        for (name, label) in &entry.case {
            let at = node.get("case").and_then(|case| case.get(name)).map_or(span("case"), |node| node.span);
            let labels = || named.iter().filter_map(|parts| parts.matrix.get(name)).flatten().map(String::as_str);
            if labels().next().is_none() {
                let known = named.iter().flat_map(|parts| parts.matrix.keys()).map(String::as_str);
                problems.push(Problem::new(at, format!("the matrix of the scenario has no `{name}`"), name, known));
            } else if !labels().any(|known| known == label) {
                problems.push(Problem::new(at, format!("`{name}` is never `{label}`"), label, labels()));
            }
        }
        let items = match node.get("checks").map(|node| &node.value) {
            Some(NodeValue::Array(items)) => items.as_slice(),
            _ => &[],
        };
        for (check, item) in entry.checks.iter().zip(items) {
            problems.extend(check_of(check, item.span, &named));
        }
    }
}

struct Problem {
    span: Span,
    message: String,
    help: Option<String>,
}

impl Problem {
    fn new<'a>(span: Span, message: String, name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        Self { span, message, help: did_you_mean(name, known) }
    }
}

fn check_of(check: &CheckName, span: Span, named: &[&Parts]) -> Option<Problem> {
    if let Some(step) = check.step.filter(|step| named.iter().all(|parts| *step > parts.steps)) {
        let most = named.iter().map(|parts| parts.steps).max().unwrap_or(0);
        let message = format!("there is no step {step}; the scenario has {most}");
        return Some(Problem { span, message, help: None });
    }
    let begins = |known: &str| {
        check.label.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ']))
    };
    let known = || UNWRITTEN.into_iter().chain(named.iter().flat_map(|parts| parts.checks.iter().map(String::as_str)));
    if known().any(begins) {
        return None;
    }
    let label = &check.label;
    Some(Problem::new(span, format!("the scenario has no check `{label}`"), label, known()))
}

fn parts(scenario: &Scenario) -> Parts {
    let mut checks = BTreeSet::new();
    each_step(&scenario.steps, &mut |step| {
        for (key, pattern) in step.expect.iter().flat_map(|block| &block.members) {
            match &pattern.value {
                NodeValue::Object(headers) if key.name == "headers" => {
                    checks.extend(headers.iter().map(|(name, _)| format!("headers.{}", name.name)));
                    // Of what arrived behind a target they are judged together.
                    if matches!(step.kind, StepKind::Received { .. }) {
                        checks.insert(key.name.clone());
                    }
                }
                _ => {
                    checks.insert(key.name.clone());
                }
            }
        }
    });
    let labels = |values: &[Node]| labels_of(&values.iter().map(Node::to_json).collect::<Vec<_>>());
    Parts {
        matrix: scenario.matrix.iter().map(|(key, values)| (key.name.clone(), labels(values))).collect(),
        steps: steps_of(scenario),
        checks,
    }
}
