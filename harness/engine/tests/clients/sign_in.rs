//! Sign-ins: the scenarios in `scenarios/`, which a client passes that is not careless and which each of the named switches
//! makes fail.
//!
//! The first lines of a scenario say how the client is started (`# args:`), which switches it catches (`# switches:`), which
//! version is spoken if it is not the usual one (`# versions:`), and which further providers there are (`# upstreams:`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gauntlet::config::{TargetSpec, UpstreamSpec};
use gauntlet_format::Version;
use gauntlet_reports::Verdict;
use libtest_mimic::{Failed, Trial};
use serde_json::{Map, Value, json};

use super::careless_client;
use super::support::{CARELESS, RMCP, program, run, this_as, trial};

/// A scenario and what it says in its first lines.
#[derive(Debug, Clone)]
struct Proof {
    name: String,
    text: String,
    arguments: Vec<String>,
    switches: Vec<String>,
    version: Option<Version>,
    /// Further OpenID providers.
    providers: Vec<String>,
}

impl Proof {
    fn read(path: &Path) -> Result<Self, Failed> {
        let text = std::fs::read_to_string(path)?;
        let words = |label: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix(label));
            lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
        };
        Ok(Self {
            name: path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            arguments: words("# args:"),
            switches: words("# switches:"),
            providers: words("# upstreams:"),
            version: words("# versions:").first().map(|v| v.parse()).transpose()?,
            text,
        })
    }

    /// The careless client, with a switch or without.
    fn target(&self, switch: Option<&str>) -> TargetSpec {
        let mut arguments = vec!["${upstreams.gateway.endpoint}".to_owned()];
        arguments.extend(self.arguments.iter().cloned());
        arguments.extend(switch.map(|name| format!("--{name}")));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut target = protected(this_as(CARELESS, &arguments));
        let providers = self.providers.iter().map(|name| (name.clone(), upstream("idp", json!({}))));
        target.upstreams.extend(providers);
        TargetSpec { versions: self.version.map(|v| vec![v]), ..target }
    }
}

/// A program behind which there are a server and the OpenID provider that guards it.
fn protected(words: Vec<String>) -> TargetSpec {
    let discovery = "${upstreams.idp.endpoint}/.well-known/openid-configuration";
    let gateway = json!({ "authorizer": "jwt", "discovery_url": discovery });
    TargetSpec {
        upstreams: BTreeMap::from([
            ("gateway".to_owned(), upstream("agentcore-gateway", gateway)),
            ("idp".to_owned(), upstream("idp", json!({}))),
        ]),
        ..program(words)
    }
}

fn upstream(mock: &str, config: Value) -> UpstreamSpec {
    UpstreamSpec { mock: mock.to_owned(), config: config.as_object().cloned().unwrap_or_else(Map::new), on_demand: false }
}

fn proofs() -> Result<Vec<Proof>, Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/scenarios");
    let mut paths: Vec<_> = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.iter().map(|path| Proof::read(path)).collect()
}

async fn careful(proof: Proof) -> Result<(), Failed> {
    run(proof.target(None), &proof.text).await?.expect(Verdict::Pass, "")
}

async fn careless(proof: Proof, switch: String) -> Result<(), Failed> {
    run(proof.target(Some(&switch)), &proof.text).await?.expect(Verdict::Fail, "")
}

/// The official SDK's client in place of the careful one.
async fn official(proof: Proof) -> Result<(), Failed> {
    let arguments = ["${upstreams.gateway.endpoint}", "${upstreams.idp.client_id}"];
    run(protected(this_as(RMCP, &arguments)), &proof.text).await?.expect(Verdict::Pass, "")
}

/// Scenarios that hold for the official client too; it registers nothing, stores nothing and departs in
/// `client.metadata-places` only in the order in which it looks.
const OFFICIAL: [&str; 9] = [
    "discovery",
    "resource-mismatch",
    "authorization",
    "once",
    "token-request",
    "state",
    "iss",
    "iss-unpromised",
    "bearer",
];

pub(crate) fn trials() -> Result<Vec<Trial>, Failed> {
    let proofs = proofs()?;
    let mut trials = Vec::new();
    for proof in &proofs {
        let one = proof.clone();
        trials.push(trial(&format!("sign_in/{}", proof.name), || careful(one)));
        for switch in &proof.switches {
            let (one, switch) = (proof.clone(), switch.clone());
            trials.push(trial(&format!("sign_in/{}/{switch}", proof.name), || careless(one, switch)));
        }
        if OFFICIAL.contains(&proof.name.as_str()) {
            let one = proof.clone();
            trials.push(trial(&format!("sign_in/{}/official", proof.name), || official(one)));
        }
    }
    let caught: BTreeSet<String> = proofs.into_iter().flat_map(|proof| proof.switches).collect();
    trials.push(trial("sign_in/every_switch_is_caught", || async move {
        let missing: Vec<&str> = careless_client::options::switches().filter(|name| !caught.contains(*name)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("nothing catches {}", missing.join(", ")).into()) }
    }));
    Ok(trials)
}
