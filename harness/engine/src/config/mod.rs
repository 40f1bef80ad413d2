//! `gauntlet.yaml`: which system stands behind which role.

mod embedded;
mod file;
mod host_pattern;
mod maintenance;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gauntlet_format::{Source, Version, render, scenario::Lifecycle};
use gauntlet_reports::compare::Allowances;
use gauntlet_reports::volatile::VolatileSpec;
use serde_json::{Map, Value};

pub use file::ConfigError;
pub(crate) use file::described as described_target;
pub use host_pattern::HostPattern;
pub use maintenance::{Maintenance, MaintenanceWindow};

use crate::conformance::Requirements;
use crate::repro::diagnose::Signatures;
use crate::repro::stub::RecordedServer;
use crate::runner::{GivenSecrets, MayRead};
use crate::transport::Limits;

/// Name of the configuration file, looked for upward from the working directory.
pub const FILE_NAME: &str = "gauntlet.yaml";

/// A whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read from.
    pub path: Option<PathBuf>,
    /// Targets in the order of the file, then the embedded mocks for roles that no entry fills.
    pub targets: Vec<TargetSpec>,
    /// Folders and files of scenarios, relative to the file.
    pub scenarios: Vec<PathBuf>,
    /// Further requirement catalogues.
    pub requirements: Vec<PathBuf>,
    /// Further signatures of known failures.
    pub signatures: Vec<PathBuf>,
    /// Where `gauntlet run` keeps what many runs tell.
    pub history: Option<PathBuf>,
    /// The file of known failures.
    pub baseline: Option<PathBuf>,
    /// Cases that count neither way.
    pub quarantine: Option<PathBuf>,
    /// Defaults of `gauntlet run`.
    pub run: RunDefaults,
    /// What of transcripts differs from run to run.
    pub volatile: VolatileSpec,
    /// What of this machine scenarios may read.
    pub may_read: MayRead,
    /// What the `secrets:` of scenarios are; never in the file.
    pub given: GivenSecrets,
}

/// Defaults that the command line overrides.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunDefaults {
    /// Cases at the same time.
    pub jobs: Option<usize>,
    /// Bound on a case.
    pub timeout: Option<Duration>,
    /// Bound on a step.
    pub step_timeout: Option<Duration>,
    /// Further tries of a case that did not pass.
    pub retries: Option<u32>,
    /// Pause before the first further try; each later one is twice as long.
    pub retry_delay: Option<Duration>,
    /// Whether a case that passed only on a further try makes the run red.
    pub flaky_fails: Option<bool>,
    /// Bound on the whole run.
    pub budget: Option<Duration>,
}

/// One target: the system under test and how to reach it.
#[derive(Debug, Clone)]
pub struct TargetSpec {
    /// Name in output and on the command line.
    pub name: String,
    /// The roles that it fills, of which scenarios name one; the target's own name unless it says otherwise.
    pub roles: Vec<String>,
    /// How to reach it.
    pub endpoint: Endpoint,
    /// Versions it speaks; probed (or taken from the mock) if not given.
    pub versions: Option<Vec<Version>>,
    /// Who opens and closes; `None`: as the mock says, else `auto`.
    pub lifecycle: Option<Lifecycle>,
    /// Credentials, as a step's `auth`.
    pub auth: Option<Value>,
    /// Sent with every request.
    pub headers: Map<String, Value>,
    /// Members beside the JSON-RPC ones in every request.
    pub envelope: Map<String, Value>,
    /// `${target.NAME}`.
    pub vars: Map<String, Value>,
    /// `${files.NAME}`: texts, which may hold variables, that a program reads from files.
    pub files: BTreeMap<String, String>,
    /// `${fixtures.NAME}`.
    pub fixtures: Map<String, Value>,
    /// What `given:` values a real system meets, so that scenarios which need them can run.
    pub provides: Map<String, Value>,
    /// Mocks behind the target.
    pub upstreams: BTreeMap<String, UpstreamSpec>,
    /// Bounds.
    pub limits: Limits,
    /// Requests per second at most; none for no bound.
    pub rate: Option<f64>,
    /// Cases at the same time at most; none for no bound of its own.
    pub concurrency: Option<usize>,
    /// When what goes wrong is not held against it.
    pub maintenance: Vec<Maintenance>,
    /// `hostile` inputs and `writes` (tools that are not read-only) are allowed.
    pub allow: Allow,
    /// Known departures from JSON-RPC that are not held against it.
    pub tolerate: Vec<String>,
    /// What it changes on purpose as a gateway, for [`crate::diff`].
    pub expected: Allowances,
    /// It comes with Gauntlet; no file describes it.
    pub is_embedded: bool,
}

/// What may be done to a target that is not a mock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allow {
    /// Inputs that may hurt.
    pub hostile: bool,
    /// Tools that are not read-only.
    pub writes: bool,
}

/// How to reach a target.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// An embedded mock, an own one for each case.
    Mock {
        /// Name of the mock.
        mock: String,
        /// Its configuration.
        config: Map<String, Value>,
        /// Over a pipe instead of HTTP.
        stdio: bool,
    },
    /// A running system.
    Url(String),
    /// A program, started for each case unless it is shared.
    Command(CommandSpec),
    /// A client: what it says to the mocks behind it is judged.
    Client(ClientSpec),
    /// A mock out of the scenario's own `stubs:`.
    Stubs,
}

/// A client under test.
#[derive(Debug, Clone)]
pub enum ClientSpec {
    /// Gauntlet's own.
    Own,
    /// A program that connects, does its work and ends.
    Program(CommandSpec),
    /// A program that is a client on one side and speaks MCP over stdio on the other, such as mcp-remote.
    Bridge(CommandSpec),
}

/// A program to start.
#[derive(Debug, Clone)]
pub struct CommandSpec {
    /// Program and arguments; may hold variables.
    pub command: Vec<String>,
    /// Working folder; may hold variables.
    pub directory: Option<String>,
    /// Added to a clean environment; may hold variables.
    pub environment: BTreeMap<String, String>,
    /// `None`: stdio. Otherwise where its endpoint will be; may hold `${port}`.
    pub url: Option<String>,
    /// Path that answers when it is ready; without one an open port is enough.
    pub ready_path: Option<String>,
    /// How long it may take to become ready.
    pub ready_timeout: Duration,
    /// Started once for the run and shared by its cases, not for each case. HTTP only, and without upstream mocks, which
    /// are each case's own.
    pub shared: bool,
    /// What a client program reads on standard input, which is at its end otherwise; may hold variables.
    pub stdin: Option<String>,
}

/// A mock behind a target.
#[derive(Debug, Clone)]
pub struct UpstreamSpec {
    /// Name of the mock; `recorded` where it is a recording.
    pub mock: String,
    /// The recording that it answers from.
    pub recorded: Option<RecordedSource>,
    /// Its configuration.
    pub config: Map<String, Value>,
    /// Started only for scenarios that require it by name.
    pub on_demand: bool,
    /// Hosts that it stands for: what a program says to them reaches the mock.
    pub intercept: Vec<HostPattern>,
}

/// Where a recording is.
#[derive(Debug, Clone)]
pub enum RecordedSource {
    /// In a file.
    File(PathBuf),
    /// At hand.
    Held(RecordedServer),
}

impl TargetSpec {
    /// A target with nothing but a name and an endpoint.
    #[must_use]
    pub fn new(name: impl Into<String>, endpoint: Endpoint) -> Self {
        let name = name.into();
        Self {
            roles: vec![name.clone()],
            name,
            endpoint,
            versions: None,
            lifecycle: None,
            auth: None,
            headers: Map::new(),
            envelope: Map::new(),
            vars: Map::new(),
            files: BTreeMap::new(),
            fixtures: Map::new(),
            provides: Map::new(),
            upstreams: BTreeMap::new(),
            limits: Limits::default(),
            rate: None,
            concurrency: None,
            maintenance: Vec::new(),
            allow: Allow::default(),
            tolerate: Vec::new(),
            expected: Allowances::default(),
            is_embedded: false,
        }
    }

    /// The embedded mock of that name.
    #[must_use]
    pub fn mock(name: &str) -> Self {
        Self::new(name, Endpoint::Mock { mock: name.to_owned(), config: Map::new(), stdio: false })
    }

    /// A plain MCP server at a URL.
    #[must_use]
    pub fn url(name: &str, url: &str) -> Self {
        Self::new(name, Endpoint::Url(url.to_owned()))
    }

    /// Whether it is ours: a mock or the scenario's stubs.
    #[must_use]
    pub fn is_mock(&self) -> bool {
        matches!(self.endpoint, Endpoint::Mock { .. } | Endpoint::Stubs)
    }

    /// Name of the mock, if it is one.
    #[must_use]
    pub fn mock_name(&self) -> Option<&str> {
        match &self.endpoint {
            Endpoint::Mock { mock, .. } => Some(mock),
            _ => None,
        }
    }

    /// Whether it is spoken to over standard input and output.
    #[must_use]
    pub fn is_stdio(&self) -> bool {
        match &self.endpoint {
            Endpoint::Mock { stdio, .. } => *stdio,
            Endpoint::Command(command) => command.url.is_none(),
            Endpoint::Client(client) => matches!(client, ClientSpec::Bridge(_)),
            Endpoint::Url(_) | Endpoint::Stubs => false,
        }
    }

    /// Where it is, as configured: what is told of a target that was never reached.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.endpoint {
            Endpoint::Url(url) => url.clone(),
            Endpoint::Mock { mock, .. } => format!("mock {mock}"),
            Endpoint::Stubs => String::new(),
            Endpoint::Client(ClientSpec::Own) => "gauntlet's own client".to_owned(),
            Endpoint::Command(command)
            | Endpoint::Client(ClientSpec::Program(command) | ClientSpec::Bridge(command)) => command.command.join(" "),
        }
    }

    /// Whether scenarios of the role run on it.
    #[must_use]
    pub fn fills(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r == role)
    }

    /// Whether it is a client, which is driven and not asked.
    #[must_use]
    pub fn is_client(&self) -> bool {
        matches!(self.endpoint, Endpoint::Client(_))
    }

    /// Names of the mocks that take part: the one under test and those behind it.
    pub fn mocks(&self) -> impl Iterator<Item = &str> {
        self.mock_name().into_iter().chain(self.upstreams.values().map(|u| u.mock.as_str()))
    }

    /// `mock`, `url`, `command` or `client`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.endpoint {
            Endpoint::Mock { .. } => "mock",
            Endpoint::Stubs => "stubs",
            Endpoint::Url(_) => "url",
            Endpoint::Command(_) => "command",
            Endpoint::Client(_) => "client",
        }
    }
}

impl Default for Config {
    /// The embedded mocks, each in its own role; `mcp-server` over stdio too.
    fn default() -> Self {
        let mut config = Self {
            path: None,
            targets: Vec::new(),
            scenarios: Vec::new(),
            requirements: Vec::new(),
            signatures: Vec::new(),
            history: None,
            baseline: None,
            quarantine: None,
            run: RunDefaults::default(),
            volatile: VolatileSpec::default(),
            may_read: MayRead::default(),
            given: GivenSecrets::default(),
        };
        config.add_embedded();
        config
    }
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read or is wrong, with the place.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut config = file::load(path)?;
        config.add_embedded();
        Ok(config)
    }

    /// The nearest `gauntlet.yaml` from `start` upward, or the default.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn discover(start: &Path) -> Result<Self, ConfigError> {
        match start.ancestors().map(|dir| dir.join(FILE_NAME)).find(|p| p.is_file()) {
            Some(path) => Self::load(&path),
            None => Ok(Self::default()),
        }
    }

    /// The requirements that come with the program and those of the catalogues that the file names.
    ///
    /// # Errors
    /// When a catalogue cannot be read, is none, or uses an id that exists.
    pub fn all_requirements(&self) -> Result<Requirements, ConfigError> {
        let mut all = Requirements::builtin();
        let base = self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        for path in &self.requirements {
            let path = base.join(path);
            let text =
                std::fs::read_to_string(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
            Requirements::parse(&text)
                .and_then(|more| all.extend(&more))
                .map_err(|e| ConfigError::Parse { path, message: e.to_string() })?;
        }
        Ok(all)
    }

    /// The signatures that come with the program and those of the files that the file names.
    ///
    /// # Errors
    /// When a file cannot be read, is wrong, or uses an id that exists; the message shows the places.
    pub fn all_signatures(&self) -> Result<Signatures, ConfigError> {
        let mut all = Signatures::builtin();
        for path in self.signature_files() {
            let text = crate::runner::read_text(&path)
                .map_err(|message| ConfigError::Parse { path: path.clone(), message })?;
            let source = Arc::new(Source { path: path.clone(), text });
            all.extend(&source).map_err(|problems| {
                let message = problems.iter().map(|problem| render::render(problem, false)).collect::<String>();
                ConfigError::Parse { path, message: format!("not a file of signatures\n{}", message.trim_end()) }
            })?;
        }
        Ok(all)
    }

    /// The files of signatures that the file names.
    #[must_use]
    pub fn signature_files(&self) -> Vec<PathBuf> {
        let base = self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        self.signatures.iter().map(|path| base.join(path)).collect()
    }

    /// Takes the role from whoever fills it; a target without a role is gone.
    pub fn unbind(&mut self, role: &str) {
        for spec in &mut self.targets {
            spec.roles.retain(|r| r != role);
        }
        self.targets.retain(|spec| !spec.roles.is_empty());
    }

    /// Binds the role to this target alone, and the target to this role alone.
    pub fn rebind(&mut self, spec: TargetSpec, role: &str) {
        self.targets.retain(|t| t.name != spec.name);
        self.unbind(role);
        self.targets.push(TargetSpec { roles: vec![role.to_owned()], ..spec });
    }

    /// The targets that fill the role.
    pub fn filling<'a>(&'a self, role: &'a str) -> impl Iterator<Item = &'a TargetSpec> {
        self.targets.iter().filter(move |t| t.fills(role))
    }

    fn add_embedded(&mut self) {
        let filled: Vec<String> = self.targets.iter().flat_map(|t| t.roles.iter().cloned()).collect();
        let is_filled = |name: &str| filled.iter().any(|role| role == name);
        let unfilled = embedded::targets().into_iter().filter(|spec| !spec.roles.iter().any(|r| is_filled(r)));
        self.targets.extend(unfilled.map(|spec| TargetSpec { is_embedded: true, ..spec }));
    }
}
