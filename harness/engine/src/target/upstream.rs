//! The mocks behind a target.

use std::collections::BTreeMap;
use std::sync::Arc;

use gauntlet_mocks::{MockHandle, StartOptions};
use serde_json::{Map, Value};

use super::Target;
use super::client::Scratch;
use super::instance::{learn_secrets, merge_given, start_mock};
use super::variables::TargetVariables;
use crate::config::UpstreamSpec;
use crate::repro::stub::{RecordedServer, StubOptions};
use crate::transcript::secrets::Secrets;
use crate::transport::{Failure, FailureKind};

/// Starts them beside those that run already, each after those that its configuration names as `${upstreams.NAME.…}`. What
/// `given` says of them by name is taken out of it.
///
/// # Errors
/// When one refuses its configuration, or two wait for each other.
pub(super) async fn start(
    target: &Target,
    given: &mut Map<String, Value>,
    running: &mut BTreeMap<String, MockHandle>,
    required: &[String],
    scratch: &Arc<Scratch>,
    secrets: &Secrets,
) -> Result<(), Failure> {
    let spec = &target.spec;
    let mut waiting: Vec<(&str, &UpstreamSpec, Map<String, Value>)> = Vec::with_capacity(spec.upstreams.len());
    let wanted = |name: &str, upstream: &UpstreamSpec| !upstream.on_demand || required.iter().any(|r| r == name);
    for (name, upstream) in &spec.upstreams {
        let more = given.shift_remove(name);
        if !wanted(name, upstream) {
            continue;
        }
        let mut config = upstream.config.clone();
        if let Some(Value::Object(more)) = more {
            merge_given(&mut config, more);
        }
        waiting.push((name, upstream, config));
    }
    while !waiting.is_empty() {
        let names: Vec<String> = waiting.iter().map(|(name, ..)| format!("${{upstreams.{name}")).collect();
        let needs_another = |config: &Map<String, Value>| {
            let text = Value::Object(config.clone()).to_string();
            names.iter().any(|name| text.contains(name.as_str()))
        };
        let Some(position) = waiting.iter().position(|(.., config)| !needs_another(config)) else {
            let names: Vec<&str> = waiting.iter().map(|(name, ..)| *name).collect();
            let message = format!("the upstreams {} need each other's addresses to start", names.join(" and "));
            return Err(Failure::new(FailureKind::Connect, message));
        };
        let (name, upstream, config) = waiting.remove(position);
        let variables = TargetVariables { spec, upstreams: running, port: None, interceptor: None, scratch, secrets };
        let config = variables.resolve_map(&config)?;
        let handle = match &upstream.recorded {
            None => start_mock(&upstream.mock, config).await?,
            Some(path) => serve_recording(&target.recording(path)?, config).await?,
        };
        learn_secrets(secrets, &handle);
        running.insert(name.to_owned(), handle);
    }
    Ok(())
}

/// A recording, with the first of its answers.
async fn serve_recording(server: &RecordedServer, mut config: Map<String, Value>) -> Result<MockHandle, Failure> {
    let wrong = |message: String| Failure::new(FailureKind::Connect, message);
    let options = StubOptions::take(&mut config).map_err(wrong)?;
    let start = StartOptions { config: Value::Object(config), ..StartOptions::default() };
    server.with(options).start(start).await.map_err(|error| wrong(error.to_string()))
}
