//! What AWS's own signer for Rust signs is good.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use gauntlet_mocks::sigv4::{AccessKey, PathStyle, Rules, TokenStyle};

use super::{Kept, ring};

pub(super) const AT: Duration = Duration::from_secs(1_800_000_000);
pub(super) const PRINCIPAL: &str = "arn:aws:sts::123456789012:assumed-role/Caller/session";
pub(super) const HOST: &str = "gateway.example.com:8443";

/// A key of a session.
pub(super) fn key() -> AccessKey {
    AccessKey {
        session_token: Some("fake/session+token==".to_owned()),
        expires_at: Some(AT + Duration::from_secs(900)),
        ..AccessKey::new("ASIAFAKE000000000001", "fake/secret", PRINCIPAL)
    }
}

pub(super) fn rules() -> Rules {
    Rules::new("bedrock-agentcore", "us-east-1")
}

/// How a request is signed.
#[derive(Clone)]
pub(super) struct Signing {
    pub(super) key: AccessKey,
    pub(super) service: &'static str,
    pub(super) region: &'static str,
    pub(super) at: Duration,
    pub(super) settings: SigningSettings,
}

impl Default for Signing {
    fn default() -> Self {
        let settings = SigningSettings::default();
        Self { key: key(), service: "bedrock-agentcore", region: "us-east-1", at: AT, settings }
    }
}

impl Signing {
    pub(super) fn presigned() -> Self {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(300));
        Self { settings, ..Self::default() }
    }

    /// The request as the server gets it.
    pub(super) fn sign(&self, request: &Kept) -> Kept {
        let key = &self.key;
        let identity =
            Credentials::new(&key.access_key_id, &key.secret_access_key, key.session_token.clone(), None, "test")
                .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(UNIX_EPOCH + self.at)
            .settings(self.settings.clone())
            .build()
            .expect("parameters")
            .into();
        let url = format!("https://{HOST}{}", request.target);
        let headers: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
            .collect();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new(&request.method, &url, headers, SignableBody::Bytes(&request.body));
        let (instructions, _) = sign(signable.expect("a request"), &params).expect("signs").into_parts();
        let mut out = http::Request::builder().method(request.method.as_str()).uri(&url).body(()).expect("a request");
        *out.headers_mut() = request.headers.clone();
        instructions.apply_to_request_http1x(&mut out);
        let target = out.uri().path_and_query().expect("a path").as_str().to_owned();
        let mut signed = Kept { target, headers: out.headers().clone(), ..request.clone() };
        signed.set("host", HOST);
        signed
    }
}

pub(super) fn plain() -> Kept {
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("x-list", "b"),
        ("x-list", "a"),
    ];
    Kept::new("POST", "/mcp?b=2&a=1", &headers, br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)
}

#[test]
fn what_it_signs_is_good() {
    let keys = ring([key(), AccessKey::new("AKIAOTHER", "other", "arn:aws:iam::123456789012:user/other")]);
    for target in [
        "/",
        "/mcp",
        "//",
        "/a//b/",
        "/a/./b/../c/",
        "/a%2Fb%3Ac",
        "/a@b:c;d=e,f!g$h&i'j(k)l*m+n",
        "/mcp?",
        "/mcp?a",
        "/mcp?a=",
        "/mcp?b=2&a=1&a=0&A=3",
        "/mcp?q=a%20b%2Bc&x=%E2%82%AC&y=a+b",
        "/mcp?a=b=c&d=%3D%26",
        "/%E2%82%AC?%E2%82%AC=%C3%A4",
        "/~a-b_c.d",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let request = Kept { method: method.to_owned(), target: target.to_owned(), ..plain() };
            for signing in [Signing::default(), Signing::presigned()] {
                let caller = signing.sign(&request).verify(&rules(), &keys, AT);
                let caller =
                    caller.unwrap_or_else(|rejection| panic!("{method} {target}: {rejection}\n{rejection:#?}"));
                assert_eq!(caller.principal, PRINCIPAL);
            }
        }
    }
}

#[test]
fn in_each_of_its_ways() {
    let keys = ring([key()]);
    let mut checksum = Signing::default();
    checksum.settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let signed = checksum.sign(&plain());
    assert_eq!(signed.header("x-amz-content-sha256").len(), 64);
    assert!(signed.verify(&rules(), &keys, AT).is_ok());

    for base in [Signing::default(), Signing::presigned()] {
        let mut afterwards = base.clone();
        afterwards.settings.session_token_mode = SessionTokenMode::Exclude;
        let signed = afterwards.sign(&plain());
        assert!(signed.verify(&rules(), &keys, AT).is_err());
        let lenient = Rules { token_style: TokenStyle::AddedAfterwards, ..rules() };
        assert!(signed.verify(&lenient, &keys, AT).is_ok());

        let mut as_received = base.clone();
        as_received.settings.percent_encoding_mode = PercentEncodingMode::Single;
        as_received.settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let signed = as_received.sign(&Kept { target: "/a//b/../%3A".to_owned(), ..plain() });
        assert!(signed.verify(&rules(), &keys, AT).is_err());
        let s3 = Rules { path_style: PathStyle::AsReceived, ..rules() };
        assert!(signed.verify(&s3, &keys, AT).is_ok());
    }
}

/// The other direction: what the verifier expects is what the signer's own functions compute.
#[test]
fn what_is_expected_is_what_it_computes() {
    let keys = ring([key()]);
    for at in [AT, Duration::from_secs(951_782_400), Duration::from_secs(4_102_444_799)] {
        let mut signed = Signing { at, ..Signing::default() }.sign(&plain());
        signed.body.push(b' ');
        let rejection = signed.verify(&rules(), &keys, at).expect_err("another body");
        let derived = v4::generate_signing_key("fake/secret", UNIX_EPOCH + at, "us-east-1", "bedrock-agentcore");
        let to_sign = rejection.string_to_sign.expect("a string to sign");
        let computed = v4::calculate_signature(derived, to_sign.as_bytes());
        assert_eq!(rejection.expected_signature, Some(computed.clone()));
        let (before, _) = signed.header("authorization").split_once("Signature=").expect("a signature");
        let repaired = format!("{before}Signature={computed}");
        signed.set("authorization", &repaired);
        assert_eq!(signed.verify(&rules(), &keys, at).is_ok(), at < AT + Duration::from_secs(900));
    }
}
