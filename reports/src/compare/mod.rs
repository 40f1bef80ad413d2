//! Two transcripts of the same conversation, exchange by exchange: what differs, and what that is worth.
//!
//! [`Comparison`] pairs the exchanges, leaves out what varies from run to run, and classifies what is left by a table of
//! [rules](RULES). The result is a [`Report`], which [`text()`] tells to people and `serde` to programs.

mod change;
pub mod drift;
mod exchange;
mod path;
mod rules;
mod tell;
mod text;
mod unit;
mod values;
mod view;
mod volatile;

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

pub use change::{Aspect, Change, Form, Kind, Outcome};
pub use path::{Path, Pattern, Segment};
pub use rules::{Class, RULES, Rule, Seen, rule};
pub use text::text;

use crate::model::Exchange;
use unit::{Unit, units};
use volatile::Volatile;

/// Places that a finding names; it counts all of them.
const PLACES: usize = 20;

/// What stands for a method where a finding is about answers to any.
const ANY: &str = "(any)";

/// Version of the format of [`Report`] as JSON.
pub const FORMAT: &str = "gauntlet-diff/1";

/// Differences that somebody declares to be all right.
#[derive(Debug, Clone, Default)]
pub struct Allowances {
    /// Names of rules.
    pub rules: Vec<String>,
    /// Places.
    pub paths: Vec<Pattern>,
}

impl Allowances {
    /// Adds a rule by its name.
    ///
    /// # Errors
    /// The name, if there is no such rule.
    pub fn allow_rule(&mut self, id: &str) -> Result<(), NotKnown> {
        match rule(id) {
            Some(_) => self.rules.push(id.to_owned()),
            None => return Err(NotKnown::Rule(id.to_owned())),
        }
        Ok(())
    }

    /// Adds a place.
    ///
    /// # Errors
    /// The text, if it is not a path.
    pub fn allow_path(&mut self, path: &str) -> Result<(), NotKnown> {
        self.paths.push(Pattern::parse(path).ok_or_else(|| NotKnown::Path(path.to_owned()))?);
        Ok(())
    }

    fn cover(&self, rule: &Rule, change: &Change) -> bool {
        self.rules.iter().any(|id| id == rule.id) || self.paths.iter().any(|pattern| pattern.covers(&change.path))
    }
}

/// Neither a rule nor a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotKnown {
    /// No rule has this name.
    Rule(String),
    /// The text is not a path.
    Path(String),
}

impl std::error::Error for NotKnown {}

impl std::fmt::Display for NotKnown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rule(id) => {
                let known: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
                write!(f, "there is no rule `{id}`; the rules are {}", known.join(", "))
            }
            Self::Path(path) => {
                write!(f, "`{path}` is not a path; write it as `result.tools[*].description` or `headers.x-name`")
            }
        }
    }
}

/// Every difference between two values, in the order of the first one; at most 1000.
#[must_use]
pub fn values(left: &Value, right: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    values::compare(&Path::default(), left, right, &mut changes);
    changes
}

/// A side, for output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Name of the target.
    pub name: String,
    /// URL or command.
    pub endpoint: String,
}

/// The same conversation on both sides.
#[derive(Debug, Clone, Copy)]
pub struct Runs<'a> {
    /// What sets it apart from others: a version, or a case.
    pub name: &'a str,
    /// Without the gateway.
    pub direct: &'a [Exchange],
    /// Without the gateway, once more; shows what varies by itself.
    pub again: &'a [Exchange],
    /// Through the gateway.
    pub through: &'a [Exchange],
}

/// One place where the sides differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    /// The run.
    pub run: String,
    /// Name or URI of what was asked for.
    pub subject: Option<String>,
    /// Where in the exchange.
    pub path: Path,
    /// What is there without the gateway.
    pub direct: Option<Value>,
    /// What is there with it.
    pub through: Option<Value>,
}

/// Differences of one kind in the answers to one method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What it is worth.
    pub class: Class,
    /// The rule that decided.
    pub rule: &'static str,
    /// The requirement that is broken.
    pub requirement: Option<&'static str>,
    /// The rule would say otherwise, but it was declared to be all right.
    pub declared: bool,
    /// JSON-RPC method, or HTTP method and path.
    pub method: String,
    /// What happened, in a line.
    pub text: String,
    /// Where, the first ones.
    pub places: Vec<Place>,
    /// How many places there are.
    pub count: usize,
    /// The runs in which it was seen.
    pub runs: Vec<String>,
    /// The first pair of exchanges in which it was seen.
    #[serde(skip)]
    pub evidence: Option<Box<Evidence>>,
}

/// What shows a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Without the gateway.
    pub direct: Vec<Exchange>,
    /// Through it.
    pub through: Vec<Exchange>,
}

/// Something that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Uncompared {
    /// The run.
    pub run: String,
    /// Why.
    pub reason: String,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: &'static str,
    /// The side without the gateway.
    pub direct: Side,
    /// The side with it.
    pub through: Side,
    /// Versions or cases that were compared.
    pub runs: Vec<String>,
    /// Pairs of exchanges.
    pub compared: usize,
    /// Pairs without a difference.
    pub same: usize,
    /// Differences left out because the direct side differs from itself in the same place.
    pub varying: usize,
    /// In order of methods, the breaking ones first.
    pub findings: Vec<Finding>,
    /// What is left open.
    pub uncompared: Vec<Uncompared>,
}

impl Report {
    /// How many findings are of the class.
    #[must_use]
    pub fn count(&self, class: Class) -> usize {
        self.findings.iter().filter(|finding| finding.class == class).count()
    }
}

/// Takes pairs of transcripts and collects what differs.
#[derive(Debug)]
pub struct Comparison {
    allowances: Allowances,
    findings: Vec<Collected>,
    runs: Vec<String>,
    uncompared: Vec<Uncompared>,
    compared: usize,
    same: usize,
    varying: usize,
}

/// A finding that is not told yet.
#[derive(Debug)]
struct Collected {
    rule: &'static Rule,
    declared: bool,
    method: String,
    changes: Vec<(Place, Change)>,
    count: usize,
    runs: Vec<String>,
    evidence: Box<Evidence>,
}

impl Comparison {
    /// Nothing is compared yet.
    #[must_use]
    pub fn new(allowances: Allowances) -> Self {
        Self {
            allowances,
            findings: Vec::new(),
            runs: Vec::new(),
            uncompared: Vec::new(),
            compared: 0,
            same: 0,
            varying: 0,
        }
    }

    /// Notes what is left open.
    pub fn leave_open(&mut self, run: &str, reason: impl Into<String>) {
        self.uncompared.push(Uncompared { run: run.to_owned(), reason: reason.into() });
    }

    /// Compares one conversation.
    pub fn add(&mut self, runs: &Runs<'_>) {
        self.runs.push(runs.name.to_owned());
        let (direct, again, through) = (units(runs.direct), units(runs.again), units(runs.through));
        let volatile = Volatile::learn(&direct, &again);
        let mut others: HashMap<_, &Unit> = through.iter().map(|unit| (&unit.key, unit)).collect();
        let mut alone = Vec::new();
        for unit in &direct {
            match others.remove(&unit.key) {
                Some(other) => self.pair(runs, unit, other, &volatile),
                // Only a session over HTTP is ended by a request.
                None if unit.key.is_farewell() => {}
                None => alone.push(unit.key.label.method.as_str()),
            }
        }
        others.retain(|key, _| !key.is_farewell());
        for (count, side) in [(alone.len(), "direct"), (others.len(), "through")] {
            if count > 0 {
                let noun = if count == 1 { "exchange has" } else { "exchanges have" };
                let first = if side == "direct" { alone.first().copied() } else { None };
                let first = first.map_or_else(String::new, |method| format!(" (the first is {method})"));
                self.leave_open(runs.name, format!("{count} {noun} no counterpart: only {side}{first}"));
            }
        }
    }

    fn pair(&mut self, runs: &Runs<'_>, unit: &Unit, other: &Unit, volatile: &Volatile) {
        self.compared += 1;
        let changes = exchange::compare(&unit.view, &other.view, volatile.spread_ms(&unit.key));
        let all = changes.len();
        let changes: Vec<Change> = changes.into_iter().filter(|c| !volatile.hides(&unit.key, c)).collect();
        self.varying += all - changes.len();
        self.same += usize::from(changes.is_empty());
        let asked = unit.exchanges.first().and_then(|i| runs.direct.get(*i));
        let asked = asked.and_then(|e| view::request_member(e, "params")?.get("protocolVersion")?.as_str());
        for change in changes {
            let Some(rule) = rules::decide(Seen { change: &change, asked }) else { continue };
            let declared = rule.class != Class::Expected && self.allowances.cover(rule, &change);
            self.collect(runs, unit, other, rule, declared, change);
        }
    }

    fn collect(
        &mut self,
        runs: &Runs<'_>,
        unit: &Unit,
        other: &Unit,
        rule: &'static Rule,
        declared: bool,
        change: Change,
    ) {
        let label = &unit.key.label;
        // What a proxy does to the head and the form of one answer, it does to all.
        let outside = matches!(change.aspect, Aspect::Header | Aspect::Form(..) | Aspect::EventFields);
        let method = if outside && rule.class != Class::Breaking { ANY } else { label.method.as_str() };
        let place = Place {
            run: runs.name.to_owned(),
            subject: label.subject.clone(),
            path: change.path.clone(),
            direct: change.left.clone(),
            through: change.right.clone(),
        };
        let known = self
            .findings
            .iter_mut()
            .find(|f| std::ptr::eq(f.rule, rule) && f.declared == declared && f.method == method);
        if let Some(finding) = known {
            finding.count += 1;
            if finding.runs.last().is_none_or(|last| last != runs.name) {
                finding.runs.push(runs.name.to_owned());
            }
            finding.changes.push((place, change));
            return;
        }
        let take = |transcript: &[Exchange], places: &[usize]| {
            places.iter().filter_map(|i| transcript.get(*i).cloned()).collect()
        };
        let evidence =
            Evidence { direct: take(runs.direct, &unit.exchanges), through: take(runs.through, &other.exchanges) };
        self.findings.push(Collected {
            rule,
            declared,
            method: method.to_owned(),
            changes: vec![(place, change)],
            count: 1,
            runs: vec![runs.name.to_owned()],
            evidence: Box::new(evidence),
        });
    }

    /// The report on everything that was compared.
    #[must_use]
    pub fn finish(self, direct: Side, through: Side) -> Report {
        let mut methods: Vec<String> = Vec::new();
        for finding in &self.findings {
            if !methods.contains(&finding.method) {
                methods.push(finding.method.clone());
            }
        }
        let mut findings: Vec<Finding> = self.findings.into_iter().map(Collected::told).collect();
        findings.sort_by_key(|f| (methods.iter().position(|m| *m == f.method), f.class));
        Report {
            format: FORMAT,
            direct,
            through,
            runs: self.runs,
            compared: self.compared,
            same: self.same,
            varying: self.varying,
            findings,
            uncompared: self.uncompared,
        }
    }
}

impl Collected {
    fn told(self) -> Finding {
        let text = tell::finding(self.rule, &self.changes);
        let class = if self.declared { Class::Expected } else { self.rule.class };
        Finding {
            class,
            rule: self.rule.id,
            requirement: self.rule.requirement.filter(|_| class == Class::Breaking),
            declared: self.declared,
            method: self.method,
            text,
            places: self.changes.into_iter().map(|(place, _)| place).take(PLACES).collect(),
            count: self.count,
            runs: self.runs,
            evidence: Some(self.evidence),
        }
    }
}

#[cfg(test)]
mod tests;
