//! `gauntlet probe`

mod conformance_suite;
mod visit;

use std::io::Write as _;

use anstream::eprintln;
use gauntlet::config::TargetSpec;
use gauntlet::target::probe::{self, AuthReport, ProbeReport};
use gauntlet::{Secrets, Target};
use gauntlet_reports::{Redactor, sanitize};
use serde_json::{Value, json};

use super::interrupt::until_interrupted;
use super::{selection, sign_in};
use crate::args::{BrowserChoice, ProbeArgs};
use crate::exit::{CommandError, Exit, Outcome};

/// Tools that are named.
const TOOLS_SHOWN: usize = 12;

pub(crate) fn run(args: &ProbeArgs) -> Outcome {
    let secrets = Secrets::default();
    let mut spec = target(args)?;
    if let Some(variable) = &args.bearer_env {
        spec.auth = Some(json!({ "bearer": format!("${{secret:env:{variable}}}") }));
    }
    if let Some(text) = &args.auth {
        spec.auth = Some(visit::auth(text)?);
    }
    let plan = visit::plan(&args.visit, &mut spec)?;
    let target = Target::new(spec);
    if let Some(options) = plan {
        let asked_for = args.visit.browser == Some(BrowserChoice::Open);
        let patience = sign_in::patience(args.visit.sign_in_timeout.as_deref(), asked_for)?;
        target.attend(sign_in::person(patience, |text| eprintln!("{text}")));
        let report = until_interrupted(probe::visit(&target, &secrets, &options))?;
        let report = report.map_err(|f| unreachable(args, &f, &secrets))?;
        return visit::show(args, &report, &secrets);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(probe::report(&target, &secrets)).map_err(|f| unreachable(args, &f, &secrets))?;
    if args.json {
        print_json(serde_json::to_value(&report).map_err(std::io::Error::from)?, &secrets)?;
    } else {
        print_lines(lines(&report), &secrets)?;
    }
    Ok(if report.obstacle.is_some() { Exit::Infrastructure } else { Exit::Conforms })
}

fn target(args: &ProbeArgs) -> Result<TargetSpec, CommandError> {
    if args.target.contains("://") {
        return Ok(TargetSpec::url("probe", &args.target));
    }
    let config = selection::config(args.config.as_deref())?;
    let known: Vec<_> = config.targets.iter().map(|t| t.name.clone()).collect();
    config.targets.into_iter().find(|t| t.name == args.target).ok_or_else(|| {
        CommandError::usage(format!(
            "`{}` is neither a URL nor a target; the targets are {}",
            args.target,
            known.join(", ")
        ))
    })
}

fn unreachable(args: &ProbeArgs, failure: &gauntlet::Failure, secrets: &Secrets) -> CommandError {
    CommandError::infrastructure(secrets.redactor().redact(&format!("{}: {failure}", args.target)))
}

fn print_lines(lines: Vec<(&str, String)>, secrets: &Secrets) -> std::io::Result<()> {
    let redactor = secrets.redactor();
    let mut out = std::io::stdout().lock();
    for (name, text) in lines {
        writeln!(out, "  {name:<16} {}", sanitize::inline(&redactor.redact(&text)))?;
    }
    Ok(())
}

fn print_json(mut report: Value, secrets: &Secrets) -> std::io::Result<()> {
    redact(&mut report, &secrets.redactor());
    writeln!(std::io::stdout().lock(), "{report:#}")
}

/// Takes the secrets out of every text.
fn redact(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => *text = redactor.redact(text),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, redactor)),
        Value::Object(members) => members.values_mut().for_each(|member| redact(member, redactor)),
        _ => {}
    }
}

fn lines(report: &ProbeReport) -> Vec<(&'static str, String)> {
    let mut lines = vec![("endpoint", report.endpoint.clone())];
    if let Some(latency) = report.latency_ms {
        lines.push(("reachable", format!("yes, first answer after {latency:.0} ms")));
        match &report.auth {
            None => lines.push(("auth", "none demanded".to_owned())),
            Some(auth) => auth_lines(auth, &mut lines),
        }
    } else {
        lines.push(("reachable", "yes, over standard input and output".to_owned()));
    }
    if !report.versions.is_empty() {
        lines.push(("versions", report.versions.join(", ")));
        lines.push(("lifecycle", report.lifecycle.join(" and ")));
    }
    if let Some(capabilities) = report.capabilities.as_object() {
        lines.push(("capabilities", capabilities.keys().cloned().collect::<Vec<_>>().join(", ")));
    }
    if !report.tools.is_empty() {
        let mark =
            |(name, read_only): &(String, bool)| if *read_only { format!("{name} (read-only)") } else { name.clone() };
        let mut names: Vec<String> = report.tools.iter().take(TOOLS_SHOWN).map(mark).collect();
        if report.tools.len() > TOOLS_SHOWN {
            names.push("…".to_owned());
        }
        lines.push(("tools", format!("{}: {}", report.tools.len(), names.join(", "))));
    }
    if let Some(obstacle) = &report.obstacle {
        lines.push(("unknown", format!("versions and tools: {obstacle}")));
        if report.auth.is_some() {
            lines.push(("next", format!("gauntlet probe {} --bearer-env TOKEN", report.endpoint)));
        }
    }
    lines
}

fn auth_lines(auth: &AuthReport, lines: &mut Vec<(&'static str, String)>) {
    let challenge =
        auth.challenge.as_deref().unwrap_or("no WWW-Authenticate, so a client cannot find out how to log in");
    lines.push(("auth", format!("HTTP {}, {challenge}", auth.status)));
    if let (Some(url), Some(how)) = (&auth.resource_metadata, auth.found_by) {
        lines.push(("", format!("resource metadata at {url} (found by {how})")));
    }
    for issuer in &auth.authorization_servers {
        lines.push(("", format!("issuer {issuer}")));
    }
    if let Some(server) = &auth.server {
        let pkce = server.get("code_challenge_methods_supported").and_then(Value::as_array);
        let pkce: Vec<&str> = pkce.into_iter().flatten().filter_map(Value::as_str).collect();
        let pkce = if pkce.is_empty() { "PKCE not advertised".to_owned() } else { format!("PKCE {}", pkce.join(", ")) };
        let registration = server.get("registration_endpoint").is_some();
        lines.push(("", format!("{pkce}, {} registration", if registration { "dynamic" } else { "no dynamic" })));
    }
    lines.extend(auth.notes.iter().map(|note| ("", format!("not at {note}"))));
}
