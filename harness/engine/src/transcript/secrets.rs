//! What must never be shown, collected where it enters.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gauntlet_reports::Redactor;
use serde_json::Value;

/// Secrets known so far, with the label that stands in for each.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    known: Arc<Mutex<Vec<(String, String)>>>,
}

impl Secrets {
    /// Remembers a secret; `label` is what is shown instead, as `${label}`. Of a signed token its claims and its signature
    /// are secrets of their own: a peer may tell them apart from each other.
    pub fn add(&self, label: &str, value: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = token_parts(value).into_iter().flatten();
        for secret in std::iter::once(value).chain(parts) {
            if !secret.is_empty() && !known.iter().any(|(_, v)| v == secret) {
                known.push((label.to_owned(), secret.to_owned()));
            }
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

/// Claims and signature of a JWT in compact form (RFC 7515 section 7.1), as encoded; none of anything else.
pub(crate) fn token_parts(value: &str) -> Option<[&str; 2]> {
    let mut parts = value.split('.');
    let [header, claims, signature] = [parts.next()?, parts.next()?, parts.next()?];
    if parts.next().is_some() {
        return None;
    }
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    header.get("alg").is_some().then_some([claims, signature])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_signed_token_are_secret_alone() {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let (header, claims) = (part(r#"{"alg":"ES256"}"#), part(r#"{"sub":"alice"}"#));
        let secrets = Secrets::default();
        secrets.add("token", &format!("{header}.{claims}.c2lnbmF0dXJl"));
        let redactor = secrets.redactor();
        assert_eq!(redactor.redact(&format!("x {header}.{claims}.c2lnbmF0dXJl y")), "x ${token} y");
        assert_eq!(
            redactor.redact(&format!("{claims} {header} c2lnbmF0dXJl")),
            format!("${{token}} {header} ${{token}}")
        );
    }

    #[test]
    fn names_with_dots_have_no_parts() {
        let secrets = Secrets::default();
        secrets.add("password", "www.example.com");
        assert_eq!(secrets.redactor().redact("example www.example.com"), "example ${password}");
    }
}
