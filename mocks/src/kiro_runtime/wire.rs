//! Host names of the service.

use wiremock::Request;

pub(super) use crate::answer::{Answer, bearer, header, object};

/// The host name of the `Host` header, without port.
pub(super) fn host(request: &Request) -> &str {
    let host = header(request, "host").unwrap_or_default();
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// The region in a host name of the form `{service}.{region}.{domain}`.
pub(super) fn host_region<'h>(host: &'h str, service: &str, domain: &str) -> Option<&'h str> {
    let region = host.strip_prefix(service)?.strip_prefix('.')?.strip_suffix(domain)?.strip_suffix('.')?;
    (!region.is_empty() && !region.contains('.')).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_hosts() {
        assert_eq!(host_region("q.us-east-1.amazonaws.com", "q", "amazonaws.com"), Some("us-east-1"));
        assert_eq!(host_region("runtime.eu-central-1.kiro.dev", "runtime", "kiro.dev"), Some("eu-central-1"));
        assert_eq!(host_region("127.0.0.1", "q", "amazonaws.com"), None);
        assert_eq!(host_region("q.amazonaws.com", "q", "amazonaws.com"), None);
    }
}
