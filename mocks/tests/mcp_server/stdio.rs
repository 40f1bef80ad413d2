//! The server over standard input and output.

use std::sync::Arc;
use std::time::Duration;

use gauntlet_mocks::stdio::{StdioMock, serve_stdio};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

use crate::support::*;

/// A server at the other end of a pipe.
pub(crate) struct Pipe {
    write: Option<WriteHalf<DuplexStream>>,
    read: BufReader<ReadHalf<DuplexStream>>,
    server: JoinHandle<()>,
}

impl Pipe {
    pub(crate) fn new(config: Value) -> Self {
        Self::to(&Arc::new(StdioMock::new("mcp-server", config).expect("a mock")))
    }

    /// One more client of a mock.
    fn to(mock: &Arc<StdioMock>) -> Self {
        let mock = Arc::clone(mock);
        let (near, far) = tokio::io::duplex(1 << 20);
        let (read, write) = tokio::io::split(far);
        let server = tokio::spawn(async move { mock.serve(Box::new(read), Box::new(write)).await.expect("served") });
        let (read, write) = tokio::io::split(near);
        Self { write: Some(write), read: BufReader::new(read), server }
    }

    pub(crate) async fn send(&mut self, line: &str) {
        let write = self.write.as_mut().expect("open");
        write.write_all(line.as_bytes()).await.unwrap();
        write.write_all(b"\n").await.unwrap();
    }

    /// The next line, or nothing within a short while.
    pub(crate) async fn line(&mut self) -> Option<Vec<u8>> {
        self.line_within(Duration::from_millis(400)).await
    }

    async fn line_within(&mut self, at_most: Duration) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let reading = self.read.read_until(b'\n', &mut line);
        let read = tokio::time::timeout(at_most, reading).await.ok()?.unwrap();
        (read > 0).then_some(line)
    }

    pub(crate) async fn message(&mut self) -> Value {
        let line = self.line_within(IN_TIME).await.expect("a line");
        serde_json::from_slice(&line).expect("a message")
    }

    pub(crate) async fn exchange(&mut self, message: &Value) -> Value {
        self.send(&message.to_string()).await;
        self.message().await
    }

    pub(crate) async fn open(&mut self, version: &str) -> Value {
        let params =
            json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "wire", "version": "1" } });
        let answer = self.exchange(&request(0, "initialize", params)).await;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string()).await;
        answer
    }

    /// Ends the input and waits for the server.
    async fn close(mut self) {
        if let Some(mut write) = self.write.take() {
            write.shutdown().await.unwrap();
        }
        while self.line().await.is_some() {}
        tokio::time::timeout(Duration::from_secs(3), self.server).await.expect("ends with its input").unwrap();
    }
}

#[tokio::test]
async fn every_version_with_a_handshake() {
    for version in ["2024-11-05"].into_iter().chain(STATEFUL) {
        let mut pipe = Pipe::new(json!({}));
        assert_eq!(pipe.open(version).await["result"]["protocolVersion"], version);
        let answer =
            pipe.exchange(&request(1, "tools/call", json!({ "name": "add", "arguments": { "a": 2, "b": 3 } }))).await;
        assert_eq!(answer["id"], 1);
        assert_eq!(answer["result"]["content"][0]["text"], "5");
        let answer = pipe.exchange(&request(2, "tools/list", json!({}))).await;
        let annotated = answer["result"]["tools"][0].get("annotations").is_some();
        assert_eq!(annotated, version >= "2025-03-26");
        let params = json!({ "name": "progress", "_meta": { "progressToken": "p" } });
        pipe.send(&request(3, "tools/call", params).to_string()).await;
        for step in 1..=3 {
            assert_eq!(pipe.message().await["params"]["progress"].as_f64(), Some(f64::from(step)));
        }
        assert_eq!(pipe.message().await["id"], 3);
        assert_eq!(pipe.exchange(&request(4, "ping", json!({}))).await["result"], json!({}));
        pipe.close().await;
    }
}

#[tokio::test]
async fn a_connection_without_a_handshake() {
    let mut pipe = Pipe::new(json!({}));
    let (_, discover) = modern("server/discover", json!({}));
    assert_eq!(pipe.exchange(&discover).await["result"]["supportedVersions"][0], "2024-11-05");
    let (_, list) = modern("tools/list", json!({}));
    assert_eq!(pipe.exchange(&list).await["result"]["resultType"], "complete");
    let bare = pipe.exchange(&request(2, "tools/list", json!({}))).await;
    assert_eq!(bare["error"]["code"], -32602, "nothing is carried over");
    let (_, mut unknown) = modern("tools/list", json!({}));
    unknown["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    assert_eq!(pipe.exchange(&unknown).await["error"]["code"], -32022);
    let (_, ping) = modern("ping", json!({}));
    assert_eq!(pipe.exchange(&ping).await["error"]["code"], -32601);
    pipe.close().await;
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_the_connection_goes_on() {
    let mut pipe = Pipe::new(json!({}));
    pipe.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled" }).to_string()).await;
    pipe.send("").await;
    for (line, code) in [
        ("{nonsense", -32700),
        (r#"{"id":1}"#, -32600),
        ("[]", -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
    ] {
        pipe.send(line).await;
        assert_eq!(pipe.message().await["error"]["code"], code, "{line}");
    }
    let early = pipe.exchange(&request(1, "tools/list", json!({}))).await;
    assert!(early.get("error").is_some(), "not before the handshake: {early}");
    assert_eq!(pipe.open("2025-06-18").await["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(pipe.exchange(&request(2, "no/such", json!({}))).await["error"]["code"], -32601);
    pipe.send(&request(3, "tools/call", json!({ "name": "slow", "arguments": { "ms": 5000 } })).to_string()).await;
    pipe.send(
        &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 3 } }).to_string(),
    )
    .await;
    assert!(pipe.line().await.is_none(), "a cancelled request is not answered");
    pipe.close().await;
}

#[tokio::test]
async fn batches_are_served_in_their_version_alone() {
    let batch =
        json!([request(1, "ping", json!({})), request(2, "tools/list", json!({})), { "jsonrpc": "1.0", "id": 3 }]);
    let mut pipe = Pipe::new(json!({}));
    pipe.open("2025-03-26").await;
    let answers = pipe.exchange(&batch).await;
    let mut ids: Vec<_> = answers.as_array().expect("an array").iter().map(|a| a["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
    pipe.close().await;
    let mut pipe = Pipe::new(json!({}));
    pipe.open("2025-06-18").await;
    assert_eq!(pipe.exchange(&batch).await["error"]["code"], -32600);
    pipe.close().await;
}

#[tokio::test]
async fn a_server_of_2026_alone_refuses_the_handshake() {
    let mut pipe = Pipe::new(json!({ "versions": ["2026-07-28"] }));
    let answer = pipe.open("2025-11-25").await;
    assert_eq!(answer["error"]["code"], -32022);
    assert_eq!(answer["error"]["data"]["supported"], json!(["2026-07-28"]));
    let (_, list) = modern("tools/list", json!({}));
    assert!(pipe.exchange(&list).await["result"]["tools"].is_array());
    let (_, ping) = modern("ping", json!({}));
    assert_eq!(pipe.exchange(&ping).await["error"]["code"], -32601, "this version has no ping");
    pipe.close().await;
}

#[tokio::test]
async fn a_wrong_configuration_is_refused() {
    for config in [
        json!({ "pagesize": 3 }),
        json!({ "page_size": 0 }),
        json!({ "versions": ["2020-01-01"] }),
        json!({ "defects": ["no-such"] }),
    ] {
        let (reader, writer) = (Box::new(tokio::io::empty()), Box::new(tokio::io::sink()));
        let served = serve_stdio("mcp-server", config.clone(), reader, writer).await;
        let error = served.expect_err("refused").to_string();
        assert!(error.contains("mcp-server"), "{config}: {error}");
    }
}

#[tokio::test]
async fn a_command_holds_for_those_who_are_there_and_those_who_come() {
    let mock = Arc::new(StdioMock::new("mcp-server", json!({})).expect("a mock"));
    let list = |id| request(id, "tools/list", json!({}));
    let mut early = Pipe::to(&mock);
    early.open("2025-11-25").await;
    assert_eq!(early.exchange(&list(1)).await["result"]["tools"].as_array().map(Vec::len), Some(4));
    mock.control(&json!({ "set": { "page_size": 2 }, "defects": ["jsonrpc-missing"] })).expect("taken");
    let mut late = Pipe::to(&mock);
    late.open("2025-11-25").await;
    for client in [&mut early, &mut late] {
        let answer = client.exchange(&list(2)).await;
        assert_eq!(answer["result"]["tools"].as_array().map(Vec::len), Some(2));
        assert_eq!(answer.get("jsonrpc"), None);
    }
    mock.control(&json!({ "defects": [] })).expect("taken");
    assert_eq!(early.exchange(&list(3)).await["jsonrpc"], "2.0");
    early.close().await;
    late.close().await;
}

#[tokio::test]
async fn a_client_knows_nothing_of_another() {
    let mock = Arc::new(StdioMock::new("mcp-server", json!({})).expect("a mock"));
    let (mut one, mut other) = (Pipe::to(&mock), Pipe::to(&mock));
    let call = |name: &str, arguments: Value| request(1, "tools/call", json!({ "name": name, "arguments": arguments }));
    let read = request(2, "resources/read", json!({ "uri": "gauntlet://notes/latest" }));
    for client in [&mut one, &mut other] {
        client.open("2025-11-25").await;
    }
    let before = other.exchange(&read).await;
    one.exchange(&call("write_note", json!({ "message": "mine" }))).await;
    assert_ne!(one.exchange(&read).await, before);
    assert_eq!(other.exchange(&read).await, before);
    one.close().await;
    other.close().await;
}

#[tokio::test]
async fn what_makes_no_sense_over_stdio_is_refused() {
    let mock = StdioMock::new("mcp-server", json!({})).expect("a mock");
    for (command, told) in [
        (json!({ "faults": [{ "status": 503 }] }), "control.faults: are of HTTP; a mock over stdio has none"),
        (json!({ "set": { "faults": [] } }), "control.faults: are of HTTP"),
        (json!({ "restart": true }), "control.restart: over stdio a mock ends with its client"),
        (json!({ "set": { "pagesize": 3 } }), "control.set.pagesize: unknown field `pagesize`"),
        (json!({ "defects": ["jsonrpc-mising"] }), "did you mean `jsonrpc-missing`?"),
        (json!({ "stop": true }), "a mock knows no command `stop`"),
    ] {
        let error = mock.control(&command).expect_err("refused").to_string();
        assert!(error.contains(told), "{command}: {error}");
    }
}
