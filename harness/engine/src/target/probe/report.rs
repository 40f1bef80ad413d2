//! `gauntlet probe`: what an endpoint is, in one look.

use std::time::{Duration, Instant};

use gauntlet_format::{Version, scenario::Lifecycle};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use super::session;
use crate::auth::Credential;
use crate::auth::oauth::{BearerChallenge, FoundBy, resource_metadata_places, server_metadata_places};
use crate::lifecycle::{Call, HeaderChanges, initialize_params};
use crate::target::Target;
use crate::target::instance::{Given, Instance};
use crate::transcript::secrets::Secrets;
use crate::transport::Failure;

/// What was found out about an endpoint.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ProbeReport {
    /// URL or command.
    pub endpoint: String,
    /// Milliseconds of the first answered request; none over stdio, where the program's start is most of it.
    pub latency_ms: Option<f64>,
    /// Versions it speaks, oldest first.
    pub versions: Vec<String>,
    /// `stateful` (a handshake), `stateless`, both, or none if it speaks no version without credentials.
    pub lifecycle: Vec<&'static str>,
    /// Capabilities at the newest version.
    pub capabilities: Value,
    /// Names of its tools; those that declare themselves read-only are marked.
    pub tools: Vec<(String, bool)>,
    /// What it demands of a client without credentials.
    pub auth: Option<AuthReport>,
    /// Why versions and tools are not known.
    pub obstacle: Option<String>,
}

/// How an endpoint asks for credentials.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AuthReport {
    /// HTTP status.
    pub status: u16,
    /// `WWW-Authenticate`, as received.
    pub challenge: Option<String>,
    /// Where the protected resource metadata was found.
    pub resource_metadata: Option<String>,
    /// How it was found: `header`, `path` or `root`.
    pub found_by: Option<&'static str>,
    /// Authorization servers that it names.
    pub authorization_servers: Vec<String>,
    /// The first one's metadata.
    pub server: Option<Value>,
    /// What did not work on the way.
    pub notes: Vec<String>,
}

/// Asks the target everything that can be asked without doing harm.
///
/// # Errors
/// When it cannot be reached.
pub async fn report(target: &Target, secrets: &Secrets) -> Result<ProbeReport, Failure> {
    let instance = Instance::start(target, &Given::default(), secrets).await?;
    let mut report = ProbeReport { endpoint: instance.endpoint(), ..ProbeReport::default() };
    let started = Instant::now();
    if instance.url().is_some() {
        report.auth = auth(&instance).await?;
        report.latency_ms = Some(crate::transcript::millis(started.elapsed()));
    }
    if target.lifecycle() == Lifecycle::Bare {
        match super::details(&instance, None).await {
            Ok(details) => report.take(&details),
            Err(why) => report.obstacle = Some(why.message),
        }
        return Ok(report);
    }
    let versions = match super::versions(&instance).await {
        Ok(versions) => versions,
        Err(failure) if report.auth.is_some() => {
            report.obstacle = Some(failure.message);
            return Ok(report);
        }
        Err(failure) => return Err(failure),
    };
    report.versions = versions.iter().map(ToString::to_string).collect();
    if versions.iter().any(|v| v.is_stateful()) {
        report.lifecycle.push("stateful");
    }
    if versions.iter().any(|v| !v.is_stateful()) {
        report.lifecycle.push("stateless");
    }
    match super::details(&instance, versions.last().copied()).await {
        Ok(details) => report.take(&details),
        Err(why) => report.obstacle = Some(why.message),
    }
    Ok(report)
}

impl ProbeReport {
    fn take(&mut self, details: &super::Details) {
        self.capabilities = details.capabilities.clone();
        let name = |tool: &Value| tool.get("name").and_then(Value::as_str).unwrap_or("?").to_owned();
        self.tools = details.tools.iter().map(|t| (name(t), details.is_read_only(&name(t)))).collect();
    }
}

/// What a client without credentials is told; `None` when it is let in.
async fn auth(instance: &Instance) -> Result<Option<AuthReport>, Failure> {
    let session = session(instance, None, Lifecycle::Manual)?;
    let params = Some(initialize_params(Version::V2025_11_25, &json!({})));
    let credential = Some(Credential::None);
    let spoken = session
        .call(Call { method: "initialize", params, credential, deadline: instance.patience, ..Call::default() })
        .await;
    if let Some(failure) = &spoken.reply.failure
        && failure.kind.is_infrastructure()
    {
        return Err(failure.clone());
    }
    let status = spoken.reply.status.unwrap_or_default();
    if !matches!(status, 401 | 403) {
        return Ok(None);
    }
    let mut report = AuthReport {
        status,
        challenge: spoken.reply.header("www-authenticate").map(str::to_owned),
        ..AuthReport::default()
    };
    let Some(endpoint) = instance.url() else { return Ok(Some(report)) };
    let (challenge, _) = BearerChallenge::of_reply(&spoken.reply, None);
    let announced = challenge.as_ref().and_then(|c| c.param("resource_metadata")).map(str::to_owned);
    let places = announced.map(|url| (FoundBy::Header, url)).into_iter().chain(resource_metadata_places(endpoint));
    for (how, url) in places {
        match get(instance, &url).await {
            Ok(document) => {
                let servers = document.get("authorization_servers").and_then(Value::as_array);
                report.authorization_servers =
                    servers.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
                report.resource_metadata = Some(url);
                report.found_by = Some(how.as_str());
                break;
            }
            Err(why) => report.notes.push(format!("{url}: {why}")),
        }
    }
    let issuer = report.authorization_servers.first().and_then(|issuer| Url::parse(issuer).ok());
    if let Some(issuer) = issuer {
        for url in server_metadata_places(&issuer, Version::V2026_07_28) {
            match get(instance, &url).await {
                Ok(document) => {
                    report.server = Some(document);
                    break;
                }
                Err(why) => report.notes.push(format!("{url}: {why}")),
            }
        }
    }
    Ok(Some(report))
}

/// A JSON document, without credentials.
async fn get(instance: &Instance, url: &str) -> Result<Value, String> {
    let session = session(instance, None, Lifecycle::Manual).map_err(|f| f.message)?;
    let none = Credential::None;
    let deadline = Duration::from_secs(5);
    let spoken = session
        .http(None, "GET", Some(url), Vec::new(), &HeaderChanges::default(), Vec::new(), Some(&none), deadline)
        .await;
    match (&spoken.reply.failure, spoken.reply.status, &spoken.reply.content) {
        (Some(failure), ..) => Err(failure.message.clone()),
        (None, Some(200), crate::transport::Content::Json(document)) => Ok(document.clone()),
        (None, Some(200), _) => Err("not a JSON document".to_owned()),
        (None, status, _) => Err(format!("HTTP {}", status.unwrap_or_default())),
    }
}
