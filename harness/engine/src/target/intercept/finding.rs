//! What is noticed of a target that is not right, beside the requests that reach a mock.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::environment;

/// Different findings that are kept of one case.
const KEPT: usize = 64;

/// Told of a case that went wrong.
const ABSENT: &str = "the target never came to the interceptor: it does not read HTTPS_PROXY, or it wanted nothing; a proxy setting \
    of its own gets ${intercept.proxy}";

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finding {
    /// No upstream stands for the host.
    Refused { host: String },
    /// The upstream that stands for the host does not run in this scenario.
    NotStarted { host: String, upstream: String },
    /// TLS ended because of the certificate; the alert, or how else it ended.
    Distrust { host: String, how: String },
    /// TLS was made, and then nothing was said: what Node does with a certificate that it does not trust.
    Silent { host: String },
    /// TLS did not come about for another reason.
    Handshake { host: String, why: String },
    /// What came was no TLS.
    NotTls { host: String },
    /// TLS was begun and not finished.
    Unfinished { host: String, patience: Duration },
    /// TLS was for another host than the tunnel.
    OtherName { host: String, name: String },
    /// A request to the proxy that no proxy can carry out.
    NoProxyRequest { what: String },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { host } => write!(f, "the target wanted {host}, which no upstream intercepts"),
            Self::NotStarted { host, upstream } => write!(
                f,
                "the target wanted {host}, and the upstream `{upstream}`, which stands for it, is `on_demand` and not required by this scenario"
            ),
            Self::Distrust { host, how } => write!(f, "the target ended TLS with {host} {how}"),
            Self::Silent { host } => write!(f, "the target made TLS with {host} and closed without a request"),
            Self::Handshake { host, why } => write!(f, "TLS of the target with {host} did not come about: {why}"),
            Self::NotTls { host } => write!(f, "the target opened a tunnel to {host} and spoke no TLS in it"),
            Self::Unfinished { host, patience } => {
                let seconds = patience.as_secs_f64();
                write!(f, "the target opened a tunnel to {host} and did not finish TLS within {seconds} s")
            }
            Self::OtherName { host, name } => {
                write!(f, "the target opened a tunnel to {host} and asked for {name} in it (SNI)")
            }
            Self::NoProxyRequest { what } => {
                write!(f, "the target sent `{what}` to the interceptor as if it were a server; it is a proxy")
            }
        }
    }
}

/// What was seen in one case.
#[derive(Debug, Default)]
pub(super) struct Findings {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    findings: Vec<Finding>,
    left_out: usize,
    /// Hosts that a request got through to.
    served: BTreeSet<String>,
    connected: bool,
}

/// What is told of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// The target does not trust the run's authority: its set-up is wrong, and the case shows nothing.
    pub distrust: Option<String>,
    /// The target never came to the interceptor, which is right for a case that needs no upstream.
    pub absent: Option<&'static str>,
    /// Whatever else was noticed, one sentence each.
    pub notes: Vec<String>,
}

impl Findings {
    fn with<T>(&self, f: impl FnOnce(&mut Seen) -> T) -> T {
        f(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn add(&self, finding: Finding) {
        self.with(|seen| {
            if seen.findings.contains(&finding) {
                return;
            }
            if seen.findings.len() < KEPT { seen.findings.push(finding) } else { seen.left_out += 1 }
        });
    }

    /// A client has connected.
    pub(super) fn connected(&self) {
        self.with(|seen| seen.connected = true);
    }

    /// A request for the host goes to its mock.
    pub(super) fn served(&self, host: &str) {
        self.with(|seen| {
            if seen.served.len() < KEPT && !seen.served.contains(host) {
                seen.served.insert(host.to_owned());
            }
        });
    }

    pub(super) fn report(&self) -> Report {
        self.with(|seen| {
            let mut report = Report::default();
            for finding in &seen.findings {
                let doubt = match finding {
                    // An unused connection is nothing if others to that host are used.
                    Finding::Silent { host } if seen.served.contains(host) => continue,
                    Finding::Distrust { .. } | Finding::Silent { .. } => true,
                    _ => false,
                };
                if doubt && report.distrust.is_none() {
                    report.distrust = Some(distrust(finding));
                } else {
                    report.notes.push(finding.to_string());
                }
            }
            if seen.left_out > 0 {
                report.notes.push(format!("{} more findings of this kind are left out", seen.left_out));
            }
            report.absent = (!seen.connected).then_some(ABSENT);
            report
        })
    }
}

impl Report {
    /// Everything, one sentence each: for a case that came to nothing.
    pub(crate) fn all(self) -> impl Iterator<Item = String> {
        self.distrust.into_iter().chain(self.notes).chain(self.absent.map(str::to_owned))
    }
}

fn distrust(finding: &Finding) -> String {
    let what = finding.to_string();
    let what = what.strip_prefix("the target ").unwrap_or(&what);
    format!(
        "the target does not trust the certificate authority of this run: it {what}. Its environment has the authority as {}; \
         ${{intercept.ca_file}} and ${{intercept.bundle_file}} are for a setting of its own. A program that accepts one \
         certificate alone cannot be intercepted",
        environment::trust_names()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent() -> Finding {
        Finding::Silent { host: "a.example.com".to_owned() }
    }

    #[test]
    fn an_unused_connection_beside_used_ones_is_nothing() {
        let findings = Findings::default();
        findings.connected();
        findings.add(silent());
        assert!(findings.report().distrust.is_some_and(|d| d.contains("a.example.com") && d.contains("SSL_CERT_FILE")));
        findings.served("a.example.com");
        assert_eq!(findings.report(), Report::default());
    }

    #[test]
    fn a_finding_is_told_once_and_a_flood_is_counted() {
        let findings = Findings::default();
        findings.connected();
        for i in 0..100 {
            for _ in 0..2 {
                findings.add(Finding::Refused { host: format!("h{i}:443") });
            }
        }
        let notes = findings.report().notes;
        assert_eq!(notes.len(), KEPT + 1);
        assert!(notes[KEPT].contains("more findings"), "{}", notes[KEPT]);
    }

    #[test]
    fn that_nobody_came_is_told() {
        let report = Findings::default().report();
        assert!(report.absent.is_some_and(|told| told.contains("never came")) && report.notes.is_empty());
    }
}
