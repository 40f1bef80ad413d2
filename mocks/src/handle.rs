//! A running mock.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::control::{Command, ControlError, Controller};
use crate::front::{Entrance, Front};
use crate::journal::Journal;

/// What a mock knows of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct SelfDescription {
    /// Path of the MCP endpoint on the origin.
    pub(crate) path: String,
    pub(crate) vars: Map<String, Value>,
    pub(crate) secrets: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) envelope: Option<Map<String, Value>>,
    pub(crate) bearer: Option<String>,
    /// As in `auth: { sigv4: … }`.
    pub(crate) sigv4: Option<Map<String, Value>>,
    pub(crate) fixtures: Map<String, Value>,
}

/// A running mock. Dropping it stops everything it started.
pub struct MockHandle {
    front: Front,
    origin: String,
    url: String,
    description: SelfDescription,
    controller: Arc<dyn Controller>,
}

impl std::fmt::Debug for MockHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MockHandle").field("url", &self.url).finish_non_exhaustive()
    }
}

impl MockHandle {
    pub(crate) fn new(front: Front, description: SelfDescription, controller: Arc<dyn Controller>) -> Self {
        let origin = front.origin();
        let url = format!("{origin}{}", description.path);
        Self { front, origin, url, description, controller }
    }

    /// The MCP endpoint: `http://127.0.0.1:41873/mcp`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Scheme, host and port, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A way in for who brings connections of others, such as a proxy.
    #[must_use]
    pub fn entrance(&self) -> Entrance {
        self.front.entrance()
    }

    /// What a scenario may use as `${target.NAME}`: tokens, identifiers.
    #[must_use]
    pub fn vars(&self) -> &Map<String, Value> {
        &self.description.vars
    }

    /// Values that must never be shown, those made since the start included.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.description.secrets.clone();
        secrets.extend(self.controller.minted_secrets());
        secrets
    }

    /// Headers that a conforming client of this system sends with every request, credentials apart.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.description.headers
    }

    /// Members that a conforming client puts beside the JSON-RPC ones.
    #[must_use]
    pub fn envelope(&self) -> Option<&Map<String, Value>> {
        self.description.envelope.as_ref()
    }

    /// The bearer token of a conforming client.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.description.bearer.as_deref()
    }

    /// What a conforming client signs with (AWS Signature Version 4): `service`, `region`, `access_key_id`, `secret_access_key` and
    /// `session_token`, which is null for a long-term key.
    #[must_use]
    pub fn sigv4(&self) -> Option<&Map<String, Value>> {
        self.description.sigv4.as_ref()
    }

    /// What a scenario may rely on: `tool` is a harmless tool with its arguments.
    #[must_use]
    pub fn fixtures(&self) -> &Map<String, Value> {
        &self.description.fixtures
    }

    /// The record of what arrived.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        self.front.journal()
    }

    /// Carries out a command: `{ set: {…}, defects: [..], faults: [..], restart: true, advance: "1h" }`, in the order of its
    /// members. `set` puts members over the configuration in force; `defects` and `faults` replace those in force.
    ///
    /// # Errors
    ///
    /// A member is unknown or its value is wrong. What the mock itself refuses comes after what stands before it was carried out.
    pub async fn control(&self, command: &Value) -> Result<(), ControlError> {
        for command in Command::read_all(command)? {
            if let Command::Faults(faults) = &command {
                self.front.set_faults(faults.clone());
            }
            command.carry_out(&*self.controller)?;
            if let Command::Restart = command {
                self.front.close_connections().await;
            }
        }
        Ok(())
    }

    /// Signs a token that a test is to present, such as one that has expired or whose signature is wrong. `spec` starts from the
    /// token that the default client would be given; see the mock's documentation for its members.
    ///
    /// # Errors
    /// The mock signs no tokens, or a member of `spec` is unknown or wrong.
    pub fn mint(&self, spec: &Value) -> Result<String, ControlError> {
        self.controller.mint(spec).map_err(|error| ControlError::within("mint", error))
    }
}
