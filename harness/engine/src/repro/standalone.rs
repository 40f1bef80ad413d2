//! A scenario of a pack as one that stands by itself.

use gauntlet_format::{Scenario, Source, yaml};
use serde_json::{Map, Value};

/// The scenario as a tree, with what its `pack.yaml` gives to it written into it: the members that the scenario does not have, and
/// of mappings that add up the ones that it leaves open.
///
/// # Errors
/// One sentence, if a source of the scenario cannot be read again.
pub(super) fn standalone(scenario: &Scenario) -> Result<Value, String> {
    let mut sources = scenario.sources.iter();
    let Value::Object(own) = sources.next().map_or(Ok(Value::Null), tree)? else {
        return Err("the scenario is no mapping".to_owned());
    };
    let Value::Object(pack) = sources.next().map_or(Ok(Value::Object(Map::new())), tree)? else {
        return Err("the pack is no mapping".to_owned());
    };
    Ok(Value::Object(merged(own, &pack)))
}

fn tree(source: &std::sync::Arc<Source>) -> Result<Value, String> {
    match yaml::parse(source, 0) {
        Ok(node) => Ok(node.to_json()),
        Err(found) => Err(found.first().map_or_else(|| "it cannot be read".to_owned(), |first| first.message.clone())),
    }
}

fn merged(mut own: Map<String, Value>, pack: &Map<String, Value>) -> Map<String, Value> {
    for name in ["target", "versions", "transport", "lifecycle", "timeout", "step_timeout"] {
        if let Some(value) = pack.get(name) {
            own.entry(name).or_insert_with(|| value.clone());
        }
    }
    for name in ["given", "vars"] {
        add(&mut own, name, pack.get(name));
    }
    if let Some(Value::Object(base)) = pack.get("defaults") {
        let defaults = own.entry("defaults").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(defaults) = defaults {
            for name in ["headers", "envelope"] {
                add(defaults, name, base.get(name));
            }
            if let Some(auth) = base.get("auth") {
                defaults.entry("auth").or_insert_with(|| auth.clone());
            }
        }
    }
    if let Some(Value::Array(tags)) = pack.get("tags") {
        let mut all = tags.clone();
        let more = own.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
        all.extend(more.into_iter().filter(|tag| !tags.contains(tag)));
        own.insert("tags".to_owned(), Value::Array(all));
    }
    // Steps are what one reads for; they come last.
    if let Some(steps) = own.shift_remove("steps") {
        own.insert("steps".to_owned(), steps);
    }
    own
}

/// Members of both; those that are there win.
fn add(own: &mut Map<String, Value>, name: &str, base: Option<&Value>) {
    match (own.get_mut(name), base) {
        (Some(Value::Object(members)), Some(Value::Object(base))) => {
            for (key, value) in base {
                members.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        (None, Some(base)) => drop(own.insert(name.to_owned(), base.clone())),
        _ => {}
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use gauntlet_format::Pack;

    use super::*;

    fn source(path: &str, text: &str) -> Arc<Source> {
        Arc::new(Source { path: path.into(), text: text.into() })
    }

    fn parsed(scenario: &str, pack: Option<&Pack>) -> Scenario {
        Scenario::parse(source("s.yaml", scenario), pack).unwrap()
    }

    #[test]
    fn what_stands_alone_is_what_the_pack_made_of_it() {
        let pack = "name: p\ntarget: mcp-server\nversions: 2025-06-18\ntags: [a, b]\ntimeout: 9s\ngiven: { page_size: 2, x: 1 }\n\
            vars: { n: 1 }\ndefaults: { headers: { x-a: \"1\" }, auth: none, envelope: { k: 1 } }\n";
        let pack = Pack::parse(source("pack.yaml", pack)).unwrap();
        let text = "id: s\ntitle: T\ntags: [b, c]\ngiven: { x: 2 }\ndefaults: { headers: { x-b: \"2\" } }\nsteps:\n  - call: ping\n    expect: { result: {} }\n";
        let whole = parsed(text, Some(&pack));
        let alone = parsed(&standalone(&whole).unwrap().to_string(), None);
        let json = |node: &Option<gauntlet_format::Node>| node.as_ref().map(gauntlet_format::Node::to_json);
        let sorted = |node| {
            json(node).map(|value| serde_json::from_value::<std::collections::BTreeMap<String, Value>>(value).unwrap())
        };
        assert_eq!(sorted(&alone.given), sorted(&whole.given));
        assert_eq!(sorted(&alone.defaults.headers), sorted(&whole.defaults.headers));
        assert_eq!(json(&alone.defaults.auth), json(&whole.defaults.auth));
        assert_eq!(json(&alone.defaults.envelope), json(&whole.defaults.envelope));
        assert_eq!((alone.tags, alone.timeout, alone.versions), (whole.tags, whole.timeout, whole.versions));
        assert_eq!((alone.target.name, alone.vars.len()), (whole.target.name, whole.vars.len()));
    }

    #[test]
    fn without_a_pack_nothing_is_added() {
        let text = "id: s\ntitle: T\ntarget: mcp-server\nsteps:\n  - call: ping\n    expect: { result: {} }\n";
        let alone = standalone(&parsed(text, None)).unwrap();
        let names: Vec<&String> = alone.as_object().unwrap().keys().collect();
        assert_eq!(names, ["id", "title", "target", "steps"]);
    }
}
