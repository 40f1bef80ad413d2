//! The schemas themselves.

use std::collections::BTreeSet;

use gauntlet_format::Version;
use serde_json::{Value, json};

use super::super::Requirements;
use super::super::definition::Definition;
use super::super::schema::{Edition, bundle, push_pointer};

fn editions() -> impl Iterator<Item = Edition> {
    Version::ALL.into_iter().map(Some).chain([None]).map(Edition)
}

fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(members);
            members.values().for_each(|v| walk(v, visit));
        }
        Value::Array(items) => items.iter().for_each(|v| walk(v, visit)),
        _ => {}
    }
}

#[test]
fn every_definition_compiles_in_every_edition() {
    for definition in Definition::ALL {
        for edition in editions() {
            // Nonsense is refused; were the schema broken, the reason would say so.
            let faults = definition.check(edition, &json!("nonsense"), "x", "base.server.envelope");
            assert!(faults.iter().all(|f| f.requirement.is_some()), "{} in {edition:?}: {faults:?}", definition.name());
        }
    }
}

#[test]
fn every_requirement_named_in_a_schema_exists_and_is_in_force() {
    let known = Requirements::builtin();
    // Definitions of messages that come and go with versions.
    let of_others = |name: &str, version| match name {
        "InitializeParams" | "InitializeResult" => version == Version::V2026_07_28,
        "DiscoverResult" | "InputRequiredResult" | "UnsupportedVersionData" | "MissingCapabilityData" => {
            version < Version::V2026_07_28
        }
        "ElicitParams" | "ElicitResult" => version < Version::V2025_06_18,
        "UrlElicitationData" => version != Version::V2025_11_25,
        _ => false,
    };
    let mut named = BTreeSet::new();
    for definition in Definition::ALL {
        for version in Version::ALL.into_iter().filter(|v| !of_others(definition.name(), *v)) {
            let schema = bundle(definition.name(), Edition(Some(version))).unwrap();
            walk(&schema, &mut |members| {
                let Some(id) = members.get("$requirement").and_then(Value::as_str) else { return };
                let requirement = known.get(id).unwrap_or_else(|| panic!("`{id}` is in no catalogue"));
                assert!(requirement.holds_in(version), "`{id}` does not hold in {version} ({})", definition.name());
                named.insert(id.to_owned());
            });
        }
    }
    assert!(named.len() > 20, "the walk found them: {named:?}");
}

#[test]
fn a_reference_stands_alone() {
    for definition in Definition::ALL {
        for edition in editions() {
            let schema = bundle(definition.name(), edition).unwrap();
            walk(&schema["$defs"], &mut |members| {
                let alone = members.keys().all(|k| k == "$ref" || k == "$requirement");
                assert!(!members.contains_key("$ref") || alone, "draft 7 ignores what stands beside it: {members:?}");
            });
        }
    }
}

#[test]
fn windows_leave_out_what_a_version_does_not_have() {
    let tool = |version| bundle("ToolsListResult", Edition(version)).unwrap()["$defs"]["Tool"]["properties"].clone();
    assert!(tool(Some(Version::V2024_11_05)).get("annotations").is_none());
    assert!(tool(Some(Version::V2025_03_26)).get("annotations").is_some());
    assert!(tool(Some(Version::V2025_11_25)).get("execution").is_some());
    assert!(tool(Some(Version::V2026_07_28)).get("execution").is_none());
    assert!(tool(None).get("annotations").is_none());
    let required = |version| {
        let schema = bundle("ToolsListResult", Edition(version)).unwrap();
        schema["$defs"]["ToolsListResult"]["allOf"].as_array().unwrap().len()
    };
    assert_eq!(required(Some(Version::V2025_11_25)), 1);
    assert_eq!(required(Some(Version::V2026_07_28)), 2, "with cache hints");
}

#[test]
fn unknown_definitions_are_said() {
    assert_eq!(bundle("Nothing", Edition(None)), Err("`Nothing` is not defined".to_owned()));
}

#[test]
fn paths_are_written_for_people() {
    let mut path = "result".to_owned();
    push_pointer(&mut path, "/tools/0/_meta/io.modelcontextprotocol~1serverInfo/a~0b/x");
    assert_eq!(path, r#"result.tools[0]._meta["io.modelcontextprotocol/serverInfo"]["a~b"].x"#);
}
