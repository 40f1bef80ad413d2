//! A text with its escapes undone, and where in the original each byte came from.

use std::borrow::Cow;
use std::ops::Range;

/// A text, or what an escaped text stands for.
#[derive(Debug)]
pub(super) struct View<'a> {
    bytes: Cow<'a, [u8]>,
    /// For each byte where its source begins and ends; `None` when the view is the original itself.
    source: Option<Vec<(u32, u32)>>,
}

impl<'a> View<'a> {
    /// The text itself.
    pub(super) fn plain(text: &'a str) -> Self {
        Self { bytes: Cow::Borrowed(text.as_bytes()), source: None }
    }

    /// The bytes to search.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The range of the original that the range of this view stands for.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        let Some(source) = &self.source else {
            return range;
        };
        let (Some(first), Some(last)) = (source.get(range.start), range.end.checked_sub(1).and_then(|i| source.get(i)))
        else {
            return 0..0;
        };
        first.0 as usize..last.1 as usize
    }

    /// With `%XX` undone, and `+` as a space if asked for; `None` if there is nothing to undo.
    pub(super) fn percent_decoded(&self, plus_is_space: bool) -> Option<View<'static>> {
        let wanted = if plus_is_space { b'+' } else { b'%' };
        if !self.bytes.contains(&wanted) {
            return None;
        }
        self.decoded(|rest| match rest {
            [b'%', high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => Some((3, Unit::Byte(high << 4 | low))),
                _ => None,
            },
            [b'+', ..] if plus_is_space => Some((1, Unit::Byte(b' '))),
            _ => None,
        })
    }

    /// With the escapes of JSON strings undone, wherever they stand; `None` if there are none.
    pub(super) fn json_unescaped(&self) -> Option<View<'static>> {
        if !self.bytes.contains(&b'\\') {
            return None;
        }
        self.decoded(|rest| {
            let [b'\\', kind, ..] = rest else { return None };
            Some(match kind {
                b'"' | b'\\' | b'/' => (2, Unit::Byte(*kind)),
                b'b' => (2, Unit::Byte(8)),
                b'f' => (2, Unit::Byte(12)),
                b'n' => (2, Unit::Byte(b'\n')),
                b'r' => (2, Unit::Byte(b'\r')),
                b't' => (2, Unit::Byte(b'\t')),
                b'u' => return unicode_escape(rest),
                _ => return None,
            })
        })
    }

    /// Applies `unit`, which says how many bytes the escape at the front of the rest has and what it stands for.
    fn decoded(&self, unit: impl Fn(&[u8]) -> Option<(usize, Unit)>) -> Option<View<'static>> {
        // Offsets are kept in 32 bits; no text comes near, bodies are bounded long before.
        if u32::try_from(self.bytes.len()).is_err() {
            return None;
        }
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut source = Vec::with_capacity(self.bytes.len());
        let mut at = 0;
        let mut changed = false;
        while at < self.bytes.len() {
            let rest = &self.bytes[at..];
            let (length, decoded) = match unit(rest) {
                Some(found) => {
                    changed = true;
                    found
                }
                None => (1, Unit::Byte(rest[0])),
            };
            let origin = self.original(at..at + length);
            let origin = (to_u32(origin.start), to_u32(origin.end));
            match decoded {
                Unit::Byte(byte) => {
                    bytes.push(byte);
                    source.push(origin);
                }
                Unit::Char(c) => {
                    let mut buffer = [0; 4];
                    for byte in c.encode_utf8(&mut buffer).bytes() {
                        bytes.push(byte);
                        source.push(origin);
                    }
                }
            }
            at += length;
        }
        changed.then_some(View { bytes: Cow::Owned(bytes), source: Some(source) })
    }
}

/// What an escape stands for.
enum Unit {
    Byte(u8),
    Char(char),
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// `\uXXXX`, or a surrogate pair of two of them.
fn unicode_escape(rest: &[u8]) -> Option<(usize, Unit)> {
    let first = code_unit(rest)?;
    if let Some(c) = char::from_u32(first) {
        return Some((6, Unit::Char(c)));
    }
    let second = code_unit(rest.get(6..)?)?;
    if !(0xd800..0xdc00).contains(&first) || !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let c = char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?;
    Some((12, Unit::Char(c)))
}

fn code_unit(rest: &[u8]) -> Option<u32> {
    let [b'\\', b'u', a, b, c, d, ..] = rest else {
        return None;
    };
    let mut unit = 0;
    for digit in [a, b, c, d] {
        unit = unit << 4 | u32::from(hex(*digit)?);
    }
    Some(unit)
}
