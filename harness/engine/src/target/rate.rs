//! Requests per second towards a target that is not ours.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::meter::Meter;

/// Spaces requests evenly; shared by all cases of a target.
#[derive(Debug, Default)]
pub(crate) struct RateLimit {
    interval: Option<Duration>,
    next: Mutex<Option<Instant>>,
    meter: OnceLock<Arc<Meter>>,
}

impl RateLimit {
    /// At most so many requests per second; `None` for no bound.
    pub(crate) fn new(per_second: Option<f64>) -> Self {
        let interval = per_second.filter(|r| *r > 0.0).map(|r| Duration::from_secs_f64(1.0 / r));
        Self { interval, next: Mutex::new(None), meter: OnceLock::new() }
    }

    /// Counts requests from now on, and holds back those that the meter does not let through; the first meter stays.
    pub(crate) fn count_by(&self, meter: &Arc<Meter>) {
        self.meter.get_or_init(|| Arc::clone(meter));
    }

    /// Waits for the next free slot.
    pub(crate) async fn wait(&self) {
        if let Some(meter) = self.meter.get() {
            meter.pass().await;
        }
        let Some(interval) = self.interval else { return };
        let slot = {
            let mut next = self.next.lock().await;
            let slot = free_slot(*next, Instant::now());
            *next = Some(slot + interval);
            slot
        };
        tokio::time::sleep_until(slot).await;
    }
}

/// The slot that was set aside, or now if that has passed: idle time is not made up for by a burst.
fn free_slot(next: Option<Instant>, now: Instant) -> Instant {
    next.map_or(now, |at| at.max(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_never_in_the_past() {
        let now = Instant::now();
        let interval = Duration::from_millis(100);
        assert_eq!(free_slot(None, now), now);
        assert_eq!(free_slot(Some(now + interval), now), now + interval);
        assert_eq!(free_slot(Some(now), now + interval), now + interval);
    }
}
