//! Recordings of both sides of a gateway: what clients asked it, and what it asked the systems behind it.

use std::collections::BTreeSet;

use gauntlet_reports::sanitize;

use super::recording::{Entry, Recording};
use super::secrets::{names_in, rename, told_apart};

impl Recording {
    /// The names of the upstreams that the target asked, in the order in which it first did.
    #[must_use]
    pub fn upstreams(&self) -> Vec<&str> {
        let mut known: Vec<&str> = Vec::new();
        for name in self.entries.iter().filter_map(|entry| entry.behind.as_deref()) {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        known
    }

    /// Leaves what clients asked the target; how much else there was.
    pub fn keep_front(&mut self) -> usize {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.behind.is_none());
        before - self.entries.len()
    }

    /// Leaves what the target asked an upstream, as if its clients were those that were recorded.
    ///
    /// # Errors
    /// One sentence when there is nothing of it.
    pub fn keep_upstream(&mut self, name: &str) -> Result<(), String> {
        let known = self.upstreams().join(", ");
        if !self.entries.iter().any(|entry| entry.behind.as_deref() == Some(name)) {
            let name = sanitize::line(name, 64);
            return Err(if known.is_empty() {
                "it was recorded in front of its target only: nothing in it is marked `_behind`".to_owned()
            } else {
                format!("nothing in it was asked of an upstream `{name}`; of {known} there is")
            });
        }
        self.entries.retain(|entry| entry.behind.as_deref() == Some(name));
        self.entries.iter_mut().for_each(|entry| entry.behind = None);
        Ok(())
    }

    /// Adds what was recorded between the target and an upstream at the same time. The times of both are taken to be of one clock. The
    /// result is what the user should know.
    #[must_use]
    pub fn add_behind(&mut self, upstream: &str, mut other: Self) -> Vec<String> {
        let mut notes = Vec::new();
        let further = other.keep_front();
        if further > 0 {
            notes.push(format!("{further} left out that are of a further hop, behind `{upstream}`"));
        }
        let names = |entries: &[Entry]| {
            let mut names = BTreeSet::new();
            entries.iter().for_each(|entry| names_in(entry, &mut names));
            names
        };
        let renamed = told_apart(&names(&self.entries), &names(&other.entries), upstream);
        for entry in &mut other.entries {
            if !renamed.is_empty() {
                rename(entry, &renamed);
            }
            entry.behind = Some(upstream.to_owned());
        }
        if !other.entries.is_empty() && !meet(&self.entries, &other.entries) {
            notes.push(format!(
                "nothing was asked of `{upstream}` while a request in front was open: is it of the same time, by the same clock?"
            ));
        }
        self.entries.append(&mut other.entries);
        // Stable: of two at the same time the one in front came first.
        self.entries.sort_by_key(|entry| entry.started_at);
        notes
    }
}

/// Whether any request behind was made while one in front was open. Both are in order of time.
fn meet(front: &[Entry], behind: &[Entry]) -> bool {
    let mut fronts = front.iter().filter(|entry| entry.behind.is_none()).peekable();
    let mut open_until = None;
    behind.iter().any(|entry| {
        while let Some(next) = fronts.next_if(|front| front.started_at <= entry.started_at) {
            let until = next.started_at.saturating_add(next.elapsed.try_into().unwrap_or_default());
            open_until = open_until.max(Some(until));
        }
        open_until.is_some_and(|until| entry.started_at <= until)
    })
}
