//! A clock that can be moved forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall-clock time plus what it was advanced by. Clones are one clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    advanced_millis: Arc<AtomicU64>,
}

impl Clock {
    /// Time since the Unix epoch.
    pub(crate) fn now(&self) -> Duration {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        real + Duration::from_millis(self.advanced_millis.load(Ordering::Relaxed))
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX / 2);
        // A century at a time is the most that a command can say; saturating keeps repetition harmless.
        let _ = self.advanced_millis.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |advanced| {
            Some(advanced.saturating_add(millis).min(u64::MAX / 2))
        });
    }
}
