//! What clients sent and got last, for `${sent.…}` and `${answered.…}`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gauntlet_format::Dotted;
use gauntlet_format::resolve::Lookup;
use serde_json::Value;

use super::vars::Scope;
use super::view::{answered, sent};
use crate::lifecycle::{DEFAULT_CLIENT, Spoken};

/// The last exchange of each client and of each named step.
#[derive(Debug, Default)]
pub(crate) struct SpokenLog {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Spoken>,
    by_client: BTreeMap<String, Spoken>,
    by_step: BTreeMap<String, Spoken>,
}

impl SpokenLog {
    pub(crate) fn add(&self, client: Option<&str>, step: Option<&str>, spoken: &Spoken) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.by_client.insert(client.unwrap_or(DEFAULT_CLIENT).to_owned(), spoken.clone());
        if let Some(step) = step {
            state.by_step.insert(step.to_owned(), spoken.clone());
        }
        state.last = Some(spoken.clone());
    }

    /// `sent.…` or `answered.…` of the client, or of the one that spoke last; `None` when the name is neither.
    pub(super) fn lookup(&self, name: &str, client: Option<&str>) -> Option<Result<Value, String>> {
        let (root, rest) = name.split_once('.')?;
        let members = match root {
            "sent" => sent,
            "answered" => answered,
            _ => return None,
        };
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let own = match client {
            Some(client) => state.by_client.get(client),
            None => state.last.as_ref(),
        };
        let of = |spoken: &Spoken, path: &str| Dotted::parse(path).ok()?.find(&members(spoken)).cloned();
        if let Some(found) = own.and_then(|spoken| of(spoken, rest)) {
            return Some(Ok(found));
        }
        // The longest name that fits: one may be the beginning of another.
        let steps = state.by_step.iter().rev();
        let mut named =
            steps.filter_map(|(step, spoken)| Some((spoken, rest.strip_prefix(step.as_str())?.strip_prefix('.')?)));
        Some(match (named.next(), own) {
            (Some((spoken, path)), _) => {
                of(spoken, path).ok_or_else(|| format!("the exchange of that step has no `{path}`"))
            }
            (None, Some(_)) => Err(format!("the last exchange has no `{rest}`, and no step of that name has run")),
            (None, None) => Err("no client has sent anything yet".to_owned()),
        })
    }
}

/// The variables as one client sees them: `${sent.…}` is what it sent itself.
pub(crate) struct Acting<'a> {
    pub scope: &'a Scope,
    /// `None`: the client that spoke last.
    pub client: Option<&'a str>,
}

impl Lookup for Acting<'_> {
    fn lookup(&self, name: &str) -> Result<Value, String> {
        match self.scope.spoken.lookup(name, self.client) {
            Some(found) if self.client.is_some() && !self.scope.is_named(name) => found,
            _ => self.scope.lookup(name),
        }
    }
}
