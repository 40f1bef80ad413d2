//! One step: resolve, do, judge, capture.

mod call;
mod compare;
mod drive;
mod harm;
mod oauth;
mod received;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use gauntlet_format::resolve::{resolve_json, resolve_str, resolved};
use gauntlet_format::scenario::{Expect, HttpBody};
use gauntlet_format::{Key, Node, Span, Step, StepKind, jsonpath, matching};
use gauntlet_reports::Verdict;
use serde_json::{Map, Value};

use call::call_with_inputs;
pub(crate) use call::walk;
use drive::Drive;
pub(crate) use harm::called_tools;

use super::case::{Broken, Stop, World};
use super::check::Origin;
use super::spoken::Acting;
use super::view::View;
use crate::lifecycle::{Call, DEFAULT_CLIENT, HeaderChanges, Session, Spoken};
use crate::transport::alteration::Alteration;

/// How many step numbers the step takes: itself and what is inside.
pub(crate) fn count(step: &Step) -> usize {
    match &step.kind {
        StepKind::Parallel(inner) | StepKind::Repeat { steps: inner, .. } => 1 + inner.iter().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// How many steps a scenario has, as they are numbered.
pub(crate) fn steps_of(scenario: &gauntlet_format::Scenario) -> usize {
    scenario.steps.iter().map(count).sum()
}

impl World<'_> {
    /// Does the step; `number` is its own in the whole scenario.
    pub(crate) fn step<'s>(&'s self, step: &'s Step, number: usize) -> BoxFuture<'s, Result<(), Stop>> {
        Box::pin(async move { self.perform(step, number).await.map(|_| ()) })
    }

    /// As [`step`](Self::step), and gives back what was seen.
    pub(crate) async fn perform(&self, step: &Step, number: usize) -> Result<Option<View>, Stop> {
        let deadline = step.timeout.or(self.case.scenario.step_timeout).unwrap_or(self.options.step_timeout);
        match &step.kind {
            StepKind::Wait(pause) => {
                tokio::time::sleep(*pause).await;
                Ok(None)
            }
            StepKind::Parallel(steps) => {
                let mut next = number + 1;
                let running = steps.iter().map(|inner| {
                    let first = next;
                    next += count(inner);
                    self.step(inner, first)
                });
                join_all(running).await.into_iter().collect::<Result<Vec<()>, Stop>>()?;
                Ok(None)
            }
            StepKind::Repeat { times, every, until, steps } => {
                self.repeat(*times, *every, until.as_ref(), steps, number).await?;
                Ok(None)
            }
            StepKind::Control(node) => {
                self.control(node).await?;
                Ok(None)
            }
            StepKind::Received { upstream, filter, count, since_start } => {
                self.received(step, number, upstream, filter.as_ref(), count.as_ref(), *since_start).await?;
                Ok(None)
            }
            StepKind::Drive { tool, arguments, browser } => {
                let drive = Drive { tool: tool.as_deref(), arguments: arguments.as_ref(), browser: browser.as_deref() };
                self.drive(step, number, drive, deadline).await.map(Some)
            }
            StepKind::Oauth(leg) => Box::pin(self.oauth(step, leg, number, deadline)).await.map(Some),
            _ => self.converse(step, number, deadline).await.map(Some),
        }
    }

    async fn repeat(
        &self,
        times: u64,
        every: Option<Duration>,
        until: Option<&Node>,
        steps: &[Step],
        number: usize,
    ) -> Result<(), Stop> {
        for round in 0..times {
            if round > 0
                && let Some(pause) = every
            {
                tokio::time::sleep(pause).await;
            }
            let mut last = None;
            let mut inner_number = number + 1;
            for inner in steps {
                last = Box::pin(self.perform(inner, inner_number)).await?.or(last);
                inner_number += count(inner);
                if self.with_checks(|c| c.verdict()) == Verdict::Fail {
                    return Ok(());
                }
            }
            if let Some(until) = until {
                let pattern = self.resolve(until)?;
                if matching::matches(&pattern, last.as_ref().map(View::whole).as_ref(), "").is_empty() {
                    return Ok(());
                }
                if round + 1 == times {
                    return Err(Stop::error(format!("`until` was not met in {times} rounds"), Some(until.span)));
                }
            }
        }
        Ok(())
    }

    /// A step that has an exchange with the target.
    async fn converse(&self, step: &Step, number: usize, deadline: Duration) -> Result<View, Stop> {
        let session = self.opened(step, deadline).await?;
        let mut view = self.exchange(step, number, &session, deadline).await?;
        if self.wants(&step.expect, "stderr") {
            view.stderr = session.take_stderr().or_else(|| self.instance.take_stderr());
        }
        if let Some(spoken) = &view.spoken {
            self.scope.spoken.add(step.client.as_deref(), step.name.as_deref(), spoken);
        }
        let raw = matches!(step.kind, StepKind::Http { .. } | StepKind::Send(_));
        if let Some(fault) = self.judge_new(step.on_purpose, raw) {
            return Err(Stop::error(fault, Some(step.span)));
        }
        if let Some(failure) = view.reply().and_then(|r| r.failure.as_ref())
            && failure.kind.is_infrastructure()
            && !(failure.kind.is_outcome() && self.wants(&step.expect, "outcome"))
        {
            let broken = Broken { kind: Some(failure.kind), step: Some(number) };
            return Err(Stop::broken(broken, failure.message.clone(), Some(step.span)));
        }
        let origin = Origin::of_exchange(number, view.spoken.as_ref().map(|s| s.number));
        self.judge(step, &origin, &view)?;
        self.judge_breakdown(step, &origin, &view)?;
        if !step.capture.is_empty() {
            self.capture(step, &view.whole())?;
        }
        Ok(view)
    }

    /// Sends the request of a step that has been done once more, altered on its way out. Nothing is judged.
    pub(crate) async fn send_altered(
        &self,
        step: &Step,
        number: usize,
        alteration: &Arc<Alteration>,
    ) -> Result<Spoken, Stop> {
        let deadline = step.timeout.or(self.case.scenario.step_timeout).unwrap_or(self.options.step_timeout);
        let session = self.opened(step, deadline).await?;
        session.alter(number, Some(Arc::clone(alteration)));
        let view = self.exchange(step, number, &session, deadline).await;
        session.alter(number, None);
        view?.spoken.ok_or_else(|| Stop::error("the step sends no request", Some(step.span)))
    }

    /// The session of the client that the step is for, open if the step needs that.
    async fn opened(&self, step: &Step, deadline: Duration) -> Result<Arc<Session>, Stop> {
        let session = self.session(step.client.as_deref())?;
        let needs_open = !matches!(step.kind, StepKind::Http { .. } | StepKind::Close);
        // A bound on the step is on what it asks, not on a program that is slow to start.
        if needs_open && let Err(error) = session.open(deadline.max(self.options.step_timeout)).await {
            // What the target said wrong in the handshake is told before that it did not open.
            self.judge_new(false, true);
            let broken = Broken { kind: error.failure.map(|failure| failure.kind), step: None };
            return Err(Stop::broken(broken, error.message, Some(step.span)));
        }
        if let Some(opened) = session.opened() {
            self.scope.set_root(
                "session",
                serde_json::json!({ "id": opened.session_id, "version": opened.version, "capabilities": opened.capabilities }),
            );
        }
        Ok(session)
    }

    /// A target that breaks down, or sends elsewhere, has not refused anything: a 5xx or 3xx passes no check unless the
    /// scenario asks for just that. 501 is a considered answer, and so is a JSON-RPC error other than the internal one.
    fn judge_breakdown(&self, step: &Step, origin: &Origin, view: &View) -> Result<(), Stop> {
        const INTERNAL_ERROR: i64 = -32603;
        let status = view.reply().and_then(|r| r.status).filter(|s| matches!(s, 300..=303 | 305..=399 | 500 | 502..));
        let (Some(status), false) = (status, step.expect.is_empty()) else { return Ok(()) };
        let code = view.member("error").and_then(|e| e.get("code").and_then(Value::as_i64));
        if code.is_some_and(|code| code != INTERNAL_ERROR) {
            return Ok(());
        }
        for (key, node) in step.expect.iter().flat_map(|block| &block.members) {
            if key.name != "status" {
                continue;
            }
            let pattern = self.resolve(node)?;
            let takes = |status: u16| matching::matches(&pattern, Some(&status.into()), "").is_empty();
            if takes(status) && !takes(400) {
                return Ok(());
            }
        }
        let redirect = view.reply().and_then(crate::transport::Reply::redirect);
        let reason = redirect.unwrap_or_else(|| format!("HTTP {status} is no answer: the target broke down"));
        self.with_checks(|c| c.broken_wire(origin, reason));
        Ok(())
    }

    fn wants(&self, expect: &[Expect], member: &str) -> bool {
        expect.iter().any(|block| block.members.iter().any(|(key, _)| key.name == member))
    }

    fn judge(&self, step: &Step, origin: &Origin, view: &View) -> Result<(), Stop> {
        for block in &step.expect {
            let members = self.resolve_members(step, block)?;
            self.with_checks(|checks| checks.block(origin, block, &members, view));
        }
        Ok(())
    }

    /// Variables are replaced as the client sees them that the step names: several may speak at the same time.
    fn resolve_members<'b>(&self, step: &Step, block: &'b Expect) -> Result<Vec<(&'b Key, Cow<'b, Node>)>, Stop> {
        let acting = self.acting(step);
        let resolved = |node| resolved(node, &acting).map_err(|e| Stop::error(e.to_string(), Some(e.span)));
        block.members.iter().map(|(key, node)| Ok((key, resolved(node)?))).collect()
    }

    /// The variables as the client of the step sees them; a `received` step that names none is about the last that spoke.
    fn acting<'w>(&'w self, step: &'w Step) -> Acting<'w> {
        let own = (!matches!(step.kind, StepKind::Received { .. })).then_some(DEFAULT_CLIENT);
        Acting { scope: &self.scope, client: step.client.as_deref().or(own) }
    }

    fn capture(&self, step: &Step, whole: &Value) -> Result<(), Stop> {
        for (name, capture) in &step.capture {
            let path = &capture.path;
            if self.with_checks(|c| c.verdict()) == Verdict::Fail {
                return Ok(());
            }
            let text = self.text(&path.name, path.span)?;
            let lost = |e: String, span| Stop::error(format!("cannot capture `{}`: {e}", name.name), Some(span));
            let mut value = jsonpath::capture(&text, whole).map_err(|e| lost(e, path.span))?;
            if let Some(regex) = &capture.regex {
                let pattern = self.text(&regex.name, regex.span)?;
                value = jsonpath::part(&pattern, &value).map_err(|e| lost(e, regex.span))?;
            }
            self.scope.set(&name.name, value);
        }
        Ok(())
    }

    async fn exchange(&self, step: &Step, number: usize, session: &Session, deadline: Duration) -> Result<View, Stop> {
        let headers = step.headers.as_ref().map(|n| self.resolve(n)).transpose()?;
        let changes = HeaderChanges::from_node(headers.as_ref());
        let credential = step.auth.as_ref().map(|n| self.credential(n)).transpose()?;
        let linger = step.linger.unwrap_or_default();
        let mut view = View::default();
        match &step.kind {
            StepKind::Call { method, params, id, envelope, replies, cursor_walk } => {
                let method = self.text(method, step.span)?;
                let call = Call {
                    step: Some(number),
                    method: &method,
                    params: self.value(params.as_ref())?,
                    id: self.value(id.as_ref())?,
                    is_notification: false,
                    envelope: self.object(envelope.as_ref())?,
                    headers: changes,
                    credential,
                    replies: self.value(replies.as_ref())?,
                    linger,
                    deadline,
                };
                if call.method == "tools/call"
                    && let Some(name) = call.params.as_ref().and_then(|p| p.get("name")).and_then(Value::as_str)
                {
                    self.may_call(name, step.span).await?;
                }
                if *cursor_walk {
                    let (spoken, pages) = walk(session, call).await;
                    view.pages = Some(pages);
                    view.spoken = Some(spoken);
                } else {
                    view.spoken = Some(call_with_inputs(session, call).await);
                }
            }
            StepKind::Notify { method, params, envelope } => {
                let method = self.text(method, step.span)?;
                let call = Call {
                    step: Some(number),
                    method: &method,
                    params: self.value(params.as_ref())?,
                    is_notification: true,
                    envelope: self.object(envelope.as_ref())?,
                    headers: changes,
                    credential,
                    linger,
                    deadline,
                    ..Call::default()
                };
                view.spoken = Some(session.call(call).await);
            }
            StepKind::Http { method, path, query, body } => {
                view.spoken = Some(
                    self.http(
                        step,
                        number,
                        session,
                        method,
                        path.as_deref(),
                        query.as_ref(),
                        body.as_ref(),
                        &changes,
                        credential.as_ref(),
                        deadline,
                    )
                    .await?,
                );
            }
            StepKind::Send(node) => {
                let resolved = self.resolve(node)?;
                let text = resolved.as_str().map_or_else(|| resolved.to_json().to_string(), str::to_owned);
                self.may_send(text.as_bytes(), step.span).await?;
                let sent =
                    session.send(Some(number), text.into_bytes(), &changes, credential.as_ref(), linger, deadline);
                view.spoken = Some(sent.await);
            }
            StepKind::Listen { limit, count, last_event_id } => {
                let id = self.value(last_event_id.as_ref())?;
                let id = id.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
                view.spoken = Some(session.listen(Some(number), &changes, id.as_deref(), *count, *limit).await);
            }
            StepKind::Close => {
                let (spoken, exit) = session.close(Some(number), deadline).await;
                view.spoken = spoken;
                view.exit = exit;
                if self.wants(&step.expect, "stderr") {
                    view.stderr = session.take_stderr();
                }
                self.forget(step.client.as_deref());
            }
            // The other verbs have no exchange of their own.
            _ => {}
        }
        Ok(view)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a request line and body")]
    async fn http(
        &self,
        step: &Step,
        number: usize,
        session: &Session,
        method: &str,
        path: Option<&str>,
        query: Option<&Node>,
        body: Option<&HttpBody>,
        changes: &HeaderChanges,
        credential: Option<&crate::auth::Credential>,
        deadline: Duration,
    ) -> Result<Spoken, Stop> {
        let method = self.text(method, step.span)?;
        let mut path = path.map(|p| self.text(p, step.span)).transpose()?;
        if let Some(query) = self.object(query)? {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            query.iter().for_each(|(n, v)| {
                pairs.append_pair(n, &plain(v));
            });
            path = Some(format!("{}?{}", path.unwrap_or_else(|| self.endpoint_path()), pairs.finish()));
        }
        let mut headers = Vec::new();
        let bytes = match body {
            None => Vec::new(),
            Some(HttpBody::Json(node)) => {
                headers.push(("accept".to_owned(), crate::lifecycle::ACCEPT.to_owned()));
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
                self.resolve(node)?.to_json().to_string().into_bytes()
            }
            Some(HttpBody::Text(node)) => plain(&self.resolve(node)?.to_json()).into_bytes(),
            Some(HttpBody::Form(node)) => {
                headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
                let mut pairs = url::form_urlencoded::Serializer::new(String::new());
                self.object(Some(node))?.unwrap_or_default().iter().for_each(|(n, v)| {
                    pairs.append_pair(n, &plain(v));
                });
                pairs.finish().into_bytes()
            }
            Some(HttpBody::Raw(node)) => {
                let bytes = plain(&self.resolve(node)?.to_json()).into_bytes();
                self.may_send(&bytes, step.span).await?;
                return Ok(session.raw(Some(number), bytes, deadline).await);
            }
        };
        self.may_send(&bytes, step.span).await?;
        Ok(session.http(Some(number), &method, path.as_deref(), headers, changes, bytes, credential, deadline).await)
    }

    fn endpoint_path(&self) -> String {
        self.instance.url().map_or_else(|| "/".to_owned(), |u| u.path().to_owned())
    }

    async fn control(&self, node: &Node) -> Result<(), Stop> {
        let Value::Object(mut command) = self.resolve(node)?.to_json() else {
            return Err(Stop::error("`control` is a mapping", Some(node.span)));
        };
        let name = command
            .shift_remove("mock")
            .and_then(|m| m.as_str().map(str::to_owned))
            .unwrap_or_else(|| "target".to_owned());
        let Some(done) = self.instance.control(&name, &Value::Object(command)).await else {
            return Err(Stop::untestable(
                format!("there is no mock `{name}` to control; the target is a real system"),
                Some(node.span),
            ));
        };
        done.map_err(|e| Stop::error(e.to_string(), Some(node.span)))
    }

    pub(crate) fn text(&self, text: &str, span: Span) -> Result<String, Stop> {
        resolve_str(text, span, &self.scope).map_err(|e| Stop::error(e.to_string(), Some(e.span)))
    }

    fn value(&self, node: Option<&Node>) -> Result<Option<Value>, Stop> {
        let resolved = |node| resolve_json(node, &self.scope).map_err(|e| Stop::error(e.to_string(), Some(e.span)));
        node.map(resolved).transpose()
    }

    fn object(&self, node: Option<&Node>) -> Result<Option<Map<String, Value>>, Stop> {
        match self.value(node)? {
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(Stop::error("a mapping is expected here", node.map(|n| n.span))),
            None => Ok(None),
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
