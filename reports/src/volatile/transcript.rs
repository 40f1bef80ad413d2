//! A whole transcript as text that is the same in every run in which the same was said.

use std::collections::HashMap;

use super::{Normaliser, Rules};
use crate::canonical::{self, Volatile};
use crate::model::Exchange;

/// What stands for the system under test, whose name differs from target to target.
const TARGET: &str = "target";

/// The transcript as canonical text, volatile values replaced, exchanges in the order of the steps. `target` is the name of the
/// system under test.
///
/// What happens at the same time comes in another order each time, so the order is that of the scenario and not of the clock.
#[must_use]
pub fn transcript(rules: &Rules, exchanges: Vec<Exchange>, target: &str) -> String {
    let mut normaliser = Normaliser::new(rules);
    let mut out = String::new();
    for (_, exchange) in in_order(exchanges) {
        push(&mut out, &mut normaliser, exchange, target);
    }
    out
}

/// The same of the exchanges of some steps, each with those behind the target that it caused, as a text for each of these
/// steps, in order. What the lifecycle does is no step's. Placeholders are the same in all the texts, and do not depend on the
/// steps that are left out.
#[must_use]
pub fn of_steps(rules: &Rules, exchanges: &[Exchange], target: &str, steps: &[usize]) -> Vec<(usize, String)> {
    let mut taken: Vec<Exchange> = Vec::new();
    // Where an exchange is in what is taken, and its step.
    let mut places: Vec<Option<(usize, usize)>> = Vec::with_capacity(exchanges.len());
    for exchange in exchanges {
        let cause = exchange.cause.and_then(|cause| places.get(cause).copied().flatten());
        let step = exchange.step.or(cause.map(|(_, step)| step)).filter(|step| steps.contains(step));
        places.push(step.map(|step| (taken.len(), step)));
        if step.is_some() {
            taken.push(Exchange { cause: cause.map(|(place, _)| place), step, ..exchange.clone() });
        }
    }
    let mut normaliser = Normaliser::new(rules);
    let mut texts: Vec<(usize, String)> = Vec::new();
    for (step, exchange) in in_order(taken) {
        if texts.last().is_none_or(|(last, _)| *last != step) {
            texts.push((step, String::new()));
        }
        if let Some((_, text)) = texts.last_mut() {
            push(text, &mut normaliser, exchange, target);
        }
    }
    texts
}

/// Appends one exchange under a heading that says who spoke to whom.
fn push(out: &mut String, normaliser: &mut Normaliser<'_>, mut exchange: Exchange, target: &str) {
    normaliser.exchange(&mut exchange);
    for name in [&mut exchange.hop.from, &mut exchange.hop.to] {
        if name == target {
            TARGET.clone_into(name);
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str("### ");
    out.push_str(&exchange.hop.to_string());
    out.push('\n');
    out.push_str(&canonical::exchange(&exchange, Volatile::Keep));
}

/// Exchanges by step, each followed by those that it caused. What the lifecycle does belongs to the step of the same client
/// that comes after it.
fn in_order(exchanges: Vec<Exchange>) -> Vec<(usize, Exchange)> {
    let mut next: HashMap<&str, usize> = HashMap::new();
    let mut keys = vec![usize::MAX; exchanges.len()];
    for (i, exchange) in exchanges.iter().enumerate().rev() {
        if exchange.cause.is_some() {
            continue;
        }
        let client = exchange.hop.from.as_str();
        if let Some(step) = exchange.step {
            next.insert(client, step);
        }
        if let (Some(key), Some(step)) = (keys.get_mut(i), next.get(client)) {
            *key = *step;
        }
    }
    // A cause stands before what it caused.
    for (i, exchange) in exchanges.iter().enumerate() {
        let of_cause = exchange.cause.filter(|cause| *cause < i).and_then(|cause| keys.get(cause).copied());
        if let (Some(key), Some(step)) = (keys.get_mut(i), of_cause) {
            *key = step;
        }
    }
    let mut ordered: Vec<(usize, String, Exchange)> =
        exchanges.into_iter().zip(keys).map(|(exchange, key)| (key, String::new(), exchange)).collect();
    // Within a step: one client after the other.
    let mut client = String::new();
    for (_, by, exchange) in &mut ordered {
        if exchange.cause.is_none() {
            client.clone_from(&exchange.hop.from);
        }
        by.clone_from(&client);
    }
    ordered.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    ordered.into_iter().map(|(step, _, exchange)| (step, exchange)).collect()
}
