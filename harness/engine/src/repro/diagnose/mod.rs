//! Holds exchanges against the signatures of known failures.
//!
//! Works on what was taken down and not on what is happening, so that a saved run, a recording and a case that has just
//! failed give the same answer. Exchanges are hostile data: how much is looked at, and how long, is bounded.

mod catalogue;
mod document;
mod evidence;
mod exchange;
mod hints;
mod known;
mod recording;
mod search;
mod text;

use gauntlet_format::signature::{Confidence, Signature};
use gauntlet_reports::Exchange;

pub use catalogue::{Signatures, check, is_signature_file};
pub use document::{DIAGNOSIS_VERSION, Diagnosis, Document, Recognised};
pub use evidence::{Evidence, Seen};
pub use hints::hints;
pub use known::known;
pub use recording::{of_held, of_recording};
pub use text::{explain, tell};

/// Exchanges that are looked at together: no relation is found between one and another that is further away.
pub const WINDOW: usize = 2000;

/// A known failure that was recognised.
#[derive(Debug, Clone)]
pub struct Match<'s> {
    /// What it is.
    pub signature: &'s Signature,
    /// Where it shows, in the order of the signature.
    pub evidence: Vec<Evidence>,
}

impl Match<'_> {
    /// The exchanges that show it, by their position.
    pub fn exchanges(&self) -> impl Iterator<Item = usize> {
        self.evidence.iter().filter_map(|evidence| evidence.exchange)
    }
}

/// What decides which of several matches is told first.
fn rank(signature: &Signature) -> (Confidence, usize) {
    (signature.confidence, signature.specificity())
}

/// Every known failure that the exchanges of one case show; the most certain first, and of those the most specific.
#[must_use]
pub fn diagnose<'s>(signatures: &'s Signatures, exchanges: &[Exchange]) -> Vec<Match<'s>> {
    let mut diagnoser = Diagnoser::new(signatures);
    exchanges.chunks(WINDOW).for_each(|window| diagnoser.look(window));
    diagnoser.matches()
}

/// Looks at exchanges window by window.
struct Diagnoser<'s> {
    signatures: &'s Signatures,
    found: Vec<Match<'s>>,
    before: usize,
}

impl<'s> Diagnoser<'s> {
    fn new(signatures: &'s Signatures) -> Self {
        Self { signatures, found: Vec::new(), before: 0 }
    }

    fn look(&mut self, window: &[Exchange]) {
        let views = exchange::views(window, self.before);
        for signature in self.signatures.iter() {
            if self.found.iter().any(|earlier| earlier.signature.id.name == signature.id.name) {
                continue;
            }
            if let Some(hits) = search::find(signature, &views) {
                let evidence = evidence::of(signature, &hits, &views, self.before);
                self.found.push(Match { signature, evidence });
            }
        }
        self.before += window.len();
    }

    fn matches(mut self) -> Vec<Match<'s>> {
        let name = |found: &Match<'_>| found.signature.id.name.clone();
        self.found.sort_by(|a, b| rank(b.signature).cmp(&rank(a.signature)).then_with(|| name(a).cmp(&name(b))));
        self.found
    }
}

#[cfg(test)]
mod tests;
