//! What a bundle says of itself.

use std::collections::BTreeMap;

use gauntlet_reports::volatile::VolatileSpec;
use gauntlet_reports::{CaseId, RunInfo, Verdict};
use serde::{Deserialize, Serialize};

use super::target::DescribedTarget;

/// Name and version of the format. Members may be added within a version.
pub(super) const FORMAT: &str = "gauntlet-bundle/1";

/// `bundle.json`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name and version of the format.
    pub format: String,
    /// Version of Gauntlet that made the bundle.
    pub gauntlet: String,
    /// When, RFC 3339.
    pub made_at: String,
    /// The case.
    pub case: CaseId,
    /// What is true when it passes.
    pub title: String,
    /// Its verdict in the run.
    pub verdict: Verdict,
    /// The role that the scenario names.
    pub role: String,
    /// The target that comes with Gauntlet on which it ran. If it was another one, and that is not described, whoever runs the bundle
    /// must name one.
    pub target: Option<OwnTarget>,
    /// The target of its maker on which it ran, where that is made of mocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub described: Option<DescribedTarget>,
    /// What of its maker's snapshots differs from run to run, besides what is known anyway.
    #[serde(default, skip_serializing_if = "VolatileSpec::is_empty")]
    pub volatile: VolatileSpec,
    /// What is known of the run.
    pub run: RunInfo,
    /// What the machine was on which the bundle was made.
    pub machine: Machine,
    /// Names of the secrets that the scenario and the target need, because they were taken out of them.
    #[serde(default)]
    pub secrets: Vec<String>,
}

/// A target that comes with Gauntlet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnTarget {
    /// Its name.
    pub name: String,
    /// The defects that were switched on, by mock.
    #[serde(default)]
    pub defects: BTreeMap<String, Vec<String>>,
}

/// Facts of a machine that do not tell whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `linux`, `macos`, `windows`
    pub os: String,
    /// `x86_64`, `aarch64`
    pub arch: String,
}

impl Machine {
    /// This one.
    pub(super) fn this() -> Self {
        Self { os: std::env::consts::OS.to_owned(), arch: std::env::consts::ARCH.to_owned() }
    }
}
