//! Filling in an entry while the exchange goes on.

use std::time::Instant;

use bytes::Bytes;

use super::{Journal, JournalNote, JournalResponse, header_list};

/// The right to complete one entry. The entry is finished when this is dropped.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(super) journal: Journal,
    pub(super) sequence: u64,
    pub(super) finished: bool,
}

impl Recording {
    /// The body of the request has arrived.
    pub(crate) fn request_body(&self, bytes: &Bytes) {
        let (kept, truncated) = self.journal.cut(bytes);
        self.journal.with_open(self.sequence, |open, _| {
            open.entry.body = kept;
            open.entry.body_truncated = truncated;
        });
    }

    /// The head of the answer is on its way.
    pub(crate) fn response_head(&self, head: &http::response::Parts) {
        let response = JournalResponse {
            status: head.status.as_u16(),
            headers: header_list(&head.headers),
            body: Bytes::new(),
            body_truncated: 0,
            began_at: Instant::now(),
            finished_at: None,
            complete: false,
            broke_off: false,
        };
        let note = head.extensions.get::<JournalNote>().map(|JournalNote(note)| note.clone());
        self.journal.with_open(self.sequence, |open, _| {
            open.entry.response = Some(response);
            open.entry.note = note;
        });
    }

    /// A piece of the answer was handed to the connection.
    pub(crate) fn response_bytes(&self, bytes: &[u8]) {
        self.journal.with_open(self.sequence, |open, limits| {
            let room = limits.body_bytes.saturating_sub(open.response_body.len());
            let kept = bytes.len().min(room);
            open.response_body.extend_from_slice(&bytes[..kept]);
            if let Some(response) = &mut open.entry.response {
                response.body_truncated += bytes.len() - kept;
            }
        });
    }

    /// The mock itself ends the answer before it is whole.
    pub(crate) fn breaks_off(&self) {
        self.journal.with_open(self.sequence, |open, _| {
            if let Some(response) = &mut open.entry.response {
                response.broke_off = true;
            }
        });
    }

    /// The answer is over.
    pub(crate) fn finish(mut self, complete: bool) {
        self.journal.with_open(self.sequence, |open, _| {
            if let Some(response) = &mut open.entry.response {
                response.finished_at = Some(Instant::now());
                response.complete = complete;
            }
        });
        self.finished = true;
        self.journal.finish(self.sequence);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if !self.finished {
            self.journal.with_open(self.sequence, |open, _| {
                if let Some(response) = &mut open.entry.response {
                    response.finished_at = Some(Instant::now());
                }
            });
            self.journal.finish(self.sequence);
        }
    }
}
