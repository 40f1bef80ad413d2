//! `$contains`, `$len`, `$inOrder`, `$unordered`, `$unique`, `$each`.

use serde_json::{Map, Value};

use super::{At, Mismatch, brief, elements, go, is_match, type_of};
use crate::node::NodeValue;

/// Pairs of pattern and element that are tried to name what is missing from an unordered array of the wrong length.
const MOST_PAIRS: usize = 65_536;

fn array_of<'v>(at: &At<'_>, actual: &'v Value, out: &mut Vec<Mismatch>) -> Option<&'v [Value]> {
    match actual {
        Value::Array(items) => Some(items),
        _ => {
            at.fail(Some(actual), format!("expected an array, found {} {}", type_of(actual), brief(actual)), out);
            None
        }
    }
}

pub(super) fn contains(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    match (actual, &at.argument.value) {
        (Value::String(text), NodeValue::String(part)) => {
            if !text.contains(part.as_str()) {
                at.fail(Some(actual), format!("{} does not hold the text {part:?}", brief(actual)), out);
            }
        }
        (Value::Array(items), _) => {
            if !items.iter().any(|v| is_match(at.argument, Some(v))) {
                at.fail(Some(actual), format!("none of {} matches", elements(items.len())), out);
            }
        }
        (Value::String(_), _) => at.fail(Some(actual), "a string can only hold text", out),
        _ => {
            let reason = format!("expected a string or array, found {} {}", type_of(actual), brief(actual));
            at.fail(Some(actual), reason, out);
        }
    }
}

pub(super) fn len(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let len = match actual {
        Value::String(s) => s.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => {
            let reason = format!("{} {} has no length", type_of(actual), brief(actual));
            return at.fail(Some(actual), reason, out);
        }
    };
    go(at.argument, Some(&Value::from(len)), &at.path.member("$len"), out);
}

pub(super) fn each(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    for (index, item) in array_of(at, actual, out).unwrap_or_default().iter().enumerate() {
        go(at.argument, Some(item), &at.path.index(index), out);
    }
}

/// Kuhn's algorithm: `partner[p]` is the element of pattern `p` in a largest matching.
///
/// Taking the first element that fits would be wrong: `[{ $any: true }, 1]` fits `[1, 2]`.
fn pair_up(fits: &[Vec<bool>], elements: usize) -> Vec<Option<usize>> {
    fn place(pattern: usize, fits: &[Vec<bool>], taken: &mut [Option<usize>], tried: &mut [bool]) -> bool {
        for element in 0..taken.len() {
            if fits[pattern][element] && !tried[element] {
                tried[element] = true;
                if taken[element].is_none_or(|other| place(other, fits, taken, tried)) {
                    taken[element] = Some(pattern);
                    return true;
                }
            }
        }
        false
    }
    let mut taken = vec![None; elements];
    for pattern in 0..fits.len() {
        place(pattern, fits, &mut taken, &mut vec![false; elements]);
    }
    let mut partner = vec![None; fits.len()];
    for (element, pattern) in taken.iter().enumerate() {
        if let Some(pattern) = pattern {
            partner[*pattern] = Some(element);
        }
    }
    partner
}

pub(super) fn unordered(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let NodeValue::Array(patterns) = &at.argument.value else {
        return at.fail(Some(actual), "the argument of the matcher is not an array", out);
    };
    let Some(items) = array_of(at, actual, out) else { return };
    if items.len() != patterns.len() {
        let reason = format!("has {}, expected {}", elements(items.len()), patterns.len());
        at.fail(Some(actual), reason, out);
        if items.len().saturating_mul(patterns.len()) > MOST_PAIRS {
            return;
        }
    }
    let fits: Vec<Vec<bool>> = patterns.iter().map(|p| items.iter().map(|v| is_match(p, Some(v))).collect()).collect();
    let partners = pair_up(&fits, items.len());
    for (pattern, _) in patterns.iter().zip(&partners).filter(|(_, partner)| partner.is_none()) {
        super::fail(pattern, Some(actual), at.path, "no element is left that matches this one", out);
    }
    for (index, item) in items.iter().enumerate().filter(|(i, _)| !partners.contains(&Some(*i))) {
        super::fail(at.pattern, Some(item), &at.path.index(index), "was not expected", out);
    }
}

/// Taking the first element that fits is right here: a later one could only leave less for the patterns after it.
pub(super) fn in_order(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let NodeValue::Array(patterns) = &at.argument.value else {
        return at.fail(Some(actual), "the argument of the matcher is not an array", out);
    };
    let Some(items) = array_of(at, actual, out) else { return };
    let mut next = 0;
    for (number, pattern) in patterns.iter().enumerate() {
        match items[next..].iter().position(|v| is_match(pattern, Some(v))) {
            Some(offset) => next += offset + 1,
            None => {
                let reason = match (number, items.iter().any(|v| is_match(pattern, Some(v)))) {
                    (0, _) | (_, false) => format!("none of {} matches this one", elements(items.len())),
                    (_, true) => format!("the elements that match this one come before element {}", next - 1),
                };
                return super::fail(pattern, Some(actual), at.path, reason, out);
            }
        }
    }
}

pub(super) fn unique(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let Some(items) = array_of(at, actual, out) else { return };
    let path = at.argument.as_str();
    let mut seen: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let mut values = Vec::new();
        match path {
            Some(path) => values_at(item, path, &mut values),
            None => values.push(item),
        }
        for value in values {
            let Some(first) = seen.insert(canonical(value).to_string(), index) else { continue };
            let reason = match path {
                Some(path) => format!("has the same `{path}` as element {first}: {}", brief(value)),
                None => format!("is equal to element {first}"),
            };
            super::fail(at.pattern, Some(item), &at.path.index(index), reason, out);
        }
    }
}

/// The values at a path of members (`tools.name`); lists on the way are opened.
fn values_at<'v>(value: &'v Value, path: &str, found: &mut Vec<&'v Value>) {
    if let Value::Array(items) = value {
        items.iter().for_each(|item| values_at(item, path, found));
    } else if let Some(member) = value.get(path) {
        found.push(member);
    } else if let Some((head, rest)) = path.split_once('.')
        && let Some(inner) = value.get(head)
    {
        values_at(inner, rest, found);
    }
}

/// The value with sorted members and one spelling for each number, so that equal values have equal text.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(k, _)| *k);
            Value::Object(sorted.into_iter().map(|(k, v)| (k.clone(), canonical(v))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(canonical).collect()),
        Value::Number(n) => match n.as_f64() {
            // Whole floats below 2^53 read as the integer that they equal.
            #[allow(clippy::cast_possible_truncation)]
            Some(f) if n.is_f64() && f.fract() == 0.0 && f.abs() < 9e15 => Value::from(f as i64),
            _ => value.clone(),
        },
        other => other.clone(),
    }
}
