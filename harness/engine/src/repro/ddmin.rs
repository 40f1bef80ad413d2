//! Delta debugging: the smallest part of a whole that still does it.

use std::ops::AsyncFnMut;

/// Why a search ended before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// No further request may be made.
    Spent,
    /// Somebody ended it.
    Cancelled,
}

/// What a search came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reduced<E> {
    /// The elements that are kept, in order.
    pub(super) kept: Vec<usize>,
    /// Why it ended early; without, none of the elements can be left out by itself.
    pub(super) halt: Option<E>,
}

/// So few elements are left out one by one at once.
const FEW: usize = 4;

/// Elements, by which it is known that they alone do not do it. It is taken that fewer of them do not either, as long as several
/// are left out at once: that saves most tests and is not taken for the last word.
#[derive(Debug, Default)]
struct Failed(Vec<Vec<bool>>);

impl Failed {
    fn add(&mut self, count: usize, kept: &[usize]) {
        let mut set = vec![false; count];
        for index in kept {
            if let Some(slot) = set.get_mut(*index) {
                *slot = true;
            }
        }
        self.0.push(set);
    }

    fn covers(&self, kept: &[usize]) -> bool {
        self.0.iter().any(|set| kept.iter().all(|index| set.get(*index) == Some(&true)))
    }
}

/// Reduces `count` elements, of which it is known that all together do it. `test` says whether the given ones do. With `windows`
/// the first ones are the likeliest to be needed, and ever more of them are tried first.
pub(super) async fn ddmin<E>(
    count: usize,
    windows: bool,
    mut test: impl AsyncFnMut(&[usize]) -> Result<bool, E>,
) -> Reduced<E> {
    let mut kept: Vec<usize> = (0..count).collect();
    let halt = reduce(&mut kept, windows, &mut test).await.err();
    Reduced { kept, halt }
}

async fn reduce<E>(
    kept: &mut Vec<usize>,
    windows: bool,
    test: &mut impl AsyncFnMut(&[usize]) -> Result<bool, E>,
) -> Result<(), E> {
    let count = kept.len();
    let mut failed = Failed::default();
    if count == 0 {
        return Ok(());
    }
    if test(&[]).await? {
        kept.clear();
        return Ok(());
    }
    if windows {
        likely(kept, &mut failed, test).await?;
    }
    // Halves of a few are hardly ever enough.
    let mut parts = if kept.len() <= FEW { kept.len() } else { 2 };
    while kept.len() > 1 {
        let size = kept.len().div_ceil(parts);
        let (mut start, mut reduced) = (0, false);
        while start < kept.len() && kept.len() > 1 {
            let end = (start + size).min(kept.len());
            let rest: Vec<usize> = kept[..start].iter().chain(&kept[end..]).copied().collect();
            // What leaves out a single one is always tried.
            let known = size > 1 && failed.covers(&rest);
            if !known && test(&rest).await? {
                *kept = rest;
                reduced = true;
            } else {
                if !known {
                    failed.add(count, &rest);
                }
                start = end;
            }
        }
        if size == 1 && !reduced {
            break;
        }
        parts = if size == 1 { kept.len() } else { kept.len().min(parts * 2) };
    }
    Ok(())
}

/// Looks for the one element that is enough, which is what there is as a rule: among ever more of the first ones, then by halves
/// of which only the first is tried.
async fn likely<E>(
    kept: &mut Vec<usize>,
    failed: &mut Failed,
    test: &mut impl AsyncFnMut(&[usize]) -> Result<bool, E>,
) -> Result<(), E> {
    let count = kept.len();
    let (mut size, mut without) = (1, 0);
    while size < count {
        let window: Vec<usize> = (0..size).collect();
        if test(&window).await? {
            *kept = window;
            break;
        }
        failed.add(count, &window);
        without = size;
        size *= 3;
    }
    // Something beyond the last window that was not enough is needed.
    let mut rest: Vec<usize> = kept.iter().copied().filter(|index| *index >= without).collect();
    while rest.len() > 1 {
        let second = rest.split_off(rest.len() / 2);
        if test(&rest).await? {
            kept.clone_from(&rest);
        } else {
            failed.add(count, &rest);
            rest = second;
        }
    }
    if kept.len() > rest.len() && test(&rest).await? {
        *kept = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A sequence that looks random and is the same each time.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap_or(0) % bound.max(1)
        }
    }

    /// Reduces with at most so many tests; repeated ones are free, as they are for the caller.
    async fn run(
        count: usize,
        windows: bool,
        most: usize,
        does: impl Fn(&[usize]) -> bool,
    ) -> (Reduced<Halt>, HashSet<Vec<usize>>) {
        let mut seen = HashSet::new();
        let reduced = ddmin(count, windows, async |kept: &[usize]| {
            if !seen.contains(kept) && seen.len() >= most {
                return Err(Halt::Spent);
            }
            seen.insert(kept.to_vec());
            Ok(does(kept))
        })
        .await;
        (reduced, seen)
    }

    #[tokio::test]
    async fn nothing_more_can_be_left_out_whatever_is_needed() {
        let mut dice = Dice(7);
        for round in 0..400 {
            let count = 1 + dice.below(40);
            let needed: Vec<usize> = (0..dice.below(5)).map(|_| dice.below(count)).collect();
            // One in two is not monotonous: what is enough may not be with others beside it.
            let spoiler = (round % 2 == 0).then(|| (dice.below(count), dice.below(count)));
            let does = |kept: &[usize]| {
                let has = |index: usize| kept.contains(&index);
                kept.len() == count
                    || needed.iter().all(|index| has(*index)) && spoiler.is_none_or(|(a, b)| !has(a) || has(b))
            };
            for windows in [false, true] {
                let (reduced, seen) = run(count, windows, usize::MAX, does).await;
                assert_eq!(reduced.halt, None);
                assert!(does(&reduced.kept), "{needed:?} of {count}: {:?}", reduced.kept);
                for index in &reduced.kept {
                    let fewer: Vec<usize> = reduced.kept.iter().copied().filter(|kept| kept != index).collect();
                    assert!(!does(&fewer), "{index} of {:?} can go", reduced.kept);
                    assert!(seen.contains(&fewer), "{fewer:?} was never tried");
                }
                if spoiler.is_none() {
                    let mut exactly = needed.clone();
                    exactly.sort_unstable();
                    exactly.dedup();
                    assert_eq!(reduced.kept, exactly, "of {count}");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_may_not_be_tried_is_not_tried_and_the_best_so_far_stays() {
        let mut dice = Dice(3);
        for _ in 0..100 {
            let count = 2 + dice.below(40);
            let needed = [dice.below(count), dice.below(count)];
            let does = |kept: &[usize]| needed.iter().all(|index| kept.contains(index));
            let most = dice.below(12);
            let (reduced, seen) = run(count, true, most, does).await;
            assert!(seen.len() <= most);
            assert!(does(&reduced.kept));
        }
    }

    #[tokio::test]
    async fn one_needed_of_fifty_costs_little() {
        for needed in 0..49 {
            let (_, seen) = run(49, true, usize::MAX, |kept| kept.contains(&needed)).await;
            // Three requests of the lifecycle, and the step that fails.
            let requests: usize = seen.iter().map(|kept| kept.len() + 4).sum();
            assert!(requests <= 125, "{needed}: {requests} requests, {} tests", seen.len());
        }
    }
}
