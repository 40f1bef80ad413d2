//! What stands in an entry in the place of secrets, and other names for it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::names::{PREFIX, is_name, placeholder, standing_for};
use super::search::{Edit, applied, moved};
use crate::repro::recording::{Entry, Payload};

/// The names of the secrets that were taken out of an entry.
pub(crate) fn names_in(entry: &Entry, into: &mut BTreeSet<String>) {
    let request = &entry.request;
    let response = entry.response.iter();
    let headers = request.headers.iter().chain(response.clone().flat_map(|response| &response.headers));
    let texts = headers.map(|(_, value)| value).chain([&request.url]).chain(&entry.failure).chain(&entry.session);
    let bodies = response.map(|response| &response.body).chain([&request.body]).filter_map(Payload::text);
    for text in texts.map(String::as_str).chain(bodies) {
        into.extend(standing(text).map(|(_, name, _)| name.to_owned()));
    }
}

/// Other names that secrets of a second recording get where the first one has them already: `authorization` becomes
/// `authorization-runtime` of an upstream `runtime`. What has the same name in both need not be the same secret.
pub(crate) fn told_apart(
    first: &BTreeSet<String>,
    second: &BTreeSet<String>,
    upstream: &str,
) -> BTreeMap<String, String> {
    let suffix: String =
        upstream.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    for name in first.intersection(second) {
        let candidate = |number: usize| {
            let end = if number == 1 { format!("-{suffix}") } else { format!("-{suffix}-{number}") };
            let room = (1..=name.len()).rev().map(|length| format!("{}{end}", &name[..length]));
            room.into_iter().find(|name| is_name(name)).unwrap_or_else(|| format!("behind-{number}"))
        };
        let is_free = |name: &String| {
            !first.contains(name) && !second.contains(name) && !given.values().any(|other| other == name)
        };
        if let Some(free) = (1..).map(candidate).find(is_free) {
            given.insert(name.clone(), free);
        }
    }
    given
}

/// Gives secrets other names, wherever they stand.
pub(crate) fn rename(entry: &mut Entry, names: &BTreeMap<String, String>) {
    let Entry { request, response, failure, session, .. } = entry;
    let headers = request.headers.iter_mut();
    let headers = headers.chain(response.iter_mut().flat_map(|response| response.headers.iter_mut()));
    let texts = headers.map(|(_, value)| value).chain([&mut request.url]).chain(failure).chain(session);
    for text in texts {
        let edits = edits(text, names);
        if !edits.is_empty() {
            *text = applied(text, &edits);
        }
    }
    body(&mut request.body, names);
    if let Some(response) = response {
        let edits = body(&mut response.body, names);
        moved(&mut response.arrivals, &edits);
    }
}

fn body(body: &mut Payload, names: &BTreeMap<String, String>) -> Vec<Edit> {
    let edits = body.text().map(|text| edits(text, names)).unwrap_or_default();
    if let Some(text) = body.text().filter(|_| !edits.is_empty()) {
        body.bytes = Bytes::from(applied(text, &edits));
    }
    edits
}

fn edits(text: &str, names: &BTreeMap<String, String>) -> Vec<Edit> {
    let renamed = standing(text)
        .filter_map(|(at, name, length)| Some(Edit { range: at..at + length, with: standing_for(names.get(name)?) }));
    renamed.collect()
}

/// Where something stands for a secret: position, name and length.
fn standing(text: &str) -> impl Iterator<Item = (usize, &str, usize)> {
    text.match_indices(PREFIX).filter_map(|(at, _)| placeholder(&text[at..]).map(|(name, length)| (at, name, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_name_that_is_taken_becomes_another() {
        let told = |first: &[&str], second: &[&str], upstream: &str| -> Vec<(String, String)> {
            told_apart(&set(first), &set(second), upstream).into_iter().collect()
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(told(&["a", "b"], &["b", "c"], "runtime"), [pair("b", "b-runtime")]);
        assert_eq!(told(&["a", "a-x-y"], &["a", "a-x-y-2"], "X.y"), [pair("a", "a-x-y-3")]);
        let long = "a".repeat(64);
        let found = told(&[&long], &[&long], "runtime");
        assert!(found[0].1.ends_with("a-runtime") && is_name(&found[0].1), "{found:?}");
        let found = told(&["a", "b"], &["a", "b"], &"u".repeat(64));
        assert_eq!(found, [pair("a", "behind-1"), pair("b", "behind-2")]);
    }
}
