//! A proxy with the AWS MCP Server behind it, and a client on either transport.

use std::collections::HashMap;
use std::time::Duration;

use gauntlet_mocks::stdio::serve_stdio;
use gauntlet_mocks::{JournalEntry, MockHandle};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

use crate::http::{Probe, Seen, send, started, var};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The server, and what a proxy in front of it is told.
pub(crate) struct Lab {
    pub(crate) aws: MockHandle,
    pub(crate) config: Map<String, Value>,
}

impl Lab {
    pub(crate) async fn new(aws: Value, proxy: Value) -> Self {
        let aws = started("aws-mcp", aws).await;
        let profile = |name: &str, region: &str| {
            let key = |member: &str| aws.vars()[&format!("{name}_{member}")].clone();
            json!({ "access_key_id": key("access_key_id"), "secret_access_key": key("secret_access_key"),
                "session_token": key("session_token"), "region": region })
        };
        let mut config = json!({
            "upstreams": { "aws": aws.origin() },
            "profiles": {
                "dev": profile("dev", "eu-central-1"), "prod": profile("prod", "us-west-2"),
                "staging": profile("staging", "ap-southeast-2"),
            },
        });
        for (name, value) in proxy.as_object().expect("a mapping") {
            config[name] = value.clone();
        }
        Self { config: config.as_object().cloned().expect("a mapping"), aws }
    }

    pub(crate) async fn http(&self) -> HttpClient {
        let proxy = started("aws-proxy", Value::Object(self.config.clone())).await;
        HttpClient::open(proxy).await
    }

    pub(crate) async fn stdio(&self) -> StdioClient {
        let mut client = StdioClient::start(Value::Object(self.config.clone()));
        client.ask(initialize()).await;
        client.tell(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        client
    }

    /// Bodies of the requests with this method that arrived behind the proxy.
    pub(crate) fn arrived(&self, method: &str) -> Vec<(Value, JournalEntryHeaders)> {
        let entries = self.aws.journal().entries();
        let parsed =
            entries.iter().map(|entry| (serde_json::from_slice(&entry.body).unwrap_or_default(), headers(entry)));
        parsed.filter(|(body, _): &(Value, _)| body["method"] == method).collect()
    }

    pub(crate) fn deleted(&self) -> usize {
        self.aws.journal().entries().iter().filter(|entry| entry.method == "DELETE").count()
    }

    pub(crate) fn var(&self, name: &str) -> &str {
        var(&self.aws, name)
    }
}

pub(crate) type JournalEntryHeaders = HashMap<String, String>;

fn headers(entry: &JournalEntry) -> JournalEntryHeaders {
    entry.headers.iter().cloned().collect()
}

pub(crate) fn initialize() -> Value {
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "Test Client", "version": "1.0" } } })
}

pub(crate) fn call(id: i64, command: &str, profile: Option<&str>) -> Value {
    let mut arguments = json!({ "cli_command": command });
    if let Some(profile) = profile {
        arguments["aws_profile"] = json!(profile);
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": { "name": "aws___call_aws", "arguments": arguments } })
}

/// The JSON in the text of a result.
pub(crate) fn told(answer: &Value) -> Value {
    let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"));
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

pub(crate) struct HttpClient {
    pub(crate) proxy: MockHandle,
    pub(crate) session: String,
}

impl HttpClient {
    async fn open(proxy: MockHandle) -> Self {
        let answer = send(&proxy, &post(&initialize())).await;
        let session = answer.header("mcp-session-id").unwrap_or_else(|| panic!("no session: {answer:?}")).to_owned();
        Self { proxy, session }
    }

    pub(crate) async fn send(&self, probe: Probe) -> Seen {
        send(&self.proxy, &probe.header("mcp-session-id", &self.session)).await
    }

    pub(crate) async fn ask(&self, message: Value) -> Value {
        self.send(post(&message)).await.json()
    }
}

pub(crate) fn post(message: &Value) -> Probe {
    Probe::new("POST", "/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .json(message)
}

pub(crate) struct StdioClient {
    writer: WriteHalf<DuplexStream>,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    server: JoinHandle<()>,
}

impl StdioClient {
    pub(crate) fn start(config: Value) -> Self {
        let (near, far) = tokio::io::duplex(64 << 10);
        let (reader, writer) = tokio::io::split(far);
        let server = tokio::spawn(async move {
            serve_stdio("aws-proxy", config, Box::new(reader), Box::new(writer)).await.expect("served");
        });
        let (reader, writer) = tokio::io::split(near);
        Self { writer, lines: BufReader::new(reader).lines(), server }
    }

    pub(crate) async fn write(&mut self, line: &str) {
        self.writer.write_all(line.as_bytes()).await.expect("written");
        self.writer.write_all(b"\n").await.expect("written");
    }

    pub(crate) async fn tell(&mut self, message: Value) {
        self.write(&message.to_string()).await;
    }

    pub(crate) async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.expect("in time").expect("read");
        serde_json::from_str(&line.expect("a line")).expect("JSON")
    }

    pub(crate) async fn ask(&mut self, message: Value) -> Value {
        self.tell(message).await;
        self.next().await
    }

    /// Ends the input and waits for the proxy to end.
    pub(crate) async fn close(mut self) {
        self.writer.shutdown().await.expect("closed");
        tokio::time::timeout(PATIENCE, self.server).await.expect("in time").expect("ended");
    }
}
