//! The spelling of `gauntlet.yaml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_format::scenario::Lifecycle;
use gauntlet_format::{Version, duration};
use gauntlet_reports::compare::Allowances;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use super::{
    Allow, ClientSpec, CommandSpec, Config, Endpoint, HostPattern, RunDefaults, TargetSpec, UpstreamSpec, embedded,
};
use crate::transport::Limits;

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what is expected; the message shows the place.
    #[error("{path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
    /// A target is contradictory.
    #[error("{path}: target `{target}`: {message}")]
    Target {
        /// The file.
        path: PathBuf,
        /// The entry.
        target: String,
        /// What is wrong and what to do.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    targets: Map<String, Value>,
    #[serde(default)]
    scenarios: Vec<PathBuf>,
    #[serde(default)]
    requirements: Vec<PathBuf>,
    #[serde(default)]
    run: RunSection,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RunSection {
    jobs: Option<usize>,
    #[serde(deserialize_with = "optional_duration")]
    timeout: Option<Duration>,
    #[serde(deserialize_with = "optional_duration")]
    step_timeout: Option<Duration>,
    retries: Option<u32>,
}

/// Checked with places before anything is built; see [`load`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read to find misspelt keys with their places; the order-keeping form is read again")]
struct Checked {
    #[serde(default)]
    targets: BTreeMap<String, Target>,
    #[serde(default)]
    scenarios: Vec<PathBuf>,
    #[serde(default)]
    requirements: Vec<PathBuf>,
    #[serde(default)]
    run: RunSection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    role: Option<Roles>,
    client: Option<ClientName>,
    mock: Option<String>,
    url: Option<String>,
    command: Option<Vec<String>>,
    transport: Option<TransportName>,
    #[serde(default)]
    given: Map<String, Value>,
    #[serde(default)]
    defects: Vec<String>,
    cwd: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    stdin: Option<String>,
    ready: Option<Ready>,
    start: Option<StartName>,
    #[serde(default)]
    versions: Option<Vec<Version>>,
    lifecycle: Option<LifecycleName>,
    auth: Option<Value>,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    envelope: Map<String, Value>,
    #[serde(default)]
    vars: Map<String, Value>,
    #[serde(default)]
    fixtures: Map<String, Value>,
    #[serde(default)]
    provides: Map<String, Value>,
    #[serde(default)]
    upstreams: BTreeMap<String, Upstream>,
    #[serde(default)]
    limits: LimitsSection,
    rate: Option<f64>,
    #[serde(default)]
    allow: Vec<AllowName>,
    #[serde(default)]
    tolerate: Vec<String>,
    #[serde(default)]
    expected: ExpectedSection,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum TransportName {
    Http,
    Stdio,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Roles {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum ClientName {
    Gauntlet,
    Program,
    Bridge,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum StartName {
    Case,
    Run,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum LifecycleName {
    Auto,
    Manual,
    Bare,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum AllowName {
    Hostile,
    Writes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ready {
    http: Option<String>,
    #[serde(default, deserialize_with = "optional_duration")]
    within: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Upstream {
    mock: String,
    #[serde(default)]
    given: Map<String, Value>,
    #[serde(default)]
    defects: Vec<String>,
    #[serde(default)]
    on_demand: bool,
    #[serde(default)]
    intercept: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct LimitsSection {
    body: Option<usize>,
    events: Option<usize>,
    #[serde(deserialize_with = "optional_duration")]
    connect: Option<Duration>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ExpectedSection {
    rules: Vec<String>,
    paths: Vec<String>,
}

impl ExpectedSection {
    fn read(self) -> Result<Allowances, String> {
        let mut expected = Allowances::default();
        for rule in &self.rules {
            expected.allow_rule(rule).map_err(|e| format!("`expected.rules`: {e}"))?;
        }
        for path in &self.paths {
            expected.allow_path(path).map_err(|e| format!("`expected.paths`: {e}"))?;
        }
        Ok(expected)
    }
}

fn optional_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|t| duration::parse(&t).map_err(D::Error::custom)).transpose()
}

pub(super) fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let parse_error = |message: String| ConfigError::Parse { path: path.to_owned(), message };
    // Twice: the typed form finds misspelt keys with their places, the untyped one keeps the order of the targets.
    serde_saphyr::from_str::<Checked>(&text).map_err(|e| parse_error(with_suggestion(e.to_string())))?;
    let file: File = serde_saphyr::from_str(&text).map_err(|e| parse_error(e.to_string()))?;
    let mut targets = Vec::with_capacity(file.targets.len());
    for (name, value) in file.targets {
        let target: Target = serde_json::from_value(value).map_err(|e| parse_error(format!("targets.{name}: {e}")))?;
        let spec = build(&name, target).map_err(|message| ConfigError::Target {
            path: path.to_owned(),
            target: name.clone(),
            message,
        })?;
        targets.push(spec);
    }
    Ok(Config {
        path: Some(path.to_owned()),
        targets,
        scenarios: file.scenarios,
        requirements: file.requirements,
        run: RunDefaults {
            jobs: file.run.jobs,
            timeout: file.run.timeout,
            step_timeout: file.run.step_timeout,
            retries: file.run.retries,
        },
    })
}

fn build(name: &str, target: Target) -> Result<TargetSpec, String> {
    let stdio = target.transport == Some(TransportName::Stdio);
    if target.start.is_some() && target.command.is_none() {
        return Err("`start` says when a `command` is started; this target has none".to_owned());
    }
    if target.stdin.is_some() && target.client != Some(ClientName::Program) {
        return Err("`stdin` is what a `client: program` reads; no other target takes it".to_owned());
    }
    if target.command.is_none() && !target.files.is_empty() {
        return Err("`files` are for a `command` to read; this target has none".to_owned());
    }
    let is_plain =
        |name: &str| !name.starts_with('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if let Some(name) = target.files.keys().find(|name| name.is_empty() || !is_plain(name)) {
        return Err(format!("`files.{name}`: the name of a file has letters, digits, `-`, `_` and `.`"));
    }
    let has_upstreams = !target.upstreams.is_empty();
    let mut upstreams: BTreeMap<String, UpstreamSpec> = target
        .upstreams
        .into_iter()
        .map(|(n, u)| {
            let intercept = patterns(&u.intercept).map_err(|why| format!("upstream `{n}`: {why}"))?;
            let config = with_defects(u.given, u.defects);
            Ok((n, UpstreamSpec { mock: u.mock, config, on_demand: u.on_demand, intercept }))
        })
        .collect::<Result<_, String>>()?;
    let intercepts = one_upstream_a_host(&upstreams)?;
    if target.client.is_some() && !has_upstreams {
        upstreams = embedded::behind_a_client();
    }
    let program = |command: Vec<String>, url| {
        let (ready_path, ready_timeout) = match target.ready {
            Some(ready) => (ready.http, ready.within),
            None => (None, None),
        };
        CommandSpec {
            command,
            directory: target.cwd,
            environment: target.env,
            url,
            ready_path,
            ready_timeout: ready_timeout.unwrap_or(Duration::from_secs(30)),
            shared: target.start == Some(StartName::Run),
            stdin: target.stdin,
        }
    };
    let endpoint = match (target.client, target.mock, target.command, target.url) {
        (Some(ClientName::Gauntlet), None, None, None) => Endpoint::Client(ClientSpec::Own),
        (Some(ClientName::Gauntlet), ..) => {
            return Err("`client: gauntlet` is Gauntlet's own; it has no `command`, `url` or `mock`".to_owned());
        }
        (Some(_), None, Some(command), None) if !command.is_empty() => {
            if target.start.is_some() || target.transport.is_some() {
                return Err("a `client` is started for each case and has no `start` or `transport`".to_owned());
            }
            let spec = program(command, None);
            Endpoint::Client(match target.client {
                Some(ClientName::Program) => ClientSpec::Program(spec),
                _ => ClientSpec::Bridge(spec),
            })
        }
        (Some(_), ..) => {
            return Err("a `client` needs a `command` that starts it, and has neither `mock` nor `url`".to_owned());
        }
        (None, Some(mock), None, None) => {
            Endpoint::Mock { mock, config: with_defects(target.given, target.defects), stdio }
        }
        (None, None, Some(command), url) => {
            if command.is_empty() {
                return Err("`command` is empty; write the program and its arguments as a list".to_owned());
            }
            if stdio == url.is_some() {
                return Err(
                    "a `command` speaks either `transport: stdio`, or HTTP at the `url` that it will listen on"
                        .to_owned(),
                );
            }
            let spec = program(command, url);
            if spec.shared && (stdio || has_upstreams) {
                return Err(
                    "`start: run` is for a program that speaks HTTP and has no `upstreams`, which are each case's own"
                        .to_owned(),
                );
            }
            Endpoint::Command(spec)
        }
        (None, None, None, Some(_)) if stdio => {
            return Err("a `url` is reached over HTTP; leave `transport: stdio` out".to_owned());
        }
        (None, None, None, Some(url)) => Endpoint::Url(url),
        (None, None, None, None) => return Err("needs one of `mock`, `url`, `command` or `client`".to_owned()),
        _ => return Err("`mock` stands alone: it has neither `url` nor `command`".to_owned()),
    };
    if intercepts
        && !matches!(endpoint, Endpoint::Command(_) | Endpoint::Client(ClientSpec::Program(_) | ClientSpec::Bridge(_)))
    {
        return Err(
            "`intercept` is for a target with a `command`, which is told of the interceptor in its environment"
                .to_owned(),
        );
    }
    // The values may hold variables; that a member is misspelt is told now, not on every case.
    if let Some(oauth) = target.auth.as_ref().and_then(|auth| auth.get("oauth")) {
        crate::auth::oauth::check_members(oauth)?;
    }
    let own_client = matches!(endpoint, Endpoint::Client(ClientSpec::Own));
    let defaults = Limits::default();
    Ok(TargetSpec {
        roles: match target.role {
            None => vec![name.to_owned()],
            Some(Roles::One(role)) => vec![role],
            Some(Roles::Several(roles)) if roles.is_empty() => {
                return Err("`role` is empty; name a role, or leave it out".to_owned());
            }
            Some(Roles::Several(roles)) => roles,
        },
        name: name.to_owned(),
        endpoint,
        versions: target.versions,
        lifecycle: target.lifecycle.map(|l| match l {
            LifecycleName::Auto => Lifecycle::Auto,
            LifecycleName::Manual => Lifecycle::Manual,
            LifecycleName::Bare => Lifecycle::Bare,
        }),
        auth: target.auth.or_else(|| own_client.then(embedded::sign_in)),
        headers: target.headers,
        envelope: target.envelope,
        vars: target.vars,
        files: target.files,
        fixtures: if own_client && target.fixtures.is_empty() { embedded::own_client() } else { target.fixtures },
        provides: target.provides,
        upstreams,
        limits: Limits {
            body: target.limits.body.unwrap_or(defaults.body),
            events: target.limits.events.unwrap_or(defaults.events),
            connect: target.limits.connect.unwrap_or(defaults.connect),
        },
        rate: target.rate,
        allow: Allow {
            hostile: target.allow.contains(&AllowName::Hostile),
            writes: target.allow.contains(&AllowName::Writes),
        },
        tolerate: target.tolerate,
        expected: target.expected.read()?,
    })
}

/// The message about an unknown key, with the known one that is nearest.
fn with_suggestion(message: String) -> String {
    let suggestion = || {
        let (_, rest) = message.split_once("unknown field `")?;
        let (name, rest) = rest.split_once('`')?;
        let known = rest.lines().next()?.strip_prefix(", expected ")?;
        let known = known.strip_prefix("one of ").unwrap_or(known);
        did_you_mean(name, known.split(", ").map(|word| word.trim_matches('`')))
    };
    match suggestion() {
        Some(suggestion) => format!("{message}\n{suggestion}"),
        None => message,
    }
}

fn patterns(texts: &[String]) -> Result<Vec<HostPattern>, String> {
    texts.iter().map(|text| HostPattern::parse(text)).collect()
}

/// Whether there are patterns at all; that two upstreams want the same host is an error.
fn one_upstream_a_host(upstreams: &BTreeMap<String, UpstreamSpec>) -> Result<bool, String> {
    let all: Vec<(&String, &HostPattern)> =
        upstreams.iter().flat_map(|(name, upstream)| upstream.intercept.iter().map(move |p| (name, p))).collect();
    for (i, (name, pattern)) in all.iter().enumerate() {
        if let Some((other, theirs)) = all[..i].iter().find(|(other, p)| other != name && p.overlaps(pattern)) {
            return Err(format!(
                "`{theirs}` of the upstream `{other}` and `{pattern}` of the upstream `{name}` can match the same host; let each \
                 host belong to one upstream"
            ));
        }
    }
    Ok(!all.is_empty())
}

fn with_defects(mut given: Map<String, Value>, defects: Vec<String>) -> Map<String, Value> {
    if !defects.is_empty() {
        given.insert("defects".to_owned(), defects.into());
    }
    given
}
