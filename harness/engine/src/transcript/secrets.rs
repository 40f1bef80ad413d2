//! What must never be shown, collected where it enters.

use std::sync::{Arc, Mutex, PoisonError};

use gauntlet_reports::Redactor;

/// Secrets known so far, with the label that stands in for each.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    known: Arc<Mutex<Vec<(String, String)>>>,
}

impl Secrets {
    /// Remembers a secret; `label` is what is shown instead, as `${label}`.
    pub fn add(&self, label: &str, value: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !value.is_empty() && !known.iter().any(|(_, v)| v == value) {
            known.push((label.to_owned(), value.to_owned()));
        }
    }

    /// Remembers everything that is known there.
    pub(crate) fn absorb(&self, other: &Self) {
        let others = other.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        others.iter().for_each(|(label, value)| self.add(label, value));
    }

    /// A collection of its own that starts with what is known here.
    #[must_use]
    pub fn fork(&self) -> Self {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { known: Arc::new(Mutex::new(known)) }
    }

    /// Removes everything known from texts.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.known.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned())
    }

    /// Whether there is nothing to remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}
