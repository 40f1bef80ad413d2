//! What all clients of a proxy share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use serde_json::{Map, Value};

use super::client::Client;
use super::config::Settled;
use super::credentials::Credentials;
use super::defects::ProxyDefect;
use crate::clock::Clock;
use crate::config::ConfigError;
use crate::in_force::InForce;
use crate::outbound::Outbound;

/// Largest answer of the upstream.
const LARGEST_ANSWER: usize = 16 << 20;

/// Longer than anybody waits.
const WITHOUT_END: Duration = Duration::from_secs(86_400);

/// Most clients at a time; the one that has been there longest goes first.
const MOST_CLIENTS: usize = 1024;

/// One proxy.
pub(super) struct Proxy {
    state: RwLock<State>,
    pub(super) clock: Clock,
    pub(super) credentials: Credentials,
    /// Those with a session, by its id, oldest first.
    clients: Mutex<Clients>,
    /// All requests without one.
    pub(super) stateless: Arc<Client>,
}

#[derive(Default)]
struct Clients {
    order: std::collections::VecDeque<String>,
    by_id: HashMap<String, Arc<Client>>,
}

struct State {
    settled: InForce<Settled, ProxyDefect>,
    /// None without an upstream.
    outbound: Option<Outbound>,
}

impl Proxy {
    pub(super) fn new(settled: InForce<Settled, ProxyDefect>) -> Result<Self, ConfigError> {
        Ok(Self {
            state: RwLock::new(State::new(settled)?),
            clock: Clock::default(),
            credentials: Credentials::default(),
            clients: Mutex::default(),
            stateless: Arc::default(),
        })
    }

    pub(super) fn settled(&self) -> InForce<Settled, ProxyDefect> {
        self.state().settled.clone()
    }

    pub(super) fn outbound(&self) -> Option<Outbound> {
        self.state().outbound.clone()
    }

    /// Whether a defect is to be shown.
    pub(super) fn shows(&self, defect: ProxyDefect) -> bool {
        self.state().settled.shows(defect)
    }

    pub(super) fn set(&self, change: &Map<String, Value>) -> Result<(), ConfigError> {
        self.put_in_force(self.settled().over(change, Settled::read)?)
    }

    pub(super) fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError> {
        self.put_in_force(self.settled().showing(ids)?)
    }

    fn put_in_force(&self, settled: InForce<Settled, ProxyDefect>) -> Result<(), ConfigError> {
        let state = State::new(settled)?;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(())
    }

    /// The client of a session.
    pub(super) fn client(&self, id: &str) -> Option<Arc<Client>> {
        self.clients().by_id.get(id).cloned()
    }

    /// A new client; its session id is returned with it.
    pub(super) fn admit(&self, client: Arc<Client>) -> String {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let mut clients = self.clients();
        if clients.order.len() >= MOST_CLIENTS
            && let Some(oldest) = clients.order.pop_front()
        {
            clients.by_id.remove(&oldest);
        }
        clients.order.push_back(id.clone());
        clients.by_id.insert(id.clone(), client);
        id
    }

    pub(super) fn dismiss(&self, id: &str) -> Option<Arc<Client>> {
        let mut clients = self.clients();
        clients.order.retain(|known| known != id);
        clients.by_id.remove(id)
    }

    /// Forgets every session.
    pub(super) fn restart(&self) {
        *self.clients() = Clients::default();
        self.stateless.forget();
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(settled: InForce<Settled, ProxyDefect>) -> Result<Self, ConfigError> {
        let silence = match settled.shows(ProxyDefect::ReadTimeoutIgnored) {
            true => WITHOUT_END,
            false => settled.config.read_timeout,
        };
        let outbound = settled.endpoint.as_ref().map(|url| Outbound::new(url, silence, LARGEST_ANSWER)).transpose();
        let outbound = outbound.map_err(|error| ConfigError::new("upstreams.aws", error.to_string()))?;
        Ok(Self { settled, outbound })
    }
}
