//! Headers on their way through a proxy.

use http::header::{CONNECTION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION};

/// Headers of one connection only (RFC 9110 section 7.6.1) that `Connection` need not name.
const OF_CONNECTION: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// Whether a header (name in lower case) speaks of one connection only (RFC 9110 section 7.6.1).
pub(crate) fn is_of_connection(name: &str) -> bool {
    OF_CONNECTION.contains(&name)
}

/// Removes what is between a proxy and one of its sides.
pub(crate) fn remove_hop_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    remove_headers(headers, |name| {
        is_of_connection(name.as_str()) || *name == PROXY_AUTHORIZATION || named.contains(name)
    });
}

/// Removes headers; the others stay in their order.
pub(crate) fn remove_headers(headers: &mut HeaderMap, is_removed: impl Fn(&HeaderName) -> bool) {
    if headers.keys().any(&is_removed) {
        let kept = headers.iter().filter(|(name, _)| !is_removed(name));
        *headers = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    }
}

/// Headers of HTTP/2 as HTTP/1.1 has them: `:authority` is what `Host` is there (RFC 9113 section 8.3.1), and cookies are one
/// header (section 8.2.3).
pub(crate) fn of_http2(headers: HeaderMap, authority: Option<HeaderValue>) -> HeaderMap {
    let mut rewritten = HeaderMap::with_capacity(headers.len() + 1);
    let own = headers.get(HOST).cloned();
    if let Some(host) = authority.or(own) {
        rewritten.insert(HOST, host);
    }
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let cookie = (crumbs.len() > 1).then(|| crumbs.join(&b"; "[..]));
    for (name, value) in headers.iter().filter(|(name, _)| *name != HOST) {
        match &cookie {
            Some(whole) if name == COOKIE => {
                if !rewritten.contains_key(COOKIE)
                    && let Ok(whole) = HeaderValue::from_bytes(whole)
                {
                    rewritten.insert(COOKIE, whole);
                }
            }
            _ => {
                rewritten.append(name, value.clone());
            }
        }
    }
    rewritten
}
