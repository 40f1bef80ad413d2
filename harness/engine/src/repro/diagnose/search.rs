//! Finds exchanges that are as a signature says, in its order.

use gauntlet_format::node::{Key, Node, NodeValue};
use gauntlet_format::resolve::{self, Lookup};
use gauntlet_format::signature::{Side, Sight, Signature};
use gauntlet_format::{jsonpath, matching};
use serde_json::Value;

use super::exchange::View;

/// How often one signature may hold an exchange against a pattern. A list of exchanges that takes more is made to take it.
const MOST_TRIES: usize = 50_000;

/// What a signature was found by: for each of its exchanges the position, none for those that are absent; and the values
/// that patterns were completed with.
#[derive(Debug)]
pub(super) struct Hits {
    pub positions: Vec<Option<usize>>,
    pub bound: Bound,
}

/// Captured values by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Bound(Vec<(String, Value)>);

impl Bound {
    /// The value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl Lookup for Bound {
    fn lookup(&self, name: &str) -> Result<Value, String> {
        self.get(name).cloned().ok_or_else(|| "was not captured".to_owned())
    }
}

/// The first exchanges that are as the signature says.
pub(super) fn find(signature: &Signature, views: &[View]) -> Option<Hits> {
    find_beside(signature, views, &[])
}

/// The first ones that are no ones of those that are marked: where the failure shows besides.
pub(super) fn find_beside(signature: &Signature, views: &[View], marked: &[bool]) -> Option<Hits> {
    // Where nothing tells the sides apart, what is between them cannot be seen.
    let sides = |side| signature.recognise.iter().any(|sight| sight.side == Some(side) && !sight.absent);
    if sides(Side::Front) && sides(Side::Behind) && views.iter().all(|view| view.side.is_none()) {
        return None;
    }
    let sights = &signature.recognise;
    let constant = sights.iter().map(|s| s.patterns().all(|(_, node)| resolve::variables(node).is_empty())).collect();
    let mut search = Search {
        sights,
        views,
        marked,
        known: vec![vec![None; views.len()]; sights.len()],
        constant,
        tries: MOST_TRIES,
    };
    let mut positions = vec![None; sights.len()];
    let bound = search.from(0, 0, None, &Bound::default(), &mut positions)?;
    Some(Hits { positions, bound })
}

struct Search<'a> {
    sights: &'a [Sight],
    views: &'a [View],
    /// What the last exchange of the signature may not be.
    marked: &'a [bool],
    /// For patterns without variables, what is known of each exchange.
    known: Vec<Vec<Option<bool>>>,
    constant: Vec<bool>,
    tries: usize,
}

impl Search<'_> {
    /// Finds what is left of the signature from an exchange on. `front` is the last exchange in front of the target.
    fn from(
        &mut self,
        sight: usize,
        start: usize,
        front: Option<usize>,
        bound: &Bound,
        positions: &mut Vec<Option<usize>>,
    ) -> Option<Bound> {
        let next = (sight..self.sights.len()).find(|at| !self.sights[*at].absent);
        let absent = sight..next.unwrap_or(self.sights.len());
        for at in start..self.views.len() {
            if let Some(next) = next
                && !(self.is_last(next) && self.marked.get(at) == Some(&true))
                && self.takes(next, at, front, bound)
            {
                let further = self.bind(next, at, bound);
                let is_front = self.views[at].side != Some(Side::Behind);
                let front = if is_front { Some(at) } else { front };
                if let Some(further) = further
                    && let Some(whole) = self.from(next + 1, at + 1, front, &further, positions)
                {
                    positions[next] = Some(at);
                    return Some(whole);
                }
            }
            if absent.clone().any(|sight| self.takes(sight, at, front, bound)) {
                return None;
            }
            if self.tries == 0 {
                return None;
            }
        }
        next.is_none().then(|| bound.clone())
    }

    /// Whether it is the last of those that must be there.
    fn is_last(&self, sight: usize) -> bool {
        self.sights[sight + 1..].iter().all(|sight| sight.absent)
    }

    /// Whether the exchange is as the signature says, and where it says.
    fn takes(&mut self, sight: usize, at: usize, front: Option<usize>, bound: &Bound) -> bool {
        let (wanted, view) = (&self.sights[sight], &self.views[at]);
        if let (Some(wanted), Some(side)) = (wanted.side, view.side)
            && wanted != side
        {
            return false;
        }
        // What was asked behind the target belongs to what it was asked in front.
        if wanted.side == Some(Side::Behind)
            && let (Some(front), Some(cause)) = (front, view.cause)
            && front != cause
        {
            return false;
        }
        if let Some(known) = self.known[sight][at] {
            return known;
        }
        if self.tries == 0 {
            return false;
        }
        self.tries -= 1;
        let is_match = is_like(wanted, view, bound);
        if self.constant[sight] {
            self.known[sight][at] = Some(is_match);
        }
        is_match
    }

    /// What is known once the exchange is taken; `None` if what is to be captured is not there.
    fn bind(&self, sight: usize, at: usize, bound: &Bound) -> Option<Bound> {
        let mut further = bound.clone();
        for (name, capture) in &self.sights[sight].capture {
            let value = jsonpath::capture(&capture.path.name, &self.views[at].whole).ok()?;
            let value = match &capture.regex {
                Some(regex) => jsonpath::part(&regex.name, &value).ok()?,
                None => value,
            };
            further.0.push((name.name.clone(), value));
        }
        Some(further)
    }
}

fn is_like(sight: &Sight, view: &View, bound: &Bound) -> bool {
    let elapsed = std::time::Duration::try_from_secs_f64(view.elapsed_ms / 1000.0).unwrap_or_default();
    if sight.within.is_some_and(|within| elapsed > within) || sight.after.is_some_and(|after| elapsed < after) {
        return false;
    }
    // Nothing is absent from an answer that is not there.
    if !sight.response.is_empty() && !view.has_response() {
        return false;
    }
    let holds = |pattern: &Node, value: Option<&Value>| {
        resolve::resolved(pattern, bound).is_ok_and(|pattern| matching::matches(&pattern, value, "").is_empty())
    };
    sight.request.iter().all(|(key, pattern)| holds(pattern, view.member("request", &key.name)))
        && sight.response.iter().all(|(key, pattern)| {
            let value = view.member("response", &key.name);
            if key.name == "$sse" { holds(&as_matcher(key, pattern), value) } else { holds(pattern, value) }
        })
        && sight.failure.as_ref().is_none_or(|pattern| holds(pattern, view.failure.as_ref()))
}

/// `$sse` is a member of the response and the matcher for it.
fn as_matcher(key: &Key, pattern: &Node) -> Node {
    Node { value: NodeValue::Object(vec![(key.clone(), pattern.clone())]), span: pattern.span }
}
