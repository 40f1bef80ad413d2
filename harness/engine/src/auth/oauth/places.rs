//! Where metadata may be, in the order of the specification.

use gauntlet_format::Version;
use url::Url;

/// How protected resource metadata was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FoundBy {
    /// By `resource_metadata` of the challenge.
    Header,
    /// At the well-known place with the endpoint's path.
    Path,
    /// At the well-known place of the root.
    Root,
}

impl FoundBy {
    /// As it stands in output.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Path => "path",
            Self::Root => "root",
        }
    }
}

/// The well-known places of an endpoint's protected resource metadata (RFC 9728 §3.1): with its path
/// and query, then the root.
pub(crate) fn resource_metadata_places(endpoint: &Url) -> Vec<(FoundBy, String)> {
    let origin = endpoint.origin().ascii_serialization();
    let path = endpoint.path().trim_end_matches('/');
    let query = endpoint.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut places = Vec::new();
    if !path.is_empty() || !query.is_empty() {
        places.push((FoundBy::Path, format!("{origin}/.well-known/oauth-protected-resource{path}{query}")));
    }
    places.push((FoundBy::Root, format!("{origin}/.well-known/oauth-protected-resource")));
    places
}

/// The places of an issuer's metadata: inserted before the path as RFC 8414 §3.1 has it, the same for OpenID Connect, then
/// appended to the path (OpenID Connect Discovery §4). Before 2025-11-25 only the first.
pub(crate) fn server_metadata_places(issuer: &Url, version: Version) -> Vec<String> {
    let origin = issuer.origin().ascii_serialization();
    let path = issuer.path().trim_end_matches('/');
    let mut places = vec![format!("{origin}/.well-known/oauth-authorization-server{path}")];
    if version < Version::V2025_11_25 {
        return places;
    }
    places.push(format!("{origin}/.well-known/openid-configuration{path}"));
    if !path.is_empty() {
        places.push(format!("{origin}{path}/.well-known/openid-configuration"));
    }
    places
}

/// Whether tokens for `resource` are for the endpoint: the same URL, or a parent of it by path on the same origin.
pub(crate) fn covers(resource: &Url, endpoint: &Url) -> bool {
    if resource.origin() != endpoint.origin() || resource.fragment().is_some() {
        return false;
    }
    if resource.query().is_some() && resource.query() != endpoint.query() {
        return false;
    }
    let parent = resource.path().trim_end_matches('/');
    match endpoint.path().strip_prefix(parent) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// The canonical URI of an MCP server: no query, no fragment, no bare slash at the end.
pub(crate) fn canonical(endpoint: &Url) -> String {
    let mut url = endpoint.clone();
    url.set_query(None);
    url.set_fragment(None);
    let text = url.to_string();
    if url.path() == "/" { text.trim_end_matches('/').to_owned() } else { text }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn resource_places(endpoint: &str) -> Vec<(FoundBy, String)> {
        resource_metadata_places(&url(endpoint))
    }

    #[test]
    fn resource_metadata_has_two_places_and_one_at_the_root() {
        let root = (FoundBy::Root, "https://gw.example/.well-known/oauth-protected-resource".to_owned());
        let path =
            |rest: &str| (FoundBy::Path, format!("https://gw.example/.well-known/oauth-protected-resource{rest}"));
        assert_eq!(resource_places("https://gw.example/a/mcp"), [path("/a/mcp"), root.clone()]);
        assert_eq!(resource_places("https://gw.example/a/mcp/#x"), [path("/a/mcp"), root.clone()]);
        assert_eq!(resource_places("https://gw.example/mcp?t=1"), [path("/mcp?t=1"), root.clone()]);
        assert_eq!(resource_places("https://GW.example:443/"), [root]);
    }

    #[test]
    fn server_metadata_has_three_places_two_without_a_path_and_one_of_old() {
        let of = |issuer: &str, version| server_metadata_places(&url(issuer), version);
        let with_path = [
            "https://idp.example/.well-known/oauth-authorization-server/pool",
            "https://idp.example/.well-known/openid-configuration/pool",
            "https://idp.example/pool/.well-known/openid-configuration",
        ];
        assert_eq!(of("https://idp.example/pool", Version::V2026_07_28), with_path);
        assert_eq!(of("https://idp.example/pool/", Version::V2025_11_25), with_path);
        assert_eq!(of("https://idp.example/pool", Version::V2025_06_18), with_path[..1]);
        let without = [
            "https://idp.example/.well-known/oauth-authorization-server",
            "https://idp.example/.well-known/openid-configuration",
        ];
        assert_eq!(of("https://idp.example", Version::V2026_07_28), without);
        assert_eq!(of("https://idp.example/", Version::V2026_07_28), without);
    }

    #[test]
    fn the_canonical_uri_has_no_bare_slash_query_or_fragment() {
        for (endpoint, expected) in [
            ("HTTPS://MCP.Example.com/mcp", "https://mcp.example.com/mcp"),
            ("https://mcp.example.com", "https://mcp.example.com"),
            ("https://mcp.example.com:8443/a/b/?x=1#y", "https://mcp.example.com:8443/a/b/"),
        ] {
            assert_eq!(canonical(&url(endpoint)), expected);
        }
    }
}
