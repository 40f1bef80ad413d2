//! Headers on their way through: what speaks of one connection stays, what speaks of the way is the proxy's own.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Uri};

use super::defects::ProxyDefect;
use super::state::View;

/// Headers of one connection (RFC 9110 section 7.6.1), and those that old proxies take for one.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Header of the trace context (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

const SESSION_ID: &str = "mcp-session-id";

/// Takes away headers of one connection, and whatever `Connection` names.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in named_by_connection(headers) {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

/// What tells of the way of a request and is never signed.
fn tells_the_way(name: &str) -> bool {
    is_forwarded(name) || name == "x-real-ip"
}

fn is_forwarded(name: &str) -> bool {
    name == "forwarded" || name.starts_with("x-forwarded-")
}

/// A request's headers as the client sent them, and what becomes of them.
#[derive(Clone)]
pub(super) struct Passage<'r> {
    view: &'r View,
    inbound: &'r HeaderMap,
    /// Where the request came from.
    pub(super) peer: IpAddr,
    /// The client's token.
    pub(super) token: &'r str,
}

impl<'r> Passage<'r> {
    pub(super) fn new(view: &'r View, inbound: &'r HeaderMap, peer: IpAddr, token: &'r str) -> Self {
        Self { view, inbound, peer, token }
    }

    fn shows(&self, defect: ProxyDefect) -> bool {
        self.view.shows(defect)
    }

    /// What is to be signed: all that passes, but nothing that tells of the way.
    pub(super) fn to_sign(&self) -> HeaderMap {
        let mut headers = self.inbound.clone();
        // The signature replaces the credentials. The rest is put there when the request is sent.
        for name in [AUTHORIZATION, HOST, CONTENT_LENGTH, EXPECT] {
            headers.remove(name);
        }
        let connection = headers.get(CONNECTION).cloned();
        match self.shows(ProxyDefect::ConnectionNamedHeaderRemoved) {
            true => HOP_BY_HOP.into_iter().for_each(|name| drop(headers.remove(name))),
            false => remove_hop_by_hop(&mut headers),
        }
        if self.shows(ProxyDefect::ConnectionHeaderSigned)
            && let Some(connection) = connection
        {
            headers.insert(CONNECTION, connection);
        }
        if !self.shows(ProxyDefect::ForwardedHeadersChangedAfterSigning) {
            remove_where(&mut headers, is_forwarded);
        }
        if self.shows(ProxyDefect::ForwardedHeadersSigned) {
            self.add_forwarded(&mut headers);
        }
        if self.shows(ProxyDefect::SessionIdNotForwarded) {
            headers.remove(SESSION_ID);
        }
        if self.shows(ProxyDefect::HostOfProxySigned)
            && let Some(host) = self.inbound.get(HOST)
        {
            headers.insert(HOST, host.clone());
        }
        headers
    }

    /// Names that are sent but not signed.
    pub(super) fn unsigned(&self, headers: &HeaderMap) -> Vec<String> {
        let signs_all = self.shows(ProxyDefect::ForwardedHeadersSigned)
            || self.shows(ProxyDefect::ForwardedHeadersChangedAfterSigning);
        let names = headers.keys().map(HeaderName::as_str);
        names.filter(|name| !signs_all && tells_the_way(name)).map(str::to_owned).collect()
    }

    /// What is added and taken away when the signature stands.
    pub(super) fn finish(&self, headers: &mut HeaderMap, remote: &Uri) {
        if self.shows(ProxyDefect::ConnectionNamedHeaderRemoved) {
            for name in named_by_connection(self.inbound) {
                headers.remove(name);
            }
        }
        headers.remove(CONNECTION);
        if let Some(authority) = remote.authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok()) {
            headers.insert(HOST, authority);
        }
        if self.shows(ProxyDefect::TraceHeaderChangedAfterSigning)
            && let Some(continued) = headers.get(TRACEPARENT).and_then(continued)
        {
            headers.insert(TRACEPARENT, continued);
        }
        if !self.shows(ProxyDefect::ForwardedHeadersSigned) {
            remove_where(headers, is_forwarded);
            if self.shows(ProxyDefect::ClientForwardedHeadersPass) {
                for (name, value) in self.inbound.iter().filter(|(name, _)| is_forwarded(name.as_str())) {
                    headers.append(name.clone(), value.clone());
                }
            }
            self.add_forwarded(headers);
        }
        if self.shows(ProxyDefect::ProxyHostRevealed)
            && let Some(host) = self.inbound.get(HOST)
        {
            headers.insert("x-forwarded-host", host.clone());
        }
        if self.shows(ProxyDefect::TokenInForwardedHeader)
            && let Ok(mut token) = HeaderValue::from_str(self.token)
        {
            token.set_sensitive(true);
            headers.insert("x-forwarded-access-token", token);
        }
        if self.shows(ProxyDefect::ClientAuthorizationForwarded)
            && let Some(authorization) = self.inbound.get(AUTHORIZATION)
        {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
    }

    /// The proxy's own word on the way: where the request came from, and the scheme of the remote, not that of the client.
    fn add_forwarded(&self, headers: &mut HeaderMap) {
        if let Ok(peer) = HeaderValue::from_str(&self.peer.to_string()) {
            headers.append("x-forwarded-for", peer);
        }
        headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    }
}

/// Answers lose what speaks of the connection to the remote.
pub(super) fn of_answer(view: &View, headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    if view.shows(ProxyDefect::SessionIdNotReturned) {
        headers.remove(SESSION_ID);
    }
}

fn remove_where(headers: &mut HeaderMap, is_unwanted: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| is_unwanted(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// A trace context with a new parent: `00-TRACE-PARENT-FLAGS`.
fn continued(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?;
    let mut parts: Vec<&str> = text.split('-').collect();
    let span = uuid::Uuid::new_v4().simple().to_string();
    *parts.get_mut(2)? = &span[..16];
    HeaderValue::from_str(&parts.join("-")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().expect("a name"), value.parse::<HeaderValue>().expect("a value"))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn what_speaks_of_one_connection_goes() {
        let mut inbound = headers(&[
            ("Connection", "keep-alive, X-Amz-Date ,, x-other"),
            ("connection", "@@, third"),
            ("Keep-Alive", "timeout=5"),
            ("X-Amz-Date", "20261121T000000Z"),
            ("X-Other", "1"),
            ("third", "3"),
            ("TE", "trailers"),
            ("Proxy-Authorization", "Basic YTpi"),
            ("Accept", "application/json"),
        ]);
        remove_hop_by_hop(&mut inbound);
        let left: Vec<&str> = inbound.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["accept"]);
    }

    #[test]
    fn a_trace_goes_on_under_another_parent() {
        let before = HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let after = continued(&before).expect("a trace");
        assert_eq!(after.len(), before.len());
        assert_ne!(after, before);
        assert!(after.to_str().expect("text").starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
        assert_eq!(continued(&HeaderValue::from_static("nonsense")), None);
    }
}
