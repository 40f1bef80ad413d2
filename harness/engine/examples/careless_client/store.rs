//! What stays between two runs.

use serde_json::{Value, json};

use super::options::Options;

/// Client and tokens, each bound to the authorization server that gave them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    pub issuer: String,
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
    pub access_token: Option<String>,
    pub refresh_token: Option<String>,
    pub token_endpoint: String,
    /// Scopes that were asked for so far.
    pub scopes: Vec<String>,
}

impl Stored {
    /// What is in the file; nothing if there is none.
    pub(crate) fn load(options: &Options) -> Self {
        let text = options.store.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        let value: Value = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let member = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let scopes = value.get("scopes").and_then(Value::as_array).into_iter().flatten();
        Self {
            issuer: member("issuer").unwrap_or_default(),
            client_id: member("client_id"),
            client_secret: member("client_secret"),
            access_token: member("access_token"),
            refresh_token: member("refresh_token"),
            token_endpoint: member("token_endpoint").unwrap_or_default(),
            scopes: scopes.filter_map(|s| s.as_str().map(str::to_owned)).collect(),
        }
    }

    /// Writes the file.
    pub(crate) fn save(&self, options: &Options) -> Result<(), String> {
        let Some(path) = &options.store else { return Ok(()) };
        let value = json!({
            "issuer": self.issuer, "client_id": self.client_id, "client_secret": self.client_secret,
            "access_token": self.access_token, "refresh_token": self.refresh_token,
            "token_endpoint": self.token_endpoint, "scopes": self.scopes,
        });
        std::fs::write(path, value.to_string()).map_err(|e| format!("cannot write {}: {e}", path.display()))
    }
}
