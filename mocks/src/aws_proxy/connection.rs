//! One upstream session of one profile.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::defects::ProxyDefect;
use super::proxy::Proxy;
use super::upstream::{Answered, Failure, Travel};
use crate::mcp::{MODERN, VERSIONS};

/// What a client said of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Introduction {
    pub(super) version: String,
    pub(super) capabilities: Value,
    pub(super) info: Value,
}

/// For whom the upstream is asked something.
pub(super) struct OnBehalf<'c> {
    pub(super) proxy: &'c Proxy,
    pub(super) who: &'c Introduction,
    /// Takes what the upstream says before its answer.
    pub(super) relay: &'c mut (dyn FnMut(Value) + Send),
}

/// An upstream session as it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) session: Option<String>,
    version: String,
    /// The result of initialize.
    pub(super) result: Value,
}

/// The way to the upstream for one profile.
pub(super) struct Connection {
    pub(super) profile: String,
    /// Locked while it is opened, so that it is opened once.
    opened: tokio::sync::Mutex<Option<Arc<Opened>>>,
    next_id: AtomicI64,
    /// Counts failures, for the defect that makes all who wait fail with one.
    failures: watch::Sender<u64>,
    last_failure: Mutex<Option<Failure>>,
}

impl Connection {
    pub(super) fn new(profile: &str) -> Self {
        Self {
            profile: profile.to_owned(),
            opened: tokio::sync::Mutex::default(),
            next_id: AtomicI64::new(0),
            failures: watch::Sender::new(0),
            last_failure: Mutex::default(),
        }
    }

    /// An id that no other request of this session has.
    pub(super) fn next_id(&self) -> i64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The session, opened now if there is none. A failure is told to everybody who waits, and the next one tries anew.
    pub(super) async fn open(&self, behalf: &mut OnBehalf<'_>) -> Result<Arc<Opened>, Failure> {
        if behalf.proxy.shows(ProxyDefect::SessionsForConcurrentCalls) {
            if let Some(opened) = self.opened.lock().await.clone() {
                return Ok(opened);
            }
            let opened = Arc::new(self.initialize(behalf).await?);
            *self.opened.lock().await = Some(Arc::clone(&opened));
            return Ok(opened);
        }
        let mut slot = self.opened.lock().await;
        if let Some(opened) = &*slot {
            return Ok(Arc::clone(opened));
        }
        let opened = Arc::new(self.initialize(behalf).await?);
        *slot = Some(Arc::clone(&opened));
        Ok(opened)
    }

    async fn initialize(&self, behalf: &mut OnBehalf<'_>) -> Result<Opened, Failure> {
        let OnBehalf { proxy, who, relay } = behalf;
        let message = json!({
            "jsonrpc": "2.0",
            "id": self.next_id(),
            "method": "initialize",
            "params": {
                "protocolVersion": VERSIONS.iter().find(|version| **version == who.version).unwrap_or(&VERSIONS[0]),
                "capabilities": who.capabilities,
                "clientInfo": who.info,
                "_meta": { "AWS_REGION": proxy.region_told(&self.profile) },
            },
        });
        let mut travel = Travel { profile: self.profile.clone(), client: agent_of(&who.info), ..Travel::default() };
        let Answered { message, session } = proxy.send(&travel, &message, relay).await?;
        let result = message.as_ref().and_then(|message| message.get("result")).cloned().unwrap_or_default();
        let version = result.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
        if !VERSIONS.contains(&version) {
            let message = format!("Unsupported protocol version from the server: {version}");
            return Err(Failure::Rpc(json!({ "code": -32603, "message": message })));
        }
        let opened = Opened { session, version: version.to_owned(), result };
        travel.session.clone_from(&opened.session);
        travel.version = Some(opened.version.clone());
        if !proxy.shows(ProxyDefect::SessionNotInitialized) {
            let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
            proxy.send(&travel, &initialized, relay).await?;
        }
        Ok(opened)
    }

    /// Forgets a session that the upstream has lost, unless it has been replaced already.
    async fn lost(&self, opened: &Arc<Opened>) {
        let mut slot = self.opened.lock().await;
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, opened)) {
            *slot = None;
        }
    }

    /// Ends the session.
    pub(super) async fn close(&self, proxy: &Proxy, who: &Introduction) {
        let Some(opened) = self.opened.lock().await.take() else {
            return;
        };
        if opened.session.is_some()
            && !proxy.shows(ProxyDefect::SessionsNotClosed)
            && let Err(failure) = proxy.delete(&self.travel(&opened, who)).await
        {
            tracing::debug!(?failure, profile = self.profile, "the upstream session was not closed");
        }
    }

    fn travel(&self, opened: &Opened, who: &Introduction) -> Travel {
        Travel {
            profile: self.profile.clone(),
            session: opened.session.clone(),
            version: Some(opened.version.clone()),
            client: agent_of(&who.info),
            ..Travel::default()
        }
    }

    /// Sends a request, in a new session if the upstream has lost the old one.
    pub(super) async fn request(
        &self,
        behalf: &mut OnBehalf<'_>,
        message: &Value,
        headers: &HeaderMap,
    ) -> Result<Value, Failure> {
        let proxy = behalf.proxy;
        if proxy.shows(ProxyDefect::StaleErrorRepeated)
            && let Some(failure) = self.last_failure().take()
        {
            return Err(failure);
        }
        let mut failures = self.failures.subscribe();
        let result = tokio::select! {
            result = self.attempt(behalf, message, headers) => result,
            Ok(()) = failures.changed(), if proxy.shows(ProxyDefect::FailureFailsNeighbours) => {
                return Err(Failure::Broken("Connection closed".to_owned()));
            }
        };
        if let Err(failure) = &result
            && message["method"] == "tools/call"
        {
            *self.last_failure() = Some(failure.clone());
            self.failures.send_modify(|count| *count += 1);
        }
        result
    }

    async fn attempt(&self, behalf: &mut OnBehalf<'_>, message: &Value, headers: &HeaderMap) -> Result<Value, Failure> {
        let (proxy, who) = (behalf.proxy, behalf.who);
        let mut tries_left = 1;
        loop {
            let (travel, opened) = if who.version == MODERN {
                let travel = Travel {
                    profile: self.profile.clone(),
                    headers: headers.clone(),
                    client: agent_of(&who.info),
                    ..Travel::default()
                };
                (travel, None)
            } else {
                let opened = self.open(behalf).await?;
                (self.travel(&opened, who), Some(opened))
            };
            let result = proxy.send(&travel, message, behalf.relay).await;
            match (&result, &opened) {
                (Err(Failure::SessionLost), Some(opened))
                    if tries_left > 0 && !proxy.shows(ProxyDefect::SessionLossNotRecovered) =>
                {
                    self.lost(opened).await;
                }
                (Err(Failure::Http { status: 500.., .. }), _)
                    if tries_left > 0 && proxy.shows(ProxyDefect::CallSentTwice) => {}
                _ => return result.map(|answered| answered.message.unwrap_or_default()),
            }
            tries_left -= 1;
        }
    }

    /// Sends what has no answer: a notification, or the answer to a request of the upstream.
    pub(super) async fn tell(&self, proxy: &Proxy, who: &Introduction, message: &Value) {
        let Some(opened) = self.opened.lock().await.clone() else {
            return;
        };
        if let Err(failure) = proxy.send(&self.travel(&opened, who), message, &mut |_| {}).await {
            tracing::debug!(?failure, profile = self.profile, "the upstream did not take a message");
        }
    }

    fn last_failure(&self) -> std::sync::MutexGuard<'_, Option<Failure>> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// The region that the upstream is told for a profile.
    pub(super) fn region_told(&self, profile: &str) -> String {
        let settled = self.settled();
        let profile = if self.shows(ProxyDefect::MetaRegionOfDefault) { &settled.default } else { profile };
        settled.region_of(profile).to_owned()
    }

    /// Puts the region and the configured metadata into `_meta`; what the client put there stays.
    pub(super) fn add_meta(&self, profile: &str, params: &mut Map<String, Value>) {
        let meta = params.entry("_meta").or_insert_with(|| json!({}));
        let Some(meta) = meta.as_object_mut() else {
            return;
        };
        if self.shows(ProxyDefect::ClientMetaLost) {
            meta.retain(|name, _| name == "progressToken" || name.starts_with("io.modelcontextprotocol/"));
        }
        let mut added = vec![("AWS_REGION".to_owned(), Value::from(self.region_told(profile)))];
        if !self.shows(ProxyDefect::MetadataNotAdded) {
            added.extend(self.settled().config.metadata.clone());
        }
        for (name, value) in added {
            if self.shows(ProxyDefect::ClientMetaOverridden) || !meta.contains_key(&name) {
                meta.insert(name, value);
            }
        }
    }
}

/// `<client-name>/<version>` for a user agent: lower case, blanks and slashes as hyphens.
fn agent_of(info: &Value) -> String {
    let part = |name: &str| {
        let text = info.get(name).and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let text = text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(64).collect::<String>();
        text.replace([' ', '/'], "-")
    };
    match (part("name"), part("version")) {
        (name, _) if name.is_empty() => String::new(),
        (name, version) => format!("{name}/{version}"),
    }
}
