//! Which hosts an upstream stands for: `intercept: [runtime.*.kiro.dev, "api.example.com:8443"]`.

use std::fmt;

use wildmatch::WildMatch;

/// Ports that a pattern without one stands for: https and http.
const USUAL_PORTS: [u16; 2] = [443, 80];

/// Labels of a name at most (RFC 1035 section 2.3.4: 255 octets, two for the shortest label).
const LABELS: usize = 128;

/// A host name in which `*` stands for any characters within one label. No case, no dot at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    labels: Vec<String>,
    port: Option<u16>,
}

impl HostPattern {
    /// Reads `host` or `host:port`.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            Err(format!(
                "`intercept: {text}` {why}; write a host name such as api.example.com or q.*.amazonaws.com, where * stands \
                 for characters within one label, with a port behind a colon if it is neither 443 nor 80"
            ))
        };
        if text.contains("://") || text.contains('/') {
            return wrong("is a URL");
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => match port.parse() {
                Ok(port) if port > 0 && !host.contains(':') => (host, Some(port)),
                _ => return wrong("has no port behind its colon"),
            },
            None => (text, None),
        };
        let host = normal(host);
        if host.parse::<std::net::Ipv4Addr>().is_ok() {
            return wrong("is an address, which no certificate is made for");
        }
        let labels: Vec<String> = host.split('.').map(str::to_owned).collect();
        if labels.len() > LABELS || labels.iter().any(String::is_empty) {
            return wrong("is no host name");
        }
        let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_*".contains(c));
        if let Some(c) = labels.iter().find_map(|label| label.chars().find(|c| odd(*c))) {
            return wrong(&format!("holds `{}`", c.escape_debug()));
        }
        if labels.iter().any(|label| label.contains("**")) {
            return wrong("holds `**`");
        }
        Ok(Self { labels, port })
    }

    /// Whether it stands for the host at that port.
    #[must_use]
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let host = normal(host);
        let right_port = self.port.map_or_else(|| USUAL_PORTS.contains(&port), |own| own == port);
        right_port
            && host.split('.').count() == self.labels.len()
            && self.labels.iter().zip(host.split('.')).all(|(pattern, label)| WildMatch::new(pattern).matches(label))
    }

    /// Whether there can be a host that both stand for.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let same_port = match (self.port, other.port) {
            (Some(own), Some(theirs)) => own == theirs,
            (Some(port), None) | (None, Some(port)) => USUAL_PORTS.contains(&port),
            (None, None) => true,
        };
        same_port
            && self.labels.len() == other.labels.len()
            && self.labels.iter().zip(&other.labels).all(|(a, b)| can_be_equal(a.as_bytes(), b.as_bytes()))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.labels.join("."))?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Names have no case, and one with the dot of the root is the same name (RFC 1034 section 3.1).
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Whether two label patterns have a label in common: `row[j]` says whether what was seen of `a` can equal `b[..j]`.
fn can_be_equal(a: &[u8], b: &[u8]) -> bool {
    let mut row = vec![false; b.len() + 1];
    row[0] = true;
    for j in 0..b.len() {
        row[j + 1] = row[j] && b[j] == b'*';
    }
    for own in a {
        let mut next = vec![false; b.len() + 1];
        next[0] = row[0] && *own == b'*';
        for j in 0..b.len() {
            let either_star = *own == b'*' || b[j] == b'*';
            next[j + 1] = if either_star { row[j] || row[j + 1] || next[j] } else { row[j] && *own == b[j] };
        }
        row = next;
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        HostPattern::parse(text).expect("a pattern")
    }

    #[test]
    fn a_star_stays_within_its_label() {
        let kiro = pattern("runtime.*.kiro.dev");
        assert!(kiro.matches("runtime.us-east-1.kiro.dev", 443));
        assert!(kiro.matches("RUNTIME.us-east-1.Kiro.dev.", 80));
        assert!(!kiro.matches("runtime.kiro.dev", 443));
        assert!(!kiro.matches("runtime.a.b.kiro.dev", 443));
        assert!(!kiro.matches("runtime.us-east-1.kiro.dev.evil.example", 443));
        assert!(!kiro.matches("runtime.us-east-1.kiro.dev", 22));
        assert!(pattern("q*.example.com").matches("q.example.com", 443));
        assert!(pattern("q*.example.com").matches("q-eu.example.com", 443));
    }

    #[test]
    fn a_port_of_its_own_is_the_only_one() {
        let odd = pattern("api.example.com:8443");
        assert!(odd.matches("api.example.com", 8443) && !odd.matches("api.example.com", 443));
        assert_eq!(odd.to_string(), "api.example.com:8443");
    }

    #[test]
    fn overlap_is_whether_a_host_can_match_both() {
        let overlap = |a: &str, b: &str| {
            let (a, b) = (pattern(a), pattern(b));
            assert_eq!(a.overlaps(&b), b.overlaps(&a));
            a.overlaps(&b)
        };
        assert!(overlap("q.*.amazonaws.com", "*.us-east-1.amazonaws.com"));
        assert!(overlap("a*c.example.com", "ab*.example.com"));
        assert!(overlap("*.example.com", "api.example.com:443"));
        assert!(!overlap("q.*.amazonaws.com", "sts.*.amazonaws.com"));
        assert!(!overlap("a*c.example.com", "a*d.example.com"));
        assert!(!overlap("*.example.com", "*.*.example.com"));
        assert!(!overlap("*.example.com", "api.example.com:8443"));
        assert!(!overlap("ab.example.com", "abc.example.com"));
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (text, why) in [
            ("https://api.example.com", "is a URL"),
            ("api.example.com/mcp", "is a URL"),
            ("api..example.com", "is no host name"),
            ("", "is no host name"),
            ("127.0.0.1", "is an address"),
            ("[::1]", "no port behind its colon"),
            ("api.example.com:https", "no port behind its colon"),
            ("api.example.com:0", "no port behind its colon"),
            ("**.example.com", "holds `**`"),
            ("api?.example.com", "holds `?`"),
        ] {
            let error = HostPattern::parse(text).expect_err(text);
            assert!(error.contains(why) && error.contains("q.*.amazonaws.com"), "{text}: {error}");
        }
    }
}
