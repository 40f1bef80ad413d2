//! How fast a recording goes by.

use std::time::Duration;

/// Longest pause that is made because a recording has it; files are not to be trusted.
const LONGEST: Duration = Duration::from_secs(60);

/// Whether the pauses of a recording are made again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pace {
    /// No pauses; the order stays.
    #[default]
    Asap,
    /// As recorded, each at most a minute.
    Recorded,
}

impl Pace {
    /// The pause that is made.
    pub(crate) fn pause(self, recorded: Duration) -> Duration {
        match self {
            Self::Asap => Duration::ZERO,
            Self::Recorded => recorded.min(LONGEST),
        }
    }
}
