//! Where a mock no longer tells the truth about the system that it stands for.
//!
//! Exchanges of the same scenario with both are compared by what they come to, status, error code, the headers that clients act
//! upon, and the shape of bodies. Values are another on every system and are not compared.

mod rules;
mod shape;
mod text;

use std::collections::{BTreeSet, HashMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

pub use rules::{DRIFT_RULES, DriftRule, Worth};
pub use text::text;

use super::change::{Aspect, Form, Kind};
use super::path::{Path, Pattern, Segment};
use super::unit::{Unit, units};
use super::view::View;
use super::{Side, exchange};
use crate::model::Exchange;
use shape::{Difference, Shape};

/// Version of the format of [`DriftReport`] as JSON.
pub const DRIFT_FORMAT: &str = "gauntlet-drift/1";

/// Headers that a client acts upon.
const HEADERS: [&str; 8] = [
    "allow",
    "content-type",
    "location",
    "mcp-protocol-version",
    "mcp-session-id",
    "retry-after",
    "set-cookie",
    "www-authenticate",
];

/// Lists of what a system offers: members of their items are often there or not.
const LISTS: [&str; 4] = ["tools", "resources", "resourceTemplates", "prompts"];

/// Cases that a finding names; it counts all of them.
const CASES: usize = 5;

/// Why a case was not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Open {
    /// The real system lacks something that the scenario needs.
    Untestable,
    /// It does not apply to the real system.
    Skipped,
    /// The real system did not answer.
    Unreachable,
    /// The mock itself could not be asked.
    Mock,
}

/// A case that was not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenCase {
    /// The case.
    pub case: String,
    /// What kind of reason.
    pub kind: Open,
    /// The reason.
    pub reason: String,
}

/// Differences of one kind in one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftFinding {
    /// What it is worth.
    pub worth: Worth,
    /// The rule that decided.
    pub rule: &'static str,
    /// Somebody declares that it is all right.
    pub declared: bool,
    /// JSON-RPC method, or HTTP method and path.
    pub method: String,
    /// Where in the exchange.
    pub path: Path,
    /// What the mock has there.
    pub mock: Option<Value>,
    /// What the real system has there.
    pub real: Option<Value>,
    /// In how many exchanges it was seen.
    pub count: usize,
    /// The cases in which it was seen, the first ones.
    pub cases: Vec<String>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DriftReport {
    /// [`DRIFT_FORMAT`].
    pub format: &'static str,
    /// The mock.
    pub mock: Side,
    /// The system that it stands for.
    pub real: Side,
    /// Cases that were compared.
    pub cases: usize,
    /// Pairs of exchanges.
    pub compared: usize,
    /// Pairs without a difference.
    pub same: usize,
    /// By method in the order in which they were met, drift first.
    pub findings: Vec<DriftFinding>,
    /// What could not be compared.
    pub open: Vec<OpenCase>,
}

impl DriftReport {
    /// How many findings there are of this worth.
    #[must_use]
    pub fn count(&self, worth: Worth) -> usize {
        self.findings.iter().filter(|finding| finding.worth == worth).count()
    }
}

/// Takes pairs of transcripts and collects where they drift apart.
#[derive(Debug, Default)]
pub struct Drift {
    rules: Vec<String>,
    paths: Vec<Pattern>,
    findings: Vec<DriftFinding>,
    open: Vec<OpenCase>,
    cases: usize,
    compared: usize,
    same: usize,
}

/// One difference, before it is counted.
struct Seen {
    rule: &'static DriftRule,
    path: Path,
    mock: Option<Value>,
    real: Option<Value>,
}

impl Drift {
    /// Nothing is compared yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a difference to be all right: a rule by its name, or a place.
    ///
    /// # Errors
    /// When there is no such rule, and it is no path.
    pub fn allow(&mut self, text: &str) -> Result<(), String> {
        if !text.contains(['.', '[']) {
            if DRIFT_RULES.iter().any(|rule| rule.id == text) {
                self.rules.push(text.to_owned());
                return Ok(());
            }
            let known: Vec<&str> = DRIFT_RULES.iter().map(|rule| rule.id).collect();
            return Err(format!("there is no rule `{text}`, and a path has dots; the rules are {}", known.join(", ")));
        }
        let pattern = Pattern::parse(text)
            .ok_or_else(|| format!("`{text}` is not a path; write it as `result.content[text].annotations`"))?;
        self.paths.push(pattern);
        Ok(())
    }

    /// Notes a case that was not compared.
    pub fn leave_open(&mut self, case: &str, kind: Open, reason: impl Into<String>) {
        self.open.push(OpenCase { case: case.to_owned(), kind, reason: reason.into() });
    }

    /// Compares one case, as far as both got.
    pub fn add(&mut self, case: &str, mock: &[Exchange], real: &[Exchange]) {
        self.cases += 1;
        let (left, right) = (units(mock), units(real));
        // What is asked for has other names on another system; the step and the method say what belongs together.
        let mut others: HashMap<(&str, Option<usize>, &str), VecDeque<&Unit>> = HashMap::new();
        for unit in &right {
            others.entry(key(unit)).or_default().push_back(unit);
        }
        for unit in left.iter().filter(|unit| !unit.key.is_farewell()) {
            let Some(other) = others.get_mut(&key(unit)).and_then(VecDeque::pop_front) else { continue };
            self.compared += 1;
            let seen = differences(&unit.view, &other.view);
            self.same += usize::from(seen.is_empty());
            for difference in seen {
                self.collect(case, &unit.key.label.method, difference);
            }
        }
    }

    fn collect(&mut self, case: &str, method: &str, seen: Seen) {
        let known = self.findings.iter_mut().find(|f| {
            f.rule == seen.rule.id
                && f.method == method
                && f.path == seen.path
                && f.mock == seen.mock
                && f.real == seen.real
        });
        if let Some(finding) = known {
            finding.count += 1;
            if finding.cases.len() < CASES && finding.cases.last().is_none_or(|last| last != case) {
                finding.cases.push(case.to_owned());
            }
            return;
        }
        let declared = seen.rule.worth == Worth::Drift
            && (self.rules.iter().any(|id| id == seen.rule.id) || self.paths.iter().any(|p| p.covers(&seen.path)));
        self.findings.push(DriftFinding {
            worth: if declared { Worth::Note } else { seen.rule.worth },
            rule: seen.rule.id,
            declared,
            method: method.to_owned(),
            path: seen.path,
            mock: seen.mock,
            real: seen.real,
            count: 1,
            cases: vec![case.to_owned()],
        });
    }

    /// The report on everything that was compared.
    #[must_use]
    pub fn finish(self, mock: Side, real: Side) -> DriftReport {
        let mut methods: Vec<String> = Vec::new();
        for finding in &self.findings {
            if !methods.contains(&finding.method) {
                methods.push(finding.method.clone());
            }
        }
        let mut findings = self.findings;
        findings.sort_by_key(|f| (methods.iter().position(|m| *m == f.method), f.worth));
        let Self { cases, compared, same, open, .. } = Self { findings: Vec::new(), ..self };
        DriftReport { format: DRIFT_FORMAT, mock, real, cases, compared, same, findings, open }
    }
}

fn key(unit: &Unit) -> (&str, Option<usize>, &str) {
    let (client, step) = unit.key.origin();
    (client, step, unit.key.label.method.as_str())
}

fn differences(mock: &View, real: &View) -> Vec<Seen> {
    let mut out = Vec::new();
    let mut see =
        |rule, path: Path, mock: Option<Value>, real: Option<Value>| out.push(Seen { rule, path, mock, real });
    let mut fate = false;
    for change in exchange::compare(mock, real, None) {
        match change.aspect {
            Aspect::Outcome(before, after) => {
                fate = true;
                see(&rules::OUTCOME, change.path, Some(before.words().into()), Some(after.words().into()));
            }
            Aspect::Status => see(&rules::STATUS, change.path, change.left, change.right),
            Aspect::Form(before, after) if before == Form::Other || after == Form::Other => {
                see(&rules::BODY, change.path, change.left, change.right);
            }
            Aspect::Form(..) => see(&rules::DELIVERY, change.path, change.left, change.right),
            Aspect::Messages if matches!(change.kind, Kind::Lost | Kind::Added) => {
                see(&rules::MESSAGES, change.path, change.left, change.right);
            }
            _ => {}
        }
    }
    if fate && mock.status != real.status {
        see(&rules::STATUS, Path::of("status"), mock.status.map(Value::from), real.status.map(Value::from));
    }
    if mock.status.is_some() && real.status.is_some() {
        for name in HEADERS {
            let path = || Path::of("headers").key(name);
            match (mock.header(name), real.header(name)) {
                (Some(_), Some(_)) if name == "content-type" && mock.form != real.form => {}
                (Some(before), Some(after)) => {
                    let (before, after) = (form_of(name, before), form_of(name, after));
                    if before != after {
                        see(&rules::HEADER_FORM, path(), Some(before.into()), Some(after.into()));
                    }
                }
                (Some(before), None) => see(&rules::HEADER_MOCK, path(), Some(form_of(name, before).into()), None),
                (None, Some(after)) => see(&rules::HEADER_REAL, path(), None, Some(form_of(name, after).into())),
                (None, None) => {}
            }
        }
    }
    if fate {
        return out;
    }
    let code = |view: &View| view.answer.as_ref()?.pointer("/error/code").cloned();
    if let (Some(before), Some(after)) = (code(mock), code(real))
        && before != after
    {
        see(&rules::ERROR_CODE, Path::of("error").key("code"), Some(before), Some(after));
    }
    for (member, before, after) in [
        ("result", answer(mock, "result"), answer(real, "result")),
        ("error", answer(mock, "error"), answer(real, "error")),
        ("body", mock.document.as_ref(), real.document.as_ref()),
    ] {
        if let (Some(before), Some(after)) = (before, after) {
            let mut shapes = Vec::new();
            Shape::of(before).compare(&Shape::of(after), &Path::of(member), &mut shapes);
            out.extend(shapes.into_iter().map(seen_in_shape));
        }
    }
    out
}

fn answer<'v>(view: &'v View, member: &str) -> Option<&'v Value> {
    view.answer.as_ref()?.get(member)
}

fn seen_in_shape(difference: Difference) -> Seen {
    let (rule, path, mock, real) = match difference {
        Difference::OnlyLeft(path) => (&rules::MEMBER_MOCK, path, Some(Value::from("there")), None),
        Difference::OnlyRight(path) => (&rules::MEMBER_REAL, path, None, Some(Value::from("there"))),
        Difference::Type(path, before, after) => (&rules::TYPE, path, Some(before.into()), Some(after.into())),
    };
    let listed = LISTS.iter().any(|list| path.begins(&["result", list, "*"]));
    let optional = matches!(path.0.last(), Some(Segment::Key(name)) if name == "_meta" || name == "nextCursor");
    let natural = *rule != rules::TYPE && (listed || optional);
    Seen { rule: if natural { &rules::LIST_MEMBER } else { rule }, path, mock, real }
}

/// What of a header is the same on every system: the media type, the scheme and parameters of a challenge, else that it is there.
fn form_of(name: &str, value: &str) -> String {
    match name {
        "content-type" => value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
        "www-authenticate" => {
            let scheme = value.split_whitespace().next().unwrap_or_default();
            let parameters: BTreeSet<&str> = value
                .get(scheme.len()..)
                .unwrap_or_default()
                .split(',')
                .filter_map(|parameter| parameter.split_once('=').map(|(name, _)| name.trim()))
                .filter(|name| !name.contains(['"', ' ']))
                .collect();
            format!("{scheme} {}", parameters.into_iter().collect::<Vec<_>>().join(", ")).trim_end().to_owned()
        }
        "mcp-protocol-version" | "allow" => value.to_owned(),
        _ => "there".to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
