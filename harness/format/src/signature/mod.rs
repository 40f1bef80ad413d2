//! Signatures: known failures, recognisable from exchanges, each with its cause and the scenario that reproduces it.
//!
//! A signature is written with the matchers, captures and variables of scenarios. What it says of each exchange stays a
//! [`Node`], so that evidence can name the line.

mod decode;

use std::sync::Arc;
use std::time::Duration;

use crate::node::{Key, Node, Source, Span};
use crate::scenario::Capture;

/// A known failure.
#[derive(Debug, Clone)]
pub struct Signature {
    /// The file it stands in.
    pub source: Arc<Source>,
    /// Unique id, with its place.
    pub id: Key,
    /// What goes wrong, in one sentence.
    pub title: String,
    /// The systems it was seen with.
    pub systems: Vec<String>,
    /// What a match is worth.
    pub confidence: Confidence,
    /// The exchanges that show it, in this order; at least one is not [`absent`](Sight::absent).
    pub recognise: Vec<Sight>,
    /// Why it happens.
    pub cause: String,
    /// What helps, the best first; there is at least one.
    pub remedies: Vec<Remedy>,
    /// How it is known.
    pub known_from: Option<String>,
    /// Where to read on.
    pub link: Option<String>,
    /// What is right where it shows.
    pub mended: Option<Mended>,
    /// How to see it happen.
    pub reproduce: Reproduce,
}

/// What a match is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Other causes look the same.
    Possible,
    /// Other causes are rare.
    Likely,
    /// Nothing else looks so.
    Certain,
}

impl Confidence {
    /// As files spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// On which side of the target an exchange takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A client asks the target.
    Front,
    /// The target asks a system behind it.
    Behind,
}

/// What is true of one exchange. Members are those of `request:` and `response:`, each with its pattern.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Where it stands.
    pub span: Span,
    /// Where it takes place; `None`: on either side.
    pub side: Option<Side>,
    /// There is no such exchange between the one before and the one after it.
    pub absent: bool,
    /// Patterns on members of the request.
    pub request: Vec<(Key, Node)>,
    /// Patterns on members of the response; there must be one if there is any pattern.
    pub response: Vec<(Key, Node)>,
    /// Pattern on why there is no whole answer.
    pub failure: Option<Node>,
    /// The answer was complete at most so long after the send.
    pub within: Option<Duration>,
    /// The answer was complete no sooner than this after the send.
    pub after: Option<Duration>,
    /// Name → what of `{ request, response }`, for the exchanges that follow.
    pub capture: Vec<(Key, Capture)>,
}

/// Something that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// Who has to act.
    pub who: String,
    /// What to do.
    pub action: String,
}

/// What is right where a failure shows: parts of a scenario, which fails as long as the failure is there. They may read what
/// [`Signature::recognise`] captured.
#[derive(Debug, Clone)]
pub struct Mended {
    /// Where it stands.
    pub span: Span,
    /// Configuration of mocks: what a recording cannot bring about, such as an expired token.
    pub given: Option<Node>,
    /// Steps before the one that shows the failure.
    pub steps: Vec<Node>,
    /// What must be true of the answer that shows it: the last in front of the target among those recognised, or that during
    /// which the last one behind it took place.
    pub expect: Option<Node>,
    /// Steps `received` right after that one.
    pub received: Vec<Node>,
}

/// How to see a failure happen.
#[derive(Debug, Clone)]
pub enum Reproduce {
    /// A scenario in whose transcript it shows.
    Scenario {
        /// Its id.
        scenario: Key,
        /// Mock and defect to switch on; without it the scenario provokes the failure itself.
        defect: Option<Defect>,
    },
    /// Nothing reproduces it; this is why.
    None(String),
}

/// `MOCK:DEFECT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// The mock.
    pub mock: String,
    /// What it does wrong.
    pub id: String,
    /// Where it stands.
    pub span: Span,
}

impl Signature {
    /// How much it asks of what it recognises: the more, the less it is met by chance.
    #[must_use]
    pub fn specificity(&self) -> usize {
        self.recognise.iter().map(Sight::weight).sum()
    }

    /// The command that shows it on the mocks.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        match &self.reproduce {
            Reproduce::Scenario { scenario, defect: None } => Some(format!("gauntlet run {}", scenario.name)),
            Reproduce::Scenario { scenario, defect: Some(defect) } => {
                Some(format!("gauntlet run {} --defect {}:{}", scenario.name, defect.mock, defect.id))
            }
            Reproduce::None(_) => None,
        }
    }
}

impl Sight {
    /// Every pattern, named after where it looks: `request.headers`, `response.status`, `failure`.
    pub fn patterns(&self) -> impl Iterator<Item = (String, &Node)> {
        let request = self.request.iter().map(|(key, node)| (format!("request.{}", key.name), node));
        let response = self.response.iter().map(|(key, node)| (format!("response.{}", key.name), node));
        request.chain(response).chain(self.failure.iter().map(|node| ("failure".to_owned(), node)))
    }

    /// Counts what is asked; the side and the time count as one each.
    fn weight(&self) -> usize {
        let asked: usize = self.patterns().map(|(_, node)| leaves(node)).sum();
        let bounds = [self.within, self.after].into_iter().flatten().count();
        asked + bounds + usize::from(self.side.is_some())
    }
}

/// Scalars in a pattern, matchers' arguments included.
fn leaves(node: &Node) -> usize {
    use crate::node::NodeValue::{Array, Object};
    match &node.value {
        Object(members) => members.iter().map(|(_, node)| leaves(node)).sum(),
        Array(items) => items.iter().map(leaves).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
