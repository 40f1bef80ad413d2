//! What is wrong with a scenario although its shape is good: names that lead nowhere, checks that cannot fail or cannot pass.

mod across;
mod mended;
mod patterns;
mod relations;
mod signatures;
mod variables;

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::node::{Key, Node, Source, Span};
use crate::scenario::{Expect, Scenario, Step, StepKind};
use crate::shape;

pub use across::{Known, ScenarioSummary, across, names};
pub use signatures::signatures;

/// Variables of the harness: no capture, matrix or var may take these names.
pub const ROOTS: &[&str] = &[
    "version",
    "target",
    "upstreams",
    "fixtures",
    "env",
    "secret",
    "uuid",
    "now",
    "request",
    "session",
    "vars",
    "sent",
    "answered",
];

/// The client that speaks when a step does not say `as`.
const DEFAULT_CLIENT: &str = "client";

/// Everything that is wrong with one scenario, errors and warnings, in the order of the file.
#[must_use]
pub fn scenario(scenario: &Scenario) -> Vec<Diagnostic> {
    let mut all = parts(scenario);
    if !checks_something(&scenario.steps) {
        let mut found = Findings { sources: &scenario.sources, scenario: Some(scenario), all: Vec::new() };
        found
            .error("checks-nothing", scenario.id_span, "the scenario checks nothing")
            .help("no step has an `expect` or a `count`; a run of it could not fail");
        all.extend(found.all);
    }
    all.sort_by_key(|d| (d.span.source, d.span.start));
    all
}

/// Everything that is wrong with the parts of a scenario, by themselves.
fn parts(scenario: &Scenario) -> Vec<Diagnostic> {
    let mut found = Findings { sources: &scenario.sources, scenario: Some(scenario), all: Vec::new() };
    variables::check(scenario, &mut found);
    steps(&scenario.steps, &mut Vec::new(), &mut found);
    patterns::stubs(scenario.stubs.as_ref(), &mut found);
    found.all
}

/// Diagnostics as they are found.
struct Findings<'s> {
    /// The files that spans refer to; there is at least one.
    sources: &'s [Arc<Source>],
    /// What the patterns are part of, unless it is a signature.
    scenario: Option<&'s Scenario>,
    all: Vec<Diagnostic>,
}

/// The diagnostic just made, to be completed.
struct Last<'f>(&'f mut Diagnostic);

impl Last<'_> {
    fn label(self, label: impl Into<String>) -> Self {
        self.0.label = label.into();
        self
    }

    fn help(self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }
}

impl Findings<'_> {
    /// A span that is of none of the files is quoted from the first.
    fn source_of(&self, span: Span) -> &Arc<Source> {
        self.sources.get(usize::from(span.source)).unwrap_or(&self.sources[0])
    }

    fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> Last<'_> {
        self.all.push(Diagnostic::error(code, self.source_of(span), span, message));
        self.last()
    }

    fn warning(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> Last<'_> {
        self.all.push(Diagnostic::warning(code, self.source_of(span), span, message));
        self.last()
    }

    fn last(&mut self) -> Last<'_> {
        let last = self.all.len() - 1;
        Last(&mut self.all[last])
    }
}

fn checks_something(steps: &[Step]) -> bool {
    steps.iter().any(|step| {
        step.expect.iter().any(|block| !block.members.is_empty())
            || match &step.kind {
                StepKind::Received { count, .. } => count.is_some(),
                StepKind::Parallel(steps) | StepKind::Repeat { steps, .. } => checks_something(steps),
                _ => false,
            }
    })
}

fn steps<'s>(list: &'s [Step], closed: &mut Vec<(&'s str, u32)>, found: &mut Findings<'s>) {
    for step in list {
        after_close(step, closed, found);
        for block in &step.expect {
            expect(step, block, found);
        }
        for regex in step.capture.iter().filter_map(|(_, capture)| capture.regex.as_ref()) {
            patterns::regex(&regex.name, regex.span, found);
        }
        match &step.kind {
            StepKind::Received { filter, count, .. } => {
                for pattern in filter.iter().chain(count) {
                    patterns::check(pattern, found);
                }
            }
            StepKind::Repeat { until, steps: inner, .. } => {
                until.iter().for_each(|pattern| patterns::check(pattern, found));
                steps(inner, closed, found);
            }
            StepKind::Parallel(inner) => steps(inner, closed, found),
            _ => {}
        }
    }
}

/// A closed client says nothing more, unless that is the point: `on_purpose`, or a handshake of the steps' own.
fn after_close<'s>(step: &'s Step, closed: &mut Vec<(&'s str, u32)>, found: &mut Findings<'s>) {
    let client = step.client.as_deref().unwrap_or(DEFAULT_CLIENT);
    let manual = found.scenario.and_then(|s| s.lifecycle) == Some(crate::scenario::Lifecycle::Manual);
    let speaks = matches!(
        step.kind,
        StepKind::Call { .. } | StepKind::Notify { .. } | StepKind::Send(_) | StepKind::Listen { .. } | StepKind::Close
    );
    if speaks
        && !manual
        && !step.on_purpose
        && let Some((_, line)) = closed.iter().find(|(name, _)| *name == client)
    {
        let message = format!("the client `{client}` was closed on line {line}");
        found
            .error("after-close", step.span, message)
            .label("cannot speak any more")
            .help("use another client with `as`, or say `on_purpose: true` if that is what is tested");
    }
    if matches!(step.kind, StepKind::Close) {
        closed.push((client, step.span.line));
    }
}

fn expect(step: &Step, block: &Expect, found: &mut Findings<'_>) {
    let verb = step.kind.verb();
    let known = shape::verb(verb).map_or(&[] as &[&str], |v| v.expects);
    if block.members.is_empty() {
        let span = block.proves.first().map_or(step.span, |k| k.span);
        found.error("empty-expect", span, "the block of expectations checks nothing").label("nothing is expected here");
    }
    for (key, node) in &block.members {
        if !known.contains(&key.name.as_str()) {
            let help = if known.is_empty() {
                format!("a `{verb}` step has nothing to expect")
            } else {
                format!("a `{verb}` step can expect {}", known.join(", "))
            };
            found
                .error("wrong-member", key.span, format!("`{}` cannot be expected of a `{verb}` step", key.name))
                .label("is never there")
                .help(help);
        }
        member(step, key, node, found);
    }
    let bound = |name: &str| {
        let (_, node) = block.members.iter().find(|(k, _)| k.name == name)?;
        Some((node.span, crate::duration::parse(node.as_str()?).ok()?))
    };
    if let (Some((span, within)), Some((_, after))) = (bound("within"), bound("after"))
        && within < after
    {
        patterns::impossible(found, span, "`within` is less than `after`", "no answer can be in time");
    }
}

fn member(step: &Step, key: &Key, node: &Node, found: &mut Findings<'_>) {
    match key.name.as_str() {
        "within" | "after" => return,
        "status" => patterns::status(node, found),
        "headers" => patterns::headers(node, found),
        "outcome" => patterns::outcome(&step.kind, node, found),
        "$sse" => return patterns::events(node, found),
        "compare" => return relations::compare(node, found),
        "pages" if !matches!(step.kind, StepKind::Call { cursor_walk: true, .. }) => {
            found
                .error("wrong-member", key.span, "`pages` needs `cursor_walk: true`")
                .label("is never there")
                .help("without a walk the answer is `result`");
        }
        _ => {}
    }
    patterns::check(node, found);
}

#[cfg(test)]
mod tests;
