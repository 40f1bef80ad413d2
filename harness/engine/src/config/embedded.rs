//! The targets that are there without a `gauntlet.yaml`.

use std::collections::BTreeMap;

use gauntlet_mocks::MockTransport;
use serde_json::{Map, Value, json};

use super::{ClientSpec, Endpoint, TargetSpec, UpstreamSpec};

/// Roles of an MCP server that an OpenID provider guards: AgentCore Gateway as itself, and as any such server.
const PROTECTED: [&str; 2] = ["agentcore-jwt", "protected-server"];

/// Role of the proxy that signs for AWS.
const AWS_PROXY: &str = "aws-proxy";

/// Each mock in its own role, `mcp-server` over stdio too; gateways with what stands behind them, and whoever takes the tokens of
/// an OpenID provider with one beside; Gauntlet's own client; the scenario's stubs.
pub(super) fn targets() -> Vec<TargetSpec> {
    let mut targets = Vec::new();
    for info in gauntlet_mocks::all() {
        if info.name == AWS_PROXY {
            targets.extend([signing_proxy(false), signing_proxy(true)]);
            continue;
        }
        targets.push(match info.name {
            "kiro-gateway" => kiro_gateway(),
            "remote-proxy" => remote_proxy(),
            "sts" => token_service(),
            "aws-mcp" => aws_server(),
            "gateway" => gateway(),
            name => TargetSpec::mock(name),
        });
        if info.transports.contains(&MockTransport::Stdio) {
            let endpoint = Endpoint::Mock { mock: info.name.to_owned(), config: Map::new(), stdio: true };
            let spec = TargetSpec::new(format!("{}-stdio", info.name), endpoint);
            targets.push(TargetSpec { roles: vec![info.name.to_owned()], ..spec });
        }
    }
    targets.extend(PROTECTED.map(protected));
    targets.push(signed());
    targets.push(TargetSpec {
        upstreams: behind_a_client(),
        auth: Some(sign_in()),
        fixtures: own_client(),
        ..TargetSpec::new("mcp-client", Endpoint::Client(ClientSpec::Own))
    });
    targets.push(TargetSpec::new("stubs", Endpoint::Stubs));
    targets
}

/// A gateway with an MCP server behind it, and a client that has a token for the gateway.
fn gateway() -> TargetSpec {
    let config = Map::from_iter([("upstreams".to_owned(), json!({ "upstream": "${upstreams.upstream.url}" }))]);
    let endpoint = Endpoint::Mock { mock: "gateway".to_owned(), config, stdio: false };
    TargetSpec {
        upstreams: BTreeMap::from([("upstream".to_owned(), upstream("mcp-server", Map::new()))]),
        auth: Some(json!({ "bearer": "fake-token-of-the-caller" })),
        fixtures: Map::from_iter([("caller_token".to_owned(), true.into())]),
        ..TargetSpec::new("gateway", endpoint)
    }
}

/// STS, which takes the tokens of the OpenID provider beside it.
fn token_service() -> TargetSpec {
    let config = Map::from_iter([("issuer".to_owned(), "${upstreams.idp.endpoint}".into())]);
    let endpoint = Endpoint::Mock { mock: "sts".to_owned(), config, stdio: false };
    TargetSpec {
        upstreams: BTreeMap::from([
            ("idp".to_owned(), upstream("idp", Map::new())),
            ("other-idp".to_owned(), other_provider()),
        ]),
        ..TargetSpec::new("sts", endpoint)
    }
}

/// What the tokens of its callers are for.
const REMOTE_PROXY_AUDIENCE: &str = "remote-proxy";

/// A proxy whose callers sign in at a provider and who assume a role for each request.
fn remote_proxy() -> TargetSpec {
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let config = json!({
        "upstreams": {
            "idp": "${upstreams.idp.issuer}",
            "sts": "${upstreams.sts.url}",
            "aws": "${upstreams.aws.endpoint}",
        },
        "audience": REMOTE_PROXY_AUDIENCE,
        "fallback_role_arn": role("Reader"),
        "role_mappings": [
            { "claim": "writers", "role_arn": role("Writer"), "priority": 20 },
            { "claim": "admins", "role_arn": role("Admin"), "priority": 10 },
            { "claim": "auditors", "role_arn": role("Auditor") },
        ],
    });
    let endpoint = Endpoint::Mock { mock: "remote-proxy".to_owned(), config: members(config), stdio: false };
    let provider = json!({ "audience": REMOTE_PROXY_AUDIENCE, "resource_parameter": "ignore" });
    let trusting = |name: &str| {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": "arn:aws:iam::123456789012:oidc-provider/${upstreams.idp.provider_name}" },
            "Action": "sts:AssumeRoleWithWebIdentity",
        }] });
        json!({ "arn": role(name), "trust_policy": trust, "max_session": "12h" })
    };
    let roles = ["Reader", "Writer", "Admin", "Auditor"].map(trusting);
    let token_service = json!({
        "issuer": "${upstreams.idp.issuer}",
        "audiences": [REMOTE_PROXY_AUDIENCE],
        "roles": roles,
    });
    TargetSpec {
        upstreams: BTreeMap::from([
            ("idp".to_owned(), upstream("idp", members(provider))),
            ("sts".to_owned(), upstream("sts", members(token_service))),
            ("aws".to_owned(), upstream("aws-mcp", Map::new())),
        ]),
        auth: Some(sign_in()),
        ..TargetSpec::new("remote-proxy", endpoint)
    }
}

/// The members of an object.
fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// AWS MCP Server; for scenarios that ask for them, with STS, which gives credentials for it, and the OpenID provider of that.
fn aws_server() -> TargetSpec {
    let trusting = Map::from_iter([("issuer".to_owned(), "${upstreams.idp.endpoint}".into())]);
    TargetSpec {
        upstreams: BTreeMap::from([
            ("idp".to_owned(), UpstreamSpec { on_demand: true, ..upstream("idp", Map::new()) }),
            ("sts".to_owned(), UpstreamSpec { on_demand: true, ..upstream("sts", trusting) }),
        ]),
        ..TargetSpec::mock("aws-mcp")
    }
}

/// AgentCore Gateway whose callers sign their requests, with the keys that it makes.
fn signed() -> TargetSpec {
    let config = Map::from_iter([("authorizer".to_owned(), "iam".into())]);
    let endpoint = Endpoint::Mock { mock: "agentcore-gateway".to_owned(), config, stdio: false };
    TargetSpec::new("agentcore-iam", endpoint)
}

/// A gateway with the credentials of the runtime's default account.
fn kiro_gateway() -> TargetSpec {
    let config = Map::from_iter([
        ("upstreams".to_owned(), json!({ "runtime": "${upstreams.runtime.url}" })),
        ("credentials".to_owned(), "${upstreams.runtime.credentials}".into()),
    ]);
    let endpoint = Endpoint::Mock { mock: "kiro-gateway".to_owned(), config, stdio: false };
    TargetSpec {
        upstreams: BTreeMap::from([("runtime".to_owned(), upstream("kiro-runtime", Map::new()))]),
        ..TargetSpec::new("kiro-gateway", endpoint)
    }
}

/// The proxy that signs for AWS, with three profiles that its upstream knows and one that may not be named.
fn signing_proxy(stdio: bool) -> TargetSpec {
    let profile = |name: &str, region: &str| {
        let key = |member: &str| format!("${{upstreams.aws.{name}_{member}}}");
        json!({
            "access_key_id": key("access_key_id"),
            "secret_access_key": key("secret_access_key"),
            "session_token": key("session_token"),
            "region": region,
        })
    };
    let config = Map::from_iter([
        ("upstreams".to_owned(), json!({ "aws": "${upstreams.aws.url}" })),
        (
            "profiles".to_owned(),
            json!({
                "dev": profile("dev", "eu-central-1"),
                "prod": profile("prod", "us-west-2"),
                "staging": profile("staging", "ap-southeast-2"),
                "sandbox": profile("dev", "eu-central-1"),
            }),
        ),
        ("allowed".to_owned(), json!(["dev", "prod", "staging"])),
    ]);
    let endpoint = Endpoint::Mock { mock: AWS_PROXY.to_owned(), config, stdio };
    let name = if stdio { format!("{AWS_PROXY}-stdio") } else { AWS_PROXY.to_owned() };
    TargetSpec {
        roles: vec![AWS_PROXY.to_owned()],
        upstreams: BTreeMap::from([("aws".to_owned(), upstream("aws-mcp", Map::new()))]),
        ..TargetSpec::new(name, endpoint)
    }
}

fn protected(role: &str) -> TargetSpec {
    let endpoint = Endpoint::Mock { mock: "agentcore-gateway".to_owned(), config: guarded(), stdio: false };
    TargetSpec {
        upstreams: BTreeMap::from([
            ("idp".to_owned(), upstream("idp", Map::new())),
            ("other-idp".to_owned(), other_provider()),
        ]),
        auth: Some(sign_in()),
        ..TargetSpec::new(role, endpoint)
    }
}

/// What Gauntlet's own client can be: registered, with a secret, unknown; and it keeps its tokens from one drive to the next.
pub(super) fn own_client() -> Map<String, Value> {
    let known = ["client-static", "client-secret", "client-registering", "client-store"];
    known.map(|name| (name.to_owned(), true.into())).into_iter().collect()
}

/// As the client that the provider knows.
pub(super) fn sign_in() -> Value {
    json!({ "oauth": { "client_id": "${upstreams.idp.client_id}", "cache": false } })
}

/// The server and the OpenID provider that a client meets, unless its entry names others.
pub(super) fn behind_a_client() -> BTreeMap<String, UpstreamSpec> {
    BTreeMap::from([
        ("gateway".to_owned(), upstream("agentcore-gateway", guarded())),
        ("idp".to_owned(), upstream("idp", Map::new())),
        ("other-idp".to_owned(), other_provider()),
    ])
}

fn upstream(mock: &str, config: Map<String, Value>) -> UpstreamSpec {
    UpstreamSpec { mock: mock.to_owned(), config, on_demand: false, recorded: None, intercept: Vec::new() }
}

/// A provider that the gateway does not trust, with keys of its own.
fn other_provider() -> UpstreamSpec {
    let config = Map::from_iter([("keys".to_owned(), json!({ "generation": 9 }))]);
    UpstreamSpec { on_demand: true, ..upstream("idp", config) }
}

/// The gateway takes the tokens of the provider beside it.
fn guarded() -> Map<String, Value> {
    let discovery_url = "${upstreams.idp.endpoint}/.well-known/openid-configuration";
    Map::from_iter([("authorizer".to_owned(), "jwt".into()), ("discovery_url".to_owned(), discovery_url.into())])
}
