//! An entry of `targets`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use gauntlet_format::Version;
use gauntlet_format::scenario::Lifecycle;
use gauntlet_reports::compare::Allowances;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{maintenance, optional_duration};
use crate::config::{
    Allow, ClientSpec, CommandSpec, Endpoint, HostPattern, RecordedSource, TargetSpec, UpstreamSpec, embedded,
};
use crate::transport::Limits;

/// What stands for the name of a mock where an upstream is a recording.
const RECORDED: &str = "recorded";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
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
    concurrency: Option<usize>,
    #[serde(default)]
    maintenance: Vec<maintenance::Entry>,
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
    mock: Option<String>,
    recorded: Option<PathBuf>,
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

pub(super) fn build(name: &str, target: Target) -> Result<TargetSpec, String> {
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
            let mock = match (u.mock, &u.recorded) {
                (Some(mock), None) => mock,
                (None, Some(_)) if u.defects.is_empty() => RECORDED.to_owned(),
                (None, Some(_)) => return Err(format!("upstream `{n}`: a recording has no defects")),
                _ => return Err(format!("upstream `{n}` needs either `mock` or `recorded`")),
            };
            let config = with_defects(u.given, u.defects);
            let recorded = u.recorded.map(RecordedSource::File);
            Ok((n, UpstreamSpec { mock, recorded, config, on_demand: u.on_demand, intercept }))
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
        rate: match target.rate {
            Some(rate) if !(rate.is_finite() && rate > 0.0) => {
                return Err("`rate` is a number of requests per second, more than 0".to_owned());
            }
            rate => rate,
        },
        concurrency: match target.concurrency {
            Some(0) => return Err("`concurrency` is a number of cases at the same time, at least 1".to_owned()),
            concurrency => concurrency,
        },
        maintenance: target.maintenance.into_iter().map(maintenance::Entry::read).collect::<Result<_, _>>()?,
        allow: Allow {
            hostile: target.allow.contains(&AllowName::Hostile),
            writes: target.allow.contains(&AllowName::Writes),
        },
        tolerate: target.tolerate,
        expected: target.expected.read()?,
        is_embedded: false,
    })
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
