//! JSON inside a page, where nothing in it can be taken for markup.

use std::io::{self, Write};

use serde::Serialize;

/// Begins an element whose text is data: one JSON document a line.
pub(super) const OPEN: &[u8] = b"<script type=\"application/jsonl\" class=\"data\">";

/// Ends it.
pub(super) const CLOSE: &[u8] = b"</script>\n";

/// The value as JSON that stands inside a `script` element as it is: `<`, `>` and `&`, which JSON has in strings only, are
/// escapes there. So neither `</script` nor `<!--` can come up, whatever the value.
pub(super) fn json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut out = Inert(Vec::with_capacity(1024));
    serde_json::to_writer(&mut out, value)?;
    Ok(out.0)
}

struct Inert(Vec<u8>);

impl Write for Inert {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|b| matches!(b, b'<' | b'>' | b'&')) {
            let (before, after) = rest.split_at(at);
            self.0.extend_from_slice(before);
            self.0.extend_from_slice(match after[0] {
                b'<' => b"\\u003c",
                b'>' => b"\\u003e",
                _ => b"\\u0026",
            });
            rest = &after[1..];
        }
        self.0.extend_from_slice(rest);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_markup_is_left_and_nothing_is_lost() {
        let hostile = "</script><!-- & ]]> \u{2028} \"quoted\" \\ ünïcode";
        let text = String::from_utf8(json(&hostile).expect("written to memory")).expect("UTF-8");
        assert!(!text.contains(['<', '>', '&']), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).expect("JSON"), hostile);
    }
}
