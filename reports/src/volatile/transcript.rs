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
    for mut exchange in in_order(exchanges) {
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
    out
}

/// Exchanges by step, each followed by those that it caused. What the lifecycle does belongs to the step of the same client
/// that comes after it.
fn in_order(exchanges: Vec<Exchange>) -> Vec<Exchange> {
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
    ordered.into_iter().map(|(_, _, exchange)| exchange).collect()
}
