//! The methods of the protocol: who sends them, in which versions, and which definitions describe them.

use gauntlet_format::Version;

use super::definition::Definition;

/// Who speaks, and so whose duty a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The client sent it.
    ClientToServer,
    /// The server sent it.
    ServerToClient,
}

impl Direction {
    /// The way that answers take.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }
}

/// Who may send a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
    Either,
}

/// A method of the protocol.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: &'static str,
    sender: Sender,
    since: Version,
    until: Version,
    /// Of the parameters.
    pub(super) params: &'static Definition,
    /// Of the result; `None` for notifications.
    pub(super) result: Option<&'static Definition>,
    /// It may be answered with `resultType: input_required` from 2026-07-28.
    pub(super) asks_for_input: bool,
}

impl Method {
    const fn request(name: &'static str, sender: Sender) -> Self {
        Self {
            name,
            sender,
            since: Version::V2024_11_05,
            until: Version::V2026_07_28,
            params: Definition::REQUEST_PARAMS,
            result: Some(Definition::RESULT),
            asks_for_input: false,
        }
    }

    const fn notification(name: &'static str, sender: Sender) -> Self {
        Self { params: Definition::NOTIFICATION_PARAMS, result: None, ..Self::request(name, sender) }
    }

    const fn shaped(mut self, params: &'static Definition, result: &'static Definition) -> Self {
        self.params = params;
        self.result = Some(result);
        self
    }

    const fn told(mut self, params: &'static Definition) -> Self {
        self.params = params;
        self
    }

    const fn since(mut self, version: Version) -> Self {
        self.since = version;
        self
    }

    const fn until(mut self, version: Version) -> Self {
        self.until = version;
        self
    }

    const fn asking(mut self) -> Self {
        self.asks_for_input = true;
        self
    }

    fn applies(&self, direction: Direction, version: Option<Version>) -> bool {
        let sender = match direction {
            Direction::ClientToServer => self.sender != Sender::Server,
            Direction::ServerToClient => self.sender != Sender::Client,
        };
        sender && version.is_none_or(|v| (self.since..=self.until).contains(&v))
    }
}

use Sender::{Client, Either, Server};
use Version::{V2025_06_18, V2025_11_25, V2026_07_28};

/// Every method of the core protocol. What has no definition of its own yet is held to the general one.
static METHODS: &[Method] = &[
    Method::request("initialize", Client)
        .until(V2025_11_25)
        .shaped(Definition::INITIALIZE_PARAMS, Definition::INITIALIZE_RESULT),
    Method::request("ping", Either).until(V2025_11_25),
    Method::request("server/discover", Client)
        .since(V2026_07_28)
        .shaped(Definition::REQUEST_PARAMS, Definition::DISCOVER_RESULT),
    Method::request("tools/list", Client).shaped(Definition::PAGINATED_PARAMS, Definition::TOOLS_LIST_RESULT),
    Method::request("tools/call", Client).shaped(Definition::TOOLS_CALL_PARAMS, Definition::TOOLS_CALL_RESULT).asking(),
    Method::request("resources/list", Client).shaped(Definition::PAGINATED_PARAMS, Definition::RESULT),
    Method::request("resources/templates/list", Client).shaped(Definition::PAGINATED_PARAMS, Definition::RESULT),
    Method::request("resources/read", Client).asking(),
    Method::request("resources/subscribe", Client).until(V2025_11_25),
    Method::request("resources/unsubscribe", Client).until(V2025_11_25),
    Method::request("prompts/list", Client).shaped(Definition::PAGINATED_PARAMS, Definition::RESULT),
    Method::request("prompts/get", Client).asking(),
    Method::request("completion/complete", Client),
    Method::request("logging/setLevel", Client)
        .until(V2025_11_25)
        .shaped(Definition::SET_LEVEL_PARAMS, Definition::RESULT),
    Method::request("subscriptions/listen", Client).since(V2026_07_28),
    Method::request("sampling/createMessage", Server)
        .until(V2025_11_25)
        .shaped(Definition::SAMPLING_PARAMS, Definition::SAMPLING_RESULT),
    Method::request("roots/list", Server)
        .until(V2025_11_25)
        .shaped(Definition::REQUEST_PARAMS, Definition::ROOTS_RESULT),
    Method::request("elicitation/create", Server)
        .since(V2025_06_18)
        .until(V2025_11_25)
        .shaped(Definition::ELICIT_PARAMS, Definition::ELICIT_RESULT),
    Method::request("tasks/get", Either).since(V2025_11_25),
    Method::request("tasks/result", Either).since(V2025_11_25).until(V2025_11_25),
    Method::request("tasks/list", Either).since(V2025_11_25).until(V2025_11_25),
    Method::request("tasks/cancel", Either).since(V2025_11_25),
    Method::request("tasks/update", Client).since(V2026_07_28),
    Method::notification("notifications/initialized", Client).until(V2025_11_25),
    Method::notification("notifications/cancelled", Either).told(Definition::CANCELLED_PARAMS),
    Method::notification("notifications/progress", Either).told(Definition::PROGRESS_PARAMS),
    Method::notification("notifications/message", Server).told(Definition::LOG_PARAMS),
    Method::notification("notifications/tools/list_changed", Server),
    Method::notification("notifications/prompts/list_changed", Server),
    Method::notification("notifications/resources/list_changed", Server),
    Method::notification("notifications/resources/updated", Server),
    Method::notification("notifications/roots/list_changed", Client).until(V2025_11_25),
    Method::notification("notifications/elicitation/complete", Server).since(V2025_11_25),
];

/// The method, if this side sends it in this version.
pub(super) fn find(name: &str, direction: Direction, version: Option<Version>) -> Option<&'static Method> {
    METHODS.iter().find(|m| m.name == name).filter(|m| m.applies(direction, version))
}

/// Whether it is a request in any version, so that it needs an id.
pub(super) fn is_request(name: &str) -> bool {
    METHODS.iter().any(|m| m.name == name && m.result.is_some())
}
