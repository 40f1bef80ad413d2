//! The mocks behind a target.

use std::collections::BTreeMap;
use std::sync::Arc;

use gauntlet_mocks::{MockHandle, StartOptions};
use serde_json::{Map, Value};

use super::Target;
use super::client::Scratch;
use super::instance::{Given, learn_secrets, leave_open, merge_given, overlay, start_mock};
use super::variables::TargetVariables;
use crate::config::{RecordedSource, UpstreamSpec};
use crate::repro::stub::{RecordedServer, StubOptions};
use crate::runner::stubs::Stubs;
use crate::transcript::secrets::Secrets;
use crate::transport::{Failure, FailureKind};

/// One that has not started yet.
struct Waiting<'a> {
    name: &'a str,
    upstream: &'a UpstreamSpec,
    /// What the target's entry says of it.
    config: Map<String, Value>,
    /// What the scenario says.
    given: Map<String, Value>,
}

/// Starts them beside those that run already, each after those that its configuration names as `${upstreams.NAME.…}`. What
/// `configs` says of them by name is taken out of it.
///
/// # Errors
/// When one refuses its configuration, or two wait for each other.
pub(super) async fn start(
    target: &Target,
    configs: &mut Map<String, Value>,
    running: &mut BTreeMap<String, MockHandle>,
    given: &Given,
    scratch: &Arc<Scratch>,
    secrets: &Secrets,
) -> Result<(), Failure> {
    let spec = &target.spec;
    let mut waiting: Vec<Waiting<'_>> = Vec::with_capacity(spec.upstreams.len());
    let wanted = |name: &str, upstream: &UpstreamSpec| !upstream.on_demand || given.required.iter().any(|r| r == name);
    for (name, upstream) in &spec.upstreams {
        let more = configs.shift_remove(name);
        if !wanted(name, upstream) {
            continue;
        }
        let more = match more {
            Some(Value::Object(more)) => more,
            _ => Map::new(),
        };
        let mut config = upstream.config.clone();
        leave_open(&mut config, &more);
        waiting.push(Waiting { name, upstream, config, given: more });
    }
    while !waiting.is_empty() {
        let names: Vec<String> = waiting.iter().map(|one| format!("${{upstreams.{}", one.name)).collect();
        let needs_another = |config: &Map<String, Value>| {
            let text = Value::Object(config.clone()).to_string();
            names.iter().any(|name| text.contains(name.as_str()))
        };
        let is_ready = |one: &Waiting<'_>| !needs_another(&one.config) && !needs_another(&one.given);
        let Some(position) = waiting.iter().position(is_ready) else {
            let names: Vec<&str> = waiting.iter().map(|one| one.name).collect();
            let message = format!("the upstreams {} need each other's addresses to start", names.join(" and "));
            return Err(Failure::new(FailureKind::Connect, message));
        };
        let Waiting { name, upstream, config, given: more } = waiting.remove(position);
        let variables = TargetVariables { spec, upstreams: running, port: None, interceptor: None, scratch, secrets };
        let mut config = variables.resolve_map(&config)?;
        merge_given(&mut config, variables.given(&more)?);
        let stubs = given.stubs.at.get(name);
        let handle = match &upstream.recorded {
            None => start_mock(&upstream.mock, config, stubs).await?,
            Some(RecordedSource::File(path)) => serve_recording(&target.recording(path, name)?, config, stubs).await?,
            Some(RecordedSource::Held(server)) => serve_recording(server, config, stubs).await?,
        };
        learn_secrets(secrets, &handle);
        running.insert(name.to_owned(), handle);
    }
    Ok(())
}

/// A recording, with the first of its answers.
async fn serve_recording(
    server: &RecordedServer,
    mut config: Map<String, Value>,
    stubs: Option<&Stubs>,
) -> Result<MockHandle, Failure> {
    let wrong = |message: String| Failure::new(FailureKind::Connect, message);
    let options = StubOptions::take(&mut config).map_err(wrong)?;
    let config = Value::Object(config);
    let start = StartOptions { config, overlay: overlay(stubs), ..StartOptions::default() };
    server.with(options).start(start).await.map_err(|error| wrong(error.to_string()))
}
