//! The proxy over standard input and output.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use super::client::{Asked, Client, Outgoing, Outlet};
use super::proxy::Proxy;
use crate::mcp::BATCHES;
use crate::mcp_server::rpc::{self, Kind, Refusal};
use crate::stdio::{Reader, Writer};

/// Longest line read, in bytes.
const LONGEST_LINE: u64 = 16 << 20;

/// How long requests may go on after the end of input.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// Serves one client until the reader ends, then closes its upstream sessions.
pub(super) async fn serve(proxy: Arc<Proxy>, reader: Reader, writer: Writer) -> std::io::Result<()> {
    let client = Arc::new(Client::default());
    let (out, lines) = unbounded_channel();
    let writing = tokio::spawn(write_lines(writer, lines));
    let mut tasks = JoinSet::new();
    let read = read_lines(&proxy, &client, reader, &out, &mut tasks).await;
    let last = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_ANSWERS, last).await.is_err() {
        tasks.shutdown().await;
    }
    proxy.close(&client).await;
    drop(out);
    let written = writing.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    read.and(written)
}

async fn write_lines(mut writer: Writer, mut lines: UnboundedReceiver<Outgoing>) -> std::io::Result<()> {
    while let Some(outgoing) = lines.recv().await {
        let mut line = outgoing.message.to_string().into_bytes();
        line.push(b'\n');
        writer.write_all(&line).await?;
        writer.flush().await?;
    }
    writer.shutdown().await
}

async fn read_lines(
    proxy: &Arc<Proxy>,
    client: &Arc<Client>,
    reader: Reader,
    out: &Outlet,
    tasks: &mut JoinSet<()>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        if !line.trim_ascii().is_empty() {
            take(proxy, client, &line, out, tasks).await;
        }
        while tasks.try_join_next().is_some() {}
    }
}

async fn take(proxy: &Arc<Proxy>, client: &Arc<Client>, line: &[u8], out: &Outlet, tasks: &mut JoinSet<()>) {
    let agreed = client.introduction().map(|introduction| introduction.version);
    let refuse = |refusal: Refusal| {
        let answer = refusal.to_json(agreed.as_deref().unwrap_or("2025-11-25"));
        // Nobody reads any more: the connection is ending.
        let _ = out.send(answer.into());
    };
    let message = match rpc::parse(line).and_then(|message| Ok((rpc::classify(&message)?, message))) {
        Ok(message) => message,
        Err(refusal) => return refuse(refusal),
    };
    match message {
        (Kind::Notification { .. }, message) => proxy.notified(client, &message).await,
        (Kind::Response, message) => proxy.answered(client, message).await,
        (Kind::Request { id, method }, message) => {
            let asked = asked(id, method, message);
            // What follows the handshake builds on it.
            if asked.method == "initialize" {
                return proxy.serve(client, asked, out).await;
            }
            let (proxy, client, out) = (Arc::clone(proxy), Arc::clone(client), out.clone());
            tasks.spawn(async move { proxy.serve(&client, asked, &out).await });
        }
        (Kind::Batch, Value::Array(members)) if agreed.as_deref() == Some(BATCHES) => {
            let (proxy, client, out) = (Arc::clone(proxy), Arc::clone(client), out.clone());
            tasks.spawn(async move {
                // The client may be gone.
                let tell = |outgoing| drop(out.send(outgoing));
                let answers = proxy.batch(&client, members, tell).await;
                if !answers.is_empty() {
                    let _ = out.send(Value::Array(answers).into());
                }
            });
        }
        (Kind::Batch, _) => {
            refuse(Refusal::new(rpc::INVALID_REQUEST, "Invalid Request: batches are not served", None));
        }
    }
}

fn asked(id: Value, method: String, message: Value) -> Asked {
    let Some(version) = rpc::stated_version(&message) else {
        return Asked::in_session(id, method, message);
    };
    // What a client says in headers over HTTP.
    let mut headers = HeaderMap::new();
    let name = message.pointer("/params/name").or_else(|| message.pointer("/params/uri")).and_then(Value::as_str);
    let named = [("mcp-protocol-version", Some(version)), ("mcp-method", Some(&method)), ("mcp-name", name)];
    for (header, value) in named {
        if let Some(value) = value.and_then(in_header) {
            headers.insert(header, value);
        }
    }
    Asked::alone(id, method, message, headers)
}

/// Plain where a header can hold it, else in the Base64 sentinel of 2026-07-28.
fn in_header(text: &str) -> Option<HeaderValue> {
    use base64::Engine as _;
    let plain = text.trim() == text && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && !text.starts_with("=?");
    match plain {
        true => HeaderValue::from_str(text).ok(),
        false => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(text);
            HeaderValue::from_str(&format!("=?base64?{encoded}?=")).ok()
        }
    }
}
