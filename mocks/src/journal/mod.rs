//! What a mock got and what it answered.

mod entry;
mod recording;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::broadcast;

pub use self::entry::{JournalEntry, JournalResponse};
pub(crate) use self::entry::{JournalNote, header_list};
pub(crate) use self::recording::Recording;

/// How many finished entries a slow subscriber may fall behind before it loses some.
const SUBSCRIBER_BACKLOG: usize = 1024;

/// Bounds on what a journal keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalLimits {
    /// Entries kept; the oldest are dropped first.
    pub entries: usize,
    /// Bytes kept of each body, requests and answers alike.
    pub body_bytes: usize,
    /// Bytes of bodies kept in all; the oldest entries are dropped first.
    pub total_bytes: usize,
}

impl Default for JournalLimits {
    fn default() -> Self {
        Self { entries: 10_000, body_bytes: 1 << 20, total_bytes: 64 << 20 }
    }
}

/// A bounded record of what a mock got. Clones share the record.
#[derive(Debug, Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: JournalLimits,
    state: Mutex<State>,
    finished: broadcast::Sender<Arc<JournalEntry>>,
}

#[derive(Debug, Default)]
struct State {
    slots: VecDeque<Slot>,
    next_sequence: u64,
    dropped: u64,
    bytes: usize,
}

#[derive(Debug)]
enum Slot {
    /// Still being received or answered.
    Open(Box<OpenEntry>),
    Finished(Arc<JournalEntry>),
}

/// An entry that still grows: bodies are appended to without copying what is there.
#[derive(Debug)]
struct OpenEntry {
    entry: JournalEntry,
    response_body: BytesMut,
}

impl OpenEntry {
    fn snapshot(&self) -> JournalEntry {
        let mut entry = self.entry.clone();
        if let Some(response) = &mut entry.response {
            response.body = Bytes::copy_from_slice(&self.response_body);
        }
        entry
    }

    fn finish(mut self) -> JournalEntry {
        if let Some(response) = &mut self.entry.response {
            response.body = self.response_body.freeze();
        }
        self.entry
    }
}

impl Slot {
    fn sequence(&self) -> u64 {
        match self {
            Self::Open(open) => open.entry.sequence,
            Self::Finished(entry) => entry.sequence,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Open(open) => open.entry.body.len() + open.response_body.len(),
            Self::Finished(entry) => {
                entry.body.len() + entry.response.as_ref().map_or(0, |response| response.body.len())
            }
        }
    }

    fn snapshot(&self) -> Arc<JournalEntry> {
        match self {
            Self::Open(open) => Arc::new(open.snapshot()),
            Self::Finished(entry) => Arc::clone(entry),
        }
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self::new(JournalLimits::default())
    }
}

impl Journal {
    /// An empty journal.
    #[must_use]
    pub fn new(limits: JournalLimits) -> Self {
        let (finished, _) = broadcast::channel(SUBSCRIBER_BACKLOG);
        Self { shared: Arc::new(Shared { limits, state: Mutex::default(), finished }) }
    }

    /// All entries kept, oldest first, unfinished ones as far as they are.
    #[must_use]
    pub fn entries(&self) -> Vec<Arc<JournalEntry>> {
        self.since(0)
    }

    /// The entries kept whose sequence is `sequence` or higher.
    #[must_use]
    pub fn since(&self, sequence: u64) -> Vec<Arc<JournalEntry>> {
        let state = self.state();
        state.slots.iter().filter(|slot| slot.sequence() >= sequence).map(Slot::snapshot).collect()
    }

    /// Entries kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().slots.len()
    }

    /// Nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sequence that the next request will get.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.state().next_sequence
    }

    /// Entries lost to the limits.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.state().dropped
    }

    /// Every entry from now on, when it is finished.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<JournalEntry>> {
        self.shared.finished.subscribe()
    }

    /// Starts an entry; `entry.sequence` is set here.
    pub(crate) fn open(&self, mut entry: JournalEntry) -> Recording {
        let mut state = self.state();
        let sequence = state.next_sequence;
        state.next_sequence += 1;
        entry.sequence = sequence;
        state.slots.push_back(Slot::Open(Box::new(OpenEntry { entry, response_body: BytesMut::new() })));
        self.trim(&mut state);
        Recording { journal: self.clone(), sequence, finished: false }
    }

    /// Cuts `bytes` at the limit for bodies; the second value is what was cut off.
    fn cut(&self, bytes: &Bytes) -> (Bytes, usize) {
        let kept = bytes.len().min(self.shared.limits.body_bytes);
        (bytes.slice(..kept), bytes.len() - kept)
    }

    fn with_open(&self, sequence: u64, change: impl FnOnce(&mut OpenEntry, &JournalLimits)) {
        let mut state = self.state();
        // Unfinished entries are among the youngest.
        let Some(slot) = state.slots.iter_mut().rev().find(|slot| slot.sequence() == sequence) else {
            return;
        };
        let before = slot.bytes();
        if let Slot::Open(open) = slot {
            change(open, &self.shared.limits);
        }
        let after = slot.bytes();
        state.bytes = state.bytes + after - before;
        self.trim(&mut state);
    }

    fn finish(&self, sequence: u64) {
        let mut state = self.state();
        let Some(slot) = state.slots.iter_mut().rev().find(|slot| slot.sequence() == sequence) else {
            return;
        };
        let placeholder = Slot::Finished(Arc::new(JournalEntry::blank(sequence)));
        let entry = match std::mem::replace(slot, placeholder) {
            Slot::Open(open) => Arc::new(open.finish()),
            Slot::Finished(entry) => entry,
        };
        *slot = Slot::Finished(Arc::clone(&entry));
        drop(state);
        // Nobody listening is the normal case.
        let _ = self.shared.finished.send(entry);
    }

    fn trim(&self, state: &mut State) {
        let limits = &self.shared.limits;
        while state.slots.len() > limits.entries.max(1) || (state.bytes > limits.total_bytes && state.slots.len() > 1) {
            let Some(slot) = state.slots.pop_front() else {
                break;
            };
            state.bytes = state.bytes.saturating_sub(slot.bytes());
            state.dropped += 1;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> JournalEntry {
        JournalEntry::blank(0)
    }

    #[test]
    fn oldest_entries_go_first_and_are_counted() {
        let journal = Journal::new(JournalLimits { entries: 3, ..JournalLimits::default() });
        for _ in 0..5 {
            drop(journal.open(entry()));
        }
        let kept: Vec<u64> = journal.entries().iter().map(|entry| entry.sequence).collect();
        assert_eq!(kept, [2, 3, 4]);
        assert_eq!(journal.dropped(), 2);
        assert_eq!(journal.next_sequence(), 5);
        assert_eq!(journal.since(4).len(), 1);
    }

    #[test]
    fn bodies_are_cut_and_the_rest_is_counted() {
        let journal = Journal::new(JournalLimits { body_bytes: 4, ..JournalLimits::default() });
        let recording = journal.open(entry());
        recording.request_body(&Bytes::from_static(b"abcdef"));
        recording.finish(true);
        let entries = journal.entries();
        assert_eq!(entries[0].body, "abcd");
        assert_eq!(entries[0].body_truncated, 2);
    }

    #[test]
    fn total_bytes_are_bounded() {
        let journal = Journal::new(JournalLimits { total_bytes: 10, ..JournalLimits::default() });
        for _ in 0..4 {
            let recording = journal.open(entry());
            recording.request_body(&Bytes::from_static(b"123456"));
        }
        assert_eq!(journal.len(), 1);
        assert_eq!(journal.dropped(), 3);
    }

    #[test]
    fn a_note_comes_with_the_head_of_the_answer() {
        let journal = Journal::default();
        let recording = journal.open(entry());
        let (mut head, ()) = http::Response::new(()).into_parts();
        head.extensions.insert(JournalNote("expired".to_owned()));
        recording.response_head(&head);
        recording.finish(true);
        drop(journal.open(entry()));
        let notes: Vec<Option<String>> = journal.entries().iter().map(|entry| entry.note.clone()).collect();
        assert_eq!(notes, [Some("expired".to_owned()), None]);
    }

    #[test]
    fn unfinished_answers_show_as_far_as_they_are() {
        let journal = Journal::default();
        let mut finished = journal.subscribe();
        let recording = journal.open(entry());
        let (head, ()) = http::Response::new(()).into_parts();
        recording.response_head(&head);
        recording.response_bytes(b"data: 1\n\n");
        let snapshot = journal.entries();
        let response = snapshot[0].response.as_ref().expect("an answer has begun");
        assert_eq!(response.body, "data: 1\n\n");
        assert!(response.finished_at.is_none());
        assert!(finished.try_recv().is_err());
        recording.finish(true);
        let entry = finished.try_recv().expect("finished entries are announced");
        assert!(entry.response.as_ref().expect("answer").complete);
    }
}
