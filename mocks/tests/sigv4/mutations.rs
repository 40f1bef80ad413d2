//! Requests with one thing wrong, and what is found wrong with them.

use std::time::Duration;

use aws_sigv4::http_request::PayloadChecksumKind;
use gauntlet_mocks::sigv4::{AccessKey, Check, Rejection};

use super::signer::{AT, Signing, key, plain, rules};
use super::{Kept, failed, ring};

const MINUTE: Duration = Duration::from_secs(60);

fn judge(request: &Kept) -> Vec<Check> {
    failed(request.verify(&rules(), &ring([key()]), AT))
}

fn rejection(request: &Kept) -> Rejection {
    *request.verify(&rules(), &ring([key()]), AT).expect_err("refused")
}

fn signed() -> Kept {
    Signing::default().sign(&plain())
}

fn replaced(from: &str, to: &str) -> Kept {
    let mut request = signed();
    let authorization = request.header("authorization").replacen(from, to, 1);
    assert_ne!(authorization, request.header("authorization"), "{from} is not there");
    request.set("authorization", &authorization);
    request
}

#[test]
fn nothing_wrong() {
    assert_eq!(judge(&signed()), []);
    assert_eq!(judge(&Signing::presigned().sign(&plain())), []);
}

#[test]
fn no_signature() {
    assert_eq!(judge(&plain()), [Check::NoSignature]);
    for (value, check) in [
        ("Bearer fake-token", Check::OtherScheme),
        ("Basic dTpw", Check::OtherScheme),
        ("aws4-hmac-sha256 Credential=a", Check::OtherScheme),
        ("", Check::NoSignature),
        ("  ", Check::NoSignature),
        ("AWS4-HMAC-SHA256", Check::Malformed),
        ("AWS4-HMAC-SHA256 ", Check::Malformed),
        ("AWS4-HMAC-SHA256 x", Check::Malformed),
    ] {
        let mut request = plain();
        request.set("authorization", value);
        assert_eq!(judge(&request), [check], "{value}");
    }
    assert_eq!(rejection(&plain()).failures[0].message, "Missing Authentication Token");
}

#[test]
fn malformed_ones() {
    for (from, to) in [
        ("Credential=", "Creds="),
        ("SignedHeaders=", "Headers="),
        ("Signature=", "signature="),
        ("Signature=", "Signature=0"),
        ("Signature=", "Signature=x, Signature="),
        ("Credential=", "Credential=a/b, Credential="),
        ("SignedHeaders=", "SignedHeaders=;"),
        ("SignedHeaders=", "SignedHeaders=host;"),
        ("SignedHeaders=", "SignedHeaders=Accept;"),
        ("/aws4_request", "/aws5_request"),
        ("/aws4_request", ""),
        ("Credential=ASIAFAKE000000000001/", "Credential="),
        ("/2027", "/27"),
        (", ", ", , "),
    ] {
        assert_eq!(judge(&replaced(from, to)), [Check::Malformed], "{from} to {to}");
    }
    let all = rejection(&replaced("Credential=ASIAFAKE000000000001/", "Credential=")).failures.len()
        + rejection(&replaced("AWS4-HMAC-SHA256 Credential", "AWS4-HMAC-SHA256 x")).failures.len();
    assert_eq!(all, 3, "one, and a part that is missing beside one that is not known");
    let mut twice = signed();
    twice.append("authorization", "Bearer fake-token");
    assert_eq!(judge(&twice), [Check::Malformed]);
    let mut both = Signing::presigned().sign(&plain());
    both.set("authorization", signed().header("authorization"));
    assert_eq!(judge(&both), [Check::Malformed]);
}

#[test]
fn malformed_presigned_ones() {
    for (from, to) in [
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        ("X-Amz-Algorithm=", "x-amz-algorithm="),
        ("X-Amz-Expires=300", "X-Amz-Expires=0"),
        ("X-Amz-Expires=300", "X-Amz-Expires=604801"),
        ("X-Amz-Expires=300", "X-Amz-Expires=soon"),
        ("X-Amz-Expires=300", "X-Amz-Expires=300&X-Amz-Expires=300"),
        ("X-Amz-Credential=", "X-Amz-Credential=a&X-Amz-Credential="),
        ("X-Amz-SignedHeaders=", "X-Amz-Signed="),
        ("X-Amz-Signature=", "X-Amz-Signature=z"),
        ("X-Amz-Security-Token=", "X-Amz-Security-Token=a&X-Amz-Security-Token="),
    ] {
        let mut request = Signing::presigned().sign(&plain());
        let target = request.target.replacen(from, to, 1);
        assert_ne!(target, request.target, "{from} is not there");
        request.target = target;
        assert_eq!(judge(&request), [Check::Malformed], "{from} to {to}");
    }
}

#[test]
fn keys() {
    let unknown = Signing { key: AccessKey { access_key_id: "AKIANOBODY".into(), ..key() }, ..Signing::default() };
    let rejected = rejection(&unknown.sign(&plain()));
    assert_eq!(rejected.checks(), [Check::UnknownKey]);
    assert!(rejected.caller.is_none() && rejected.expected_signature.is_none() && rejected.canonical_request.is_some());
    assert_eq!(rejected.failures[0].message, "The security token included in the request is invalid");
    let secret = Signing { key: AccessKey { secret_access_key: "guessed".into(), ..key() }, ..Signing::default() };
    let rejected = rejection(&secret.sign(&plain()));
    assert_eq!(rejected.checks(), [Check::Signature]);
    assert_eq!(rejected.caller, Some(key().caller()));
    assert!(
        rejected.failures[0]
            .message
            .starts_with("The request signature we calculated does not match the signature you")
    );
    let over = AT + 15 * MINUTE;
    let late = Signing { at: over, ..Signing::default() }.sign(&plain());
    assert_eq!(failed(late.verify(&rules(), &ring([key()]), over)), [Check::KeyExpired]);
}

#[test]
fn session_tokens() {
    for token in [None, Some("another".to_owned())] {
        for base in [Signing::default(), Signing::presigned()] {
            let signing = Signing { key: AccessKey { session_token: token.clone(), ..key() }, ..base };
            assert_eq!(judge(&signing.sign(&plain())), [Check::SessionToken], "{token:?}");
        }
    }
    let mut lost = signed();
    lost.headers.remove("x-amz-security-token");
    assert_eq!(judge(&lost), [Check::SessionToken, Check::HeaderMissing, Check::Signature]);
    let long_term = ring([AccessKey { session_token: None, ..key() }]);
    assert_eq!(failed(signed().verify(&rules(), &long_term, AT)), [Check::SessionToken]);
    let mut twice = signed();
    twice.append("x-amz-security-token", "another");
    assert_eq!(judge(&twice), [Check::Malformed]);
}

#[test]
fn dates() {
    for (at, check) in [
        (AT - 15 * MINUTE, None),
        (AT - 15 * MINUTE - Duration::from_secs(1), Some(Check::SignatureExpired)),
        (AT + 15 * MINUTE, None),
        (AT + 15 * MINUTE + Duration::from_secs(1), Some(Check::NotYetCurrent)),
    ] {
        let request = Signing { at, ..Signing::default() }.sign(&plain());
        assert_eq!(judge(&request), check.into_iter().collect::<Vec<_>>(), "{at:?}");
    }
    let stale = rejection(&Signing { at: AT - 16 * MINUTE, ..Signing::default() }.sign(&plain()));
    assert_eq!(
        stale.failures[0].message,
        "Signature expired: 20270115T074400Z is now earlier than 20270115T074500Z (20270115T080000Z - 15 min.)"
    );
    let presigned = Signing { at: AT - 6 * MINUTE, ..Signing::presigned() }.sign(&plain());
    assert_eq!(judge(&presigned), [Check::SignatureExpired]);
    let presigned = Signing { at: AT + 16 * MINUTE, ..Signing::presigned() }.sign(&plain());
    assert_eq!(judge(&presigned), [Check::NotYetCurrent]);
    let strict = gauntlet_mocks::sigv4::Rules { clock_skew: MINUTE, ..rules() };
    let request = Signing { at: AT - 2 * MINUTE, ..Signing::default() }.sign(&plain());
    assert_eq!(failed(request.verify(&strict, &ring([key()]), AT)), [Check::SignatureExpired]);

    let mut undated = signed();
    undated.headers.remove("x-amz-date");
    assert_eq!(judge(&undated), [Check::Date, Check::HeaderMissing, Check::Signature]);
    undated.set("date", "Fri, 15 Jan 2027 08:00:00 GMT");
    assert_eq!(judge(&undated), [Check::HeaderMissing, Check::Signature]);
    let mut twice = signed();
    twice.append("x-amz-date", "20270115T080000Z");
    assert_eq!(judge(&twice), [Check::Date, Check::Signature]);
    assert_eq!(judge(&replaced("/20270115/", "/20270114/")), [Check::ScopeDate, Check::Signature]);
}

#[test]
fn scopes() {
    let service = Signing { service: "execute-api", ..Signing::default() }.sign(&plain());
    let region = Signing { region: "eu-west-1", ..Signing::default() }.sign(&plain());
    let both = Signing { service: "execute-api", region: "eu-west-1", ..Signing::default() }.sign(&plain());
    assert_eq!(judge(&service), [Check::Service]);
    assert_eq!(judge(&region), [Check::Region]);
    let rejected = rejection(&both);
    assert_eq!(rejected.checks(), [Check::Region, Check::Service]);
    assert_eq!(rejected.failures[0].message, "Credential should be scoped to a valid region, not 'eu-west-1'. ");
    assert_eq!(rejected.failures[1].message, "Credential should be scoped to correct service: 'bedrock-agentcore'. ");
    assert_eq!(judge(&replaced("/us-east-1/", "/us-west-2/")), [Check::Region, Check::Signature]);
}

#[test]
fn headers() {
    for (name, value) in [
        ("x-forwarded-for", "192.0.2.1"),
        ("traceparent", "00-0-0-00"),
        ("user-agent", "x/1"),
        ("x-amzn-trace-id", "Root=1"),
    ] {
        let mut request = signed();
        request.append(name, value);
        assert_eq!(judge(&request), [], "{name} is not signed");
    }
    let mut request = signed();
    request.append("x-amz-meta", "1");
    assert_eq!(judge(&request), [Check::HeaderNotSigned]);
    for change in [("content-type", "text/plain"), ("accept", "*/*"), ("host", "other.example.com"), ("x-list", "b")] {
        let mut request = signed();
        request.set(change.0, change.1);
        assert_eq!(judge(&request), [Check::Signature], "{change:?}");
    }
    let mut request = signed();
    request.set("accept", "  application/json,   text/event-stream ");
    assert_eq!(judge(&request), [], "blanks do not count");
    let mut request = signed();
    request.headers.remove("accept");
    assert_eq!(judge(&request), [Check::HeaderMissing, Check::Signature]);
    for left_out in ["host", "x-amz-date", "x-amz-security-token"] {
        let mut signing = Signing::default();
        signing.settings.excluded_headers = Some(vec!["authorization".into(), left_out.into()]);
        assert_eq!(judge(&signing.sign(&plain())), [Check::HeaderNotSigned], "{left_out}");
    }
}

#[test]
fn what_else_is_signed() {
    let mut request = signed();
    request.method = "PUT".to_owned();
    assert_eq!(judge(&request), [Check::Signature]);
    for target in ["/mcp?a=1", "/mcp?b=2&a=1&c", "/MCP?a=1&b=2", "/mcp/?a=1&b=2"] {
        let mut request = signed();
        request.target = target.to_owned();
        assert_eq!(judge(&request), [Check::Signature], "{target}");
    }
    for same in ["/mcp?a=1&b=2", "//mcp?b=2&a=1", "/x/../mcp?a=1&&b=2"] {
        let mut request = signed();
        request.target = same.to_owned();
        assert_eq!(judge(&request), [], "{same}");
    }
    let mut wrong_digit = signed();
    let authorization = wrong_digit.header("authorization").to_owned();
    let last = if authorization.ends_with('0') { "1" } else { "0" };
    wrong_digit.set("authorization", &format!("{}{last}", &authorization[..authorization.len() - 1]));
    assert_eq!(judge(&wrong_digit), [Check::Signature]);
}

#[test]
fn payloads() {
    let mut request = signed();
    request.body.push(b' ');
    assert_eq!(judge(&request), [Check::Signature]);
    let mut checksum = Signing::default();
    checksum.settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let mut request = checksum.sign(&plain());
    request.body.push(b' ');
    assert_eq!(judge(&request), [Check::PayloadHash]);
    request.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(judge(&request), [Check::Signature]);
    request.append("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(judge(&request), [Check::PayloadHash, Check::Signature]);
}

#[test]
fn all_that_is_wrong_is_told() {
    let signing = Signing {
        key: AccessKey { secret_access_key: "guessed".into(), session_token: None, ..key() },
        service: "s3",
        region: "mars-1",
        at: AT - 20 * MINUTE,
        ..Signing::default()
    };
    let mut request = signing.sign(&plain());
    request.append("x-amz-meta", "1");
    request.headers.remove("accept");
    let rejected = rejection(&request);
    let expected = [
        Check::SessionToken,
        Check::SignatureExpired,
        Check::Region,
        Check::Service,
        Check::HeaderNotSigned,
        Check::HeaderMissing,
        Check::Signature,
    ];
    assert_eq!(rejected.checks(), expected);
    let ids: Vec<&str> = expected.iter().map(|check| check.id()).collect();
    assert_eq!(ids.len(), ids.iter().collect::<std::collections::HashSet<_>>().len());
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?} {:?}", ring([key()]), key());
    assert!(!shown.contains("fake/secret") && !shown.contains("fake/session"), "{shown}");
}
