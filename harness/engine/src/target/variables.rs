//! Variables in a target's entry of `gauntlet.yaml`.

use std::collections::BTreeMap;
use std::sync::Arc;

use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_format::resolve::{Lookup, resolve_str};
use gauntlet_format::{Node, Span};
use gauntlet_mocks::MockHandle;
use serde_json::{Map, Value};

use super::client::Scratch;
use super::intercept::Interceptor;
use super::process::CommandLine;
use crate::config::{CommandSpec, TargetSpec};
use crate::transcript::secrets::Secrets;
use crate::transport::{Failure, FailureKind};

/// What the entry's texts may name.
#[derive(Clone, Copy)]
pub(super) struct TargetVariables<'a> {
    pub spec: &'a TargetSpec,
    pub upstreams: &'a BTreeMap<String, MockHandle>,
    pub port: Option<u16>,
    pub interceptor: Option<&'a Interceptor>,
    pub scratch: &'a Arc<Scratch>,
    pub secrets: &'a Secrets,
}

impl Lookup for TargetVariables<'_> {
    fn lookup(&self, name: &str) -> Result<Value, String> {
        if let Some(found) = crate::runner::vars::outside(name, self.secrets) {
            return found;
        }
        if name == "port" {
            return self.port.map(Value::from).ok_or_else(|| "only a `command` with a `url` has a port".to_owned());
        }
        match name {
            "scratch" => {
                let folder = self.scratch.folder().map_err(|f| f.message)?;
                return Ok(folder.to_string_lossy().into_owned().into());
            }
            "callback_port" => return self.scratch.callback_port().map(Value::from).map_err(|f| f.message),
            _ => {}
        }
        if let Some(file) = name.strip_prefix("files.") {
            return self.file(file).map(Value::from);
        }
        if let Some(rest) = name.strip_prefix("upstreams.") {
            return crate::runner::vars::of_upstream(rest, self.upstreams);
        }
        if let Some(rest) = name.strip_prefix("intercept.") {
            let Some(interceptor) = self.interceptor else {
                return Err("no upstream of this target has `intercept`, so that there is no interceptor".to_owned());
            };
            let known = interceptor.variable(rest).map(Value::from);
            return known.ok_or_else(|| "an interceptor knows `proxy`, `ca_file` and `bundle_file`".to_owned());
        }
        if let Some(found) = self.spec.vars.get(name.strip_prefix("target.").unwrap_or(name)) {
            return Ok(found.clone());
        }
        Err("there is no such variable; a target knows ${env:…}, ${secret:…}, ${port}, ${scratch}, ${callback_port}, \
             ${files.NAME}, ${upstreams.NAME.url} and ${intercept.proxy}"
            .to_owned())
    }
}

/// `${upstreams.NAME.…}`, and no other variable.
struct OfUpstreams<'a>(&'a BTreeMap<String, MockHandle>);

impl Lookup for OfUpstreams<'_> {
    fn lookup(&self, name: &str) -> Result<Value, String> {
        match name.strip_prefix("upstreams.") {
            Some(rest) => crate::runner::vars::of_upstream(rest, self.0),
            None => Ok(format!("${{{name}}}").into()),
        }
    }
}

impl TargetVariables<'_> {
    pub(super) fn text(&self, text: &str) -> Result<String, Failure> {
        resolve_str(text, Span::default(), self).map_err(|e| self.unresolved(&e.to_string()))
    }

    pub(super) fn resolve(&self, value: &Value) -> Result<Value, Failure> {
        let node = Node::from_json(value, Span::default());
        gauntlet_format::resolve::resolve(&node, self).map(|n| n.to_json()).map_err(|e| self.unresolved(&e.to_string()))
    }

    pub(super) fn resolve_map(&self, map: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
        map.iter().map(|(name, value)| Ok((name.clone(), self.resolve(value)?))).collect()
    }

    /// Writes the file and says where it is.
    fn file(&self, name: &str) -> Result<String, String> {
        let text = self.spec.files.get(name).ok_or_else(|| {
            let hint = did_you_mean(name, self.spec.files.keys().map(String::as_str));
            let names = || self.spec.files.keys().cloned().collect::<Vec<_>>().join(", ");
            format!(
                "the target has no such file under `files`; {}",
                hint.unwrap_or_else(|| format!("it has {}", names()))
            )
        })?;
        if text.contains("${files.") {
            return Err("a file cannot name another file".to_owned());
        }
        let text = resolve_str(text, Span::default(), self).map_err(|e| e.to_string())?;
        let path = self.scratch.file(name, &text).map_err(|f| f.message)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// What a scenario sets up, in which its own variables are in place already, with the mocks' addresses. Whatever else looks like
    /// a variable is text: of the machine a scenario reads only what its user named.
    pub(super) fn given(&self, map: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
        let node = Node::from_json(&Value::Object(map.clone()), Span::default());
        let resolved = gauntlet_format::resolve::resolve(&node, &OfUpstreams(self.upstreams));
        match resolved.map_err(|e| self.unresolved(&e.to_string()))?.to_json() {
            Value::Object(resolved) => Ok(resolved),
            _ => Ok(Map::new()),
        }
    }

    fn unresolved(&self, why: &str) -> Failure {
        Failure::new(FailureKind::Connect, format!("target `{}`: {why}", self.spec.name))
    }

    pub(super) fn command(&self, command: &CommandSpec) -> Result<CommandLine, Failure> {
        let mut words = command.command.iter().map(|word| self.text(word));
        let program = words.next().ok_or_else(|| Failure::new(FailureKind::Connect, "`command` is empty"))??;
        // What the entry says goes over what the interceptor needs.
        let mut environment: BTreeMap<String, String> =
            self.interceptor.map(Interceptor::environment).into_iter().flatten().collect();
        for (name, value) in &command.environment {
            environment.insert(name.clone(), self.text(value)?);
        }
        Ok(CommandLine {
            program,
            arguments: words.collect::<Result<_, _>>()?,
            directory: command.directory.as_ref().map(|d| self.text(d)).transpose()?.map(Into::into),
            environment,
            sightings: None,
            scratch: Arc::clone(self.scratch),
        })
    }
}
