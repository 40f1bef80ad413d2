//! One case from start to verdict.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_format::resolve::{Lookup as _, resolve};
use gauntlet_format::scenario::Lifecycle;
use gauntlet_format::{Node, Scenario, Span, Version};
use gauntlet_mocks::JournalEntry;
use gauntlet_reports::{
    Attempt, CaseId, CaseResult, Check, CheckCounts, Event, MismatchReport, Place, RequirementRef, Verdict, curl,
};
use serde_json::{Map, Value};

use super::check::{Checked, Checks, Origin};
use super::judge::Rules;
use super::stubs::Stubs;
use super::vars::{Scope, fixtures_named};
use super::{RunOptions, report_level};
use crate::config::Endpoint;
use crate::conformance::{Direction, Requirements};
use crate::lifecycle::{Session, SessionSpec, capabilities_of};
use crate::target::Target;
use crate::target::instance::{Given, Instance};
use crate::transcript::secrets::Secrets;
use crate::transcript::{Recorded, Recorder, millis};
use crate::transport::{Content, content_of};

/// One scenario with one set of matrix values at one version on one target.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub index: usize,
    pub scenario: Arc<Scenario>,
    pub matrix: Vec<(String, Value)>,
    pub version: Option<Version>,
    pub target: Arc<Target>,
    pub id: CaseId,
    /// A verdict that is certain before anything runs.
    pub foregone: Option<Stop>,
}

/// Why a case ends early, with a verdict of its own.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    pub verdict: Verdict,
    pub reason: String,
    pub span: Option<Span>,
}

impl Stop {
    pub(crate) fn error(reason: impl Into<String>, span: Option<Span>) -> Self {
        Self { verdict: Verdict::Error, reason: reason.into(), span }
    }

    pub(crate) fn untestable(reason: impl Into<String>, span: Option<Span>) -> Self {
        Self { verdict: Verdict::Untestable, reason: reason.into(), span }
    }

    pub(crate) fn skip(reason: impl Into<String>, span: Option<Span>) -> Self {
        Self { verdict: Verdict::Skip, reason: reason.into(), span }
    }
}

/// A result, and what the audit needs of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// [`Event::CaseFinished`], redacted.
    pub event: Event,
    /// Every check with its evidence, when everything is kept.
    pub checked: Vec<Checked>,
}

/// Runs the case, again if it may be and must.
pub(crate) async fn run(case: &Case, options: &RunOptions) -> Outcome {
    let requirements = &options.requirements;
    let secrets = options.secrets.fork();
    let mut attempts = Vec::new();
    let mut endpoint = case.target.spec.place();
    let checked = loop {
        let (attempt, kept, reached) = attempt(case, options, requirements, &secrets).await;
        if let Some(reached) = reached {
            endpoint = reached;
        }
        let done = !matches!(attempt.verdict, Verdict::Fail | Verdict::Error);
        attempts.push(attempt);
        if done || attempts.len() > options.retries as usize {
            break kept;
        }
    };
    // What was asked of the target beforehand may have brought secrets up that end up in the reason.
    secrets.absorb(&case.target.secrets);
    let redactor = secrets.redactor();
    let mut event = Event::CaseFinished(Box::new(result(case, endpoint, attempts)));
    redactor.redact_event(&mut event);
    if let Event::CaseFinished(result) = &mut event {
        for attempt in &mut result.attempts {
            attempt.curl = repeat_line(attempt, redactor.labels());
        }
    }
    Outcome { event, checked }
}

fn result(case: &Case, endpoint: String, attempts: Vec<Attempt>) -> CaseResult {
    let verdict = attempts.last().map_or(Verdict::Error, |a| a.verdict);
    CaseResult {
        index: case.index,
        id: case.id.clone(),
        title: case.scenario.title.clone(),
        pack: case.scenario.pack.clone(),
        tags: case.scenario.tags.clone(),
        place: place(&case.scenario, case.scenario.id_span),
        endpoint,
        verdict,
        flaky: attempts.len() > 1 && !matches!(verdict, Verdict::Fail | Verdict::Error),
        attempts,
        again: again(case),
    }
}

/// The outcome of a case that the harness itself did not survive: an error, never silence. Nothing of what went on is
/// told, since what is secret in it is no longer known.
pub(crate) fn lost(case: &Case) -> Outcome {
    let attempt = Attempt {
        verdict: Verdict::Error,
        reason: Some("the harness failed while it ran this case; this is a bug of Gauntlet".to_owned()),
        place: None,
        duration_ms: 0.0,
        counts: CheckCounts::default(),
        checks: Vec::new(),
        requirements: Vec::new(),
        transcript: Vec::new(),
        curl: None,
    };
    Outcome { event: Event::CaseFinished(Box::new(result(case, String::new(), vec![attempt]))), checked: Vec::new() }
}

/// A command line that repeats the request which the first check that did not pass judges.
fn repeat_line(attempt: &Attempt, labels: &[String]) -> Option<String> {
    let failed = attempt.checks.iter().find(|c| c.verdict != Verdict::Pass)?;
    let exchange = attempt.transcript.get(failed.exchange?)?;
    exchange.request.url.starts_with("http").then(|| curl::command(&exchange.request, labels)).flatten()
}

/// A word for a POSIX shell.
fn quote(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=@".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn again(case: &Case) -> String {
    let mut line = format!("gauntlet run {}", case.id.scenario);
    for (name, label) in &case.id.case {
        line.push_str(&format!(" --case {}", quote(&format!("{name}={label}"))));
    }
    if let Some(version) = &case.id.version {
        line.push_str(&format!(" --mcp-version {version}"));
    }
    let spec = &case.target.spec;
    match &spec.endpoint {
        // Named after its role alone, as `--target URL` does; the name would mean the embedded mock.
        Endpoint::Url(url) if spec.name == spec.role && spec.auth.is_none() && !url.contains("${") => {
            let role = if spec.role == "mcp-server" { String::new() } else { format!("{}=", spec.role) };
            line.push_str(&format!(" --target {}", quote(&format!("{role}{url}"))));
        }
        _ => line.push_str(&format!(" --target {}", quote(&spec.name))),
    }
    line
}

async fn attempt(
    case: &Case,
    options: &RunOptions,
    requirements: &Arc<Requirements>,
    secrets: &Secrets,
) -> (Attempt, Vec<Checked>, Option<String>) {
    let started = Instant::now();
    let proves = case.scenario.proves.iter().map(|k| k.name.clone()).collect();
    let checks = Mutex::new(Checks::new(Arc::clone(requirements), case.version, proves, options.keep_all));
    let recorder = Arc::new(Recorder::new());
    let bound = case.scenario.timeout.unwrap_or(options.timeout);
    let mut world = None;
    let stop = match &case.foregone {
        Some(stop) => Some(stop.clone()),
        None => match tokio::time::timeout(bound, World::start(case, options, secrets, &recorder, &checks)).await {
            Err(_) => Some(Stop::error("the target did not start in time", None)),
            Ok(Err(stop)) => Some(stop),
            Ok(Ok(started)) => {
                let running = world.insert(started);
                let left = bound.saturating_sub(recorder.elapsed());
                let stop = match tokio::time::timeout(left, running.run()).await {
                    Err(_) => {
                        Some(Stop::error(format!("the scenario took longer than {:.1} s", bound.as_secs_f64()), None))
                    }
                    Ok(stop) => stop,
                };
                running.finish(stop.is_none()).await;
                stop
            }
        },
    };
    let endpoint = world.as_ref().map(|w| w.instance.endpoint());
    let journals = world.as_ref().map(World::journals).unwrap_or_default();
    // Ends mocks and processes before the verdict is told.
    drop(world);
    let mut checks = checks.into_inner().unwrap_or_else(PoisonError::into_inner);
    let sent = recorder.since(0);
    judge_upstreams(&journals, &sent, &mut checks);
    let (verdict, reason, span) = verdict(&checks, stop, &sent);
    let full = options.keep_all || !matches!(verdict, Verdict::Pass | Verdict::Skip);
    let (transcript, places) =
        if full { recorder.transcript(&case.target.spec.name, &journals) } else { (Vec::new(), Vec::new()) };
    let attempt = Attempt {
        verdict,
        reason,
        place: span.map(|s| place(&case.scenario, s)),
        duration_ms: millis(started.elapsed()),
        counts: checks.counts,
        checks: checks.list.iter().map(|c| report_check(c, &case.scenario, requirements, &places)).collect(),
        requirements: checks.touched.iter().map(|(id, v)| (id.clone(), *v)).collect(),
        transcript,
        curl: None,
    };
    let kept = if options.keep_all { checks.list } else { Vec::new() };
    (attempt, kept, endpoint)
}

fn verdict(checks: &Checks, stop: Option<Stop>, sent: &[Recorded]) -> (Verdict, Option<String>, Option<Span>) {
    let judged = checks.verdict();
    match stop {
        // What was already found wrong with the target outweighs that the case could not go on.
        Some(stop) if judged == Verdict::Fail => (Verdict::Fail, Some(stop.reason), stop.span),
        Some(stop) => (stop.verdict, Some(stop.reason), stop.span),
        None if checks.asked == 0 => {
            let reason =
                "no check was evaluated, so nothing is shown; is `expect` meant for another version or transport?";
            (Verdict::Error, Some(reason.to_owned()), None)
        }
        None if judged != Verdict::Fail && !sent.is_empty() && !sent.iter().any(Recorded::is_answered) => {
            let reason = "the target answered nothing in the whole case, so that it did nothing wrong shows nothing; let a step have an answer";
            (Verdict::Error, Some(reason.to_owned()), None)
        }
        None => (judged, None, None),
    }
}

/// What a target says to the systems behind it is held to the envelope too. A fault that a message of the harness had
/// already, and which the target only passed on, is not the target's.
fn judge_upstreams(journals: &[(String, Vec<Arc<JournalEntry>>)], sent: &[Recorded], checks: &mut Checks) {
    let validator = crate::conformance::Validator::for_version(None);
    let faults_of = |message: &Value| {
        let dialect = crate::conformance::Dialect::of(None);
        validator.check(message, dialect, Direction::ClientToServer, None)
    };
    let mut own_faults = None;
    for (name, entries) in journals {
        for entry in entries {
            let media_type = entry.headers.iter().find(|(n, _)| n == "content-type").map(|(_, v)| v.as_str());
            let Content::Json(message) = content_of(&entry.body, media_type).0 else { continue };
            if message.get("jsonrpc").is_none() {
                continue;
            }
            let mut violations = faults_of(&message);
            if !violations.is_empty() {
                let own = own_faults.get_or_insert_with(|| {
                    let bodies = sent.iter().filter_map(|r| serde_json::from_slice(&r.request.body).ok());
                    bodies.flat_map(|body| faults_of(&body)).collect::<Vec<_>>()
                });
                violations.retain(|violation| !own.contains(violation));
            }
            for violation in &mut violations {
                violation.path = format!("{name}.{}", violation.path);
            }
            checks.violations(Origin { step: 0, exchange: None }, violations);
        }
    }
}

/// A place in one of the scenario's sources, with its line.
pub(crate) fn place(scenario: &Scenario, span: Span) -> Place {
    let Some(source) = scenario.sources.get(usize::from(span.source)) else {
        return Place { file: String::new(), line: 0, column: 0, length: 0, text: String::new() };
    };
    let start = usize::try_from(span.start).unwrap_or(0);
    let end = usize::try_from(span.end).unwrap_or(0);
    let text =
        usize::try_from(span.line).ok().and_then(|n| source.text.lines().nth(n.saturating_sub(1))).unwrap_or_default();
    let first_line = source.text.get(start..end).and_then(|t| t.lines().next()).unwrap_or_default();
    Place {
        file: source.path.display().to_string(),
        line: span.line,
        column: span.column,
        length: u32::try_from(first_line.trim_end().chars().count().max(1)).unwrap_or(1),
        text: text.to_owned(),
    }
}

fn report_check(checked: &Checked, scenario: &Scenario, requirements: &Requirements, places: &[usize]) -> Check {
    let mismatch = |m: &gauntlet_format::Mismatch| MismatchReport {
        path: m.path.clone(),
        expected: m.expected.clone(),
        actual: m.actual.clone(),
        reason: m.reason.clone(),
        place: (m.span != Span::default()).then(|| place(scenario, m.span)),
    };
    Check {
        step: checked.step,
        label: checked.label.clone(),
        verdict: checked.verdict,
        requirements: checked
            .requirements
            .iter()
            .filter_map(|id| requirements.get(id))
            .map(|r| RequirementRef {
                id: r.id.to_string(),
                level: report_level(r.level),
                statement: r.statement.to_string(),
                link: r.link(),
            })
            .collect(),
        because: checked.because.clone(),
        mismatches: checked.mismatches.iter().map(mismatch).collect(),
        place: checked.span.map(|s| place(scenario, s)),
        exchange: checked.exchange.and_then(|number| places.get(number).copied()),
    }
}

/// Everything that a running case has.
pub(crate) struct World<'a> {
    pub case: &'a Case,
    pub options: &'a RunOptions,
    pub instance: Instance,
    pub scope: Scope,
    pub secrets: &'a Secrets,
    pub recorder: Arc<Recorder>,
    pub checks: &'a Mutex<Checks>,
    pub rules: Rules,
    /// Journal positions up to which `received` has looked.
    pub looked: Mutex<HashMap<String, u64>>,
    /// How many recorded exchanges have been judged.
    pub judged: Mutex<usize>,
    lifecycle: Lifecycle,
    capabilities: Value,
    headers: Vec<(String, String)>,
    envelope: Map<String, Value>,
    sessions: Mutex<BTreeMap<String, Arc<Session>>>,
}

impl<'a> World<'a> {
    async fn start(
        case: &'a Case,
        options: &'a RunOptions,
        secrets: &'a Secrets,
        recorder: &Arc<Recorder>,
        checks: &'a Mutex<Checks>,
    ) -> Result<Self, Stop> {
        let scenario = &case.scenario;
        let scope = Scope::new(case.version, secrets.clone());
        for (name, value) in &case.matrix {
            scope.set(name, value.clone());
        }
        let unresolved = |e: gauntlet_format::resolve::Unresolved| Stop::error(e.to_string(), Some(e.span));
        // Variables that speak of the running target are set when it runs; the others may be needed to start it.
        let mut later = Vec::new();
        for (key, node) in &scenario.vars {
            match resolve(node, &scope) {
                Ok(value) => scope.set(&key.name, value.to_json()),
                Err(_) => later.push((key, node)),
            }
        }
        let given = Self::given(case, options, &scope).map_err(unresolved)?;
        let instance =
            Instance::start(&case.target, &given, secrets).await.map_err(|f| Stop::error(f.message, None))?;
        scope.set_root("target", Value::Object(target_variables(&instance)));
        scope.set_root("fixtures", Value::Object(instance.fixtures.clone()));
        for (name, handle) in &instance.upstreams {
            scope.set_upstream(name, handle);
        }
        for (key, node) in later {
            scope.set(&key.name, resolve(node, &scope).map_err(unresolved)?.to_json());
        }
        let lifecycle = scenario.lifecycle.unwrap_or_else(|| case.target.lifecycle());
        let mut headers = instance.headers.clone();
        if let Some(node) = &scenario.defaults.headers {
            let own = resolve(node, &scope).map_err(unresolved)?;
            crate::lifecycle::HeaderChanges::from_node(Some(&own)).apply(&mut headers);
        }
        let mut envelope = instance.envelope.clone();
        if let Some(node) = &scenario.defaults.envelope
            && let Value::Object(own) = resolve(node, &scope).map_err(unresolved)?.to_json()
        {
            envelope.extend(own);
        }
        let answered = answered_methods(&scenario.steps);
        let world = Self {
            case,
            options,
            scope,
            secrets,
            recorder: Arc::clone(recorder),
            checks,
            rules: Rules::new(case.version, &case.target.tolerated()),
            looked: Mutex::default(),
            judged: Mutex::new(0),
            lifecycle,
            capabilities: capabilities_of(answered.iter().map(String::as_str)),
            headers,
            envelope,
            sessions: Mutex::default(),
            instance,
        };
        world.check_needs().await?;
        Ok(world)
    }

    fn given(case: &Case, options: &RunOptions, scope: &Scope) -> Result<Given, gauntlet_format::resolve::Unresolved> {
        let mut given = Given::default();
        if let Some(node) = &case.scenario.given
            && let Value::Object(config) = resolve(node, scope)?.to_json()
        {
            given.config = config;
        }
        if let Some(defects) = case.target.spec.mock_name().and_then(|mock| options.defects.get(mock)) {
            let list = given.config.entry("defects").or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.extend(defects.iter().map(|d| Value::from(d.as_str())));
            }
        }
        if let Some(node) = &case.scenario.stubs {
            let resolved = resolve(node, &super::vars::KeepRequest(scope))?;
            given.stubs = Some(Stubs::from_node(&resolved).map_err(|reason| gauntlet_format::resolve::Unresolved {
                name: "stubs".to_owned(),
                reason,
                span: node.span,
            })?);
        }
        Ok(given)
    }

    /// `requires:` and the fixtures that variables name.
    async fn check_needs(&self) -> Result<(), Stop> {
        let scenario = &self.case.scenario;
        for key in &scenario.requires.upstreams {
            if !self.instance.upstreams.contains_key(&key.name) {
                let reason = format!("the target has no upstream mock `{}` behind it", key.name);
                return Err(Stop::untestable(reason, Some(key.span)));
            }
        }
        if !scenario.requires.capabilities.is_empty() {
            let details = self.case.target.details(self.case.version).await.map_err(|e| Stop::error(e, None))?;
            for key in &scenario.requires.capabilities {
                if !details.has_capability(&key.name) {
                    let reason = format!("the target does not declare the capability `{}`", key.name);
                    return Err(Stop::skip(reason, Some(key.span)));
                }
            }
        }
        for key in &scenario.requires.fixtures {
            if self.instance.fixtures.contains_key(&key.name) {
                continue;
            }
            if key.name == "tool" && self.find_tool().await {
                continue;
            }
            return Err(self.without_fixture(&key.name, key.span));
        }
        for name in scenario.sources.first().map(|source| fixtures_named(&source.text)).unwrap_or_default() {
            if self.scope.lookup(name).is_err() && !(name.starts_with("fixtures.tool.") && self.find_tool().await) {
                return Err(self.without_fixture(name.trim_start_matches("fixtures."), scenario.id_span));
            }
        }
        Ok(())
    }

    fn without_fixture(&self, name: &str, span: gauntlet_format::Span) -> Stop {
        let reason = format!(
            "needs the fixture `{name}`; add it under `fixtures:` of `{}` in {}",
            self.case.target.spec.name,
            crate::config::FILE_NAME
        );
        Stop::untestable(reason, Some(span))
    }

    /// Takes a harmless tool from what the target lists.
    async fn find_tool(&self) -> bool {
        let Ok(details) = self.case.target.details(self.case.version).await else { return false };
        let Some((name, arguments)) = details.harmless_tool() else { return false };
        let mut fixtures = self.instance.fixtures.clone();
        fixtures.insert("tool".to_owned(), serde_json::json!({ "name": name, "arguments": arguments }));
        self.scope.set_root("fixtures", Value::Object(fixtures));
        true
    }

    async fn run(&self) -> Option<Stop> {
        let mut number = 0;
        for step in &self.case.scenario.steps {
            let first = number;
            number += super::step::count(step);
            if let Err(stop) = self.step(step, first).await {
                return Some(stop);
            }
            if self.with_checks(|c| c.verdict()) == Verdict::Fail {
                return None;
            }
        }
        None
    }

    /// Closes what is still open. A case that went wrong does not wait for politeness.
    async fn finish(&self, orderly: bool) {
        if orderly {
            for session in self.all_sessions() {
                session.close(None, Duration::from_secs(5)).await;
            }
            // The lifecycle's own last exchanges are judged like every other.
            if self.judge_new(false, false).is_some() {
                tracing::debug!(case = %self.case.id, "closing message not valid");
            }
        }
    }

    pub(crate) fn with_checks<T>(&self, f: impl FnOnce(&mut Checks) -> T) -> T {
        f(&mut self.checks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Judges the exchanges that have come since the last call; a fault of the harness comes back as a sentence.
    pub(crate) fn judge_new(&self, on_purpose: bool, lenient: bool) -> Option<String> {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = self.recorder.since(*judged);
        let mut fault = None;
        self.with_checks(|checks| {
            for (offset, recorded) in fresh.iter().enumerate() {
                let own_fault = self.rules.exchange(recorded, *judged + offset, on_purpose || lenient, checks);
                fault = fault.take().or(own_fault);
            }
        });
        *judged += fresh.len();
        fault
    }

    /// The named client, made when it first speaks.
    pub(crate) fn session(&self, name: Option<&str>) -> Result<Arc<Session>, Stop> {
        let name = name.unwrap_or("client");
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get(name) {
            return Ok(Arc::clone(session));
        }
        let spec = SessionSpec {
            name: name.into(),
            target: Arc::clone(&self.instance.name),
            version: self.case.version,
            lifecycle: self.lifecycle,
            capabilities: self.capabilities.clone(),
            headers: self.headers.clone(),
            envelope: self.envelope.clone(),
            credential: self.default_credential()?,
            rate: Arc::clone(&self.instance.rate),
        };
        let link = self.instance.link().map_err(|f| Stop::error(f.message, None))?;
        let session = Arc::new(Session::new(spec, link, Arc::clone(&self.recorder)));
        sessions.insert(name.to_owned(), Arc::clone(&session));
        Ok(session)
    }

    /// Forgets a client that was closed, so that the name can open anew.
    pub(crate) fn forget(&self, name: Option<&str>) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(name.unwrap_or("client"));
    }

    fn all_sessions(&self) -> Vec<Arc<Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn default_credential(&self) -> Result<crate::auth::Credential, Stop> {
        match &self.case.scenario.defaults.auth {
            None => Ok(self.instance.credential.clone()),
            Some(node) => self.credential(node),
        }
    }

    /// Credentials from an `auth:` node.
    pub(crate) fn credential(&self, node: &Node) -> Result<crate::auth::Credential, Stop> {
        let value = self.resolve(node)?.to_json();
        crate::auth::Credential::from_value(&value, self.secrets).map_err(|e| Stop::error(e, Some(node.span)))
    }

    /// The node with its variables replaced.
    pub(crate) fn resolve(&self, node: &Node) -> Result<Node, Stop> {
        resolve(node, &self.scope).map_err(|e| Stop::error(e.to_string(), Some(e.span)))
    }

    fn journals(&self) -> Vec<(String, Vec<Arc<JournalEntry>>)> {
        self.instance.upstreams.iter().map(|(name, handle)| (name.clone(), handle.journal().entries())).collect()
    }
}

fn target_variables(instance: &Instance) -> Map<String, Value> {
    let mut variables = instance.vars.clone();
    if let Some(url) = instance.url() {
        variables.insert("url".to_owned(), url.as_str().into());
        variables.insert("origin".to_owned(), url.origin().ascii_serialization().into());
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        variables.insert("host".to_owned(), host.into());
        variables.insert("path".to_owned(), url.path().into());
    }
    variables.insert("name".to_owned(), instance.name.as_ref().into());
    variables
}

/// Methods of server requests that the scenario answers; they decide which capabilities the client declares.
fn answered_methods(steps: &[gauntlet_format::Step]) -> Vec<String> {
    let mut methods = Vec::new();
    for step in steps {
        match &step.kind {
            gauntlet_format::StepKind::Call {
                replies: Some(Node { value: gauntlet_format::NodeValue::Object(members), .. }),
                ..
            } => {
                methods.extend(members.iter().map(|(k, _)| k.name.clone()));
            }
            gauntlet_format::StepKind::Parallel(inner) | gauntlet_format::StepKind::Repeat { steps: inner, .. } => {
                methods.extend(answered_methods(inner));
            }
            _ => {}
        }
    }
    methods
}
