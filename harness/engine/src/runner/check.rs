//! Expectations turned into checks with verdicts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gauntlet_format::scenario::{Expect, SNAPSHOT};
use gauntlet_format::{Key, Mismatch, Node, NodeValue, Span, Version, duration, matching};
use gauntlet_reports::{CheckCounts, Level, Verdict};
use serde_json::{Value, json};

use super::view::View;
use crate::auth::oauth::Problem;
use crate::conformance::{self, Requirements};

/// Members of `expect` that only HTTP has; on stdio they are left out, so that one scenario serves both.
const HTTP_ONLY: [&str; 4] = ["status", "headers", "$sse", "body"];

/// A check as the runner holds it.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub step: usize,
    pub label: String,
    pub verdict: Verdict,
    pub requirements: Vec<String>,
    pub because: Option<String>,
    pub mismatches: Vec<Mismatch>,
    pub span: Option<Span>,
    /// Number of the exchange in the record.
    pub exchange: Option<usize>,
    /// What arrived behind the target, if that is judged.
    pub arrived: Option<Arrival>,
    /// What was judged, kept when everything is: how the audit shows that the check can fail.
    pub evidence: Option<Evidence>,
}

/// The pattern of a check and the value it was held against.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub pattern: Node,
    pub actual: Option<Value>,
}

/// Collects the checks of one try.
#[derive(Debug)]
pub(crate) struct Checks {
    requirements: Arc<Requirements>,
    version: Option<Version>,
    scenario_proves: Vec<String>,
    keep_all: bool,
    pub list: Vec<Checked>,
    pub counts: CheckCounts,
    pub touched: BTreeMap<String, Verdict>,
    /// Checks that the scenario itself asked for.
    pub asked: u64,
}

/// Where checks come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub step: usize,
    /// Number in the record of the client's exchange.
    pub exchange: Option<usize>,
    /// What arrived behind the target.
    pub arrived: Option<Arrival>,
}

/// A request in the journal of a mock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Name of the mock.
    pub mock: Arc<str>,
    /// Of the entry; `None`: it is judged that nothing arrived.
    pub sequence: Option<u64>,
}

impl Origin {
    /// A step, and none of its exchanges.
    pub(crate) fn of_step(step: usize) -> Self {
        Self { step, ..Self::default() }
    }

    /// An exchange of a client.
    pub(crate) fn of_exchange(step: usize, exchange: Option<usize>) -> Self {
        Self { step, exchange, arrived: None }
    }
}

impl Checks {
    pub(crate) fn new(
        requirements: Arc<Requirements>,
        version: Option<Version>,
        scenario_proves: Vec<String>,
        keep_all: bool,
    ) -> Self {
        Self {
            requirements,
            version,
            scenario_proves,
            keep_all,
            list: Vec::new(),
            counts: CheckCounts::default(),
            touched: BTreeMap::new(),
            asked: 0,
        }
    }

    /// The worst verdict so far.
    pub(crate) fn verdict(&self) -> Verdict {
        self.list.iter().map(|c| c.verdict).max().unwrap_or(Verdict::Pass)
    }

    /// Requirement ids in force at the version; `None` when ids were named and none is.
    fn in_force(&self, named: &[Key]) -> Option<Vec<String>> {
        if named.is_empty() {
            return Some(self.scenario_proves.iter().filter(|id| self.applies(id)).cloned().collect());
        }
        let ids: Vec<String> = named.iter().filter(|k| self.applies(&k.name)).map(|k| k.name.clone()).collect();
        (!ids.is_empty()).then_some(ids)
    }

    fn applies(&self, id: &str) -> bool {
        let (Some(version), Some(requirement)) = (self.version, self.requirements.get(id)) else { return true };
        requirement.since.is_none_or(|since| since <= version) && requirement.until.is_none_or(|until| version <= until)
    }

    fn level(&self, ids: &[String]) -> Level {
        let level = |id: &String| self.requirements.get(id).map_or(Level::Must, |r| report_level(r.level));
        ids.iter().map(level).max().unwrap_or(Level::Must)
    }

    /// Takes down one judged thing. A mismatch breaks a MUST unless only weaker requirements are named.
    #[expect(clippy::too_many_arguments, reason = "one argument for each column of a check")]
    fn add(
        &mut self,
        origin: &Origin,
        label: impl Into<String>,
        ids: &[String],
        because: Option<&str>,
        mismatches: Vec<Mismatch>,
        span: Option<Span>,
        evidence: Option<Evidence>,
    ) {
        let level = self.level(ids);
        let passed = mismatches.is_empty();
        let verdict = match (passed, level) {
            (true, _) => Verdict::Pass,
            (false, Level::Must) => Verdict::Fail,
            (false, _) => Verdict::Warn,
        };
        if level == Level::Must {
            self.counts.must += 1;
            self.counts.must_passed += u64::from(passed);
        } else {
            self.counts.should += 1;
            self.counts.should_passed += u64::from(passed);
        }
        for id in ids {
            match self.touched.get_mut(id) {
                Some(worst) => *worst = (*worst).max(verdict),
                None => drop(self.touched.insert(id.clone(), verdict)),
            }
        }
        if !passed || self.keep_all {
            self.list.push(Checked {
                step: origin.step,
                label: label.into(),
                verdict,
                requirements: ids.to_vec(),
                because: because.map(str::to_owned),
                mismatches,
                span,
                exchange: origin.exchange,
                arrived: origin.arrived.clone(),
                evidence: evidence.filter(|_| self.keep_all),
            });
        }
    }

    /// Holds an exchange against a block of expectations, variables resolved.
    pub(crate) fn block(&mut self, origin: &Origin, expect: &Expect, members: &[(&Key, Cow<'_, Node>)], view: &View) {
        if expect.versions.is_some_and(|window| self.version.is_some_and(|v| !window.contains(v))) {
            return;
        }
        let Some(ids) = self.in_force(&expect.proves) else { return };
        for (key, pattern) in members {
            // A snapshot is judged when the whole transcript is there.
            if key.name == SNAPSHOT || (view.is_stdio() && HTTP_ONLY.contains(&key.name.as_str())) {
                continue;
            }
            self.member(origin, &ids, expect.because.as_deref(), key, pattern, view);
        }
    }

    fn member(
        &mut self,
        origin: &Origin,
        ids: &[String],
        because: Option<&str>,
        key: &Key,
        pattern: &Node,
        view: &View,
    ) {
        match key.name.as_str() {
            "within" | "after" => {
                let mismatches = timing(key, pattern, view.elapsed());
                self.asked += 1;
                self.add(origin, key.name.as_str(), ids, because, mismatches, Some(pattern.span), None);
            }
            "headers" => {
                let NodeValue::Object(expected) = &pattern.value else { return };
                for (name, pattern) in expected {
                    let actual = view.header(&name.name.to_ascii_lowercase());
                    self.value(origin, format!("headers.{}", name.name), ids, because, pattern, actual.as_ref());
                }
            }
            // A list of events is matched in order, others may stand between: the matcher of that name.
            "$sse" => {
                let wrapped =
                    Node { value: NodeValue::Object(vec![(key.clone(), pattern.clone())]), span: pattern.span };
                self.value(origin, "$sse", ids, because, &wrapped, view.member("$sse").as_ref());
            }
            name => {
                self.value(origin, name, ids, because, pattern, view.lent(name).as_deref());
                if name == "status"
                    && let Some(redirect) = view.reply().and_then(crate::transport::Reply::redirect)
                    && let Some(last) = self.list.last_mut().filter(|c| c.span == Some(pattern.span))
                {
                    last.mismatches.iter_mut().for_each(|m| m.reason.push_str(&format!("; {redirect}")));
                }
            }
        }
    }

    /// Holds one value against one pattern.
    pub(crate) fn value(
        &mut self,
        origin: &Origin,
        label: impl AsRef<str> + Into<String>,
        ids: &[String],
        because: Option<&str>,
        pattern: &Node,
        actual: Option<&Value>,
    ) {
        let mismatches = matching::matches(pattern, actual, label.as_ref());
        let evidence = self.keep_all.then(|| Evidence { pattern: pattern.clone(), actual: actual.cloned() });
        self.asked += 1;
        self.add(origin, label, ids, because, mismatches, Some(pattern.span), evidence);
    }

    /// Requirement ids of a block that are in force, for callers that judge values of their own.
    pub(crate) fn ids_of(&self, expect: &Expect) -> Option<Vec<String>> {
        self.in_force(&expect.proves)
    }

    /// The same of what stands in no block.
    pub(crate) fn ids_of_scenario(&self) -> Vec<String> {
        self.in_force(&[]).unwrap_or_default()
    }

    /// A relation between the hops: what speaks against it, or why it cannot hold at all.
    #[expect(clippy::too_many_arguments, reason = "one argument for each column of a check")]
    pub(crate) fn related(
        &mut self,
        origin: &Origin,
        label: String,
        ids: &[String],
        because: Option<&str>,
        outcome: Result<Vec<Mismatch>, String>,
        span: Span,
        evidence: Option<Evidence>,
    ) {
        let mismatches = outcome.unwrap_or_else(|reason| {
            vec![Mismatch { path: label.clone(), expected: json!("a value on both hops"), actual: None, reason, span }]
        });
        self.asked += 1;
        self.add(origin, label, ids, because, mismatches, Some(span), evidence);
    }

    /// Whether the exchanges of a step are those of its snapshot.
    pub(crate) fn snapshot(
        &mut self,
        origin: &Origin,
        ids: &[String],
        block: &Expect,
        mismatch: Option<Mismatch>,
        text: &str,
        span: Span,
    ) {
        self.asked += 1;
        let mismatches = mismatch.into_iter().collect();
        // What passes is the very text.
        let actual = Value::from(text);
        let evidence =
            self.keep_all.then(|| Evidence { pattern: Node::from_json(&actual, span), actual: Some(actual) });
        self.add(origin, SNAPSHOT, ids, block.because.as_deref(), mismatches, Some(span), evidence);
    }

    /// A check that no line of the scenario asked for: every message on every hop is held to the schema.
    pub(crate) fn violations(&mut self, origin: &Origin, violations: Vec<conformance::Violation>) {
        if violations.is_empty() {
            self.add(origin, "schema", &[], None, Vec::new(), None, None);
            return;
        }
        for violation in violations {
            let ids: Vec<String> = violation.requirement.map(str::to_owned).into_iter().collect();
            let mismatch = Mismatch {
                path: violation.path,
                expected: json!(format!("a valid {}", violation.definition)),
                actual: None,
                reason: violation.reason,
                span: Span::default(),
            };
            self.add(origin, "schema", &ids, None, vec![mismatch], None, None);
        }
    }

    /// What stopped an OAuth leg. It breaks the requirement that it names, or else the flow.
    pub(crate) fn stopped(&mut self, origin: &Origin, problem: &Problem) {
        let ids: Vec<String> = problem.requirement.map(str::to_owned).into_iter().collect();
        let mismatch = Mismatch {
            path: "problem".to_owned(),
            expected: json!("no problem"),
            actual: Some(problem.code.into()),
            reason: problem.to_string(),
            span: Span::default(),
        };
        self.add(origin, "problem", &ids, None, vec![mismatch], None, None);
    }

    /// What broke a requirement and was put up with: never more than a warning.
    pub(crate) fn put_up_with(&mut self, origin: &Origin, problem: &Problem) {
        self.stopped(origin, problem);
        if let Some(check) = self.list.last_mut().filter(|check| check.verdict == Verdict::Fail) {
            check.verdict = Verdict::Warn;
            for id in &check.requirements {
                self.touched.insert(id.clone(), Verdict::Warn);
            }
        }
    }

    /// A message that breaks off, floods, or is not the protocol.
    pub(crate) fn broken_wire(&mut self, origin: &Origin, reason: String) {
        let mismatch = Mismatch {
            path: "wire".to_owned(),
            expected: json!("a whole, well-formed answer"),
            actual: None,
            reason,
            span: Span::default(),
        };
        self.add(origin, "wire", &[], None, vec![mismatch], None, None);
    }
}

/// A requirement's level as results have it.
pub(crate) fn report_level(level: conformance::Level) -> Level {
    match level {
        conformance::Level::Must | conformance::Level::MustNot => Level::Must,
        conformance::Level::Should | conformance::Level::ShouldNot => Level::Should,
        conformance::Level::May => Level::May,
    }
}

fn timing(key: &Key, pattern: &Node, elapsed: Option<Duration>) -> Vec<Mismatch> {
    let expected = pattern.to_json();
    let bound = expected.as_str().and_then(|t| duration::parse(t).ok());
    let (Some(bound), Some(elapsed)) = (bound, elapsed) else { return Vec::new() };
    let late = key.name == "within";
    if (late && elapsed <= bound) || (!late && elapsed >= bound) {
        return Vec::new();
    }
    let side = if late { "later" } else { "earlier" };
    vec![Mismatch {
        path: key.name.clone(),
        expected,
        actual: Some(format!("{} ms", elapsed.as_millis()).into()),
        reason: format!(
            "the answer was complete after {} ms, {side} than {} ms",
            elapsed.as_millis(),
            bound.as_millis()
        ),
        span: pattern.span,
    }]
}
