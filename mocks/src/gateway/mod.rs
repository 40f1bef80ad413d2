//! A gateway in front of one MCP server: passes requests and answers on as they are, keeps the caller's credentials to itself and
//! uses its own, and streams what is streamed.
//!
//! - `forward`: one request, there and back.
//! - `alter`: what its defects do to messages.

mod alter;
mod config;
mod defects;
mod forward;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use self::config::Settled;
use self::defects::GatewayDefect;
use self::forward::Forwarder;
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::clock::Clock;
use crate::config::ConfigError;
use crate::defect::Defect;
use crate::handle::{MockHandle, SelfDescription};
use crate::in_force::InForce;
use crate::instance::{Instance, Memory};
use crate::outbound::Outbound;
use crate::setup::Setup;
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
    let setup = Setup::read(INFO.name, options)?;
    let state = State::new(setup.settle(Settled::read)?).map_err(|error| setup.wrong(error))?;
    let description = describe(&state.config);
    let gateway = Arc::new(Gateway::new(Clock::default(), state));
    setup.start(description, Arc::new(Forwarder(Arc::clone(&gateway))), gateway).await
}

fn describe(Settled { path, token, .. }: &Settled) -> SelfDescription {
    let vars = Map::from_iter([("upstream_token".to_owned(), json!(token))]);
    let secrets = token.iter().cloned().collect();
    SelfDescription { path: path.clone(), vars, secrets, ..SelfDescription::default() }
}

/// One instance.
type Gateway = Instance<State>;

/// What a request goes by.
#[derive(Debug, Clone)]
struct State {
    config: InForce<Settled, GatewayDefect>,
    /// None without a server.
    client: Option<Outbound>,
}

impl State {
    fn new(config: InForce<Settled, GatewayDefect>) -> Result<Self, ConfigError> {
        let client = config.endpoint.as_ref().map(forward::client).transpose()?;
        Ok(Self { config, client })
    }

    fn shows(&self, defect: GatewayDefect) -> bool {
        self.config.shows(defect)
    }
}

impl Memory for State {
    fn set(&mut self, change: &Map<String, Value>, _now: Duration) -> Result<(), ConfigError> {
        *self = Self::new(self.config.over(change, Settled::read)?)?;
        Ok(())
    }

    fn set_defects(&mut self, ids: &[String]) -> Result<(), ConfigError> {
        self.config = self.config.showing(ids)?;
        Ok(())
    }

    /// Nothing happened that it would remember.
    fn restart(&mut self, _now: Duration) {}
}
