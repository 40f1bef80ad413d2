//! A proxy with everything that stands behind it.

use gauntlet_mocks::{JournalEntry, MockHandle};
use serde_json::{Map, Value, json};

use crate::support::{Probe, Seen, send, started, var};

pub(crate) const AUDIENCE: &str = "remote-proxy";
pub(crate) const VERSION: &str = "2026-07-28";

/// The proxy under test, and the systems that it speaks to.
pub(crate) struct World {
    pub(crate) idp: MockHandle,
    pub(crate) sts: MockHandle,
    pub(crate) aws: MockHandle,
    pub(crate) proxy: MockHandle,
}

pub(crate) fn role(name: &str) -> String {
    format!("arn:aws:iam::123456789012:role/{name}")
}

impl World {
    pub(crate) async fn start(change: Value) -> Self {
        Self::with_remote(change, None).await
    }

    /// With another remote than the AWS MCP server: its URL.
    pub(crate) async fn with_remote(change: Value, remote: Option<&str>) -> Self {
        let idp = started("idp", json!({ "audience": AUDIENCE, "resource_parameter": "ignore" })).await;
        let provider = format!("arn:aws:iam::123456789012:oidc-provider/{}", var(&idp, "provider_name"));
        let trusting = |name: &str| {
            let statement = json!({ "Effect": "Allow", "Principal": { "Federated": provider }, "Action": "sts:AssumeRoleWithWebIdentity" });
            json!({ "arn": role(name), "max_session": "12h", "trust_policy": { "Version": "2012-10-17", "Statement": [statement] } })
        };
        let roles = ["Reader", "Writer", "Admin", "Auditor"].map(trusting);
        let issuer = var(&idp, "issuer");
        let sts = started("sts", json!({ "issuer": issuer, "audiences": [AUDIENCE], "roles": roles })).await;
        let aws = started("aws-mcp", json!({})).await;
        let mut config = json!({
            "upstreams": { "idp": issuer, "sts": sts.origin(), "aws": remote.unwrap_or(aws.url()) },
            "audience": AUDIENCE,
            "fallback_role_arn": role("Reader"),
            "role_mappings": [
                { "claim": "writers", "role_arn": role("Writer"), "priority": 20 },
                { "claim": "admins", "role_arn": role("Admin"), "priority": 10 },
                { "claim": "auditors", "role_arn": role("Auditor") },
            ],
        });
        let members = config.as_object_mut().expect("an object");
        members.extend(change.as_object().cloned().unwrap_or_default());
        let proxy = started("remote-proxy", config).await;
        Self { idp, sts, aws, proxy }
    }

    /// A token of the provider.
    pub(crate) fn token(&self, spec: &Value) -> String {
        self.idp.mint(spec).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A request with a token of the provider.
    pub(crate) fn by(&self, spec: &Value, probe: Probe) -> Probe {
        probe.header("authorization", &format!("Bearer {}", self.token(spec)))
    }

    pub(crate) async fn send(&self, probe: &Probe) -> Seen {
        send(&self.proxy, probe).await
    }

    pub(crate) async fn advance(&self, by: &str) {
        for mock in [&self.sts, &self.aws, &self.proxy] {
            mock.control(&json!({ "advance": by })).await.expect("a clock");
        }
    }

    /// The forms that STS got.
    pub(crate) fn exchanges(&self) -> Vec<Map<String, Value>> {
        let form = |body: &[u8]| {
            url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), json!(value))).collect()
        };
        self.sts.journal().entries().iter().map(|entry| form(&entry.body)).collect()
    }
}

/// A request to the remote's tool that tells who calls.
pub(crate) fn whoami() -> Probe {
    call(
        "tools/call",
        json!({ "name": "aws___call_aws", "arguments": { "cli_command": "aws sts get-caller-identity" } }),
    )
    .header("mcp-name", "aws___call_aws")
}

/// A request of the version without handshake.
pub(crate) fn call(method: &str, mut params: Value) -> Probe {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    Probe::new("POST", "/mcp")
        .json(&json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", VERSION)
        .header("mcp-method", method)
}

/// What the remote's tool says of the caller.
pub(crate) fn principal(seen: &Seen) -> String {
    assert_eq!(seen.status, 200, "{seen:?}");
    let text = seen.json()["result"]["content"][0]["text"].as_str().map(str::to_owned);
    let told: Value = serde_json::from_str(&text.unwrap_or_else(|| panic!("{seen:?}"))).expect("JSON");
    told["principal"].as_str().expect("a principal").to_owned()
}

/// A header of a request that arrived.
pub(crate) fn header<'e>(entry: &'e JournalEntry, name: &str) -> Option<&'e str> {
    entry.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The names that a request's signature covers.
pub(crate) fn signed_headers(entry: &JournalEntry) -> Vec<String> {
    let authorization = header(entry, "authorization").unwrap_or_default();
    let (_, rest) = authorization.split_once("SignedHeaders=").unwrap_or_else(|| panic!("{authorization}"));
    let (names, _) = rest.split_once(',').expect("a signature");
    names.split(';').map(str::to_owned).collect()
}
