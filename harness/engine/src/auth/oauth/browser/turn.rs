//! One person, who is asked one thing at a time, and whose time is nobody else's.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a bound is looked at again that ran out while somebody was asked.
const LEAST_WAIT: Duration = Duration::from_millis(100);

/// Whose turn it is to ask the person who signs in to a target, and for how long that person has been asked so far.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    lock: tokio::sync::Mutex<()>,
    clock: Mutex<Clock>,
}

#[derive(Debug, Default)]
struct Clock {
    past: Duration,
    since: Option<Instant>,
}

/// The turn, until it is dropped.
#[derive(Debug)]
pub(in super::super) struct Taken<'a> {
    turn: &'a Turn,
    _lock: tokio::sync::MutexGuard<'a, ()>,
}

impl Turn {
    /// Waits until nobody else asks.
    pub(in super::super) async fn take(&self) -> Taken<'_> {
        let lock = self.lock.lock().await;
        self.clock().since = Some(Instant::now());
        Taken { turn: self, _lock: lock }
    }

    /// For how long somebody was asked so far, all questions together.
    pub(crate) fn asked(&self) -> Duration {
        let clock = self.clock();
        clock.past + clock.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    /// Bounds work; time in which somebody is asked to sign in, by this work or by other, does not count. `None` when the
    /// time is over.
    pub(crate) async fn bounded<T>(&self, bound: Duration, work: impl Future<Output = T>) -> Option<T> {
        let (started, asked) = (Instant::now(), self.asked());
        let mut work = pin!(work);
        let mut wait = bound;
        loop {
            if let Ok(done) = tokio::time::timeout(wait, work.as_mut()).await {
                return Some(done);
            }
            let spent = started.elapsed().saturating_sub(self.asked().saturating_sub(asked));
            let left = bound.saturating_sub(spent);
            if left.is_zero() {
                return None;
            }
            wait = left.max(LEAST_WAIT);
        }
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut clock = self.turn.clock();
        if let Some(since) = clock.since.take() {
            clock.past += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bound_holds_while_nobody_is_asked() {
        let turn = Turn::default();
        assert_eq!(turn.bounded(Duration::from_millis(20), std::future::pending::<()>()).await, None);
        assert_eq!(turn.bounded(Duration::ZERO, async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn the_time_of_a_person_does_not_count() {
        let turn = Turn::default();
        let asks = async {
            let _taken = turn.take().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        };
        assert_eq!(turn.bounded(Duration::from_millis(100), asks).await, Some(()));
        assert!(turn.asked() >= Duration::from_millis(300));
        // What went before is no credit.
        assert_eq!(turn.bounded(Duration::from_millis(20), std::future::pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn a_turn_that_is_given_up_is_free_again() {
        let turn = Turn::default();
        let gave_up = tokio::time::timeout(Duration::from_millis(10), async {
            let _taken = turn.take().await;
            std::future::pending::<()>().await;
        });
        assert!(gave_up.await.is_err());
        let asked = turn.asked();
        drop(tokio::time::timeout(Duration::from_secs(5), turn.take()).await.expect("the turn is free"));
        assert!(turn.asked() < asked + Duration::from_secs(1));
    }
}
