//! What can differ between two exchanges, before anybody says what it is worth.

use serde::Serialize;
use serde_json::Value;

use super::path::Path;

/// What an exchange came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing came, or it broke off before the answer.
    Nothing,
    /// A JSON-RPC result that reports no failure.
    Result,
    /// A JSON-RPC result with `isError`.
    ToolError,
    /// A JSON-RPC error.
    Error,
    /// An HTTP status of 400 or above, without a JSON-RPC answer.
    Refusal,
    /// An HTTP redirect.
    Redirect,
    /// Another HTTP status, or silence on stdio, where no JSON-RPC answer is due or none came.
    Accepted,
}

impl Outcome {
    /// Whether it tells the client that the request failed.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::ToolError | Self::Error | Self::Refusal | Self::Redirect)
    }

    /// What it is called in a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Nothing => "no answer",
            Self::Result => "result",
            Self::ToolError => "isError result",
            Self::Error => "JSON-RPC error",
            Self::Refusal => "HTTP error",
            Self::Redirect => "redirect",
            Self::Accepted => "HTTP success without a JSON-RPC answer",
        }
    }
}

/// How the answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// No body.
    Empty,
    /// One JSON document.
    Json,
    /// An event stream with at most one message.
    StreamOfOne,
    /// An event stream.
    Stream,
    /// Anything else.
    Other,
}

/// Which side of an exchange a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aspect {
    /// What the exchange came to.
    Outcome(Outcome, Outcome),
    /// The HTTP status, where the outcome is the same.
    Status,
    /// A header of the response.
    Header,
    /// JSON document or event stream.
    Form(Form, Form),
    /// The answer has the id of its request.
    Id,
    /// When events arrive.
    Delivery,
    /// The number of notifications and requests that came with the answer, by method.
    Messages,
    /// The fields of events beside their data.
    EventFields,
    /// How many pages a list came in.
    Pages,
    /// The order of the members of objects.
    MemberOrder,
    /// A value in the answer, in a message beside it, or in another body.
    Value,
}

/// How it changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It is not there any more.
    Lost,
    /// It was not there before.
    Added,
    /// It is another one.
    Changed,
    /// It has another name.
    Renamed {
        /// The member that has its value now.
        to: String,
    },
    /// The same things, in another order.
    Reordered,
    /// It is there more often.
    Duplicated,
}

/// One difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What it is about.
    pub aspect: Aspect,
    /// How it changed.
    pub kind: Kind,
    /// Where.
    pub path: Path,
    /// What the first side has there.
    pub left: Option<Value>,
    /// What the second side has there.
    pub right: Option<Value>,
}

impl Change {
    pub(super) fn new(aspect: Aspect, kind: Kind, path: Path) -> Self {
        Self { aspect, kind, path, left: None, right: None }
    }

    pub(super) fn between(mut self, left: Option<Value>, right: Option<Value>) -> Self {
        self.left = left;
        self.right = right;
        self
    }
}
