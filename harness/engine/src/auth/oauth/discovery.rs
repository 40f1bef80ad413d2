//! From "401" to the authorization server's endpoints.

use gauntlet_format::Version;
use serde_json::{Map, Value, json};
use url::Url;

use super::metadata::{BearerChallenge, ResourceMetadata, ServerMetadata, strings};
use super::places::{FoundBy, canonical, covers, resource_metadata_places, server_metadata_places};
use super::problem::{Problem, Who, quote};
use super::settings::{Grant, OauthSettings, PkcePolicy, ResourceParameter};
use super::wire::{Fetched, Outgoing, Wire, bare};
use crate::lifecycle::{ACCEPT, add_stateless_meta, initialize_params};
use crate::transport::Reply;
use crate::transport::http::Until;

/// What is known of the way to a token.
#[derive(Debug, Clone)]
pub(crate) struct Discovered {
    /// What the server demanded, if it demanded anything.
    pub challenge: Option<BearerChallenge>,
    /// Protected resource metadata; none in 2025-03-26 and with a configured issuer.
    pub prm: Option<ResourceMetadata>,
    /// Where that was.
    pub prm_url: Option<String>,
    /// How it was found.
    pub found_by: Option<FoundBy>,
    /// The authorization server.
    pub issuer: String,
    /// Its metadata.
    pub metadata: ServerMetadata,
    /// Where that was; none if default endpoints are assumed.
    pub metadata_url: Option<String>,
    /// The value of the `resource` parameter; none if it is not sent.
    pub resource: Option<String>,
    /// What was odd.
    pub warnings: Vec<Problem>,
}

/// Finds the authorization server, from the answer that refused a request or, without one, from the answer to a request
/// without credentials.
pub(super) async fn discover(
    wire: &mut Wire<'_>,
    settings: &OauthSettings,
    unauthorized: Option<&Reply>,
) -> Result<Discovered, Problem> {
    let endpoint = wire.context.endpoint.clone();
    let version = wire.context.version;
    let challenge = match (unauthorized, &settings.issuer) {
        (Some(reply), _) => read_challenge(wire, reply, None),
        (None, Some(_)) => None,
        (None, None) => provoke(wire).await?,
    };
    let mut found = Discovered {
        challenge,
        prm: None,
        prm_url: None,
        found_by: None,
        issuer: String::new(),
        metadata: ServerMetadata::defaults(&endpoint),
        metadata_url: None,
        resource: None,
        warnings: Vec::new(),
    };
    if let Some(issuer) = &settings.issuer {
        found.issuer.clone_from(issuer);
        server_metadata(wire, &mut found, Who::Harness).await?;
    } else if version <= Version::V2025_03_26 {
        base_url_metadata(wire, &mut found).await?;
    } else {
        resource_metadata(wire, &mut found).await?;
        server_metadata(wire, &mut found, Who::Server).await?;
    }
    if settings.grant == Grant::AuthorizationCode {
        check_pkce(wire, &found, settings.pkce)?;
    }
    found.resource = match &settings.resource {
        ResourceParameter::Fixed(resource) => Some(resource.clone()),
        ResourceParameter::Omitted => None,
        // The parameter came with 2025-06-18.
        ResourceParameter::Canonical if version <= Version::V2025_03_26 => None,
        ResourceParameter::Canonical => {
            Some(found.prm.as_ref().map_or_else(|| canonical(&endpoint), |prm| prm.resource.clone()))
        }
    };
    found.warnings = wire.warnings().iter().map(|warning| warning.clone().in_force(version)).collect();
    Ok(found)
}

fn read_challenge(wire: &mut Wire<'_>, reply: &Reply, exchange: Option<usize>) -> Option<BearerChallenge> {
    let (challenge, warnings) = BearerChallenge::of_reply(reply, exchange);
    warnings.into_iter().for_each(|warning| wire.warn(warning));
    challenge
}

/// Sends the opening request of the version without credentials, to be refused.
async fn provoke(wire: &mut Wire<'_>) -> Result<Option<BearerChallenge>, Problem> {
    let version = wire.context.version;
    let endpoint = wire.context.endpoint.clone();
    let mut headers = vec![("accept", ACCEPT), ("content-type", "application/json")];
    let id = json!(1);
    let (method, params) = if version.is_stateful() {
        ("initialize", initialize_params(version, &json!({})))
    } else {
        headers.extend([("mcp-protocol-version", version.as_str()), ("mcp-method", "server/discover")]);
        let mut params = Map::new();
        add_stateless_meta(&mut params, version, &json!({}));
        ("server/discover", Value::Object(params))
    };
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string().into_bytes();
    let outgoing = Outgoing::new("POST", &endpoint, &headers, body);
    let until = Until { answer: Some(&id), ..Until::default() };
    let (exchange, reply) = wire.send(Outgoing { until, ..outgoing }, Who::Server).await?;
    let status = reply.status.unwrap_or_default();
    if let Some(session) = reply.header("mcp-session-id").filter(|_| status < 300) {
        // It let a stranger in; what was opened is closed.
        let headers = [("accept", ACCEPT), ("mcp-session-id", session)];
        wire.send(Outgoing::new("DELETE", &endpoint, &headers, Vec::new()), Who::Server).await?;
    }
    let challenge = read_challenge(wire, &reply, Some(exchange));
    if status != 401 {
        let message = format!(
            "{} answered {method} without credentials with HTTP {status}; expected 401 with a challenge",
            quote(&bare(&endpoint))
        );
        wire.warn(Problem::new("not-challenged", Who::Server, message).at(exchange));
    } else if challenge.is_none() {
        let message = "the 401 has no `WWW-Authenticate: Bearer` challenge; metadata is looked for where it should be";
        wire.warn(Problem::new("no-challenge", Who::Server, message).at(exchange));
    }
    Ok(challenge)
}

/// Protected resource metadata: the challenge's URL first, then the well-known places.
async fn resource_metadata(wire: &mut Wire<'_>, found: &mut Discovered) -> Result<(), Problem> {
    let endpoint = wire.context.endpoint.clone();
    let mut tried = Vec::new();
    let announced = found.challenge.as_ref().and_then(|c| c.param("resource_metadata")).map(str::to_owned);
    if let Some(text) = &announced {
        let url = wire.guard.parse(text, "`resource_metadata` of the challenge", Who::Server)?;
        match wire.document(&url, Who::Server).await {
            Ok(Fetched::Document { value, exchange }) => {
                return accept_resource_metadata(wire, found, value, &url, FoundBy::Header, exchange);
            }
            Ok(Fetched::Absent { status, exchange }) => {
                let message = format!("`resource_metadata` of the challenge, {}, answers HTTP {status}", quote(text));
                let problem = Problem::new("prm-header-broken", Who::Server, message).at(exchange);
                wire.warn(problem.breaks("auth.401.www-authenticate.resource-metadata"));
                tried.push(format!("{} (HTTP {status})", quote(text)));
            }
            Err(problem) => {
                tried.push(format!("{} ({})", quote(text), problem.code));
                wire.warn(problem);
            }
        }
    } else if wire.context.version == Version::V2025_06_18 {
        let message = "the challenge has no `resource_metadata`, the only way to the metadata that 2025-06-18 knows";
        let problem = Problem::new("prm-header-missing", Who::Server, message);
        wire.warn(problem.breaks("auth.401.www-authenticate.resource-metadata"));
    }
    let mut last = None;
    for (found_by, place) in resource_metadata_places(&endpoint) {
        let url = wire.guard.parse(&place, "the well-known URL", Who::Server)?;
        match wire.document(&url, Who::Server).await? {
            Fetched::Document { value, exchange } => {
                return accept_resource_metadata(wire, found, value, &url, found_by, exchange);
            }
            Fetched::Absent { status, exchange } => {
                tried.push(format!("{} (HTTP {status})", quote(&place)));
                last = Some(exchange);
            }
        }
    }
    let message = format!("there is no protected resource metadata at {}", tried.join(", "));
    let requirement = if wire.context.version < Version::V2025_11_25 {
        "auth.prm.document"
    } else {
        "auth.401.metadata-discoverable"
    };
    let mut problem = Problem::new("prm-not-found", Who::Server, message).breaks(requirement);
    problem.exchange = last;
    Err(problem)
}

fn accept_resource_metadata(
    wire: &mut Wire<'_>,
    found: &mut Discovered,
    document: Value,
    url: &Url,
    found_by: FoundBy,
    exchange: usize,
) -> Result<(), Problem> {
    let endpoint = &wire.context.endpoint;
    let place = quote(url.as_str());
    let problem = |code, message: String| Problem::new(code, Who::Server, message).at(exchange);
    let Some(resource) = document.get("resource").and_then(Value::as_str) else {
        let message = format!("the metadata at {place} has no `resource`; expected the URL of the MCP server");
        return Err(problem("prm-no-resource", message).breaks("auth.prm.resource-identifier"));
    };
    if !Url::parse(resource).is_ok_and(|resource| covers(&resource, endpoint)) {
        let message = format!(
            "the metadata at {place} is of {}; expected {} or a parent of it on the same origin",
            quote(resource),
            quote(&canonical(endpoint))
        );
        return Err(problem("prm-resource-mismatch", message).breaks("auth.prm.resource-identifier"));
    }
    let resource = resource.to_owned();
    let authorization_servers = strings(&document, "authorization_servers").unwrap_or_default();
    let Some(first) = authorization_servers.first() else {
        let message = format!("the metadata at {place} names no `authorization_servers`; expected at least one issuer");
        return Err(problem("prm-no-servers", message).breaks("auth.prm.document"));
    };
    found.issuer.clone_from(first);
    let prm = ResourceMetadata { document, resource, authorization_servers };
    let asked = found.challenge.as_ref().and_then(BearerChallenge::scopes).unwrap_or_default();
    if asked.into_iter().chain(prm.scopes().unwrap_or_default()).any(|scope| scope == "offline_access") {
        let message = "the challenge or `scopes_supported` names `offline_access`, which is no scope of a resource";
        wire.warn(problem("prm-offline-access", message.to_owned()).breaks("auth.prm.no-offline-access"));
    }
    found.prm = Some(prm);
    found.prm_url = Some(url.to_string());
    found.found_by = Some(found_by);
    Ok(())
}

/// Authorization server metadata of `found.issuer`, which `named_by` named.
async fn server_metadata(wire: &mut Wire<'_>, found: &mut Discovered, named_by: Who) -> Result<(), Problem> {
    let version = wire.context.version;
    let issuer = found.issuer.clone();
    let url = wire.guard.parse(&issuer, "the issuer", named_by)?;
    if url.query().is_some() || url.fragment().is_some() {
        let message = format!("the issuer {} has a query or a fragment, which no issuer has", quote(&issuer));
        return Err(Problem::new("issuer-invalid", named_by, message));
    }
    let mut tried = Vec::new();
    let mut last = None;
    for place in server_metadata_places(&url, version) {
        let url = wire.guard.parse(&place, "the metadata URL", named_by)?;
        match wire.document(&url, Who::AuthorizationServer).await? {
            Fetched::Document { value, exchange } => {
                check_issuer(&value, &issuer, &place, exchange)?;
                found.metadata = read_server_metadata(wire, value, &place, exchange)?;
                found.metadata_url = Some(place);
                return Ok(());
            }
            Fetched::Absent { status, exchange } => {
                tried.push(format!("{} (HTTP {status})", quote(&place)));
                last = Some(exchange);
            }
        }
    }
    let hint = if issuer.contains("/.well-known/") { "; an issuer is meant, not the URL of its metadata" } else { "" };
    let message = format!("the authorization server {} has no metadata at {}{hint}", quote(&issuer), tried.join(", "));
    let requirement =
        if version < Version::V2025_11_25 { "auth.as.metadata-rfc8414" } else { "auth.as.metadata-either" };
    let mut problem = Problem::new("metadata-not-found", Who::AuthorizationServer, message).breaks(requirement);
    problem.exchange = last;
    Err(problem)
}

/// RFC 8414 §3.3: the same characters, nothing normalised.
fn check_issuer(document: &Value, issuer: &str, place: &str, exchange: usize) -> Result<(), Problem> {
    let problem = |code, message: String| {
        Problem::new(code, Who::AuthorizationServer, message).at(exchange).breaks("auth.as.metadata-fields")
    };
    match document.get("issuer").and_then(Value::as_str) {
        Some(own) if own == issuer => Ok(()),
        Some(own) => {
            let (own, expected, place) = (quote(own), quote(issuer), quote(place));
            let message = format!("the metadata at {place} is of the issuer {own}; expected exactly {expected}");
            Err(problem("issuer-mismatch", message))
        }
        None => {
            let kind = if document.get("authorization_servers").is_some() {
                "it is protected resource metadata, so the MCP server names itself or a document of its own"
            } else {
                "expected authorization server metadata"
            };
            Err(problem("metadata-malformed", format!("the document at {} has no `issuer`: {kind}", quote(place))))
        }
    }
}

fn read_server_metadata(
    wire: &mut Wire<'_>,
    document: Value,
    place: &str,
    exchange: usize,
) -> Result<ServerMetadata, Problem> {
    let endpoint = |name: &str| -> Result<Option<Url>, Problem> {
        let Some(value) = document.get(name).filter(|v| !v.is_null()) else { return Ok(None) };
        let text = value.as_str().unwrap_or_default();
        let what = format!("`{name}` of {}", quote(place));
        wire.guard.parse(text, &what, Who::AuthorizationServer).map(Some).map_err(|p| p.at(exchange))
    };
    let metadata = ServerMetadata {
        authorization_endpoint: endpoint("authorization_endpoint")?,
        token_endpoint: endpoint("token_endpoint")?,
        registration_endpoint: endpoint("registration_endpoint")?,
        revocation_endpoint: endpoint("revocation_endpoint")?,
        document,
    };
    let mut missing = Vec::new();
    if metadata.authorization_endpoint.is_none() {
        missing.push("`authorization_endpoint`");
    }
    if metadata.token_endpoint.is_none() {
        missing.push("`token_endpoint`");
    }
    if !metadata.lists("response_types_supported", "code") {
        missing.push("`code` among `response_types_supported`");
    }
    if !missing.is_empty() {
        let message = format!("the metadata at {} lacks {}", quote(place), missing.join(", "));
        let problem = Problem::new("metadata-incomplete", Who::AuthorizationServer, message).at(exchange);
        wire.warn(problem.breaks("auth.as.metadata-fields"));
    }
    Ok(metadata)
}

/// 2025-03-26: the server is its own authorization server, at the root of its origin; without metadata the default
/// endpoints hold.
async fn base_url_metadata(wire: &mut Wire<'_>, found: &mut Discovered) -> Result<(), Problem> {
    let endpoint = wire.context.endpoint.clone();
    found.issuer = endpoint.origin().ascii_serialization();
    let place = format!("{}/.well-known/oauth-authorization-server", found.issuer);
    let url = wire.guard.parse(&place, "the metadata URL", Who::Server)?;
    match wire.document(&url, Who::Server).await? {
        Fetched::Document { value, exchange } => {
            // This version does not say that the issuer is the base URL; what the server vouches for is taken.
            match value.get("issuer").and_then(Value::as_str) {
                Some(own) => own.clone_into(&mut found.issuer),
                None => {
                    let message = format!("the metadata at {} has no `issuer`", quote(&place));
                    wire.warn(Problem::new("metadata-incomplete", Who::Server, message).at(exchange));
                }
            }
            found.metadata = read_server_metadata(wire, value, &place, exchange)?;
            found.metadata_url = Some(place);
        }
        Fetched::Absent { .. } => found.metadata = ServerMetadata::defaults(&endpoint),
    }
    Ok(())
}

fn check_pkce(wire: &mut Wire<'_>, found: &Discovered, policy: PkcePolicy) -> Result<(), Problem> {
    const METHODS: &str = "code_challenge_methods_supported";
    // Default endpoints come without metadata that could say anything.
    let Some(place) = &found.metadata_url else { return Ok(()) };
    if policy == PkcePolicy::Ignore || found.metadata.lists(METHODS, "S256") {
        return Ok(());
    }
    let listed = found.metadata.list(METHODS);
    let said = match &listed {
        Some(methods) => format!("lists only {}", quote(&methods.join(", "))),
        None => format!("has no `{METHODS}`"),
    };
    let message = format!("the metadata at {} {said}; expected `S256` there", quote(place));
    let problem =
        Problem::new("pkce-not-supported", Who::AuthorizationServer, message).breaks("auth.as.pkce-advertised");
    if policy == PkcePolicy::Require || listed.is_some() {
        return Err(problem);
    }
    wire.warn(problem);
    Ok(())
}
