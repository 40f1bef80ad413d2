//! Public keys as files hold them, for the attack that takes one for a secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::jwt::Material;

/// Identifiers of the algorithms, each with its parameters (RFC 8017 appendix A.1, RFC 5480 section 2.1.1, RFC 8410 section 3).
const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
const P256: &[u8] =
    &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// A key as PEM, with and without the line end after it, and as DER; nothing if its numbers cannot be read.
pub(super) fn forms(material: &Material) -> Vec<Vec<u8>> {
    let Some(der) = subject_public_key_info(material) else {
        return Vec::new();
    };
    let pem = pem(&der);
    vec![pem.trim_end().as_bytes().to_vec(), pem.into_bytes(), der]
}

/// SubjectPublicKeyInfo (RFC 5280 section 4.1).
fn subject_public_key_info(material: &Material) -> Option<Vec<u8>> {
    let number = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let point = |x: &str, y: &str, size: usize| {
        let (x, y) = (number(x)?, number(y)?);
        // 4 stands for a point that is not compressed.
        (x.len() == size && y.len() == size).then(|| [&[4], x.as_slice(), &y].concat())
    };
    let (algorithm, key) = match material {
        Material::Rsa { n, e } => (RSA, element(SEQUENCE, &[unsigned(&number(n)?), unsigned(&number(e)?)].concat())),
        Material::P256 { x, y } => (P256, point(x, y, 32)?),
        Material::P384 { x, y } => (P384, point(x, y, 48)?),
        Material::Ed25519 { x } => (ED25519, number(x)?),
    };
    // The string has no unused bits.
    let key = element(BIT_STRING, &[&[0], key.as_slice()].concat());
    Some(element(SEQUENCE, &[element(SEQUENCE, algorithm), key].concat()))
}

/// A positive number, in as few bytes as it needs; a leading zero keeps it positive.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let mut digits = bytes[first..].to_vec();
    if digits.first().is_none_or(|byte| *byte >= 0x80) {
        digits.insert(0, 0);
    }
    element(INTEGER, &digits)
}

/// Tag, length and content (X.690 section 8.1).
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let size = content.len().to_be_bytes();
    let size: Vec<u8> = size.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut bytes = vec![tag];
    match size.as_slice() {
        [] => bytes.push(0),
        [short] if *short < 0x80 => bytes.push(*short),
        long => {
            // At most eight bytes of length.
            bytes.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            bytes.extend(long);
        }
    }
    bytes.extend(content);
    bytes
}

fn pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = String::from("-----BEGIN PUBLIC KEY-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END PUBLIC KEY-----\n");
    text
}
