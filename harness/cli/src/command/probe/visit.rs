//! `gauntlet probe --sign-in`: what is asked for, and how the visit is told.

use std::sync::Arc;

use gauntlet::Secrets;
use gauntlet::config::TargetSpec;
use gauntlet::target::probe::{Calls, Fault, ProblemReport, SignInReport, VisitOptions, VisitReport};
use gauntlet_format::Source;
use serde_json::{Map, Value, json};

use super::{TOOLS_SHOWN, conformance_suite, print_json, print_lines};
use crate::args::{BrowserChoice, ProbeArgs, VisitArgs};
use crate::exit::{CommandError, Exit, Outcome};

/// The value of `--auth`.
pub(super) fn auth(text: &str) -> Result<Value, CommandError> {
    let source = Arc::new(Source { path: "--auth".into(), text: text.into() });
    gauntlet_format::yaml::parse(&source, 0).map(|node| node.to_json()).map_err(|found| {
        CommandError::usage(found.iter().map(|d| gauntlet_format::render::render(d, false)).collect::<String>())
    })
}

/// How to visit, if the target is to be visited; its credentials become those of the visit.
pub(super) fn plan(args: &VisitArgs, spec: &mut TargetSpec) -> Result<Option<VisitOptions>, CommandError> {
    let mut options = VisitOptions::default();
    if let Some(newest) = spec.versions.iter().flatten().max() {
        options.newest = *newest;
    }
    if args.conformance_suite {
        let wanted = conformance_suite::wanted(|name| std::env::var(name).ok()).map_err(CommandError::usage)?;
        spec.auth = Some(wanted.auth);
        options.newest = wanted.newest;
        options.calls = Calls::All;
    }
    if args.sign_in {
        spec.auth.get_or_insert_with(|| json!({ "oauth": {} }));
    }
    let Some(oauth) = spec.auth.as_mut().and_then(|auth| auth.get_mut("oauth")) else {
        if args.sign_in {
            return Err(CommandError::usage("`--sign-in` is by OAuth, and the target has other credentials"));
        }
        let needs = [
            ("--browser", args.browser.is_some()),
            ("--sign-in-timeout", args.sign_in_timeout.is_some()),
            ("--call", !args.call.is_empty()),
            ("--mcp-version", args.mcp_version.is_some()),
        ];
        return match needs.iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(CommandError::usage(format!("`{option}` is for a visit; add `--sign-in`"))),
            None => Ok(None),
        };
    };
    if let Some(browser) = args.browser {
        let browser = match browser {
            BrowserChoice::Open => "open",
            BrowserChoice::Follow => "follow",
        };
        match oauth {
            Value::Object(members) => {
                members.insert("browser".to_owned(), browser.into());
            }
            other => *other = Value::Object(Map::from_iter([("browser".to_owned(), browser.into())])),
        }
    }
    if let Some(text) = &args.mcp_version {
        options.version = Some(text.parse().map_err(CommandError::usage)?);
    }
    if args.call.iter().any(|tool| tool == "all") {
        options.calls = Calls::All;
    } else if !args.call.is_empty() {
        options.calls = Calls::Named(args.call.clone());
    }
    Ok(Some(options))
}

/// Tells the visit and gives its exit code.
pub(super) fn show(args: &ProbeArgs, report: &VisitReport, secrets: &Secrets) -> Outcome {
    if args.json {
        print_json(serde_json::to_value(report).map_err(std::io::Error::from)?, secrets)?;
    } else {
        print_lines(lines(report), secrets)?;
    }
    Ok(match report.problem.as_ref().map(|problem| problem.fault) {
        None => Exit::Conforms,
        Some(Fault::Server | Fault::AuthorizationServer) => Exit::DoesNotConform,
        Some(Fault::Harness | Fault::Network) => Exit::Infrastructure,
    })
}

fn lines(report: &VisitReport) -> Vec<(&'static str, String)> {
    let mut lines = vec![("endpoint", report.endpoint.clone())];
    if let Some(version) = &report.version {
        lines.push(("version", version.clone()));
    }
    match (&report.challenge, &report.sign_in) {
        (Some(challenge), _) => lines.push(("challenge", challenge.clone())),
        (None, Some(_)) => lines.push(("challenge", "none".to_owned())),
        (None, None) if report.version.is_some() => lines.push(("auth", "none demanded".to_owned())),
        (None, None) => {}
    }
    if let Some(sign_in) = &report.sign_in {
        sign_in_lines(sign_in, &mut lines);
    }
    if let Some(tools) = &report.tools {
        let mut names: Vec<&str> = tools.iter().take(TOOLS_SHOWN).map(String::as_str).collect();
        if tools.len() > TOOLS_SHOWN {
            names.push("…");
        }
        let colon = if names.is_empty() { "" } else { ": " };
        lines.push(("tools", format!("{}{colon}{}", tools.len(), names.join(", "))));
    }
    for (number, call) in report.calls.iter().enumerate() {
        let comma = if call.detail.is_empty() { "" } else { ", " };
        let name = if number == 0 { "called" } else { "" };
        lines.push((name, format!("{}: {}{comma}{}", call.tool, call.outcome, call.detail)));
    }
    lines.extend(report.warnings.iter().map(|warning| ("warning", problem(warning))));
    lines.extend(report.problem.iter().map(|stopped| ("problem", problem(stopped))));
    lines
}

fn sign_in_lines(sign_in: &SignInReport, lines: &mut Vec<(&'static str, String)>) {
    if let (Some(url), Some(how)) = (&sign_in.resource_metadata, sign_in.found_by) {
        lines.push(("resource", format!("metadata at {url} (found by {how})")));
    }
    let metadata = match &sign_in.server_metadata {
        Some(url) => format!("metadata at {url}"),
        None => "no metadata, default endpoints".to_owned(),
    };
    lines.push(("issuer", format!("{}, {metadata}", sign_in.issuer)));
    if let (Some(id), Some(by), Some(method)) = (&sign_in.client_id, sign_in.registered_by, sign_in.token_auth) {
        lines.push(("client", format!("{id} by {by}; at the token endpoint: {method}")));
    }
    let tokens = match sign_in.obtained_after.as_slice() {
        [] => "none".to_owned(),
        statuses => {
            let how: Vec<String> = statuses.iter().map(ToString::to_string).collect();
            let scopes = if sign_in.scopes.is_empty() { "no scopes".to_owned() } else { sign_in.scopes.join(" ") };
            let lifetime = sign_in.expires_in.map(|s| format!(", valid for {s} s")).unwrap_or_default();
            let refresh = if sign_in.refreshable { ", with a refresh token" } else { "" };
            format!("after HTTP {}: {scopes}{lifetime}{refresh}", how.join(", then "))
        }
    };
    lines.push(("token", tokens));
}

fn problem(problem: &ProblemReport) -> String {
    let whose = match problem.fault {
        Fault::Server => "the server",
        Fault::AuthorizationServer => "the authorization server",
        Fault::Harness => "this side",
        Fault::Network => "the network",
    };
    let requirement = problem.requirement.map(|id| format!(" [{id}]")).unwrap_or_default();
    format!("{} ({whose}): {}{requirement}", problem.code, problem.message)
}
