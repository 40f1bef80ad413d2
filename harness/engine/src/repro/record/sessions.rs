//! Which exchanges belong together.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;

/// Sessions that are told apart; further ones go by connection.
const MOST: usize = 10_000;

/// Sessions by the id that a server gave them (`Mcp-Session-Id`), numbered in the order in which they were first seen: the ids
/// themselves are as good as a key to the session.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    seen: Mutex<HashMap<Vec<u8>, usize>>,
}

impl Sessions {
    /// What the session is called that the headers of a request or an answer name.
    pub(super) fn label(&self, headers: &HeaderMap) -> Option<String> {
        let id = headers.get("mcp-session-id")?.as_bytes();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let next = seen.len() + 1;
        let number = match seen.get(id) {
            Some(number) => *number,
            None if next > MOST => return None,
            None => *seen.entry(id.to_owned()).or_insert(next),
        };
        Some(format!("session-{number}"))
    }
}
