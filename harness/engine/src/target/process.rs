//! Child processes: started in a clean environment and a process group of their own, ended with it in every case.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gauntlet_reports::sanitize;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use super::client::Scratch;
use super::client::sightings::Sightings;
use crate::transport::{Failure, FailureKind};

/// The tail of stderr that is kept, bytes.
const STDERR_KEPT: usize = 64 * 1024;

/// Characters that are shown of the last line on stderr.
const LINE_SHOWN: usize = 300;

/// Variables of the harness's own environment that a child gets without being asked: what programs need to run at all.
const INHERITED: [&str; 9] = ["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "SystemRoot", "TEMP", "USER"];

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct CommandLine {
    pub program: String,
    pub arguments: Vec<String>,
    pub directory: Option<PathBuf>,
    pub environment: BTreeMap<String, String>,
    /// Finds in its output what it wants opened in a browser.
    pub sightings: Option<Arc<Sightings>>,
    /// The case's folder, which stays as long as the program runs.
    pub scratch: Arc<Scratch>,
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.arguments.iter().try_for_each(|a| write!(f, " {a}"))
    }
}

/// Groups of the children that run.
static RUNNING: Mutex<Vec<rustix::process::Pid>> = Mutex::new(Vec::new());

/// Ends every program that was started for a target, with its whole process group: for a harness that is about to exit
/// without ending its cases.
pub fn end_all() {
    for group in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        // An error says that the group is gone, which is what is wanted.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// A running child. Dropping it ends its whole process group.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    group: Option<rustix::process::Pid>,
    exit: watch::Receiver<Option<ExitReport>>,
    stderr: Arc<Mutex<Tail>>,
    /// Removed after the group has ended.
    _scratch: Arc<Scratch>,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExitReport {
    /// Exit code, if it exited.
    pub code: Option<i32>,
    /// Signal, if one ended it.
    pub signal: Option<i32>,
    /// It had to be ended by the harness.
    pub killed: bool,
}

impl ExitReport {
    pub(crate) fn code(code: i32) -> Self {
        Self { code: Some(code), signal: None, killed: false }
    }

    pub(crate) fn still_running() -> Self {
        Self { code: None, signal: None, killed: true }
    }

    fn of(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        Self { code: status.code(), signal: status.signal(), killed: false }
    }
}

impl fmt::Display for ExitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exited with code {code}"),
            (None, Some(signal)) => write!(f, "was ended by signal {signal}"),
            (None, None) => f.write_str("did not end by itself"),
        }
    }
}

#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    dropped: usize,
    /// Nothing more will come.
    ended: bool,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Trimmed in large steps, so that a flood costs amortised constant time.
        if self.bytes.len() > 2 * STDERR_KEPT {
            let cut = self.bytes.len() - STDERR_KEPT;
            self.bytes.drain(..cut);
            self.dropped += cut;
        }
    }
}

/// A child and its pipes.
pub(crate) struct Started {
    pub child: ChildProcess,
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
}

impl ChildProcess {
    /// Starts the command with pipes on all three streams.
    pub(crate) fn start(line: &CommandLine) -> Result<Started, Failure> {
        let mut command = Command::new(&line.program);
        command.args(&line.arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(&line.environment);
        if let Some(directory) = &line.directory {
            command.current_dir(directory);
        }
        command.process_group(0).kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|e| Failure::new(FailureKind::Connect, format!("cannot start `{}`: {e}", line.program)))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).extend(group);
        let (Some(stdin), Some(stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Failure::new(FailureKind::Connect, format!("`{}` has no pipes", line.program)));
        };
        let tail = Arc::new(Mutex::new(Tail::default()));
        let sink = Arc::clone(&tail);
        let mut scanner = line.sightings.as_ref().map(Sightings::scanner);
        tokio::spawn(async move {
            let mut chunk = [0; 8 * 1024];
            while let Ok(n @ 1..) = stderr.read(&mut chunk).await {
                if let Some(scanner) = &mut scanner {
                    scanner.push(&chunk[..n]);
                }
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(&chunk[..n]);
            }
            sink.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        });
        let (report, exit) = watch::channel(None);
        tokio::spawn(watch_exit(child, report));
        let child = Self { group, exit, stderr: tail, _scratch: Arc::clone(&line.scratch) };
        Ok(Started { child, stdin, stdout })
    }

    /// How it ended, if it has.
    pub(crate) fn exit_report(&self) -> Option<ExitReport> {
        *self.exit.borrow()
    }

    /// How it ended, once it and its stderr have: both may be a moment behind the end of its stdout.
    pub(crate) async fn last_words(&self, patience: Duration) -> Option<ExitReport> {
        let mut exit = self.exit.clone();
        let both = async {
            // The sender gone without a report means that nobody will tell any more.
            let _ = exit.wait_for(Option::is_some).await;
            while !self.stderr.lock().unwrap_or_else(PoisonError::into_inner).ended {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // A grandchild may hold stderr open; what is known by then is told.
        let _ = tokio::time::timeout(patience, both).await;
        self.exit_report()
    }

    /// Waits for it to end by itself; then the group is ended.
    pub(crate) async fn wait(&self, grace: Duration) -> ExitReport {
        let mut exit = self.exit.clone();
        let ended = tokio::time::timeout(grace, exit.wait_for(Option::is_some)).await;
        match ended {
            Ok(Ok(report)) => report.unwrap_or_else(ExitReport::still_running),
            _ => {
                self.end_group();
                ExitReport::still_running()
            }
        }
    }

    /// Text on stderr since the last call, with a note about what is left out.
    pub(crate) fn take_stderr(&self) -> String {
        let mut tail = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = std::mem::take(&mut tail.dropped);
        let bytes = std::mem::take(&mut tail.bytes);
        if dropped == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        // What begins in the middle of a word may be the end of a secret, which nobody would know any more.
        let whole = bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len());
        format!("[{} bytes left out]\n{}", dropped + whole, String::from_utf8_lossy(&bytes[whole..]).trim_start())
    }

    /// The last line on stderr that is not blank.
    pub(crate) fn last_stderr_line(&self) -> Option<String> {
        let tail = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&tail.bytes);
        text.lines().rev().find(|l| !l.trim().is_empty()).map(|l| sanitize::line(l, LINE_SHOWN).into_owned())
    }

    fn end_group(&self) {
        if let Some(group) = self.group {
            // An error says that the group is gone, which is what is wanted.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.end_group();
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|group| Some(*group) != self.group);
    }
}

async fn watch_exit(mut child: Child, report: watch::Sender<Option<ExitReport>>) {
    tokio::select! {
        status = child.wait() => {
            let ended = status.map_or_else(|_| ExitReport::still_running(), ExitReport::of);
            report.send_replace(Some(ended));
        }
        () = report.closed() => {
            // The owner ended the group; reap the child so that no zombie stays.
            let _ = child.wait().await;
        }
    }
}
