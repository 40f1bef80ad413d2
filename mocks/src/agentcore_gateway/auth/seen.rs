//! Tokens that were good once, for those that are to be good no more.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest as _, Sha256};

/// Most tokens remembered; the oldest are forgotten first.
const MOST_TOKENS: usize = 10_000;

/// A token that cannot be read back.
type Fingerprint = [u8; 32];

/// Tokens seen, as fingerprints.
#[derive(Debug, Default)]
pub(in crate::agentcore_gateway) struct SeenTokens {
    good: HashSet<Fingerprint>,
    order: VecDeque<Fingerprint>,
    rejected: HashSet<Fingerprint>,
}

impl SeenTokens {
    /// A token was found good.
    pub(in crate::agentcore_gateway) fn note(&mut self, token: &str) {
        let fingerprint = fingerprint(token);
        if !self.good.insert(fingerprint) {
            return;
        }
        self.order.push_back(fingerprint);
        if self.order.len() > MOST_TOKENS
            && let Some(oldest) = self.order.pop_front()
        {
            self.good.remove(&oldest);
        }
    }

    /// Whether a token was found good before.
    pub(super) fn contains(&self, token: &str) -> bool {
        self.good.contains(&fingerprint(token))
    }

    /// From now on, no token seen so far is good.
    pub(in crate::agentcore_gateway) fn reject_all(&mut self) {
        self.rejected.clone_from(&self.good);
    }

    /// All tokens may be good again.
    pub(in crate::agentcore_gateway) fn reject_none(&mut self) {
        self.rejected.clear();
    }

    /// Whether a token is among those that are good no more.
    pub(super) fn is_rejected(&self, token: &str) -> bool {
        self.rejected.contains(&fingerprint(token))
    }
}

fn fingerprint(token: &str) -> Fingerprint {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_tokens_are_good() {
        let mut seen = SeenTokens::default();
        seen.note("old");
        seen.reject_all();
        seen.note("new");
        assert!(seen.is_rejected("old") && !seen.is_rejected("new"));
        seen.reject_none();
        assert!(!seen.is_rejected("old"));
    }

    #[test]
    fn no_more_than_a_bound_is_kept() {
        let mut seen = SeenTokens::default();
        for number in 0..=MOST_TOKENS {
            seen.note(&number.to_string());
        }
        assert_eq!(seen.good.len(), MOST_TOKENS);
        assert!(!seen.contains("0") && seen.contains("1"));
    }
}
