//! Input that makes no sense, and input that comes all at once.

use futures_util::future::join_all;
use serde_json::json;

use crate::requests::*;
use crate::support::Probe;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % below
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.next(from.len())]
    }
}

const NAMES: [&str; 16] = [
    "client_id",
    "client_secret",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "resource",
    "code",
    "grant_type",
    "code_verifier",
    "code_challenge",
    "code_challenge_method",
    "refresh_token",
    "client_assertion",
    "token",
    "prompt",
];
const VALUES: [&str; 22] = [
    "",
    "%",
    "%zz",
    "%FF%FE",
    "%00",
    "a%0d%0ab",
    "code",
    "gauntlet-public",
    "gauntlet-assertion",
    "authorization_code",
    "client_credentials",
    "refresh_token",
    "S256",
    "plain",
    "none",
    "eyJ9.eyJ9.x",
    "..",
    "http%3A%2F%2F127.0.0.1%2Fcallback",
    "http%3A%2F%2F%5B%3A%3A1",
    "%F0%9F%A6%80",
    "https%3A%2F%2F",
    "%20%20",
];
const BODIES: [&str; 8] =
    ["", "{", "[]", "null", "{\"redirect_uris\":[null]}", "{\"jwks\":{\"keys\":[7]}}", "\u{0}", "\u{fffd}="];
const HEADERS: [&str; 7] = ["Basic", "Basic ====", "Basic /w==", "Basic Og==", "Bearer", "Bearer a b", "\u{7f}"];

#[tokio::test]
async fn nonsense_is_refused_and_harms_nothing() {
    let mock = idp(json!({ "consent": "page" })).await;
    let mut numbers = Numbers(7);
    let paths = ["authorize", "token", "revoke", "introspect", "userinfo", "register", "login", "nothing"];
    for round in 0..1500 {
        let path = format!("/v1/{}", numbers.pick(&paths));
        let pairs: Vec<String> =
            (0..numbers.next(6)).map(|_| format!("{}={}", numbers.pick(&NAMES), numbers.pick(&VALUES))).collect();
        let form = pairs.join("&");
        let mut probe = match numbers.next(3) {
            0 => Probe::new("GET", &format!("{path}?{form}")),
            1 => Probe::new("POST", &path).text(&form).header("content-type", "application/x-www-form-urlencoded"),
            _ => Probe::new("POST", &path).text(numbers.pick(&BODIES)).header("content-type", "application/json"),
        };
        if numbers.next(4) == 0 {
            let header = numbers.pick(&HEADERS);
            if reqwest::header::HeaderValue::try_from(header).is_ok() {
                probe = probe.header("authorization", header);
            }
        }
        let seen = send(&mock, &probe).await;
        assert!(seen.status < 500, "round {round}: {probe:?} gives {} {}", seen.status, seen.body);
        assert!(seen.status >= 300 || !seen.body.contains("access_token"), "round {round}: {probe:?} gives a token");
    }
    mock.control(&json!({ "set": { "consent": "auto" } })).await.expect("still listening");
    signed_in(&mock, &request(&mock)).await;
}

#[tokio::test]
async fn hostile_assertions_are_refused() {
    let mock = idp(json!({})).await;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let dots = ".".repeat(50_000);
    let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text);
    let nested = format!("{}.{}.x", encode(&deep), encode(&deep));
    let right = assertion(&mock, &assertion_claims(&mock));
    let claims = right.split('.').nth(1).expect("claims");
    let with_header = |header: &str| format!("{}.{claims}.{}", encode(header), encode("signature"));
    for wrong in [
        dots,
        nested,
        "ä.ö.ü".to_owned(),
        "e30.e30.e30".to_owned(),
        "bnVsbA.bnVsbA.".to_owned(),
        with_header(r#"{"alg":"HS256"}"#),
        with_header(r#"{"alg":"RS256"}"#),
        with_header(r#"{"alg":7}"#),
        with_header("[]"),
    ] {
        let seen = token(&mock, &asserting(&wrong)).await;
        assert_eq!((seen.status, text(&seen.json(), "error")), (401, "invalid_client"), "{wrong:.80}");
    }
    assert_eq!(token(&mock, &asserting(&right)).await.status, 200);
}

#[tokio::test]
async fn a_code_and_a_refresh_token_are_good_for_one_of_many_at_once() {
    let mock = idp(json!({ "defects": ["replay-keeps-tokens"] })).await;
    let form = exchange(&mock, &code(&mock, &request(&mock)).await);
    let answers = join_all((0..20).map(|_| token(&mock, &form))).await;
    let good: Vec<_> = answers.iter().filter(|seen| seen.status == 200).collect();
    assert_eq!(good.len(), 1);
    let refresh_token = text(&good[0].json(), "refresh_token").to_owned();
    let form = refreshing(&mock, &refresh_token);
    let answers = join_all((0..20).map(|_| token(&mock, &form))).await;
    assert_eq!(answers.iter().filter(|seen| seen.status == 200).count(), 1);
}
