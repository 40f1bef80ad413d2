//! Bytes as text, in the encodings that shells and editors leave behind.

use std::io::Read;

use super::{Error, Limits};

/// Reads a text as a whole. A byte order mark is left out; UTF-16, which PowerShell writes, is understood.
pub(super) fn read(input: impl Read, name: &str, limits: &Limits) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let most = limits.text;
    let read = input.take(most as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::Io { name: name.to_owned(), error })?;
    let refused = |problem: String| Error::Unusable { name: name.to_owned(), problem };
    if bytes.len() > most {
        return Err(refused(format!("larger than {} MiB; take the part that matters", most >> 20)));
    }
    decode(bytes).map_err(refused)
}

fn decode(bytes: Vec<u8>) -> Result<String, String> {
    let wide = |bytes: &[u8], from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map_err(|_| "not UTF-16, although its byte order mark says so".to_owned())
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, ..] => utf8(bytes[3..].to_vec()),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes)
        .map_err(|error| format!("not text: byte {} is not UTF-8", error.utf8_error().valid_up_to()))
}

/// The text without the sequences that colour it on a terminal (ECMA-48: CSI and OSC).
pub(super) fn without_colors(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let end = match after.as_bytes().first() {
            Some(b'[') => after[1..].find(|c: char| ('\u{40}'..='\u{7e}').contains(&c)).map(|end| end + 2),
            Some(b']') => after.find('\u{7}').map(|end| end + 1),
            _ => Some(0),
        };
        rest = end.map_or("", |end| &after[end..]);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Result<String, String> {
        read(bytes, "f", &Limits { text: 40, ..Limits::default() }).map_err(|error| error.to_string())
    }

    #[test]
    fn encodings() {
        assert_eq!(of(b"\xef\xbb\xbfcurl"), Ok("curl".to_owned()));
        assert_eq!(of(b"\xff\xfec\0u\0"), Ok("cu".to_owned()));
        assert_eq!(of(b"\xfe\xff\0c\0u"), Ok("cu".to_owned()));
        assert_eq!(of(b"\xff\xfe\x00\xd8"), Err("f: not UTF-16, although its byte order mark says so".to_owned()));
        assert_eq!(of(b"cu\xffrl"), Err("f: not text: byte 2 is not UTF-8".to_owned()));
        assert_eq!(of(&[b' '; 41]), Err("f: larger than 0 MiB; take the part that matters".to_owned()));
    }

    #[test]
    fn colors_are_left_out() {
        assert_eq!(without_colors("a\u{1b}[1;31mb\u{1b}[0mc\u{1b}]0;title\u{7}d\u{1b}"), "abcd");
        assert_eq!(without_colors("a\u{1b}[31"), "a");
    }
}
