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
use super::defects::Defects;
use super::fixtures::fixtures;
use super::gate::Gate;
use super::handler::Shared;
use super::sessions::Sessions;
use super::{INFO, NAME};
use crate::config::{CommonConfig, ConfigError, merge};
use crate::front::{Backend, Body, BoxError, Front, ServiceBackend};
use crate::handle::{Controller, MockHandle, SelfDescription};
use crate::journal::Journal;
use crate::start::{StartError, StartOptions};

/// A running server.
struct Instance {
    shared: Arc<Shared>,
    sessions: Arc<Sessions>,
    running: Mutex<Running>,
}

/// What is replaced when the configuration changes or the server restarts.
struct Running {
    config: Map<String, Value>,
    router: Router,
    /// Ends the sessions and streams of this run.
    cancel: CancellationToken,
    _guard: DropGuard,
}

impl Instance {
    fn new(config: Map<String, Value>, defects: Defects) -> Result<Self, ConfigError> {
        let settings = Settings::read(Value::Object(config.clone()), Transport::Http)?;
        let sessions = Arc::new(Sessions::new(Duration::from_millis(settings.config.retry_ms), defects.clone()));
        let shared = Arc::new(Shared::new(settings, defects));
        let cancel = CancellationToken::new();
        let router = Gate::new(shared.clone(), sessions.clone(), cancel.clone()).router();
        let running = Mutex::new(Running { config, router, _guard: cancel.clone().drop_guard(), cancel });
        Ok(Self { shared, sessions, running })
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
        let mut config = running.config.clone();
        merge(&mut config, change);
        let settings = Settings::read(Value::Object(config.clone()), Transport::Http)?;
        // Where clients were told to go cannot change under them.
        if settings.config.path != self.shared.settings().config.path {
            return Err(ConfigError::new("path", "cannot change while the server runs"));
        }
        self.shared.change(settings);
        running.config = config;
        running.router = self.gate(&running.cancel);
        Ok(())
    }

    fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError> {
        self.shared.defects.set(ids)
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

/// Starts the server.
pub(crate) fn start(options: StartOptions) -> BoxFuture<'static, Result<MockHandle, StartError>> {
    Box::pin(async move {
        let wrong = |error| StartError::config(NAME, error);
        let common = CommonConfig::split(options.config.clone()).map_err(wrong)?;
        let defects = Defects::default();
        defects.set(&common.defects).map_err(wrong)?;
        let instance = Arc::new(Instance::new(common.rest, defects).map_err(wrong)?);
        let description = describe(&instance.shared.settings());
        let journal = Journal::new(options.journal_limits);
        let port = options.port.unwrap_or(0);
        let front = Front::start(options.bind, port, journal, common.faults, instance.clone())
            .await
            .map_err(|error| StartError::bind(NAME, &options, error))?;
        tracing::debug!(mock = INFO.name, origin = front.origin(), "started");
        Ok(MockHandle::new(front, description, instance))
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
