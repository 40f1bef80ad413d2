//! `gauntlet probe --sign-in`: one visit as a client makes it, from "401" to the answers of tools.

use std::sync::Arc;

use gauntlet_format::{Version, scenario::Lifecycle};
use serde::Serialize;
use serde_json::{Value, json};

use super::visit_report::{CallReport, ProblemReport, SignInReport, VisitReport};
use super::{CLIENT, MAX_PAGES, describe, example, result_of};
use crate::auth::Credential;
use crate::auth::oauth::{Problem, Who};
use crate::lifecycle::{Call, Session, SessionSpec, SignIn, Spoken};
use crate::target::Target;
use crate::target::instance::{Given, Instance};
use crate::transcript::Recorder;
use crate::transcript::secrets::Secrets;
use crate::transport::Failure;

/// Tools that are called at most.
const MAX_CALLS: usize = 100;

/// What a target is asked for that does not speak the stateless version.
const NEWEST_WITH_HANDSHAKE: Version = Version::V2025_11_25;

/// An open session, and the version agreed on.
type Entered = (Session, Option<String>);

/// Which tools are called, with arguments made from their input schemas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Calls {
    /// Those that declare themselves read-only.
    #[default]
    ReadOnly,
    /// Every one.
    All,
    /// These.
    Named(Vec<String>),
}

/// How to visit.
#[derive(Debug, Clone)]
pub struct VisitOptions {
    /// The version to speak; none: the newest that both speak.
    pub version: Option<Version>,
    /// The newest version to try, if none is fixed.
    pub newest: Version,
    /// Which tools are called.
    pub calls: Calls,
}

impl Default for VisitOptions {
    fn default() -> Self {
        let newest = Version::V2026_07_28;
        Self { version: None, newest, calls: Calls::default() }
    }
}

/// Whose fault it is that a visit did not work out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The MCP server's.
    Server,
    /// The authorization server's.
    AuthorizationServer,
    /// The harness's, or of how it is configured: a client that is not registered, say.
    Harness,
    /// No connection, or no answer in time.
    Network,
}

impl From<Who> for Fault {
    fn from(who: Who) -> Self {
        match who {
            Who::Server => Self::Server,
            Who::AuthorizationServer => Self::AuthorizationServer,
            Who::Harness => Self::Harness,
            Who::Network => Self::Network,
        }
    }
}

/// Visits the target: opens a session at one version, signing in where that is demanded, lists the tools, calls some,
/// and closes. What goes wrong stands in the report.
///
/// # Errors
/// When the target does not start, or its configuration is wrong.
pub async fn visit(target: &Target, secrets: &Secrets, options: &VisitOptions) -> Result<VisitReport, Failure> {
    let instance = Instance::start(target, &Given::default(), secrets).await?;
    let mut report = VisitReport { endpoint: instance.endpoint(), ..VisitReport::default() };
    let visitor = Visitor { instance: &instance, options, lifecycle: target.lifecycle() };
    match visitor.enter(&mut report).await {
        Ok((session, version)) => {
            report.version = version;
            if let Err(problem) = visitor.work(&session, &mut report).await {
                report.problem = Some(ProblemReport::from(&problem));
            }
            session.close(None, instance.patience).await;
            visitor.tell(&session, &mut report).await;
        }
        Err(problem) => report.problem = Some(ProblemReport::from(&*problem)),
    }
    instance.learn_secrets(secrets);
    Ok(report)
}

struct Visitor<'a> {
    instance: &'a Instance,
    options: &'a VisitOptions,
    lifecycle: Lifecycle,
}

impl Visitor<'_> {
    /// Opens a session at the version wanted, or at the newest that the target takes.
    async fn enter(&self, report: &mut VisitReport) -> Result<Entered, Box<Problem>> {
        let own = &self.instance.sign_in;
        if self.lifecycle == Lifecycle::Bare {
            return Ok((self.session(None, own)?, None));
        }
        if let Some(version) = self.options.version {
            return self.attempt(version, own, report).await;
        }
        let newest = self.options.newest;
        let problem = match self.descend(newest, report).await {
            Err(problem) if problem.code == "prm-not-found" && newest > Version::V2025_03_26 => problem,
            settled => return settled,
        };
        // Before 2025-06-18 no resource has metadata: it is its own authorization server.
        let before = report.clone();
        let older = self.attempt(Version::V2025_03_26, &SignIn::default(), report).await;
        older.map_err(|_| {
            *report = before;
            problem
        })
    }

    /// Without a handshake if the target speaks such a version, else with one, which agrees on a version.
    async fn descend(&self, newest: Version, report: &mut VisitReport) -> Result<Entered, Box<Problem>> {
        let own = &self.instance.sign_in;
        if newest.is_stateful() {
            return self.attempt(newest, own, report).await;
        }
        let session = self.session(Some(newest), own)?;
        let speaks = self.discover(&session, newest).await;
        if speaks.as_ref().is_ok_and(|speaks| *speaks) {
            return Ok((session, Some(newest.to_string())));
        }
        self.tell(&session, report).await;
        session.close(None, self.instance.patience).await;
        speaks?;
        self.attempt(NEWEST_WITH_HANDSHAKE, own, report).await
    }

    async fn attempt(
        &self,
        version: Version,
        sign_in: &SignIn,
        report: &mut VisitReport,
    ) -> Result<Entered, Box<Problem>> {
        let session = self.session(Some(version), sign_in)?;
        match self.open(&session, version).await {
            Ok(agreed) => Ok((session, Some(agreed))),
            Err(problem) => {
                self.tell(&session, report).await;
                Err(Box::new(problem))
            }
        }
    }

    fn session(&self, version: Option<Version>, sign_in: &SignIn) -> Result<Session, Box<Problem>> {
        let instance = self.instance;
        let spec = SessionSpec {
            sign_in: Arc::clone(sign_in),
            shared: None,
            ..instance.session_spec(CLIENT, version, self.lifecycle)
        };
        let link = instance.link().map_err(|failure| Box::new(of_failure(&failure, "the target")))?;
        Ok(Session::new(spec, link, Arc::new(Recorder::new())))
    }

    /// Whether the target says that it speaks the stateless version. Whatever it says but a refusal to talk means no.
    async fn discover(&self, session: &Session, version: Version) -> Result<bool, Box<Problem>> {
        let call = Call { method: "server/discover", deadline: self.instance.patience, ..Call::default() };
        let spoken = session.call(call).await;
        let is_refusal =
            |problem: &Problem| problem.who == Who::Network || matches!(spoken.reply.status, Some(401 | 403));
        let obstacle = self.obstacle(session, &spoken, "server/discover");
        if let Some(problem) = obstacle.filter(|problem| session.gave_up().is_some() || is_refusal(problem)) {
            return Err(Box::new(problem));
        }
        let listed = result_of(&spoken).and_then(|r| r.get("supportedVersions")).and_then(Value::as_array);
        Ok(listed.is_some_and(|l| l.iter().any(|v| v.as_str() == Some(version.as_str()))))
    }

    /// Opens, and gives the version agreed on.
    async fn open(&self, session: &Session, version: Version) -> Result<String, Problem> {
        if !version.is_stateful() {
            return Ok(version.to_string());
        }
        if let Err(error) = session.open(self.instance.patience).await {
            return Err(session.gave_up().unwrap_or_else(|| Problem::new("not-opened", Who::Server, error.message)));
        }
        let agreed = session.opened().and_then(|o| o.version.clone()).unwrap_or_default();
        if agreed.parse::<Version>().is_err() {
            let said = gauntlet_reports::sanitize::line(&agreed, 40);
            let message = format!("`initialize` was answered with the version `{said}`, which does not exist");
            return Err(Problem::new("version-unknown", Who::Server, message));
        }
        Ok(agreed)
    }

    /// Lists the tools and calls those that are wanted.
    async fn work(&self, session: &Session, report: &mut VisitReport) -> Result<(), Problem> {
        let tools = self.list(session).await?;
        let name = |tool: &Value| tool.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let names: Vec<String> = tools.iter().map(name).collect();
        report.tools = Some(names.clone());
        if let Calls::Named(wanted) = &self.options.calls
            && let Some(missing) = wanted.iter().find(|name| !names.contains(name))
        {
            let message = format!("the target has no tool `{missing}`; it lists {}", names.join(", "));
            return Err(Problem::new("no-such-tool", Who::Harness, message));
        }
        for tool in tools.iter().filter(|tool| self.wants(tool)).take(MAX_CALLS) {
            let name = name(tool);
            let Some(arguments) = example(tool.get("inputSchema").unwrap_or(&Value::Null), 0) else {
                report.calls.push(CallReport { tool: name, outcome: "skipped", detail: NO_ARGUMENTS.to_owned() });
                continue;
            };
            let call = Call {
                method: "tools/call",
                params: Some(json!({ "name": name, "arguments": arguments })),
                deadline: self.instance.patience,
                ..Call::default()
            };
            let spoken = session.call(call).await;
            let problem = self.obstacle(session, &spoken, "tools/call");
            let (outcome, detail) = match (result_of(&spoken), &problem) {
                (_, Some(problem)) => ("no answer", problem.code.to_owned()),
                (Some(result), None) => outcome(result),
                (None, None) => ("error", refusal(&spoken)),
            };
            report.calls.push(CallReport { tool: name.clone(), outcome, detail: detail.clone() });
            if let Some(problem) = problem {
                return Err(problem);
            }
            if outcome == "error" {
                let message = format!("the tool `{name}` was called with arguments that fit its schema: {detail}");
                return Err(Problem::new("call-refused", Who::Server, message));
            }
        }
        Ok(())
    }

    fn wants(&self, tool: &Value) -> bool {
        match &self.options.calls {
            Calls::ReadOnly => tool.pointer("/annotations/readOnlyHint") == Some(&Value::Bool(true)),
            Calls::All => true,
            Calls::Named(names) => {
                tool.get("name").and_then(Value::as_str).is_some_and(|name| names.iter().any(|n| n == name))
            }
        }
    }

    async fn list(&self, session: &Session) -> Result<Vec<Value>, Problem> {
        let mut tools = Vec::new();
        let mut cursor: Option<Value> = None;
        for _ in 0..MAX_PAGES {
            let params = cursor.take().map(|c| json!({ "cursor": c }));
            let deadline = self.instance.patience;
            let spoken = session.call(Call { method: "tools/list", params, deadline, ..Call::default() }).await;
            if let Some(problem) = self.obstacle(session, &spoken, "tools/list") {
                return Err(problem);
            }
            let Some(result) = result_of(&spoken) else {
                let message = format!("tools/list was refused: {}", refusal(&spoken));
                return Err(Problem::new("list-refused", Who::Server, message));
            };
            tools.extend(result.get("tools").and_then(Value::as_array).into_iter().flatten().cloned());
            match result.get("nextCursor") {
                Some(next) if !next.is_null() => cursor = Some(next.clone()),
                _ => break,
            }
        }
        Ok(tools)
    }

    /// Why there is no answer in terms of the protocol, if there is none.
    fn obstacle(&self, session: &Session, spoken: &Spoken, method: &str) -> Option<Problem> {
        if let Some(problem) = session.gave_up() {
            return Some(problem);
        }
        if let Some(failure) = &spoken.reply.failure {
            return Some(of_failure(failure, method));
        }
        let status = spoken.reply.status.filter(|status| matches!(status, 401 | 403 | 500..))?;
        let hint = match (status, &self.instance.credential) {
            (401, Credential::None) => "; it wants credentials: sign in, or give some with --auth",
            _ => "",
        };
        let message = format!("{method} was answered with {}{hint}", describe(spoken));
        let who = if hint.is_empty() { Who::Server } else { Who::Harness };
        Some(Problem::new("not-let-in", who, message))
    }

    /// What the session has learnt about signing in.
    async fn tell(&self, session: &Session, report: &mut VisitReport) {
        let trail = session.trail();
        report.challenge = report.challenge.take().or(trail.challenge);
        for warning in trail.warnings.iter().map(ProblemReport::from) {
            if !report.warnings.contains(&warning) {
                report.warnings.push(warning);
            }
        }
        let Some(client) = session.oauth() else { return };
        let (found, registration) = client.so_far().await;
        let Some(found) = found else { return };
        let mut obtained_after = report.sign_in.take().map(|earlier| earlier.obtained_after).unwrap_or_default();
        obtained_after.extend(trail.obtained_after);
        let tokens = client.current().await;
        report.sign_in = Some(SignInReport::new(&found, registration.as_ref(), tokens.as_ref(), obtained_after));
    }
}

const NO_ARGUMENTS: &str = "no arguments could be made from its input schema";

fn of_failure(failure: &Failure, what: &str) -> Problem {
    if failure.kind.is_infrastructure() {
        return Problem::new("unreachable", Who::Network, format!("{what}: {failure}"));
    }
    Problem::new("malformed-answer", Who::Server, format!("{what}: {failure}"))
}

/// What a tool's result is, in a word and a line.
fn outcome(result: &Value) -> (&'static str, String) {
    if result.get("resultType").and_then(Value::as_str) == Some("input_required") {
        return ("asks for input", String::new());
    }
    let blocks = result.get("content").and_then(Value::as_array).map_or(0, Vec::len);
    if result.get("isError") == Some(&Value::Bool(true)) {
        let text = result.pointer("/content/0/text").and_then(Value::as_str).unwrap_or_default();
        return ("tool error", gauntlet_reports::sanitize::line(text, 200).into_owned());
    }
    let structured = if result.get("structuredContent").is_some() { ", structured content" } else { "" };
    let plural = if blocks == 1 { "" } else { "s" };
    ("result", format!("{blocks} content block{plural}{structured}"))
}

/// What a JSON-RPC error or a bare status says.
fn refusal(spoken: &Spoken) -> String {
    let answer = spoken.id.as_ref().and_then(|id| spoken.reply.answer(id));
    let Some(error) = answer.and_then(|a| a.get("error")) else { return describe(spoken) };
    let code = error.get("code").cloned().unwrap_or_default();
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    format!("error {code}, {}", gauntlet_reports::sanitize::line(message, 200))
}
