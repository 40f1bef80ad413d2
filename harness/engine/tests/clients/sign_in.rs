//! Sign-ins: the scenarios of the pack `clients` and those in `scenarios/`, which a client passes that is not careless and
//! which each of the named switches makes fail. `proofs.yaml` names them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gauntlet::config::{TargetSpec, UpstreamSpec};
use gauntlet_format::Version;
use gauntlet_reports::Verdict;
use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::careless_client;
use super::common::trial;
use super::support::{CARELESS, RMCP, program, run, this_as};

/// Where a scenario may be.
const FOLDERS: [&str; 2] = ["../../scenarios/clients", "tests/clients/scenarios"];

/// How a scenario is proven.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    /// What the client is started with, besides the server's address.
    #[serde(default)]
    args: Vec<String>,
    /// Switches, each of which turns it red.
    switches: Vec<String>,
    /// The official client passes it.
    #[serde(default)]
    official: bool,
}

/// A scenario with its proof.
#[derive(Debug, Clone)]
struct Proven {
    id: String,
    text: String,
    version: Version,
    proof: Proof,
}

impl Proven {
    fn read(id: String, proof: Proof) -> Result<Self, Failed> {
        let file = format!("{}.yaml", id.rsplit('.').next().unwrap_or(&id));
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let places: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder).join(&file)).collect();
        let path = places.iter().find(|path| path.is_file()).ok_or_else(|| format!("{id}: there is no {file}"))?;
        let mut text = std::fs::read_to_string(path)?;
        if !text.contains("\ntarget: ") {
            // It runs by itself here, without its pack.
            text.push_str("target: mcp-client\n");
        }
        let only_newest = text.contains("\nversions: 2026-07-28\n");
        let version = if only_newest { Version::V2026_07_28 } else { Version::V2025_11_25 };
        Ok(Self { id, text, version, proof })
    }

    /// The careless client, with a switch or without.
    fn target(&self, switch: Option<&str>) -> TargetSpec {
        let mut arguments = vec!["${upstreams.gateway.endpoint}".to_owned()];
        arguments.extend(["--protocol".to_owned(), self.version.to_string()]);
        arguments.extend(self.proof.args.iter().cloned());
        arguments.extend(switch.map(|name| format!("--{name}")));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        TargetSpec { versions: Some(vec![self.version]), ..protected(this_as(CARELESS, &arguments)) }
    }
}

/// A program behind which there are a server and the OpenID provider that guards it.
pub(crate) fn protected(words: Vec<String>) -> TargetSpec {
    let discovery = "${upstreams.idp.endpoint}/.well-known/openid-configuration";
    let gateway = json!({ "authorizer": "jwt", "discovery_url": discovery });
    let fixtures = ["client-static", "client-secret", "client-registering", "client-store"];
    TargetSpec {
        roles: vec!["mcp-client".to_owned(), "client".to_owned()],
        fixtures: fixtures.map(|name| (name.to_owned(), true.into())).into_iter().collect(),
        upstreams: BTreeMap::from([
            ("gateway".to_owned(), upstream("agentcore-gateway", gateway)),
            ("idp".to_owned(), upstream("idp", json!({}))),
            ("other-idp".to_owned(), UpstreamSpec { on_demand: true, ..upstream("idp", json!({})) }),
        ]),
        ..program(words)
    }
}

fn upstream(mock: &str, config: Value) -> UpstreamSpec {
    let config = config.as_object().cloned().unwrap_or_else(Map::new);
    UpstreamSpec { mock: mock.to_owned(), config, on_demand: false, recorded: None, intercept: Vec::new() }
}

fn proven() -> Result<Vec<Proven>, Failed> {
    let proofs: BTreeMap<String, Proof> = serde_saphyr::from_str(include_str!("proofs.yaml"))?;
    proofs.into_iter().map(|(id, proof)| Proven::read(id, proof)).collect()
}

async fn careful(proven: Proven) -> Result<(), Failed> {
    run(proven.target(None), &proven.text).await?.expect(Verdict::Pass, "")
}

async fn careless(proven: Proven, switch: String) -> Result<(), Failed> {
    run(proven.target(Some(&switch)), &proven.text).await?.expect_red()
}

/// The official SDK's client in place of the careful one.
async fn official(proven: Proven) -> Result<(), Failed> {
    let arguments = ["${upstreams.gateway.endpoint}", "${upstreams.idp.client_id}"];
    let target = TargetSpec { versions: Some(vec![proven.version]), ..protected(this_as(RMCP, &arguments)) };
    run(target, &proven.text).await?.expect(Verdict::Pass, "")
}

/// Every scenario of the pack has a proof.
fn unproven(known: &BTreeSet<String>) -> Result<Vec<String>, Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDERS[0]);
    let mut missing = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name != "pack" && !known.contains(&format!("clients.{name}")) {
            missing.push(name);
        }
    }
    Ok(missing)
}

pub(crate) fn trials() -> Result<Vec<Trial>, Failed> {
    let all = proven()?;
    let mut trials = Vec::new();
    for proven in &all {
        let one = proven.clone();
        trials.push(trial(&format!("sign_in/{}", proven.id), || careful(one)));
        for switch in &proven.proof.switches {
            let (one, switch) = (proven.clone(), switch.clone());
            trials.push(trial(&format!("sign_in/{}/{switch}", proven.id), || careless(one, switch)));
        }
        if proven.proof.official {
            let one = proven.clone();
            trials.push(trial(&format!("sign_in/{}/official", proven.id), || official(one)));
        }
    }
    let known: BTreeSet<String> = all.iter().map(|proven| proven.id.clone()).collect();
    trials.push(trial("sign_in/every_scenario_is_proven", || async move {
        let missing = unproven(&known)?;
        if missing.is_empty() { Ok(()) } else { Err(format!("no proof of {}", missing.join(", ")).into()) }
    }));
    let caught: BTreeSet<String> = all.into_iter().flat_map(|proven| proven.proof.switches).collect();
    trials.push(trial("sign_in/every_switch_is_caught", || async move {
        let missing: Vec<&str> = careless_client::options::switches().filter(|name| !caught.contains(*name)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("nothing catches {}", missing.join(", ")).into()) }
    }));
    Ok(trials)
}
