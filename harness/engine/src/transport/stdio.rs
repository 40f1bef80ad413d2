//! Newline-delimited JSON-RPC with a child process, or with an embedded mock over a pipe.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Notify, mpsc::UnboundedSender};
use tokio::task::JoinHandle;

use super::{Arrival, Content, Failure, FailureKind, Limits, Reply, Request, asks, is_answer_to};
use crate::target::process::{ChildProcess, ExitReport};

/// How long a process whose stdout is closed may take to end.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// The harness's end of a stdio connection.
pub(crate) struct StdioPeer {
    writer: tokio::sync::Mutex<Option<BoxedWriter>>,
    inbox: Arc<Inbox>,
    reader: JoinHandle<()>,
    child: Option<ChildProcess>,
}

type BoxedWriter = Box<dyn AsyncWrite + Send + Unpin>;

impl std::fmt::Debug for StdioPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StdioPeer").field("inbox", &self.inbox).field("child", &self.child).finish_non_exhaustive()
    }
}

/// Every line that came, and whether more can come.
#[derive(Debug, Default)]
struct Inbox {
    state: Mutex<InboxState>,
    news: Notify,
}

#[derive(Debug, Default)]
struct InboxState {
    lines: Vec<Line>,
    end: Option<Failure>,
}

#[derive(Debug, Clone)]
struct Line {
    at: Instant,
    text: String,
    message: Option<Value>,
}

impl Inbox {
    fn with<T>(&self, f: impl FnOnce(&mut InboxState) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a caller waits for.
pub(crate) struct Wait<'a> {
    /// The answer to this id.
    pub answer: Option<&'a Value>,
    /// So many messages.
    pub count: Option<u64>,
    /// How long to go on reading after the answer.
    pub linger: Duration,
    /// At most so long.
    pub deadline: Duration,
    /// Running out of time is an ordinary end (listening), not a failure.
    pub open_ended: bool,
    /// Gets the peer's own requests as they arrive.
    pub tap: Option<UnboundedSender<Value>>,
}

impl StdioPeer {
    /// Talks over the two ends; `child` is ended with the peer.
    pub(crate) fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        child: Option<ChildProcess>,
        limits: Limits,
    ) -> Self {
        let inbox = Arc::new(Inbox::default());
        let task = tokio::spawn(read_lines(reader, Arc::clone(&inbox), limits));
        Self { writer: tokio::sync::Mutex::new(Some(Box::new(writer))), inbox, reader: task, child }
    }

    /// Sends one line (the newline is added) and waits.
    pub(crate) async fn exchange(&self, request: &Request, wait: Wait<'_>) -> Reply {
        let started = Instant::now();
        let from = self.inbox.with(|s| s.lines.len());
        if let Err(failure) = self.write(&request.body, wait.deadline).await {
            // A peer that has died may have said why before.
            let reason = self.inbox.with(|s| s.end.clone()).unwrap_or(failure);
            return Reply::failed(self.with_exit(reason).await, started.elapsed());
        }
        self.wait(started, from, wait).await
    }

    /// Waits for what the peer says by itself.
    pub(crate) async fn listen(&self, wait: Wait<'_>) -> Reply {
        let from = self.inbox.with(|s| s.lines.len());
        self.wait(Instant::now(), from, wait).await
    }

    /// Sends one line and expects nothing.
    pub(crate) async fn write(&self, line: &[u8], deadline: Duration) -> Result<(), Failure> {
        let mut writer = self.writer.lock().await;
        let Some(writer) = writer.as_mut() else {
            return Err(Failure::new(FailureKind::Closed, "stdin was closed before"));
        };
        let write = async {
            writer.write_all(line).await?;
            writer.write_all(b"\n").await?;
            writer.flush().await
        };
        match tokio::time::timeout(deadline, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                Err(Failure::new(FailureKind::Closed, format!("the process does not read its stdin: {error}")))
            }
            Err(_) => Err(Failure::new(FailureKind::Timeout, "the process does not read its stdin")),
        }
    }

    async fn wait(&self, started: Instant, from: usize, wait: Wait<'_>) -> Reply {
        let mut end_at = tokio::time::Instant::from_std(started) + wait.deadline;
        let mut seen = from;
        let mut answered = None;
        let mut failure = None;
        let mut messages = 0;
        loop {
            let news = self.inbox.news.notified();
            let (fresh, end) = self.inbox.with(|s| (s.lines[seen..].to_vec(), s.end.clone()));
            seen += fresh.len();
            for line in fresh {
                let Some(message) = line.message else { continue };
                messages += 1;
                if answered.is_none() && wait.answer.is_some_and(|id| is_answer_to(&message, id)) {
                    answered = Some(line.at.saturating_duration_since(started));
                    end_at = end_at.min(tokio::time::Instant::now() + wait.linger);
                }
                if let Some(tap) = wait.tap.as_ref().filter(|_| asks(&message)) {
                    // The receiver may be gone when nobody waits for server requests.
                    let _ = tap.send(message);
                }
            }
            if wait.count.is_some_and(|count| messages >= count) || (answered.is_some() && wait.linger.is_zero()) {
                break;
            }
            if let Some(end) = end {
                if answered.is_none() {
                    failure = Some(self.with_exit(end).await);
                }
                break;
            }
            if tokio::time::timeout_at(end_at, news).await.is_err() {
                if answered.is_none() && !wait.open_ended {
                    let seconds = wait.deadline.as_secs_f64();
                    failure = Some(Failure::new(FailureKind::Timeout, format!("no answer within {seconds:.1} s")));
                }
                break;
            }
        }
        let arrivals =
            self.inbox.with(|s| s.lines[from..seen].iter().map(|line| arrival(line, started)).collect::<Vec<_>>());
        let content = if arrivals.is_empty() { Content::Empty } else { Content::Events(arrivals) };
        Reply {
            status: None,
            headers: Vec::new(),
            content,
            failure,
            elapsed: answered.unwrap_or_else(|| started.elapsed()),
        }
    }

    async fn with_exit(&self, mut failure: Failure) -> Failure {
        let Some(child) = &self.child else { return failure };
        let report = match failure.kind {
            FailureKind::Closed => child.last_words(LAST_WORDS).await,
            _ => child.exit_report(),
        };
        if let Some(report) = report {
            failure.message = format!("{}; the process {report}", failure.message);
            if let Some(line) = child.last_stderr_line() {
                failure.message.push_str(&format!("; it last wrote to stderr: {line}"));
            }
        }
        failure
    }

    /// Text on stderr since the last call.
    pub(crate) fn take_stderr(&self) -> String {
        self.child.as_ref().map(ChildProcess::take_stderr).unwrap_or_default()
    }

    /// Closes stdin and waits for the process to end by itself; an embedded mock just closes its end.
    pub(crate) async fn close(&self, grace: Duration) -> Option<ExitReport> {
        if let Some(mut writer) = self.writer.lock().await.take() {
            // The other end may be gone already.
            let _ = writer.shutdown().await;
        }
        match &self.child {
            Some(child) => Some(child.wait(grace).await),
            None => {
                let ended = tokio::time::timeout(grace, async {
                    loop {
                        let news = self.inbox.news.notified();
                        if self.inbox.with(|s| s.end.is_some()) {
                            return;
                        }
                        news.await;
                    }
                })
                .await;
                Some(if ended.is_ok() { ExitReport::code(0) } else { ExitReport::still_running() })
            }
        }
    }
}

impl Drop for StdioPeer {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn arrival(line: &Line, started: Instant) -> Arrival {
    Arrival {
        at: line.at.saturating_duration_since(started),
        event: None,
        id: None,
        retry: None,
        data: line.text.clone(),
        message: line.message.clone(),
    }
}

async fn read_lines(reader: impl AsyncRead + Unpin, inbox: Arc<Inbox>, limits: Limits) {
    let mut reader = BufReader::with_capacity(64 * 1024, reader);
    let mut line = Vec::new();
    let mut held = 0;
    let end = loop {
        line.clear();
        match read_line(&mut reader, &mut line, limits.body).await {
            Ok(0) => break Failure::new(FailureKind::Closed, "the peer closed its stdout"),
            Ok(_) => {}
            Err(failure) => break failure,
        }
        let at = Instant::now();
        held += line.len();
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
        // Classified strictly later: a line that is not JSON is kept as text and judged there.
        let message = if std::str::from_utf8(&line).is_ok() { serde_json::from_str(&text).ok() } else { None };
        let full = inbox.with(|s| {
            s.lines.push(Line { at, text, message });
            s.lines.len() > limits.events || held > limits.body.saturating_mul(4)
        });
        inbox.news.notify_waiters();
        if full {
            break Failure::new(FailureKind::TooLarge, "the peer floods its stdout");
        }
    };
    inbox.with(|s| s.end = Some(end));
    inbox.news.notify_waiters();
}

async fn read_line(
    reader: &mut (impl tokio::io::AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    limit: usize,
) -> Result<usize, Failure> {
    loop {
        let available = match reader.fill_buf().await {
            Ok(available) => available,
            Err(error) => return Err(Failure::new(FailureKind::Closed, format!("stdout broke: {error}"))),
        };
        if available.is_empty() {
            return Ok(line.len());
        }
        let (taken, done) = match available.iter().position(|b| *b == b'\n') {
            Some(end) => (end + 1, true),
            None => (available.len(), false),
        };
        line.extend_from_slice(&available[..taken]);
        reader.consume(taken);
        if line.len() > limit {
            return Err(Failure::new(FailureKind::TooLarge, format!("a line on stdout is longer than {limit} bytes")));
        }
        if done {
            return Ok(line.len());
        }
    }
}
