//! Requests that mean no good.

use std::time::{Duration, Instant};

use gauntlet_mocks::sigv4::Check;

use super::signer::{AT, Signing, key, plain, rules};
use super::{Kept, failed, ring};

/// Numbers that look like chance and are the same every time (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap_or(1)).unwrap_or(0)
    }
}

/// Changes a few bytes to others that a header may hold.
fn damaged(text: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len());
        let byte =
            *[b'/', b'=', b',', b';', b'%', b' ', b'0', b'Z', 0xff, 0x80].get(numbers.below(10)).unwrap_or(&b'x');
        match numbers.below(3) {
            0 if !bytes.is_empty() => bytes[at] = byte,
            1 if !bytes.is_empty() => drop(bytes.remove(at)),
            _ => bytes.insert(at, byte),
        }
    }
    bytes
}

#[test]
fn random_bytes_are_refused_and_break_nothing() {
    let mut numbers = Numbers(7);
    let keys = ring([key()]);
    for _ in 0..20_000 {
        let length = numbers.below(200);
        let bytes: Vec<u8> = (0..length).map(|_| numbers.next().to_le_bytes()[0]).collect();
        let mut request = plain();
        request.target = String::from_utf8_lossy(&bytes).into_owned();
        let value: Vec<u8> = bytes.iter().copied().filter(|byte| *byte >= 32 && *byte != 127).collect();
        request.headers.insert("authorization", http::HeaderValue::from_bytes(&value).unwrap());
        assert_ne!(failed(request.verify(&rules(), &keys, AT)), []);
        let value = [b"AWS4-HMAC-SHA256 ".as_slice(), &value].concat();
        request.headers.insert("authorization", http::HeaderValue::from_bytes(&value).unwrap());
        request.headers.insert("x-amz-date", http::HeaderValue::from_bytes(&value).unwrap());
        assert_ne!(failed(request.verify(&rules(), &keys, AT)), []);
    }
}

#[test]
fn damaged_signatures_are_refused_and_break_nothing() {
    let mut numbers = Numbers(11);
    let keys = ring([key()]);
    let in_header = Signing::default().sign(&plain());
    let in_query = Signing::presigned().sign(&plain());
    let good: Vec<u8> = in_header.header("authorization").bytes().filter(|byte| *byte != b' ').collect();
    for _ in 0..20_000 {
        let mut request = in_header.clone();
        let value = damaged(in_header.header("authorization").as_bytes(), &mut numbers);
        let is_same = value.iter().copied().filter(|byte| *byte != b' ').collect::<Vec<_>>() == good;
        request.headers.insert("authorization", http::HeaderValue::from_bytes(&value).unwrap());
        let checks = failed(request.verify(&rules(), &keys, AT));
        assert!(!checks.is_empty() || is_same, "{}", String::from_utf8_lossy(&value));
        let mut request = in_query.clone();
        request.target = String::from_utf8_lossy(&damaged(in_query.target.as_bytes(), &mut numbers)).into_owned();
        failed(request.verify(&rules(), &keys, Duration::from_secs(numbers.next())));
    }
}

#[test]
fn clocks_at_their_ends() {
    let keys = ring([key()]);
    let signed = Signing::default().sign(&plain());
    for now in [Duration::ZERO, Duration::MAX] {
        assert_ne!(failed(signed.verify(&rules(), &keys, now)), []);
    }
}

/// A header that is named often would be copied as often.
#[test]
fn long_lists_stay_cheap() {
    let keys = ring([key()]);
    let signed = Signing::default().sign(&plain());
    let begun = Instant::now();
    let with_list = |list: &str| -> Kept {
        let mut request = signed.clone();
        let authorization = request.header("authorization").replace("SignedHeaders=", &format!("SignedHeaders={list}"));
        request.set("authorization", &authorization);
        request.set("x-list", &"a ".repeat(20_000));
        request
    };
    let repeated = with_list(&"x-list;".repeat(10_000));
    assert_eq!(failed(repeated.verify(&rules(), &keys, AT)), [Check::Malformed]);
    let many: String = (0..10_000).map(|number| format!("x-{number};")).collect();
    assert!(failed(with_list(&many).verify(&rules(), &keys, AT)).contains(&Check::HeaderMissing));
    let mut query = signed.clone();
    query.target = format!("/mcp?{}", "a=%41&".repeat(10_000));
    assert_eq!(failed(query.verify(&rules(), &keys, AT)), [Check::Signature]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
