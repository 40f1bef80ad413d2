//! Client ids that are URLs of a document about the client (draft-ietf-oauth-client-id-metadata-document).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::redirect::Policy;
use serde_json::Value;
use url::{Host, Url};

use super::Idp;
use super::client_metadata::ClientMetadata;
use super::clients::{AuthMethod, Client};
use super::config::Requirement;
use super::defects::IdpDefect;
use super::state::State;
use super::wire::OauthError;

/// Largest document, as the draft recommends.
const LARGEST: usize = 5 * 1024;
/// Time for a document, from the look-up of its host to its last byte.
const LONGEST_FETCH: Duration = Duration::from_secs(3);
/// Longest time that a document is kept, whatever its headers say.
const LONGEST_CACHED: Duration = Duration::from_secs(86_400);

/// A document that was fetched and found good.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) client: Arc<Client>,
    fresh_until: Duration,
}

/// How a document may be fetched.
#[derive(Debug, Clone, Copy)]
struct Rules {
    loopback: bool,
    any_address: bool,
    redirects: bool,
    any_id: bool,
}

/// A document, and for how long it may be kept.
struct Fetched {
    document: Value,
    max_age: Duration,
}

/// Whether an id is meant to be the URL of a document.
fn is_url(id: &str) -> bool {
    id.starts_with("https://") || id.starts_with("http://")
}

fn refused(problem: impl Into<String>) -> OauthError {
    OauthError::new("invalid_client", format!("client metadata document: {}", problem.into()))
}

impl State {
    /// Whether the redirect URIs of this client count for nothing.
    pub(super) fn document_redirects(&self, client: &Client) -> bool {
        self.shows(IdpDefect::CimdRedirectsUnchecked) && self.documents.get(&client.id).is_some()
    }

    /// How to fetch the document of a client; none if there is nothing to fetch.
    fn fetch_rules(&self, id: &str, now: Duration) -> Option<Rules> {
        let config = &self.settled.config;
        let known = self.settled.clients.iter().any(|client| client.id == id) || self.registered.get(id).is_some();
        if !config.cimd || known || !is_url(id) {
            return None;
        }
        let fresh = self.documents.get(id).is_some_and(|document| document.fresh_until > now);
        (!fresh || self.shows(IdpDefect::CimdNotCached)).then(|| Rules {
            loopback: config.cimd_loopback,
            any_address: self.shows(IdpDefect::CimdFetchesInternal),
            redirects: self.shows(IdpDefect::CimdFollowsRedirects),
            any_id: self.shows(IdpDefect::CimdNotValidated),
        })
    }
}

impl Idp {
    /// Fetches and keeps the document of a client, if its id is the URL of one.
    pub(super) async fn learn_client(&self, id: &str) -> Result<(), OauthError> {
        let Some(rules) = self.state().fetch_rules(id, self.now()) else {
            return Ok(());
        };
        let fetched = match tokio::time::timeout(LONGEST_FETCH, fetch(id, rules)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(refused(format!("{id} did not come within {} s", LONGEST_FETCH.as_secs()))),
        };
        let mut state = self.state();
        let checked = fetched.and_then(|fetched| Ok((client_of(id, &fetched.document, rules)?, fetched.max_age)));
        match checked {
            Ok((client, max_age)) => {
                let fresh_until = self.now() + max_age;
                state.documents.insert(id, Document { client: Arc::new(client), fresh_until });
                Ok(())
            }
            Err(error) => {
                state.documents.remove(id);
                Err(error)
            }
        }
    }
}

/// Whether the id is a URL as the draft wants it.
fn check_url(id: &str, rules: Rules) -> Result<Url, OauthError> {
    let url = Url::parse(id).map_err(|error| refused(format!("`{id}` is not a URL: {error}")))?;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(loopback && (rules.loopback || rules.any_address)) {
        return Err(refused(format!("`{id}` is not https")));
    }
    let path = id.split(['?', '#']).next().unwrap_or_default().splitn(4, '/').nth(3).unwrap_or_default();
    if path.is_empty() || path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(refused(format!("`{id}` has no path, or one with dots")));
    }
    if id.contains('#') || !url.username().is_empty() || url.password().is_some() {
        return Err(refused(format!("`{id}` has a fragment or credentials")));
    }
    Ok(url)
}

async fn fetch(id: &str, rules: Rules) -> Result<Fetched, OauthError> {
    let url = check_url(id, rules)?;
    let failed = |why: &dyn std::fmt::Display| refused(format!("{id}: {why}"));
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((name, port)).await.map_err(|error| failed(&error))?;
    let addresses: Vec<SocketAddr> = found.collect();
    for address in &addresses {
        let ip = address.ip().to_canonical();
        let allowed = !is_internal(ip) || (ip.is_loopback() && rules.loopback) || rules.any_address;
        if !allowed {
            return Err(refused(format!("`{id}` is at an internal address")));
        }
    }
    let redirects = if rules.redirects { Policy::limited(3) } else { Policy::none() };
    // What was looked up is what is connected to.
    let builder = reqwest::Client::builder().no_proxy().redirect(redirects).resolve_to_addrs(&host, &addresses);
    let client = match url.scheme() {
        // Reading the system's certificate authorities takes time, and not every container has any.
        "http" => builder.tls_certs_only([]).build(),
        _ => builder.build(),
    };
    let client = client.map_err(|error| failed(&error))?;
    let response = client.get(url).header("accept", "application/json").send().await.map_err(|error| failed(&error))?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(failed(&format!("answered {}", response.status())));
    }
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = header("content-type").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind != "application/json" && !kind.ends_with("+json") {
        return Err(failed(&"is not labelled as JSON"));
    }
    let max_age = max_age(header("cache-control"));
    let mut bytes = Vec::new();
    let mut body = response.bytes_stream();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| failed(&error))?);
        if bytes.len() > LARGEST {
            return Err(failed(&format!("is larger than {LARGEST} bytes")));
        }
    }
    let document = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
    Ok(Fetched { document, max_age })
}

/// For how long a document may be kept (RFC 9111, section 5.2.2).
fn max_age(cache_control: &str) -> Duration {
    let directives: Vec<String> =
        cache_control.split(',').map(|directive| directive.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|directive| matches!(directive.as_str(), "no-store" | "no-cache" | "private")) {
        return Duration::ZERO;
    }
    let seconds = directives.iter().find_map(|directive| directive.strip_prefix("max-age=")?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0)).min(LONGEST_CACHED)
}

/// Whether an address is none of the public Internet.
fn is_internal(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_broadcast()
                || ip.is_multicast()
                || first == 0
                || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    }
}

/// The client that a document describes.
fn client_of(id: &str, document: &Value, rules: Rules) -> Result<Client, OauthError> {
    if document.get("client_id").and_then(Value::as_str) != Some(id) && !rules.any_id {
        return Err(refused("`client_id` in it is not its URL"));
    }
    let said =
        ClientMetadata::read(document, Requirement::Optional, false).map_err(|error| refused(error.description))?;
    let Some(name) = said.name else {
        return Err(refused("it has no `client_name`"));
    };
    let method = said.method.unwrap_or(AuthMethod::None);
    if method.uses_secret() || document.get("client_secret").is_some() {
        return Err(refused("a client with a document cannot have a secret"));
    }
    Ok(Client {
        id: id.to_owned(),
        name,
        secret: None,
        methods: vec![method],
        keys: said.keys,
        redirect_uris: said.redirect_uris,
        scopes: said.scopes,
        grants: said.grants,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_can_be_client_ids() {
        let strict = Rules { loopback: false, any_address: false, redirects: false, any_id: false };
        let local = Rules { loopback: true, ..strict };
        assert!(check_url("https://app.example.com/client.json", strict).is_ok());
        assert!(check_url("http://127.0.0.1:8/client.json", local).is_ok());
        for id in [
            "http://127.0.0.1:8/client.json",
            "http://app.example.com/client.json",
            "https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com/a/../client.json",
            "https://app.example.com/client.json#x",
            "https://user@app.example.com/client.json",
        ] {
            assert!(check_url(id, strict).is_err(), "{id}");
        }
    }

    #[test]
    fn internal_addresses() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "0.0.0.0",
        ] {
            assert!(is_internal(text.parse().expect("an address")), "{text}");
        }
        assert!(!is_internal("93.184.216.34".parse().expect("an address")));
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().expect("an address");
        assert!(is_internal(mapped.to_canonical()));
    }

    #[test]
    fn freshness_is_what_the_headers_allow() {
        assert_eq!(max_age("public, max-age=600"), Duration::from_secs(600));
        assert_eq!(max_age("no-store, max-age=600"), Duration::ZERO);
        assert_eq!(max_age(""), Duration::ZERO);
        assert_eq!(max_age("max-age=99999999"), LONGEST_CACHED);
    }
}
