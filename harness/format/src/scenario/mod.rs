//! A checked scenario: the typed form of a file. Values that may hold variables stay [`Node`]s until a step runs.

pub(crate) mod decode;
mod pack;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::node::{Key, Node, NodeValue, Source, Span};
use crate::version::VersionWindow;

pub use pack::Pack;

/// One scenario file, pack defaults merged in.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The files that spans refer to: the scenario, then `pack.yaml` if there is one.
    pub sources: Vec<Arc<Source>>,
    /// Unique id.
    pub id: String,
    /// Where the id stands.
    pub id_span: Span,
    /// What is true when it passes.
    pub title: String,
    /// Background.
    pub description: Option<String>,
    /// Name of the pack, if it is in one.
    pub pack: Option<String>,
    /// Requirement ids with their places.
    pub proves: Vec<Key>,
    /// For selection.
    pub tags: Vec<String>,
    /// The role under test.
    pub target: Key,
    /// Versions it applies to.
    pub versions: VersionWindow,
    /// Transport it needs.
    pub transport: Transport,
    /// `None`: the target's own.
    pub lifecycle: Option<Lifecycle>,
    /// What it needs of the target.
    pub requires: Requires,
    /// It sends inputs that may hurt.
    pub hostile: bool,
    /// Configuration of mocks.
    pub given: Option<Node>,
    /// Answers of a mock out of nothing, or in place of an upstream's: the list node.
    pub stubs: Option<Node>,
    /// One case for each combination of these.
    pub matrix: Vec<(Key, Vec<Node>)>,
    /// Named values.
    pub vars: Vec<(Key, Node)>,
    /// Secrets that whoever runs it gives.
    pub secrets: Vec<Key>,
    /// What every `call` and `notify` starts from.
    pub defaults: Defaults,
    /// What of its transcripts differs from run to run: `{ rules, keep }`.
    pub volatile: Option<Node>,
    /// Bound on the whole scenario.
    pub timeout: Option<Duration>,
    /// Bound on each step.
    pub step_timeout: Option<Duration>,
    /// What is done.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// The upstreams that stubs answer for (`at`), each once.
    #[must_use]
    pub fn stubbed_upstreams(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        for at in self.each_stub().filter_map(|stub| stub.get("at")) {
            if let NodeValue::String(name) = &at.value
                && !keys.iter().any(|known| known.name == *name)
            {
                keys.push(Key { name: name.clone(), span: at.span });
            }
        }
        keys
    }

    /// Whether stubs make a mock of their own.
    #[must_use]
    pub fn makes_mock(&self) -> bool {
        self.each_stub().any(|stub| stub.get("at").is_none())
    }

    fn each_stub(&self) -> impl Iterator<Item = &Node> {
        let items = self.stubs.iter().map(|node| match &node.value {
            NodeValue::Array(items) => items.as_slice(),
            _ => &[],
        });
        items.flatten()
    }
}

/// Transport a scenario needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Either.
    #[default]
    Any,
    /// Streamable HTTP.
    Http,
    /// Standard input and output of a child process.
    Stdio,
}

/// Who opens and closes the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// The harness, as the version asks.
    Auto,
    /// The steps.
    Manual,
    /// Nobody: JSON-RPC alone, no protocol version.
    Bare,
}

/// What a scenario needs of its target.
#[derive(Debug, Clone, Default)]
pub struct Requires {
    /// Server capabilities (`tools`, `resources.subscribe`); missing is `skip`.
    pub capabilities: Vec<Key>,
    /// Entries of the target's `fixtures:`; missing is `untestable`.
    pub fixtures: Vec<Key>,
    /// Upstream mocks behind the target; missing is `untestable`.
    pub upstreams: Vec<Key>,
}

/// What every `call` and `notify` starts from.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// Header name → value.
    pub headers: Option<Node>,
    /// Credentials.
    pub auth: Option<Node>,
    /// Members beside `jsonrpc`, `id`, `method` and `params`.
    pub envelope: Option<Node>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Place of the verb.
    pub span: Span,
    /// A label for output.
    pub name: Option<String>,
    /// The named client that speaks.
    pub client: Option<String>,
    /// What it does.
    pub kind: StepKind,
    /// Header changes.
    pub headers: Option<Node>,
    /// Credentials in place of the target's.
    pub auth: Option<Node>,
    /// Bound on this step.
    pub timeout: Option<Duration>,
    /// How long to go on reading a stream after the answer.
    pub linger: Option<Duration>,
    /// The message is meant to be invalid.
    pub on_purpose: bool,
    /// Name → what of the exchange.
    pub capture: Vec<(Key, Capture)>,
    /// Blocks of expectations.
    pub expect: Vec<Expect>,
}

/// What a captured value is.
#[derive(Debug, Clone)]
pub struct Capture {
    /// JSONPath into the exchange; may hold variables.
    pub path: Key,
    /// The part of the string there that is taken: the first group, or the whole match.
    pub regex: Option<Key>,
}

/// The verb of a step.
#[derive(Debug, Clone)]
pub enum StepKind {
    /// A JSON-RPC request.
    Call {
        /// Method; may hold variables.
        method: String,
        /// Parameters.
        params: Option<Node>,
        /// Request id in place of a generated one.
        id: Option<Node>,
        /// Members beside the JSON-RPC ones.
        envelope: Option<Node>,
        /// Method → `{ result }` or `{ error }`: answers to the server's own requests.
        replies: Option<Node>,
        /// Follow `nextCursor` to the end.
        cursor_walk: bool,
    },
    /// A JSON-RPC notification.
    Notify {
        /// Method.
        method: String,
        /// Parameters.
        params: Option<Node>,
        /// Members beside the JSON-RPC ones.
        envelope: Option<Node>,
    },
    /// A raw HTTP request.
    Http {
        /// HTTP method.
        method: String,
        /// Path on the target's origin; `None` is the MCP endpoint.
        path: Option<String>,
        /// Query parameters.
        query: Option<Node>,
        /// The body.
        body: Option<HttpBody>,
    },
    /// One raw message: a stdio line or the body of a POST.
    Send(Node),
    /// The GET stream, or what the server says on stdio.
    Listen {
        /// At most so long.
        limit: Duration,
        /// Stop after so many messages.
        count: Option<u64>,
        /// Resume after this event id.
        last_event_id: Option<Node>,
    },
    /// A leg of an OAuth flow.
    Oauth(OauthStep),
    /// Lets a target that is a client do its work.
    Drive {
        /// The tool to call; `None`: the fixture `tool`.
        tool: Option<String>,
        /// Its arguments.
        arguments: Option<Node>,
        /// What the browser does: `follow`, `deny` or `none`; may hold a variable.
        browser: Option<String>,
    },
    /// What a mock got.
    Received {
        /// Upstream name, or `target`.
        upstream: Key,
        /// Pattern on each request.
        filter: Option<Node>,
        /// Expected count (number or matcher).
        count: Option<Node>,
        /// Count from the start of the scenario (`true`) or from the previous `received` step.
        since_start: bool,
    },
    /// Tells a mock something.
    Control(Node),
    /// Steps at the same time.
    Parallel(Vec<Step>),
    /// Steps again and again.
    Repeat {
        /// At most so many times.
        times: u64,
        /// Pause between rounds.
        every: Option<Duration>,
        /// Stop when the last exchange matches.
        until: Option<Node>,
        /// The steps.
        steps: Vec<Step>,
    },
    /// Ends the client's session.
    Close,
    /// Pauses.
    Wait(Duration),
}

impl StepKind {
    /// The verb, as the file says it.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Call { .. } => "call",
            Self::Notify { .. } => "notify",
            Self::Http { .. } => "http",
            Self::Send(_) => "send",
            Self::Listen { .. } => "listen",
            Self::Oauth(step) => match step.leg {
                OauthLeg::Discover => "discover",
                OauthLeg::Authorize => "authorize",
                OauthLeg::Refresh => "refresh",
                OauthLeg::RevokeAccessToken | OauthLeg::RevokeRefreshToken => "revoke",
            },
            Self::Drive { .. } => "drive",
            Self::Received { .. } => "received",
            Self::Control(_) => "control",
            Self::Parallel(_) => "parallel",
            Self::Repeat { .. } => "repeat",
            Self::Close => "close",
            Self::Wait(_) => "wait",
        }
    }
}

/// A leg of an OAuth flow.
#[derive(Debug, Clone)]
pub struct OauthStep {
    /// Which.
    pub leg: OauthLeg,
    /// Settings over those of the target: a mapping.
    pub settings: Option<Node>,
    /// Parameters of the authorization request to alter.
    pub authorization: Option<Node>,
    /// Parameters of the token request to alter.
    pub token: Option<Node>,
    /// Asks for the scopes of the last 403 besides those it has.
    pub step_up: bool,
}

/// Which leg of an OAuth flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OauthLeg {
    /// Challenge and metadata documents.
    Discover,
    /// A sign-in, discovery included.
    Authorize,
    /// A refresh of the token.
    Refresh,
    /// Revocation of the access token.
    RevokeAccessToken,
    /// Revocation of the refresh token.
    RevokeRefreshToken,
}

/// Body of a raw HTTP request.
#[derive(Debug, Clone)]
pub enum HttpBody {
    /// Serialised as JSON, with `Content-Type: application/json` unless the step says otherwise.
    Json(Node),
    /// As it stands.
    Text(Node),
    /// `application/x-www-form-urlencoded`.
    Form(Node),
    /// Bytes put on the socket in place of a whole HTTP request.
    Raw(Node),
}

/// The member of `expect` that holds the exchanges of a step against those of the snapshot beside the scenario.
pub const SNAPSHOT: &str = "snapshot";

/// One block of expectations.
#[derive(Debug, Clone)]
pub struct Expect {
    /// Requirement ids that this block proves; empty means the scenario's.
    pub proves: Vec<Key>,
    /// A sentence for the reader.
    pub because: Option<String>,
    /// Versions at which the block applies; `None`: all of the scenario's.
    pub versions: Option<VersionWindow>,
    /// Member of the exchange → pattern, in order.
    pub members: Vec<(Key, Node)>,
}

#[cfg(test)]
mod tests;

impl Scenario {
    /// Every requirement id that the scenario names, its steps included, and the versions at which it proves it; each id
    /// once, sorted.
    #[must_use]
    pub fn proofs(&self) -> Vec<(&str, VersionWindow)> {
        let mut named: Vec<(&Key, VersionWindow)> = self.proves.iter().map(|id| (id, self.versions)).collect();
        each_step(&self.steps, &mut |step| {
            for block in &step.expect {
                let versions = block.versions.map_or(self.versions, |own| own.intersection(self.versions));
                named.extend(block.proves.iter().map(|id| (id, versions)));
            }
        });
        let mut proofs: BTreeMap<&str, VersionWindow> = BTreeMap::new();
        for (id, versions) in named {
            proofs.entry(&id.name).and_modify(|known| *known = known.union(versions)).or_insert(versions);
        }
        proofs.into_iter().collect()
    }
}

impl Step {
    /// What it is called in texts: its name, or else its verb and what that does.
    #[must_use]
    pub fn title(&self) -> String {
        let verb = self.kind.verb();
        match (&self.name, &self.kind) {
            (Some(name), _) => name.clone(),
            (None, StepKind::Call { method, .. } | StepKind::Notify { method, .. }) => format!("{verb} {method}"),
            (None, StepKind::Http { method, path: Some(path), .. }) => format!("{verb} {method} {path}"),
            (None, StepKind::Http { method, .. }) => format!("{verb} {method}"),
            (None, _) => verb.to_owned(),
        }
    }
}

impl Expect {
    /// Where the block asks for a snapshot, if it does.
    #[must_use]
    pub fn snapshot(&self) -> Option<Span> {
        self.members.iter().find(|(key, _)| key.name == SNAPSHOT).map(|(key, _)| key.span)
    }
}

/// Every step, the ones inside `parallel` and `repeat` included.
pub fn each_step<'a>(steps: &'a [Step], f: &mut dyn FnMut(&'a Step)) {
    for step in steps {
        f(step);
        if let StepKind::Parallel(inner) | StepKind::Repeat { steps: inner, .. } = &step.kind {
            each_step(inner, f);
        }
    }
}
