//! A target as one case has it: its own mocks, its own process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gauntlet_format::{Version, scenario::Lifecycle};
use gauntlet_mocks::stdio::StdioMock;
use gauntlet_mocks::stub::Overlay;
use gauntlet_mocks::{ControlError, MockHandle, StartOptions};
use serde_json::{Map, Value};
use url::Url;

use super::Target;
use super::client::{ClientProgram, Scratch};
use super::intercept::{Interceptor, Report};
use super::process::{ChildProcess, CommandLine};
use super::rate::RateLimit;
use super::server::{Server, free_port};
use super::upstream;
use super::variables::TargetVariables;
use crate::auth::oauth::{Interaction, SharedSignIns};
use crate::auth::{AwsChain, Credential};
use crate::config::{ClientSpec, Endpoint};
use crate::lifecycle::{DEFAULT_CLIENT, Link, SessionSpec, SignIn};
use crate::runner::stubs::{AllStubs, Stubs};
use crate::transcript::secrets::Secrets;
use crate::transport::http::HttpClient;
use crate::transport::stdio::StdioPeer;
use crate::transport::{Failure, FailureKind, Limits};

/// The role that a scenario's `stubs:` fill, and the name of the upstream that they are beside a target of another role.
pub(crate) const STUBS: &str = "stubs";

/// What a scenario sets up, variables resolved.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// Configuration of the mock under test, or of the upstreams by name.
    pub config: Map<String, Value>,
    /// The scenario's stubs.
    pub stubs: AllStubs,
    /// Upstreams that the scenario requires.
    pub required: Vec<String>,
}

/// A running target.
#[derive(Debug)]
pub(crate) struct Instance {
    /// Name in output.
    pub name: Arc<str>,
    /// The target's own variables.
    pub vars: Map<String, Value>,
    /// The target's fixtures.
    pub fixtures: Map<String, Value>,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
    /// Members beside the JSON-RPC ones.
    pub envelope: Map<String, Value>,
    /// The target's credentials.
    pub credential: Credential,
    /// The OAuth client of whoever asks the target beforehand.
    pub sign_in: SignIn,
    /// Sign-ins that outlive the case, if the target does.
    pub sign_ins: Option<SharedSignIns>,
    /// How somebody is asked to sign in.
    pub interaction: Interaction,
    /// Where AWS credentials come from.
    pub aws: Arc<AwsChain>,
    /// What is secret about it.
    pub secrets: Secrets,
    /// Request rate, shared with every other case.
    pub rate: Arc<RateLimit>,
    /// Mocks behind the target.
    pub upstreams: BTreeMap<String, MockHandle>,
    /// The mock under test, if it is one.
    pub mock: Option<MockHandle>,
    /// The target, if it is a client program.
    pub program: Option<ClientProgram>,
    reach: Reach,
    limits: Limits,
    /// Bound on each question that is not a scenario's.
    pub patience: Duration,
    /// A process that serves HTTP; ended with its last owner.
    server: Option<Arc<Server>>,
    /// Other cases use the process too.
    shared: bool,
    /// Leads the program to the mocks; ends after it.
    interceptor: Option<Interceptor>,
}

#[derive(Debug)]
enum Reach {
    /// Until it has been started.
    Nowhere,
    Http(Url),
    StdioMock {
        mock: Arc<StdioMock>,
        name: String,
    },
    StdioCommand(CommandLine),
}

impl Instance {
    /// Starts what has to be started. What most cases do not need is boxed, so that every case does not carry its size.
    ///
    /// # Errors
    /// When a mock refuses its configuration, or a process does not start or become ready.
    pub(crate) async fn start(target: &Target, given: &Given, secrets: &Secrets) -> Result<Self, Failure> {
        let spec = &target.spec;
        let mut own = given.config.clone();
        let scratch: Arc<Scratch> = Arc::default();
        let mut upstreams = match &given.stubs.own {
            Some(stubs) if !matches!(spec.endpoint, Endpoint::Stubs) => {
                let handle = Box::pin(start_stubs(stubs)).await?;
                BTreeMap::from([(STUBS.to_owned(), handle)])
            }
            _ => BTreeMap::new(),
        };
        if !spec.upstreams.is_empty() {
            Box::pin(upstream::start(target, &mut own, &mut upstreams, given, &scratch, secrets)).await?;
        }
        let interceptor = if spec.upstreams.values().any(|upstream| !upstream.intercept.is_empty()) {
            let started = Interceptor::start(&spec.upstreams, &upstreams, target.authority()?, &scratch);
            Some(Box::pin(started).await?)
        } else {
            None
        };
        let variables = TargetVariables {
            spec,
            upstreams: &upstreams,
            port: None,
            interceptor: interceptor.as_ref(),
            scratch: &scratch,
            secrets,
        };
        let mut instance = Self {
            name: spec.name.as_str().into(),
            vars: variables.resolve_map(&spec.vars)?,
            fixtures: variables.resolve_map(&spec.fixtures)?,
            headers: header_list(&variables.resolve_map(&spec.headers)?),
            envelope: variables.resolve_map(&spec.envelope)?,
            credential: Credential::None,
            sign_in: SignIn::default(),
            sign_ins: target.shared_sign_ins(),
            interaction: target.interaction(),
            aws: Arc::clone(&target.aws),
            secrets: secrets.clone(),
            rate: Arc::clone(&target.rate),
            upstreams: BTreeMap::new(),
            mock: None,
            reach: Reach::Nowhere,
            limits: spec.limits,
            patience: target.patience(),
            program: None,
            server: None,
            shared: false,
            interceptor: None,
        };
        // What a mock behind a gateway serves, the gateway can be asked for.
        for handle in upstreams.values() {
            fill(&mut instance.fixtures, handle.fixtures());
        }
        if let Some(auth) = &spec.auth {
            let auth = variables.resolve(auth)?;
            instance.credential = Credential::from_value(&auth, &target.aws, secrets).map_err(missing)?;
        }
        match &spec.endpoint {
            Endpoint::Url(url) => instance.reach = Reach::Http(parse_url(&variables.text(url)?)?),
            Endpoint::Mock { mock, config, stdio } => {
                let mut config = config.clone();
                leave_open(&mut config, &own);
                if !upstreams.is_empty() {
                    config = variables.resolve_map(&config)?;
                    own = variables.given(&own)?;
                }
                merge_given(&mut config, own);
                if *stdio {
                    instance.adopt_stdio_mock(mock, config)?;
                } else {
                    let handle = Box::pin(start_mock(mock, config, None)).await?;
                    learn_secrets(secrets, &handle);
                    instance.adopt_mock(handle)?;
                }
            }
            Endpoint::Stubs => {
                let stubs =
                    given.stubs.own.as_ref().ok_or_else(|| missing("the scenario has no `stubs:`".to_owned()))?;
                instance.adopt_mock(Box::pin(start_stubs(stubs)).await?)?;
            }
            Endpoint::Command(command) => {
                let prepare = |port| {
                    let variables = TargetVariables { port: Some(port), ..variables };
                    let url = command.url.as_deref().map(|url| parse_url(&variables.text(url)?)).transpose()?;
                    Ok((variables.command(command)?, url))
                };
                let server = if command.shared {
                    Box::pin(target.shared_server(command, prepare)).await?
                } else {
                    let (line, url) = prepare(free_port()?)?;
                    match url {
                        None => {
                            instance.reach = Reach::StdioCommand(line);
                            instance.upstreams = upstreams;
                            instance.interceptor = interceptor;
                            return Ok(instance);
                        }
                        Some(url) => match Box::pin(Server::start(&line, url, command)).await {
                            Ok(server) => Arc::new(server),
                            Err(failure) => return Err(explained(failure, interceptor.as_ref())),
                        },
                    }
                };
                instance.reach = Reach::Http(server.url.clone());
                instance.shared = command.shared;
                instance.server = Some(server);
            }
            // Gauntlet's own client speaks to the mock itself.
            Endpoint::Client(ClientSpec::Own) => {
                let gateway = upstreams.get("gateway").ok_or_else(|| {
                    missing("a `client` needs an upstream named `gateway`, the server that it connects to".to_owned())
                })?;
                instance.reach = Reach::Http(parse_url(gateway.url())?);
            }
            Endpoint::Client(ClientSpec::Program(command) | ClientSpec::Bridge(command)) => {
                let stdin = command.stdin.as_ref().map(|text| variables.text(text)).transpose()?;
                let program = ClientProgram::new(variables.command(command)?, stdin)?;
                instance.reach = Reach::StdioCommand(program.line.clone());
                instance.program = Some(program);
            }
        }
        instance.upstreams = upstreams;
        instance.interceptor = interceptor;
        Ok(instance)
    }

    fn adopt_mock(&mut self, handle: MockHandle) -> Result<(), Failure> {
        self.reach = Reach::Http(parse_url(handle.url())?);
        fill(&mut self.vars, handle.vars());
        fill(&mut self.fixtures, handle.fixtures());
        for (name, value) in handle.headers() {
            if !self.headers.iter().any(|(n, _)| n == name) {
                self.headers.push((name.clone(), value.clone()));
            }
        }
        if let Some(envelope) = handle.envelope() {
            fill(&mut self.envelope, envelope);
        }
        if let (Credential::None, Some(token)) = (&self.credential, handle.bearer()) {
            self.credential = Credential::Bearer(token.to_owned());
        }
        if let (Credential::None, Some(signing)) = (&self.credential, handle.sigv4()) {
            let auth = serde_json::json!({ "sigv4": signing });
            self.credential = Credential::from_value(&auth, &self.aws, &self.secrets).map_err(missing)?;
        }
        self.mock = Some(handle);
        Ok(())
    }

    fn adopt_stdio_mock(&mut self, name: &str, config: Map<String, Value>) -> Result<(), Failure> {
        let mock = StdioMock::new(name, Value::Object(config)).map_err(|error| missing(error.to_string()))?;
        fill(&mut self.vars, mock.vars());
        fill(&mut self.fixtures, mock.fixtures());
        for secret in mock.secrets() {
            self.secrets.add("secret", &secret);
        }
        self.reach = Reach::StdioMock { mock: Arc::new(mock), name: name.to_owned() };
        Ok(())
    }

    /// A way to the target for one named client.
    ///
    /// # Errors
    /// When a process does not start.
    pub(crate) fn link(&self) -> Result<Link, Failure> {
        match &self.reach {
            Reach::Nowhere => Err(missing("the target has not been started".to_owned())),
            Reach::Http(url) => Ok(Link::Http { client: HttpClient::new(url, self.limits)?, endpoint: url.clone() }),
            Reach::StdioMock { mock, name } => {
                let (near, far) = tokio::io::duplex(64 * 1024);
                let (reader, writer) = tokio::io::split(near);
                let (far_reader, far_writer) = tokio::io::split(far);
                let mock = Arc::clone(mock);
                let command = format!("mock {name}").into();
                tokio::spawn(async move {
                    let (reader, writer) = (Box::new(far_reader), Box::new(far_writer));
                    if let Err(error) = mock.serve(reader, writer).await {
                        tracing::debug!("the mock's stdio ended: {error}");
                    }
                });
                let peer = Arc::new(StdioPeer::new(reader, writer, None, self.limits));
                Ok(Link::Stdio { peer, command })
            }
            Reach::StdioCommand(line) => {
                let started = ChildProcess::start(line)?;
                let peer = StdioPeer::new(started.stdout, started.stdin, Some(started.child), self.limits);
                Ok(Link::Stdio { peer: Arc::new(peer), command: line.to_string().into() })
            }
        }
    }

    /// A session that no scenario drives: as the target's entry says, without capabilities, signing in when it is asked to.
    pub(crate) fn session_spec(&self, client: &str, version: Option<Version>, lifecycle: Lifecycle) -> SessionSpec {
        SessionSpec {
            name: client.into(),
            target: Arc::clone(&self.name),
            version,
            lifecycle,
            capabilities: Value::Object(Map::new()),
            headers: self.headers.clone(),
            envelope: self.envelope.clone(),
            credential: self.credential.clone(),
            rate: Arc::clone(&self.rate),
            sign_in: Arc::clone(&self.sign_in),
            shared: self.sign_ins.as_ref().map(|shared| shared.of(DEFAULT_CLIENT)),
            interaction: self.interaction.clone(),
            secrets: self.secrets.clone(),
            persevere: true,
        }
    }

    /// Remembers the secrets that its mocks have made since they started.
    pub(crate) fn learn_secrets(&self, secrets: &Secrets) {
        self.mock.iter().chain(self.upstreams.values()).for_each(|handle| learn_secrets(secrets, handle));
    }

    /// Where the target is, for output.
    pub(crate) fn endpoint(&self) -> String {
        match &self.reach {
            Reach::Nowhere => "a target that has not been started".to_owned(),
            Reach::Http(url) => url.to_string(),
            Reach::StdioMock { name, .. } => format!("mock {name} over stdio"),
            Reach::StdioCommand(line) => line.to_string(),
        }
    }

    /// The endpoint, if it has a URL.
    pub(crate) fn url(&self) -> Option<&Url> {
        match &self.reach {
            Reach::Http(url) => Some(url),
            _ => None,
        }
    }

    /// Tells a mock something: an upstream, or `target`. None if the target of that name is no mock.
    pub(crate) async fn control(&self, name: &str, command: &Value) -> Option<Result<(), ControlError>> {
        match (&self.reach, self.mock_named(name)) {
            (_, Some(mock)) => Some(mock.control(command).await),
            (Reach::StdioMock { mock, .. }, None) if name == "target" => Some(mock.control(command)),
            _ => None,
        }
    }

    /// A mock with a journal, which a `received` step names: an upstream, or `target`.
    pub(crate) fn mock_named(&self, name: &str) -> Option<&MockHandle> {
        self.upstreams.get(name).or_else(|| self.mock.as_ref().filter(|_| name == "target"))
    }

    /// What was noticed of a target whose upstreams stand for hosts.
    pub(crate) async fn intercepted(&self) -> Option<Report> {
        let interceptor = self.interceptor.as_ref()?;
        interceptor.settle().await;
        Some(interceptor.report())
    }

    /// Text on stderr of a process that serves HTTP; of a shared one nobody can say which case it belongs to.
    pub(crate) fn take_stderr(&self) -> Option<String> {
        self.server.as_ref().filter(|_| !self.shared).map(|server| server.process.take_stderr())
    }
}

/// A program that never became ready may have wanted a host that it did not get.
fn explained(mut failure: Failure, interceptor: Option<&Interceptor>) -> Failure {
    for finding in interceptor.map(Interceptor::report).into_iter().flat_map(Report::all) {
        failure.message.push_str("; ");
        failure.message.push_str(&finding);
    }
    failure
}

/// Merges by key; defects add up, since an entry in `gauntlet.yaml` and a scenario may each switch some on.
/// Takes out what a scenario replaces: nobody asks what that is.
pub(super) fn leave_open(config: &mut Map<String, Value>, given: &Map<String, Value>) {
    config.retain(|name, _| name == DEFECTS || !given.contains_key(name));
}

/// The member that adds up.
const DEFECTS: &str = "defects";

pub(crate) fn merge_given(config: &mut Map<String, Value>, given: Map<String, Value>) {
    for (name, value) in given {
        match (config.get_mut(&name), value) {
            (Some(Value::Array(have)), Value::Array(more)) if name == DEFECTS => have.extend(more),
            (_, value) => {
                config.insert(name, value);
            }
        }
    }
}

fn fill(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (name, value) in from {
        into.entry(name.clone()).or_insert_with(|| value.clone());
    }
}

pub(super) async fn start_mock(
    name: &str,
    config: Map<String, Value>,
    stubs: Option<&Stubs>,
) -> Result<MockHandle, Failure> {
    let options = StartOptions { config: Value::Object(config), overlay: overlay(stubs), ..StartOptions::default() };
    gauntlet_mocks::start(name, options).await.map_err(|e| Failure::new(FailureKind::Connect, e.to_string()))
}

pub(super) fn overlay(stubs: Option<&Stubs>) -> Option<Arc<dyn Overlay>> {
    stubs.map(|stubs| Arc::new(stubs.clone()) as Arc<dyn Overlay>)
}

async fn start_stubs(stubs: &Stubs) -> Result<MockHandle, Failure> {
    let started = gauntlet_mocks::stub::start(Arc::new(stubs.clone()), StartOptions::default()).await;
    started.map_err(|e| Failure::new(FailureKind::Connect, e.to_string()))
}

pub(super) fn learn_secrets(secrets: &Secrets, handle: &MockHandle) {
    for value in handle.secrets() {
        let name = handle.vars().iter().find(|(_, v)| v.as_str() == Some(&value)).map_or("secret", |(name, _)| name);
        secrets.add(name, &value);
    }
}

fn parse_url(text: &str) -> Result<Url, Failure> {
    let url =
        Url::parse(text).map_err(|e| Failure::new(FailureKind::Connect, format!("`{text}` is not a URL: {e}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Failure::new(FailureKind::Connect, format!("`{text}` is neither http nor https")));
    }
    Ok(url)
}

fn missing(message: String) -> Failure {
    Failure::new(FailureKind::Connect, message)
}

fn header_list(headers: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), text(v))).collect()
}
