//! A value with one thing changed.

use gauntlet_format::matching;
use serde_json::{Value, json};

use crate::runner::check::Evidence;

/// Alterations that are tried at most for one check.
const MOST: usize = 400;

/// Whether some altered value fails the check's pattern.
pub(super) fn can_fail(evidence: &Evidence) -> bool {
    let fails = |value: Option<&Value>| !matching::matches(&evidence.pattern, value, "").is_empty();
    if evidence.actual.is_some() && fails(None) {
        return true;
    }
    let mut altered = Vec::new();
    match &evidence.actual {
        None => altered.extend([json!("altered"), json!(0), json!({}), json!([])]),
        Some(actual) => alterations(actual, &mut |value| {
            altered.push(value);
            altered.len() < MOST
        }),
    }
    altered.iter().any(|value| fails(Some(value)))
}

/// Hands each alteration to `take` until it has enough.
fn alterations(value: &Value, take: &mut dyn FnMut(Value) -> bool) {
    let mut going = true;
    let replacements = [json!(null), json!("altered"), json!(-1), json!([]), json!({}), json!(true)];
    for replacement in replacements {
        if going && replacement != *value {
            going = take(replacement);
        }
    }
    match value {
        Value::Number(n) => {
            if let (true, Some(n)) = (going, n.as_i64()) {
                take(json!(n.wrapping_add(1)));
            }
        }
        Value::String(text) => {
            if going {
                take(format!("{text}altered").into());
            }
        }
        Value::Array(items) => {
            for i in 0..items.len() {
                let mut fewer = items.clone();
                fewer.remove(i);
                going = going && take(fewer.into());
                let mut twice = items.clone();
                twice.insert(i, items[i].clone());
                going = going && take(twice.into());
            }
            let mut reversed = items.clone();
            reversed.reverse();
            going = going && take(reversed.into());
            for (i, item) in items.iter().enumerate() {
                alterations(item, &mut |changed| {
                    let mut copy = items.clone();
                    copy[i] = changed;
                    going = going && take(copy.into());
                    going
                });
            }
        }
        Value::Object(members) => {
            for name in members.keys() {
                let mut fewer = members.clone();
                fewer.shift_remove(name);
                going = going && take(fewer.into());
            }
            for (name, member) in members {
                alterations(member, &mut |changed| {
                    let mut copy = members.clone();
                    copy.insert(name.clone(), changed);
                    going = going && take(copy.into());
                    going
                });
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_format::{Node, Span};

    fn evidence(pattern: Value, actual: Option<Value>) -> Evidence {
        Evidence { pattern: Node::from_json(&pattern, Span::default()), actual }
    }

    #[test]
    fn a_deep_leaf_and_an_absence_can_fail() {
        assert!(can_fail(&evidence(json!({"a": [{"b": 1}]}), Some(json!({"a": [{"b": 1, "c": 2}]})))));
        assert!(can_fail(&evidence(json!({"$absent": true}), None)));
    }

    #[test]
    fn a_pattern_that_takes_everything_cannot() {
        let anything = json!({"$oneOf": [{"$any": true}, {"$absent": true}]});
        assert!(!can_fail(&evidence(anything, Some(json!({"a": 1})))));
    }
}
