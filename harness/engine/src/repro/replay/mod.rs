//! A recording sent once more, and what differs in the answers.

mod carry;
mod clean;
mod compare;
mod home;
mod kept;
mod numbers;
mod plan;
mod report;
mod request;
mod send;
mod stream;

use std::time::Duration;

use gauntlet_reports::volatile::Rules;
use tokio_util::sync::CancellationToken;

pub use numbers::Numbers;
pub use report::{Came, FORMAT, Outcome, Played, Report, text};

use super::Pace;
use super::http_sse;
use super::recording::Recording;
use super::secrets::Finder;
use crate::runner::GivenSecrets;
use crate::target::Target;
use crate::target::instance::{Given, Instance};
use crate::transcript::secrets::Secrets;
use plan::Plan;
use send::Player;

/// What is sent, and how.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// Only this session: its label, its `Mcp-Session-Id`, or its number from 1.
    pub session: Option<String>,
    /// Only these requests, by their number in the recording.
    pub requests: Option<Numbers>,
    /// Whether the pauses between requests are made again.
    pub pace: Pace,
    /// Calls of tools that do not declare themselves read-only are sent to a system that is not ours.
    pub writes: bool,
    /// Bound on each answer.
    pub patience: Duration,
    /// Response headers that are compared beside those that always are, in lower case.
    pub headers: Vec<String>,
    /// What of an answer varies by itself.
    pub rules: Rules,
    /// What the user gives for each `${secret:NAME}`.
    pub given: GivenSecrets,
    /// What must never be shown.
    pub secrets: Secrets,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            session: None,
            requests: None,
            pace: Pace::Asap,
            writes: false,
            patience: Duration::from_secs(15),
            headers: Vec::new(),
            rules: Rules::builtin(),
            given: GivenSecrets::default(),
            secrets: Secrets::default(),
        }
    }
}

/// Why nothing was compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The selection names something that is not there.
    #[error("{0}")]
    Selection(String),
    /// Nothing can be sent; the report says why of each request.
    #[error("nothing of the recording can be sent: {0}")]
    NothingToSend(String),
    /// The target did not start, or nobody is there.
    #[error("{0}")]
    Unreachable(String),
    /// It was ended before anything was answered.
    #[error("interrupted before anything was answered")]
    Interrupted,
}

/// Sends a recording to a target in recorded order, one request at a time, and compares the answers with the recorded ones.
///
/// Values that a server made up, such as session ids and cursors, are carried over: where a recorded request repeats one of a
/// recorded answer, the one of the live answer is sent. Credentials are the target's own: what is secret in the recording is
/// not sent, unless [`ReplayOptions::given`] has it. When it is cancelled, the report has what was answered until then.
///
/// # Errors
/// When nothing is selected or can be sent, the target is not there, or it is cancelled before anything is answered.
pub async fn replay(
    mut recording: Recording,
    target: &Target,
    options: &ReplayOptions,
    cancel: &CancellationToken,
) -> Result<Report, ReplayError> {
    target.bound_questions(options.patience);
    options.given.teach(&options.secrets);
    let mut finder = Finder::new();
    recording.entries.iter().for_each(|entry| finder.learn(entry));
    let streams = http_sse::pair(&mut recording.entries);
    recording.entries.iter_mut().for_each(|entry| finder.redact(entry));
    let prepared = async {
        let plan = Plan::make(&recording, &streams, target, options).await?;
        let instance = Instance::start(target, &Given::default(), &options.secrets).await;
        Ok((plan, instance.map_err(|failure| ReplayError::Unreachable(failure.message))?))
    };
    let (plan, instance) = tokio::select! {
        prepared = prepared => prepared?,
        () = cancel.cancelled() => return Err(ReplayError::Interrupted),
    };
    Player::new(&recording, &streams, target, &instance, options, plan, finder).play(cancel).await
}
