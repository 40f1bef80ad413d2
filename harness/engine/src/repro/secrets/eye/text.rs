//! Texts that are no documents: what shows by its form, and what stands behind a name.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::Eye;
use crate::repro::secrets::names::folded;
use crate::repro::secrets::{Kind, shapes};

/// A name and a value as pieces of documents, forms, mark-up and logs have them: `"name": "value"`, escaped too and cut off,
/// `name=value`, `<name>value</name>`, a part of a form, `name: value`.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let forms = [
        r#"(?<n1>[A-Za-z0-9_.-]{2,64})\\*["']\s*:\s*\\*["'](?<v1>[^"'\\]+)"#,
        r#"(?<n2>[A-Za-z0-9_.-]{2,64})=\\*["']?(?<v2>[^\s"'\\&;,<>(){}]+)"#,
        r"<(?:[A-Za-z0-9]{1,32}:)?(?<n3>[A-Za-z0-9_]{2,64})>(?<v3>[^<\s]+)",
        r#"name="(?<n4>[A-Za-z0-9_.-]{2,64})"\r?\n(?:[^\r\n]+\r?\n)*\r?\n(?<v4>[^\r\n]+)"#,
        r#"(?<n5>[A-Za-z0-9_.-]{2,64}):[ \t]?(?<v5>[^\s"'\\&;,<>(){}]{8,})"#,
    ];
    Regex::new(&forms.join("|")).ok()
});

impl Eye<'_> {
    /// A text: what shows by its form, and what stands behind a name.
    pub(super) fn text(&mut self, text: &str) -> Option<String> {
        // Nothing shorter is a name and a value.
        if text.len() < 6 {
            return None;
        }
        let mut parts = shaped(text);
        self.pieces(text, &mut parts);
        self.replaced(text, parts)
    }

    /// A text: only what shows by its form.
    pub(super) fn shapes(&mut self, text: &str) -> Option<String> {
        self.replaced(text, shaped(text))
    }

    fn pieces(&self, text: &str, parts: &mut Vec<(Range<usize>, Kind, String)>) {
        let Some(regex) = NAMED.as_ref() else { return };
        let mut from = 0;
        while let Some(captures) = regex.captures_at(text, from) {
            let group = |prefix: &str| (1..=5).find_map(|i| Some((i, captures.name(&format!("{prefix}{i}"))?)));
            let (Some((form, name)), Some((_, value))) = (group("n"), group("v")) else { break };
            let is_bare = form == 2 || form == 5;
            let ended = value.as_str().trim_end_matches(['.', ':', '!', '?']).len();
            let range = if is_bare && ended > 0 { value.start()..value.start() + ended } else { value.range() };
            let is_redirect = || text.contains("state=") || text.contains("grant_type=");
            let is_code = form == 2 && folded(name.as_str()) == "code" && is_redirect();
            // In prose a colon stands behind many words.
            let is_told = form < 5 || shapes::reappears(value.as_str(), false) && has_both(value.as_str());
            let is_secret = is_code || self.finder.names.is_secret(name.as_str());
            let is_standing_in = text[value.start()..].starts_with("${");
            if is_secret && is_told && !is_standing_in && !is_scheme(value.as_str()) {
                let overlaps =
                    |(known, ..): &(Range<usize>, Kind, String)| known.start < value.end() && value.start() < known.end;
                if !parts.iter().any(overlaps) {
                    parts.push((range, Kind::Member, name.as_str().to_owned()));
                }
                from = value.end();
            } else {
                // What is no secret may begin with the name of one.
                from = name.end().max(from + 1);
            }
        }
    }
}

fn shaped(text: &str) -> Vec<(Range<usize>, Kind, String)> {
    shapes::of(text).into_iter().map(|shape| (shape.range, shape.kind, shape.name.to_owned())).collect()
}

fn has_both(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic())
}

fn is_scheme(text: &str) -> bool {
    ["bearer", "basic"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)))
        || text.starts_with(super::SIGNED)
}
