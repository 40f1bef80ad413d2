//! What was written already, as far as it takes to say that a value is not in it.

use gauntlet_reports::spellings;

use crate::repro::recording::Entry;

/// Characters of a piece. Values of fewer are not looked for anyway.
const PIECE: usize = 5;

/// Bits that pieces are noted in: 2 MiB. A recording with more different pieces than that says of ever more values that they may be in it.
const BITS: usize = 1 << 24;

/// Pieces of the letters and digits that were written. Escapes change neither, so that values are found in whatever they are escaped by.
pub(super) struct Seen {
    bits: Vec<u64>,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { bits: vec![0; BITS / 64] }
    }

    /// Notes an entry as it was written.
    pub(super) fn add(&mut self, entry: &Entry) {
        let Entry { request, response, failure, session, .. } = entry;
        let mut headers: Vec<&(String, String)> = request.headers.iter().collect();
        self.note(request.url.as_bytes());
        self.note(&request.body.bytes);
        if let Some(response) = response {
            headers.extend(&response.headers);
            self.note(&response.body.bytes);
        }
        headers.iter().for_each(|(_, value)| self.note(value.as_bytes()));
        [failure, session].into_iter().flatten().for_each(|text| self.note(text.as_bytes()));
    }

    fn note(&mut self, text: &[u8]) {
        for place in pieces(text) {
            self.bits[place / 64] |= 1 << (place % 64);
        }
    }

    /// Whether the value may be in what was written, in any spelling. Always so for one that has no piece to look for.
    pub(super) fn may_hold(&self, value: &str) -> bool {
        let is_there = |place: usize| self.bits[place / 64] & 1 << (place % 64) != 0;
        pieces(value.as_bytes()).next().is_none()
            || spellings(value).iter().any(|spelled| {
                let mut pieces = pieces(spelled.as_bytes()).peekable();
                pieces.peek().is_some() && pieces.all(is_there)
            })
    }
}

/// Where the pieces of a text are noted: all of [`PIECE`] letters and digits in a row.
fn pieces(text: &[u8]) -> impl Iterator<Item = usize> {
    let (mut piece, mut length) = (0_u64, 0);
    text.iter().filter_map(move |byte| {
        if !byte.is_ascii_alphanumeric() {
            length = 0;
            return None;
        }
        piece = (piece << 8 | u64::from(*byte)) & ((1 << (8 * PIECE)) - 1);
        length += 1;
        // The upper bits of a product depend on all bits of what was multiplied.
        (length >= PIECE).then(|| (piece.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % BITS)
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    const VALUE: &str = "s3cr3t/value+9f8e7d6c5b4a";

    fn seen(text: &str) -> Seen {
        let mut seen = Seen::new();
        seen.note(text.as_bytes());
        seen
    }

    #[test]
    fn a_value_is_found_in_every_spelling() {
        let escaped = serde_json::Value::from(serde_json::Value::from(VALUE).to_string()).to_string();
        for text in [
            VALUE.to_owned(),
            format!("before{VALUE}behind"),
            format!("?t={}", VALUE.replace('/', "%2F").replace('+', "%2b")),
            escaped,
            STANDARD.encode(format!("user:{VALUE}")),
            URL_SAFE_NO_PAD.encode(format!("x{VALUE}!")),
            VALUE.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ] {
            assert!(seen(&text).may_hold(VALUE), "{text}");
        }
    }

    #[test]
    fn a_value_that_was_not_written_is_not_found() {
        let text: String =
            (0..20_000).map(|number| format!("token-{number:08x} and s3cr3t, value 9f8e7d6c. ")).collect();
        let seen = seen(&text);
        assert!(!seen.may_hold(VALUE));
        assert!((0..1000).all(|number| !seen.may_hold(&format!("another{number:05}zZ9xY8wV7"))));
        // Of what has no piece nobody knows.
        assert!(seen.may_hold("a1-b2-c3-d4"));
        assert!(!Seen::new().may_hold("abcde"));
    }
}
