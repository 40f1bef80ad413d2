//! AWS Signature Version 4, signed by `aws-sigv4`.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use gauntlet_format::duration::parse as parse_duration;
use serde_json::{Map, Value};

use crate::transcript::secrets::Secrets;
use crate::transport::Request;

/// Signs requests for one service in one region.
#[derive(Clone)]
pub(crate) struct SigV4 {
    service: String,
    region: String,
    credentials: Credentials,
    /// Fixed signing time, for tests; otherwise now.
    at: Option<SystemTime>,
    /// How long ago, and how far in the future, the signature says that it was made.
    shift: (Duration, Duration),
    /// Whether the hash of the body is sent in `x-amz-content-sha256`.
    content_sha256: bool,
    /// Headers that are left out of the signature.
    unsigned: Vec<String>,
    /// What becomes of the request once it is signed.
    after_signing: Alteration,
    /// As written, variables resolved, so that a step's settings can go over them.
    members: Map<String, Value>,
}

impl fmt::Debug for SigV4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigV4").field("service", &self.service).field("region", &self.region).finish_non_exhaustive()
    }
}

/// Changes to a request that its signature does not know of, as a proxy or an attacker would make them.
#[derive(Debug, Clone, Default)]
struct Alteration {
    /// Name in lower case, and the new value; none takes the header away.
    headers: Vec<(String, Option<String>)>,
    body: Option<String>,
}

impl Alteration {
    fn from_value(value: &Value) -> Result<Self, String> {
        const FORM: &str = "`auth.sigv4.after_signing` is a mapping with `headers`, a mapping of names to texts or null, and `body`, a text";
        let members = value.as_object().ok_or(FORM)?;
        if members.keys().any(|name| !["headers", "body"].contains(&name.as_str())) {
            return Err(FORM.to_owned());
        }
        let text_or_null = |(name, value): (&String, &Value)| match value {
            Value::Null => Ok((name.to_ascii_lowercase(), None)),
            Value::String(text) => Ok((name.to_ascii_lowercase(), Some(text.clone()))),
            _ => Err(FORM.to_owned()),
        };
        let headers = match members.get("headers") {
            None => Vec::new(),
            Some(headers) => headers.as_object().ok_or(FORM)?.iter().map(text_or_null).collect::<Result<_, _>>()?,
        };
        let body = match members.get("body") {
            None => None,
            Some(body) => Some(body.as_str().ok_or(FORM)?.to_owned()),
        };
        Ok(Self { headers, body })
    }

    fn apply(&self, request: &mut Request) {
        for (name, value) in &self.headers {
            request.headers.retain(|(known, _)| known != name);
            request.headers.extend(value.iter().map(|value| (name.clone(), value.clone())));
        }
        if let Some(body) = &self.body {
            request.body = body.clone().into_bytes();
        }
    }
}

impl SigV4 {
    /// With these members over its own.
    ///
    /// # Errors
    /// As [`from_value`](Self::from_value).
    pub(crate) fn over(&self, value: &Value, secrets: &Secrets) -> Result<Self, String> {
        let mut members = self.members.clone();
        members.extend(value.as_object().cloned().unwrap_or_default());
        Self::from_value(&Value::Object(members), secrets)
    }

    /// From `{ service, region, access_key_id, secret_access_key, session_token }` and what is to be wrong on purpose; the keys
    /// default to the usual environment variables.
    ///
    /// # Errors
    /// One sentence that names the member which is wrong.
    pub(crate) fn from_value(value: &Value, secrets: &Secrets) -> Result<Self, String> {
        const MEMBERS: [&str; 10] = [
            "service",
            "region",
            "access_key_id",
            "secret_access_key",
            "session_token",
            "signed_ago",
            "signed_in",
            "content_sha256",
            "unsigned",
            "after_signing",
        ];
        let object = value.as_object().ok_or("`auth.sigv4` is a mapping with `service` and `region`")?;
        if let Some(unknown) = object.keys().find(|k| !MEMBERS.contains(&k.as_str())) {
            return Err(format!("`auth.sigv4` has no `{unknown}`; it has {}", MEMBERS.join(", ")));
        }
        let member = |name: &str, variables: &[&str]| {
            object
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .or_else(|| variables.iter().find_map(|v| std::env::var(v).ok()).filter(|v| !v.is_empty()))
        };
        let need = |name: &str, variables: &[&str]| {
            member(name, variables).ok_or_else(|| match variables {
                [] => format!("`auth.sigv4` needs `{name}`"),
                _ => format!("`auth.sigv4` needs `{name}`, there or in {}", variables.join(" or ")),
            })
        };
        let secret = need("secret_access_key", &["AWS_SECRET_ACCESS_KEY"])?;
        // A session's token belongs to its key: with a key of its own the mapping says whether there is one.
        let session = match (object.get("session_token"), object.contains_key("access_key_id")) {
            (None, false) => member("session_token", &["AWS_SESSION_TOKEN"]),
            (None, true) => None,
            (Some(_), _) => member("session_token", &[]),
        };
        let session = session.filter(|token| !token.is_empty());
        let duration = |name: &str| match object.get(name).map(|value| value.as_str().map(parse_duration)) {
            None => Ok(Duration::ZERO),
            Some(Some(Ok(duration))) => Ok(duration),
            Some(Some(Err(problem))) => Err(format!("`auth.sigv4.{name}`: {problem}")),
            Some(None) => Err(format!("`auth.sigv4.{name}` is a duration, such as 20m")),
        };
        let names = |value: &Value| {
            let names = value.as_array()?.iter().map(|name| Some(name.as_str()?.to_ascii_lowercase()));
            names.collect::<Option<Vec<_>>>()
        };
        let unsigned = match object.get("unsigned") {
            None => Vec::new(),
            Some(list) => names(list).ok_or("`auth.sigv4.unsigned` is a list of header names")?,
        };
        let content_sha256 = match object.get("content_sha256") {
            None => false,
            Some(value) => value.as_bool().ok_or("`auth.sigv4.content_sha256` is true or false")?,
        };
        let after_signing = object.get("after_signing").map(Alteration::from_value).transpose()?.unwrap_or_default();
        secrets.add("secret_access_key", &secret);
        if let Some(token) = &session {
            secrets.add("session_token", token);
        }
        Ok(Self {
            service: need("service", &[])?,
            region: need("region", &["AWS_REGION", "AWS_DEFAULT_REGION"])?,
            credentials: Credentials::new(
                need("access_key_id", &["AWS_ACCESS_KEY_ID"])?,
                secret,
                session,
                None,
                "gauntlet",
            ),
            at: None,
            shift: (duration("signed_ago")?, duration("signed_in")?),
            content_sha256,
            unsigned,
            after_signing,
            members: object.clone(),
        })
    }

    /// Adds `x-amz-date`, `x-amz-security-token` and `authorization`, and then alters what is to be altered.
    pub(crate) fn sign(&self, request: &mut Request) -> Result<(), String> {
        let identity = self.credentials.clone().into();
        let mut settings = SigningSettings::default();
        if self.content_sha256 {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings.excluded_headers.get_or_insert_default().extend(self.unsigned.iter().cloned().map(Cow::Owned));
        let (ago, ahead) = self.shift;
        let now = self.at.unwrap_or_else(SystemTime::now);
        let at =
            now.checked_sub(ago).and_then(|at| at.checked_add(ahead)).ok_or("cannot sign: there is no such time")?;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(at)
            .settings(settings)
            .build()
            .map_err(|e| format!("cannot sign: {e}"))?
            .into();
        let headers = request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let signable = SignableRequest::new(&request.method, &request.url, headers, SignableBody::Bytes(&request.body))
            .map_err(|e| format!("cannot sign: {e}"))?;
        let (instructions, _) = sign(signable, &params).map_err(|e| format!("cannot sign: {e}"))?.into_parts();
        let (added, _) = instructions.into_parts();
        for header in added {
            request.headers.retain(|(name, _)| name != header.name());
            request.headers.push((header.name().to_owned(), header.value().to_owned()));
        }
        self.after_signing.apply(request);
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::UNIX_EPOCH;

    fn captured() -> (SigV4, Request) {
        let secrets = Secrets::default();
        let mut signer = SigV4::from_value(
            &json!({
                "service": "aws-mcp", "region": "us-east-1",
                "access_key_id": "AKIAFAKEENVKEY000001", "secret_access_key": "fake/secret+key/env",
                "session_token": "",
            }),
            &secrets,
        )
        .unwrap();
        signer.credentials = Credentials::new("AKIAFAKEENVKEY000001", "fake/secret+key/env", None, None, "test");
        // 2026-11-20T23:08:13Z
        signer.at = Some(UNIX_EPOCH + Duration::from_secs(1_795_216_093));
        let body = r#"{"method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {"sampling": {}, "elicitation": {"form": {}, "url": {}}, "roots": {"listChanged": true}}, "clientInfo": {"name": "mcp", "version": "0.1.0"}, "_meta": {"AWS_REGION": "eu-central-1"}}, "jsonrpc": "2.0", "id": 0}"#;
        let headers = [
            ("accept-encoding", "gzip, deflate"),
            ("accept", "application/json, text/event-stream"),
            ("content-type", "application/json"),
            ("content-length", "294"),
        ];
        let request = Request {
            method: "POST".into(),
            url: "http://127.0.0.1:43311/mcp".into(),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: body.as_bytes().to_vec(),
        };
        (signer, request)
    }

    fn authorization(request: &Request) -> &str {
        &request.headers.iter().find(|(n, _)| n == "authorization").unwrap().1
    }

    /// A request that mcp-proxy-for-aws 1.7.0 signed with botocore gets the same signature here.
    #[test]
    fn agrees_with_a_request_signed_by_another_implementation() {
        let (signer, mut request) = captured();
        assert_eq!(request.body.len(), 294);
        signer.sign(&mut request).unwrap();
        let value = authorization(&request);
        assert!(
            value.contains("SignedHeaders=accept;accept-encoding;content-length;content-type;host;x-amz-date"),
            "{value}"
        );
        assert!(value.ends_with("05bea9bf2b1ab0c457310d6143e6c2815791b3c002d2e3882f47cf9e04155b5d"), "{value}");
    }

    #[test]
    fn another_body_gets_another_signature() {
        let (signer, mut request) = captured();
        request.body.push(b' ');
        signer.sign(&mut request).unwrap();
        assert!(!authorization(&request).ends_with("05bea9bf2b1ab0c457310d6143e6c2815791b3c002d2e3882f47cf9e04155b5d"));
    }

    #[test]
    fn settings_of_a_step_go_over_those_of_the_target() {
        let secrets = Secrets::default();
        let (target, _) = captured();
        let step = json!({ "session_token": null, "signed_ago": "20m", "unsigned": ["Host"], "content_sha256": true,
            "after_signing": { "headers": { "Accept": null, "x-forwarded-for": "192.0.2.1" }, "body": "altered" } });
        let signer = SigV4 { at: target.at, ..target.over(&step, &secrets).unwrap() };
        let (_, mut request) = captured();
        signer.sign(&mut request).unwrap();
        let header =
            |wanted: &str| request.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        assert_eq!(header("x-amz-date"), Some("20261120T224813Z"));
        assert_eq!((header("accept"), header("x-forwarded-for")), (None, Some("192.0.2.1")));
        assert_eq!(header("x-amz-content-sha256").map(str::len), Some(64));
        assert_eq!(header("x-amz-security-token"), None);
        assert_eq!(request.body, b"altered");
        let signed = "SignedHeaders=accept;accept-encoding;content-length;content-type;x-amz-content-sha256;x-amz-date";
        assert!(authorization(&request).contains(signed), "{}", authorization(&request));
    }

    #[test]
    fn what_is_to_be_wrong_must_be_well_formed() {
        let (target, _) = captured();
        for (member, value) in [
            ("signed_ago", json!("soon")),
            ("signed_in", json!(5)),
            ("unsigned", json!("host")),
            ("unsigned", json!([1])),
            ("content_sha256", json!("yes")),
            ("after_signing", json!({ "header": {} })),
            ("after_signing", json!({ "headers": { "a": 1 } })),
            ("after_signing", json!({ "body": {} })),
        ] {
            let error = target.over(&json!({ member: value }), &Secrets::default()).unwrap_err();
            assert!(error.contains(&format!("`auth.sigv4.{member}`")), "{member}: {error}");
        }
    }

    #[test]
    fn a_misspelt_member_is_named() {
        let error = SigV4::from_value(&json!({"servce": "x"}), &Secrets::default()).unwrap_err();
        assert!(error.contains("`servce`"), "{error}");
    }
}
