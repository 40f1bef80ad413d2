//! What all sessions of one server share.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rmcp::RoleServer;
use rmcp::model::ResourceUpdatedNotificationParam;
use rmcp::service::{Peer, SubscriptionSink};
use tokio_util::sync::CancellationToken;

use super::content::NOTE;
use super::lock;
use crate::config::ConfigError;
use crate::in_force::InForce;
use crate::mcp_server::config::Settings;
use crate::mcp_server::defects::Defect;
use crate::mcp_server::live::Live;

/// What all sessions of one server share.
#[derive(Debug)]
pub(in crate::mcp_server) struct Shared {
    pub(in crate::mcp_server) live: Live,
    note: Mutex<String>,
    watchers: Mutex<Vec<Watcher>>,
    /// How often the tools were listed.
    lists: AtomicUsize,
    /// Calls of `slow` that have not ended.
    running: AtomicUsize,
    /// Seals request states and fingerprints credentials.
    key: RandomState,
}

/// Who is told that a resource changed.
#[derive(Debug)]
pub(super) enum Watcher {
    /// By `resources/subscribe`.
    Session { uri: String, session: Option<String>, peer: Peer<RoleServer> },
    /// By `subscriptions/listen`.
    Listen { sink: SubscriptionSink, ended: CancellationToken },
}

impl Shared {
    pub(in crate::mcp_server) fn new(live: Live) -> Self {
        Self {
            live,
            note: Mutex::default(),
            watchers: Mutex::default(),
            lists: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            key: RandomState::new(),
        }
    }

    /// The settings in force.
    pub(in crate::mcp_server) fn settings(&self) -> InForce<Settings, Defect> {
        self.live.settings()
    }

    /// Shows the defects of these ids and no others.
    pub(in crate::mcp_server) fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError> {
        self.live.replace(self.settings().showing(ids)?);
        Ok(())
    }

    /// Forgets what clients did.
    pub(in crate::mcp_server) fn forget(&self) {
        lock(&self.note).clear();
        lock(&self.watchers).clear();
    }

    pub(super) fn shows(&self, defect: Defect) -> bool {
        self.live.shows(defect)
    }

    /// Seals a text: only this server can make the mark.
    pub(super) fn mark(&self, text: impl Hash) -> String {
        format!("{:016x}", self.key.hash_one(text))
    }

    pub(super) fn note(&self) -> String {
        lock(&self.note).clone()
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    pub(super) fn reverse_every_second<T>(&self, items: &mut [T]) {
        if self.lists.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            items.reverse();
        }
    }

    pub(super) fn watch(&self, watcher: Watcher) {
        lock(&self.watchers).push(watcher);
    }

    /// Ends a session's subscription to a resource.
    pub(super) fn unwatch(&self, gone: &str, own: Option<&str>) {
        let mut watchers = lock(&self.watchers);
        watchers.retain(|watcher| match watcher {
            Watcher::Session { uri, session, .. } => uri != gone || session.as_deref() != own,
            Watcher::Listen { .. } => true,
        });
    }

    /// Replaces the note and tells whoever watches it.
    pub(super) fn write_note(&self, text: &str) {
        text.clone_into(&mut lock(&self.note));
        let mut watchers = lock(&self.watchers);
        watchers.retain(Watcher::is_there);
        for watcher in watchers.iter() {
            watcher.tell(NOTE);
        }
    }
}

impl Watcher {
    fn is_there(&self) -> bool {
        match self {
            Self::Session { peer, .. } => !peer.is_transport_closed(),
            Self::Listen { ended, .. } => !ended.is_cancelled(),
        }
    }

    /// Announces a change, if it is of what this one watches.
    fn tell(&self, changed: &'static str) {
        match self {
            Self::Session { uri, peer, .. } if uri == changed => {
                let peer = peer.clone();
                tokio::spawn(async move {
                    // A client that has gone is no error of the server.
                    let _ = peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(changed)).await;
                });
            }
            Self::Session { .. } => {}
            Self::Listen { sink, .. } => {
                let sink = sink.clone();
                tokio::spawn(async move {
                    // The sink refuses what its filter does not hold.
                    let _ = sink.notify_resource_updated(changed).await;
                });
            }
        }
    }
}

/// Counts one call of `slow` as long as it lives.
pub(super) struct Busy(Arc<Shared>);

impl Busy {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        shared.running.fetch_add(1, Ordering::Relaxed);
        Self(shared.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
