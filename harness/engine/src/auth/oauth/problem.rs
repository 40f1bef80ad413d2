//! What went wrong in a sign-in, in a form that a step, a probe and a person can use.

use std::fmt;

use gauntlet_format::Version;
use gauntlet_reports::sanitize;

use crate::conformance::Requirements;
use crate::transport::{Failure, FailureKind};

/// Characters of a peer's text that a message repeats.
const SHOWN: usize = 200;

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The MCP server, which is the protected resource.
    Server,
    /// The authorization server.
    AuthorizationServer,
    /// The harness, or how it is configured.
    Harness,
    /// What lies between: no connection, no answer in time.
    Network,
}

impl Who {
    /// As it stands in output.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::AuthorizationServer => "authorization server",
            Self::Harness => "harness",
            Self::Network => "network",
        }
    }
}

/// Why a leg of a sign-in did not succeed, or what was odd about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Its kind, such as `prm-not-found`; stable.
    pub code: &'static str,
    /// One or two sentences: what, where, what was expected, what to do. Holds no secret, no control character, and of a
    /// peer's text only a bounded part.
    pub message: String,
    /// The requirement that is broken, if one is and it is in force in the version spoken.
    pub requirement: Option<&'static str>,
    /// The exchange that shows it, as numbered by the recorder.
    pub exchange: Option<usize>,
    /// Whose fault it is.
    pub who: Who,
}

impl Problem {
    pub(crate) fn new(code: &'static str, who: Who, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), requirement: None, exchange: None, who }
    }

    /// Whether a person has said no, or was not there: another try would ask again.
    pub(crate) fn is_final(&self) -> bool {
        let was_late = self.code == "timed-out" && self.who == Who::Harness;
        was_late || matches!(self.code, "browser-needed" | "authorization-refused")
    }

    /// Names the requirement that is broken.
    #[must_use]
    pub(crate) fn breaks(mut self, requirement: &'static str) -> Self {
        self.requirement = Some(requirement);
        self
    }

    /// Names the exchange that shows it.
    #[must_use]
    pub(crate) fn at(mut self, exchange: usize) -> Self {
        self.exchange = Some(exchange);
        self
    }

    /// Without the requirement if it does not hold in the version.
    #[must_use]
    pub(super) fn in_force(mut self, version: Version) -> Self {
        let catalogue = Requirements::builtin();
        self.requirement = self.requirement.filter(|id| catalogue.get(id).is_some_and(|r| r.holds_in(version)));
        self
    }

    /// From what kept an answer from being read; `peer` is to blame for what it said, the network for what it did not.
    pub(super) fn of_failure(failure: &Failure, what: &str, peer: Who) -> Self {
        let (code, who) = match failure.kind {
            FailureKind::Timeout => ("timed-out", Who::Network),
            FailureKind::TooLarge => ("too-large", peer),
            FailureKind::Malformed => ("malformed-http", peer),
            FailureKind::Unsendable => ("unsendable", Who::Harness),
            FailureKind::Connect | FailureKind::Tls | FailureKind::Closed => ("unreachable", Who::Network),
        };
        Self::new(code, who, format!("{what}: {failure}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.who.as_str(), self.message)
    }
}

/// What a leg came to, whatever it came to.
#[derive(Debug)]
pub(crate) struct Leg<T> {
    /// The outcome.
    pub result: Result<T, Problem>,
    /// The exchanges it recorded, in order.
    pub exchanges: Vec<usize>,
    /// What was odd but did not stop it.
    pub warnings: Vec<Problem>,
}

/// A peer's text inside a message: quoted, without control characters, bounded.
pub(super) fn quote(text: &str) -> String {
    format!("`{}`", sanitize::line(text, SHOWN))
}
