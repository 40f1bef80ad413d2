//! Requests per second towards a target that is not ours.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Spaces requests evenly; shared by all cases of a target.
#[derive(Debug, Default)]
pub(crate) struct RateLimit {
    interval: Option<Duration>,
    next: Mutex<Option<Instant>>,
}

impl RateLimit {
    /// At most so many requests per second; `None` for no bound.
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        let interval = per_second.filter(|r| *r > 0.0).map(|r| Duration::from_secs_f64(1.0 / r));
        Self { interval, next: Mutex::new(None) }
    }

    /// Waits for the next free slot.
    pub(crate) async fn wait(&self) {
        let Some(interval) = self.interval else { return };
        let slot = {
            let mut next = self.next.lock().await;
            let slot = next.map_or_else(Instant::now, |at| at.max(Instant::now()));
            *next = Some(slot + interval);
            slot
        };
        tokio::time::sleep_until(slot).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_are_spaced() {
        let rate = RateLimit::new(Some(10.0));
        let start = Instant::now();
        for _ in 0..4 {
            rate.wait().await;
        }
        assert_eq!(start.elapsed(), Duration::from_millis(300));
    }
}
