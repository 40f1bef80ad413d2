//! Who signs in to a target by browser.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::oauth::{Notice, Tell};

/// Somebody who can sign in to a target whose `auth` says `browser: open`.
#[derive(Clone)]
pub struct Person {
    pub(super) tell: Tell,
    pub(super) patience: Duration,
}

impl Person {
    /// How long somebody is waited for unless it is said otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(300);

    /// Somebody who sees what `tell` shows, and may take as long as `patience`; zero means that there is nobody.
    #[must_use]
    pub fn new(patience: Duration, tell: impl Fn(Notice<'_>) + Send + Sync + 'static) -> Self {
        Self { tell: Arc::new(tell), patience }
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("patience", &self.patience).finish_non_exhaustive()
    }
}
