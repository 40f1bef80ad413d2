//! The server that a recording is about.

use url::Url;

use super::super::messages::messages;
use super::super::origins::origin_of;
use super::super::recording::{Entry, Recording, Transport};

/// Where most of what was said went to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Home {
    /// Scheme, host and port; none over stdio.
    pub(super) origin: Option<String>,
    /// Path of the endpoint, if messages were sent over HTTP.
    pub(super) endpoint: Option<String>,
}

impl Home {
    /// The origin and path of most JSON-RPC messages; without any, the origin of most requests.
    pub(super) fn of(recording: &Recording) -> Self {
        let over_http = || recording.entries.iter().filter(|entry| entry.transport == Transport::Http);
        let speaks = |entry: &&Entry| !messages(&entry.request.body.bytes).is_empty();
        let place = |entry: &Entry| {
            let path = Url::parse(&entry.request.url).ok()?.path().to_owned();
            Some((origin_of(&entry.request.url)?, path))
        };
        match most(over_http().filter(speaks).filter_map(place)) {
            Some((origin, path)) => Self { origin: Some(origin), endpoint: Some(path) },
            None => Self { origin: most(over_http().filter_map(place).map(|(origin, _)| origin)), endpoint: None },
        }
    }

    /// Whether the entry was sent there.
    pub(super) fn is_of(&self, entry: &Entry) -> bool {
        entry.transport == Transport::Stdio || origin_of(&entry.request.url) == self.origin
    }
}

/// The most frequent one, the first of several.
fn most<T: PartialEq>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: Vec<(T, usize)> = Vec::new();
    for item in items {
        match counts.iter_mut().find(|(known, _)| *known == item) {
            Some((_, count)) => *count += 1,
            None => counts.push((item, 1)),
        }
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(item, _)| item)
}
