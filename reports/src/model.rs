//! Plain data: what happened in a run.

mod standing;

use std::collections::BTreeMap;
use std::fmt;

use crate::volatile::VolatileSpec;
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use standing::{Excused, KnownFailure, Standing};

/// What a case, or a check, is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It conforms.
    Pass,
    /// Not applicable; the reason says why.
    Skip,
    /// A prerequisite is missing; the reason names it.
    Untestable,
    /// A SHOULD is broken.
    Warn,
    /// A MUST is broken.
    Fail,
    /// The harness or the network, not the target's conformance.
    Error,
}

/// How binding a requirement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// MAY
    #[serde(rename = "MAY")]
    May,
    /// SHOULD, SHOULD NOT
    #[serde(rename = "SHOULD")]
    Should,
    /// MUST, MUST NOT
    #[serde(rename = "MUST")]
    Must,
}

/// A requirement as a result shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequirementRef {
    /// Stable id.
    pub id: String,
    /// How binding.
    pub level: Level,
    /// The rule in one sentence.
    pub statement: String,
    /// Link to the normative text, if there is one.
    pub link: Option<String>,
}

/// What makes one case different from every other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CaseId {
    /// Scenario id.
    pub scenario: String,
    /// Matrix values, `name=label`, in the order of the file.
    pub case: Vec<(String, String)>,
    /// Protocol version; none for `lifecycle: bare`.
    pub version: Option<String>,
    /// Name of the target.
    pub target: String,
}

impl fmt::Display for CaseId {
    /// `scenario [a=b]@2025-06-18 on target`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scenario)?;
        if !self.case.is_empty() {
            f.write_str(" [")?;
            for (i, (name, label)) in self.case.iter().enumerate() {
                write!(f, "{}{name}={label}", if i == 0 { "" } else { ", " })?;
            }
            f.write_str("]")?;
        }
        if let Some(version) = &self.version {
            write!(f, "@{version}")?;
        }
        write!(f, " on {}", self.target)
    }
}

/// A place in a scenario file, with the line itself, so that it can be shown without the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Path as the user would write it.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// Number of characters to underline.
    pub length: u32,
    /// The line.
    pub text: String,
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MismatchReport {
    /// Path into the exchange: `body.tools[2].name`.
    pub path: String,
    /// The expectation in scenario spelling.
    pub expected: Value,
    /// The actual value; `None` if there is none.
    pub actual: Option<Value>,
    /// One sentence.
    pub reason: String,
    /// The expectation in the file.
    pub place: Option<Place>,
}

/// One check and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// 0-based index of the step, counted over the whole scenario.
    pub step: usize,
    /// What is checked: `status`, `headers.content-type`, `result`, or `schema` and `envelope` for the automatic ones.
    pub label: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What it proves.
    pub requirements: Vec<RequirementRef>,
    /// What the scenario says about it.
    pub because: Option<String>,
    /// Empty for a pass.
    pub mismatches: Vec<MismatchReport>,
    /// The expectation in the file.
    pub place: Option<Place>,
    /// Index into the transcript of the exchange that it judges.
    pub exchange: Option<usize>,
}

/// Who spoke to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// `client`, the name of a named client, or the target.
    pub from: String,
    /// The target, or an upstream.
    pub to: String,
}

impl fmt::Display for Hop {
    /// `gateway → server`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.from, self.to)
    }
}

/// One request and its answer on one hop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Who spoke to whom.
    pub hop: Hop,
    /// 0-based index of the step that caused it; none for the lifecycle's own.
    pub step: Option<usize>,
    /// What was sent.
    pub request: WireRequest,
    /// What came back.
    pub response: Option<WireResponse>,
    /// Why there is no (whole) answer.
    pub failure: Option<String>,
    /// Index into the transcript of the exchange during which this one took place: the target asked a system behind it
    /// while this client waited.
    pub cause: Option<usize>,
    /// What the mock noted about the request, such as why it refused it.
    pub note: Option<String>,
    /// Milliseconds from the start of the case.
    pub started_ms: f64,
    /// Milliseconds until the answer began, where that is known: of what a mock answered.
    pub began_ms: Option<f64>,
    /// Milliseconds until the answer was complete.
    pub elapsed_ms: f64,
}

/// A request on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WireRequest {
    /// HTTP method, or `stdin` for a line to a child process.
    pub method: String,
    /// Absolute URL, or the command for stdio.
    pub url: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// A response on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WireResponse {
    /// HTTP status; none for stdio.
    pub status: Option<u16>,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// A body, in the most readable form that loses nothing that was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// None.
    Empty,
    /// A JSON document.
    Json(Value),
    /// Text that is not JSON; `truncated` says how many bytes are left out.
    Text {
        /// The text.
        text: String,
        /// Bytes left out.
        truncated: usize,
    },
    /// An event stream, or the messages of a stdio peer.
    Events(Vec<StreamEvent>),
    /// Bytes that are not UTF-8.
    Binary {
        /// How many.
        length: usize,
    },
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamEvent {
    /// Milliseconds from the send of the request.
    pub at_ms: f64,
    /// `event:` field.
    pub event: Option<String>,
    /// `id:` field.
    pub id: Option<String>,
    /// The data, parsed if it is JSON.
    pub data: Value,
}

/// Who is to blame for a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// The system under test.
    Target,
    /// The system behind it.
    Upstream,
    /// Nobody was reached, or the connection broke.
    Connection,
}

/// Which side of a target went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blame {
    /// What part it has in the case.
    pub party: Party,
    /// Its name.
    pub who: String,
    /// Where.
    pub hop: Hop,
    /// One sentence.
    pub reason: String,
    /// Index into the transcript of the exchange that shows it.
    pub exchange: Option<usize>,
}

/// One try of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The verdict of this try.
    pub verdict: Verdict,
    /// Why, for `skip`, `untestable` and `error`.
    pub reason: Option<String>,
    /// Where in the scenario the reason applies.
    pub place: Option<Place>,
    /// What was noticed beside the checks and changes no verdict, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Milliseconds.
    pub duration_ms: f64,
    /// How many checks were evaluated, by level of what they prove and verdict.
    pub counts: CheckCounts,
    /// Checks that did not pass; all of them when the run keeps everything.
    pub checks: Vec<Check>,
    /// Which side went wrong, where several have to do with it.
    pub blame: Option<Blame>,
    /// Requirement ids touched, with the worst verdict of the checks that prove them.
    pub requirements: Vec<(String, Verdict)>,
    /// All exchanges, in causal order: those that a target caused follow the one that it was asked in. Empty for a pass
    /// unless the run keeps everything.
    pub transcript: Vec<Exchange>,
    /// A command line that repeats the request of the first failed check, secrets as `$VARS`.
    pub curl: Option<String>,
    /// Known failures that it has the marks of, the best match first; changes no verdict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
}

/// A known failure that a try has the marks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Id of the signature.
    pub id: String,
    /// What goes wrong, in one sentence.
    pub title: String,
    /// What helps best, with who has to act.
    pub remedy: String,
}

impl Attempt {
    /// One in which nothing was asked and nothing judged.
    #[must_use]
    pub fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            reason: None,
            place: None,
            notes: Vec::new(),
            duration_ms: 0.0,
            counts: CheckCounts::default(),
            checks: Vec::new(),
            blame: None,
            requirements: Vec::new(),
            transcript: Vec::new(),
            curl: None,
            hints: Vec::new(),
        }
    }
}

/// Counted checks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCounts {
    /// Checks that prove a MUST, or nothing named.
    pub must: u64,
    /// … and passed.
    pub must_passed: u64,
    /// Checks that prove only a SHOULD or MAY.
    pub should: u64,
    /// … and passed.
    pub should_passed: u64,
}

impl CheckCounts {
    /// How many were evaluated.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.must + self.should
    }

    /// Adds the other counts.
    pub fn add(&mut self, other: &Self) {
        self.must += other.must;
        self.must_passed += other.must_passed;
        self.should += other.should;
        self.should_passed += other.should_passed;
    }
}

/// A case and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// Position in the input order.
    pub index: usize,
    /// Which case.
    pub id: CaseId,
    /// What is true when it passes.
    pub title: String,
    /// The pack it belongs to.
    pub pack: Option<String>,
    /// For selection.
    pub tags: Vec<String>,
    /// The scenario file and the line of its id.
    pub place: Place,
    /// Where the target was reached: a URL or a command.
    pub endpoint: String,
    /// The verdict of the last try.
    pub verdict: Verdict,
    /// It passed only on a retry.
    pub flaky: bool,
    /// What is known of the case beforehand; `None`: nothing, and its verdict counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
    /// A command line that runs this case again.
    pub again: String,
    /// What the scenario says of values that differ from run to run, for whoever compares this run with another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatile: Option<VolatileSpec>,
}

/// What is known of a run before anything ran.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Version of Gauntlet.
    pub gauntlet: String,
    /// RFC 3339.
    pub started_at: String,
    /// Number of cases planned, if known beforehand.
    pub cases: Option<usize>,
    /// What the targets are part of: `staging`, `production`. Scopes known failures and histories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Which part of a run this is that is spread over several machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// Defects that were switched on, by mock.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub defects: BTreeMap<String, Vec<String>>,
}

/// One part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which, from 1.
    pub index: u32,
    /// How many there are.
    pub of: u32,
    /// What the CI system calls the run that all parts belong to, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

impl fmt::Display for Shard {
    /// `2/7`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// What all parts of a run have before them, as each of them works it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Cases and broken files of the whole run.
    pub results: u64,
    /// Equal where the cases, their order and what decides how they run are equal.
    pub digest: String,
}

/// A scenario file that cannot run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenFile {
    /// The file.
    pub file: String,
    /// The rendered diagnostics, without colour.
    pub diagnostics: String,
    /// How many errors.
    pub errors: usize,
    /// Position in the input order, counted with the cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
}

/// A target as the run reached it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSummary {
    /// Name.
    pub name: String,
    /// `mock`, `url`, `command`.
    pub kind: String,
    /// Versions it speaks; empty for `lifecycle: bare`.
    pub versions: Vec<String>,
}

/// Totals of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Cases by verdict.
    pub pass: u64,
    /// Cases by verdict.
    pub fail: u64,
    /// Cases by verdict.
    pub warn: u64,
    /// Cases by verdict.
    pub skip: u64,
    /// Cases by verdict.
    pub untestable: u64,
    /// Cases by verdict.
    pub error: u64,
    /// Of the passes, how many only on a retry.
    pub flaky: u64,
    /// Cases that fail as the baseline says.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub known: u64,
    /// Cases that pass though the baseline says that they fail.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fixed: u64,
    /// Cases that fail as an entry of the baseline says whose date is past.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expired: u64,
    /// Cases that count neither way.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub quarantined: u64,
    /// Of the cases by verdict, those that do not count, being known or quarantined.
    #[serde(default, skip_serializing_if = "Excused::none")]
    pub excused: Excused,
    /// Files that could not run.
    pub broken: u64,
    /// Checks of all cases.
    pub checks: CheckCounts,
    /// Requirements touched by at least one check.
    pub requirements_touched: u64,
    /// … and of which every check passed.
    pub requirements_proved: u64,
    /// Milliseconds.
    pub duration_ms: f64,
    /// The run was cut short (Ctrl-C, `--fail-fast`); cases that never ran are not counted.
    pub interrupted: Option<String>,
    /// Of a shard that was not cut short: what the whole run has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

impl RunSummary {
    /// Cases that ran.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.pass + self.fail + self.warn + self.skip + self.untestable + self.error
    }

    /// Cases that break a MUST and count.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.fail.saturating_sub(self.excused.fail)
    }

    /// Cases that break a SHOULD and count.
    #[must_use]
    pub fn warnings(&self) -> u64 {
        self.warn.saturating_sub(self.excused.warn)
    }

    /// Cases in error that count.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.error.saturating_sub(self.excused.error)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// The stream that reporters consume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// First event.
    RunStarted(RunInfo),
    /// A target was reached (or not) and its versions are known.
    Target(TargetSummary),
    /// A file that cannot run. In input order among the cases.
    Broken(BrokenFile),
    /// A case began. Not in input order.
    CaseStarted {
        /// Which.
        id: CaseId,
    },
    /// A case ended. In input order.
    CaseFinished(Box<CaseResult>),
    /// Last event.
    RunFinished(RunSummary),
}
