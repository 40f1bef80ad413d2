//! Everything that the mock remembers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Map, Value};

use super::config::{Binding, Settled};
use super::defects::AwsMcpDefect;
use crate::aws::arn;
use crate::config::ConfigError;
use crate::in_force::InForce;
use crate::instance::Memory;
use crate::sigv4::Caller;

/// Most sessions that are remembered; the oldest is forgotten first.
const MOST_SESSIONS: usize = 10_000;

/// Most tasks that are remembered; the oldest is forgotten first.
const MOST_TASKS: usize = 1000;

/// The state of one instance.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settled: InForce<Settled, AwsMcpDefect>,
    /// Scheme, host and port of the mock.
    pub(super) origin: String,
    /// When the mock was started, since the Unix epoch.
    pub(super) started: Duration,
    sessions: HashMap<String, Session>,
    session_order: VecDeque<String>,
    pub(super) tasks: VecDeque<Task>,
    /// Calls of tools so far.
    pub(super) calls: u64,
    /// Who called last.
    pub(super) last_caller: Option<Caller>,
    /// What the last call was told.
    pub(super) last_text: Option<String>,
    /// Calls that are being answered.
    pub(super) in_flight: Arc<AtomicUsize>,
}

/// A session of MCP.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Whose it is; none if it was opened without a good signature.
    pub(super) owner: Option<String>,
    /// The version agreed on.
    pub(super) version: &'static str,
}

/// A script that was run.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) script: String,
    /// Whose it is.
    pub(super) owner: String,
}

/// A call that is being answered, for as long as this lives.
#[derive(Debug)]
pub(super) struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// Counts one more; tells how many there were.
    pub(super) fn enter(count: &Arc<AtomicUsize>) -> (Self, usize) {
        let others = count.fetch_add(1, Ordering::SeqCst);
        (Self(Arc::clone(count)), others)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl State {
    pub(super) fn new(settled: InForce<Settled, AwsMcpDefect>, origin: String, started: Duration) -> Self {
        Self {
            settled,
            origin,
            started,
            sessions: HashMap::new(),
            session_order: VecDeque::new(),
            tasks: VecDeque::new(),
            calls: 0,
            last_caller: None,
            last_text: None,
            in_flight: Arc::default(),
        }
    }

    pub(super) fn shows(&self, defect: AwsMcpDefect) -> bool {
        self.settled.shows(defect)
    }

    /// Opens a session and gives it an id.
    pub(super) fn open_session(&mut self, session: Session) -> String {
        if self.session_order.len() >= MOST_SESSIONS
            && let Some(oldest) = self.session_order.pop_front()
        {
            self.sessions.remove(&oldest);
        }
        let id = uuid::Uuid::new_v4().to_string();
        self.sessions.insert(id.clone(), session);
        self.session_order.push_back(id.clone());
        id
    }

    pub(super) fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.get(id)
    }

    pub(super) fn end_session(&mut self, id: &str) {
        self.sessions.remove(id);
        self.session_order.retain(|known| known != id);
    }

    pub(super) fn remember_task(&mut self, task: Task) {
        if self.tasks.len() >= MOST_TASKS {
            self.tasks.pop_front();
        }
        self.tasks.push_back(task);
    }

    /// Whose a session is that this caller opens.
    pub(super) fn owner(&self, caller: Option<&Caller>) -> Option<String> {
        match self.settled.config.session_binding {
            Binding::Role => caller.map(|caller| arn::owner_of(&caller.principal)),
            Binding::Principal => caller.map(|caller| caller.principal.clone()),
            Binding::None => None,
        }
    }
}

impl Memory for State {
    fn set(&mut self, change: &Map<String, Value>, _now: Duration) -> Result<(), ConfigError> {
        self.settled = self.settled.over(change, Settled::read)?;
        if change.contains_key("throttle") {
            self.calls = 0;
        }
        Ok(())
    }

    fn set_defects(&mut self, ids: &[String]) -> Result<(), ConfigError> {
        self.settled = self.settled.showing(ids)?;
        Ok(())
    }

    /// Forgets sessions, tasks and counts.
    fn restart(&mut self, _now: Duration) {
        self.sessions.clear();
        self.session_order.clear();
        self.tasks.clear();
        self.calls = 0;
        self.last_caller = None;
        self.last_text = None;
    }
}
