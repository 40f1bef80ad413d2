//! Tool calls: which profile signs, what goes upstream, and how a failure is told.

use serde_json::{Map, Value, json};

use super::client::{Asked, Client, Outlet, lock, rpc};
use super::config::CallErrors;
use super::defects::ProxyDefect;
use super::proxy::Proxy;
use super::switching::Choice;
use super::upstream::Failure;

const INVALID_PARAMS: i64 = -32602;

impl Proxy {
    /// The result of tools/call.
    pub(super) async fn call(&self, client: &Client, asked: &Asked, out: &Outlet) -> Result<Value, Failure> {
        let settled = self.settled();
        let mut params = asked.params.clone();
        let Some(tool) = params.get("name").and_then(Value::as_str).map(str::to_owned) else {
            return Err(rpc(INVALID_PARAMS, "name is missing"));
        };
        let mut none = Map::new();
        let choice = match params.get_mut("arguments") {
            None => self.choose(&settled, &tool, &mut none),
            Some(Value::Object(arguments)) => self.choose(&settled, &tool, arguments),
            Some(_) => return Err(rpc(INVALID_PARAMS, "arguments must be an object")),
        };
        let (profile, named) = match choice {
            Choice::Refused(why) if self.shows(ProxyDefect::RefusalAsProtocolError) => {
                return Err(rpc(INVALID_PARAMS, &why));
            }
            Choice::Refused(why) => return Ok(self.failed(asked, &tool, &why)),
            Choice::Named(profile) => (profile, true),
            Choice::Default if self.shows(ProxyDefect::ProfileSticks) => {
                let last = lock(&client.memory).last.as_ref().map(|(profile, _)| profile.clone());
                (last.unwrap_or_else(|| settled.default.clone()), false)
            }
            Choice::Default => (settled.default.clone(), false),
        };
        if settled.config.read_only
            && !self.shows(ProxyDefect::ReadOnlyNotEnforced)
            && !self.reads_only(client, asked, &tool, out).await?
        {
            return Ok(tool_error(asked, &format!("Tool '{tool}' is not available in read-only mode.")));
        }
        if profile != settled.default
            && settled.profile(&profile).is_none()
            && !self.shows(ProxyDefect::UnknownProfileAsDefault)
        {
            let why = format!(
                "Failed to create connection for profile '{profile}'. Check that the profile is configured and \
                 credentials are valid."
            );
            return Ok(self.failed(asked, &tool, &why));
        }
        if self.shows(ProxyDefect::ArgumentsAltered)
            && let Some(Value::Object(arguments)) = params.get_mut("arguments")
        {
            arguments
                .values_mut()
                .filter(|value| value.is_number())
                .for_each(|value| *value = json!(value.to_string()));
        }
        self.add_meta(&profile, &mut params);
        let connection = client.connection(self, &profile, named);
        let result = self.forward(client, &connection, asked, params, out).await;
        let result = match result {
            Ok(result) => Ok(self.altered(client, &profile, result)),
            Err(failure) => self.told(asked, &tool, &profile, failure),
        };
        if let Ok(result) = &result {
            lock(&client.memory).last = Some((profile, result.clone()));
        }
        result
    }

    /// A result as defects leave it.
    fn altered(&self, client: &Client, profile: &str, mut result: Value) -> Value {
        if self.shows(ProxyDefect::ResultsCrossed)
            && let Some((last_profile, last)) = &lock(&client.memory).last
            && last_profile != profile
        {
            return last.clone();
        }
        if self.shows(ProxyDefect::ToolErrorAsSuccess)
            && let Some(members) = result.as_object_mut()
        {
            members.shift_remove("isError");
        }
        result
    }

    /// A failure as a result with `isError`, unless it is to stay what it is.
    fn told(&self, asked: &Asked, tool: &str, profile: &str, failure: Failure) -> Result<Value, Failure> {
        if matches!(failure, Failure::Cancelled) {
            return Err(failure);
        }
        if self.shows(ProxyDefect::ErrorAsEmptySuccess) {
            return Ok(completed(asked, json!({ "content": [], "isError": false })));
        }
        if self.settled().config.call_errors == CallErrors::JsonRpc
            && matches!(failure, Failure::Rpc(_) | Failure::Http { error: Some(_), .. })
        {
            return Err(failure);
        }
        let mut text = match &failure {
            Failure::Http { status: 401 | 403, .. } => format!(
                "Tool call '{tool}' failed due to expired or invalid AWS credentials. Please refresh your credentials \
                 and retry. The proxy will automatically use the new credentials on the next request."
            ),
            Failure::Rpc(_) | Failure::Http { .. } if !matches!(failure, Failure::Http { status: 429, .. }) => {
                let why = failure.reason(&self.endpoint());
                return Ok(self.failed(asked, tool, &format!("Error calling tool '{tool}': {why}")));
            }
            _ => return Ok(self.failed(asked, tool, &failure.reason(&self.endpoint()))),
        };
        if self.shows(ProxyDefect::SecretInError) {
            let settled = self.settled();
            let secret = settled.profile(profile).and_then(|profile| profile.secret_access_key.clone());
            text.push_str(&format!(" (signed with {})", secret.unwrap_or_default()));
        }
        Ok(tool_error(asked, &text))
    }

    fn failed(&self, asked: &Asked, tool: &str, why: &str) -> Value {
        tool_error(asked, &format!("Tool call '{tool}' failed: {why}. Please retry."))
    }

    fn endpoint(&self) -> String {
        self.settled().endpoint.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

/// The result of a tool that failed.
fn tool_error(asked: &Asked, text: &str) -> Value {
    completed(asked, json!({ "content": [{ "type": "text", "text": text }], "isError": true }))
}

/// A result of the proxy's own, with what the version without handshake wants in each.
fn completed(asked: &Asked, mut result: Value) -> Value {
    if asked.modern {
        result["resultType"] = json!("complete");
    }
    result
}
