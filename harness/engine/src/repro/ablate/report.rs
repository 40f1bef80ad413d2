//! What an ablation found.

use std::fmt;

use serde::Serialize;

use super::answer::{Difference, Told};
use super::parts::Alter;

/// Version of the format of [`Ablation`] as JSON.
pub const FORMAT: &str = "gauntlet-ablation/1";

/// What an ablation found.
#[derive(Debug, Clone, Serialize)]
pub struct Ablation {
    /// [`FORMAT`].
    pub format: &'static str,
    /// The case, as other commands name it.
    pub case: String,
    /// Number of the step, from 1.
    pub step: usize,
    /// What the step does.
    pub title: String,
    /// Name of the target.
    pub target: String,
    /// URL or command.
    pub endpoint: String,
    /// What the unaltered request gets.
    pub answer: Told,
    /// Every variant had a target and a session of its own.
    pub fresh: bool,
    /// Parts were left out after the request was signed.
    pub after_signing: bool,
    /// One for each part that was left out alone, in the order of the request.
    pub parts: Vec<Finding>,
    /// One for each other value that a part was given.
    pub altered: Vec<Finding>,
    /// Two parts that are needed only together: without both the answer is another one.
    pub pairs: Vec<Finding>,
    /// Pairs that were left out; none if nobody wanted that.
    pub pairs_tried: Option<usize>,
    /// Fields that say what is asked, and stayed.
    pub not_tried: Vec<String>,
    /// The smallest request that was seen to get the same answer.
    pub smallest: Option<Smallest>,
    /// Requests that were sent to the target, those of the lifecycle and of the steps before included.
    pub requests: usize,
    /// How many there may be.
    pub max_requests: usize,
    /// Why it ended early.
    pub stopped: Option<Stopped>,
    /// What somebody should know about all this.
    pub notes: Vec<String>,
}

/// Why a search ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "reason")]
pub enum Stopped {
    /// As many requests as there may be were sent.
    Budget,
    /// Somebody wanted that.
    Interrupted,
    /// The case does not come to the step any more, and why.
    Lost(String),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget => f.write_str("as many requests as there may be were sent (--max-requests)"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Lost(reason) => write!(f, "the case does not come to the step any more: {reason}"),
        }
    }
}

/// What one change of the request does.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The parts: one, or the two of a pair.
    pub parts: Vec<String>,
    /// What it has in place of its value; none: it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alter: Option<Alter>,
    /// What it does.
    pub effect: Worth,
    /// What the altered request gets.
    pub answer: Told,
    /// Where its body differs, the first places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
}

/// What a part is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worth {
    /// Without it, status, error or kind of the answer are others.
    LoadBearing,
    /// The answer comes to the same, and says something else.
    ChangesAnswer,
    /// The answer is the same.
    NoEffect,
}

/// A request from which nothing can be taken.
#[derive(Debug, Clone, Serialize)]
pub struct Smallest {
    /// Parts that stay.
    pub kept: Vec<String>,
    /// Parts that are not in it.
    pub left_out: Vec<String>,
    /// Parts without an effect of their own that stay all the same: without all of them together it does not work.
    pub needed_together: Vec<String>,
    /// Headers in it.
    pub headers: usize,
    /// Query parameters in it.
    pub parameters: usize,
    /// Fields at the top of the body in it.
    pub fields: usize,
    /// Not even one of its parts can be left out any more; otherwise the search ended early.
    pub minimal: bool,
    /// The scenario that sends it, as text; none if it cannot be written or does not pass, or nobody wanted it.
    #[serde(skip)]
    pub scenario: Option<String>,
}

impl Ablation {
    /// The findings of that worth about single parts.
    pub fn of(&self, worth: Worth) -> impl Iterator<Item = &Finding> {
        self.parts.iter().filter(move |finding| finding.effect == worth)
    }
}
