//! The way from options to a running mock, which is the same for all: read, settle, bind, serve.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::net::TcpListener;

use crate::config::{CommonConfig, ConfigError};
use crate::control::Controller;
use crate::defect::{Defect, DefectSet};
use crate::faults::Fault;
use crate::front::{Backend, Front, origin_of};
use crate::handle::{MockHandle, SelfDescription};
use crate::in_force::InForce;
use crate::journal::{Journal, JournalLimits};
use crate::start::{StartError, StartOptions};
use crate::stub::{Overlaid, Overlay};

/// The options of a mock with defects `D`, as far as they are common to all.
pub(crate) struct Setup<D> {
    mock: &'static str,
    bind: IpAddr,
    port: u16,
    journal_limits: JournalLimits,
    faults: Vec<Fault>,
    overlay: Option<Arc<dyn Overlay>>,
    /// Its own members of the configuration, as written.
    members: Map<String, Value>,
    defects: DefectSet<D>,
}

/// An address that nobody is served at yet.
pub(crate) struct Bound {
    listener: TcpListener,
    /// Scheme, host and port, without a slash at the end.
    pub(crate) origin: String,
}

impl<D: Defect> Setup<D> {
    /// Takes apart what a mock is started with.
    pub(crate) fn read(mock: &'static str, options: StartOptions) -> Result<Self, StartError> {
        let wrong = |error| StartError::config(mock, error);
        let StartOptions { config, port, bind, journal_limits, overlay } = options;
        let CommonConfig { defects, faults, rest } = CommonConfig::split(config).map_err(wrong)?;
        let defects = DefectSet::parse(mock, &defects).map_err(wrong)?;
        Ok(Self { mock, bind, port: port.unwrap_or(0), journal_limits, faults, overlay, members: rest, defects })
    }

    /// Puts into the configuration what has to stay when it changes, such as keys that are made now.
    pub(crate) fn complete(
        &mut self,
        complete: impl FnOnce(&mut Map<String, Value>) -> Result<(), ConfigError>,
    ) -> Result<(), StartError> {
        complete(&mut self.members).map_err(|error| self.wrong(error))
    }

    /// Checks the configuration with `read`.
    pub(crate) fn settle<S>(
        &self,
        read: impl FnOnce(&Map<String, Value>) -> Result<S, ConfigError>,
    ) -> Result<InForce<S, D>, StartError> {
        InForce::new(self.mock, self.members.clone(), self.defects.clone(), read).map_err(|error| self.wrong(error))
    }

    /// A mistake in the configuration, of this mock.
    pub(crate) fn wrong(&self, error: ConfigError) -> StartError {
        StartError::config(self.mock, error)
    }

    /// Binds the address, for a mock that has to know its own before it serves.
    pub(crate) async fn bind(&self) -> Result<Bound, StartError> {
        let bound = async {
            let listener = Front::bind(self.bind, self.port).await?;
            let origin = origin_of(listener.local_addr()?);
            Ok(Bound { listener, origin })
        };
        bound.await.map_err(|source| self.unbound(source))
    }

    /// Serves at a bound address.
    pub(crate) fn serve(
        mut self,
        bound: Bound,
        description: SelfDescription,
        backend: Arc<dyn Backend>,
        controller: Arc<dyn Controller>,
    ) -> Result<MockHandle, StartError> {
        let faults = std::mem::take(&mut self.faults);
        let backend = match self.overlay.take() {
            Some(overlay) => Arc::new(Overlaid::new(overlay, backend)),
            None => backend,
        };
        let front = Front::serve(bound.listener, Journal::new(self.journal_limits), faults, backend);
        let front = front.map_err(|source| self.unbound(source))?;
        Ok(MockHandle::new(front, description, controller))
    }

    /// Binds and serves.
    pub(crate) async fn start(
        self,
        description: SelfDescription,
        backend: Arc<dyn Backend>,
        controller: Arc<dyn Controller>,
    ) -> Result<MockHandle, StartError> {
        let bound = self.bind().await?;
        self.serve(bound, description, backend, controller)
    }

    fn unbound(&self, source: std::io::Error) -> StartError {
        StartError::Bind { mock: self.mock, bind: self.bind, port: self.port, source }
    }
}
