//! Who sent a message: by what its method and its id say, or by the words before it.

use super::message::Kind;

/// A side of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What words say about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// From this side, as the words name it.
    From(Side),
    /// From whoever wrote the log.
    Sent,
    /// To whoever wrote the log.
    Received,
}

const FROM_CLIENT: &[&str] = &[
    "from client",
    "client says",
    "client ->",
    "client-->",
    "client -->",
    "client →",
    "client=>",
    "client =>",
    "client to server",
    "client_to_server",
    "client-to-server",
    "editor ->",
    "to server",
    "-> server",
    "→ server",
    "=> server",
    "local→remote",
    "local → remote",
    "local -> remote",
    "local->remote",
    "-> child",
    "→ child",
    "-> upstream",
    "→ upstream",
    "to upstream",
    "c2s",
    "from editor",
    "stdin:",
    "to_server",
];

const FROM_SERVER: &[&str] = &[
    "from server",
    "server says",
    "server ->",
    "server-->",
    "server -->",
    "server →",
    "server=>",
    "server =>",
    "server to client",
    "server_to_client",
    "server-to-client",
    "-> editor",
    "→ editor",
    "to client",
    "-> client",
    "→ client",
    "=> client",
    "remote→local",
    "remote → local",
    "remote -> local",
    "remote->local",
    "child ->",
    "child →",
    "upstream ->",
    "upstream →",
    "from upstream",
    "s2c",
    "stdout:",
    "to_client",
];

const SENT: &[&str] = &[
    "sending",
    "sent",
    "send ",
    "send:",
    "-->",
    ">>>",
    ">>",
    "=>",
    "→",
    "outgoing",
    "outbound",
    "tx:",
    "direction=out",
];

const RECEIVED: &[&str] =
    &["receiv", "recv", "<--", "<<<", "<<", "<=", "←", "incoming", "inbound", "rx:", "direction=in", "got message"];

/// What the words before a message say, those nearest to it first.
pub(super) fn marker(words: &str) -> Option<Marker> {
    let words = words.to_ascii_lowercase();
    let words: String = words.chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
    let last = |list: &[&str]| list.iter().filter_map(|part| words.rfind(part)).max();
    let nearest = |first: (Option<usize>, Marker), second: (Option<usize>, Marker)| match (first.0, second.0) {
        (None, None) => None,
        (a, b) if a >= b => Some(first.1),
        _ => Some(second.1),
    };
    nearest((last(FROM_CLIENT), Marker::From(Side::Client)), (last(FROM_SERVER), Marker::From(Side::Server)))
        .or_else(|| nearest((last(SENT), Marker::Sent), (last(RECEIVED), Marker::Received)))
        .or_else(|| match words.trim_end().chars().next_back() {
            Some('>') => Some(Marker::Sent),
            Some('<') => Some(Marker::Received),
            _ => None,
        })
}

/// Who sends messages of this kind, where that is sure.
pub(super) fn side(kind: &Kind) -> Option<Side> {
    match kind {
        Kind::Request { method, .. } => match method.as_str() {
            "sampling/createMessage" | "roots/list" | "elicitation/create" => Some(Side::Server),
            "initialize" | "server/discover" => Some(Side::Client),
            method => {
                let families = ["tools/", "resources/", "prompts/", "completion/", "logging/", "subscriptions/"];
                families.iter().any(|family| method.starts_with(family)).then_some(Side::Client)
            }
        },
        Kind::Notification { method } => match method.as_str() {
            "notifications/initialized" | "notifications/roots/list_changed" => Some(Side::Client),
            "notifications/message"
            | "notifications/tools/list_changed"
            | "notifications/resources/list_changed"
            | "notifications/resources/updated"
            | "notifications/prompts/list_changed"
            | "notifications/elicitation/complete" => Some(Side::Server),
            _ => None,
        },
        Kind::Response { .. } => None,
    }
}

/// Who sends messages of this kind as a rule.
pub(super) fn usual(kind: &Kind) -> Side {
    match kind {
        Kind::Notification { method } if method == "notifications/progress" => Side::Server,
        Kind::Response { .. } => Side::Server,
        _ => Side::Client,
    }
}

/// Which side wrote the log, as far as messages show whose sender is sure. A log is a client's unless it shows otherwise.
pub(super) fn writer<'a>(messages: impl Iterator<Item = (&'a Kind, Option<Marker>)>) -> Side {
    let mut votes = 0_i64;
    for (kind, marker) in messages {
        let vote = match (side(kind), marker) {
            (Some(Side::Client), Some(Marker::Sent)) | (Some(Side::Server), Some(Marker::Received)) => 1,
            (Some(Side::Client), Some(Marker::Received)) | (Some(Side::Server), Some(Marker::Sent)) => -1,
            _ => 0,
        };
        votes += vote;
    }
    if votes < 0 { Side::Server } else { Side::Client }
}

impl Marker {
    /// The side that words name, in a log of this side.
    pub(super) fn side(self, writer: Side) -> Side {
        match self {
            Self::From(side) => side,
            Self::Sent => writer,
            Self::Received => writer.other(),
        }
    }
}
