//! Signed requests.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use gauntlet_mocks::{MockHandle, StartOptions, start};
use serde_json::{Value, json};

use crate::requests::*;
use crate::support::{Probe, Seen, send, started, var};

/// Defects that a badly signed request shows.
pub(crate) const SHOWN: &[&str] = &[
    "expired-signature-accepted",
    "future-signature-accepted",
    "payload-hash-not-checked",
    "unsigned-host-accepted",
    "unsigned-headers-refused",
    "service-not-checked",
    "region-not-checked",
    "unknown-key-accepted",
    "key-expiry-not-checked",
    "session-token-not-checked",
    "bearer-instead-of-signature",
    "policy-not-checked",
];

const SIGNATURE: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
     Key and signing method. Consult the service documentation for details.";

/// How a request is signed; what is not given is right.
#[derive(Clone)]
struct Signing {
    service: &'static str,
    region: &'static str,
    /// Prefix of the variables with the key.
    key: &'static str,
    key_id: Option<&'static str>,
    secret: Option<&'static str>,
    has_token: bool,
    at: SystemTime,
    settings: SigningSettings,
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            service: "bedrock-agentcore",
            region: "us-east-1",
            key: "",
            key_id: None,
            secret: None,
            has_token: true,
            at: SystemTime::now(),
            settings: SigningSettings::default(),
        }
    }
}

impl Signing {
    fn sign(&self, mock: &MockHandle, mut probe: Probe) -> Probe {
        let of = |name: &str| mock.vars()[&format!("{}{name}", self.key)].as_str().map(str::to_owned);
        let identity = Credentials::new(
            self.key_id.map_or_else(|| of("access_key_id").expect("a key"), str::to_owned),
            self.secret.map_or_else(|| of("secret_access_key").expect("a secret"), str::to_owned),
            of("session_token").filter(|_| self.has_token),
            None,
            "test",
        )
        .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.at)
            .settings(self.settings.clone())
            .build()
            .expect("parameters")
            .into();
        let url = format!("{}{}", mock.origin(), probe.path);
        let headers: Vec<(String, String)> = probe.headers.clone();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = SignableBody::Bytes(probe.body.as_bytes());
        let signable = SignableRequest::new(probe.method, &url, headers, body).expect("a request");
        let (instructions, _) = sign(signable, &params).expect("signs").into_parts();
        let (added, _) = instructions.into_parts();
        for header in added {
            probe = probe.header(header.name(), header.value());
        }
        probe
    }
}

fn list(mock: &MockHandle) -> Probe {
    modern(mock, "tools/list", json!({}))
}

async fn iam(mut config: Value) -> MockHandle {
    config["authorizer"] = "iam".into();
    gateway(config).await
}

fn last_note(mock: &MockHandle) -> Option<String> {
    mock.journal().entries().last().and_then(|entry| entry.note.clone())
}

#[tokio::test]
async fn signed_requests_pass() {
    let mock = iam(json!({})).await;
    assert_eq!((mock.bearer(), mock.sigv4().expect("a key")["service"].as_str()), (None, Some("bedrock-agentcore")));
    for key in ["", "other_"] {
        let signing = Signing { key, ..Signing::default() };
        let whoami = modern(&mock, "tools/call", json!({ "name": "Demo___whoami", "arguments": {} }));
        let seen = send(&mock, &signing.sign(&mock, whoami)).await;
        assert_eq!(
            seen.json()["result"]["content"][0]["text"],
            mock.vars()[&format!("{key}principal")],
            "{}",
            seen.body
        );
    }
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let opened = send(&mock, &Signing::default().sign(&mock, initialize(&mock, version))).await;
        assert_eq!(opened.json()["result"]["protocolVersion"], version);
    }
    // What does not survive the way to a backend may be signed, too.
    let delete = Probe { method: "DELETE", body: String::new(), ..list(&mock) };
    let delete = delete.header("content-length", "0").header("te", "trailers");
    assert_eq!(send(&mock, &Signing::default().sign(&mock, delete)).await.status, 405);
    let proxied =
        Signing::default().sign(&mock, list(&mock)).header("x-forwarded-for", "192.0.2.1").header("traceparent", "00");
    assert_eq!(send(&mock, &proxied).await.status, 200);
    assert_eq!(last_note(&mock), None);
}

/// What is wrong, what is noted, what is told, and the defect that lets it in.
type Bad = (&'static str, Probe, &'static str, String, Option<&'static str>);

fn bad(mock: &MockHandle) -> Vec<Bad> {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let sign = |signing: Signing| signing.sign(mock, list(mock));
    let mut checksum = Signing::default();
    checksum.settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let altered = |probe: Probe| Probe { body: probe.body.replace("tools/list", "tools/lisT"), ..probe };
    let mut no_host = Signing::default();
    no_host.settings.excluded_headers = Some(vec!["host".into()]);
    let missing = || "Missing Authentication Token".to_owned();
    let invalid = || "The security token included in the request is invalid".to_owned();
    let arn = var(mock, "gateway_arn");
    let denied = format!(
        "User: {} is not authorized to perform: bedrock-agentcore:InvokeGateway on resource: {arn}",
        var(mock, "denied_principal")
    );
    vec![
        ("unsigned", list(mock), "no-signature", missing(), Some("accepts-no-token")),
        ("bearer", token(list(mock), "fake"), "not-a-signature", missing(), Some("bearer-instead-of-signature")),
        (
            "unknown key",
            sign(Signing { key_id: Some("AKIA0000000000000000"), ..Signing::default() }),
            "unknown-key",
            invalid(),
            Some("unknown-key-accepted"),
        ),
        (
            "wrong secret",
            sign(Signing { secret: Some("guessed"), ..Signing::default() }),
            "bad-signature",
            SIGNATURE.to_owned(),
            Some("signature-not-verified"),
        ),
        (
            "no session token",
            sign(Signing { has_token: false, ..Signing::default() }),
            "session-token",
            invalid(),
            Some("session-token-not-checked"),
        ),
        (
            "key over",
            sign(Signing { key: "expired_", ..Signing::default() }),
            "key-expired",
            "The security token included in the request is expired".to_owned(),
            Some("key-expiry-not-checked"),
        ),
        (
            "stale",
            sign(Signing { at: SystemTime::now() - minutes(16), ..Signing::default() }),
            "signature-expired",
            "Signature expired: ".to_owned(),
            Some("expired-signature-accepted"),
        ),
        (
            "early",
            sign(Signing { at: SystemTime::now() + minutes(16), ..Signing::default() }),
            "not-yet-current",
            "Signature not yet current: ".to_owned(),
            Some("future-signature-accepted"),
        ),
        (
            "service",
            sign(Signing { service: "execute-api", ..Signing::default() }),
            "wrong-service",
            "Credential should be scoped to correct service: 'bedrock-agentcore'. ".to_owned(),
            Some("service-not-checked"),
        ),
        (
            "region",
            sign(Signing { region: "eu-west-1", ..Signing::default() }),
            "wrong-region",
            "Credential should be scoped to a valid region, not 'eu-west-1'. ".to_owned(),
            Some("region-not-checked"),
        ),
        (
            "body",
            altered(sign(checksum)),
            "payload-hash",
            "The provided 'x-amz-content-sha256' header does not match what was computed.".to_owned(),
            Some("payload-hash-not-checked"),
        ),
        (
            "host not signed",
            sign(no_host),
            "header-not-signed",
            "'host' must be among the signed headers.".to_owned(),
            Some("unsigned-host-accepted"),
        ),
        (
            "header altered",
            sign(Signing::default()).header("mcp-method", "tools/call"),
            "bad-signature",
            SIGNATURE.to_owned(),
            Some("signature-not-verified"),
        ),
        (
            "no permission",
            sign(Signing { key: "denied_", ..Signing::default() }),
            "access-denied",
            denied,
            Some("policy-not-checked"),
        ),
        (
            "much at once",
            sign(Signing { region: "eu-west-1", secret: Some("guessed"), has_token: false, ..Signing::default() }),
            "session-token, wrong-region, bad-signature",
            invalid(),
            None,
        ),
    ]
}

#[tokio::test]
async fn whatever_is_wrong_is_refused_and_noted() {
    let mock = iam(json!({})).await;
    for (what, probe, note, told, _) in bad(&mock) {
        let seen = send(&mock, &probe).await;
        assert_eq!((error(&seen), seen.json()["id"].clone()), ((403, -32001), json!(7)), "{what}");
        assert_eq!(seen.header("www-authenticate"), None, "{what}");
        let message = seen.json()["error"]["message"].as_str().expect("a message").to_owned();
        assert!(message.starts_with(&told), "{what}: {message}");
        assert_eq!(last_note(&mock).as_deref(), Some(note), "{what}");
    }
}

fn refused(seen: &Seen) -> bool {
    seen.status == 403
}

#[tokio::test]
async fn each_defect_lets_its_own_in() {
    let defects: Vec<&str> = {
        let mock = iam(json!({})).await;
        bad(&mock).iter().filter_map(|(.., defect)| *defect).collect()
    };
    for defect in SHOWN.iter().filter(|defect| **defect != "unsigned-headers-refused") {
        assert!(defects.contains(defect), "nothing shows {defect}");
    }
    for defect in defects {
        let mock = iam(json!({ "defects": [defect] })).await;
        for (what, probe, _, _, lets_in) in bad(&mock) {
            assert_eq!(!refused(&send(&mock, &probe).await), lets_in == Some(defect), "{defect}: {what}");
        }
        assert!(!refused(&send(&mock, &Signing::default().sign(&mock, list(&mock))).await), "{defect}");
    }
    let mock = iam(json!({ "defects": ["unsigned-headers-refused"] })).await;
    let signed = Signing::default().sign(&mock, list(&mock));
    assert!(refused(&send(&mock, &signed.clone().header("x-forwarded-for", "192.0.2.1")).await));
    assert!(!refused(&send(&mock, &signed).await));
}

#[tokio::test]
async fn the_other_form_and_details() {
    let mock = iam(json!({ "iam_refusal": "message", "exception_level": "DEBUG" })).await;
    let seen = send(&mock, &list(&mock)).await;
    assert_eq!((seen.status, seen.body.as_str()), (403, r#"{"message":"Missing Authentication Token"}"#));
    assert_eq!(seen.header("x-amzn-errortype"), Some("MissingAuthenticationTokenException"));
    let wrong = Signing { secret: Some("guessed"), ..Signing::default() };
    let seen = send(&mock, &wrong.sign(&mock, list(&mock))).await;
    assert_eq!(seen.header("x-amzn-errortype"), Some("InvalidSignatureException"));
    let message = seen.json()["message"].as_str().expect("a message").to_owned();
    assert!(message.contains("The Canonical String for this request should have been\n'POST\n/mcp\n\n"), "{message}");
    assert!(message.contains("The String-to-Sign should have been\n'AWS4-HMAC-SHA256\n"), "{message}");
}

#[tokio::test]
async fn keys_clocks_and_places_as_configured() {
    let key = |expires_in: &str| {
        json!([{ "access_key_id": "AKIAFAKE000000000001", "secret_access_key": "fake/secret", "expires_in": expires_in,
                 "principal": "arn:aws:iam::111122223333:user/carol" }])
    };
    let config = json!({ "access_keys": key("1h"), "region": "eu-west-1", "account": "111122223333", "gateway_id": "g-1", "clock_skew": "5m" });
    let mock = iam(config).await;
    assert_eq!(var(&mock, "gateway_arn"), "arn:aws:bedrock-agentcore:eu-west-1:111122223333:gateway/g-1");
    let signing = Signing { region: "eu-west-1", ..Signing::default() };
    assert_eq!(send(&mock, &signing.sign(&mock, list(&mock))).await.status, 200);
    mock.control(&json!({ "advance": "6m" })).await.expect("advances");
    assert_eq!(send(&mock, &signing.sign(&mock, list(&mock))).await.status, 403);
    assert_eq!(last_note(&mock).as_deref(), Some("signature-expired"));
    mock.control(&json!({ "advance": "1h" })).await.expect("advances");
    let later = Signing { at: SystemTime::now() + Duration::from_secs(66 * 60), ..signing };
    assert_eq!(send(&mock, &later.sign(&mock, list(&mock))).await.status, 403);
    assert_eq!(last_note(&mock).as_deref(), Some("key-expired"));
}

#[tokio::test]
async fn keys_that_are_made_differ_are_secret_and_stay() {
    let (one, two) = (iam(json!({})).await, iam(json!({})).await);
    for name in ["access_key_id", "secret_access_key", "session_token"] {
        assert_ne!(var(&one, name), var(&two, name), "{name}");
    }
    for name in ["secret_access_key", "session_token", "other_secret_access_key", "expired_session_token"] {
        assert!(one.secrets().iter().any(|secret| secret == var(&one, name)), "{name}");
    }
    one.control(&json!({ "set": { "page_size": 2 }, "restart": true })).await.expect("set");
    assert_eq!(send(&one, &Signing::default().sign(&one, list(&one))).await.status, 200);
    let metadata = send(&one, &Probe::new("GET", "/.well-known/oauth-protected-resource")).await;
    assert_eq!(metadata.status, 404);
}

#[tokio::test]
async fn a_verdict_cannot_be_brought_along() {
    let mock = iam(json!({})).await;
    // {"Passed":"arn:aws:iam::123456789012:user/alice"}
    let verdict = "eyJQYXNzZWQiOiJhcm46YXdzOmlhbTo6MTIzNDU2Nzg5MDEyOnVzZXIvYWxpY2UifQ==";
    let probe = list(&mock).header("x-gauntlet-signature-verdict", verdict);
    assert_eq!(send(&mock, &probe).await.status, 403);
}

#[tokio::test]
async fn contradictions_and_bad_keys() {
    let key = json!({ "access_key_id": "AKIAFAKE000000000001", "secret_access_key": "s", "principal": "arn:aws:iam::1:user/a" });
    let with = |member: &str, value: Value| {
        let mut key = key.clone();
        key[member] = value;
        json!({ "authorizer": "iam", "access_keys": [key] })
    };
    for (config, place) in [
        (json!({ "access_keys": [key] }), "access_keys"),
        (json!({ "region": "us-east-1" }), "region"),
        (json!({ "authorizer": "iam", "tokens": [] }), "tokens"),
        (json!({ "authorizer": "iam", "allowed_scopes": ["a"] }), "allowed_scopes"),
        (
            json!({ "authorizer": "iam", "discovery_url": "https://a.example/.well-known/openid-configuration" }),
            "discovery_url",
        ),
        (json!({ "authorizer": "iam", "access_keys": [] }), "access_keys"),
        (json!({ "authorizer": "iam", "access_keys": [key, key] }), "access_keys[1].access_key_id"),
        (with("access_key_id", json!("short")), "access_keys[0].access_key_id"),
        (with("secret_access_key", json!("")), "access_keys[0].secret_access_key"),
        (with("session_token", json!("a b")), "access_keys[0].session_token"),
        (with("principal", json!("alice")), "access_keys[0].principal"),
        (with("expires", json!("1h")), "access_keys[0].expires"),
    ] {
        let options = StartOptions { config: config.clone(), ..StartOptions::default() };
        let problem = start("agentcore-gateway", options).await.expect_err("refused").to_string();
        assert!(problem.contains(&format!(", {place}: ")), "{config}: {problem}");
    }
    let opaque = started("agentcore-gateway", json!({})).await;
    let problem = opaque.control(&json!({ "set": { "authorizer": "iam" } })).await.expect_err("no keys");
    assert_eq!(problem.path, "set.access_keys");
}
