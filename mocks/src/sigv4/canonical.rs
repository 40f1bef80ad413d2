//! Requests in canonical form.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;

use super::parse::{Claim, Place, SIGNATURE_PARAMETER, TOKEN_PARAMETER};
use super::{ALGORITHM, PathStyle, Received, Rules, TokenStyle, date};

/// Says that the body is not covered by the signature.
pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Header with the hash of the body.
pub(super) const HASH_HEADER: &str = "x-amz-content-sha256";

/// The canonical request, byte by byte.
pub(super) fn request(request: &Received<'_>, claim: &Claim, rules: &Rules) -> Vec<u8> {
    let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    let mut out = Vec::new();
    line(&mut out, request.method.as_bytes());
    line(&mut out, path_of(path, rules.path_style).as_bytes());
    line(&mut out, query_of(query, claim.place, rules.token_style).as_bytes());
    for name in &claim.signed_headers {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        line(&mut out, &header_of(request.headers, name));
    }
    line(&mut out, b"");
    line(&mut out, claim.signed_headers.join(";").as_bytes());
    out.extend_from_slice(&payload_hash(request));
    out
}

/// What is signed.
pub(super) fn string_to_sign(canonical_request: &[u8], claim: &Claim) -> String {
    let made_at = claim.made_at.map(date::basic).unwrap_or_default();
    [ALGORITHM, &made_at, &claim.credential.scope(), &sha256_hex(canonical_request)].join("\n")
}

fn line(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(content);
    out.push(b'\n');
}

/// The path. What arrived encoded is encoded once more, unless it is to stay as it is: then only what can stand in no path
/// is encoded.
fn path_of(path: &str, style: PathStyle) -> String {
    let encoded = match style {
        PathStyle::Normalized => encode(normalized(path).as_bytes(), b"/"),
        PathStyle::AsReceived => encode(path.as_bytes(), b"/%"),
    };
    match encoded.starts_with('/') {
        true => encoded,
        false => format!("/{encoded}"),
    }
}

/// Without dot segments (RFC 3986, section 5.2.4) and without empty ones.
fn normalized(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let is_folder = matches!(path.rsplit('/').next(), Some("" | "." | ".."));
    match is_folder && !kept.is_empty() {
        true => format!("/{}/", kept.join("/")),
        false => format!("/{}", kept.join("/")),
    }
}

/// The query: names and values encoded in one and the same way, sorted, without the signature itself.
fn query_of(query: &str, place: Place, token_style: TokenStyle) -> String {
    let left_out: &[&str] = match (place, token_style) {
        (Place::Header, _) => &[],
        (Place::Query(_), TokenStyle::Signed) => &[SIGNATURE_PARAMETER],
        (Place::Query(_), TokenStyle::AddedAfterwards) => &[SIGNATURE_PARAMETER, TOKEN_PARAMETER],
    };
    let mut pairs: Vec<(String, String)> = query_pairs(query)
        .map(|(name, value)| (encode(&decoded(name), b""), encode(&decoded(value), b"")))
        .filter(|(name, _)| !left_out.contains(&name.as_str()))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Names and values of a query, still encoded; no `=` means an empty value.
pub(super) fn query_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The value of a header: its values in order of arrival, trimmed, with one blank in place of several.
fn header_of(headers: &HeaderMap, name: &str) -> Vec<u8> {
    let values: Vec<Vec<u8>> = headers.get_all(name).iter().map(|value| collapsed(value.as_bytes())).collect();
    values.join(b",".as_slice())
}

fn collapsed(value: &[u8]) -> Vec<u8> {
    let words: Vec<&[u8]> = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    words.join(b" ".as_slice())
}

/// What the request says of its body, else the hash of the body.
fn payload_hash(request: &Received<'_>) -> Vec<u8> {
    match request.headers.contains_key(HASH_HEADER) {
        true => header_of(request.headers, HASH_HEADER),
        false => sha256_hex(request.body).into_bytes(),
    }
}

/// Decodes `%XX`, and `+` as a blank. A `%` without two digits stands for itself.
pub(super) fn decoded(text: &str) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(bytes);
    }
    let digit = |at: usize| {
        bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok())
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4) | low);
                at += 3;
                continue;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    Cow::Owned(out)
}

/// Percent-encodes every byte but `A-Z a-z 0-9 - _ . ~` and those given, with digits in upper case.
fn encode(bytes: &[u8], kept: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(*byte)),
            byte if kept.contains(byte) => out.push(char::from(*byte)),
            byte => {
                out.push('%');
                out.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
                out.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
            }
        }
    }
    out
}

/// SHA-256 in hexadecimal digits.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// Hexadecimal digits in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, normalized, as_received) in [
            ("", "/", "/"),
            ("*", "/%2A", "/%2A"),
            ("//", "/", "//"),
            ("/a/./b/../c", "/a/c", "/a/./b/../c"),
            ("/a/..", "/", "/a/.."),
            ("/a/b/..", "/a/", "/a/b/.."),
            ("/../a/.", "/a/", "/../a/."),
            ("/a%3Ab", "/a%253Ab", "/a%3Ab"),
            ("/a b@", "/a%20b%40", "/a%20b%40"),
        ] {
            assert_eq!(path_of(path, PathStyle::Normalized), normalized, "{path}");
            assert_eq!(path_of(path, PathStyle::AsReceived), as_received, "{path}");
        }
    }

    #[test]
    fn queries() {
        for (query, canonical) in [
            ("", ""),
            ("b=2&a=1&a=0", "a=0&a=1&b=2"),
            ("a&&b=", "a=&b="),
            ("a=b=c", "a=b%3Dc"),
            ("%e1%88%b4=%2f", "%E1%88%B4=%2F"),
            ("a=b+c", "a=b%20c"),
            ("a=%zz%", "a=%25zz%25"),
            ("a=%ff", "a=%FF"),
            ("X-Amz-Signature=x", "X-Amz-Signature=x"),
        ] {
            assert_eq!(query_of(query, Place::Header, TokenStyle::Signed), canonical, "{query}");
        }
    }
}
