//! A small client for the tests, and what it saw.

#![allow(dead_code, reason = "each test binary uses a part")]

use gauntlet_mocks::{MockHandle, StartOptions, start};
use serde_json::Value;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Probe {
    pub(crate) fn new(method: &'static str, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: String::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string();
        self
    }

    pub(crate) fn text(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The part that does not change from one run to the next.
    pub(crate) fn stable(&self, origin: &str) -> (u16, Vec<(String, String)>, String) {
        let kept = ["content-type", "www-authenticate", "retry-after", "x-amzn-errortype", "allow"];
        let headers = self
            .headers
            .iter()
            .filter(|(name, _)| kept.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.replace(origin, "ORIGIN")))
            // A session id is random; that there is one is not.
            .chain(self.header("mcp-session-id").map(|_| ("mcp-session-id".to_owned(), String::new())))
            .collect();
        (self.status, headers, self.body.replace(origin, "ORIGIN"))
    }
}

pub(crate) async fn started(name: &str, config: Value) -> MockHandle {
    let options = StartOptions { config, ..StartOptions::default() };
    start(name, options).await.unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn send(mock: &MockHandle, probe: &Probe) -> Seen {
    send_by(&reqwest::Client::new(), mock, probe).await
}

/// Sends over the connections of a client.
pub(crate) async fn send_by(client: &reqwest::Client, mock: &MockHandle, probe: &Probe) -> Seen {
    let url = format!("{}{}", mock.origin(), probe.path);
    let method = reqwest::Method::from_bytes(probe.method.as_bytes()).expect("method of the test");
    let mut request = client.request(method, url).body(probe.body.clone());
    for (name, value) in &probe.headers {
        request = request.header(name, value);
    }
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    Seen { status, headers, body: response.text().await.expect("a body") }
}

/// A variable of the mock.
pub(crate) fn var<'m>(mock: &'m MockHandle, name: &str) -> &'m str {
    mock.vars().get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("no variable {name}"))
}
