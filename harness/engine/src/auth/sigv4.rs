//! AWS Signature Version 4, signed by `aws-sigv4`.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::Value;

use crate::transcript::secrets::Secrets;
use crate::transport::Request;

/// Signs requests for one service in one region.
#[derive(Debug, Clone)]
pub(crate) struct SigV4 {
    service: String,
    region: String,
    credentials: Credentials,
    /// Fixed signing time, for tests; otherwise now.
    at: Option<SystemTime>,
}

impl SigV4 {
    /// From `{ service, region, access_key_id, secret_access_key, session_token }`; the keys default to the usual
    /// environment variables.
    pub(crate) fn from_value(value: &Value, secrets: &Secrets) -> Result<Self, String> {
        const MEMBERS: [&str; 5] = ["service", "region", "access_key_id", "secret_access_key", "session_token"];
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
        let session = member("session_token", &["AWS_SESSION_TOKEN"]);
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
        })
    }

    /// Adds `x-amz-date`, `x-amz-security-token` and `authorization`.
    pub(crate) fn sign(&self, request: &mut Request) -> Result<(), String> {
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(self.at.unwrap_or_else(SystemTime::now))
            .settings(SigningSettings::default())
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
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::{Duration, UNIX_EPOCH};

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
    fn a_misspelt_member_is_named() {
        let error = SigV4::from_value(&json!({"servce": "x"}), &Secrets::default()).unwrap_err();
        assert!(error.contains("`servce`"), "{error}");
    }
}
