//! Known failures in a recording of any size.

use std::io::Read;

use super::{Diagnoser, Match, Signatures, WINDOW};
use crate::repro::har::{self, Info, Limits};
use crate::repro::recording::{Entry, Recording};
use crate::repro::secrets::Finder;

/// Bytes of entries that are looked at together, if they are fewer than [`WINDOW`].
const HELD: usize = 32 << 20;

/// Every known failure that a HAR file shows. No more than a window of it is held, so that a relation over a longer distance is not
/// seen. Secrets are taken out before anything is looked at.
///
/// # Errors
/// As [`har::read`].
pub fn of_recording(input: impl Read, signatures: &Signatures) -> Result<(Vec<Match<'_>>, Info), har::Error> {
    let mut window = Window::new(signatures);
    let info = har::read(input, &Limits::default(), &mut |entry| {
        window.take(entry);
        Ok(())
    })?;
    window.look();
    Ok((window.diagnoser.matches(), info))
}

/// Every known failure that a recording shows that is held as a whole, such as one of both sides of a gateway.
#[must_use]
pub fn of_held(recording: Recording, signatures: &Signatures) -> Vec<Match<'_>> {
    let mut window = Window::new(signatures);
    recording.entries.into_iter().for_each(|entry| window.take(entry));
    window.look();
    window.diagnoser.matches()
}

struct Window<'s> {
    diagnoser: Diagnoser<'s>,
    entries: Vec<Entry>,
    held: usize,
    finder: Finder,
}

impl<'s> Window<'s> {
    fn new(signatures: &'s Signatures) -> Self {
        Self { diagnoser: Diagnoser::new(signatures), entries: Vec::new(), held: 0, finder: Finder::new() }
    }

    fn take(&mut self, entry: Entry) {
        self.held = self.held.saturating_add(entry.held());
        self.entries.push(entry);
        if self.entries.len() >= WINDOW || self.held >= HELD {
            self.look();
        }
    }

    fn look(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        self.held = 0;
        // Browsers list what finished first.
        entries.sort_by_key(|entry| entry.started_at);
        entries.iter().for_each(|entry| self.finder.learn(entry));
        entries.iter_mut().for_each(|entry| self.finder.redact(entry));
        let mut exchanges = Recording { entries, ..Recording::default() }.exchanges();
        exchanges.iter_mut().for_each(|exchange| exchange.cause = exchange.cause.map(|at| at + self.diagnoser.before));
        self.diagnoser.look(&exchanges);
    }
}
