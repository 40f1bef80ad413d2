//! One server as a target: what stands in its entry that may be kept, and what is read from the environment in its place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use url::Url;

use super::super::Note;
use super::values::{is_harmless, is_secret_name, is_secret_value, literal, shown, variable};

/// Servers as targets.
#[derive(Default)]
pub(super) struct Targets {
    pub(super) variables: BTreeMap<String, String>,
    /// What each variable stands for, so that one name never stands for two values.
    values: BTreeMap<String, String>,
    pub(super) notes: Vec<Note>,
    names: BTreeSet<String>,
}

impl Targets {
    pub(super) fn note(&mut self, text: String) {
        self.notes.push(Note { place: None, text });
    }

    /// A name for the target.
    pub(super) fn called(&mut self, server: &str) -> String {
        let plain: String = server
            .chars()
            .take(60)
            .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
            .collect();
        let plain = plain.trim_matches(['-', '.']);
        let plain = if plain.is_empty() { "server" } else { plain };
        let mut called = plain.to_owned();
        let mut number = 2;
        while !self.names.insert(called.clone()) {
            called = format!("{plain}-{number}");
            number += 1;
        }
        called
    }

    pub(super) fn target(&mut self, name: &str, entry: &Value) -> Result<Value, String> {
        let entry = entry.as_object().ok_or("its entry is no object")?;
        let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        let url = ["url", "serverUrl", "httpUrl", "endpoint"].iter().find_map(|key| text(key));
        let kind = text("type").or_else(|| text("transport")).unwrap_or_default().to_ascii_lowercase();
        let mut target = Map::new();
        target.insert("role".to_owned(), "mcp-server".into());
        match (url, command(entry)) {
            (Some(url), None) => self.remote(name, url, &kind, entry, &mut target)?,
            (None, Some(words)) => self.local(name, &words, entry, &mut target)?,
            (Some(_), Some(_)) => return Err("it has both a `command` and a `url`".to_owned()),
            (None, None) => return Err("it has neither a `command` nor a `url`".to_owned()),
        }
        if entry.get("disabled") == Some(&Value::Bool(true)) || entry.get("enabled") == Some(&Value::Bool(false)) {
            self.note(format!("target `{name}` is switched off in the client; it is a target all the same"));
        }
        for (key, what) in [
            ("envFile", "the file is not read; set what it has in the environment"),
            ("autoApprove", "tools are called only where a scenario says so"),
            ("alwaysAllow", "tools are called only where a scenario says so"),
            ("disabledTools", "all tools of the server are seen"),
            ("includeTools", "all tools of the server are seen"),
            ("excludeTools", "all tools of the server are seen"),
            ("headersHelper", "no program is started for headers"),
        ] {
            let is_there = entry.get(key).is_some_and(|value| !matches!(value, Value::Null) && *value != json!([]));
            if is_there {
                self.note(format!("target `{name}`: `{key}` is not taken over: {what}"));
            }
        }
        Ok(Value::Object(target))
    }

    fn remote(
        &mut self,
        name: &str,
        url: &str,
        kind: &str,
        entry: &Map<String, Value>,
        target: &mut Map<String, Value>,
    ) -> Result<(), String> {
        if matches!(kind, "ws" | "websocket") {
            return Err("it is spoken to over a WebSocket, which is not spoken here".to_owned());
        }
        let url = self.address(name, url)?;
        target.insert("url".to_owned(), url.into());
        if kind == "sse" {
            self.note(format!("target `{name}` is of the transport HTTP+SSE of 2024-11-05"));
        }
        let mut headers = Map::new();
        for (header, value) in entry.get("headers").and_then(Value::as_object).into_iter().flatten() {
            let Some(value) = plain(value) else { continue };
            let header = header.to_ascii_lowercase();
            let variable = variable(&[name, &header]);
            let value = match value.split_once(' ') {
                Some((scheme, token)) if header == "authorization" => {
                    format!("{scheme} {}", self.hidden(&variable, token.trim(), &header))
                }
                _ => self.hidden(&variable, &value, &format!("header {header}")),
            };
            headers.insert(header, value.into());
        }
        if !headers.is_empty() {
            target.insert("headers".to_owned(), Value::Object(headers));
        }
        let oauth = entry.get("oauth").or_else(|| entry.get("auth")).and_then(Value::as_object);
        let client =
            oauth.and_then(|oauth| ["clientId", "client_id", "CLIENT_ID"].iter().find_map(|key| oauth.get(*key)));
        if let Some(client) = client.and_then(Value::as_str) {
            target.insert("auth".to_owned(), json!({ "oauth": { "client_id": literal(client) } }));
        }
        Ok(())
    }

    /// The URL without what is secret in it.
    fn address(&mut self, name: &str, url: &str) -> Result<String, String> {
        if url.contains("${") {
            let replaced = self.referred(url, name, "the URL");
            return Ok(replaced);
        }
        let mut parsed = Url::parse(url).map_err(|error| format!("its `url` is no URL: {error}"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(format!("its `url` is of {}; only http and https are spoken", shown(parsed.scheme())));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            let _ = parsed.set_username("");
            let _ = parsed.set_password(None);
            self.note(format!("target `{name}`: name and password in the URL left out; say `auth: {{ basic: … }}`"));
        }
        let Some(query) = parsed.query().map(str::to_owned) else { return Ok(literal(parsed.as_str())) };
        parsed.set_query(None);
        let mut parts = Vec::new();
        for part in query.split('&') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            if value.is_empty() || is_harmless(key, value) {
                parts.push(literal(part));
            } else {
                let value = self.hidden(&variable(&[name, key]), value, &format!("parameter {}", shown(key)));
                parts.push(format!("{}={value}", literal(key)));
            }
        }
        Ok(format!("{}?{}", literal(parsed.as_str()), parts.join("&")))
    }

    fn local(
        &mut self,
        name: &str,
        words: &[String],
        entry: &Map<String, Value>,
        target: &mut Map<String, Value>,
    ) -> Result<(), String> {
        let mut command: Vec<Value> = Vec::new();
        let mut is_secret_next = false;
        for (at, word) in words.iter().enumerate() {
            let option = word.split_once('=').filter(|(option, _)| option.starts_with('-') && is_secret_name(option));
            let header =
                word.split_once(':').filter(|(header, value)| is_secret_name(header) && !value.starts_with("//"));
            let value = if at == 0 || word.contains("${") {
                self.referred(word, name, if at == 0 { "the command" } else { "an argument" })
            } else if is_secret_next || is_secret_value(word) {
                let before = words.get(at - 1).map_or("", String::as_str);
                let called = if is_secret_next { before.trim_start_matches('-') } else { "argument" };
                self.hidden(&variable(&[name, called]), word, &format!("argument {at}"))
            } else if let Some((option, value)) = option {
                let value =
                    self.hidden(&variable(&[name, option.trim_start_matches('-')]), value, &format!("argument {at}"));
                format!("{}={value}", literal(option))
            } else if let Some((header, value)) = header {
                let spaces = &value[..value.len() - value.trim_start().len()];
                let value = self.hidden(&variable(&[name, header]), value.trim_start(), &format!("argument {at}"));
                format!("{}:{spaces}{value}", literal(header))
            } else {
                literal(word)
            };
            is_secret_next = word.starts_with('-') && !word.contains('=') && is_secret_name(word);
            command.push(value.into());
        }
        target.insert("command".to_owned(), command.into());
        target.insert("transport".to_owned(), "stdio".into());
        if let Some(directory) = entry.get("cwd").and_then(Value::as_str) {
            let directory = self.referred(directory, name, "`cwd`");
            target.insert("cwd".to_owned(), directory.into());
        }
        let mut environment = Map::new();
        for (key, value) in entry.get("env").and_then(Value::as_object).into_iter().flatten() {
            let Some(value) = plain(value) else { continue };
            let value = if is_harmless(key, &value) {
                literal(&value)
            } else {
                let clean = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                let called = if clean { key.clone() } else { variable(&[key]) };
                // Two servers may give the same name two values.
                let is_taken = self.values.get(&called).is_some_and(|known| *known != value);
                let called = if is_taken { variable(&[name, key]) } else { called };
                self.hidden(&called, &value, &format!("env {}", shown(key)))
            };
            environment.insert(key.clone(), value.into());
        }
        if !environment.is_empty() {
            target.insert("env".to_owned(), Value::Object(environment));
        }
        Ok(())
    }

    /// What stands for a secret: a variable of the environment, that of the client's own where it names one.
    fn hidden(&mut self, called: &str, value: &str, what: &str) -> String {
        if value.contains("${") || value.starts_with('$') {
            return self.referred(value, called, what);
        }
        let mut variable = called.to_owned();
        let mut number = 2;
        while self.values.get(&variable).is_some_and(|known| known != value) {
            variable = format!("{called}_{number}");
            number += 1;
        }
        self.values.insert(variable.clone(), value.to_owned());
        self.variables.entry(variable.clone()).or_insert_with(|| format!("{what} in the client's configuration"));
        format!("${{secret:env:{variable}}}")
    }

    /// A text with the variables of clients as those of Gauntlet: `${env:NAME}`, `${NAME}`, `${input:id}`.
    fn referred(&mut self, text: &str, target: &str, what: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(begin) = rest.find("${") {
            let Some(end) = rest[begin..].find('}').map(|end| begin + end) else { break };
            out.push_str(&literal(&rest[..begin]));
            let inner = &rest[begin + 2..end];
            rest = &rest[end + 1..];
            let inner = inner.split_once(":-").map_or(inner, |(name, _)| name);
            let name = match inner.split_once(':') {
                Some(("env", name)) => name.to_owned(),
                Some(("input", id)) => variable(&[id]),
                Some(_) => variable(&[inner]),
                None => inner.to_owned(),
            };
            let name = if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty() {
                name
            } else {
                variable(&[&name])
            };
            let known = format!("{what} of `{target}`, {} there", shown(&format!("${{{inner}}}")));
            self.variables.entry(name.clone()).or_insert(known);
            out.push_str(&format!("${{secret:env:{name}}}"));
        }
        out.push_str(&literal(rest));
        out
    }
}

/// Program and arguments.
fn command(entry: &Map<String, Value>) -> Option<Vec<String>> {
    let (program, arguments) = match entry.get("command")? {
        Value::String(program) => (program.trim().to_owned(), entry.get("args")),
        // `command: { path, args }`
        Value::Object(command) => (command.get("path")?.as_str()?.to_owned(), command.get("args")),
        Value::Array(words) => (words.first()?.as_str()?.to_owned(), entry.get("command")),
        _ => return None,
    };
    let skip = usize::from(matches!(entry.get("command"), Some(Value::Array(_))));
    let arguments = arguments.and_then(Value::as_array).into_iter().flatten().skip(skip).filter_map(plain);
    let words: Vec<String> = std::iter::once(program).chain(arguments).collect();
    (!words[0].is_empty()).then_some(words)
}

/// A scalar as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
