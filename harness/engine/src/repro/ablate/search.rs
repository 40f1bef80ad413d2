//! In which order what is left out.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::answer::{Answer, By, Effect};
use super::bench::{Bench, Written};
use super::parts::{self, Alter, Part};
use super::report::{Ablation, Finding, Smallest, Stopped, Worth};
use super::{AblateError, AblateOptions};
use crate::repro::ddmin::ddmin;
use crate::transport::Request;
use crate::transport::alteration::Edit;

/// Looks for what the answer to one request depends on.
pub(super) struct Search<'b, 'a> {
    bench: &'b mut Bench<'a>,
    options: &'b AblateOptions,
    report: &'b mut Ablation,
    /// As it goes over the wire unaltered.
    request: Arc<Request>,
    body: Value,
    reference: Answer,
    by: By,
    /// Parts that were left out alone, and what that did.
    found: Vec<(Part, Worth)>,
    /// The parts that the smallest request does without.
    smallest: Option<Smaller>,
}

/// The best of the requests that were seen to get the same answer.
pub(super) struct Smaller {
    pub left_out: Vec<Part>,
    /// Have no effect alone, and stay.
    pub needed: Vec<Part>,
    minimal: bool,
}

impl<'b, 'a> Search<'b, 'a> {
    /// Sends the request once more, to see that it gets the same answer.
    ///
    /// # Errors
    /// When it does not even come to the same.
    pub(super) async fn begin(
        bench: &'b mut Bench<'a>,
        options: &'b AblateOptions,
        report: &'b mut Ablation,
        written: Written,
    ) -> Result<Self, AblateError> {
        let body = parts::body(&written.request).unwrap_or_default();
        let Written { answer, request, .. } = written;
        let mut search = Self {
            bench,
            options,
            report,
            request,
            body,
            reference: answer,
            by: By::Values,
            found: Vec::new(),
            smallest: None,
        };
        search.steady().await?;
        Ok(search)
    }

    /// Finds out under which conditions the same request gets the same answer.
    async fn steady(&mut self) -> Result<(), AblateError> {
        let again = self.bench.send(Vec::new()).await.map_err(|stopped| no_second(&stopped))?;
        let mut effect = self.effect_again(&again);
        if effect != Effect::None && !self.bench.fresh {
            let said = difference(&again, &effect);
            self.report.notes.push(format!(
                "the same request sent again over the same session gets another answer ({said}), so that everything is \
                 started anew for each request"
            ));
            self.bench.fresh = true;
            // Twice: what changes each time comes back every other time.
            for _ in 0..2 {
                let again = self.bench.send(Vec::new()).await.map_err(|stopped| no_second(&stopped))?;
                effect = self.effect_again(&again);
                if effect != Effect::None {
                    break;
                }
            }
        }
        if let Effect::Content(differences) = &effect {
            let said = differences.first().map(ToString::to_string).unwrap_or_default();
            self.report.notes.push(format!(
                "the same request gets another answer each time ({said}), so that only status, error and shape are compared"
            ));
            self.by = By::Shape;
            let again = self.bench.send(Vec::new()).await.map_err(|stopped| no_second(&stopped))?;
            effect = self.reference.effect_of(&again, self.by);
        }
        match effect {
            Effect::None => Ok(()),
            _ => Err(AblateError::Unsuccessful(
                "the same request, sent again with everything started anew, gets another answer each time, so that nothing \
                 can be learned from leaving something out"
                    .to_owned(),
            )),
        }
    }

    /// What is different about another answer to the same request. Headers that are alone in that are no longer compared.
    fn effect_again(&mut self, again: &Answer) -> Effect {
        let unsteady = self.reference.forget_unsteady(again);
        if !unsteady.is_empty() {
            let said = unsteady.join(", ");
            self.report.notes.push(format!("{said}: another one for the same request, so that it is not compared"));
        }
        self.reference.effect_of(again, self.by)
    }

    /// Does all of it, as far as it comes, and gives back what the smallest request does without.
    pub(super) async fn run(mut self) -> Option<Smaller> {
        let end = self.search().await;
        self.report.stopped = end.err();
        self.report.fresh = self.bench.fresh;
        self.tell_smallest();
        self.smallest
    }

    async fn search(&mut self) -> Result<(), Stopped> {
        self.singles().await?;
        if !self.together().await? {
            // The answers may tell of the requests before, and not of what was left out.
            let again = self.bench.send(Vec::new()).await?;
            if self.reference.effect_of(&again, self.by) != Effect::None && !self.bench.fresh {
                self.report.notes.push(
                    "the unaltered request gets another answer after all the others, so that everything was done again, \
                     started anew for each request"
                        .to_owned(),
                );
                self.bench.fresh = true;
                self.found.clear();
                self.report.parts.clear();
                self.singles().await?;
                if !self.together().await? {
                    self.narrow().await?;
                }
            } else {
                self.narrow().await?;
            }
        }
        self.alter().await?;
        if self.options.pairs {
            self.pairs().await?;
        }
        Ok(())
    }

    /// Leaves each part out alone; what is inside a field only if the answer depends on the field.
    async fn singles(&mut self) -> Result<(), Stopped> {
        let mut queue: VecDeque<Part> = parts::of(&self.request, self.options.deep).into();
        if queue.iter().all(|part| !matches!(part, Part::Field(_))) && self.request.headers.is_empty() {
            // Over stdio there is nothing else.
            queue = parts::of(&self.request, true).into();
        }
        while let Some(part) = queue.pop_front() {
            let (worth, finding) = self.try_without(std::slice::from_ref(&part)).await?;
            self.report.parts.push(finding);
            if worth == Worth::LoadBearing {
                queue.extend(parts::inside(&part, &self.body));
            }
            self.found.push((part, worth));
        }
        Ok(())
    }

    fn idle(&self) -> Vec<Part> {
        self.found.iter().filter(|(_, worth)| *worth == Worth::NoEffect).map(|(part, _)| part.clone()).collect()
    }

    /// Leaves everything out at once that has no effect alone; whether the answer is still the same. Sent in any case: it
    /// shows too that the target still answers as it did.
    async fn together(&mut self) -> Result<bool, Stopped> {
        let idle = self.idle();
        let works = self.is_same_without(&idle).await?;
        if works {
            self.smallest = Some(Smaller { left_out: idle, needed: Vec::new(), minimal: true });
        }
        Ok(works)
    }

    /// Looks for as few of the parts that have no effect alone as must stay.
    async fn narrow(&mut self) -> Result<(), Stopped> {
        let idle = self.idle();
        // That it does not work without all of them is known.
        let mut known = HashMap::from([(Vec::new(), false)]);
        let reduced = ddmin(idle.len(), false, async |kept: &[usize]| {
            if let Some(same) = known.get(kept) {
                return Ok(*same);
            }
            let same = self.is_same_without(&but(&idle, kept)).await?;
            known.insert(kept.to_vec(), same);
            Ok(same)
        })
        .await;
        let needed = reduced.kept.iter().filter_map(|index| idle.get(*index).cloned()).collect();
        let left_out = but(&idle, &reduced.kept);
        self.smallest = Some(Smaller { left_out, needed, minimal: reduced.halt.is_none() });
        reduced.halt.map_or(Ok(()), Err)
    }

    /// Gives each part the other values that were asked for.
    async fn alter(&mut self) -> Result<(), Stopped> {
        let found: Vec<Part> = self.found.iter().map(|(part, _)| part.clone()).collect();
        for part in &found {
            for kind in &self.options.alter {
                let Some(value) = parts::altered(part, *kind, &self.request) else { continue };
                let edits = vec![Edit { part: part.clone(), value: Some(value) }];
                let (_, finding) = self.try_with(edits, Some(*kind)).await?;
                self.report.altered.push(finding);
            }
        }
        Ok(())
    }

    /// Leaves out each two parts that have no effect alone.
    async fn pairs(&mut self) -> Result<(), Stopped> {
        let idle = self.idle();
        self.report.pairs_tried = Some(0);
        for (n, first) in idle.iter().enumerate() {
            for second in idle.iter().skip(n + 1).filter(|second| !parts::overlap(first, second)) {
                let (worth, finding) = self.try_without(&[first.clone(), second.clone()]).await?;
                self.report.pairs_tried = self.report.pairs_tried.map(|tried| tried + 1);
                if worth != Worth::NoEffect {
                    self.report.pairs.push(finding);
                }
            }
        }
        Ok(())
    }

    async fn is_same_without(&mut self, parts: &[Part]) -> Result<bool, Stopped> {
        Ok(self.try_without(parts).await?.0 == Worth::NoEffect)
    }

    async fn try_without(&mut self, parts: &[Part]) -> Result<(Worth, Finding), Stopped> {
        let edits = parts.iter().map(|part| Edit { part: part.clone(), value: None }).collect();
        self.try_with(edits, None).await
    }

    async fn try_with(&mut self, edits: Vec<Edit>, alter: Option<Alter>) -> Result<(Worth, Finding), Stopped> {
        let parts = edits.iter().map(|edit| edit.part.to_string()).collect();
        let mut answer = self.bench.send(edits.clone()).await?;
        if let (Some(pause), None) = (answer.too_many, self.reference.too_many) {
            answer = self.ask_later(edits, pause).await?;
        }
        let (worth, differences) = match self.reference.effect_of(&answer, self.by) {
            Effect::None => (Worth::NoEffect, Vec::new()),
            Effect::Content(differences) => (Worth::ChangesAnswer, differences),
            Effect::Outcome => (Worth::LoadBearing, Vec::new()),
        };
        Ok((worth, Finding { parts, alter, effect: worth, answer: answer.told, differences }))
    }

    /// The answer to a request that came too soon, and not one that something is missing in.
    async fn ask_later(&mut self, edits: Vec<Edit>, pause: Duration) -> Result<Answer, Stopped> {
        self.bench.pause(pause).await?;
        let whole = self.bench.send(Vec::new()).await?;
        if whole.too_many.is_some() {
            let reason = format!("it gets {}; bound how often it is asked with `rate` of the target", whole.told);
            return Err(Stopped::Lost(reason));
        }
        self.bench.send(edits).await
    }

    fn tell_smallest(&mut self) {
        let all = parts::of(&self.request, true);
        if !self.options.deep && !self.request.headers.is_empty() {
            let tried: HashSet<Part> = parts::of(&self.request, false).into_iter().collect();
            self.report.not_tried = all.iter().filter(|part| !tried.contains(part)).map(ToString::to_string).collect();
        }
        let Some(smallest) = &self.smallest else { return };
        let left_out: HashSet<&Part> = smallest.left_out.iter().collect();
        let stays = |part: &&Part| !left_out.contains(part);
        let count = |is: fn(&Part) -> bool| all.iter().filter(stays).filter(|part| is(part)).count();
        let names = |parts: &[Part]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
        self.report.smallest = Some(Smallest {
            kept: all.iter().filter(stays).map(ToString::to_string).collect(),
            left_out: names(&smallest.left_out),
            needed_together: names(&smallest.needed),
            headers: count(|part| matches!(part, Part::Header(_))),
            parameters: count(|part| matches!(part, Part::Query(_))),
            fields: count(|part| matches!(part, Part::Field(_))),
            minimal: smallest.minimal,
            scenario: None,
        });
    }
}

/// The parts but for those at these places.
fn but(parts: &[Part], places: &[usize]) -> Vec<Part> {
    parts.iter().enumerate().filter(|(place, _)| !places.contains(place)).map(|(_, part)| part.clone()).collect()
}

/// Why the unaltered request was not sent a second time.
fn no_second(stopped: &Stopped) -> AblateError {
    match stopped {
        Stopped::Interrupted => AblateError::Interrupted,
        Stopped::Budget => AblateError::Unfit(
            "there may not even be requests enough to see that the unaltered one gets the same answer twice".to_owned(),
        ),
        Stopped::Lost(reason) => {
            AblateError::Unsuccessful(format!("the request cannot be sent a second time: {reason}"))
        }
    }
}

/// What is different about an answer, in a few words.
fn difference(answer: &Answer, effect: &Effect) -> String {
    match effect {
        Effect::Content(differences) => differences.first().map(ToString::to_string).unwrap_or_default(),
        _ => answer.told.to_string(),
    }
}
