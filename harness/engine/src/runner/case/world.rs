//! Everything that a running case has.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gauntlet_format::resolve::{Lookup as _, resolve};
use gauntlet_format::scenario::Lifecycle;
use gauntlet_format::{Key, Node, Scenario};
use gauntlet_mocks::JournalEntry;
use gauntlet_reports::Verdict;
use serde_json::{Map, Value};

use super::super::check::Checks;
use super::super::judge::Rules;
use super::super::stubs::AllStubs;
use super::super::vars::{Keep, Scope, fixtures_named};
use super::super::{GivenSecrets, RunOptions};
use crate::auth::{AwsChain, Environment};
use crate::lifecycle::{DEFAULT_CLIENT, Session, SessionSpec, capabilities_of};
use crate::target::instance::{Given, Instance};
use crate::transcript::Recorder;
use crate::transcript::secrets::Secrets;

use super::{Case, Stop};

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
    pub(crate) async fn start(
        case: &'a Case,
        options: &'a RunOptions,
        secrets: &'a Secrets,
        recorder: &Arc<Recorder>,
        checks: &'a Mutex<Checks>,
    ) -> Result<Self, Stop> {
        let scenario = &case.scenario;
        let given = given_secrets(case, options)?;
        let scope = Scope::new(case.version, &case.matrix, secrets.clone(), options.may_read.clone(), given);
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
            rules: Rules::new(case.version, &case.target.tolerated()).for_client(case.target.spec.is_client()),
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
        let required = required_upstreams(&case.scenario).into_iter().map(|key| key.name).collect();
        let mut given = Given { required, ..Given::default() };
        if let Some(node) = &case.scenario.given
            && let Value::Object(config) = resolve(node, &Keep("upstreams", scope))?.to_json()
        {
            given.config = config;
        }
        if !options.defects.is_empty() {
            Self::add_defects(case, options, &mut given.config);
        }
        if let Some(node) = &case.scenario.stubs {
            let resolved = resolve(node, &Keep("request", scope))?;
            given.stubs = AllStubs::from_node(&resolved).map_err(|reason| gauntlet_format::resolve::Unresolved {
                name: "stubs".to_owned(),
                reason,
                span: node.span,
            })?;
        }
        Ok(given)
    }

    /// The defects of the run, each to the mocks that have it: the one under test, and those behind the target.
    fn add_defects(case: &Case, options: &RunOptions, given: &mut Map<String, Value>) {
        let add = |mock: &str, config: &mut Map<String, Value>| {
            let list = config.entry("defects").or_insert_with(|| Value::Array(Vec::new()));
            if let (Some(defects), Value::Array(list)) = (options.defects.get(mock), list) {
                list.extend(defects.iter().map(|d| Value::from(d.as_str())));
            }
        };
        let spec = &case.target.spec;
        if let Some(mock) = spec.mock_name().filter(|mock| options.defects.contains_key(*mock)) {
            add(mock, given);
        }
        for (name, upstream) in spec.upstreams.iter().filter(|(_, u)| options.defects.contains_key(&u.mock)) {
            if let Value::Object(config) = given.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())) {
                add(&upstream.mock, config);
            }
        }
    }

    /// `requires:` and the fixtures that variables name.
    async fn check_needs(&self) -> Result<(), Stop> {
        let scenario = &self.case.scenario;
        for key in required_upstreams(scenario) {
            if !self.instance.upstreams.contains_key(&key.name) {
                let reason = format!("the target has no upstream mock `{}` behind it", key.name);
                return Err(Stop::untestable(reason, Some(key.span)));
            }
        }
        if !scenario.requires.capabilities.is_empty() {
            let details = Box::pin(self.case.target.details(self.case.version))
                .await
                .map_err(|e| Stop::error(e.message, None))?;
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

    pub(crate) fn without_fixture(&self, name: &str, span: gauntlet_format::Span) -> Stop {
        let reason = format!(
            "needs the fixture `{name}`; add it under `fixtures:` of `{}` in {}",
            self.case.target.spec.name,
            crate::config::FILE_NAME
        );
        Stop::untestable(reason, Some(span))
    }

    /// Takes a harmless tool from what the target lists.
    async fn find_tool(&self) -> bool {
        let Ok(details) = Box::pin(self.case.target.details(self.case.version)).await else { return false };
        let Some((name, arguments)) = details.harmless_tool() else { return false };
        let mut fixtures = self.instance.fixtures.clone();
        fixtures.insert("tool".to_owned(), serde_json::json!({ "name": name, "arguments": arguments }));
        self.scope.set_root("fixtures", Value::Object(fixtures));
        true
    }

    pub(super) async fn run(&self) -> Option<Stop> {
        let mut number = 0;
        for step in &self.case.scenario.steps {
            let first = number;
            number += super::super::step::count(step);
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
    pub(crate) async fn finish(&self, orderly: bool) {
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
        let name = name.unwrap_or(DEFAULT_CLIENT);
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
            sign_in: crate::lifecycle::SignIn::default(),
            shared: self.instance.sign_ins.as_ref().filter(|_| self.shares_sign_in()).map(|shared| shared.of(name)),
            interaction: self.instance.interaction.clone(),
            secrets: self.secrets.clone(),
            persevere: self.case.target.spec.is_client(),
        };
        let link = self.instance.link().map_err(|f| Stop::error(f.message, None))?;
        let session = Arc::new(Session::new(spec, link, Arc::clone(&self.recorder)));
        sessions.insert(name.to_owned(), Arc::clone(&session));
        Ok(session)
    }

    /// Whether the named client has spoken and was not closed.
    pub(crate) fn has_session(&self, name: Option<&str>) -> bool {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.contains_key(name.unwrap_or(DEFAULT_CLIENT))
    }

    /// Forgets a client that was closed, so that the name can open anew.
    pub(crate) fn forget(&self, name: Option<&str>) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(name.unwrap_or(DEFAULT_CLIENT));
    }

    fn all_sessions(&self) -> Vec<Arc<Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Whether the clients go on with what those of other cases obtained. A scenario with credentials of its own, or that
    /// is about signing in, begins from nothing, so that what it sees does not depend on which cases ran before.
    fn shares_sign_in(&self) -> bool {
        self.case.scenario.defaults.auth.is_none() && !has_oauth_leg(&self.case.scenario.steps)
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
        if let Some(from) = value.pointer("/jwt/from").and_then(Value::as_str) {
            return self.minted(from, &value["jwt"], node.span);
        }
        let target = &self.instance.credential;
        let aws = if crate::auth::Credential::takes_from_machine(&value, target) {
            self.options.may_read.aws_credentials().map_err(|e| Stop::error(e, Some(node.span)))?;
            &self.instance.aws
        } else {
            // Not even a region is taken from this machine.
            &Arc::new(AwsChain::new(Environment::default()))
        };
        crate::auth::Credential::of_step(&value, target, aws, self.secrets).map_err(|e| Stop::error(e, Some(node.span)))
    }

    /// A token that a mock signs.
    fn minted(&self, from: &str, spec: &Value, span: gauntlet_format::Span) -> Result<crate::auth::Credential, Stop> {
        let Some(mock) = self.instance.mock_named(from) else {
            let reason = format!("there is no mock `{from}` that could sign a token; the target is a real system");
            return Err(Stop::untestable(reason, Some(span)));
        };
        let mut spec = spec.clone();
        if let Some(members) = spec.as_object_mut() {
            members.shift_remove("from");
        }
        let token = mock.mint(&spec).map_err(|e| Stop::error(e.to_string(), Some(span)))?;
        self.secrets.add("token", &token);
        Ok(crate::auth::Credential::Bearer(token))
    }

    /// The node with its variables replaced.
    pub(crate) fn resolve(&self, node: &Node) -> Result<Node, Stop> {
        resolve(node, &self.scope).map_err(|e| Stop::error(e.to_string(), Some(e.span)))
    }

    pub(crate) fn journals(&self) -> Vec<(String, Vec<Arc<JournalEntry>>)> {
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

/// The upstreams without which the scenario cannot run.
fn required_upstreams(scenario: &Scenario) -> Vec<Key> {
    let mut keys = scenario.requires.upstreams.clone();
    keys.extend(scenario.stubbed_upstreams());
    keys
}

/// The given secrets, if the scenario names any; without one of them it cannot run.
fn given_secrets(case: &Case, options: &RunOptions) -> Result<GivenSecrets, Stop> {
    let named = &case.scenario.secrets;
    let Some(first) = named.first() else { return Ok(GivenSecrets::default()) };
    let missing: Vec<&str> =
        named.iter().map(|key| key.name.as_str()).filter(|name| options.given.value(name).is_none()).collect();
    let noun = match missing.len() {
        0 => return Ok(options.given.clone()),
        1 => "secret",
        _ => "secrets",
    };
    // The same for each case, so that they are told together.
    let given: Vec<String> = missing.iter().map(|name| format!("--secret {name}")).collect();
    let reason = format!(
        "needs the {noun} `{}`: {} takes from the environment (elsewhere: --secret NAME=env:VARIABLE, --secret NAME=file:PATH)",
        missing.join("`, `"),
        given.join(" "),
    );
    Err(Stop::untestable(reason, Some(first.span)))
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

/// Whether a step, at any depth, is a leg of a sign-in.
fn has_oauth_leg(steps: &[gauntlet_format::Step]) -> bool {
    steps.iter().any(|step| match &step.kind {
        gauntlet_format::StepKind::Oauth(_) => true,
        gauntlet_format::StepKind::Parallel(inner) | gauntlet_format::StepKind::Repeat { steps: inner, .. } => {
            has_oauth_leg(inner)
        }
        _ => false,
    })
}
