//! The addresses of the recorded servers in texts.

use std::borrow::Cow;

use url::Url;

use super::recording::{Recording, Transport};

/// Scheme, host and port of every server of a recording.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    known: Vec<String>,
}

impl Origins {
    /// Those of a recording.
    pub(crate) fn of(recording: &Recording) -> Self {
        let mut known = Vec::new();
        for entry in recording.entries.iter().filter(|entry| entry.transport == Transport::Http) {
            let Some(origin) = origin_of(&entry.request.url) else { continue };
            if !known.contains(&origin) {
                known.push(origin);
            }
        }
        Self::new(known)
    }

    /// Just these.
    pub(crate) fn new(mut known: Vec<String>) -> Self {
        known.retain(|origin| !origin.is_empty());
        known.sort_by_key(|origin| std::cmp::Reverse(origin.len()));
        Self { known }
    }

    /// Whether one of them is at this host and port.
    pub(crate) fn has_host(&self, host: &str) -> bool {
        self.known
            .iter()
            .any(|origin| origin.split_once("://").is_some_and(|(_, known)| known.eq_ignore_ascii_case(host)))
    }

    /// The text with `by` in their place. What only begins like one of them stays.
    pub(crate) fn replace<'t>(&self, text: &'t str, by: &str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for origin in &self.known {
            if text.contains(origin.as_str()) {
                text = Cow::Owned(replace_one(&text, origin, by));
            }
        }
        text
    }
}

fn replace_one(text: &str, origin: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(origin) {
        let after = &rest[at + origin.len()..];
        let port = || after.strip_prefix(':').is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()));
        let ends = !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '@')) && !port();
        out.push_str(&rest[..at]);
        out.push_str(if ends { by } else { origin });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Scheme, host and port as they stand in texts: a default port is left out.
pub(crate) fn origin_of(url: &str) -> Option<String> {
    let origin = Url::parse(url).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_origins_are_replaced() {
        let origins = Origins::new(vec!["https://a.example".to_owned(), "http://127.0.0.1:80".to_owned()]);
        let said = origins.replace(
            "https://a.example/x https://a.example.evil/ https://a.example:8443/ \"https://a.example\" http://127.0.0.1:8080/",
            "http://here",
        );
        assert_eq!(
            said,
            "http://here/x https://a.example.evil/ https://a.example:8443/ \"http://here\" http://127.0.0.1:8080/"
        );
        assert!(matches!(origins.replace("nothing", "x"), Cow::Borrowed(_)));
        assert!(origins.has_host("A.example") && !origins.has_host("b.example"));
    }
}
