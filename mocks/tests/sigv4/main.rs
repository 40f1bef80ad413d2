//! The SigV4 verifier against AWS's own vectors, AWS's own signer, and requests with one thing wrong.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod captured;
mod hostile;
mod mutations;
mod own_signer;
mod signer;
mod suite;

use std::time::Duration;

use gauntlet_mocks::sigv4::{AccessKey, Caller, Check, KeyRing, Received, Rejection, Rules, verify};
use http::{HeaderMap, HeaderName, HeaderValue};

/// A request that is kept.
#[derive(Debug, Clone)]
struct Kept {
    method: String,
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Kept {
    fn new(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut kept = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: HeaderMap::new(),
            body: body.to_vec(),
        };
        headers.iter().for_each(|(name, value)| kept.append(name, value));
        kept
    }

    fn append(&mut self, name: &str, value: &str) {
        let name: HeaderName = name.parse().expect("a name");
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.insert(name, HeaderValue::from_str(value).expect("a value"));
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("text")
    }

    fn received(&self) -> Received<'_> {
        Received { method: &self.method, target: &self.target, headers: &self.headers, body: &self.body }
    }

    fn verify(&self, rules: &Rules, keys: &KeyRing, now: Duration) -> Result<Caller, Box<Rejection>> {
        verify(&self.received(), rules, keys, now)
    }
}

/// The checks that failed; none if the request is good.
fn failed(result: Result<Caller, Box<Rejection>>) -> Vec<Check> {
    result.err().map(|rejection| rejection.checks()).unwrap_or_default()
}

fn ring(keys: impl IntoIterator<Item = AccessKey>) -> KeyRing {
    keys.into_iter().collect()
}
