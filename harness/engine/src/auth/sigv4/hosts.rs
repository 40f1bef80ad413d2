//! Service and region by the names that AWS gives its hosts.

use url::Url;

/// What a host's name says of the scope of a signature.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scope {
    /// The signing name of the service.
    pub service: String,
    /// The region; a global endpoint names none.
    pub region: Option<String>,
}

/// Ends of the names of AWS hosts: the partitions aws and aws-us-gov, aws-cn, and the two of isolated regions, each with the
/// dual-stack form.
const SUFFIXES: [&str; 6] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
];

/// First labels of hosts whose service signs under another name.
const SIGNING_NAMES: [(&str, &str); 8] = [
    ("bedrock-runtime", "bedrock"),
    ("bedrock-agent-runtime", "bedrock"),
    ("bedrock-agent", "bedrock"),
    ("bedrock-agentcore-control", "bedrock-agentcore"),
    ("portal.sso", "awsssoportal"),
    ("email", "ses"),
    ("monitoring", "monitoring"),
    ("api.ecr", "ecr"),
];

/// What the URL's host says; `None` for a host that is not one of AWS, or that says no service.
pub(super) fn scope_of(url: &str) -> Option<Scope> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    let inner = SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix))?;
    let labels: Vec<&str> = inner.split('.').filter(|label| !label.is_empty() && *label != "dualstack").collect();
    let scope = |service: &str, region: Option<&str>| {
        let name = SIGNING_NAMES.iter().find(|(host, _)| *host == service).map_or(service, |(_, name)| name);
        Some(Scope { service: name.trim_end_matches("-fips").to_owned(), region: region.map(str::to_owned) })
    };
    match labels.as_slice() {
        // <id>.gateway.bedrock-agentcore.<region>
        [.., service, region] if is_region(region) && labels.len() > 2 => {
            let two = format!("{}.{service}", labels[labels.len() - 3]);
            if SIGNING_NAMES.iter().any(|(host, _)| *host == two) {
                scope(&two, Some(region))
            } else {
                scope(service, Some(region))
            }
        }
        [service, region] if is_region(region) => scope(service, Some(region)),
        // <id>.lambda-url.<region>.on.aws has no such suffix; one label is a global endpoint.
        [service] if !is_region(service) => scope(service, None),
        _ => None,
    }
}

/// Whether the label has the form of a region, such as us-east-1 or us-gov-west-1.
pub(super) fn is_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    match parts.as_slice() {
        [first, middle @ .., number] => {
            first.len() <= 4
                && letters(first)
                && (1..=2).contains(&middle.len())
                && middle.iter().all(letters)
                && !number.is_empty()
                && number.chars().all(|c| c.is_ascii_digit())
        }
        _ => false,
    }
}

/// The domain of service endpoints in the region's partition.
pub(super) fn domain_of(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_aws_say_service_and_region() {
        for (host, service, region) in [
            ("aws-mcp.us-east-1.api.aws", "aws-mcp", Some("us-east-1")),
            ("gw-1a2b3c.gateway.bedrock-agentcore.eu-west-1.amazonaws.com", "bedrock-agentcore", Some("eu-west-1")),
            ("bedrock-agentcore.ap-southeast-2.amazonaws.com", "bedrock-agentcore", Some("ap-southeast-2")),
            ("bedrock-agentcore-control.us-east-1.amazonaws.com", "bedrock-agentcore", Some("us-east-1")),
            ("bedrock-runtime.us-west-2.amazonaws.com", "bedrock", Some("us-west-2")),
            ("abc123.execute-api.eu-central-1.amazonaws.com", "execute-api", Some("eu-central-1")),
            ("STS.us-gov-west-1.amazonaws.com.", "sts", Some("us-gov-west-1")),
            ("sts.cn-north-1.amazonaws.com.cn", "sts", Some("cn-north-1")),
            ("lambda.us-isob-east-1.sc2s.sgov.gov", "lambda", Some("us-isob-east-1")),
            ("sts-fips.us-east-2.amazonaws.com", "sts", Some("us-east-2")),
            ("dynamodb.dualstack.us-east-1.amazonaws.com", "dynamodb", Some("us-east-1")),
            ("sts.amazonaws.com", "sts", None),
        ] {
            let found = scope_of(&format!("https://{host}/mcp?x=1"));
            let wanted = Scope { service: service.to_owned(), region: region.map(str::to_owned) };
            assert_eq!(found, Some(wanted), "{host}");
        }
    }

    #[test]
    fn other_hosts_say_nothing() {
        for url in [
            "http://127.0.0.1:8080/mcp",
            "https://gateway.example.com/mcp",
            "https://amazonaws.com/",
            "https://evil-amazonaws.com/",
            "https://us-east-1.amazonaws.com/",
            "https://sts.us-east-1.amazonaws.com.example.com/",
            "not a url",
        ] {
            assert_eq!(scope_of(url), None, "{url}");
        }
    }
}
