//! A mock whose whole memory stands behind one lock, and how it takes commands.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::config::ConfigError;
use crate::control::{Controller, signs_nothing};

/// All that a mock remembers. `now` is the time of its clock, since the Unix epoch.
pub(crate) trait Memory: Send {
    /// See [`Controller::set`].
    fn set(&mut self, change: &Map<String, Value>, now: Duration) -> Result<(), ConfigError>;
    /// See [`Controller::set_defects`].
    fn set_defects(&mut self, ids: &[String]) -> Result<(), ConfigError>;
    /// See [`Controller::restart`].
    fn restart(&mut self, now: Duration);
    /// See [`Controller::mint`].
    fn mint(&mut self, _spec: &Value, _now: Duration) -> Result<String, ConfigError> {
        Err(signs_nothing())
    }
    /// See [`Controller::minted_secrets`].
    fn minted_secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A running mock: its memory and its clock.
#[derive(Debug)]
pub(crate) struct Instance<M> {
    clock: Clock,
    memory: Mutex<M>,
}

impl<M> Instance<M> {
    pub(crate) fn new(clock: Clock, memory: M) -> Self {
        Self { clock, memory: Mutex::new(memory) }
    }

    /// What it remembers, for as long as the guard is held.
    pub(crate) fn state(&self) -> MutexGuard<'_, M> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Time of its clock, since the Unix epoch.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }
}

impl<M: Memory> Controller for Instance<M> {
    fn set(&self, change: &Map<String, Value>) -> Result<(), ConfigError> {
        self.state().set(change, self.now())
    }

    fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError> {
        self.state().set_defects(ids)
    }

    fn restart(&self) {
        self.state().restart(self.now());
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn mint(&self, spec: &Value) -> Result<String, ConfigError> {
        self.state().mint(spec, self.now())
    }

    fn minted_secrets(&self) -> Vec<String> {
        self.state().minted_secrets()
    }
}
