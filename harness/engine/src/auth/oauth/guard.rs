//! Which URLs a sign-in may be led to. A server decides where its metadata and its authorization server are, so it could
//! point the harness at systems that only the harness can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use url::{Host, Url};

use super::problem::{Problem, Who, quote};

/// Time to look a name up.
const LOOKUP: Duration = Duration::from_secs(5);

/// From where an address can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Loopback,
    Private,
    LinkLocal,
    Public,
}

/// Admits URLs by what the target itself is: what is public may always be reached, anything nearer only from as near.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    target: Reach,
    origin: url::Origin,
}

impl Guard {
    /// The guard for a target. A name is looked up.
    pub(super) async fn new(endpoint: &Url) -> Self {
        let mut target = literal(endpoint);
        if target.is_none() {
            // The nearest address counts: that one the user has chosen to speak to.
            let reaches = looked_up(endpoint).await;
            target = [Reach::Loopback, Reach::Private, Reach::LinkLocal].into_iter().find(|r| reaches.contains(r));
        }
        Self { target: target.unwrap_or(Reach::Public), origin: endpoint.origin() }
    }

    /// Parses a URL that a peer named.
    ///
    /// # Errors
    /// `insecure-url` when it is not one that may be used; `what` says what the URL is of.
    pub(super) fn parse(&self, text: &str, what: &str, peer: Who) -> Result<Url, Problem> {
        let url = Url::parse(text).map_err(|e| {
            Problem::new("bad-url", peer, format!("{what} {} is not an absolute URL: {e}", quote(text)))
        })?;
        self.check(&url).map_err(|why| refuse(&url, what, &why, peer))?;
        Ok(url)
    }

    /// Looks at the addresses behind a name too, right before a request.
    ///
    /// # Errors
    /// `insecure-url`.
    pub(super) async fn admit(&self, url: &Url, peer: Who) -> Result<(), Problem> {
        self.check(url).map_err(|why| refuse(url, "the URL", &why, peer))?;
        if literal(url).is_none() && url.origin() != self.origin {
            let near = looked_up(url).await.into_iter().find(|reach| !self.allows(*reach));
            if let Some(reach) = near {
                return Err(refuse(url, "the URL", &self.too_near(reach), peer));
            }
        }
        Ok(())
    }

    fn check(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("only http and https URLs are fetched".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a user name or a password".to_owned());
        }
        let reach = literal(url);
        let own = url.origin() == self.origin;
        if url.scheme() == "http" && reach != Some(Reach::Loopback) && !own {
            return Err("it is plain http, which only a loopback host may use; expected https".to_owned());
        }
        match reach {
            Some(reach) if !own && !self.allows(reach) => Err(self.too_near(reach)),
            _ => Ok(()),
        }
    }

    fn allows(&self, reach: Reach) -> bool {
        match reach {
            Reach::Public => true,
            Reach::Private => matches!(self.target, Reach::Private | Reach::Loopback),
            near => near == self.target,
        }
    }

    fn too_near(&self, reach: Reach) -> String {
        let (kind, from) = (name(reach), name(self.target));
        format!("it leads to a {kind} address, and the target is on a {from} one")
    }
}

fn refuse(url: &Url, what: &str, why: &str, peer: Who) -> Problem {
    let mut shown = url.clone();
    // Fails only where there is nothing to remove.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    let problem = Problem::new("insecure-url", peer, format!("{what} {} is not used: {why}", quote(shown.as_str())));
    let is_plain = peer == Who::AuthorizationServer && url.scheme() == "http";
    if is_plain { problem.breaks("auth.as.https") } else { problem }
}

const fn name(reach: Reach) -> &'static str {
    match reach {
        Reach::Loopback => "loopback",
        Reach::Private => "private",
        Reach::LinkLocal => "link-local",
        Reach::Public => "public",
    }
}

/// What the URL says of itself; `None` for a name that has to be looked up.
fn literal(url: &Url) -> Option<Reach> {
    match url.host()? {
        Host::Ipv4(address) => Some(of_v4(address)),
        Host::Ipv6(address) => Some(of_v6(address)),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            (name == "localhost" || name.ends_with(".localhost")).then_some(Reach::Loopback)
        }
    }
}

async fn looked_up(url: &Url) -> Vec<Reach> {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Vec::new() };
    match tokio::time::timeout(LOOKUP, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.map(|a| of(a.ip())).collect(),
        // The request itself will say that there is no such name.
        _ => Vec::new(),
    }
}

fn of(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

fn of_v4(address: Ipv4Addr) -> Reach {
    let [a, b, ..] = address.octets();
    if address.is_loopback() || a == 0 {
        // 0.0.0.0 reaches the machine itself.
        Reach::Loopback
    } else if address.is_link_local() {
        Reach::LinkLocal
    } else if address.is_private()
        || address.is_broadcast()
        || address.is_multicast()
        || (a == 100 && (64..128).contains(&b))
    {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn of_v6(address: Ipv6Addr) -> Reach {
    // IPv4 in IPv6: mapped, and behind the well-known NAT64 prefix (RFC 6052).
    let segments = address.segments();
    if let Some(inner) = address.to_ipv4_mapped() {
        return of_v4(inner);
    }
    if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [a, b] = segments[6].to_be_bytes();
        let [c, d] = segments[7].to_be_bytes();
        return of_v4(Ipv4Addr::new(a, b, c, d));
    }
    if address.is_loopback() || address.is_unspecified() {
        Reach::Loopback
    } else if address.is_unicast_link_local() {
        Reach::LinkLocal
    } else if address.is_unique_local() || address.is_multicast() {
        Reach::Private
    } else {
        Reach::Public
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Whether a target may lead to a URL.
    async fn may(target: &str, url: &str) -> bool {
        let guard = Guard::new(&Url::parse(target).unwrap()).await;
        let parsed = guard.parse(url, "it", Who::Server);
        match &parsed {
            Ok(url) => assert_eq!(guard.admit(url, Who::Server).await, Ok(())),
            Err(problem) => assert_eq!(problem.code, "insecure-url", "{problem}"),
        }
        parsed.is_ok()
    }

    #[tokio::test]
    async fn a_target_leads_to_what_is_public_or_as_near_as_itself() {
        const PUBLIC: &str = "https://203.0.113.7/mcp";
        const PRIVATE: &str = "https://10.0.0.5/mcp";
        const LOOPBACK: &str = "http://127.0.0.1:8080/mcp";
        const LINK_LOCAL: &str = "https://169.254.1.1/mcp";
        let targets = [PUBLIC, PRIVATE, LOOPBACK, LINK_LOCAL];
        for (url, expected) in [
            ("https://203.0.113.8/x", [true, true, true, true]),
            ("https://[2001:db8::1]/x", [true, true, true, true]),
            ("https://10.0.0.6/x", [false, true, true, false]),
            ("https://[fd00::6]/x", [false, true, true, false]),
            ("https://100.64.0.1/x", [false, true, true, false]),
            ("https://224.0.0.1/x", [false, true, true, false]),
            ("https://localhost/x", [false, false, true, false]),
            ("http://[::1]:9/x", [false, false, true, false]),
            ("https://169.254.169.254/x", [false, false, false, true]),
            ("http://203.0.113.8/x", [false, false, false, false]),
            ("gopher://203.0.113.8/x", [false, false, false, false]),
        ] {
            for (target, expected) in targets.into_iter().zip(expected) {
                assert_eq!(may(target, url).await, expected, "{target} to {url}");
            }
        }
    }

    #[tokio::test]
    async fn plain_http_is_for_loopback_and_the_targets_own_origin() {
        let target = "http://10.0.0.5:8080/mcp";
        assert!(may(target, "http://10.0.0.5:8080/.well-known/x").await);
        assert!(!may(target, "http://10.0.0.5:8081/x").await);
        assert!(!may(target, "http://127.0.0.1/x").await);
    }
}
