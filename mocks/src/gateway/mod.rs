//! A gateway in front of one MCP server: passes requests and answers on as they are, keeps the caller's credentials to itself and
//! uses its own, and streams what is streamed.
//!
//! - `forward`: one request, there and back.
//! - `alter`: what its defects do to messages.

mod alter;
mod config;
mod defects;
mod forward;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use self::config::Config;
use self::defects::GatewayDefect;
use self::forward::Forwarder;
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::config::{CommonConfig, ConfigError, merge};
use crate::defect::{Defect, DefectSet};
use crate::front::Front;
use crate::handle::{Controller, MockHandle, SelfDescription};
use crate::journal::Journal;
use crate::start::{StartError, StartOptions};

/// What is known before it starts.
pub(crate) const INFO: MockInfo = MockInfo {
    name: "gateway",
    title: "a gateway that passes MCP on to one server and keeps the caller's token to itself",
    versions: &["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
    lifecycle: MockLifecycle::Auto,
    transports: &[MockTransport::Http],
    departures: &[],
    defects: GatewayDefect::INFOS,
};

/// Starts an instance.
pub(crate) async fn start(options: StartOptions) -> Result<MockHandle, StartError> {
    let wrong = |error| StartError::config(INFO.name, error);
    let common = CommonConfig::split(options.config.clone()).map_err(wrong)?;
    let defects = DefectSet::parse(INFO.name, &common.defects).map_err(wrong)?;
    let gateway = Arc::new(Gateway::new(common.rest, defects).map_err(wrong)?);
    let description = gateway.describe();
    let journal = Journal::new(options.journal_limits);
    let backend = Arc::new(Forwarder(Arc::clone(&gateway)));
    let front = Front::start(options.bind, options.port.unwrap_or(0), journal, common.faults, backend)
        .await
        .map_err(|source| StartError::bind(INFO.name, &options, source))?;
    Ok(MockHandle::new(front, description, gateway))
}

/// One instance.
#[derive(Debug)]
struct Gateway {
    state: Mutex<State>,
}

/// What a request goes by.
#[derive(Debug, Clone)]
struct State {
    members: Map<String, Value>,
    config: Config,
    defects: DefectSet<GatewayDefect>,
    client: reqwest::Client,
}

impl State {
    fn shows(&self, defect: GatewayDefect) -> bool {
        self.defects.has(defect)
    }
}

impl Gateway {
    fn new(members: Map<String, Value>, defects: DefectSet<GatewayDefect>) -> Result<Self, ConfigError> {
        let config = Config::read(&members)?;
        let client = forward::client()?;
        Ok(Self { state: Mutex::new(State { members, config, defects, client }) })
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn describe(&self) -> SelfDescription {
        let Config { path, token, .. } = self.state().config;
        let vars = Map::from_iter([("upstream_token".to_owned(), json!(token))]);
        SelfDescription { path, vars, secrets: token.into_iter().collect(), ..SelfDescription::default() }
    }
}

impl Controller for Gateway {
    fn set(&self, config: &Map<String, Value>) -> Result<(), ConfigError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut members = state.members.clone();
        merge(&mut members, config);
        state.config = Config::read(&members)?;
        state.members = members;
        Ok(())
    }

    fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError> {
        let defects = DefectSet::parse(INFO.name, ids)?;
        self.state.lock().unwrap_or_else(PoisonError::into_inner).defects = defects;
        Ok(())
    }

    /// Nothing happened that it would remember.
    fn restart(&self) {}

    /// It has no clock.
    fn advance(&self, _by: Duration) {}
}
