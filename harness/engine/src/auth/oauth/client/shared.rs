//! What outlives a case: the sign-ins of a target, for the length of a run.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::{Mutex, MutexGuard};

use super::State;

/// The sign-ins of a target: one for each name that a client has, whichever case the client is of.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedSignIns(Arc<std::sync::Mutex<BTreeMap<String, SharedSignIn>>>);

impl SharedSignIns {
    /// That of one name.
    pub(crate) fn of(&self, client: &str) -> SharedSignIn {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(client.to_owned()).or_insert_with(SharedSignIn::for_many).clone()
    }
}

/// One sign-in, held by one client or by many. Whoever needs a token waits while another obtains or renews it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedSignIn(Arc<Mutex<State>>);

impl SharedSignIn {
    fn for_many() -> Self {
        Self(Arc::new(Mutex::new(State { is_shared: true, ..State::default() })))
    }

    pub(super) async fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().await
    }
}
