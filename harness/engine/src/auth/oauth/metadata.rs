//! Documents and challenges, as found, and what may be read from them.

use gauntlet_format::matching::challenge;
use serde_json::{Value, json};
use url::Url;

use super::problem::{Problem, Who, quote};
use crate::transport::Reply;

/// Scopes that are taken from one list; a longer one is cut.
const MOST_SCOPES: usize = 100;

/// scope-token of RFC 6749 §3.3, of a length that fits in a URL.
pub(crate) fn is_scope_token(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 256
        && text.bytes().all(|b| b == 0x21 || (0x23..=0x5b).contains(&b) || (0x5d..=0x7e).contains(&b))
}

/// The scopes of a `scope` value; what is none is left out.
pub(crate) fn split_scopes(text: &str) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| is_scope_token(word)) {
        if scopes.len() < MOST_SCOPES && !scopes.iter().any(|s| s == word) {
            scopes.push(word.to_owned());
        }
    }
    scopes
}

/// The challenge of a 401 or 403 that speaks of tokens (RFC 6750 §3, RFC 9728 §5.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct BearerChallenge {
    /// The scheme as it was sent, usually `Bearer`.
    pub scheme: String,
    /// Every parameter, names in lower case.
    pub params: Vec<(String, String)>,
}

impl BearerChallenge {
    /// The one among the answer's challenges that matters: the first `Bearer`, else the first with
    /// `resource_metadata`. What does not parse becomes warnings.
    pub(crate) fn of_reply(reply: &Reply, exchange: Option<usize>) -> (Option<Self>, Vec<Problem>) {
        let mut warnings = Vec::new();
        let mut all = Vec::new();
        for (_, line) in reply.headers.iter().filter(|(name, _)| name == "www-authenticate") {
            match challenge::parse(line) {
                Ok(challenges) => all.extend(challenges),
                Err(error) => {
                    let message =
                        format!("`WWW-Authenticate: {}` does not parse: {error}", quote(line).trim_matches('`'));
                    let mut problem = Problem::new("challenge-malformed", Who::Server, message);
                    problem.exchange = exchange;
                    warnings.push(problem);
                }
            }
        }
        let bearer = all.iter().position(|c| c.scheme.eq_ignore_ascii_case("bearer"));
        let place = bearer.or_else(|| all.iter().position(|c| c.params.iter().any(|(n, _)| n == "resource_metadata")));
        let found = place.map(|at| all.swap_remove(at)).map(|c| Self { scheme: c.scheme, params: c.params });
        (found, warnings)
    }

    /// A parameter (name in lower case).
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The scopes it asks for, if it names any.
    pub(crate) fn scopes(&self) -> Option<Vec<String>> {
        self.param("scope").map(split_scopes).filter(|scopes| !scopes.is_empty())
    }
}

/// Protected resource metadata (RFC 9728 §2), checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResourceMetadata {
    /// The document.
    pub document: Value,
    /// `resource`.
    pub resource: String,
    /// `authorization_servers`; not empty.
    pub authorization_servers: Vec<String>,
}

impl ResourceMetadata {
    /// `scopes_supported`, if it is a list.
    pub(crate) fn scopes(&self) -> Option<Vec<String>> {
        strings(&self.document, "scopes_supported").map(|list| split_scopes(&list.join(" ")))
    }
}

/// Authorization server metadata (RFC 8414 §2, OpenID Connect Discovery §3), checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServerMetadata {
    /// The document; made up where version 2025-03-26 has default endpoints.
    pub document: Value,
    /// Where a browser is sent.
    pub authorization_endpoint: Option<Url>,
    /// Where tokens come from.
    pub token_endpoint: Option<Url>,
    /// Where clients register (RFC 7591).
    pub registration_endpoint: Option<Url>,
    /// Where tokens are given back (RFC 7009).
    pub revocation_endpoint: Option<Url>,
}

impl ServerMetadata {
    /// The endpoints that version 2025-03-26 assumes where there is no metadata.
    pub(crate) fn defaults(base: &Url) -> Self {
        let at = |path: &str| base.join(path).ok();
        let document = json!({
            "issuer": base.origin().ascii_serialization(),
            "authorization_endpoint": at("/authorize").map(String::from),
            "token_endpoint": at("/token").map(String::from),
            "registration_endpoint": at("/register").map(String::from),
        });
        Self {
            document,
            authorization_endpoint: at("/authorize"),
            token_endpoint: at("/token"),
            registration_endpoint: at("/register"),
            revocation_endpoint: None,
        }
    }

    /// A list of strings; `None` if it is absent.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        strings(&self.document, name)
    }

    /// Whether a member is `true`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.document.get(name) == Some(&Value::Bool(true))
    }

    /// Whether a list is there and has the entry.
    pub(crate) fn lists(&self, name: &str, entry: &str) -> bool {
        self.list(name).is_some_and(|list| list.iter().any(|item| item == entry))
    }
}

/// The strings of a list; `None` if the member is not a list.
pub(super) fn strings(document: &Value, name: &str) -> Option<Vec<String>> {
    let items = document.get(name)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
