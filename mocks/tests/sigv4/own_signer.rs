//! What the mocks' own signer signs is good.

use gauntlet_mocks::sigv4::{AccessKey, Check, Signer};

use super::signer::{AT, HOST, PRINCIPAL, key, plain, rules};
use super::{Kept, failed, ring};

fn sign(signer: &Signer, mut request: Kept) -> Kept {
    let url = format!("http://{HOST}{}", request.target);
    let (method, body) = (request.method.clone(), request.body.clone());
    signer.sign(&method, &url, &mut request.headers, &body, AT).expect("signs");
    request
}

fn signer() -> Signer {
    Signer::new(key(), "bedrock-agentcore", "us-east-1")
}

#[test]
fn it_is_good_with_and_without_a_token() {
    let long_term = AccessKey::new("AKIAFAKE000000000001", "other/secret", "arn:aws:iam::123456789012:user/other");
    let keys = ring([key(), long_term.clone()]);
    for target in ["/", "/mcp", "/mcp?b=2&a=1", "/runtimes/arn%3Aaws%3Ax/invocations?qualifier=DEFAULT"] {
        for method in ["GET", "POST", "DELETE"] {
            let request = || Kept { target: target.to_owned(), method: method.to_owned(), ..plain() };
            let caller = sign(&signer(), request()).verify(&rules(), &keys, AT);
            assert_eq!(caller.expect("good").principal, PRINCIPAL, "{method} {target}");
            let signed = sign(&Signer { key: long_term.clone(), ..signer() }, request());
            assert!(!signed.headers.contains_key("x-amz-security-token"));
            assert!(signed.verify(&rules(), &keys, AT).is_ok(), "{method} {target}");
        }
    }
}

#[test]
fn it_signs_what_the_proxy_in_the_field_signs() {
    let signed = sign(&signer(), plain());
    let authorization = signed.header("authorization");
    let names = "SignedHeaders=accept;content-length;content-type;host;x-amz-date;x-amz-security-token;x-list,";
    assert!(authorization.contains(names), "{authorization}");
}

#[test]
fn a_header_that_is_not_signed_may_change_and_one_that_is_may_not() {
    let keys = ring([key()]);
    let unsigned = Signer { unsigned: vec!["x-list".to_owned()], ..signer() };
    for (signer, expected) in [(unsigned, vec![]), (signer(), vec![Check::Signature])] {
        let mut signed = sign(&signer, plain());
        signed.set("x-list", "changed");
        assert_eq!(failed(signed.verify(&rules(), &keys, AT)), expected);
    }
}

#[test]
fn a_signature_of_the_client_is_replaced() {
    let mut request = plain();
    request.append("authorization", "Bearer of-the-client");
    request.append("authorization", "AWS4-HMAC-SHA256 of-the-client");
    request.append("x-amz-security-token", "of-the-client");
    request.append("x-amz-date", "20200101T000000Z");
    request.append("x-amz-content-sha256", "of-the-client");
    let signed = sign(&signer(), request);
    assert!(signed.verify(&rules(), &ring([key()]), AT).is_ok());
    assert!(!format!("{:?}", signed.headers).contains("of-the-client"));
}

#[test]
fn another_service_region_or_secret_is_noticed() {
    let keys = ring([key()]);
    let wrong = |signer: Signer| failed(sign(&signer, plain()).verify(&rules(), &keys, AT));
    assert_eq!(wrong(Signer { service: "aws-mcp".into(), ..signer() }), [Check::Service]);
    assert_eq!(wrong(Signer { region: "eu-central-1".into(), ..signer() }), [Check::Region]);
    let key = AccessKey { secret_access_key: "another".into(), ..key() };
    assert_eq!(wrong(Signer { key, ..signer() }), [Check::Signature]);
}

#[test]
fn what_cannot_be_signed_is_told() {
    let mut headers = plain().headers;
    let error = signer().sign("GET", "/mcp", &mut headers, b"", AT).expect_err("no host");
    assert!(error.to_string().contains("`/mcp`"), "{error}");
    headers.insert("x-list", http::HeaderValue::from_bytes(b"\xff").expect("a value"));
    let error = signer().sign("GET", "http://localhost/mcp", &mut headers, b"", AT).expect_err("no text");
    assert!(error.to_string().contains("`x-list`"), "{error}");
    assert!(!format!("{:?}", signer()).contains("fake/s"));
}
