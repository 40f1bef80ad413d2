//! One client of the proxy: what it agreed on, its upstream connections, and its requests on their way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Introduction, OnBehalf};
use super::defects::ProxyDefect;
use super::proxy::Proxy;
use super::upstream::Failure;
use crate::mcp::{MODERN, VERSIONS};

/// Pages of tools that are read to find one.
const MOST_PAGES: usize = 100;

/// Spoken with clients alone: no upstream speaks it over Streamable HTTP.
const OLDEST: &str = "2024-11-05";

/// Newest version with a handshake.
const NEWEST_LEGACY: &str = "2025-11-25";

const INVALID_PARAMS: i64 = -32602;

/// What goes to the client, in order. The answer comes last.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) message: Value,
    /// Of the HTTP answer, if the message is the whole of it.
    pub(super) status: u16,
}

/// Where messages for the client go. Nobody listens any more if the client is gone.
pub(super) type Outlet = UnboundedSender<Outgoing>;

/// A request of the client.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) id: Value,
    pub(super) method: String,
    pub(super) params: Map<String, Value>,
    /// The client's own `mcp-…` headers, where requests stand alone.
    pub(super) headers: HeaderMap,
    /// The request stands alone: its version has no handshake.
    pub(super) modern: bool,
}

impl Asked {
    /// A request on its own: what the client says of it in `headers` goes with it.
    pub(super) fn alone(id: Value, method: String, message: Value, headers: HeaderMap) -> Self {
        Self { headers, modern: true, ..Self::in_session(id, method, message) }
    }

    /// A request of a client that has introduced itself, or does so.
    pub(super) fn in_session(id: Value, method: String, mut message: Value) -> Self {
        let params = message.get_mut("params").and_then(Value::as_object_mut).map(std::mem::take).unwrap_or_default();
        Self { id, method, params, headers: HeaderMap::new(), modern: false }
    }
}

/// One client.
#[derive(Default)]
pub(super) struct Client {
    introduction: Mutex<Option<Introduction>>,
    connections: Mutex<HashMap<String, Arc<Connection>>>,
    /// Requests that are with the upstream, by the client's id.
    running: Mutex<HashMap<String, Running>>,
    /// Requests of upstreams that are with the client, by the id that it knows.
    asked: Mutex<HashMap<String, (Arc<Connection>, Value)>>,
    pub(super) memory: Mutex<Memory>,
}

/// What only defects need.
#[derive(Default)]
pub(super) struct Memory {
    /// Pages of tools as they were listed last, by cursor.
    pub(super) pages: HashMap<String, Value>,
    /// Profile and result of the call before.
    pub(super) last: Option<(String, Value)>,
}

struct Running {
    connection: Arc<Connection>,
    upstream_id: i64,
    stop: CancellationToken,
}

/// Locks what nobody holds across an await.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    pub(super) fn forget(&self) {
        lock(&self.connections).clear();
        *lock(&self.memory) = Memory::default();
    }

    /// What the client said of itself; one whose requests stand alone says it in each.
    pub(super) fn introduction(&self) -> Option<Introduction> {
        lock(&self.introduction).clone()
    }

    /// The connection for a profile.
    pub(super) fn connection(&self, proxy: &Proxy, profile: &str, named: bool) -> Arc<Connection> {
        let shared = proxy.shows(ProxyDefect::SessionsSharedBetweenClients);
        let owner = if shared { &proxy.stateless } else { self };
        let apart = named && proxy.shows(ProxyDefect::DefaultOpensSecondSession);
        let key = if apart { format!("{profile} by name") } else { profile.to_owned() };
        Arc::clone(lock(&owner.connections).entry(key).or_insert_with(|| Arc::new(Connection::new(profile))))
    }
}

impl Proxy {
    /// Carries out a request and says the answer to `out`.
    pub(super) async fn serve(&self, client: &Client, asked: Asked, out: &Outlet) {
        let answer = match asked.method.as_str() {
            "initialize" if !asked.modern => self.initialize(client, &asked, out).await,
            "ping" if !asked.modern => Ok(json!({})),
            _ if !asked.modern && client.introduction().is_none() => {
                Err(rpc(INVALID_PARAMS, "Received request before initialization was complete"))
            }
            "tools/list" => self.list(client, &asked, out).await,
            "tools/call" => self.call(client, &asked, out).await,
            _ => self.forward_to_default(client, &asked, out).await,
        };
        let outgoing = match answer {
            Err(Failure::Cancelled) => return,
            Ok(result) => json!({ "jsonrpc": "2.0", "id": asked.id, "result": result }).into(),
            Err(failure) => {
                let error = failure.as_error();
                let status = if asked.modern { status_of(&error) } else { 200 };
                Outgoing { message: json!({ "jsonrpc": "2.0", "id": asked.id, "error": error }), status }
            }
        };
        // The client may be gone.
        let _ = out.send(outgoing);
    }

    /// Agrees on a version, and opens the session of the default profile with what the client can do.
    async fn initialize(&self, client: &Client, asked: &Asked, out: &Outlet) -> Result<Value, Failure> {
        let member = |name: &str| asked.params.get(name).cloned();
        let named = member("protocolVersion").and_then(|version| version.as_str().map(str::to_owned));
        let (Some(named), Some(Value::Object(capabilities)), Some(Value::Object(info))) =
            (named, member("capabilities"), member("clientInfo"))
        else {
            return Err(rpc(INVALID_PARAMS, "initialize needs protocolVersion, capabilities and clientInfo"));
        };
        let spoken = [OLDEST].iter().chain(VERSIONS).find(|version| **version == named && named != MODERN);
        let version = spoken.copied().unwrap_or(NEWEST_LEGACY).to_owned();
        let introduction = Introduction {
            version: version.clone(),
            capabilities: Value::Object(capabilities),
            info: Value::Object(info),
        };
        let connection = client.connection(self, &self.settled().default, false);
        let opened = connection
            .open(&mut OnBehalf { proxy: self, who: &introduction, relay: &mut relay(client, &connection, out) })
            .await?;
        *lock(&client.introduction) = Some(introduction);
        let mut result = opened.result.clone();
        result["protocolVersion"] = json!(version);
        result["serverInfo"] = json!({ "name": "gauntlet-aws-proxy", "version": env!("CARGO_PKG_VERSION") });
        Ok(result)
    }

    async fn list(&self, client: &Client, asked: &Asked, out: &Outlet) -> Result<Value, Failure> {
        let settled = self.settled();
        let mut result = self.forward_to_default(client, asked, out).await?;
        let Some(tools) = result.get_mut("tools").and_then(Value::as_array_mut) else {
            return Ok(result);
        };
        if settled.config.read_only && !self.shows(ProxyDefect::ReadOnlyNotFiltered) {
            tools.retain(is_read_only);
        }
        if self.shows(ProxyDefect::CatalogueGrows) {
            let cursor = asked.params.get("cursor").and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut memory = lock(&client.memory);
            let page = memory.pages.entry(cursor).or_insert_with(|| Value::Array(tools.clone()));
            page.as_array_mut().into_iter().flatten().for_each(|tool| self.listed(&settled, tool));
            *tools = page.as_array().cloned().unwrap_or_default();
        } else {
            tools.iter_mut().for_each(|tool| self.listed(&settled, tool));
        }
        if self.shows(ProxyDefect::ListingStopsAfterPage)
            && let Some(result) = result.as_object_mut()
        {
            result.shift_remove("nextCursor");
        }
        Ok(result)
    }

    /// Whether a tool declares that it only reads.
    pub(super) async fn reads_only(
        &self,
        client: &Client,
        asked: &Asked,
        tool: &str,
        out: &Outlet,
    ) -> Result<bool, Failure> {
        let mut cursor = Value::Null;
        for _ in 0..MOST_PAGES {
            let mut params = Map::new();
            if let Some(meta) = asked.params.get("_meta").filter(|_| asked.modern) {
                params.insert("_meta".to_owned(), meta.clone());
            }
            if !cursor.is_null() {
                params.insert("cursor".to_owned(), cursor);
            }
            let mut page = Asked { method: "tools/list".to_owned(), params, ..asked.clone() };
            page.headers.insert("mcp-method", http::HeaderValue::from_static("tools/list"));
            page.headers.remove("mcp-name");
            let result = self.forward_to_default(client, &page, out).await?;
            let tools = result.get("tools").and_then(Value::as_array);
            let found = tools.into_iter().flatten().find(|known| known["name"] == tool);
            if let Some(found) = found {
                return Ok(is_read_only(found));
            }
            cursor = result.get("nextCursor").cloned().unwrap_or_default();
            if cursor.is_null() {
                break;
            }
        }
        Ok(false)
    }

    async fn forward_to_default(&self, client: &Client, asked: &Asked, out: &Outlet) -> Result<Value, Failure> {
        let connection = client.connection(self, &self.settled().default, false);
        self.forward(client, &connection, asked, asked.params.clone(), out).await
    }

    /// Sends a request upstream and returns its result.
    pub(super) async fn forward(
        &self,
        client: &Client,
        connection: &Arc<Connection>,
        asked: &Asked,
        params: Map<String, Value>,
        out: &Outlet,
    ) -> Result<Value, Failure> {
        let settled = self.settled();
        let mut who = match asked.modern {
            true => Introduction { version: MODERN.to_owned(), ..Introduction::default() },
            false => client.introduction().unwrap_or_default(),
        };
        // Only the default connection can ask the client something.
        if connection.profile != settled.default {
            who.capabilities = json!({});
        }
        let upstream_id = connection.next_id();
        let mut message = json!({ "jsonrpc": "2.0", "id": upstream_id, "method": asked.method });
        if !params.is_empty() {
            message["params"] = Value::Object(params);
        }
        let stop = CancellationToken::new();
        let key = asked.id.to_string();
        let running = Running { connection: Arc::clone(connection), upstream_id, stop: stop.clone() };
        lock(&client.running).insert(key.clone(), running);
        let mut behalf = OnBehalf { proxy: self, who: &who, relay: &mut relay(client, connection, out) };
        let result = tokio::select! {
            result = connection.request(&mut behalf, &message, &asked.headers) => result,
            () = stop.cancelled() => Err(Failure::Cancelled),
        };
        lock(&client.running).remove(&key);
        Ok(result?.get("result").cloned().unwrap_or_default())
    }

    /// Takes a notification of the client.
    pub(super) async fn notified(&self, client: &Client, message: &Value) {
        let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
        let who = client.introduction().unwrap_or_default();
        if method == "notifications/cancelled" {
            if self.shows(ProxyDefect::CancellationNotForwarded) {
                return;
            }
            let id = message.pointer("/params/requestId").map(Value::to_string).unwrap_or_default();
            let Some(running) = lock(&client.running).remove(&id) else {
                return;
            };
            let mut message = message.clone();
            message["params"]["requestId"] = json!(running.upstream_id);
            running.stop.cancel();
            running.connection.tell(self, &who, &message).await;
        } else if method != "notifications/initialized" {
            // That one was said when the session was opened.
            client.connection(self, &self.settled().default, false).tell(self, &who, message).await;
        }
    }

    /// Takes the client's answer to a request of an upstream.
    pub(super) async fn answered(&self, client: &Client, mut message: Value) {
        let id = message.get("id").and_then(Value::as_str).unwrap_or_default();
        let Some((connection, upstream_id)) = lock(&client.asked).remove(id) else {
            return;
        };
        message["id"] = upstream_id;
        connection.tell(self, &client.introduction().unwrap_or_default(), &message).await;
    }

    /// Ends the upstream sessions of a client that is gone.
    pub(super) async fn close(&self, client: &Client) {
        let who = client.introduction().unwrap_or_default();
        let connections: Vec<_> = lock(&client.connections).drain().map(|(_, connection)| connection).collect();
        for connection in connections {
            connection.close(self, &who).await;
        }
    }
}

/// Hands on what an upstream says before its answer. Its requests get an id of the proxy's, so that those of two upstreams differ.
fn relay<'a>(
    client: &'a Client,
    connection: &'a Arc<Connection>,
    out: &'a Outlet,
) -> impl FnMut(Value) + Send + use<'a> {
    move |mut message| {
        if let Some(id) = message.get_mut("id") {
            let own = uuid::Uuid::new_v4().to_string();
            let upstream_id = std::mem::replace(id, json!(own));
            lock(&client.asked).insert(own, (Arc::clone(connection), upstream_id));
        }
        // The client may be gone.
        let _ = out.send(message.into());
    }
}

impl From<Value> for Outgoing {
    fn from(message: Value) -> Self {
        Self { message, status: 200 }
    }
}

/// A JSON-RPC error.
pub(super) fn rpc(code: i64, message: &str) -> Failure {
    Failure::Rpc(json!({ "code": code, "message": message }))
}

fn is_read_only(tool: &Value) -> bool {
    tool.pointer("/annotations/readOnlyHint") == Some(&json!(true))
}

/// HTTP status of an error under the version without handshake.
fn status_of(error: &Value) -> u16 {
    match error.get("code").and_then(Value::as_i64) {
        Some(-32601) => 404,
        Some(-32022..=-32020 | -32600) => 400,
        _ => 200,
    }
}
