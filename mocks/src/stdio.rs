//! Mocks that speak over a pair of streams, one message a line, as over standard input and output.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::catalogue::{MockTransport, all};
use crate::control::{Command, ControlError, Controller};
use crate::handle::SelfDescription;
use crate::start::StartError;
use crate::{aws_proxy, mcp_server};

/// What is read from the client.
pub type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// What is written to the client.
pub type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A mock cannot serve a pair of streams.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StdioError {
    /// It speaks HTTP only, or there is none of that name.
    #[error("`{name}` does not speak stdio; {} do", speakers())]
    NotSpoken {
        /// The name asked for.
        name: String,
    },
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] StartError),
    /// What the mock was told before does not hold for another client.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Reading or writing failed.
    #[error("stdio of {mock}: {source}")]
    Io {
        /// Name of the mock.
        mock: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Serves until the reader ends.
pub(crate) type Serve = Box<dyn FnOnce(Reader, Writer) -> BoxFuture<'static, Result<(), StdioError>> + Send>;

/// What serves one client, as a process of its own would.
pub(crate) struct Process {
    pub(crate) description: SelfDescription,
    pub(crate) controller: Arc<dyn Controller>,
    pub(crate) serve: Serve,
}

type NewProcess = fn(Value) -> Result<Process, StartError>;

/// Those whose `transports` hold [`MockTransport::Stdio`].
const SERVERS: &[(&str, NewProcess)] =
    &[(aws_proxy::INFO.name, aws_proxy::process), (mcp_server::NAME, mcp_server::process)];

/// A mock over stdio: each client has one of its own, and all of them take the same commands.
pub struct StdioMock {
    config: Value,
    new_process: NewProcess,
    description: SelfDescription,
    /// Serves nobody: it tells at once whether a command is taken, also while there is no client.
    model: Arc<dyn Controller>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    /// What it was told so far, for those who come later.
    told: Vec<Command>,
    controllers: Vec<Weak<dyn Controller>>,
}

impl std::fmt::Debug for StdioMock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StdioMock").finish_non_exhaustive()
    }
}

impl StdioMock {
    /// A mock by name, with a configuration as over HTTP.
    ///
    /// # Errors
    ///
    /// The mock does not speak stdio, or its configuration is wrong.
    pub fn new(name: &str, config: Value) -> Result<Self, StdioError> {
        let found = SERVERS.iter().find(|(known, _)| *known == name);
        let (_, new_process) = found.ok_or_else(|| StdioError::NotSpoken { name: name.to_owned() })?;
        let Process { description, controller, .. } = new_process(config.clone())?;
        let running = Mutex::default();
        Ok(Self { config, new_process: *new_process, description, model: controller, running })
    }

    /// Serves one more client over a pair of streams until the reader ends.
    ///
    /// # Errors
    ///
    /// Reading or writing failed.
    pub async fn serve(&self, reader: Reader, writer: Writer) -> Result<(), StdioError> {
        let process = (self.new_process)(self.config.clone())?;
        {
            let mut running = self.running();
            for command in &running.told {
                command.carry_out(&*process.controller)?;
            }
            running.controllers.retain(|controller| controller.strong_count() > 0);
            running.controllers.push(Arc::downgrade(&process.controller));
        }
        (process.serve)(reader, writer).await
    }

    /// What a scenario may use as `${target.NAME}`.
    #[must_use]
    pub fn vars(&self) -> &Map<String, Value> {
        &self.description.vars
    }

    /// What a scenario may rely on: `tool` is a harmless tool with its arguments.
    #[must_use]
    pub fn fixtures(&self) -> &Map<String, Value> {
        &self.description.fixtures
    }

    /// Values that must never be shown, those made since the start included.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.description.secrets.clone();
        let running = self.running();
        secrets.extend(running.controllers.iter().filter_map(Weak::upgrade).flat_map(|it| it.minted_secrets()));
        secrets
    }

    /// Carries out a command, `{ set: {…}, defects: [..], advance: "1h" }`, for every client that is there and for those that come.
    ///
    /// # Errors
    ///
    /// A member is unknown or its value is wrong, or it is one that makes no sense over stdio: `faults` are of HTTP, and what a
    /// `restart` would end is the client's own process. What the mock itself refuses comes after what stands before it was carried out.
    pub fn control(&self, command: &Value) -> Result<(), ControlError> {
        let mut running = self.running();
        for command in Command::read_all(command)? {
            match command {
                Command::Faults(_) => {
                    return Err(ControlError::new("faults", "are of HTTP; a mock over stdio has none"));
                }
                Command::Restart => {
                    let problem = "over stdio a mock ends with its client; write a step `close: true` in place of this";
                    return Err(ControlError::new("restart", problem));
                }
                Command::Set(_) | Command::Defects(_) | Command::Advance(_) => {}
            }
            command.carry_out(&*self.model)?;
            for controller in running.controllers.iter().filter_map(Weak::upgrade) {
                command.carry_out(&*controller)?;
            }
            running.told.push(command);
        }
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves one client over a pair of streams until the reader ends. `config` is the same as over HTTP.
///
/// # Errors
///
/// The mock does not speak stdio, its configuration is wrong, or reading or writing failed.
pub async fn serve_stdio(name: &str, config: Value, reader: Reader, writer: Writer) -> Result<(), StdioError> {
    StdioMock::new(name, config)?.serve(reader, writer).await
}

fn speakers() -> String {
    let speaks = |info: &&crate::MockInfo| info.transports.contains(&MockTransport::Stdio);
    let names: Vec<String> = all().into_iter().filter(speaks).map(|info| format!("`{}`", info.name)).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_says_who_speaks_it() {
        let served: Vec<&str> = SERVERS.iter().map(|(name, _)| *name).collect();
        let said: Vec<&str> = all()
            .into_iter()
            .filter(|info| info.transports.contains(&MockTransport::Stdio))
            .map(|info| info.name)
            .collect();
        assert_eq!(served, said);
    }
}
