//! Starting a mock.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde_json::Value;

use crate::catalogue::MOCKS;
use crate::config::{ConfigError, suggestion};
use crate::handle::MockHandle;
use crate::journal::JournalLimits;
use crate::stub::Overlay;

/// How a mock is to be started.
#[derive(Clone)]
pub struct StartOptions {
    /// An object, or null for none; its members go over the defaults. `defects` (ids) and `faults` are common to all mocks.
    pub config: Value,
    /// A fixed port; none takes any free one.
    pub port: Option<u16>,
    /// Address to listen on; loopback by default.
    pub bind: IpAddr,
    /// Bounds on the journal.
    pub journal_limits: JournalLimits,
    /// Answers in place of the mock; none leaves every request to it.
    pub overlay: Option<Arc<dyn Overlay>>,
}

impl std::fmt::Debug for StartOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { config, port, bind, journal_limits, overlay } = self;
        f.debug_struct("StartOptions")
            .field("config", config)
            .field("port", port)
            .field("bind", bind)
            .field("journal_limits", journal_limits)
            .field("overlay", &overlay.is_some())
            .finish()
    }
}

impl Default for StartOptions {
    fn default() -> Self {
        Self {
            config: Value::Null,
            port: None,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            journal_limits: JournalLimits::default(),
            overlay: None,
        }
    }
}

/// Why a mock did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no such mock.
    #[error("there is no mock `{name}`; {}", hint.clone().unwrap_or_else(known_mocks))]
    UnknownMock {
        /// The name asked for.
        name: String,
        /// "did you mean", if a name is near.
        hint: Option<String>,
    },
    /// The configuration is wrong.
    #[error("configuration of {mock}{}{path}: {problem}{}", if path.is_empty() { "" } else { ", " },
        hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
    Config {
        /// Name of the mock.
        mock: &'static str,
        /// Where: `accounts[0].kind`; empty for the whole.
        path: String,
        /// What is wrong.
        problem: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// The address cannot be bound.
    #[error("{mock} cannot listen on {bind} port {port}: {source}")]
    Bind {
        /// Name of the mock.
        mock: &'static str,
        /// The address.
        bind: IpAddr,
        /// The port; 0 stands for any.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
}

impl StartError {
    pub(crate) fn config(mock: &'static str, error: ConfigError) -> Self {
        Self::Config { mock, path: error.path, problem: error.problem, hint: error.hint }
    }
}

fn known_mocks() -> String {
    let names: Vec<&str> = MOCKS.iter().map(|(info, _)| info.name).collect();
    format!("there are {}", names.join(", "))
}

/// Starts a mock by name. It stops when the handle is dropped.
///
/// # Errors
///
/// There is no such mock, its configuration is wrong, or the address cannot be bound.
pub async fn start(name: &str, options: StartOptions) -> Result<MockHandle, StartError> {
    let Some((_, start)) = MOCKS.iter().find(|(info, _)| info.name == name) else {
        let hint = suggestion(name, MOCKS.iter().map(|(info, _)| info.name));
        return Err(StartError::UnknownMock { name: name.to_owned(), hint });
    };
    start(options).await
}
