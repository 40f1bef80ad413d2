//! The YAML form of a requirement catalogue. The build script includes this file too, so it stands alone.

use std::collections::HashSet;

use serde::Deserialize;

/// How binding a requirement is (RFC 2119).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum Level {
    /// Broken: `fail`.
    #[serde(rename = "MUST")]
    Must,
    /// Broken: `fail`.
    #[serde(rename = "MUST NOT")]
    MustNot,
    /// Broken: `warn`.
    #[serde(rename = "SHOULD")]
    Should,
    /// Broken: `warn`.
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
    /// Allowed; nothing is broken without it.
    #[serde(rename = "MAY")]
    May,
}

/// The party that a requirement binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The server, or the server's face of a gateway.
    Server,
    /// The client, or the client's face of a gateway.
    Client,
    /// The OAuth authorization server.
    AuthorizationServer,
    /// What stands in between.
    Proxy,
}

/// The transport that a requirement belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum RequirementTransport {
    /// All of them.
    #[serde(rename = "any")]
    Any,
    /// Streamable HTTP.
    #[serde(rename = "streamable-http")]
    StreamableHttp,
    /// Standard input and output.
    #[serde(rename = "stdio")]
    Stdio,
    /// HTTP+SSE with two endpoints (2024-11-05).
    #[serde(rename = "http+sse")]
    HttpSse,
    /// OAuth endpoints and challenges.
    #[serde(rename = "http-auth")]
    HttpAuth,
}

/// How we know of behaviour that no specification states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// Seen on the real service.
    Live,
    /// Seen by running a program against a stand-in.
    Measured,
    /// The vendor's documentation.
    Documented,
    /// What any intermediary owes both sides, by our reading.
    Derived,
    /// Nobody has shown it; a mock can be switched.
    Assumed,
}

/// One entry as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) level: Level,
    pub(super) subject: Subject,
    #[serde(default)]
    pub(super) since: Option<String>,
    #[serde(default)]
    pub(super) until: Option<String>,
    pub(super) theme: String,
    pub(super) transport: RequirementTransport,
    #[serde(default)]
    pub(super) spec: Option<String>,
    #[serde(default)]
    pub(super) source: Option<String>,
    #[serde(default)]
    pub(super) evidence: Option<Evidence>,
    pub(super) statement: String,
    pub(super) observe: String,
    #[serde(default)]
    pub(super) note: Option<String>,
    #[serde(default)]
    pub(super) untestable: Option<String>,
    /// Kept in the file for its readers.
    #[serde(default, rename = "basis")]
    _basis: Option<String>,
    /// Kept in the file for its readers.
    #[serde(default, rename = "see_also")]
    _see_also: Vec<String>,
    #[serde(default)]
    pub(super) conformance: Vec<String>,
}

/// Reads and checks a catalogue.
///
/// # Errors
/// What is wrong, with line and column where YAML itself is, else with the id.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let entries: Vec<Entry> = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
    let mut seen = HashSet::new();
    for entry in &entries {
        let id = &entry.id;
        if !is_slug(id) {
            return Err(format!(
                "`{id}` is not a requirement id: words of a-z and 0-9, joined by single dots or hyphens"
            ));
        }
        if !seen.insert(id) {
            return Err(format!("`{id}` stands twice"));
        }
        if entry.spec.is_some() == entry.source.is_some() {
            return Err(format!("`{id}` needs either `spec` (a page of the specification) or `source`"));
        }
        if entry.spec.as_ref().is_some_and(|s| !s.starts_with('/')) {
            return Err(format!("`spec` of `{id}` is a path on modelcontextprotocol.io and begins with `/`"));
        }
        if entry.spec.is_some() && entry.since.is_none() {
            return Err(format!("`{id}` comes from the specification and needs `since`"));
        }
        if entry.source.is_some() && entry.evidence.is_none() {
            return Err(format!("`{id}` has a `source` and needs `evidence`"));
        }
        if entry.since.is_none() && entry.until.is_some() {
            return Err(format!("`{id}` has `until` without `since`"));
        }
    }
    Ok(entries)
}

fn is_slug(id: &str) -> bool {
    id.split(['.', '-'])
        .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}
