//! Scenarios as YAML text that people read: what fits on a line stands on one, the rest in blocks.

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::{FlowMap, FlowSeq, SerializerOptions};

/// Characters, in JSON spelling, up to which a mapping or a list is written on one line.
const WIDTH: usize = 88;

/// Keys of the format whose value is always written as a block, however short: each of its members is read on its own.
const BLOCKS: [&str; 3] = ["steps", "parallel", "repeat"];

/// The text of a scenario, or of any other mapping of the format. Reading it again gives the same value.
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
    // Values of JSON have nothing that YAML cannot say; JSON would be read as well.
    serde_saphyr::to_string_with_options(&Laid { value, is_block: true }, options).unwrap_or_else(|_| value.to_string())
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
    fn lines_of_prose_are_not_folded() {
        let value = json!({ "title": "word ".repeat(60).trim_end() });
        assert_eq!(scenario(&value).lines().count(), 1);
    }
}
