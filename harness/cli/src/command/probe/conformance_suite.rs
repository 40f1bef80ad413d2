//! `--conformance-suite`: what the official suite tells the client under test, by environment variables
//! (`@modelcontextprotocol/conformance`, command `client`).

use gauntlet_format::Version;
use serde_json::{Map, Value, json};

/// Name of the scenario.
const SCENARIO: &str = "MCP_CONFORMANCE_SCENARIO";

/// JSON with what the client has been given beforehand, such as credentials; absent in most scenarios.
const CONTEXT: &str = "MCP_CONFORMANCE_CONTEXT";

/// The version to speak.
const VERSION: &str = "MCP_CONFORMANCE_PROTOCOL_VERSION";

/// The one Client ID Metadata Document that the suite takes for the client's own.
const METADATA_DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";

/// Scenarios in which the client itself is let in.
const CLIENT_CREDENTIALS: &str = "auth/client-credentials-";

/// What the suite wants.
#[derive(Debug)]
pub(super) struct Wanted {
    /// `auth` of the target.
    pub auth: Value,
    /// The version to speak, unless the server is of an older kind.
    pub newest: Version,
}

/// Reads the variables.
///
/// # Errors
/// One sentence that names the variable which is wrong.
pub(super) fn wanted(variable: impl Fn(&str) -> Option<String>) -> Result<Wanted, String> {
    let scenario = variable(SCENARIO).ok_or_else(|| {
        format!("`--conformance-suite` is for the suite's `client` command, which sets {SCENARIO}; it is not set")
    })?;
    let newest = match variable(VERSION) {
        Some(text) => text.parse().map_err(|why| format!("{VERSION}: {why}"))?,
        None => Version::V2025_11_25,
    };
    let context: Map<String, Value> = match variable(CONTEXT) {
        Some(text) => serde_json::from_str(&text).map_err(|why| format!("{CONTEXT} is not a JSON object: {why}"))?,
        None => Map::new(),
    };
    let mut oauth = Map::new();
    oauth.insert("client_metadata_url".to_owned(), METADATA_DOCUMENT.into());
    let members = [
        ("client_id", "client_id"),
        ("client_secret", "client_secret"),
        ("issuer", "issuer"),
        ("private_key_pem", "private_key"),
        ("signing_algorithm", "key_alg"),
    ];
    for (theirs, ours) in members {
        if let Some(text) = context.get(theirs).and_then(Value::as_str) {
            // Nothing in it is a variable of ours.
            oauth.insert(ours.to_owned(), text.replace("${", "$${").into());
        }
    }
    if scenario.starts_with(CLIENT_CREDENTIALS) {
        oauth.insert("grant".to_owned(), "client_credentials".into());
    }
    Ok(Wanted { auth: json!({ "oauth": oauth }), newest })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Wanted, String> {
        wanted(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_context_becomes_settings() {
        let context = r#"{"client_id": "me", "client_secret": "a${b}", "issuer": "http://i", "private_key_pem": "k",
            "signing_algorithm": "ES256", "name": "x"}"#;
        let variables = [(SCENARIO, "auth/pre-registration"), (CONTEXT, context), (VERSION, "2026-07-28")];
        let wanted = read(&variables).unwrap();
        assert_eq!(wanted.newest, Version::V2026_07_28);
        let expected = json!({ "client_metadata_url": METADATA_DOCUMENT, "client_id": "me", "client_secret": "a$${b}",
            "issuer": "http://i", "private_key": "k", "key_alg": "ES256" });
        assert_eq!(wanted.auth, json!({ "oauth": expected }));
    }

    #[test]
    fn the_grant_follows_from_the_scenario() {
        let wanted = read(&[(SCENARIO, "auth/client-credentials-jwt")]).unwrap();
        assert_eq!(wanted.auth["oauth"]["grant"], "client_credentials");
        assert_eq!(wanted.newest, Version::V2025_11_25);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(read(&[]).unwrap_err().contains(SCENARIO));
        let scenario = (SCENARIO, "auth/metadata-default");
        assert!(read(&[scenario, (CONTEXT, "[]")]).unwrap_err().contains(CONTEXT));
        assert!(read(&[scenario, (VERSION, "yesterday")]).unwrap_err().contains(VERSION));
    }
}
