//! Adds a run to a history while it goes on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::insert::{begin, finish, insert};
use super::record::{End, ResultRow, RunRow};
use super::store::PATIENCE;
use super::{History, HistoryError, Source};
use crate::Reporter;
use crate::model::Event;

/// What had finished so long ago is in the file.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// … or so many results.
const BATCH: usize = 1000;

/// How long to wait for others while the run goes on; there is another chance.
pub(super) const MEANWHILE: Duration = Duration::from_millis(250);

/// Messages on their way to the thread that writes.
const QUEUE: usize = 4096;

enum Message {
    Begin(Box<RunRow>),
    Case(Box<ResultRow>),
    End(End),
}

/// A reporter that adds the run to a history.
///
/// A thread of its own writes, a transaction each second, so that nobody waits for the file: a run that is killed leaves what had finished
/// but for the last second, without an end. While another process holds the file, results wait in memory; only when the run is over the
/// recorder waits for it, ten seconds at most.
#[derive(Debug)]
pub struct Recorder {
    source: Source,
    sender: Option<SyncSender<Message>>,
    writer: Option<JoinHandle<Result<(), HistoryError>>>,
}

impl Recorder {
    /// Opens the history, or makes it. One that is locked just now is opened later.
    ///
    /// # Errors
    /// When the file is no history, or of a later version, or cannot be written.
    pub fn open(path: &Path, source: Source) -> Result<Self, HistoryError> {
        Self::open_within(path, source, PATIENCE)
    }

    /// As [`Self::open`], waiting at the end no longer than that.
    pub(super) fn open_within(path: &Path, source: Source, patience: Duration) -> Result<Self, HistoryError> {
        let history = match History::open_within(path, MEANWHILE) {
            Ok(history) => Some(history),
            Err(HistoryError::Locked(_)) => None,
            Err(error) => return Err(error),
        };
        let (sender, messages) = sync_channel(QUEUE);
        let writer = Writer { path: path.to_owned(), history, patience, head: None, run: None, pending: Vec::new() };
        let thread = std::thread::Builder::new().name("history".to_owned()).spawn(move || writer.work(&messages));
        let thread = thread.map_err(HistoryError::Io)?;
        Ok(Self { source, sender: Some(sender), writer: Some(thread) })
    }

    fn send(&self, message: Message) {
        // A writer that had to give up says why at the end.
        let _ = self.sender.as_ref().map(|sender| sender.send(message));
    }

    /// Waits for what is left to be written.
    fn join(&mut self) -> Result<(), HistoryError> {
        self.sender = None;
        let failed = |_| HistoryError::Io(io::Error::other("the thread that writes it has failed"));
        self.writer.take().map_or(Ok(()), |thread| thread.join().map_err(failed).flatten())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // A run without an end has nobody left to tell.
        let _ = self.join();
    }
}

impl Reporter for Recorder {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::RunStarted(info) => self.send(Message::Begin(Box::new(RunRow::new(info, &self.source)))),
            Event::CaseFinished(result) => self.send(Message::Case(Box::new(ResultRow::from(result.as_ref())))),
            Event::RunFinished(summary) => {
                self.send(Message::End(End::from(summary)));
                self.join()?;
            }
            Event::Target(_) | Event::Broken(_) | Event::CaseStarted { .. } => {}
        }
        Ok(())
    }
}

/// The thread's own.
struct Writer {
    path: PathBuf,
    history: Option<History>,
    patience: Duration,
    head: Option<RunRow>,
    /// The number of the run, once it is in the file.
    run: Option<i64>,
    pending: Vec<ResultRow>,
}

impl Writer {
    fn work(mut self, messages: &Receiver<Message>) -> Result<(), HistoryError> {
        let mut next = Instant::now() + EVERY;
        let mut batch = BATCH;
        loop {
            match messages.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Message::Begin(head)) => self.head = Some(*head),
                Ok(Message::Case(row)) => self.pending.push(*row),
                Ok(Message::End(end)) => return self.flush(self.patience, Some(&end)),
                Err(RecvTimeoutError::Disconnected) => return self.flush(MEANWHILE, None),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if now >= next || self.pending.len() >= batch {
                match self.flush(MEANWHILE, None) {
                    // They stay pending.
                    Ok(()) | Err(HistoryError::Locked(_)) => {}
                    Err(error) => return Err(error),
                }
                next = Instant::now() + EVERY;
                batch = self.pending.len() + BATCH;
            }
        }
    }

    /// Writes what is pending, and the end.
    fn flush(&mut self, patience: Duration, end: Option<&End>) -> Result<(), HistoryError> {
        let Some(head) = &self.head else { return Ok(()) };
        let has_begun = self.run.is_some();
        let broken = end.is_some_and(|end| end.broken > 0);
        // A run without results is none.
        if self.pending.is_empty() && !broken && (end.is_none() || !has_begun) {
            return Ok(());
        }
        let mut history = match self.history.take() {
            Some(history) => history,
            None => History::open_within(&self.path, patience)?,
        };
        history.patience = patience;
        history.db.busy_timeout(patience)?;
        let (run, pending) = (self.run, &self.pending);
        let written = history.write(|tx| {
            let run = run.map_or_else(|| begin(tx, head), Ok)?;
            insert(tx, run, pending)?;
            if let Some(end) = end {
                finish(tx, run, end)?;
            }
            Ok(run)
        });
        let written = history.waited(written);
        self.history = Some(history);
        self.run = Some(written?);
        self.pending.clear();
        Ok(())
    }
}
