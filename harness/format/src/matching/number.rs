//! `$gt`, `$gte`, `$lt`, `$lte`, and when numbers are equal.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{At, Mismatch, brief, type_of};
use crate::node::NodeValue;

/// Order of two JSON numbers. Integers are compared as integers: ids beyond 2^53 stay apart.
fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    let whole = |n: &Number| n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

pub(super) fn equal(a: &Number, b: &Number) -> bool {
    compare(a, b) == Some(Ordering::Equal)
}

fn bound(at: &At<'_>, actual: &Value, words: &str, good: fn(Ordering) -> bool, out: &mut Vec<Mismatch>) {
    let NodeValue::Number(limit) = &at.argument.value else {
        return at.fail(Some(actual), "the bound of the matcher is not a number", out);
    };
    let Value::Number(number) = actual else {
        return at.fail(Some(actual), format!("expected a number, found {} {}", type_of(actual), brief(actual)), out);
    };
    if !compare(number, limit).is_some_and(good) {
        at.fail(Some(actual), format!("expected {words} {limit}, found {number}"), out);
    }
}

pub(super) fn gt(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    bound(at, actual, "more than", Ordering::is_gt, out);
}

pub(super) fn gte(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    bound(at, actual, "at least", Ordering::is_ge, out);
}

pub(super) fn lt(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    bound(at, actual, "less than", Ordering::is_lt, out);
}

pub(super) fn lte(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    bound(at, actual, "at most", Ordering::is_le, out);
}
