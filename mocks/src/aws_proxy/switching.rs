//! The argument that selects a profile: how tools are listed with it, and what a call says with it.

use serde_json::{Map, Value, json};

use super::config::Settled;
use super::defects::ProxyDefect;
use super::proxy::Proxy;

/// Which profile a call is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// Nothing was named.
    Default,
    /// This one, which may be named.
    Named(String),
    /// Why not.
    Refused(String),
}

impl Proxy {
    /// A tool as the client sees it.
    pub(super) fn listed(&self, settled: &Settled, tool: &mut Value) {
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        if !settled.switches() || !settled.switches_tool(name) || self.shows(ProxyDefect::ProfileNotAdvertised) {
            return;
        }
        let argument = settled.argument();
        let Some(schema) = tool.get_mut("inputSchema").and_then(Value::as_object_mut) else {
            return;
        };
        let properties = schema.entry("properties").or_insert_with(|| json!({}));
        let Some(properties) = properties.as_object_mut() else {
            return;
        };
        let replaced = properties.contains_key(argument) && !self.shows(ProxyDefect::OwnPropertyOverwritten);
        if replaced {
            tracing::warn!("a tool has a property {argument} of its own; the argument for profiles replaces it");
        }
        properties.insert(argument.to_owned(), self.argument_schema(settled, replaced));
        properties.sort_keys();
        if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| name != argument);
        }
        if self.shows(ProxyDefect::ArgumentRequired) {
            let required = schema.entry("required").or_insert_with(|| json!([]));
            if let Some(required) = required.as_array_mut() {
                required.push(json!(argument));
            }
        }
    }

    fn argument_schema(&self, settled: &Settled, replaced: bool) -> Value {
        let names: Vec<&str> = match self.shows(ProxyDefect::ListingNamesAllProfiles) {
            true => settled.profiles.iter().map(|(name, _)| name.as_str()).collect(),
            false => settled.allowed.iter().map(String::as_str).collect(),
        };
        let mut description =
            format!("AWS CLI profile to sign this request with. Available profiles: {}.", names.join(", "));
        if replaced {
            description.push_str(" Replaces the tool's own argument of this name.");
        }
        json!({ "type": "string", "description": description, "enum": names })
    }

    /// Takes the argument out of a call, where it is the proxy's.
    pub(super) fn choose(&self, settled: &Settled, tool: &str, arguments: &mut Map<String, Value>) -> Choice {
        let argument = settled.argument();
        if !settled.switches() {
            if self.shows(ProxyDefect::SingleProfileArgumentRemoved) {
                arguments.shift_remove(argument);
            }
            return Choice::Default;
        }
        if !settled.switches_tool(tool) {
            if !self.shows(ProxyDefect::ArgumentForwardedByOtherTools) {
                arguments.shift_remove(argument);
            }
            return Choice::Default;
        }
        let named = match self.shows(ProxyDefect::ProfileArgumentForwarded) {
            true => arguments.get(argument).cloned(),
            false => arguments.shift_remove(argument),
        };
        match named {
            None if self.shows(ProxyDefect::DefaultNeedsNaming) => {
                Choice::Refused(format!("Argument '{argument}' is missing"))
            }
            None => Choice::Default,
            Some(Value::Null) if self.shows(ProxyDefect::NullProfileAccepted) => Choice::Default,
            Some(Value::String(name)) if name.is_empty() && self.shows(ProxyDefect::EmptyProfileAccepted) => {
                Choice::Default
            }
            Some(Value::String(name)) if self.may_be_named(settled, &name) => Choice::Named(name),
            Some(_) if self.shows(ProxyDefect::RefusalWithoutReason) => Choice::Refused("Not possible".to_owned()),
            Some(other) => {
                let name = match other {
                    Value::String(name) => name,
                    Value::Null => "None".to_owned(),
                    other => other.to_string(),
                };
                let name: String = name.chars().filter(|c| !c.is_control()).take(128).collect();
                let allowed = settled.allowed.join(", ");
                Choice::Refused(format!("Profile '{name}' is not in the allowed list. Allowed profiles: {allowed}"))
            }
        }
    }

    fn may_be_named(&self, settled: &Settled, name: &str) -> bool {
        settled.allowed.iter().any(|allowed| allowed == name)
            || (self.shows(ProxyDefect::AllowlistNotEnforced) && settled.profile(name).is_some())
    }
}
