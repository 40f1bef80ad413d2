//! From a tree whose shape is known to be good to the typed form. Nothing here can fail on a validated tree, so what
//! cannot be there is passed over.

use std::sync::Arc;
use std::time::Duration;

use super::pack::{Pack, merged, merged_members};
use super::{
    Capture, Defaults, Expect, HttpBody, Lifecycle, OauthLeg, OauthStep, Requires, Scenario, Step, StepKind, Transport,
};
use crate::diagnostic::Diagnostic;
use crate::node::{Key, Node, NodeValue, Source, Span};
use crate::version::VersionWindow;
use crate::{shape, yaml};

impl Scenario {
    /// Parses and checks one scenario file; pack defaults are merged in.
    ///
    /// # Errors
    /// Everything that is wrong with the file's syntax and shape. What [`lint`](crate::lint) finds comes on top.
    pub fn parse(source: Arc<Source>, pack: Option<&Pack>) -> Result<Self, Vec<Diagnostic>> {
        let mut root = yaml::parse(&source, 0)?;
        let mut problems = shape::validate(&root, &shape::SCENARIO, &source);
        let target = key(&root, "target").or_else(|| pack.and_then(|p| p.target.clone()));
        let top = match &root.value {
            NodeValue::Object(members) => members.first().map_or(root.span, |(k, _)| k.span),
            _ => root.span,
        };
        if target.is_none() && matches!(root.value, NodeValue::Object(_)) && root.get("target").is_none() {
            problems.push(
                Diagnostic::error("missing-key", &source, top, "neither the scenario nor its pack has a `target`")
                    .label("in this mapping")
                    .help("`target`: the role under test, such as `mcp-server`"),
            );
        }
        check_steps(root.get("steps"), &source, &mut problems);
        let Some(target) = target.filter(|_| problems.is_empty()) else { return Err(problems) };
        let defaults = defaults(&mut root);
        let base = pack.map(|p| &p.defaults);
        let mut tags = pack.map(|p| p.tags.clone()).unwrap_or_default();
        for tag in texts(&root, "tags") {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        Ok(Self {
            id: text(&root, "id").unwrap_or_default(),
            id_span: root.get("id").map_or(top, |n| n.span),
            title: text(&root, "title").unwrap_or_default(),
            description: text(&root, "description"),
            pack: pack.map(|p| p.name.clone()),
            proves: keys(root.get("proves")),
            tags,
            target,
            versions: versions(&root).or_else(|| pack?.versions).unwrap_or(VersionWindow::ALL),
            transport: transport(&root).or_else(|| pack?.transport).unwrap_or_default(),
            lifecycle: lifecycle(&root).or_else(|| pack?.lifecycle),
            requires: requires(root.get("requires")),
            hostile: flag(&root, "hostile"),
            given: merged(take(&mut root, "given"), pack.and_then(|p| p.given.as_ref())),
            stubs: take(&mut root, "stubs"),
            matrix: members(take(&mut root, "matrix"))
                .into_iter()
                .filter_map(|(k, n)| match n.value {
                    NodeValue::Array(items) => Some((k, items)),
                    _ => None,
                })
                .collect(),
            vars: merged_members(members(take(&mut root, "vars")), pack.map_or(&[], |p| &p.vars)),
            secrets: keys(root.get("secrets")),
            defaults: Defaults {
                headers: merged(defaults.headers, base.and_then(|b| b.headers.as_ref())),
                auth: defaults.auth.or_else(|| base?.auth.clone()),
                envelope: merged(defaults.envelope, base.and_then(|b| b.envelope.as_ref())),
            },
            volatile: take(&mut root, "volatile"),
            timeout: duration(&root, "timeout").or_else(|| pack?.timeout),
            step_timeout: duration(&root, "step_timeout").or_else(|| pack?.step_timeout),
            steps: steps(take(&mut root, "steps")),
            sources: [source].into_iter().chain(pack.map(|p| Arc::clone(&p.source))).collect(),
        })
    }

    /// The source that a span refers to.
    #[must_use]
    pub fn source_of(&self, span: Span) -> &Arc<Source> {
        // A span that is not of this scenario is quoted from the scenario file; there always is one.
        self.sources.get(usize::from(span.source)).unwrap_or(&self.sources[0])
    }
}

/// What the tables cannot say: keys of a step that exclude each other.
pub(crate) fn check_steps(steps: Option<&Node>, source: &Arc<Source>, problems: &mut Vec<Diagnostic>) {
    let Some(Node { value: NodeValue::Array(steps), .. }) = steps else { return };
    for step in steps {
        let bodies = ["json", "body", "form", "raw"];
        if step.get("http").is_some()
            && let NodeValue::Object(members) = &step.value
        {
            let given: Vec<&Key> =
                members.iter().map(|(k, _)| k).filter(|k| bodies.contains(&k.name.as_str())).collect();
            if let [first, second, ..] = given.as_slice() {
                let message = format!("a request has one body, this one has `{}` and `{}`", first.name, second.name);
                problems.push(Diagnostic::error("two-bodies", source, second.span, message).label("second body"));
            }
        }
        check_steps(step.get("parallel").or_else(|| step.get("repeat")), source, problems);
    }
}

pub(crate) fn text(node: &Node, name: &str) -> Option<String> {
    node.get(name)?.as_str().map(str::to_owned)
}

pub(crate) fn key(node: &Node, name: &str) -> Option<Key> {
    as_key(node.get(name)?)
}

fn as_key(node: &Node) -> Option<Key> {
    Some(Key { name: node.as_str()?.to_owned(), span: node.span })
}

pub(crate) fn texts(node: &Node, name: &str) -> Vec<String> {
    keys(node.get(name)).into_iter().map(|k| k.name).collect()
}

pub(crate) fn keys(node: Option<&Node>) -> Vec<Key> {
    match node.map(|n| &n.value) {
        Some(NodeValue::Array(items)) => items.iter().filter_map(as_key).collect(),
        _ => Vec::new(),
    }
}

/// Takes a member out of a mapping, so that the tree need not be copied.
pub(crate) fn take(node: &mut Node, name: &str) -> Option<Node> {
    let NodeValue::Object(members) = &mut node.value else { return None };
    let (_, member) = members.iter_mut().find(|(k, _)| k.name == name)?;
    let span = member.span;
    Some(std::mem::replace(member, Node { value: NodeValue::Null, span }))
}

pub(crate) fn members(node: Option<Node>) -> Vec<(Key, Node)> {
    match node.map(|n| n.value) {
        Some(NodeValue::Object(members)) => members,
        _ => Vec::new(),
    }
}

pub(crate) fn flag(node: &Node, name: &str) -> bool {
    matches!(node.get(name).map(|n| &n.value), Some(NodeValue::Bool(true)))
}

fn count(node: &Node, name: &str) -> Option<u64> {
    match &node.get(name)?.value {
        NodeValue::Number(n) => n.as_u64(),
        _ => None,
    }
}

pub(crate) fn duration(node: &Node, name: &str) -> Option<Duration> {
    crate::duration::parse(node.get(name)?.as_str()?).ok()
}

pub(super) fn versions(node: &Node) -> Option<VersionWindow> {
    match &node.get("versions")?.value {
        NodeValue::String(s) => s.parse().ok(),
        NodeValue::Array(items) => {
            items.iter().filter_map(|n| n.as_str()?.parse::<VersionWindow>().ok()).reduce(VersionWindow::union)
        }
        _ => None,
    }
}

pub(super) fn transport(node: &Node) -> Option<Transport> {
    match node.get("transport")?.as_str()? {
        "any" => Some(Transport::Any),
        "http" => Some(Transport::Http),
        "stdio" => Some(Transport::Stdio),
        _ => None,
    }
}

pub(super) fn lifecycle(node: &Node) -> Option<Lifecycle> {
    match node.get("lifecycle")?.as_str()? {
        "auto" => Some(Lifecycle::Auto),
        "manual" => Some(Lifecycle::Manual),
        "bare" => Some(Lifecycle::Bare),
        _ => None,
    }
}

fn requires(node: Option<&Node>) -> Requires {
    let of = |name| keys(node.and_then(|n| n.get(name)));
    Requires { capabilities: of("capabilities"), fixtures: of("fixtures"), upstreams: of("upstreams") }
}

pub(super) fn defaults(node: &mut Node) -> Defaults {
    let mut defaults = take(node, "defaults");
    let mut of = |name| take(defaults.as_mut()?, name);
    Defaults { headers: of("headers"), auth: of("auth"), envelope: of("envelope") }
}

fn steps(node: Option<Node>) -> Vec<Step> {
    match node.map(|n| n.value) {
        Some(NodeValue::Array(items)) => items.into_iter().filter_map(step).collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn step(mut node: Node) -> Option<Step> {
    let node = &mut node;
    let NodeValue::Object(members) = &mut node.value else { return None };
    let (verb, value) = members.iter_mut().find(|(k, _)| shape::verb(&k.name).is_some())?;
    let (verb, span) = (verb.name.clone(), verb.span);
    let value = std::mem::replace(value, Node { value: NodeValue::Null, span });
    Some(Step {
        span,
        name: text(node, "name"),
        client: text(node, "as"),
        kind: kind(node, &verb, value)?,
        headers: take(node, "headers"),
        auth: take(node, "auth"),
        timeout: duration(node, "timeout"),
        linger: duration(node, "linger"),
        on_purpose: flag(node, "on_purpose"),
        capture: self::members(take(node, "capture"))
            .into_iter()
            .filter_map(|(k, n)| Some((k, capture(&n)?)))
            .collect(),
        expect: expects(take(node, "expect")),
    })
}

fn kind(node: &mut Node, verb: &str, value: Node) -> Option<StepKind> {
    let (cursor_walk, messages, every) = (flag(node, "cursor_walk"), count(node, "count"), duration(node, "every"));
    let since_start = node.get("since").and_then(Node::as_str) == Some("start");
    let times = count(node, "times");
    let mut of = |name| take(node, name);
    Some(match verb {
        "call" => StepKind::Call {
            method: value.as_str()?.to_owned(),
            params: of("params"),
            id: of("id"),
            envelope: of("envelope"),
            replies: of("replies"),
            cursor_walk,
        },
        "notify" => {
            StepKind::Notify { method: value.as_str()?.to_owned(), params: of("params"), envelope: of("envelope") }
        }
        "http" => {
            let line = value.as_str()?;
            let (method, path) = line.split_once(' ').map_or((line, None), |(m, p)| (m, Some(p.to_owned())));
            let query = of("query");
            let mut body = |name, make: fn(Node) -> HttpBody| of(name).map(make);
            let body = body("json", HttpBody::Json)
                .or_else(|| body("body", HttpBody::Text))
                .or_else(|| body("form", HttpBody::Form))
                .or_else(|| body("raw", HttpBody::Raw));
            StepKind::Http { method: method.to_owned(), path, query, body }
        }
        "send" => StepKind::Send(value),
        "listen" => StepKind::Listen {
            limit: crate::duration::parse(value.as_str()?).ok()?,
            count: messages,
            last_event_id: of("last_event_id"),
        },
        "discover" => StepKind::Oauth(oauth(node, OauthLeg::Discover, value)),
        "authorize" => StepKind::Oauth(oauth(node, OauthLeg::Authorize, value)),
        "refresh" => StepKind::Oauth(oauth(node, OauthLeg::Refresh, value)),
        "revoke" if value.as_str() == Some("refresh_token") => {
            StepKind::Oauth(oauth(node, OauthLeg::RevokeRefreshToken, value))
        }
        "revoke" => StepKind::Oauth(oauth(node, OauthLeg::RevokeAccessToken, value)),
        "drive" => {
            let mut value = value;
            StepKind::Drive {
                tool: text(&value, "tool"),
                browser: text(&value, "browser"),
                arguments: take(&mut value, "arguments"),
            }
        }
        "received" => {
            StepKind::Received { upstream: as_key(&value)?, filter: of("where"), count: of("count"), since_start }
        }
        "control" => StepKind::Control(value),
        "parallel" => StepKind::Parallel(steps(Some(value))),
        "repeat" => StepKind::Repeat { times: times?, every, until: of("until"), steps: steps(Some(value)) },
        "close" => StepKind::Close,
        "wait" => StepKind::Wait(crate::duration::parse(value.as_str()?).ok()?),
        _ => return None,
    })
}

pub(crate) fn capture(node: &Node) -> Option<Capture> {
    match node.get("from") {
        Some(path) => Some(Capture { path: as_key(path)?, regex: node.get("regex").and_then(as_key) }),
        None => Some(Capture { path: as_key(node)?, regex: None }),
    }
}

fn oauth(step: &mut Node, leg: OauthLeg, value: Node) -> OauthStep {
    // `revoke` names a token where the others have settings.
    let has_settings = !matches!(leg, OauthLeg::RevokeAccessToken | OauthLeg::RevokeRefreshToken);
    OauthStep {
        leg,
        settings: Some(value)
            .filter(|v| has_settings && matches!(v.value, NodeValue::Object(_) | NodeValue::String(_))),
        authorization: take(step, "authorization"),
        token: take(step, "token"),
        step_up: flag(step, "step_up"),
    }
}

fn expects(node: Option<Node>) -> Vec<Expect> {
    match node {
        Some(Node { value: NodeValue::Array(blocks), .. }) => blocks.into_iter().map(expect).collect(),
        // `expect: snapshot`.
        Some(Node { value: NodeValue::String(name), span }) => {
            let members = vec![(Key { name, span }, Node { value: NodeValue::Bool(true), span })];
            vec![Expect { proves: Vec::new(), because: None, versions: None, members }]
        }
        Some(block) => vec![expect(block)],
        None => Vec::new(),
    }
}

pub(crate) fn expect(block: Node) -> Expect {
    Expect {
        proves: keys(block.get("proves")),
        because: text(&block, "because"),
        versions: versions(&block),
        members: members(Some(block))
            .into_iter()
            .filter(|(k, _)| !matches!(k.name.as_str(), "proves" | "because" | "versions"))
            .collect(),
    }
}
