//! Variables that lead nowhere, and captures that nobody reads.

use std::collections::BTreeMap;

use super::{Findings, ROOTS, relations};
use crate::diagnostic::did_you_mean;
use crate::duration;
use crate::node::{Key, Node, Span};
use crate::resolve::{Piece, each_string, pieces};
use crate::scenario::{HttpBody, Scenario, Step, StepKind};
use crate::shape::within;

/// What a scenario defines, and what of it has been read.
struct Scope<'s> {
    /// Matrix names and vars: defined from the start.
    names: BTreeMap<&'s str, Name>,
    /// Every capture of the scenario, for "captured later".
    later: BTreeMap<&'s str, u32>,
    /// Names of the steps.
    steps: Vec<&'s str>,
    /// Secrets that are given, each with its place, and whether it has been read.
    secrets: BTreeMap<&'s str, (Span, bool)>,
}

struct Name {
    span: Span,
    kind: Kind,
    read: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Capture,
    Matrix,
    Var,
}

pub(super) fn check<'s>(scenario: &'s Scenario, found: &mut Findings<'s>) {
    let steps = relations::step_names(&scenario.steps);
    let secrets = scenario.secrets.iter().map(|key| (key.name.as_str(), (key.span, false))).collect();
    let mut scope = Scope { names: BTreeMap::new(), later: BTreeMap::new(), steps, secrets };
    for (key, _) in &scenario.vars {
        scope.names.insert(&key.name, Name { span: key.span, kind: Kind::Var, read: false });
    }
    for (key, _) in &scenario.matrix {
        if scope.names.contains_key(key.name.as_str()) {
            found
                .error("name-taken", key.span, format!("`{}` is also one of the `vars`", key.name))
                .label("choose another name");
        }
        scope.names.insert(&key.name, Name { span: key.span, kind: Kind::Matrix, read: false });
    }
    collect(&scenario.steps, &mut scope.later);
    scenario.vars.iter().for_each(|(_, n)| scope.node(n, false, found));
    scenario.given.iter().for_each(|n| scope.node(n, false, found));
    scenario.stubs.iter().for_each(|n| scope.node(n, true, found));
    scope.steps(&scenario.steps, found);
    // A value of the matrix is resolved where it is read, and a default serves every step: both after a capture too.
    scenario.matrix.iter().flat_map(|(_, n)| n).for_each(|n| scope.node(n, false, found));
    let defaults = &scenario.defaults;
    defaults.headers.iter().chain(&defaults.auth).chain(&defaults.envelope).for_each(|n| scope.node(n, false, found));
    for (name, (span, _)) in scope.secrets.iter().filter(|(_, (_, is_read))| !is_read) {
        found
            .warning("unused-secret", *span, format!("nobody reads the secret `{name}`"))
            .help(format!("use `${{secret:{name}}}` in a step, or remove it"));
    }
    for (name, state) in scope.names.iter().filter(|(name, state)| !state.read && !name.starts_with('_')) {
        match state.kind {
            Kind::Capture => {
                found
                    .warning("unused-capture", state.span, format!("nobody reads the capture `{name}`"))
                    .help(format!("remove it, or call it `_{name}` if it is only for the transcript"));
            }
            Kind::Matrix => {
                found
                    .warning("unused-matrix", state.span, format!("nobody reads `{name}`: all its cases are the same"))
                    .help(format!("use `${{{name}}}` in a step"));
            }
            Kind::Var => {}
        }
    }
}

fn collect<'s>(steps: &'s [Step], into: &mut BTreeMap<&'s str, u32>) {
    for step in steps {
        for (key, _) in &step.capture {
            into.entry(&key.name).or_insert(key.span.line);
        }
        if let StepKind::Parallel(inner) | StepKind::Repeat { steps: inner, .. } = &step.kind {
            collect(inner, into);
        }
    }
}

impl<'s> Scope<'s> {
    fn steps(&mut self, steps: &'s [Step], found: &mut Findings<'s>) {
        for step in steps {
            self.step(step, found);
            self.capture(step);
        }
    }

    fn capture(&mut self, step: &'s Step) {
        for (Key { name, span }, _) in &step.capture {
            // Captured anew: whoever read the old value has read it.
            self.names.entry(name).or_insert(Name { span: *span, kind: Kind::Capture, read: false });
        }
    }

    fn step(&mut self, step: &'s Step, found: &mut Findings<'s>) {
        step.headers.iter().chain(&step.auth).for_each(|n| self.node(n, false, found));
        if let Some(name) = &step.name {
            self.text(name, step.span, false, found);
        }
        match &step.kind {
            StepKind::Call { method, params, id, envelope, replies, .. } => {
                self.text(method, step.span, false, found);
                [params, id, envelope, replies].into_iter().flatten().for_each(|n| self.node(n, false, found));
            }
            StepKind::Notify { method, params, envelope } => {
                self.text(method, step.span, false, found);
                [params, envelope].into_iter().flatten().for_each(|n| self.node(n, false, found));
            }
            StepKind::Http { method, path, query, body } => {
                self.text(method, step.span, false, found);
                path.iter().for_each(|p| self.text(p, step.span, false, found));
                query.iter().for_each(|n| self.node(n, false, found));
                if let Some(HttpBody::Json(n) | HttpBody::Text(n) | HttpBody::Form(n) | HttpBody::Raw(n)) = body {
                    self.node(n, false, found);
                }
            }
            StepKind::Send(n) | StepKind::Control(n) => self.node(n, false, found),
            StepKind::Listen { last_event_id, .. } => last_event_id.iter().for_each(|n| self.node(n, false, found)),
            StepKind::Received { filter, count, .. } => {
                filter.iter().chain(count).for_each(|n| self.node(n, false, found));
            }
            // None of them sees what another captures; all of it is there afterwards.
            StepKind::Parallel(steps) => {
                steps.iter().for_each(|s| self.step(s, found));
                steps.iter().for_each(|s| self.capture(s));
            }
            StepKind::Repeat { until, steps, .. } => {
                self.steps(steps, found);
                until.iter().for_each(|n| self.node(n, false, found));
            }
            StepKind::Oauth(leg) => {
                [&leg.settings, &leg.authorization, &leg.token]
                    .into_iter()
                    .flatten()
                    .for_each(|n| self.node(n, false, found));
            }
            StepKind::Drive { tool, arguments, browser } => {
                tool.iter().chain(browser).for_each(|text| self.text(text, step.span, false, found));
                arguments.iter().for_each(|n| self.node(n, false, found));
            }
            StepKind::Close | StepKind::Wait(_) => {}
        }
        step.expect.iter().flat_map(|b| &b.members).for_each(|(_, n)| self.node(n, false, found));
    }

    fn node(&mut self, node: &Node, in_stub: bool, found: &mut Findings<'s>) {
        let mut texts = Vec::new();
        each_string(node, &mut |text, span| texts.push((text, span)));
        for (text, span) in texts {
            self.text(text, span, in_stub, found);
        }
    }

    fn text(&mut self, text: &str, span: Span, in_stub: bool, found: &mut Findings<'s>) {
        for piece in pieces(text) {
            match piece {
                Piece::Text(_) => {}
                Piece::Variable(name) => {
                    if let Err((message, help)) = self.read(name, in_stub) {
                        let source = &found.source_of(span).text;
                        let place = within(span, source, &format!("${{{name}}}"), 0);
                        let last = found.error("undefined-variable", place, message).label("no such variable here");
                        last.0.help = help;
                    }
                }
                Piece::Open(_) => {
                    found
                        .error("open-variable", span, "`${` without `}`")
                        .label("the closing brace is missing")
                        .help("write `$${` for a literal `${`");
                }
            }
        }
    }

    /// Marks a variable as read.
    fn read(&mut self, name: &str, in_stub: bool) -> Result<(), (String, Option<String>)> {
        if let Some((root @ ("env" | "secret"), rest)) = name.split_once(':') {
            if rest.is_empty() {
                return Err((format!("`${{{name}}}` names nothing"), Some(format!("write `${{{root}:NAME}}`"))));
            }
            return if root == "env" { Ok(()) } else { self.read_secret(rest, in_stub) };
        }
        if let Some(offset) = name.strip_prefix("now") {
            return match offset.strip_prefix(['+', '-']) {
                Some(by) => duration::parse(by).map(|_| ()).map_err(|e| (format!("`${{{name}}}`: {e}"), None)),
                None if offset.is_empty() => Ok(()),
                None => Err((
                    format!("`${{{name}}}` is not a time"),
                    Some("write `${now}`, `${now+1h}` or `${now-5m}`".to_owned()),
                )),
            };
        }
        let (root, member) = name.split_once('.').map_or((name, None), |(r, m)| (r, Some(m)));
        let (root, member) = match (root, member) {
            ("vars", Some(rest)) => (rest.split('.').next().unwrap_or(rest), Some(rest)),
            other => other,
        };
        if let Some(state) = self.names.get_mut(root) {
            state.read = true;
            return Ok(());
        }
        match root {
            "version" | "uuid" if member.is_none() => return Ok(()),
            "target" | "upstreams" | "fixtures" | "session" if member.is_some_and(|m| !m.is_empty()) => return Ok(()),
            "sent" => return self.relation(name, member, relations::REQUEST),
            "answered" => return self.relation(name, member, relations::ANSWER),
            "request" if in_stub => return Ok(()),
            "request" => {
                return Err((
                    format!("`${{{name}}}`: there is no request to read"),
                    Some("`request` is known in `stubs` only".to_owned()),
                ));
            }
            "target" | "upstreams" | "fixtures" | "session" => {
                return Err((format!("`${{{name}}}` names no member"), Some(format!("write `${{{root}.NAME}}`"))));
            }
            "env" | "secret" => {
                return Err((format!("`${{{name}}}` is not spelled right"), Some(format!("write `${{{root}:NAME}}`"))));
            }
            _ => {}
        }
        let help = match self.later.get(root) {
            Some(line) => Some(format!("it is captured on line {line}, after this or at the same time")),
            None => did_you_mean(root, self.names.keys().copied().chain(ROOTS.iter().copied())),
        };
        Err((format!("`{root}` is not defined"), help))
    }

    /// What stands behind `secret:`: a secret that is given, where to read one, or any other variable.
    fn read_secret(&mut self, rest: &str, in_stub: bool) -> Result<(), (String, Option<String>)> {
        if rest.starts_with("env:") || rest.starts_with("file:") {
            return Ok(());
        }
        if let Some((_, is_read)) = self.secrets.get_mut(rest) {
            *is_read = true;
            return Ok(());
        }
        self.read(rest, in_stub).map_err(|_| {
            let known = self.secrets.keys().copied().chain(self.names.keys().copied());
            let help = did_you_mean(rest, known).unwrap_or_else(|| format!("list it under `secrets: [{rest}]`"));
            (format!("there is no secret `{rest}`"), Some(help))
        })
    }

    /// `${sent.body…}` of the last request, or `${sent.STEP.body…}` of that of a named step.
    fn relation(&self, name: &str, member: Option<&str>, members: &[&str]) -> Result<(), (String, Option<String>)> {
        let root = |path: &str| path.split(['.', '[']).next().unwrap_or_default().to_owned();
        let first = member.map(root).unwrap_or_default();
        if members.contains(&first.as_str()) {
            return Ok(());
        }
        let step = self.steps.iter().find_map(|step| member?.strip_prefix(step)?.strip_prefix('.'));
        if step.is_some_and(|rest| members.contains(&root(rest).as_str())) {
            return Ok(());
        }
        let help = did_you_mean(&first, self.steps.iter().chain(members).copied()).unwrap_or_else(|| {
            format!("known here: {}, or the name of a step before one of these", members.join(", "))
        });
        Err((format!("`${{{name}}}` names neither a member of the exchange nor a step"), Some(help)))
    }
}
