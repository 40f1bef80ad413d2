//! The server behind a front: starting it, and what a running one lets itself be told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use rmcp::model::ProtocolVersion;
use serde_json::{Map, Value};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::config::{Settings, Transport};
use super::defects::Defect;
use super::fixtures::fixtures;
use super::gate::Gate;
use super::handler::Shared;
use super::live::Live;
use super::sessions::Sessions;
use super::{INFO, NAME, stdio};
use crate::config::ConfigError;
use crate::control::Controller;
use crate::front::{Backend, Body, BoxError, ServiceBackend};
use crate::handle::{MockHandle, SelfDescription};
use crate::in_force::InForce;
use crate::setup::Setup;
use crate::start::{StartError, StartOptions};
use crate::stdio::{Process, StdioError};

/// A running server.
struct Instance {
    shared: Arc<Shared>,
    sessions: Arc<Sessions>,
    running: Mutex<Running>,
}

/// What is replaced when the configuration changes or the server restarts.
struct Running {
    router: Router,
    /// Ends the sessions and streams of this run.
    cancel: CancellationToken,
    _guard: DropGuard,
}

impl Instance {
    fn new(settings: InForce<Settings, Defect>) -> Self {
        let retry = Duration::from_millis(settings.config.retry_ms);
        let live = Live::new(settings);
        let sessions = Arc::new(Sessions::new(retry, live.clone()));
        let shared = Arc::new(Shared::new(live));
        let cancel = CancellationToken::new();
        let router = Gate::new(shared.clone(), sessions.clone(), cancel.clone()).router();
        let running = Mutex::new(Running { router, _guard: cancel.clone().drop_guard(), cancel });
        Self { shared, sessions, running }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self, cancel: &CancellationToken) -> Router {
        Gate::new(self.shared.clone(), self.sessions.clone(), cancel.clone()).router()
    }
}

impl Backend for Instance {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        let router = ServiceBackend::new(self.running().router.clone());
        Box::pin(async move { router.answer(request).await })
    }
}

impl Controller for Instance {
    fn set(&self, change: &Map<String, Value>) -> Result<(), ConfigError> {
        let mut running = self.running();
        let before = self.shared.settings();
        let settings = before.over(change, |members| Settings::read(members, Transport::Http))?;
        // Where clients were told to go cannot change under them.
        if settings.config.path != before.config.path {
            return Err(ConfigError::new("path", "cannot change while the server runs"));
        }
        self.shared.live.replace(settings);
        running.router = self.gate(&running.cancel);
        Ok(())
    }

    fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError> {
        self.shared.set_defects(ids)
    }

    fn restart(&self) {
        let mut running = self.running();
        self.sessions.clear();
        self.shared.forget();
        let cancel = CancellationToken::new();
        running.router = self.gate(&cancel);
        running.cancel = cancel.clone();
        // The guard of the former run ends what is left of it.
        running._guard = cancel.drop_guard();
    }

    fn advance(&self, _by: Duration) {
        // Nothing here ages.
    }
}

/// A server over stdio.
struct OverStdio(Arc<Shared>);

impl Controller for OverStdio {
    fn set(&self, change: &Map<String, Value>) -> Result<(), ConfigError> {
        let settings = self.0.settings().over(change, |members| Settings::read(members, Transport::Stdio))?;
        self.0.live.replace(settings);
        Ok(())
    }

    fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError> {
        self.0.set_defects(ids)
    }

    fn restart(&self) {
        self.0.forget();
    }

    fn advance(&self, _by: Duration) {
        // Nothing here ages.
    }
}

/// Starts the server.
pub(crate) async fn start(options: StartOptions) -> Result<MockHandle, StartError> {
    let setup = Setup::read(NAME, options)?;
    let settings = setup.settle(|members| Settings::read(members, Transport::Http))?;
    let description = describe(&settings);
    let instance = Arc::new(Instance::new(settings));
    let handle = setup.start(description, instance.clone(), instance).await?;
    tracing::debug!(mock = INFO.name, origin = handle.origin(), "started");
    Ok(handle)
}

/// A server for one client over stdio.
pub(crate) fn process(config: Value) -> Result<Process, StartError> {
    let setup = Setup::read(NAME, StartOptions { config, ..StartOptions::default() })?;
    let settings = setup.settle(|members| Settings::read(members, Transport::Stdio))?;
    let description = describe(&settings);
    let shared = Arc::new(Shared::new(Live::new(settings)));
    let controller = Arc::new(OverStdio(Arc::clone(&shared)));
    Ok(Process {
        description,
        controller,
        serve: Box::new(|reader, writer| {
            Box::pin(async move {
                let served = stdio::serve(shared, reader, writer).await;
                served.map_err(|source| StdioError::Io { mock: NAME, source })
            })
        }),
    })
}

fn describe(settings: &Settings) -> SelfDescription {
    let config = &settings.config;
    let versions: Vec<&str> = settings.versions.iter().map(ProtocolVersion::as_str).collect();
    let mut vars = Map::new();
    vars.insert("server_name".to_owned(), Value::from(config.name.clone()));
    vars.insert("page_size".to_owned(), Value::from(config.page_size));
    vars.insert("versions".to_owned(), Value::from(versions));
    SelfDescription { path: config.path.clone(), vars, fixtures: fixtures(config), ..SelfDescription::default() }
}
