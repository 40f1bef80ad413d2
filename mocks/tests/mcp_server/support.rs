//! A client that shows the wire.

use std::time::Duration;

use gauntlet_mocks::{MockHandle, StartOptions, start};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde_json::{Value, json};

pub(crate) const STATEFUL: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];
pub(crate) const MODERN: &str = "2026-07-28";

/// An answer, read to its end or for a short while.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to an end.
    pub(crate) complete: bool,
}

/// One event of a stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<String>,
    pub(crate) data: Option<String>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap_or("(not ASCII)"))
    }

    pub(crate) fn content_type(&self) -> &str {
        self.header("content-type").unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Events that a blank line ended.
    pub(crate) fn events(&self) -> Vec<Event> {
        let text = self.text();
        let Some(end) = text.rfind("\n\n") else { return Vec::new() };
        let mut events = Vec::new();
        for frame in text[..end].split("\n\n") {
            let mut event = Event::default();
            for line in frame.lines() {
                let (name, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
                let value = Some(value.to_owned());
                match name {
                    "id" => event.id = value,
                    "retry" => event.retry = value,
                    "data" => event.data = value,
                    _ => {}
                }
            }
            events.push(event);
        }
        events
    }

    /// All JSON-RPC messages.
    pub(crate) fn messages(&self) -> Vec<Value> {
        if self.content_type() == "text/event-stream" {
            let data = self.events().into_iter().filter_map(|e| e.data);
            data.filter_map(|d| serde_json::from_str(&d).ok()).collect()
        } else {
            serde_json::from_slice(&self.body).into_iter().collect()
        }
    }

    /// The one message that answers.
    pub(crate) fn answer(&self) -> Value {
        self.messages().into_iter().find(|m| m.get("method").is_none()).unwrap_or_default()
    }

    pub(crate) fn result(&self) -> Value {
        self.answer().get("result").cloned().unwrap_or_default()
    }

    pub(crate) fn error_code(&self) -> Option<i64> {
        self.answer().pointer("/error/code")?.as_i64()
    }
}

/// An answer whose body is on its way. Dropping it closes the connection.
pub(crate) struct Stream {
    response: reqwest::Response,
    pub(crate) answer: Answer,
}

impl Stream {
    /// Reads on until there is enough or the time is over.
    pub(crate) async fn read(&mut self, at_most: Duration, enough: impl Fn(&Answer) -> bool) {
        let Self { response, answer } = self;
        let reading = async {
            while !enough(answer) {
                match response.chunk().await.expect("a body") {
                    Some(bytes) => answer.body.extend_from_slice(&bytes),
                    None => return answer.complete = true,
                }
            }
        };
        let _ = tokio::time::timeout(at_most, reading).await;
    }

    /// What is heard until there are so many messages, and for a while after.
    pub(crate) async fn hear(mut self, messages: usize, a_while: Duration) -> Answer {
        self.read(IN_TIME, |answer| answer.messages().len() >= messages).await;
        self.read(a_while, |_| false).await;
        self.answer
    }
}

/// Longer than anything takes on a machine that has other work too.
pub(crate) const IN_TIME: Duration = Duration::from_secs(20);

/// A running server and a client of it.
pub(crate) struct Wire {
    pub(crate) mock: MockHandle,
    pub(crate) http: Client,
}

/// One client's place: its version and its session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) version: String,
    pub(crate) id: Option<HeaderValue>,
}

pub(crate) async fn wire(config: Value) -> Wire {
    let options = StartOptions { config, ..StartOptions::default() };
    Wire { mock: start("mcp-server", options).await.expect("the server starts"), http: Client::new() }
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        map.append(name, HeaderValue::from_str(value).expect("a header value"));
    }
    map
}

/// The headers of a POST as every version wants them.
pub(crate) fn post_headers() -> HeaderMap {
    headers(&[("content-type", "application/json"), ("accept", "application/json, text/event-stream")])
}

pub(crate) fn request(id: i64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

pub(crate) fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": { "name": "wire", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A request of 2026-07-28 and its headers.
pub(crate) fn modern(method: &str, mut params: Value) -> (HeaderMap, Value) {
    let own = params.get("_meta").cloned().unwrap_or_else(|| json!({}));
    params["_meta"] = meta();
    for (key, value) in own.as_object().into_iter().flatten() {
        params["_meta"][key] = value.clone();
    }
    let mut map = post_headers();
    map.extend(headers(&[("mcp-protocol-version", MODERN), ("mcp-method", method)]));
    let name = params.get("name").or(params.get("uri")).and_then(Value::as_str);
    if let Some(name) = name {
        map.extend(headers(&[("mcp-name", name)]));
    }
    (map, request(1, method, params))
}

impl Wire {
    pub(crate) async fn send(&self, method: Method, headers: HeaderMap, body: impl Into<reqwest::Body>) -> Answer {
        self.send_for(method, headers, body, Duration::from_secs(5)).await
    }

    /// Reads the body of the answer for at most so long.
    pub(crate) async fn send_for(
        &self,
        method: Method,
        headers: HeaderMap,
        body: impl Into<reqwest::Body>,
        at_most: Duration,
    ) -> Answer {
        let mut stream = self.begin(method, headers, body).await;
        stream.read(at_most, |_| false).await;
        stream.answer
    }

    /// Sends a request and reads the head of its answer.
    pub(crate) async fn begin(&self, method: Method, headers: HeaderMap, body: impl Into<reqwest::Body>) -> Stream {
        let sent = self.http.request(method, self.mock.url()).headers(headers).body(body).send();
        let response = tokio::time::timeout(IN_TIME, sent).await.expect("a head in time").expect("an answer");
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: Vec::new(),
            complete: false,
        };
        Stream { response, answer }
    }

    pub(crate) async fn post(&self, headers: HeaderMap, body: &Value) -> Answer {
        self.send(Method::POST, headers, body.to_string()).await
    }

    pub(crate) async fn modern(&self, method: &str, params: Value) -> Answer {
        let (headers, body) = modern(method, params);
        self.post(headers, &body).await
    }

    pub(crate) async fn initialize(&self, version: &str) -> Answer {
        let params = json!({
            "protocolVersion": version,
            "capabilities": { "sampling": {}, "roots": {}, "elicitation": {} },
            "clientInfo": { "name": "wire", "version": "1" },
        });
        self.post(post_headers(), &request(0, "initialize", params)).await
    }

    /// Goes through the handshake.
    pub(crate) async fn open(&self, version: &str) -> Session {
        let answer = self.initialize(version).await;
        let session = Session { version: version.to_owned(), id: answer.headers.get("mcp-session-id").cloned() };
        let done = self.notify(&session, "notifications/initialized").await;
        assert!(done.status < 500, "{}", done.status);
        session
    }

    pub(crate) async fn notify(&self, session: &Session, method: &str) -> Answer {
        self.post(session.headers(), &json!({ "jsonrpc": "2.0", "method": method })).await
    }

    pub(crate) async fn call(&self, session: &Session, method: &str, params: Value) -> Answer {
        self.post(session.headers(), &request(7, method, params)).await
    }

    /// A request in whatever way the version asks.
    pub(crate) async fn any(&self, version: &str, method: &str, params: Value) -> Answer {
        if version == MODERN {
            return self.modern(method, params).await;
        }
        let session = self.open(version).await;
        self.call(&session, method, params).await
    }
}

impl Session {
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut map = post_headers();
        if self.version.as_str() >= "2025-06-18" {
            map.extend(headers(&[("mcp-protocol-version", self.version.as_str())]));
        }
        if let Some(id) = &self.id {
            map.insert("mcp-session-id", id.clone());
        }
        map
    }
}
