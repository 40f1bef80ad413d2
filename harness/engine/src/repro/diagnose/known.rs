//! Known failures of a recording by the entries that show them, for whoever writes a scenario of it.

use gauntlet_format::signature::{Confidence, Reproduce, Side, Signature};

use super::exchange::{View, views};
use super::search::{Hits, find_beside};
use super::{Signatures, WINDOW, rank};
use crate::repro::recording::{Entry, Recording};
use crate::repro::scenario::{Known, Right};
use crate::repro::secrets::{self, Finder};

/// How often one failure is looked for.
const MOST_TIMES: usize = 300;

/// Every known failure that a recording shows, the best match first; one for which it is known what is right as often as it shows.
/// Secrets are taken out of what is looked at.
///
/// The entry that shows it is the last one in front of the target among those recognised, or that during which the last one
/// behind the target took place.
#[must_use]
pub fn known(recording: &Recording, signatures: &Signatures, secrets: &secrets::Options) -> Vec<Known> {
    let mut finder = Finder::with(secrets);
    let mut entries: Vec<(usize, Entry)> = recording.entries.iter().cloned().enumerate().collect();
    entries.iter().for_each(|(_, entry)| finder.learn(entry));
    entries.iter_mut().for_each(|(_, entry)| finder.redact(entry));
    entries.sort_by_key(|(_, entry)| entry.started_at);
    let (places, entries): (Vec<usize>, Vec<Entry>) = entries.into_iter().unzip();
    let exchanges = Recording { entries, ..Recording::default() }.exchanges();
    let mut found: Vec<(&Signature, Known)> = Vec::new();
    for (number, window) in exchanges.chunks(WINDOW).enumerate() {
        let before = number * WINDOW;
        let views = views(window, before);
        for signature in signatures.iter() {
            for Shown { at, beside, right } in shown(signature, &views) {
                let place = |at: usize| places.get(before + at).copied();
                let Some(entry) = place(at) else { continue };
                let (id, is_sure) = (signature.id.name.clone(), signature.confidence > Confidence::Possible);
                let beside = beside.into_iter().filter_map(place).collect();
                found.push((signature, Known { entry, id, is_sure, beside, right }));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| rank(b).cmp(&rank(a)).then_with(|| a.id.name.cmp(&b.id.name)));
    found.into_iter().map(|(_, known)| known).collect()
}

/// Where a signature shows, and what is right there.
struct Shown {
    at: usize,
    /// The others in front of the target that it was recognised by.
    beside: Vec<usize>,
    right: Option<Right>,
}

fn shown(signature: &Signature, views: &[View]) -> Vec<Shown> {
    let mut marked = vec![false; views.len()];
    let mut found: Vec<Shown> = Vec::new();
    let times = if signature.mended.is_some() { MOST_TIMES } else { 1 };
    for _ in 0..times {
        let Some(hits) = find_beside(signature, views, &marked) else { break };
        let Some(last) = hits.positions.iter().rev().find_map(|at| *at) else { break };
        marked[last] = true;
        let Some(at) = place(&hits, views) else { continue };
        if !found.iter().any(|shown| shown.at == at) {
            let beside =
                hits.positions.iter().flatten().copied().filter(|other| *other != at && !is_behind(*other, views));
            let captured = |name: &str| hits.bound.get(name).cloned();
            let right = signature.mended.as_ref().map(|mended| Right::of(mended, role(signature), &captured));
            found.push(Shown { at, beside: beside.collect(), right });
        }
    }
    found
}

/// The role whose mock can show it.
fn role(signature: &Signature) -> Option<String> {
    match &signature.reproduce {
        Reproduce::Scenario { defect: Some(defect), .. } => Some(defect.mock.clone()),
        _ => None,
    }
}

/// The exchange in front of the target that shows it.
fn place(hits: &Hits, views: &[View]) -> Option<usize> {
    let mut last_first = hits.positions.iter().rev().filter_map(|at| *at);
    let front = last_first.clone().find(|at| !is_behind(*at, views));
    front.or_else(|| last_first.find_map(|at| views.get(at)?.cause))
}

fn is_behind(at: usize, views: &[View]) -> bool {
    views.get(at).is_some_and(|view| view.side == Some(Side::Behind))
}
