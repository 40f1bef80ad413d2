//! The system under test: how it is reached, started, probed and ended.

pub(crate) mod client;
pub(crate) mod instance;
pub(crate) mod intercept;
pub(crate) mod meter;
mod person;
mod preflight;
pub mod probe;
pub(crate) mod process;
pub(crate) mod rate;
pub(crate) mod server;
mod upstream;
mod variables;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use gauntlet_format::{Version, scenario::Lifecycle};
use gauntlet_mocks::MockLifecycle;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use url::Url;

pub use crate::auth::oauth::Notice;
pub use person::Person;
pub use preflight::{Missing, MissingKind, preflight};
pub use process::end_all;

use crate::auth::oauth::{Interaction, SharedSignIns, Turn};
use crate::auth::{AwsChain, Environment};
use crate::config::{ClientSpec, CommandSpec, Endpoint, TargetSpec};
use crate::repro;
use crate::repro::stub::{RecordedServer, StubOptions};
use crate::transcript::secrets::Secrets;
use crate::transport::{Failure, FailureKind};
use instance::{Given, Instance};
use intercept::Authority;
use probe::{Details, NoDetails};
use process::CommandLine;
use rate::RateLimit;
use server::{Server, free_port};

/// Asked once, by whoever needs it first.
type DetailsCell = Arc<OnceCell<Result<Arc<Details>, NoDetails>>>;

/// A target for the length of a run: what is true of it is found out once and shared by all cases.
#[derive(Debug)]
pub struct Target {
    /// How it is configured.
    pub spec: TargetSpec,
    pub(crate) rate: Arc<RateLimit>,
    /// Room for cases; none: as much as the run has.
    room: Option<Semaphore>,
    /// What is learnt to be secret while the target is asked; every case must know it.
    pub(crate) secrets: Secrets,
    patience: OnceLock<Duration>,
    versions: OnceCell<Result<Vec<Version>, Failure>>,
    server: tokio::sync::Mutex<Option<Arc<Server>>>,
    details: Mutex<HashMap<Option<Version>, DetailsCell>>,
    person: OnceLock<Person>,
    turn: Arc<Turn>,
    sign_ins: SharedSignIns,
    /// Where AWS credentials come from, for all cases.
    aws: Arc<AwsChain>,
    authority: OnceLock<Arc<Authority>>,
    /// Recordings that stand behind it, by file and name of the upstream, read once.
    recordings: Mutex<HashMap<(PathBuf, String), RecordedServer>>,
}

impl Target {
    /// A target that is not reached yet.
    #[must_use]
    pub fn new(spec: TargetSpec) -> Self {
        let rate = Arc::new(RateLimit::new(spec.rate));
        let room = spec.concurrency.map(|most| Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)));
        Self {
            room,
            spec,
            rate,
            secrets: Secrets::default(),
            patience: OnceLock::new(),
            versions: OnceCell::new(),
            server: tokio::sync::Mutex::default(),
            details: Mutex::default(),
            person: OnceLock::new(),
            turn: Arc::default(),
            sign_ins: SharedSignIns::default(),
            aws: Arc::new(AwsChain::new(Environment::of_process())),
            authority: OnceLock::new(),
            recordings: Mutex::default(),
        }
    }

    /// Waits until there is room for one case more; the room is taken until the permit is dropped.
    pub(crate) async fn admit(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.room.as_ref()?.acquire().await.ok()
    }

    /// Who signs for the hosts that upstreams stand for, the same in all cases.
    pub(crate) fn authority(&self) -> Result<Arc<Authority>, Failure> {
        match self.authority.get() {
            Some(authority) => Ok(Arc::clone(authority)),
            None => {
                let made = Arc::new(Authority::new()?);
                Ok(Arc::clone(self.authority.get_or_init(|| made)))
            }
        }
    }

    /// A recording that stands behind it. Of one of both sides of a gateway it is the side of the upstream of this name.
    pub(crate) fn recording(&self, path: &Path, upstream: &str) -> Result<RecordedServer, Failure> {
        let mut recordings = self.recordings.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (path.to_owned(), upstream.to_owned());
        if let Some(known) = recordings.get(&key) {
            return Ok(known.clone());
        }
        let recording = repro::load_upstream(path, upstream)
            .map_err(|reason| Failure::new(FailureKind::Connect, format!("no recording to serve: {reason}")))?;
        let server = RecordedServer::new(recording, StubOptions::default());
        recordings.insert(key, server.clone());
        Ok(server)
    }

    /// Bounds each question that is asked before a scenario runs; the first bound stays.
    pub(crate) fn bound_questions(&self, patience: Duration) {
        self.patience.get_or_init(|| patience);
    }

    /// How long to wait for an answer to such a question.
    pub(crate) fn patience(&self) -> Duration {
        self.patience.get().copied().unwrap_or(probe::DEADLINE)
    }

    /// Names somebody who can sign in with `browser: open`; the first one stays. Without, nobody is asked, and what needs a
    /// person ends at once.
    pub fn attend(&self, person: Person) {
        self.person.get_or_init(|| person);
    }

    /// How somebody is asked to sign in.
    pub(crate) fn interaction(&self) -> Interaction {
        let turn = Arc::clone(&self.turn);
        match self.person.get() {
            Some(person) => Interaction {
                tell: Arc::clone(&person.tell),
                patience: person.patience,
                turn,
                ..Interaction::default()
            },
            None => Interaction { turn, ..Interaction::default() },
        }
    }

    /// Whose turn it is to ask that person.
    pub(crate) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// The sign-ins that all cases use, if the target is the same system for all of them.
    pub(crate) fn shared_sign_ins(&self) -> Option<SharedSignIns> {
        let lasts = match &self.spec.endpoint {
            Endpoint::Url(_) => self.spec.upstreams.is_empty(),
            Endpoint::Command(command) => command.shared,
            _ => false,
        };
        lasts.then(|| self.sign_ins.clone())
    }

    /// Who opens and closes, if a scenario does not say.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        let of_mock = || match &self.spec.endpoint {
            Endpoint::Mock { mock, .. } => gauntlet_mocks::info(mock).map(|info| match info.lifecycle {
                MockLifecycle::Auto => Lifecycle::Auto,
                MockLifecycle::Bare => Lifecycle::Bare,
            }),
            Endpoint::Stubs => Some(Lifecycle::Bare),
            Endpoint::Url(_) | Endpoint::Command(_) | Endpoint::Client(_) => None,
        };
        self.spec.lifecycle.or_else(of_mock).unwrap_or(Lifecycle::Auto)
    }

    /// The program that all cases share, started by the first of them; one that ended is started again, so that a case
    /// which brings it down is told from those after it.
    pub(crate) async fn shared_server(
        &self,
        command: &CommandSpec,
        prepare: impl Fn(u16) -> Result<(CommandLine, Option<Url>), Failure>,
    ) -> Result<Arc<Server>, Failure> {
        let mut server = self.server.lock().await;
        if let Some(running) = server.as_ref().filter(|s| s.is_running()) {
            return Ok(Arc::clone(running));
        }
        let (line, url) = prepare(free_port()?)?;
        let url = url.ok_or_else(|| {
            Failure::new(FailureKind::Connect, "only a `command` with a `url` can be shared".to_owned())
        })?;
        let started = Arc::new(Box::pin(Server::start(&line, url, command)).await?);
        *server = Some(Arc::clone(&started));
        Ok(started)
    }

    /// Known departures that are not held against it: what the configuration names, and what a mocked system is known for.
    pub(crate) fn tolerated(&self) -> Vec<String> {
        let known =
            self.spec.roles.iter().filter_map(|role| gauntlet_mocks::info(role)).flat_map(|info| info.departures);
        self.spec.tolerate.iter().cloned().chain(known.map(|d| (*d).to_owned())).collect()
    }

    /// The versions it speaks, oldest first: as configured, as the mock says, or probed; in any case once.
    ///
    /// # Errors
    /// When the target cannot be reached, or speaks no version.
    pub async fn versions(&self) -> Result<&[Version], Failure> {
        let found = self.versions.get_or_init(|| async {
            if let Some(versions) = &self.spec.versions {
                return Ok(versions.clone());
            }
            if self.lifecycle() == Lifecycle::Bare {
                return Ok(Vec::new());
            }
            match &self.spec.endpoint {
                Endpoint::Client(ClientSpec::Own) => return mock_versions("agentcore-gateway", false, None),
                // Newest of those that every client program in use speaks without being told.
                Endpoint::Client(_) => return Ok(vec![Version::V2025_11_25]),
                _ => {}
            }
            if let Endpoint::Mock { mock, stdio, config } = &self.spec.endpoint {
                return mock_versions(mock, *stdio, config.get("versions"));
            }
            let instance = Instance::start(self, &Given::default(), &self.secrets).await?;
            probe::versions(&instance).await
        });
        found.await.as_deref().map_err(Clone::clone)
    }

    /// What the target says of itself at a version; asked once for each version.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn details(&self, version: Option<Version>) -> Result<Arc<Details>, NoDetails> {
        let cell = {
            let mut details = self.details.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(details.entry(version).or_default())
        };
        cell.get_or_init(|| async {
            let instance = Instance::start(self, &Given::default(), &self.secrets).await?;
            probe::details(&instance, version).await.map(Arc::new)
        })
        .await
        .clone()
    }
}

/// What the mock speaks, or what its configuration narrows that to.
fn mock_versions(name: &str, stdio: bool, configured: Option<&serde_json::Value>) -> Result<Vec<Version>, Failure> {
    if let Some(listed) = configured.and_then(serde_json::Value::as_array) {
        let mut versions: Vec<Version> = listed.iter().filter_map(|v| v.as_str()?.parse().ok()).collect();
        versions.sort_unstable();
        return Ok(versions);
    }
    let Some(info) = gauntlet_mocks::info(name) else {
        return Err(Failure::new(FailureKind::Connect, format!("there is no mock `{name}`")));
    };
    // The oldest version has a transport of its own over HTTP, which is not spoken here.
    let oldest = stdio.then_some(Version::V2024_11_05);
    let mut versions: Vec<Version> =
        oldest.into_iter().chain(info.versions.iter().filter_map(|v| v.parse().ok())).collect();
    versions.sort_unstable();
    versions.dedup();
    Ok(versions)
}
