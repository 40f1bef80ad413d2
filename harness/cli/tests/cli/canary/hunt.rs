//! The search: secrets in every spelling, in everything that was said and written.

use std::collections::BTreeMap;
use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::support::Said;

/// Below this a part of a secret is not told from chance.
const PART: usize = 12;

/// Values to look for, with what each is.
#[derive(Debug, Default, Clone)]
pub(super) struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// Adds a value; short ones are words.
    pub(super) fn add(&mut self, what: &str, value: &str) {
        if value.len() >= 8 {
            self.0.entry(value.to_owned()).or_insert_with(|| what.to_owned());
        }
    }

    /// How many there are of a kind.
    pub(super) fn count(&self, what: &str) -> usize {
        self.0.values().filter(|w| *w == what).count()
    }

    /// Without those that stand in a text, which its author spelled out.
    pub(super) fn without_those_in(mut self, text: &str) -> Self {
        self.0.retain(|value, _| !text.contains(value.as_str()));
        self
    }

    /// Where any of them stands, in any spelling, each once for each text.
    pub(super) fn found_in(&self, texts: &[(String, String)]) -> Vec<String> {
        let mut patterns = Vec::new();
        let mut kinds = Vec::new();
        for (value, what) in &self.0 {
            for (spelling, text) in spellings(value) {
                if text.len() >= 8 {
                    patterns.push(text);
                    kinds.push(format!("{what} {spelling}"));
                }
            }
        }
        let searcher = AhoCorasick::new(&patterns).unwrap();
        let mut found = Vec::new();
        let undone = texts.iter().filter(|(_, text)| text.contains('%')).map(|(name, text)| (name, undo_percent(text)));
        let plain = texts.iter().map(|(name, text)| (name, text.clone()));
        for (name, text) in plain.chain(undone) {
            for hit in searcher.find_overlapping_iter(&text) {
                let from = text.floor_char_boundary(hit.start().saturating_sub(80));
                let to = text.ceil_char_boundary((hit.end() + 20).min(text.len()));
                found.push(format!("{} in {name}: {}", kinds[hit.pattern().as_usize()], &text[from..to]));
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Fails if one of them stands anywhere.
    pub(super) fn assert_nowhere(&self, what: &str, texts: &[(String, String)]) {
        let found = self.found_in(texts);
        let shown = found.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("\n\n");
        assert!(found.is_empty(), "{what}: {} times a secret, such as\n{shown}", found.len());
    }
}

/// The spellings of a value, and of parts of it that say enough.
pub(super) fn spellings(value: &str) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let mut wholes = vec![("plain", value.to_owned())];
    let parts: Vec<&str> = value.split('.').collect();
    if let [header, claims, signature] = parts.as_slice()
        && header.starts_with("eyJ")
    {
        wholes.push(("signature", (*signature).to_owned()));
        wholes.push(("claims", (*claims).to_owned()));
        // However early it was cut. The claims begin alike in all tokens of an issuer.
        all.push(("cut", format!("{header}.{}", &claims[..4])));
    } else if value.len() >= 2 * PART && value.is_ascii() {
        all.push(("beginning", value[..PART].to_owned()));
        all.push(("end", value[value.len() - PART..].to_owned()));
    }
    for (what, whole) in wholes {
        all.extend(encoded(&whole));
        all.push((what, whole));
    }
    all
}

fn encoded(value: &str) -> Vec<(&'static str, String)> {
    let hex: String = value.bytes().map(|b| format!("{b:02x}")).collect();
    let json = in_json(value);
    let mut all = vec![
        ("in upper hexadecimal", hex.to_uppercase()),
        ("in hexadecimal", hex),
        ("twice in JSON", in_json(&json)),
        ("in JSON", json),
    ];
    for before in ["", "a", "ab"] {
        let text = format!("{before}{value}");
        for code in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
            let code = code.trim_end_matches('=');
            // The outermost characters hold bits of what stands around.
            let from = if before.is_empty() { 0 } else { 4 };
            all.push(("in base64", code.get(from..code.len().saturating_sub(2)).unwrap_or_default().to_owned()));
        }
    }
    all
}

fn in_json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The text with every `%XX` undone, whatever was encoded and in whichever case.
fn undo_percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = text.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(*byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What a command said, and every file below the folder but those that `skip` names by the beginning of their path.
pub(super) fn everything(said: &Said, folder: &Path, skip: &[&str]) -> Vec<(String, String)> {
    let mut texts = vec![("stdout".to_owned(), said.out.clone()), ("stderr".to_owned(), said.err.clone())];
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !skip.iter().any(|skipped| name.starts_with(skipped)) {
                texts.push((name, String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()));
            }
        }
    }
    texts
}

#[test]
fn the_hunt_finds_every_spelling() {
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl-_c2lnbmF0dXJl";
    let opaque = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let awkward = "p~w?>/\u{fc}\"\\x+9~~~???";
    for value in [token, opaque, awkward] {
        let mut secrets = Secrets::default();
        secrets.add("canary", value);
        let every = |one: &dyn Fn(u8) -> String| value.bytes().map(one).collect::<String>();
        let more = [
            ("in Basic", STANDARD.encode(format!("user:{value}"))),
            ("in a form", url::form_urlencoded::byte_serialize(value.as_bytes()).collect()),
            ("percent-encoded in lower case", every(&|b| format!("%{b:02x}"))),
            ("percent-encoded in upper case", every(&|b| format!("%{b:02X}"))),
        ];
        for (spelling, text) in spellings(value).into_iter().chain(more).filter(|(_, text)| text.len() >= 8) {
            let texts = [("text".to_owned(), format!("before {text}after"))];
            assert!(!secrets.found_in(&texts).is_empty(), "{spelling} of {value}: {text}");
        }
        let texts = [("text".to_owned(), format!("{}… and {}", &value[..4], &value[value.len() - 4..]))];
        assert_eq!(secrets.found_in(&texts), Vec::<String>::new());
    }
    let cut = [("text".to_owned(), token[..30].to_owned()), ("other".to_owned(), opaque[31..].to_owned())];
    let mut secrets = Secrets::default();
    secrets.add("token", token);
    secrets.add("verifier", opaque);
    assert_eq!(secrets.found_in(&cut).len(), 2);
}
