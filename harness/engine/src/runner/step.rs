//! One step: resolve, do, judge, capture.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, join_all};
use gauntlet_format::resolve::resolve_str;
use gauntlet_format::scenario::{Expect, HttpBody};
use gauntlet_format::{Key, Node, Span, Step, StepKind, jsonpath, matching};
use gauntlet_reports::Verdict;
use serde_json::{Map, Value};

use super::case::{Stop, World};
use super::check::Origin;
use super::view::{View, received};
use crate::lifecycle::{Call, HeaderChanges, Session, Spoken};

/// Rounds of input requests that are answered at most.
const MAX_ROUNDS: usize = 8;

/// How long a mock may take to get what a `received` step waits for.
const ARRIVAL: Duration = Duration::from_millis(500);

/// How many step numbers the step takes: itself and what is inside.
pub(crate) fn count(step: &Step) -> usize {
    match &step.kind {
        StepKind::Parallel(inner) | StepKind::Repeat { steps: inner, .. } => 1 + inner.iter().map(count).sum::<usize>(),
        _ => 1,
    }
}

impl World<'_> {
    /// Does the step; `number` is its own in the whole scenario.
    pub(crate) fn step<'s>(&'s self, step: &'s Step, number: usize) -> BoxFuture<'s, Result<(), Stop>> {
        Box::pin(async move { self.perform(step, number).await.map(|_| ()) })
    }

    async fn perform(&self, step: &Step, number: usize) -> Result<Option<View>, Stop> {
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
            StepKind::Discover | StepKind::Authorize | StepKind::Refresh => {
                let reason =
                    "OAuth steps need a target with `auth: oauth`, which this version of Gauntlet does not offer";
                Err(Stop::untestable(reason, Some(step.span)))
            }
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
        let session = self.session(step.client.as_deref())?;
        let needs_open = !matches!(step.kind, StepKind::Http { .. } | StepKind::Close);
        // A bound on the step is on what it asks, not on a program that is slow to start.
        if needs_open && let Err(error) = session.open(deadline.max(self.options.step_timeout)).await {
            // What the target said wrong in the handshake is told before that it did not open.
            self.judge_new(false, true);
            return Err(Stop::error(error.message, Some(step.span)));
        }
        if let Some(opened) = session.opened() {
            self.scope.set_root(
                "session",
                serde_json::json!({ "id": opened.session_id, "version": opened.version, "capabilities": opened.capabilities }),
            );
        }
        let mut view = self.exchange(step, number, &session, deadline).await?;
        if self.wants(&step.expect, "stderr") {
            view.stderr = session.take_stderr().or_else(|| self.instance.take_stderr());
        }
        let raw = matches!(step.kind, StepKind::Http { .. } | StepKind::Send(_));
        if let Some(fault) = self.judge_new(step.on_purpose, raw) {
            return Err(Stop::error(fault, Some(step.span)));
        }
        if let Some(failure) = view.reply().and_then(|r| r.failure.as_ref())
            && failure.kind.is_infrastructure()
            && !(failure.kind.is_outcome() && self.wants(&step.expect, "outcome"))
        {
            return Err(Stop::error(failure.message.clone(), Some(step.span)));
        }
        let origin = Origin { step: number, exchange: view.spoken.as_ref().map(|s| s.number) };
        self.judge(&step.expect, origin, &view)?;
        self.judge_breakdown(step, origin, &view)?;
        if !step.capture.is_empty() {
            self.capture(step, &view.whole())?;
        }
        Ok(view)
    }

    /// A target that breaks down, or sends elsewhere, has not refused anything: a 5xx or 3xx passes no check unless the
    /// scenario asks for just that. 501 is a considered answer, and so is a JSON-RPC error other than the internal one.
    fn judge_breakdown(&self, step: &Step, origin: Origin, view: &View) -> Result<(), Stop> {
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

    fn judge(&self, expect: &[Expect], origin: Origin, view: &View) -> Result<(), Stop> {
        for block in expect {
            let members = self.resolve_members(block)?;
            self.with_checks(|checks| checks.block(origin, block, &members, view));
        }
        Ok(())
    }

    fn resolve_members(&self, block: &Expect) -> Result<Vec<(Key, Node)>, Stop> {
        block.members.iter().map(|(key, node)| Ok((key.clone(), self.resolve(node)?))).collect()
    }

    fn capture(&self, step: &Step, whole: &Value) -> Result<(), Stop> {
        for (name, path) in &step.capture {
            if self.with_checks(|c| c.verdict()) == Verdict::Fail {
                return Ok(());
            }
            let text = self.text(&path.name, path.span)?;
            let value = jsonpath::capture(&text, whole)
                .map_err(|e| Stop::error(format!("cannot capture `{}`: {e}", name.name), Some(path.span)))?;
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

    /// On a system that is not ours only harmless tools are called: read-only ones, and those that `fixtures:` names.
    async fn may_call(&self, name: &str, span: Span) -> Result<(), Stop> {
        let spec = &self.case.target.spec;
        if spec.is_mock() || spec.allow.writes {
            return Ok(());
        }
        if self
            .instance
            .fixtures
            .values()
            .any(|f| f.as_str() == Some(name) || f.get("name").and_then(Value::as_str) == Some(name))
        {
            return Ok(());
        }
        let details = self.case.target.details(self.case.version).await.map_err(|e| Stop::error(e, None))?;
        let listed = details.tools.iter().any(|t| t.get("name").and_then(Value::as_str) == Some(name));
        if !listed || details.is_read_only(name) {
            return Ok(());
        }
        let reason = format!(
            "the tool `{name}` does not declare itself read-only, so it is not called on a system that is not ours; name it under `fixtures:`, or set `allow: [writes]`"
        );
        Err(Stop::untestable(reason, Some(span)))
    }

    /// As [`may_call`](Self::may_call), for every call in bytes that are sent as they stand.
    async fn may_send(&self, bytes: &[u8], span: Span) -> Result<(), Stop> {
        if self.case.target.spec.is_mock() {
            return Ok(());
        }
        for name in called_tools(bytes) {
            self.may_call(&name, span).await?;
        }
        Ok(())
    }

    async fn control(&self, node: &Node) -> Result<(), Stop> {
        let Value::Object(mut command) = self.resolve(node)?.to_json() else {
            return Err(Stop::error("`control` is a mapping", Some(node.span)));
        };
        let name = command
            .shift_remove("mock")
            .and_then(|m| m.as_str().map(str::to_owned))
            .unwrap_or_else(|| "target".to_owned());
        let Some(mock) = self.instance.mock_named(&name) else {
            return Err(Stop::untestable(
                format!("there is no mock `{name}` to control; the target is a real system"),
                Some(node.span),
            ));
        };
        mock.control(&Value::Object(command)).await.map_err(|e| Stop::error(e.to_string(), Some(node.span)))
    }

    async fn received(
        &self,
        step: &Step,
        number: usize,
        upstream: &Key,
        filter: Option<&Node>,
        expected: Option<&Node>,
        since_start: bool,
    ) -> Result<(), Stop> {
        let Some(mock) = self.instance.mock_named(&upstream.name) else {
            let reason = format!("there is no mock `{}` that could tell what it got", upstream.name);
            return Err(Stop::untestable(reason, Some(upstream.span)));
        };
        let filter = filter.map(|n| self.resolve(n)).transpose()?;
        let expected = expected.map(|n| self.resolve(n)).transpose()?;
        let from = if since_start {
            0
        } else {
            self.looked.lock().unwrap_or_else(PoisonError::into_inner).get(&upstream.name).copied().unwrap_or(0)
        };
        let started = Instant::now();
        let requests = loop {
            let requests: Vec<Value> = mock
                .journal()
                .since(from)
                .iter()
                .map(|entry| received(entry))
                .filter(|request| filter.as_ref().is_none_or(|f| matching::matches(f, Some(request), "").is_empty()))
                .collect();
            let count = Value::from(requests.len());
            let enough =
                expected.as_ref().map_or(!requests.is_empty(), |e| matching::matches(e, Some(&count), "").is_empty());
            if enough || started.elapsed() > ARRIVAL {
                break requests;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        self.looked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(upstream.name.clone(), mock.journal().next_sequence());
        self.judge_received(step, number, &requests, expected.as_ref())?;
        let whole = serde_json::json!({ "count": requests.len(), "requests": requests });
        self.capture(step, &whole)
    }

    fn judge_received(
        &self,
        step: &Step,
        number: usize,
        requests: &[Value],
        expected: Option<&Node>,
    ) -> Result<(), Stop> {
        let origin = Origin { step: number, exchange: None };
        let count = Value::from(requests.len());
        if let Some(pattern) = expected {
            let ids = step.expect.first().and_then(|b| self.with_checks(|c| c.ids_of(b))).unwrap_or_default();
            self.with_checks(|c| c.value(origin, "count".to_owned(), &ids, None, pattern, Some(&count)));
        }
        for block in &step.expect {
            let Some(ids) = self.with_checks(|c| c.ids_of(block)) else { continue };
            for (key, pattern) in self.resolve_members(block)? {
                let because = block.because.as_deref();
                match key.name.as_str() {
                    "count" => {
                        self.with_checks(|c| {
                            c.value(origin, "count".to_owned(), &ids, because, &pattern, Some(&count));
                        });
                    }
                    "requests" => {
                        let list = Value::Array(requests.to_vec());
                        self.with_checks(|c| {
                            c.value(origin, "requests".to_owned(), &ids, because, &pattern, Some(&list));
                        });
                    }
                    name if requests.is_empty() => {
                        // Nothing arrived, so nothing has this member; an absence is judged by `count: 0`.
                        self.with_checks(|c| c.value(origin, name.to_owned(), &ids, because, &pattern, None));
                    }
                    name => {
                        for (i, request) in requests.iter().enumerate() {
                            let label =
                                if requests.len() == 1 { name.to_owned() } else { format!("requests[{i}].{name}") };
                            self.with_checks(|c| c.value(origin, label, &ids, because, &pattern, request.get(name)));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn text(&self, text: &str, span: Span) -> Result<String, Stop> {
        resolve_str(text, span, &self.scope).map_err(|e| Stop::error(e.to_string(), Some(e.span)))
    }

    fn value(&self, node: Option<&Node>) -> Result<Option<Value>, Stop> {
        node.map(|n| self.resolve(n).map(|n| n.to_json())).transpose()
    }

    fn object(&self, node: Option<&Node>) -> Result<Option<Map<String, Value>>, Stop> {
        match self.value(node)? {
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(Stop::error("a mapping is expected here", node.map(|n| n.span))),
            None => Ok(None),
        }
    }
}

/// Names of the tools that a message, a batch, or a raw HTTP request with either as its body calls.
fn called_tools(bytes: &[u8]) -> Vec<String> {
    let body = bytes.windows(4).position(|w| w == b"\r\n\r\n").map_or(bytes, |head| &bytes[head..]);
    let start = body.iter().position(|b| matches!(b, b'{' | b'['));
    let end = body.iter().rposition(|b| matches!(b, b'}' | b']'));
    let inner = start.zip(end).and_then(|(start, end)| body.get(start..=end)).unwrap_or_default();
    let message: Value = serde_json::from_slice(inner).unwrap_or_default();
    let messages = message.as_array().map_or(std::slice::from_ref(&message), Vec::as_slice);
    let calls = messages.iter().filter(|m| m.get("method").and_then(Value::as_str) == Some("tools/call"));
    calls.filter_map(|m| m.pointer("/params/name")?.as_str().map(str::to_owned)).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Follows `nextCursor` to the end. A server that never ends is cut off; the pages show the loop.
async fn walk(session: &Session, call: Call<'_>) -> (Spoken, Vec<Value>) {
    const MAX_PAGES: usize = 50;
    let mut pages = Vec::new();
    let mut params = call.params.clone();
    loop {
        let page = Call {
            step: call.step,
            method: call.method,
            params: params.clone(),
            envelope: call.envelope.clone(),
            headers: call.headers.clone(),
            credential: call.credential.clone(),
            deadline: call.deadline,
            ..Call::default()
        };
        let spoken = session.call(page).await;
        let result = spoken.id.as_ref().and_then(|id| spoken.reply.answer(id)).and_then(|a| a.get("result")).cloned();
        let next = result.as_ref().and_then(|r| r.get("nextCursor")).filter(|c| !c.is_null()).cloned();
        pages.extend(result);
        match next {
            Some(cursor) if pages.len() < MAX_PAGES => {
                let object = params.get_or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(object) = object {
                    object.insert("cursor".to_owned(), cursor);
                }
            }
            _ => return (spoken, pages),
        }
    }
}

/// A call; where the server asks for input in its result (2026-07-28), it is sent again with the scripted answers.
async fn call_with_inputs(session: &Session, call: Call<'_>) -> Spoken {
    let Some(replies) = call.replies.clone() else { return session.call(call).await };
    let mut params = call.params.clone();
    let mut rounds = 0;
    loop {
        let round = Call {
            step: call.step,
            method: call.method,
            params: params.clone(),
            id: call.id.clone().filter(|_| rounds == 0),
            envelope: call.envelope.clone(),
            headers: call.headers.clone(),
            credential: call.credential.clone(),
            replies: Some(replies.clone()),
            linger: call.linger,
            deadline: call.deadline,
            is_notification: false,
        };
        let spoken = session.call(round).await;
        let result = spoken.id.as_ref().and_then(|id| spoken.reply.answer(id)).and_then(|a| a.get("result"));
        rounds += 1;
        match result.and_then(|r| answered_inputs(r, &replies)) {
            Some((responses, state)) if rounds <= MAX_ROUNDS => {
                let object = params.get_or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(object) = object {
                    object.insert("inputResponses".to_owned(), responses);
                    match state {
                        Some(state) => object.insert("requestState".to_owned(), state),
                        None => object.shift_remove("requestState"),
                    };
                }
            }
            _ => return spoken,
        }
    }
}

/// Answers to all input requests of a result, if the scenario has one for each (mrtr.client-fulfils-before-retry).
fn answered_inputs(result: &Value, replies: &Value) -> Option<(Value, Option<Value>)> {
    if result.get("resultType").and_then(Value::as_str) != Some("input_required") {
        return None;
    }
    let mut responses = Map::new();
    for (key, request) in result.get("inputRequests").and_then(Value::as_object).into_iter().flatten() {
        let method = request.get("method")?.as_str()?;
        responses.insert(key.clone(), replies.get(method)?.get("result")?.clone());
    }
    Some((Value::Object(responses), result.get("requestState").cloned()))
}
