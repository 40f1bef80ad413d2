//! Two JSON values, member by member.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::change::{Aspect, Change, Kind};
use super::path::{Path, Segment};

/// Changes of one exchange that are taken down at most, and new names among which an old one is looked for; two hostile
/// answers would have millions.
const MOST: usize = 1000;

/// Members that hold lists of named things, and the member that names them.
const NAMED: [(&str, &str); 4] =
    [("tools", "name"), ("prompts", "name"), ("resources", "uri"), ("resourceTemplates", "uriTemplate")];

/// Adds every difference between the values at the path.
pub(super) fn compare(path: &Path, left: &Value, right: &Value, out: &mut Vec<Change>) {
    if left == right || out.len() >= MOST {
        return;
    }
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => objects(path, left, right, out),
        (Value::Array(left), Value::Array(right)) => match naming_member(path, left, right) {
            Some(name) => named(path, name, left, right, out),
            None => arrays(path, left, right, out),
        },
        _ => out.push(changed(path, left, right)),
    }
}

/// Whether members stand in another order somewhere, though the values are equal.
pub(super) fn order_differs(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            !left.keys().eq(right.keys()) || left.values().zip(right.values()).any(|(l, r)| order_differs(l, r))
        }
        (Value::Array(left), Value::Array(right)) => left.iter().zip(right).any(|(l, r)| order_differs(l, r)),
        _ => false,
    }
}

fn value(kind: Kind, path: &Path) -> Change {
    Change::new(Aspect::Value, kind, path.clone())
}

fn changed(path: &Path, left: &Value, right: &Value) -> Change {
    value(Kind::Changed, path).between(Some(left.clone()), Some(right.clone()))
}

fn lost(path: &Path, left: &Value) -> Change {
    value(Kind::Lost, path).between(Some(left.clone()), None)
}

fn added(path: &Path, right: &Value) -> Change {
    value(Kind::Added, path).between(None, Some(right.clone()))
}

fn objects(path: &Path, left: &Map<String, Value>, right: &Map<String, Value>, out: &mut Vec<Change>) {
    let gained: Vec<(&String, &Value)> = right.iter().filter(|(name, _)| !left.contains_key(*name)).collect();
    let mut taken: HashSet<&String> = HashSet::new();
    for (name, before) in left {
        if out.len() >= MOST {
            return;
        }
        let here = path.key(name);
        match right.get(name) {
            Some(after) => compare(&here, before, after, out),
            None => {
                let successor = gained
                    .iter()
                    .take(MOST)
                    .find(|(to, after)| tells(before) && *after == before && !taken.contains(*to));
                match successor {
                    Some((to, after)) => {
                        taken.insert(*to);
                        let kind = Kind::Renamed { to: (*to).clone() };
                        out.push(value(kind, &here).between(Some(before.clone()), Some((*after).clone())));
                    }
                    None => out.push(lost(&here, before)),
                }
            }
        }
    }
    for (name, after) in gained {
        if !taken.contains(name) && out.len() < MOST {
            out.push(added(&path.key(name), after));
        }
    }
}

/// Whether a value says enough to be known again under another name.
fn tells(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Number(_) => true,
        Value::Null | Value::Bool(_) => false,
    }
}

fn naming_member(path: &Path, left: &[Value], right: &[Value]) -> Option<&'static str> {
    let (_, name) = NAMED.iter().find(|(list, _)| path.is(&["result", list]))?;
    let all_named = left.iter().chain(right).all(|item| item.get(name).is_some_and(Value::is_string));
    all_named.then_some(*name)
}

fn name_of<'a>(item: &'a Value, member: &str) -> &'a str {
    item.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// Lists of things with names: each is compared with the one of its name.
fn named(path: &Path, member: &str, left: &[Value], right: &[Value], out: &mut Vec<Change>) {
    let index = |items: &[Value]| {
        let mut all: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, item) in items.iter().enumerate() {
            all.entry(name_of(item, member).to_owned()).or_default().push(i);
        }
        all
    };
    let (before, after) = (index(left), index(right));
    let gained: Vec<&Value> = right.iter().filter(|item| !before.contains_key(name_of(item, member))).collect();
    let mut taken: HashSet<&str> = HashSet::new();
    let mut seen: HashSet<&str> = HashSet::new();
    for item in left {
        let name = name_of(item, member);
        if !seen.insert(name) {
            continue;
        }
        if out.len() >= MOST {
            return;
        }
        let here = path.with(Segment::Item(name.to_owned()));
        let Some(places) = after.get(name) else {
            let successor = gained.iter().take(MOST).find(|other| {
                let other_name = name_of(other, member);
                !taken.contains(other_name) && is_alias(name, other_name) && same_but(member, item, other)
            });
            match successor {
                Some(other) => {
                    let to = name_of(other, member);
                    taken.insert(to);
                    out.push(value(Kind::Renamed { to: to.to_owned() }, &here));
                }
                None => out.push(lost(&here, item)),
            }
            continue;
        };
        if let Some(other) = places.first().and_then(|i| right.get(*i)) {
            compare(&here, item, other, out);
        }
        if places.len() > before.get(name).map_or(0, Vec::len) {
            out.push(value(Kind::Duplicated, &here));
        }
    }
    let mut told: HashSet<&str> = HashSet::new();
    for item in gained {
        let name = name_of(item, member);
        if !taken.contains(name) && told.insert(name) && out.len() < MOST {
            out.push(added(&path.with(Segment::Item(name.to_owned())), item));
        }
    }
    let common = |items: &[Value], others: &HashMap<String, Vec<usize>>| {
        let mut seen = HashSet::new();
        let names = items.iter().map(|item| name_of(item, member).to_owned());
        names.filter(|name| others.contains_key(name) && seen.insert(name.clone())).collect::<Vec<_>>()
    };
    let (order_before, order_after) = (common(left, &after), common(right, &before));
    if order_before != order_after {
        let change = value(Kind::Reordered, path);
        out.push(change.between(Some(order_before.into()), Some(order_after.into())));
    }
}

/// Whether a gateway may have made the one name out of the other: it stands in it as a whole word.
fn is_alias(name: &str, other: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let (short, long) = if name.len() <= other.len() { (name, other) } else { (other, name) };
    !short.is_empty()
        && long
            .match_indices(short)
            .any(|(at, _)| edge(long[..at].chars().next_back()) && edge(long[at + short.len()..].chars().next()))
}

fn same_but(member: &str, left: &Value, right: &Value) -> bool {
    let (Some(left), Some(right)) = (left.as_object(), right.as_object()) else { return false };
    let rest = |map: &Map<String, Value>| map.iter().filter(|(name, _)| *name != member).count();
    rest(left) == rest(right) && left.iter().all(|(name, value)| name == member || right.get(name) == Some(value))
}

/// Lists without names: the elements between the ends that both have in common are compared by their positions.
fn arrays(path: &Path, left: &[Value], right: &[Value], out: &mut Vec<Change>) {
    if left.len() == right.len() && is_permutation(left, right) {
        let change = value(Kind::Reordered, path);
        out.push(change.between(Some(left.to_vec().into()), Some(right.to_vec().into())));
        return;
    }
    let front = left.iter().zip(right).take_while(|(l, r)| l == r).count();
    let (left_rest, right_rest) = (&left[front..], &right[front..]);
    let back = if left.len() == right.len() {
        0
    } else {
        left_rest.iter().rev().zip(right_rest.iter().rev()).take_while(|(l, r)| l == r).count()
    };
    let (left_rest, right_rest) = (&left_rest[..left_rest.len() - back], &right_rest[..right_rest.len() - back]);
    for i in 0..left_rest.len().max(right_rest.len()) {
        let here = path.with(Segment::Index(front + i));
        match (left_rest.get(i), right_rest.get(i)) {
            (Some(before), Some(after)) => compare(&here, before, after, out),
            (Some(before), None) => out.push(lost(&here, before)),
            (None, Some(after)) => out.push(added(&here, after)),
            (None, None) => {}
        }
        if out.len() >= MOST {
            return;
        }
    }
}

/// Whether both hold the same elements as often.
fn is_permutation(left: &[Value], right: &[Value]) -> bool {
    let count = |items: &[Value]| {
        let mut all: HashMap<String, usize> = HashMap::new();
        for item in items {
            *all.entry(canonical(item)).or_default() += 1;
        }
        all
    };
    count(left) == count(right)
}

/// The value as text, members sorted, so that equal values have equal texts.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members: Vec<String> = members
                .into_iter()
                .map(|(name, member)| format!("{}:{}", Value::from(name.as_str()), canonical(member)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(left: &Value, right: &Value) -> Vec<String> {
        let mut out = Vec::new();
        compare(&Path::of("result"), left, right, &mut out);
        out.iter().map(|change| format!("{:?} {}", change.kind, change.path)).collect()
    }

    #[test]
    fn members_are_lost_added_changed_and_renamed() {
        assert_eq!(
            told(&json!({"a": 1, "b": "x", "c": [1], "d": false}), &json!({"a": 2, "bee": "x", "e": false})),
            [
                "Changed result.a",
                "Renamed { to: \"bee\" } result.b",
                "Lost result.c",
                "Lost result.d",
                "Added result.e"
            ]
        );
        assert!(told(&json!({"a": 1, "b": {"c": 2, "d": 3}}), &json!({"b": {"d": 3, "c": 2}, "a": 1})).is_empty());
        assert!(order_differs(&json!([{"c": 2, "d": 3}]), &json!([{"d": 3, "c": 2}])));
        assert!(!order_differs(&json!([{"c": 2, "d": 3}]), &json!([{"c": 2, "d": 3}])));
    }

    #[test]
    fn named_things_are_compared_with_their_namesakes() {
        let tool = |name: &str, text: &str| json!({"name": name, "description": text});
        let left = json!({"tools": [tool("a", "1"), tool("b", "2"), tool("c", "3"), tool("d", "4")]});
        let right =
            json!({"tools": [tool("b", "2"), tool("a", "!"), tool("b", "2"), tool("srv__c", "3"), tool("new", "")]});
        assert_eq!(
            told(&left, &right),
            [
                "Changed result.tools[a].description",
                "Duplicated result.tools[b]",
                "Renamed { to: \"srv__c\" } result.tools[c]",
                "Lost result.tools[d]",
                "Added result.tools[new]",
                "Reordered result.tools"
            ]
        );
    }

    #[test]
    fn elements_without_names_are_compared_by_position() {
        assert_eq!(told(&json!([1, 2, 3]), &json!([3, 2, 1])), ["Reordered result"]);
        assert_eq!(told(&json!([1, 2, 3]), &json!([1, 3])), ["Lost result[1]"]);
        assert_eq!(told(&json!([1, 3]), &json!([1, 2, 3])), ["Added result[1]"]);
        assert_eq!(told(&json!([1, 2, 3]), &json!([1, 4, 3])), ["Changed result[1]"]);
        assert_eq!(
            told(&json!([{"a": 1}, {"a": 2, "b": 1}]), &json!([{"b": 1, "a": 2}, {"a": 1}])),
            ["Reordered result"]
        );
    }

    #[test]
    fn hostile_sizes_end_in_time() {
        let many = |seed: usize| Value::from((0..50_000).map(|n| n * 7 + seed).collect::<Vec<_>>());
        let began = std::time::Instant::now();
        assert_eq!(told(&many(1), &many(2)).len(), MOST);
        let members =
            |seed: usize| Value::Object((0..50_000).map(|n| (format!("{}", n * 7 + seed), n.into())).collect());
        assert_eq!(told(&members(1), &members(2)).len(), MOST);
        let tools = |seed: usize| {
            let tools: Vec<Value> = (0..50_000).map(|n| json!({ "name": format!("{}", n * 7 + seed) })).collect();
            json!({ "tools": tools })
        };
        assert_eq!(told(&tools(1), &tools(2)).len(), MOST);
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
