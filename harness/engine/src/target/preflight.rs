//! What is missing before a run can begin: found out for all real targets at once, before the first scenario.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use gauntlet_format::resolve::variables;
use gauntlet_format::{Node, Span, scenario::Lifecycle};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpStream;

use super::Target;
use super::instance::{Given, Instance};
use crate::auth::{Credential, Witness};
use crate::config::{ClientSpec, CommandSpec, Endpoint, TargetSpec};
use crate::runner::{Filter, Loaded, ScenarioSet};
use crate::transcript::Recorder;
use crate::transport::FailureKind;

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The target that needs it.
    pub target: String,
    /// What kind of thing it is.
    pub what: MissingKind,
    /// One sentence.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

/// What kind of thing is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingKind {
    /// A variable of the environment, or a file, that the configuration names.
    Setting,
    /// Something to identify the client with.
    Credentials,
    /// A program to start.
    Program,
    /// An answer.
    Answer,
    /// Nothing is, but the target is in maintenance.
    Maintenance,
}

impl fmt::Display for MissingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setting => "setting",
            Self::Credentials => "credentials",
            Self::Program => "program",
            Self::Answer => "answer",
            Self::Maintenance => "maintenance",
        })
    }
}

/// What is missing for the scenarios that the filter takes, by target. Mocks lack nothing and are not asked.
///
/// `patience` bounds each question. Each target is asked what a run asks it anyway (which versions it speaks), once, with its own credentials, at its own rate.
pub async fn preflight(
    set: &Arc<ScenarioSet>,
    targets: &[Arc<Target>],
    filter: &Filter,
    patience: Duration,
) -> Vec<Missing> {
    let is_real = |target: &&Arc<Target>| {
        let wanted = filter.targets.is_empty() || filter.targets.contains(&target.spec.name);
        wanted
            && !matches!(
                target.spec.endpoint,
                Endpoint::Mock { .. } | Endpoint::Stubs | Endpoint::Client(ClientSpec::Own)
            )
    };
    let real: Vec<Arc<Target>> = targets.iter().filter(is_real).cloned().collect();
    if real.is_empty() {
        return Vec::new();
    }
    real.iter().for_each(|target| target.bound_questions(patience));
    let (set, taken) = (Arc::clone(set), filter.clone());
    let names = real.clone();
    let needed = tokio::task::spawn_blocking(move || needed(&set, &names, &taken)).await.unwrap_or_default();
    let asked = real.iter().filter_map(|target| {
        let need = needed.iter().find(|need| need.target == target.spec.name)?;
        let (target, opens) = (Arc::clone(target), need.opens);
        Some(async move {
            let mut found = missing(&target, opens).await;
            let redactor = target.secrets.redactor();
            found.iter_mut().for_each(|missing| redactor.redact_in_place(&mut missing.problem));
            found
        })
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// A target that a selected scenario is for.
#[derive(Debug)]
struct Need {
    target: String,
    /// At least one of the scenarios wants a session.
    opens: bool,
}

/// Reads scenarios until nothing new can be learnt of them.
fn needed(set: &ScenarioSet, targets: &[Arc<Target>], filter: &Filter) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    // Most files would be read only to find a session for a target that has none of its own.
    let is_bare = |name: &str| targets.iter().any(|t| t.spec.name == name && t.lifecycle() == Lifecycle::Bare);
    for file in &set.files {
        if needs.len() == targets.len() && needs.iter().all(|need| need.opens || is_bare(&need.target)) {
            break;
        }
        // A file that is wrong is told by the run.
        let Loaded::Scenario(scenario) = set.load(file) else { continue };
        if !filter.takes(&scenario) {
            continue;
        }
        for target in targets.iter().filter(|target| target.spec.fills(&scenario.target.name)) {
            let opens = scenario.lifecycle.unwrap_or_else(|| target.lifecycle()) != Lifecycle::Bare;
            match needs.iter_mut().find(|need| need.target == target.spec.name) {
                Some(need) => need.opens |= opens,
                None => needs.push(Need { target: target.spec.name.clone(), opens }),
            }
        }
    }
    needs
}

/// What is missing for one target. What cannot work for want of something else is not tried.
async fn missing(target: &Target, opens: bool) -> Vec<Missing> {
    let spec = &target.spec;
    let found = |what, problem: String, remedy: &str| Missing {
        target: spec.name.clone(),
        what,
        problem,
        remedy: remedy.to_owned(),
    };
    let now = OffsetDateTime::now_utc();
    if let Some((window, until)) = spec.maintenance.iter().find_map(|w| Some((w, w.until(now, now)?))) {
        let until = until.format(&Rfc3339).unwrap_or_default();
        let problem = format!("in maintenance until {until} ({window})");
        return vec![found(MissingKind::Maintenance, problem, "run it afterwards")];
    }
    let mut all: Vec<Missing> = settings(target)
        .into_iter()
        .map(|problem| found(MissingKind::Setting, problem, "set it, or leave the target out"))
        .collect();
    if let Some(program) = command(spec).and_then(absent_program) {
        let problem = format!("there is no program `{program}`");
        all.push(found(MissingKind::Program, problem, "install it, or write where it is in `command`"));
    }
    if !all.is_empty() {
        return all;
    }
    let asked = if opens {
        target.versions().await.map(|_| ()).map_err(|failure| {
            let refused = ["HTTP 401", "HTTP 403"].iter().any(|status| failure.message.contains(status));
            let unidentified = refused || failure.kind == FailureKind::Unsendable;
            let what = if unidentified { MissingKind::Credentials } else { MissingKind::Answer };
            (what, format!("{}: {}", spec.place(), failure.message))
        })
    } else if matches!(spec.endpoint, Endpoint::Url(_)) {
        reached(target).await
    } else {
        // A program is started for each case; one that does not come up says so there.
        Ok(())
    };
    match asked {
        Ok(()) => all,
        Err((what, problem)) => {
            let remedy = match what {
                MissingKind::Credentials => {
                    "give the target `auth` that it accepts; `gauntlet probe` shows what it asks for"
                }
                _ => "see that it runs and can be reached from here; `gauntlet probe` asks it again",
            };
            vec![found(what, problem, remedy)]
        }
    }
}

/// Every variable of the environment and every file that the entry names and that is not there.
fn settings(target: &Target) -> BTreeSet<String> {
    let spec = &target.spec;
    let mut texts = json!({
        "auth": spec.auth, "headers": spec.headers, "envelope": spec.envelope, "vars": spec.vars,
        "fixtures": spec.fixtures, "files": spec.files,
    });
    let place = match &spec.endpoint {
        Endpoint::Url(url) => Value::from(url.as_str()),
        _ => match command(spec) {
            Some(c) => json!([c.command, c.environment, c.directory, c.url]),
            None => Value::Null,
        },
    };
    texts["place"] = place;
    let named = variables(&Node::from_json(&texts, Span::default()));
    let outside = named.iter().filter_map(|(name, _)| crate::runner::vars::outside(name, &target.secrets));
    outside.filter_map(Result::err).collect()
}

fn command(spec: &TargetSpec) -> Option<&CommandSpec> {
    match &spec.endpoint {
        Endpoint::Command(command) | Endpoint::Client(ClientSpec::Program(command) | ClientSpec::Bridge(command)) => {
            Some(command)
        }
        _ => None,
    }
}

/// The program, if it can be told that there is none: a name with a variable, or a path relative to another folder, cannot.
fn absent_program(command: &CommandSpec) -> Option<&str> {
    let program = command.command.first()?;
    let is_path = Path::new(program).components().count() > 1;
    if program.contains("${") || (is_path && command.directory.is_some()) {
        return None;
    }
    let there = if is_path {
        Path::new(program).is_file()
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    (!there).then_some(program)
}

/// Whether there are keys to sign with, and somebody to connect to.
async fn reached(target: &Target) -> Result<(), (MissingKind, String)> {
    let unreached = |problem: String| (MissingKind::Answer, problem);
    let instance =
        Instance::start(target, &Given::default(), &target.secrets).await.map_err(|f| unreached(f.message))?;
    if let Credential::SigV4(signer) = &instance.credential {
        let witness = Witness {
            client: "preflight".into(),
            recorder: Arc::new(Recorder::new()),
            step: None,
            secrets: target.secrets.clone(),
        };
        signer.ready(&witness).await.map_err(|problem| (MissingKind::Credentials, problem))?;
    }
    let Some(url) = instance.url() else { return Ok(()) };
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
    let connect = TcpStream::connect((host.trim_matches(['[', ']']), port));
    match tokio::time::timeout(target.patience(), connect).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(unreached(format!("no connection to {host}:{port}: {error}"))),
        Err(_) => {
            let patience = target.patience().as_secs_f64();
            Err(unreached(format!("no connection to {host}:{port} within {patience:.0} s")))
        }
    }
}
