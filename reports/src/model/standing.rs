//! Whether a verdict counts.

use serde::{Deserialize, Serialize};

use super::{CaseResult, Verdict};

/// What is known of a case beforehand, and what it makes of the verdict. The verdict itself stays the truth about the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Standing {
    /// It fails as the baseline says; it does not count.
    Known(KnownFailure),
    /// It fails otherwise than the baseline says; it counts.
    Changed {
        /// The entry.
        known: KnownFailure,
        /// What is different, in one sentence.
        difference: String,
    },
    /// It passes, and the baseline says that it fails; that is red until the entry is taken out.
    Fixed(KnownFailure),
    /// It fails as the baseline says, but the date of the entry is past; that is red.
    Expired(KnownFailure),
    /// It counts neither way.
    Quarantined {
        /// Why.
        reason: String,
        /// The last day, as `YYYY-MM-DD`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<String>,
    },
}

/// What a baseline says about a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFailure {
    /// The baseline, as the user would write it.
    pub file: String,
    /// 1-based line of the entry.
    pub line: u32,
    /// Why it fails.
    pub reason: String,
    /// Where it is tracked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Who sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The last day on which it does not count, as `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

impl Standing {
    /// Whether the verdict is left out of what decides about the run.
    #[must_use]
    pub fn excuses(&self) -> bool {
        matches!(self, Self::Known(_) | Self::Quarantined { .. })
    }

    /// Whether the run is red because of the standing, whatever the verdict is.
    #[must_use]
    pub fn is_red(&self) -> bool {
        matches!(self, Self::Fixed(_) | Self::Expired(_))
    }
}

impl CaseResult {
    /// Whether the run is red because of this case. `strict`: a broken SHOULD is red too.
    #[must_use]
    pub fn is_red(&self, strict: bool) -> bool {
        let failed = match self.verdict {
            Verdict::Fail | Verdict::Error => true,
            Verdict::Warn => strict,
            Verdict::Pass | Verdict::Skip | Verdict::Untestable => false,
        };
        match &self.standing {
            Some(standing) => standing.is_red() || (failed && !standing.excuses()),
            None => failed,
        }
    }
}

/// Cases whose verdict does not count, by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excused {
    /// A MUST is broken.
    pub fail: u64,
    /// A SHOULD is broken.
    pub warn: u64,
    /// The harness or the network.
    pub error: u64,
}

impl Excused {
    pub(crate) fn none(&self) -> bool {
        *self == Self::default()
    }
}
