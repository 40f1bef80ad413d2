//! A message and its headers, as the version wants them.

use gauntlet_format::{Version, scenario::Lifecycle};
use serde_json::{Map, Value, json};

use super::super::{ACCEPT, HeaderChanges, add_stateless_meta, name_header_value, named_parameter, user_agent};
use crate::auth::Credential;
use crate::transport::Request;
use crate::transport::alteration::Alteration;

use super::{Call, Link, Opened, Session};

impl Session {
    /// The message of a call; the parameters go into it.
    pub(super) fn message(&self, call: &Call<'_>, id: Option<&Value>, mut params: Option<Value>) -> Value {
        let mut message = Map::with_capacity(4);
        message.insert("jsonrpc".to_owned(), "2.0".into());
        if let Some(id) = id {
            message.insert("id".to_owned(), id.clone());
        }
        message.insert("method".to_owned(), call.method.into());
        if let (Lifecycle::Auto, Some(version)) = (self.spec.lifecycle, self.spec.version)
            && !version.is_stateful()
            && !call.is_notification
            && let Value::Object(object) = params.get_or_insert_with(|| json!({}))
        {
            add_stateless_meta(object, version, &self.spec.capabilities);
        }
        if let Some(params) = params {
            message.insert("params".to_owned(), params);
        }
        for (name, value) in self.spec.envelope.iter().chain(call.envelope.iter().flatten()) {
            if value.is_null() {
                message.shift_remove(name);
            } else {
                message.insert(name.clone(), value.clone());
            }
        }
        Value::Object(message)
    }

    /// Headers of a POSTed message before the step's changes.
    pub(super) fn message_headers(&self, message: &Value, opened: Option<&Opened>) -> Vec<(String, String)> {
        if matches!(self.link, Link::Stdio { .. }) {
            return Vec::new();
        }
        let mut headers =
            vec![("accept".to_owned(), ACCEPT.to_owned()), ("content-type".to_owned(), "application/json".to_owned())];
        self.add_own_headers(&mut headers);
        if self.spec.lifecycle == Lifecycle::Auto {
            self.add_version_headers(&mut headers, message, opened);
        }
        headers
    }

    pub(super) fn add_own_headers(&self, headers: &mut Vec<(String, String)>) {
        headers.push(("user-agent".to_owned(), user_agent().to_owned()));
        for (name, value) in &self.spec.headers {
            headers.retain(|(n, _)| n != name);
            headers.push((name.clone(), value.clone()));
        }
    }

    pub(super) fn add_version_headers(
        &self,
        headers: &mut Vec<(String, String)>,
        message: &Value,
        opened: Option<&Opened>,
    ) {
        let Some(version) = self.spec.version else { return };
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        if version.is_stateful() {
            // Before `initialize` is answered nothing is negotiated yet.
            let Some(opened) = opened else { return };
            if version >= Version::V2025_06_18 {
                add("mcp-protocol-version", opened.version.clone().unwrap_or_else(|| version.to_string()));
            }
            if let Some(id) = &opened.session_id {
                add("mcp-session-id", id.clone());
            }
            return;
        }
        add("mcp-protocol-version", version.to_string());
        if let Some(method) = message.get("method").and_then(Value::as_str) {
            add("mcp-method", method.to_owned());
            let name = named_parameter(method).and_then(|p| message.get("params")?.get(p)?.as_str());
            if let Some(name) = name {
                add("mcp-name", name_header_value(name));
            }
        }
    }

    pub(super) fn request(
        &self,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        credential: &Credential,
        changes: &HeaderChanges,
        alteration: Option<&Alteration>,
    ) -> Result<Request, String> {
        match &self.link {
            Link::Http { endpoint, .. } => {
                let mut request =
                    Request { method: "POST".to_owned(), url: endpoint.as_str().to_owned(), headers, body };
                authenticate(&mut request, credential, changes, alteration)?;
                Ok(request)
            }
            Link::Stdio { command, .. } => {
                let mut request =
                    Request { method: "stdin".to_owned(), url: command.to_string(), headers: Vec::new(), body };
                if let Some(alteration) = alteration {
                    alteration.after_credentials(&mut request);
                }
                Ok(request)
            }
        }
    }
}

/// Puts the credentials on the request, and alters it before that and after that.
pub(super) fn authenticate(
    request: &mut Request,
    credential: &Credential,
    changes: &HeaderChanges,
    alteration: Option<&Alteration>,
) -> Result<(), String> {
    if let Some(alteration) = alteration {
        alteration.before_credentials(request);
    }
    if credential.header_names().iter().all(|name| changes.keeps(name)) {
        credential.apply(request)?;
    }
    if let Some(alteration) = alteration {
        alteration.after_credentials(request);
    }
    Ok(())
}
