//! What the official conformance suite (`@modelcontextprotocol/conformance`) found, beside what a run of ours found.
//!
//! The suite writes one `checks.json` for each of its scenarios, a list of checks with an id and a status, and reads a YAML file of
//! expected failures: lists of `scenario` or `scenario:check` under `server` and `client`. Requirements of the catalogue name the
//! checks that are about them, so that a check maps to the scenarios which prove those requirements.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gauntlet_format::scenario::each_step;
use gauntlet_format::{NodeValue, yaml};
use gauntlet_reports::{CaseResult, Verdict};
use serde::{Deserialize, Serialize};

use crate::conformance::Requirements;
use crate::runner::{Loaded, ScenarioSet};

/// The check that the suite adds to each of its scenarios: every message is valid.
const WIRE: &str = "wire-schema-valid";

/// Ours of the same.
const SCHEMA: &str = "schema";

/// Bytes of a file at most.
const FILE_LIMIT: u64 = 32 << 20;

/// Longest message of the suite in a reason, in characters.
const MESSAGE: usize = 120;

/// What the suite says of a check; of several occurrences the last of this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all(serialize = "lowercase", deserialize = "UPPERCASE"))]
pub enum Status {
    /// It did not come to it.
    Skipped,
    /// For information.
    Info,
    /// Holds.
    Success,
    /// A SHOULD is broken.
    Warning,
    /// A MUST is broken.
    Failure,
}

/// A check of the suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficialCheck {
    /// Its id.
    pub id: String,
    /// What came of it.
    pub status: Status,
    /// What the suite says is wrong.
    pub message: Option<String>,
}

#[derive(Deserialize)]
struct Written {
    id: String,
    status: Status,
    #[serde(rename = "errorMessage")]
    message: Option<String>,
}

/// Reads a `checks.json`, or a file of expected failures, each of which is a failure then.
///
/// # Errors
/// What is wrong, in one sentence, with the file and, where there is one, the place.
pub fn read(path: &Path) -> Result<Vec<OfficialCheck>, String> {
    let shown = path.display();
    let text = text(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    if text.trim_start().starts_with('[') {
        let checks: Vec<Written> = serde_json::from_str(&text)
            .map_err(|error| format!("{shown}: this is not a checks.json of the conformance suite: {error}"))?;
        let taken = |Written { id, status, message }| OfficialCheck { id, status, message };
        return Ok(checks.into_iter().map(taken).collect());
    }
    expected(path, text)
}

fn text(path: &Path) -> std::io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    if metadata.len() > FILE_LIMIT {
        return Err(std::io::Error::other(format!("it is larger than {FILE_LIMIT} bytes")));
    }
    std::fs::read_to_string(path)
}

/// `server: [scenario, scenario:check]`, and `client` likewise.
fn expected(path: &Path, text: String) -> Result<Vec<OfficialCheck>, String> {
    let one_line = |problems: Vec<gauntlet_format::Diagnostic>| {
        problems.first().map_or_else(|| format!("{}: not YAML", path.display()), ToString::to_string)
    };
    let source = yaml::decode(path, text.into_bytes()).map_err(|problem| one_line(vec![problem]))?;
    let root = yaml::parse(&source, 0).map_err(one_line)?;
    let wrong = |line: u32, column: u32| {
        format!(
            "{}:{line}:{column}: expected a checks.json, or lists of `scenario` or `scenario:check` under `server` and `client`",
            path.display()
        )
    };
    let NodeValue::Object(members) = &root.value else { return Err(wrong(root.span.line, root.span.column)) };
    let mut found = Vec::new();
    for (key, list) in members {
        let items = match (&list.value, key.name.as_str()) {
            (NodeValue::Array(items), "server" | "client") => items.as_slice(),
            (NodeValue::Null, "server" | "client") => &[],
            _ => return Err(wrong(key.span.line, key.span.column)),
        };
        for item in items {
            let name = item.as_str().ok_or_else(|| wrong(item.span.line, item.span.column))?;
            // A scenario alone mostly has one check of its own name.
            let id = name.split_once(':').map_or(name, |(_, check)| check).to_owned();
            found.push(OfficialCheck { id, status: Status::Failure, message: None });
        }
    }
    Ok(found)
}

/// Which check is about which requirement, and which scenarios prove it.
#[derive(Debug, Clone, Default)]
pub struct Ties {
    /// Check → requirements.
    requirements: BTreeMap<String, BTreeSet<String>>,
    /// Requirement → scenarios.
    scenarios: BTreeMap<String, BTreeSet<String>>,
}

impl Ties {
    /// Of the scenarios of the sets.
    #[must_use]
    pub fn of(sets: &[&ScenarioSet], requirements: &Requirements) -> Self {
        let mut ties = Self::default();
        for requirement in requirements.iter() {
            for check in requirement.conformance.iter() {
                ties.requirements.entry(check.to_string()).or_default().insert(requirement.id.to_string());
            }
        }
        for set in sets {
            for file in &set.files {
                let Loaded::Scenario(scenario) = set.load(file) else { continue };
                let mut proves: BTreeSet<&str> = scenario.proves.iter().map(|key| key.name.as_str()).collect();
                each_step(&scenario.steps, &mut |step| {
                    proves.extend(step.expect.iter().flat_map(|block| &block.proves).map(|key| key.name.as_str()));
                });
                for id in proves {
                    ties.scenarios.entry(id.to_owned()).or_default().insert(scenario.id.clone());
                }
            }
        }
        ties
    }

    /// The scenarios that a check maps to.
    #[must_use]
    pub fn maps_to(&self, check: &str) -> BTreeSet<&str> {
        let requirements = self.requirements.get(check).into_iter().flatten();
        requirements.filter_map(|id| self.scenarios.get(id)).flatten().map(String::as_str).collect()
    }

    /// What a case says about a check: the worst verdict of what it is about; nothing if it has nothing to say.
    fn verdict(&self, check: &str, result: &CaseResult) -> Option<Verdict> {
        let last = result.attempts.last()?;
        if check == WIRE {
            let broken = last.checks.iter().filter(|c| c.label == SCHEMA).map(|c| c.verdict).max();
            return broken.or((last.counts.total() > 0).then_some(Verdict::Pass));
        }
        let requirements = self.requirements.get(check)?;
        last.requirements.iter().filter(|(id, _)| requirements.contains(id)).map(|(_, verdict)| *verdict).max()
    }

    /// Why a failing case is known to the suite: the first of its failing checks that the case breaks too.
    #[must_use]
    pub fn reason(&self, result: &CaseResult, checks: &[OfficialCheck]) -> Option<String> {
        let breaks = |check: &&OfficialCheck| {
            check.status >= Status::Warning && self.verdict(&check.id, result).is_some_and(|v| v >= Verdict::Warn)
        };
        checks.iter().find(breaks).map(OfficialCheck::reason)
    }
}

impl OfficialCheck {
    /// What an entry of a baseline says of it.
    #[must_use]
    pub fn reason(&self) -> String {
        let Some(message) = &self.message else { return format!("fails {} of the conformance suite", self.id) };
        let short: String = message.lines().next().unwrap_or_default().chars().take(MESSAGE).collect();
        format!("fails {} of the conformance suite: {short}", self.id)
    }
}

/// Whether both say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accord {
    /// Both find it good, or both bad.
    Agree,
    /// One finds it good and the other bad.
    Differ,
    /// One of them did not come to it.
    NotJudged,
    /// No scenario of ours is about it.
    NoCounterpart,
}

/// One check of the suite beside what ours say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Id of the check.
    pub check: String,
    /// What the suite says.
    pub theirs: Status,
    /// The worst that ours say; none if none of them was judged.
    pub ours: Option<Verdict>,
    /// Whether both say the same.
    pub accord: Accord,
    /// Our scenarios about it; where they differ, those that decide.
    pub maps_to: Vec<String>,
}

/// Holds a run against checks of the suite, sorted by id.
#[must_use]
pub fn compare(ties: &Ties, run: &[CaseResult], checks: &[OfficialCheck]) -> Vec<Row> {
    let mut theirs: BTreeMap<&str, Status> = BTreeMap::new();
    for check in checks {
        let worst = theirs.entry(&check.id).or_insert(check.status);
        *worst = (*worst).max(check.status);
    }
    let row = |(id, status): (&str, Status)| {
        let said: Vec<(&str, Verdict)> = run
            .iter()
            .filter_map(|result| Some((result.id.scenario.as_str(), ties.verdict(id, result)?)))
            .filter(|(_, verdict)| !matches!(verdict, Verdict::Skip | Verdict::Untestable | Verdict::Error))
            .collect();
        let ours = said.iter().map(|(_, verdict)| *verdict).max();
        let named = ties.maps_to(id);
        let accord = match (status, ours) {
            (_, None) if named.is_empty() && id != WIRE => Accord::NoCounterpart,
            (Status::Skipped | Status::Info, _) | (_, None) => Accord::NotJudged,
            (status, Some(verdict)) if (status == Status::Success) == (verdict == Verdict::Pass) => Accord::Agree,
            _ => Accord::Differ,
        };
        let bad: BTreeSet<&str> =
            said.iter().filter(|(_, verdict)| *verdict >= Verdict::Warn).map(|(name, _)| *name).collect();
        let shown = if bad.is_empty() { named } else { bad };
        let maps_to = shown.into_iter().map(str::to_owned).collect();
        Row { check: id.to_owned(), theirs: status, ours, accord, maps_to }
    };
    theirs.into_iter().map(row).collect()
}
