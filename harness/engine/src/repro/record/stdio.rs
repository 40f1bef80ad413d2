//! A tap between a client and the process that it starts: bytes pass both ways as they are, and a copy of the lines is recorded.

mod pairing;

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use self::pairing::Lines;
use super::RecordError;
use super::sink::Inlet;

/// What to tap.
#[derive(Debug, Clone)]
pub struct StdioOptions {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Bytes that are recorded of one line, and of what answers it.
    pub max_body: usize,
}

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this code.
    Code(u8),
    /// By this signal.
    Signal(i32),
}

/// Bytes that are passed on at a time.
const CHUNK: usize = 64 * 1024;

/// How long the rest of what a process wrote may take after its end: somebody that it started may hold the pipe open.
const REST: Duration = Duration::from_millis(500);

/// Pieces that may wait to be looked at; with more, who speaks waits.
const WAITING: usize = 256;

/// A piece of what was said.
struct Said {
    speaker: Speaker,
    at: Instant,
    bytes: Vec<u8>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Client,
    Server,
}

/// Starts the command in a process group of its own and stands between it and this process's standard input and output until it ends.
/// Its standard error is this process's. Signals that would end this process go to the group in their place; whoever is left in the group
/// at the end is ended.
///
/// # Errors
/// The command cannot be started.
pub fn tap(options: &StdioOptions, inlet: Inlet) -> Result<Ended, RecordError> {
    let cannot = |error| RecordError::Start { program: options.program.clone(), error };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let mut command = Command::new(&options.program);
    command.args(&options.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    let _entered = runtime.enter();
    // Before there is anything to end.
    let mut signals = Signals::new().map_err(cannot)?;
    let mut child = command.spawn().map_err(cannot)?;
    let group = Group(i32::try_from(child.id()).ok().and_then(Pid::from_raw));
    let program = Path::new(&options.program)
        .file_name()
        .map_or_else(|| options.program.clone(), |name| name.to_string_lossy().into_owned());
    let mut lines = Lines::new(&program, options.max_body, inlet);
    let (said, heard) = mpsc::sync_channel::<Option<Said>>(WAITING);
    let listening = std::thread::Builder::new().name("lines".to_owned()).spawn(move || {
        while let Ok(Some(Said { speaker, at, bytes })) = heard.recv() {
            lines.hear(speaker, at, &bytes);
        }
        lines.end();
    });
    let listening = listening.map_err(cannot)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let hear = |speaker: Speaker| {
        let said = said.clone();
        move |bytes: &[u8]| {
            // Nobody listens when the recording is over.
            let _ = said.send(Some(Said { speaker, at: Instant::now(), bytes: bytes.to_vec() }));
        }
    };
    // Reading standard input cannot be interrupted: nobody waits for the thread.
    let to_server = hear(Speaker::Client);
    if let Some(stdin) = stdin {
        spawn("to the process", move || pass(io::stdin(), stdin, to_server)).map_err(cannot)?;
    }
    let (said_all, rest) = mpsc::channel();
    let to_client = hear(Speaker::Server);
    if let Some(stdout) = stdout {
        spawn("from the process", move || {
            pass(stdout, io::stdout(), to_client);
            // Nobody waits any more.
            let _ = said_all.send(());
        })
        .map_err(cannot)?;
    }
    let ended = runtime.block_on(wait(child, &group, &mut signals)).map_err(cannot)?;
    // An error says that it takes too long, or that it is over.
    let _ = rest.recv_timeout(REST);
    drop(group);
    // The thread is there until it gets this.
    let _ = said.send(None);
    listening.join().map_err(|_| RecordError::Broken)?;
    Ok(match (ended.code(), ended.signal()) {
        (Some(code), _) => Ended::Code(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    })
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Passes bytes on as they come, until either end is closed; then both are.
fn pass(mut from: impl Read, mut to: impl Write, hear: impl Fn(&[u8])) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = match from.read(&mut chunk) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        // First, so that nobody is heard to answer what was not said yet.
        hear(&chunk[..length]);
        if to.write_all(&chunk[..length]).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

/// A process group, ended when dropped.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // An error says that the group is gone.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Signals that are passed on.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hang_up.recv() => Signal::HUP,
            _ = self.quit.recv() => Signal::QUIT,
        }
    }
}

/// Until the process has ended.
async fn wait(mut child: Child, group: &Group, signals: &mut Signals) -> io::Result<ExitStatus> {
    let (tell, mut ended) = oneshot::channel();
    spawn("the process's end", move || {
        // Nobody waits any more.
        let _ = tell.send(child.wait());
    })?;
    loop {
        tokio::select! {
            status = &mut ended => return status.unwrap_or_else(|_| Err(io::ErrorKind::Other.into())),
            signal = signals.next() => group.signal(signal),
        }
    }
}
