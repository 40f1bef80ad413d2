//! A target of `gauntlet.yaml` that is made of mocks alone, as a bundle carries it.
//!
//! It is written as an entry of `targets` is, of which a bundle has the members that start nothing and read nothing; a recording
//! behind it is a file of the bundle. What is read is checked as if it came from an enemy: it may reach the mocks that are started
//! beside it, and nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gauntlet_format::scenario::Lifecycle;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use crate::config::{Endpoint, RecordedSource, TargetSpec, described_target};
use crate::repro::placeholder;
use crate::repro::stub::RecordedServer;
use crate::runner::GivenSecrets;

/// Members that an entry may have.
const MEMBERS: [&str; 13] = [
    "auth",
    "envelope",
    "fixtures",
    "given",
    "headers",
    "lifecycle",
    "mock",
    "provides",
    "tolerate",
    "transport",
    "upstreams",
    "vars",
    "versions",
];

/// Members that an upstream of it may have.
const OF_UPSTREAM: [&str; 4] = ["given", "mock", "on_demand", "recorded"];

/// Kinds of `auth` that read nothing of the machine.
const AUTH: [&str; 3] = ["basic", "bearer", "header"];

/// Members of `auth.oauth` that ask nobody, and keep nothing in files.
const OAUTH: [&str; 6] = ["cache", "client_id", "client_secret", "grant", "offline_access", "scopes"];

/// Schemes of addresses that a mock could be made to ask, or to read.
const SCHEMES: [&str; 5] = ["file", "http", "https", "ws", "wss"];

/// Recordings at most.
pub(super) const RECORDINGS: usize = 4;

/// A target that is described in a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DescribedTarget {
    /// Its name.
    pub name: String,
    /// What would stand under `targets`; a recording is named as the file of the bundle that it is.
    pub entry: Value,
    /// The defects that were switched on beside those of the entry, by mock.
    #[serde(default)]
    pub defects: BTreeMap<String, Vec<String>>,
}

/// The file of a bundle that the recording of this number is, from 0.
pub(super) fn recording_name(number: usize) -> String {
    format!("recording-{}.har", number + 1)
}

/// The entry of a target, and the recordings that it names, each with its upstream, in order.
///
/// # Errors
/// Why a bundle cannot carry it.
pub(super) fn entry(spec: &TargetSpec) -> Result<(Value, Vec<(PathBuf, String)>), String> {
    let Endpoint::Mock { mock, config, stdio } = &spec.endpoint else {
        return Err("it is no mock".to_owned());
    };
    let mut entry = Map::from_iter([("mock".to_owned(), Value::from(mock.as_str()))]);
    let mut add = |name: &str, value: Value| drop(entry.insert(name.to_owned(), value));
    if *stdio {
        add("transport", "stdio".into());
    }
    for (name, members) in [
        ("given", config),
        ("headers", &spec.headers),
        ("envelope", &spec.envelope),
        ("vars", &spec.vars),
        ("fixtures", &spec.fixtures),
        ("provides", &spec.provides),
    ] {
        if !members.is_empty() {
            add(name, members.clone().into());
        }
    }
    if let Some(versions) = &spec.versions {
        add("versions", versions.iter().map(|version| version.as_str()).collect());
    }
    if let Some(lifecycle) = spec.lifecycle {
        let word = match lifecycle {
            Lifecycle::Auto => "auto",
            Lifecycle::Manual => "manual",
            Lifecycle::Bare => "bare",
        };
        add("lifecycle", word.into());
    }
    if let Some(auth) = &spec.auth {
        add("auth", auth.clone());
    }
    if !spec.tolerate.is_empty() {
        add("tolerate", spec.tolerate.iter().map(String::as_str).collect());
    }
    let mut recordings = Vec::new();
    let mut upstreams = Map::new();
    for (name, upstream) in &spec.upstreams {
        let mut members = Map::new();
        match &upstream.recorded {
            None => drop(members.insert("mock".to_owned(), upstream.mock.as_str().into())),
            Some(RecordedSource::File(path)) => {
                members.insert("recorded".to_owned(), recording_name(recordings.len()).into());
                recordings.push((path.clone(), name.clone()));
            }
            Some(RecordedSource::Held(_)) => return Err(format!("the upstream `{name}` is of another bundle")),
        }
        if !upstream.config.is_empty() {
            members.insert("given".to_owned(), upstream.config.clone().into());
        }
        if upstream.on_demand {
            members.insert("on_demand".to_owned(), true.into());
        }
        upstreams.insert(name.clone(), members.into());
    }
    if !upstreams.is_empty() {
        add("upstreams", upstreams.into());
    }
    if recordings.len() > RECORDINGS {
        return Err(format!("it has more than {RECORDINGS} recordings behind it"));
    }
    let entry = Value::Object(entry);
    check(&entry)?;
    Ok((entry, recordings))
}

impl DescribedTarget {
    /// The target, for this role. `recordings` are those of the bundle, by the name of their file.
    ///
    /// # Errors
    /// Why it is none that a bundle may have, in words that may hold what the bundle says.
    pub(super) fn spec(
        &self,
        role: &str,
        recordings: &BTreeMap<String, RecordedServer>,
        given: &GivenSecrets,
    ) -> Result<TargetSpec, String> {
        check(&self.entry)?;
        let mut entry = self.entry.clone();
        fill(&mut entry, given)?;
        let mut spec = described_target(&self.name, entry)?;
        if let Some(unknown) = spec.mocks().find(|mock| gauntlet_mocks::info(mock).is_none() && *mock != "recorded") {
            return Err(format!("there is no mock `{unknown}` in this Gauntlet"));
        }
        for upstream in spec.upstreams.values_mut() {
            let Some(RecordedSource::File(name)) = &upstream.recorded else { continue };
            let name = name.to_string_lossy();
            let held = recordings.get(name.as_ref()).ok_or_else(|| format!("the bundle has no `{name}`"))?;
            upstream.recorded = Some(RecordedSource::Held(held.clone()));
        }
        Ok(TargetSpec { roles: vec![role.to_owned()], ..spec })
    }
}

/// Puts secrets where their names stand.
fn fill(value: &mut Value, given: &GivenSecrets) -> Result<(), String> {
    match value {
        Value::String(text) => {
            let missing = |name| format!("the target needs a secret that was taken out: --secret {name}");
            *text = placeholder::filled(text, given.values()).map_err(missing)?;
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, given))?,
        Value::Object(members) => members.values_mut().try_for_each(|member| fill(member, given))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// Whether an entry reaches nothing but mocks.
fn check(entry: &Value) -> Result<(), String> {
    let members = entry.as_object().ok_or("its entry is no mapping")?;
    known(members, &MEMBERS, "")?;
    if !members.get("mock").is_some_and(Value::is_string) {
        return Err("it is no mock".to_owned());
    }
    for (name, upstream) in members.get("upstreams").and_then(Value::as_object).into_iter().flatten() {
        let of = format!("upstreams.{name}.");
        known(upstream.as_object().ok_or_else(|| format!("`{of}` is no mapping"))?, &OF_UPSTREAM, &of)?;
        let is_ours = |file: &Value| (0..RECORDINGS).any(|number| *file == recording_name(number));
        if upstream.get("recorded").is_some_and(|file| !is_ours(file)) {
            return Err(format!("`{of}recorded` names a file"));
        }
    }
    if let Some(auth) = members.get("auth") {
        credentials(auth)?;
    }
    harmless(entry, "")
}

fn known(members: &Map<String, Value>, known: &[&str], of: &str) -> Result<(), String> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("`{of}{name}` is nothing that a bundle carries")),
        None => Ok(()),
    }
}

fn credentials(auth: &Value) -> Result<(), String> {
    let is_kept = |members: &Map<String, Value>| members.get("cache") != Some(&json!(false));
    match auth {
        Value::String(word) if word == "none" => Ok(()),
        Value::Object(members) => match members.get("oauth") {
            Some(Value::Object(oauth)) if members.len() == 1 => {
                known(oauth, &OAUTH, "auth.oauth.")?;
                if is_kept(oauth) {
                    Err("`auth.oauth` without `cache: false` keeps tokens in a file".to_owned())
                } else {
                    Ok(())
                }
            }
            Some(_) => Err("its `auth.oauth` is no mapping".to_owned()),
            None => known(members, &AUTH, "auth."),
        },
        _ => Err("its `auth` is none that a bundle carries".to_owned()),
    }
}

/// Whether no text names anything of the machine, or an address that is not that of a mock.
fn harmless(value: &Value, path: &str) -> Result<(), String> {
    match value {
        Value::String(text) => harmless_text(text).map_err(|why| format!("`{path}` {why}")),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(at, item)| harmless(item, &format!("{path}[{at}]")))
        }
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            harmless_text(name).map_err(|why| format!("`{path}` {why}"))?;
            harmless(member, &path)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn harmless_text(text: &str) -> Result<(), &'static str> {
    // Parsers of URLs leave these out wherever they stand (WHATWG URL, 4.4).
    let mut plain: String = text.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    // Named so by whoever runs it.
    while let Some((before, _, behind)) = placeholder::cut(&plain) {
        plain = format!("{before}{behind}");
    }
    let mut rest = plain.as_str();
    let mut literal = String::new();
    while let Some((before, variable)) = rest.split_once("${") {
        let (name, behind) = variable.split_once('}').ok_or("has a variable that does not end")?;
        if before.ends_with('$') || !name.starts_with("upstreams.") {
            return Err("has a variable that is not one of a mock behind it");
        }
        // What comes directly behind could make another host of it.
        if !(behind.is_empty() || behind.starts_with(['/', '?', '#', ' ', ',', '"', '\'', ')', ';'])) {
            return Err("goes on directly behind the address of a mock");
        }
        literal.push_str(before);
        literal.push('x');
        rest = behind;
    }
    literal.push_str(rest);
    let lower = literal.to_ascii_lowercase();
    let names_scheme =
        |scheme: &&str| lower.match_indices(*scheme).any(|(at, _)| lower[at + scheme.len()..].starts_with("://"));
    let parsed = Url::parse(lower.trim());
    let is_address = parsed.is_ok_and(|url| SCHEMES.contains(&url.scheme()));
    let is_relative = lower.trim_start().starts_with(['/', '\\']) && lower.trim_start()[1..].starts_with(['/', '\\']);
    if SCHEMES.iter().any(names_scheme) || is_address || is_relative {
        return Err("names an address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(entry: &Value) -> String {
        check(entry).expect_err("refused")
    }

    #[test]
    fn what_reaches_only_mocks_is_taken() {
        let entry = json!({
            "mock": "gateway", "transport": "http", "versions": ["2025-06-18"], "lifecycle": "bare",
            "given": { "upstreams": { "upstream": "${upstreams.a.url}" }, "defects": ["x"], "note": "see ${upstreams.a.url}/x, or not" },
            "auth": { "bearer": "${secret:bearer}" }, "headers": { "x-a": "b" },
            "upstreams": { "a": { "mock": "mcp-server", "given": { "faults": [{ "delay": "1s" }] } },
                "b": { "recorded": "recording-1.har", "on_demand": true } },
        });
        assert_eq!(check(&entry), Ok(()));
        let auth =
            json!({ "mock": "a", "auth": { "oauth": { "client_id": "${upstreams.idp.client_id}", "cache": false } } });
        assert_eq!(check(&auth), Ok(()));
    }

    #[test]
    fn what_starts_or_reads_something_is_refused() {
        for (member, value) in [
            ("command", json!(["touch", "/tmp/x"])),
            ("url", json!("http://10.0.0.1/")),
            ("client", json!("gauntlet")),
            ("env", json!({})),
            ("files", json!({ "a": "b" })),
            ("cwd", json!("/")),
            ("stdin", json!("x")),
            ("allow", json!(["writes"])),
        ] {
            let said = told(&json!({ "mock": "mcp-server", member: value }));
            assert_eq!(said, format!("`{member}` is nothing that a bundle carries"));
        }
        assert_eq!(told(&json!({ "given": {} })), "it is no mock");
        assert_eq!(told(&json!([])), "its entry is no mapping");
        for auth in [
            json!({ "sigv4": { "profile": "default" } }),
            json!({ "jwt": { "key": "x" } }),
            json!({ "oauth": true }),
            json!({ "oauth": { "client_id": "x" } }),
            json!({ "oauth": { "client_id": "x", "cache": false, "browser": "open" } }),
            json!({ "oauth": { "client_id": "x", "cache": false }, "bearer": "x" }),
            json!("other"),
        ] {
            told(&json!({ "mock": "mcp-server", "auth": auth }));
        }
        for upstream in [
            json!({ "recorded": "/etc/passwd" }),
            json!({ "recorded": "../recording-1.har" }),
            json!({ "recorded": ["recording-1.har"] }),
            json!({ "mock": "idp", "intercept": ["*.example.com"] }),
            json!("idp"),
        ] {
            told(&json!({ "mock": "gateway", "upstreams": { "a": upstream } }));
        }
    }

    #[test]
    fn a_text_reads_nothing_and_leads_nowhere() {
        for text in [
            "${env:HOME}",
            "${secret:env:HOME}",
            "${secret:file:/etc/passwd}",
            "$${env:HOME}",
            "${scratch}",
            "${files.a}",
            "${upstreams.a.url",
            "${upstreams.a.url}${env:HOME}",
            "${upstreams.a.origin}@evil.example/",
            "${upstreams.a.origin}.evil.example",
            "http://evil.example/",
            "HTTPS://evil.example/",
            "ht\ttps://evil.example/",
            " http:evil.example",
            "http:\\\\evil.example",
            "see https://evil.example",
            "//evil.example/x",
            "\\\\evil.example\\x",
            "ws://evil.example",
            "file:///etc/passwd",
            "file:/etc/passwd",
            "http://${upstreams.a.host}/",
            "ht${secret:a}tp://evil.example",
        ] {
            assert!(harmless_text(text).is_err(), "{text}");
            for entry in [
                json!({ "mock": "gateway", "given": { "deep": [{ "er": text }] } }),
                json!({ "mock": "gateway", "given": { text: 1 } }),
                json!({ "mock": "gateway", "upstreams": { "a": { "mock": "idp", "given": { "issuer": text } } } }),
                json!({ "mock": "gateway", "auth": { "bearer": text } }),
            ] {
                told(&entry);
            }
        }
        for text in
            ["", "plain", "/path/x", "arn:aws:iam::123456789012:role/Reader", "test://static/text", "a:b", "$5", "{}"]
        {
            assert_eq!(harmless_text(text), Ok(()), "{text}");
        }
    }
}
