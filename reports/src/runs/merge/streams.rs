//! The second reading: several files at a time, the results in the order of their positions.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use super::problem::MergeError;
use super::survey::{self, Part};
use crate::model::Event;
use crate::saved::{self, ReadError};

/// Results of a file that wait to be taken.
const READ_AHEAD: usize = 4;

/// What a file has next.
type Next = Result<Event, ReadError>;

/// The results of all files.
pub(super) struct Streams<'a> {
    streams: Vec<Stream<'a>>,
}

struct Stream<'a> {
    part: &'a Part,
    results: Receiver<Next>,
    /// Its position, and what it is; none at the end.
    head: Option<(usize, Event)>,
}

impl<'a> Streams<'a> {
    /// Opens all files, each to be read by a thread of its own, which ends when this value does.
    pub(super) fn open<'s>(parts: &'a [Part], scope: &'s Scope<'s, '_>) -> Result<Self, MergeError>
    where
        'a: 's,
    {
        let mut streams = Vec::with_capacity(parts.len());
        for part in parts {
            let file = survey::open(&part.path)?;
            let (give, results) = sync_channel(READ_AHEAD);
            scope.spawn(move || {
                let read = saved::read(file, &mut |event| hand_over(event, &give));
                if let Err(error) = read {
                    // Nobody listens when the merge has ended before.
                    let _ = give.send(Err(error));
                }
            });
            let mut stream = Stream { part, results, head: None };
            stream.advance(0)?;
            streams.push(stream);
        }
        Ok(Self { streams })
    }

    /// The result with the lowest position that is left.
    pub(super) fn next(&mut self) -> Result<Option<Event>, MergeError> {
        let position = |stream: &Stream<'_>| stream.head.as_ref().map(|(index, _)| *index);
        let first = self.streams.iter_mut().filter(|s| s.head.is_some()).min_by_key(|s| position(s));
        let Some(stream) = first else { return Ok(None) };
        let Some((index, event)) = stream.head.take() else { return Ok(None) };
        stream.advance(index.saturating_add(1))?;
        Ok(Some(event))
    }
}

impl Stream<'_> {
    /// Takes the next result, which has at least the position `least`.
    fn advance(&mut self, least: usize) -> Result<(), MergeError> {
        self.head = match self.results.recv() {
            Err(_) => None,
            Ok(Err(error)) => return Err(MergeError::Read { path: self.part.path.clone(), error }),
            Ok(Ok(event)) => Some((position(&event).unwrap_or(least), event)),
        };
        Ok(())
    }
}

fn position(event: &Event) -> Option<usize> {
    match event {
        Event::CaseFinished(result) => Some(result.index),
        Event::Broken(file) => file.index,
        _ => None,
    }
}

fn hand_over(event: Event, give: &SyncSender<Next>) -> io::Result<()> {
    match event {
        Event::CaseFinished(_) | Event::Broken(_) => give.send(Ok(event)).map_err(io::Error::other),
        _ => Ok(()),
    }
}
