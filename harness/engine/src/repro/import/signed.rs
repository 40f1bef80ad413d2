//! Requests that are signed for AWS, where the signature itself is not known.

use url::Url;

use super::placeholder as secret;

/// What a request is signed for.
pub(super) struct Signed {
    pub(super) region: String,
    pub(super) service: String,
}

impl Signed {
    /// By the provider as curl has it, `aws:amz:REGION:SERVICE`; what it leaves out is taken from the host, as curl does.
    pub(super) fn of(provider: &str, url: &str) -> Result<Self, String> {
        let parts: Vec<&str> = provider.split(':').collect();
        let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let labels: Vec<&str> = host.split('.').collect();
        let of_host = |at: usize| labels.get(at).copied().filter(|_| labels.len() > 2);
        let part = |at: usize| parts.get(at).copied().filter(|part| !part.is_empty());
        if part(0).is_some_and(|first| !first.eq_ignore_ascii_case("aws")) {
            return Err("signatures of other providers than `aws` are not made here".to_owned());
        }
        let (Some(region), Some(service)) = (part(2).or(of_host(1)), part(3).or(of_host(0))) else {
            return Err("for which region and service is not said: `--aws-sigv4 aws:amz:us-east-1:SERVICE`".to_owned());
        };
        Ok(Self { region: region.to_owned(), service: service.to_owned() })
    }

    /// An `Authorization` of Signature Version 4 that says for whom and for what, and has placeholders for the rest.
    pub(super) fn authorization(&self, user: Option<&str>) -> String {
        // A variable in place of the key says nothing about it.
        let key = user.and_then(|user| user.split(':').next()).filter(|key| !key.is_empty() && !key.contains('$'));
        let key = key.map_or_else(|| secret("aws-access-key-id"), str::to_owned);
        let (region, service, signature) = (&self.region, &self.service, secret("signature"));
        format!(
            "AWS4-HMAC-SHA256 Credential={key}/20000101/{region}/{service}/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
        )
    }
}
