//! Scenarios as YAML text that people read: what fits on a line stands on one, the rest in blocks, and what cannot be seen is
//! written as an escape.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::{FlowMap, FlowSeq, SerializerOptions};

use crate::render::is_invisible;

/// Characters, in JSON spelling, up to which a mapping or a list is written on one line.
const WIDTH: usize = 88;

/// Keys of the format whose value is always written as a block, however short: each of its members is read on its own.
const BLOCKS: [&str; 3] = ["steps", "parallel", "repeat"];

/// The text of a scenario, or of any other mapping of the format. Reading it again gives the same value. Characters that are not
/// seen, or that turn the text around them, stand in it as escapes (`"\u202e"`), so that what is read is what is sent.
///
/// ```
/// let scenario = serde_json::json!({ "id": "a.b", "steps": [{ "call": "tools/list", "expect": { "status": 200 } }] });
/// assert_eq!(
///     gauntlet_format::emit::scenario(&scenario),
///     "id: a.b\nsteps:\n  - call: tools/list\n    expect: {status: 200}\n"
/// );
/// ```
#[must_use]
pub fn scenario(value: &Value) -> String {
    let mut options = SerializerOptions::default();
    options.compact_list_indent = false;
    // Folding is for prose; what is written here is sent.
    options.folded_wrap_chars = usize::MAX;
    let mut unseen = Unseen::of(value);
    let shown = unseen.stand_ins(value);
    // Values of JSON have nothing that YAML cannot say; JSON would be read as well.
    let text = serde_saphyr::to_string_with_options(&Laid { value: &shown, is_block: true }, options)
        .unwrap_or_else(|_| shown.to_string());
    unseen.put_back(text)
}

/// Texts with characters that are not seen. The serializer writes such characters as they are, so that words stand in the place
/// of these texts while it works.
struct Unseen {
    /// How the words begin; no other text holds it.
    mark: String,
    /// Word to text, as YAML has it in double quotes.
    quoted: HashMap<usize, String>,
}

impl Unseen {
    fn of(value: &Value) -> Self {
        let mark = (0..).map(|n| format!("unseen{n}x")).find(|mark| !holds(value, mark)).unwrap_or_default();
        Self { mark, quoted: HashMap::new() }
    }

    fn stand_ins<'v>(&mut self, value: &'v Value) -> Cow<'v, Value> {
        if !has_unseen(value) {
            return Cow::Borrowed(value);
        }
        Cow::Owned(match value {
            Value::String(text) => Value::String(self.word(text)),
            Value::Array(items) => items.iter().map(|item| self.stand_ins(item).into_owned()).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, member)| (self.word(name), self.stand_ins(member).into_owned())).collect()
            }
            other => other.clone(),
        })
    }

    fn word(&mut self, text: &str) -> String {
        if !text.contains(is_invisible) {
            return text.to_owned();
        }
        let number = self.quoted.len();
        self.quoted.insert(number, quoted(text));
        format!("{}{number}x", self.mark)
    }

    fn put_back(&self, text: String) -> String {
        if self.quoted.is_empty() {
            return text;
        }
        let mut parts = text.split(self.mark.as_str());
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (number, rest) = part.split_once('x').unwrap_or((part, ""));
            let quoted = number.parse().ok().and_then(|number: usize| self.quoted.get(&number));
            out.push_str(quoted.map_or("", String::as_str));
            out.push_str(rest);
        }
        out
    }
}

/// Whether a text of the value, or the name of a member, is one that `f` takes.
fn any_text(value: &Value, f: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => f(text),
        Value::Array(items) => items.iter().any(|item| any_text(item, f)),
        Value::Object(members) => members.iter().any(|(name, member)| f(name) || any_text(member, f)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn holds(value: &Value, part: &str) -> bool {
    any_text(value, &|text| text.contains(part))
}

fn has_unseen(value: &Value) -> bool {
    any_text(value, &|text| text.contains(is_invisible))
}

/// A text in double quotes, with an escape for each character that is not seen. What JSON escapes, YAML reads in the same way.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in Value::from(text).to_string().chars() {
        let _ = match u32::from(c) {
            code @ ..=0xffff if c.is_control() || is_invisible(c) => write!(out, "\\u{code:04x}"),
            code if is_invisible(c) => write!(out, "\\U{code:08x}"),
            _ => out.write_char(c),
        };
    }
    out
}

/// A value, on one line where that is allowed and it fits.
struct Laid<'a> {
    value: &'a Value,
    is_block: bool,
}

impl Serialize for Laid<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_line = !self.is_block && fits(self.value);
        match self.value {
            Value::Object(members) if is_line => FlowMap(members).serialize(serializer),
            Value::Array(items) if is_line => FlowSeq(items).serialize(serializer),
            Value::Object(members) => serializer.collect_map(members.iter().map(|(name, value)| {
                let is_block = BLOCKS.contains(&name.as_str()) && matches!(value, Value::Array(_) | Value::Object(_));
                (name, Laid { value, is_block })
            })),
            // The steps of a block of steps are blocks, too.
            Value::Array(items) => {
                serializer.collect_seq(items.iter().map(|value| Laid { value, is_block: self.is_block }))
            }
            other => other.serialize(serializer),
        }
    }
}

/// Whether it is short enough for a line, and nothing in it wants lines of its own.
fn fits(value: &Value) -> bool {
    fn room(value: &Value, left: usize) -> Option<usize> {
        match value {
            Value::String(text) if text.contains('\n') => None,
            Value::Object(members) => members
                .iter()
                .try_fold(left, |left, (name, value)| room(value, left.checked_sub(name.chars().count() + 4)?)),
            Value::Array(items) => items.iter().try_fold(left, |left, item| room(item, left.checked_sub(2)?)),
            Value::String(text) => left.checked_sub(text.chars().count() + 2),
            scalar => left.checked_sub(scalar.to_string().len()),
        }
    }
    room(value, WIDTH).is_some()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{Source, yaml};

    fn read(text: &str) -> Value {
        let source = Source { path: "a.yaml".into(), text: text.into() };
        yaml::parse(&Arc::new(source), 0).unwrap_or_else(|found| panic!("{found:?}\n{text}")).to_json()
    }

    #[test]
    fn a_scenario_reads_as_people_write_it() {
        let long = "x".repeat(90);
        let value = json!({
            "id": "a.b", "tags": ["bug", "2026"], "versions": "2025-06-18..",
            "steps": [
                { "call": "tools/call", "params": { "name": "echo", "arguments": { "q": "${token}: yes, [no]" } },
                  "expect": { "status": 200, "body": { "text": long, "lines": "one\ntwo\n", "null": null } } },
                { "parallel": [{ "call": "ping" }] },
            ],
        });
        let text = scenario(&value);
        assert_eq!(read(&text), value, "{text}");
        let expected = format!(
            "id: a.b
tags: [bug, \"2026\"]
versions: 2025-06-18..
steps:
  - call: tools/call
    params: {{name: echo, arguments: {{q: \"${{token}}: yes, [no]\"}}}}
    expect:
      status: 200
      body:
        text: {long}
        lines: |
          one
          two
        \"null\": null
  - parallel:
      - call: ping
"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_read_again_is_the_same() {
        let texts = [
            "",
            " ",
            "a",
            "yes",
            "null",
            "~",
            "1",
            "1.5",
            "0x1f",
            "1_000",
            "12:30:45",
            "2026-01-02",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a`",
            "'",
            "\"",
            "\\",
            "{a}",
            "[a]",
            "a,b",
            "${x}",
            "?",
            ": ",
            "a\n",
            "\na",
            "a\n\n",
            " a\nb",
            "a\n b\n",
            "\t",
            "a\tb",
            "\r",
            "a\r\nb",
            "\u{0}",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{fffe}",
            "\u{10ffff}",
            "---",
            "...",
            "=",
            "<<",
            "a ",
            "é",
            "\u{1f511}",
            "\n",
            " \n",
            "a\n---\nb",
            "a: b\n\tc\n",
            "x\u{b}y",
            "Infinity",
            ".inf",
            "-",
            "--- a",
            "a\u{202e}b",
        ];
        for text in texts {
            for value in [
                json!({ "key": text }),
                json!({ text: 1 }),
                json!({ "list": [text, { text: [text] }] }),
                json!({ "long": { "deep": [text, { text: "x".repeat(200) }, [text]] } }),
                json!({ "steps": [{ "send": text, "empty": {}, "none": [] }] }),
            ] {
                let written = scenario(&value);
                assert_eq!(read(&written), value, "{text:?} in {written}");
            }
        }
        let numbers =
            json!({ "n": [0, -1, 1.5, 1e300, 18_446_744_073_709_551_615_u64, -0.0, 1e-7, true, false, null] });
        assert_eq!(read(&scenario(&numbers)), numbers);
    }

    #[test]
    fn what_is_not_seen_is_escaped() {
        let unseen: Vec<char> = ('\u{0}'..=char::MAX).filter(|c| c.is_control() || is_invisible(*c)).collect();
        assert!(
            unseen.len() > 500 && ['\u{202e}', '\u{2066}', '\u{85}', '\u{e0041}'].iter().all(|c| unseen.contains(c))
        );
        for c in unseen {
            let texts = [
                format!("{c}"),
                format!("a{c}"),
                format!("{c}a: b"),
                format!("a\\{c}\"'\n  b #{c}{c}\n"),
                format!("unseen0x0x{c}\\u202e é\u{1f511}${{x}}"),
            ];
            let mut value = json!({ "steps": [{ "send": texts, "unseen0x": "unseen0x0x" }], "long": "x".repeat(100) });
            for text in &texts {
                value[text] = json!({ text: text, "deep": [[text], { text: null }] });
            }
            let written = scenario(&value);
            assert_eq!(read(&written), value, "{c:?} in {written}");
            // Lines of their own and tabs in them are there to be read.
            let is_raw = |found: char| !matches!(found, '\n' | '\t') && (found.is_control() || is_invisible(found));
            assert!(!written.contains(is_raw), "{c:?} in {written:?}");
        }
        assert_eq!(scenario(&json!({ "send": "a\u{202e}b\u{e0041}" })), "send: \"a\\u202eb\\U000e0041\"\n");
    }

    #[test]
    fn lines_of_prose_are_not_folded() {
        let value = json!({ "title": "word ".repeat(60).trim_end() });
        assert_eq!(scenario(&value).lines().count(), 1);
    }
}
