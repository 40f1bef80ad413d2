//! Spellings of a secret whose shape depends on nothing but the secret.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

/// One text to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// The text.
    pub(super) text: String,
    /// Index of the label.
    pub(super) label: usize,
    /// It is base64: the characters before and after it may hold some bits of the secret.
    before: bool,
    after: bool,
    padding: bool,
}

impl Pattern {
    /// The range with the neighbouring characters that hold a part of the secret, and the padding.
    pub(super) fn widened(&self, text: &[u8], range: Range<usize>) -> Range<usize> {
        let Range { mut start, mut end } = range;
        if self.before && start > 0 && is_base64(text[start - 1]) {
            start -= 1;
        }
        if self.after && text.get(end).copied().is_some_and(is_base64) {
            end += 1;
        }
        if self.padding {
            end += text[end..].iter().take(2).take_while(|b| **b == b'=').count();
        }
        start..end
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// The spellings of a secret whose shape depends on nothing else.
pub(super) fn spellings(secret: &str) -> Vec<String> {
    let mut all = Vec::new();
    patterns(secret, 0, &mut all);
    all.into_iter().map(|pattern| pattern.text).collect()
}

/// Adds every spelling of the secret, each once.
pub(super) fn patterns(secret: &str, label: usize, out: &mut Vec<Pattern>) {
    let first = out.len();
    let mut add = |text: String, before: bool, after: bool, padding: bool| {
        // Not compared with those of other secrets, which takes long when there are many.
        if !text.is_empty() && !out[first..].iter().any(|known| known.text == text) {
            out.push(Pattern { text, label, before, after, padding });
        }
    };
    add(secret.to_owned(), false, false, false);
    add(hex(secret, false), false, false, false);
    add(hex(secret, true), false, false, false);
    // What is encoded in base64 may have been encoded before: credentials of OAuth clients (RFC 6749 section 2.3.1),
    // JSON documents.
    let mut inner = vec![secret.to_owned(), form(secret, b"*-._", true), form(secret, b"-._~", false), json(secret)];
    inner.dedup();
    for text in inner {
        for alignment in 0..3 {
            let core = base64_core(text.as_bytes(), alignment);
            let url_safe = core.text.replace('+', "-").replace('/', "_");
            add(core.text, core.before, core.after, true);
            add(url_safe, core.before, core.after, true);
        }
    }
}

struct Core {
    text: String,
    before: bool,
    after: bool,
}

/// The characters of the base64 of `…secret…` that depend on the secret alone, when `alignment` bytes (modulo 3) stand
/// before it.
fn base64_core(secret: &[u8], alignment: usize) -> Core {
    let mut bytes = vec![0; alignment];
    bytes.extend_from_slice(secret);
    let encoded = STANDARD_NO_PAD.encode(&bytes);
    // Bit positions of the secret; a character holds six.
    let first = alignment * 8;
    let last = bytes.len() * 8;
    let from = first.div_ceil(6);
    let to = (last / 6).max(from);
    Core {
        text: encoded.get(from..to).unwrap_or_default().to_owned(),
        before: !first.is_multiple_of(6),
        after: !last.is_multiple_of(6),
    }
}

fn hex(secret: &str, upper: bool) -> String {
    let digits = if upper { UPPER } else { LOWER };
    secret.bytes().flat_map(|b| [digits[usize::from(b >> 4)], digits[usize::from(b & 15)]]).map(char::from).collect()
}

/// Percent-encodes everything but letters, digits and `keep`.
fn form(secret: &str, keep: &[u8], plus: bool) -> String {
    let mut out = String::with_capacity(secret.len());
    for byte in secret.bytes() {
        if byte.is_ascii_alphanumeric() || keep.contains(&byte) {
            out.push(char::from(byte));
        } else if plus && byte == b' ' {
            out.push('+');
        } else {
            out.push('%');
            out.push(char::from(UPPER[usize::from(byte >> 4)]));
            out.push(char::from(UPPER[usize::from(byte & 15)]));
        }
    }
    out
}

/// As it stands between the quotes of a JSON string.
fn json(secret: &str) -> String {
    let quoted = serde_json::Value::from(secret).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}
