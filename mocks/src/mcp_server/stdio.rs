//! Standard input and output: the SDK behind a line filter.
//!
//! What is put right in front of the SDK (rmcp 3.9): input that is not JSON gets -32700 (the SDK ignores it), JSON that is
//! no message keeps its id when it has one, a notification before the handshake is ignored (the SDK hangs up), batches are
//! served in 2025-03-26, a server of 2026-07-28 alone refuses `initialize` without hanging up, and `ping` is an unknown method
//! of that version.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::ServiceExt;
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use super::defects::Defect;
use super::handler::{Server, Shared};
use super::mangle::{Exchange, Mangler, is_answer};
use super::rpc::{self, Kind, Refusal};

/// Longest line read, in bytes.
const LINE_MAX: u64 = 16 * 1024 * 1024;
/// Bytes on their way between the filter and the SDK.
const PIPE: usize = 256 * 1024;

/// What is known about the connection.
struct State {
    shared: Arc<Shared>,
    /// Agreed by `initialize`.
    agreed: Option<String>,
    /// Whether a first request chose how this connection works.
    opened: bool,
    running: HashMap<String, Mangler>,
    batches: Vec<Batch>,
    out: mpsc::UnboundedSender<Vec<u8>>,
}

struct Batch {
    waits_for: Vec<String>,
    answers: Vec<Vec<u8>>,
}

type Shareable = Arc<Mutex<State>>;

fn lock(state: &Shareable) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until the reader ends.
pub(super) async fn serve(
    shared: Arc<Shared>,
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
) -> std::io::Result<()> {
    let (out, lines) = mpsc::unbounded_channel();
    let state = Arc::new(Mutex::new(State {
        shared: Arc::clone(&shared),
        agreed: None,
        opened: false,
        running: HashMap::new(),
        batches: Vec::new(),
        out,
    }));
    let (near, far) = tokio::io::duplex(PIPE);
    let (from_sdk, to_sdk) = tokio::io::split(near);
    let server = Server::new(shared);
    let sdk = tokio::spawn(async move {
        if let Ok(running) = server.serve(tokio::io::split(far)).await {
            let _ = running.waiting().await;
        }
    });
    let output = tokio::spawn(relay_answers(state.clone(), from_sdk));
    let writing = tokio::spawn(write_lines(writer, lines));
    let read = relay_requests(&state, reader, to_sdk).await;
    // The end of input ends the SDK, which ends its output.
    let _ = sdk.await;
    let _ = output.await;
    drop(state);
    let written = writing.await.unwrap_or_else(|e| Err(std::io::Error::other(e)));
    read.and(written)
}

async fn write_lines(
    mut writer: impl AsyncWrite + Send + Unpin,
    mut lines: mpsc::UnboundedReceiver<Vec<u8>>,
) -> std::io::Result<()> {
    while let Some(mut line) = lines.recv().await {
        line.push(b'\n');
        writer.write_all(&line).await?;
        writer.flush().await?;
    }
    Ok(())
}

async fn relay_requests(
    state: &Shareable,
    reader: impl AsyncRead + Send + Unpin,
    mut to_sdk: impl AsyncWrite + Send + Unpin,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut reader).take(LINE_MAX).read_until(b'\n', &mut line).await? == 0 {
            let _ = to_sdk.shutdown().await;
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let forwarded = lock(state).incoming(&line);
        for message in forwarded {
            let mut bytes = message.to_string().into_bytes();
            bytes.push(b'\n');
            // The SDK has hung up: whatever follows is for nobody.
            if to_sdk.write_all(&bytes).await.is_err() {
                return Ok(());
            }
        }
    }
}

async fn relay_answers(state: Shareable, from_sdk: impl AsyncRead + Send + Unpin) {
    let mut lines = BufReader::new(from_sdk).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(message) = serde_json::from_str(&line) {
            lock(&state).outgoing(message);
        }
    }
}

impl State {
    fn shows(&self, defect: Defect) -> bool {
        self.shared.live.shows(defect)
    }

    fn write(&self, line: Vec<u8>) {
        // Nobody reads any more: the connection is ending.
        let _ = self.out.send(line);
    }

    fn version(&self, message: &Value) -> String {
        let stated = rpc::stated_version(message).map(str::to_owned);
        stated.or_else(|| self.agreed.clone()).unwrap_or_else(|| "2024-11-05".to_owned())
    }

    /// What of a line is handed to the SDK.
    fn incoming(&mut self, line: &[u8]) -> Vec<Value> {
        let message = rpc::parse(line).and_then(|message| Ok((rpc::classify(&message)?, message)));
        match message {
            Err(refusal) => {
                self.refuse(refusal);
                Vec::new()
            }
            Ok((Kind::Batch, batch)) => self.batch(batch),
            Ok((kind, message)) => self.single(kind, message).into_iter().collect(),
        }
    }

    fn refuse(&self, mut refusal: Refusal) {
        let version = self.agreed.as_deref().unwrap_or("2025-11-25");
        if refusal.code == rpc::PARSE_ERROR {
            if self.shows(Defect::ParseError200Empty) {
                return;
            }
            if self.shows(Defect::ParseErrorWrongCode) {
                refusal.code = rpc::INTERNAL_ERROR;
            }
        }
        if refusal.code == rpc::INVALID_REQUEST && self.shows(Defect::InvalidRequestWrongCode) {
            refusal.code = rpc::INTERNAL_ERROR;
        }
        self.write(refusal.to_json(version).to_string().into_bytes());
    }

    fn single(&mut self, kind: Kind, mut message: Value) -> Option<Value> {
        let Kind::Request { id, method } = kind else {
            if message.get("method").is_some_and(|m| m == "notifications/cancelled") {
                self.forget(&message);
            }
            return self.opened.then_some(message);
        };
        let version = self.version(&message);
        let settings = self.shared.settings();
        if method == "initialize" && !settings.has_handshake() {
            let asked = message.pointer("/params/protocolVersion").cloned().unwrap_or_default();
            let text = "Unsupported protocol version; this server speaks 2026-07-28, without a handshake";
            let data = json!({ "supported": settings.versions, "requested": asked });
            let refusal = Refusal::new(rpc::UNSUPPORTED_VERSION, text, Some(id)).with_data(data);
            self.write(refusal.to_json(&version).to_string().into_bytes());
            return None;
        }
        if method == "ping"
            && rpc::stated_version(&message).is_some_and(|v| v >= ProtocolVersion::V_2026_07_28.as_str())
        {
            let refusal = Refusal::new(rpc::METHOD_NOT_FOUND, "Method not found: ping", Some(id));
            self.write(refusal.to_json(&version).to_string().into_bytes());
            return None;
        }
        if method == "initialize" || rpc::stated_version(&message).is_some() {
            self.opened = true;
        }
        self.mend(&mut message);
        let exchange = Exchange::new(method, &message, version);
        self.running.insert(id.to_string(), Mangler::new(self.shared.live.clone(), exchange));
        Some(message)
    }

    /// A cancelled request gets no answer, so nothing waits for one.
    fn forget(&mut self, cancellation: &Value) {
        let Some(key) = cancellation.pointer("/params/requestId").map(Value::to_string) else {
            return;
        };
        self.running.remove(&key);
        for batch in &mut self.batches {
            batch.waits_for.retain(|waiting| *waiting != key);
        }
        while let Some(done) = self.batches.iter().position(|batch| batch.waits_for.is_empty()) {
            let batch = self.batches.swap_remove(done);
            if !batch.answers.is_empty() {
                self.write_batch(&batch.answers);
            }
        }
    }

    /// Defects that make the server overlook what a request of 2026-07-28 lacks.
    fn mend(&self, message: &mut Value) {
        if self.agreed.is_some() || message.get("method").is_some_and(|m| m == "initialize") {
            return;
        }
        let known = rpc::stated_version(message).is_some_and(|version| self.shared.settings().speaks(version));
        let stated = rpc::stated_version(message).is_some();
        if stated && !known && self.shows(Defect::UnsupportedVersionAccepted) {
            message["params"]["_meta"][rpc::META_VERSION] = json!("2026-07-28");
        }
        if self.shows(Defect::MetaNotRequired) {
            rpc::complete_meta(message, "2026-07-28");
        }
    }

    fn batch(&mut self, batch: Value) -> Vec<Value> {
        let served = self.agreed.as_deref() == Some("2025-03-26") && !self.shows(Defect::BatchRefused);
        let Value::Array(mut members) = batch else {
            return Vec::new();
        };
        if !served && !self.shows(Defect::BatchStillServed) {
            self.refuse(Refusal::new(rpc::INVALID_REQUEST, "Invalid Request: batches are not served", None));
            return Vec::new();
        }
        if self.shows(Defect::BatchAnswerMissing)
            && let Some(last) = members.iter().rposition(|m| matches!(rpc::classify(m), Ok(Kind::Request { .. })))
        {
            members.remove(last);
        }
        let mut collected = Batch { waits_for: Vec::new(), answers: Vec::new() };
        let mut forwarded = Vec::new();
        for member in members {
            let refusal = match rpc::classify(&member) {
                Ok(Kind::Request { id, method }) if method == "initialize" => {
                    Refusal::new(rpc::INVALID_REQUEST, "Invalid Request: initialize inside a batch", Some(id))
                }
                Ok(Kind::Batch) => Refusal::new(rpc::INVALID_REQUEST, "Invalid Request: a batch inside a batch", None),
                Ok(kind) => {
                    if let Kind::Request { id, .. } = &kind {
                        collected.waits_for.push(id.to_string());
                    }
                    forwarded.extend(self.single(kind, member));
                    continue;
                }
                Err(refusal) => refusal,
            };
            collected.answers.push(refusal.to_json("2025-03-26").to_string().into_bytes());
        }
        if !collected.waits_for.is_empty() {
            self.batches.push(collected);
        } else if !collected.answers.is_empty() {
            self.write_batch(&collected.answers);
        }
        forwarded
    }

    fn write_batch(&self, answers: &[Vec<u8>]) {
        self.write([b"[".as_slice(), &answers.join(&b','), b"]"].concat());
    }

    /// Writes what becomes of a message of the SDK.
    fn outgoing(&mut self, message: Value) {
        if !is_answer(&message) {
            let token = message.pointer("/params/progressToken");
            let key = self.running.iter().find(|(_, m)| token.is_none() || m.exchange().progress_token() == token);
            let key = key.map(|(key, _)| key.clone());
            match key.and_then(|key| self.running.get_mut(&key)) {
                Some(mangler) => {
                    for line in mangler.outgoing(message) {
                        self.write(line);
                    }
                }
                None => self.write(message.to_string().into_bytes()),
            }
            return;
        }
        if let Some(version) = message.pointer("/result/protocolVersion").and_then(Value::as_str) {
            self.agreed.get_or_insert_with(|| version.to_owned());
        }
        let key = message.get("id").map(Value::to_string).unwrap_or_default();
        let Some(mut mangler) = self.running.remove(&key) else {
            self.write(message.to_string().into_bytes());
            return;
        };
        if self.shows(Defect::StdoutNoise) {
            self.write(format!("INFO handled {}", mangler.exchange().method).into_bytes());
        }
        let lines = mangler.outgoing(message);
        let Some(place) = self.batches.iter().position(|batch| batch.waits_for.contains(&key)) else {
            for line in lines {
                self.write(line);
            }
            return;
        };
        let batch = &mut self.batches[place];
        batch.answers.extend(lines);
        batch.waits_for.retain(|waiting| *waiting != key);
        if batch.waits_for.is_empty() {
            let batch = self.batches.swap_remove(place);
            self.write_batch(&batch.answers);
        }
    }
}
