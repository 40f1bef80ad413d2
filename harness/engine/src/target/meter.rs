//! How many requests may still be made.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts requests, of one target or of several together, and lets no more through than a bound. Who wants one more waits for ever:
/// whoever set the bound ends it, see [`spent`](Self::spent).
#[derive(Debug)]
pub(crate) struct Meter {
    made: AtomicU64,
    most: AtomicU64,
    /// Requests that were held back.
    held: AtomicU64,
    holding: Notify,
}

impl Meter {
    /// Counts on from `made`, up to `most`.
    pub(crate) fn new(made: u64, most: u64) -> Self {
        Self { made: AtomicU64::new(made), most: AtomicU64::new(most), held: AtomicU64::new(0), holding: Notify::new() }
    }

    /// Requests made so far.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Sets another bound. What was held back before is forgotten; it must have been ended.
    pub(crate) fn bound(&self, most: u64) {
        self.most.store(most, Ordering::Relaxed);
        self.held.store(0, Ordering::Relaxed);
    }

    /// Counts one request, or waits for ever.
    pub(super) async fn pass(&self) {
        let most = self.most.load(Ordering::Relaxed);
        let counted =
            self.made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |made| (made < most).then_some(made + 1));
        if counted.is_err() {
            self.held.fetch_add(1, Ordering::Relaxed);
            self.holding.notify_waiters();
            std::future::pending::<()>().await;
        }
    }

    /// Ends as soon as a request is held back.
    pub(crate) async fn spent(&self) {
        loop {
            let holding = self.holding.notified();
            if self.held.load(Ordering::Relaxed) > 0 {
                return;
            }
            holding.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn no_more_pass_than_may() {
        let meter = Arc::new(Meter::new(1, 3));
        let short = Duration::from_millis(20);
        for _ in 0..2 {
            assert!(timeout(short, meter.pass()).await.is_ok());
        }
        assert!(timeout(short, meter.spent()).await.is_err());
        assert!(timeout(short, meter.pass()).await.is_err());
        assert!(timeout(short, meter.spent()).await.is_ok());
        assert_eq!(meter.made(), 3);
        meter.bound(4);
        assert!(timeout(short, meter.spent()).await.is_err());
        assert!(timeout(short, meter.pass()).await.is_ok());
    }

    #[tokio::test]
    async fn who_waits_is_told() {
        let meter = Arc::new(Meter::new(0, 0));
        let waiting = tokio::spawn({
            let meter = Arc::clone(&meter);
            async move { meter.spent().await }
        });
        tokio::task::yield_now().await;
        let held = tokio::spawn(async move { meter.pass().await });
        assert!(timeout(Duration::from_secs(5), waiting).await.is_ok());
        held.abort();
    }
}
