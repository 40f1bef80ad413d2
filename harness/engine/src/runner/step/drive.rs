//! `drive`: a target that is a client does its work, and a browser signs in for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_format::{Node, Step};
use gauntlet_reports::sanitize;
use serde_json::{Map, Value, json};
use url::Url;

use super::super::case::{Stop, World};
use super::super::check::Origin;
use super::super::view::{Driven, View};
use crate::auth::oauth::{BrowserMode, OauthSettings};
use crate::config::{ClientSpec, Endpoint};
use crate::lifecycle::{Call, Session, Spoken};
use crate::target::client::ClientProgram;
use crate::target::client::browser::{Browser, Browsing};
use crate::transport::FailureKind;

/// Name of the upstream mock that signs people in.
const PROVIDER: &str = "idp";

/// How long a bridge that has given up may take to end.
const END: Duration = Duration::from_secs(1);

/// Characters that are shown of a client's last words.
const WORDS_SHOWN: usize = 300;

/// What the step says.
pub(super) struct Drive<'s> {
    pub tool: Option<&'s str>,
    pub arguments: Option<&'s Node>,
    pub browser: Option<&'s str>,
}

/// The tool that the client is to call.
struct Tool {
    name: String,
    arguments: Value,
}

/// What the browser does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Follow,
    Deny,
    None,
}

impl World<'_> {
    pub(super) async fn drive(
        &self,
        step: &Step,
        number: usize,
        drive: Drive<'_>,
        deadline: Duration,
    ) -> Result<View, Stop> {
        let spec = &self.case.target.spec;
        let Endpoint::Client(client) = &spec.endpoint else {
            let reason = format!("`drive` is for a target that is a client; `{}` is a {}", spec.name, spec.kind());
            return Err(Stop::untestable(reason, Some(step.span)));
        };
        let manner = self.manner(&drive, step)?;
        let tool = self.tool(&drive, step)?;
        if manner == Manner::Deny {
            self.consent("deny", step).await?;
        }
        let view = match client {
            ClientSpec::Own => self.drive_own(step, number, tool, manner, deadline).await,
            ClientSpec::Program(_) => self.drive_program(step, number, tool, manner, deadline).await,
            ClientSpec::Bridge(_) => self.drive_bridge(step, number, tool, manner, deadline).await,
        };
        if manner == Manner::Deny {
            self.consent("auto", step).await?;
        }
        let view = view?;
        if let Some(fault) = self.judge_new(step.on_purpose, false) {
            return Err(Stop::error(fault, Some(step.span)));
        }
        if let Some(driven) = view.driven.as_ref().filter(|d| d.outcome != "done")
            && !self.wants(&step.expect, "outcome")
        {
            let reason = format!(
                "the client did not do its work ({}){}; if that is meant, say it with `outcome`",
                driven.outcome,
                last_words(&view)
            );
            return Err(Stop::error(reason, Some(step.span)));
        }
        if let Some(spoken) = &view.spoken {
            self.scope.spoken.add(step.client.as_deref(), step.name.as_deref(), spoken);
        }
        let origin = Origin::of_exchange(number, view.spoken.as_ref().map(|s| s.number));
        self.judge(step, &origin, &view)?;
        if !step.capture.is_empty() {
            self.capture(step, &view.whole())?;
        }
        Ok(view)
    }

    fn manner(&self, drive: &Drive<'_>, step: &Step) -> Result<Manner, Stop> {
        match drive.browser.map(|text| self.text(text, step.span)).transpose()?.as_deref() {
            None | Some("follow") => Ok(Manner::Follow),
            Some("deny") => Ok(Manner::Deny),
            Some("none") => Ok(Manner::None),
            Some(other) => {
                let reason = format!("`browser: {other}` is not known; write `follow`, `deny` or `none`");
                Err(Stop::error(reason, Some(step.span)))
            }
        }
    }

    /// The tool that the step names, else the one that the server is known to have.
    fn tool(&self, drive: &Drive<'_>, step: &Step) -> Result<Option<Tool>, Stop> {
        let own = drive.tool.map(|name| self.text(name, step.span)).transpose()?;
        let arguments = self.object(drive.arguments)?.map(Value::Object);
        let known = self.instance.fixtures.get("tool");
        let known_name = || known.and_then(|t| t.get("name")?.as_str()).map(str::to_owned);
        let known_arguments = known.and_then(|t| t.get("arguments")).filter(|_| own.is_none()).cloned();
        let arguments = arguments.or(known_arguments).unwrap_or_else(|| Value::Object(Map::new()));
        Ok(own.or_else(known_name).map(|name| Tool { name, arguments }))
    }

    /// Tells the provider whether the user agrees.
    async fn consent(&self, consent: &str, step: &Step) -> Result<(), Stop> {
        let Some(provider) = self.instance.upstreams.get(PROVIDER) else {
            let reason = format!("`browser: deny` needs an upstream named `{PROVIDER}`, who is told to refuse");
            return Err(Stop::untestable(reason, Some(step.span)));
        };
        let command = json!({ "set": { "consent": consent } });
        provider.control(&command).await.map_err(|e| Stop::error(e.to_string(), Some(step.span)))
    }

    /// A browser for the program, unless it is to stay away.
    fn browse(
        &self,
        program: &ClientProgram,
        step: &Step,
        number: usize,
        manner: Manner,
    ) -> Result<Option<Browsing>, Stop> {
        if manner == Manner::None {
            return Ok(None);
        }
        let mocks = self.instance.upstreams.values().filter_map(|mock| Url::parse(mock.origin()).ok());
        let browser = Browser {
            sightings: Arc::clone(&program.sightings),
            handed: program.handed.clone(),
            mocks: mocks.map(|url| url.origin()).collect(),
            recorder: Arc::clone(&self.recorder),
            secrets: self.secrets.clone(),
            client: Arc::clone(&self.instance.name),
            step: number,
        };
        browser.start().map(Some).map_err(|f| Stop::error(f.message, Some(step.span)))
    }

    fn program(&self, step: &Step) -> Result<&ClientProgram, Stop> {
        self.instance.program.as_ref().ok_or_else(|| Stop::error("the client was not prepared", Some(step.span)))
    }

    /// Gauntlet's own client: a session that signs in when it is asked to.
    async fn drive_own(
        &self,
        step: &Step,
        number: usize,
        tool: Option<Tool>,
        manner: Manner,
        deadline: Duration,
    ) -> Result<View, Stop> {
        let Some(tool) = tool else { return Err(self.without_fixture("tool", step.span)) };
        let started = Instant::now();
        let session = self.session(step.client.as_deref())?;
        if let (Manner::None, Some(auth)) = (manner, session.oauth_auth()) {
            let settings = OauthSettings { browser: BrowserMode::None, ..auth.settings.clone() };
            session.sign_in_with(settings).map_err(|message| Stop::error(message, Some(step.span)))?;
        }
        let spoken = self.converse_over(&session, number, &tool, deadline).await;
        let outcome = spoken.as_ref().map_or("failed", outcome_of);
        let mut view = View { spoken, ..View::default() };
        if let Some(problem) = session.gave_up() {
            view.oauth.insert("problem".to_owned(), problem.code.into());
            view.stderr = Some(problem.to_string());
        }
        if session.opened().is_none() {
            self.forget(step.client.as_deref());
        }
        view.driven = Some(Driven { outcome, stdout: None, elapsed: started.elapsed() });
        Ok(view)
    }

    /// A program that connects, does its work and ends. What it is to call is in its environment.
    async fn drive_program(
        &self,
        step: &Step,
        number: usize,
        tool: Option<Tool>,
        manner: Manner,
        deadline: Duration,
    ) -> Result<View, Stop> {
        let program = self.program(step)?;
        program.forget();
        let browsing = self.browse(program, step, number, manner)?;
        let mut environment = BTreeMap::new();
        if let Some(version) = self.case.version {
            environment.insert("GAUNTLET_VERSION".to_owned(), version.to_string());
        }
        if let Some(tool) = tool {
            environment.insert("GAUNTLET_TOOL".to_owned(), tool.name);
            environment.insert("GAUNTLET_ARGUMENTS".to_owned(), tool.arguments.to_string());
        }
        let finished = program.run(environment, deadline).await.map_err(|f| Stop::error(f.message, Some(step.span)))?;
        drop(browsing);
        let outcome = match finished.exit {
            exit if exit.killed => "timeout",
            exit if exit.code == Some(0) => "done",
            _ => "failed",
        };
        Ok(View {
            exit: Some(finished.exit),
            stderr: Some(finished.stderr),
            driven: Some(Driven { outcome, stdout: Some(finished.stdout), elapsed: finished.elapsed }),
            ..View::default()
        })
    }

    /// A program that speaks MCP on stdio. It runs until the case ends, or until it gives up: then the next drive starts it
    /// again.
    async fn drive_bridge(
        &self,
        step: &Step,
        number: usize,
        tool: Option<Tool>,
        manner: Manner,
        deadline: Duration,
    ) -> Result<View, Stop> {
        let Some(tool) = tool else { return Err(self.without_fixture("tool", step.span)) };
        let program = self.program(step)?;
        let started = Instant::now();
        let client = step.client.as_deref();
        let is_running = self.has_session(client);
        if !is_running {
            program.forget();
        }
        let from = self.recorder.since(0).len();
        let session = self.session(client)?;
        let browsing = self.browse(program, step, number, manner)?;
        self.converse_over(&session, number, &tool, deadline).await;
        drop(browsing);
        let mut view = View { spoken: self.last_of(from), ..View::default() };
        let outcome = view.spoken.as_ref().map_or("failed", outcome_of);
        let closed = view.reply().and_then(|r| r.failure.as_ref()).is_some_and(|f| f.kind == FailureKind::Closed);
        let lost = closed || session.opened().is_none();
        if closed {
            (_, view.exit) = session.close(Some(number), END).await;
        }
        view.stderr = session.take_stderr();
        if lost {
            self.forget(client);
        }
        view.driven = Some(Driven { outcome, stdout: None, elapsed: started.elapsed() });
        Ok(view)
    }

    /// Opens the session and lists the tools if that was not done yet, and calls the tool; stops at what does not come to a
    /// result.
    async fn converse_over(&self, session: &Session, number: usize, tool: &Tool, deadline: Duration) -> Option<Spoken> {
        let until = Instant::now() + deadline;
        let left = || until.saturating_duration_since(Instant::now());
        let is_new = session.opened().is_none();
        session.open(left()).await.ok()?;
        if is_new {
            let list = Call { step: Some(number), method: "tools/list", deadline: left(), ..Call::default() };
            let listed = session.call(list).await;
            if outcome_of(&listed) != "done" {
                return Some(listed);
            }
        }
        let call = Call {
            step: Some(number),
            method: "tools/call",
            params: Some(json!({ "name": tool.name, "arguments": tool.arguments })),
            deadline: left(),
            ..Call::default()
        };
        Some(session.call(call).await)
    }

    /// The last request that was sent over stdio since the exchange of that number.
    fn last_of(&self, from: usize) -> Option<Spoken> {
        let fresh = self.recorder.since(from);
        let (offset, recorded) = fresh.iter().enumerate().rfind(|(_, r)| r.request.method == "stdin")?;
        let message: Value = serde_json::from_slice(&recorded.request.body).ok()?;
        Some(Spoken {
            number: from + offset,
            request: Arc::clone(&recorded.request),
            id: message.get("id").cloned(),
            reply: Arc::clone(recorded.reply.as_ref()?),
        })
    }
}

fn outcome_of(spoken: &Spoken) -> &'static str {
    let answer = spoken.id.as_ref().and_then(|id| spoken.reply.answer(id));
    match (answer, spoken.reply.failure.as_ref().map(|f| f.kind)) {
        (Some(answer), _) if answer.get("result").is_some() => "done",
        (None, Some(FailureKind::Timeout)) => "timeout",
        _ => "failed",
    }
}

/// Why the client says it failed, as a clause.
fn last_words(view: &View) -> String {
    let line = view.stderr.as_deref().and_then(|text| text.lines().rev().find(|line| !line.trim().is_empty()));
    let line = line.map(|line| sanitize::line(line, WORDS_SHOWN));
    match (view.member("error"), line) {
        (Some(error), _) => format!(" with the error {error}"),
        (None, Some(line)) => format!("; it last wrote to stderr: {line}"),
        (None, None) => String::new(),
    }
}
