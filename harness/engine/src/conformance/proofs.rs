//! What has shown that the checks of a requirement can fail: an audit writes it down, coverage reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// In place of a protocol version where a case has none.
const NO_VERSION: &str = "none";

/// Requirement id → what turned its checks red.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proofs {
    requirements: BTreeMap<String, Proof>,
}

/// What turned checks of one requirement red, and at which protocol versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// `MOCK:DEFECT` → versions.
    #[serde(default)]
    pub defects: BTreeMap<String, BTreeSet<String>>,
    /// Versions at which no defect, but an altered answer did.
    #[serde(default)]
    pub altered: BTreeSet<String>,
}

impl Proofs {
    /// What audits of the packs that come with the program have found.
    ///
    /// # Errors
    /// The embedded file is not in its form.
    pub fn builtin() -> Result<Self, String> {
        Self::parse(include_str!("../../../../scenarios/proofs.yaml"))
    }

    /// Reads the file that [`to_yaml`](Self::to_yaml) writes.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|e| e.to_string())
    }

    /// The file: a line for each defect, so that a change to it reads well.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut text = String::from(
            "# For each requirement, the defects that turned one of its checks red, and at which protocol versions; `altered`: versions\n\
             # at which only an altered answer did. Written by `gauntlet audit --write-hints`; `gauntlet coverage` tells it.\n",
        );
        let list = |versions: &BTreeSet<String>| versions.iter().cloned().collect::<Vec<_>>().join(", ");
        for (id, proof) in &self.requirements {
            let _ = writeln!(text, "{id}:");
            if !proof.defects.is_empty() {
                text.push_str("  defects:\n");
            }
            for (defect, versions) in &proof.defects {
                let _ = writeln!(text, "    {defect}: [{}]", list(versions));
            }
            if !proof.altered.is_empty() {
                let _ = writeln!(text, "  altered: [{}]", list(&proof.altered));
            }
        }
        text
    }

    /// What is known of a requirement.
    #[must_use]
    pub fn get(&self, requirement: &str) -> Option<&Proof> {
        self.requirements.get(requirement)
    }

    /// Each requirement and what is known of it, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Proof)> {
        self.requirements.iter().map(|(id, proof)| (id.as_str(), proof))
    }

    /// A defect turned a check of the requirement red.
    pub fn add_defect(&mut self, requirement: &str, defect: &str, version: Option<&str>) {
        let proof = self.requirements.entry(requirement.to_owned()).or_default();
        let version = version.unwrap_or(NO_VERSION);
        proof.defects.entry(defect.to_owned()).or_default().insert(version.to_owned());
        proof.altered.remove(version);
    }

    /// An altered answer turned a check of the requirement red. Says nothing new where a defect did.
    pub fn add_altered(&mut self, requirement: &str, version: Option<&str>) {
        let proof = self.requirements.entry(requirement.to_owned()).or_default();
        let version = version.unwrap_or(NO_VERSION);
        if !proof.defects.values().any(|versions| versions.contains(version)) {
            proof.altered.insert(version.to_owned());
        }
    }

    /// Forgets everything about a defect, before it is looked at again.
    pub fn forget_defect(&mut self, defect: &str) {
        for proof in self.requirements.values_mut() {
            proof.defects.remove(defect);
        }
    }

    /// Adds everything that the other knows.
    pub fn extend(&mut self, other: &Self) {
        let version = |text: &'_ str| (text != NO_VERSION).then(|| text.to_owned());
        for (id, proof) in &other.requirements {
            for (defect, versions) in &proof.defects {
                versions.iter().for_each(|v| self.add_defect(id, defect, version(v).as_deref()));
            }
            proof.altered.iter().for_each(|v| self.add_altered(id, version(v).as_deref()));
        }
        self.requirements.retain(|_, proof| !proof.defects.is_empty() || !proof.altered.is_empty());
    }
}

impl Proof {
    /// The defects at this version. Cases without a version count for every version: what they check depends on none.
    pub fn defects_at(&self, version: Option<&str>) -> impl Iterator<Item = &str> {
        self.defects.iter().filter(move |(_, versions)| holds(versions, version)).map(|(defect, _)| defect.as_str())
    }

    /// Whether an altered answer turned a check red at this version.
    #[must_use]
    pub fn altered_at(&self, version: Option<&str>) -> bool {
        holds(&self.altered, version)
    }
}

/// Behaviour that depends on no version is shown at any.
fn holds(versions: &BTreeSet<String>, version: Option<&str>) -> bool {
    versions.contains(NO_VERSION) || version.map_or(!versions.is_empty(), |version| versions.contains(version))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut proofs = Proofs::default();
        proofs.add_defect("tools.list.shape", "mcp-server:no-schema", Some("2025-06-18"));
        proofs.add_defect("tools.list.shape", "mcp-server:no-schema", Some("2025-11-25"));
        proofs.add_altered("tools.list.shape", Some("2024-11-05"));
        proofs.add_defect("sts.errors", "sts:html", None);
        assert_eq!(Proofs::parse(&proofs.to_yaml()).unwrap(), proofs);
        assert!(Proofs::parse("a: { defect: {} }").unwrap_err().contains("defect"));
    }

    #[test]
    fn a_defect_outweighs_an_altered_answer() {
        let mut proofs = Proofs::default();
        proofs.add_altered("a", Some("2025-06-18"));
        proofs.add_defect("a", "m:d", Some("2025-06-18"));
        proofs.add_altered("a", Some("2025-06-18"));
        let proof = proofs.get("a").unwrap();
        assert!(!proof.altered_at(Some("2025-06-18")) && proof.defects_at(Some("2025-06-18")).eq(["m:d"]));
        assert_eq!(proof.defects_at(Some("2025-11-25")).count(), 0, "it was not shown there");
        assert!(proof.defects_at(None).eq(["m:d"]));
    }

    #[test]
    fn what_has_no_version_holds_at_each() {
        let mut proofs = Proofs::default();
        proofs.add_defect("a", "m:d", None);
        assert!(proofs.get("a").unwrap().defects_at(Some("2025-11-25")).eq(["m:d"]));
    }

    #[test]
    fn what_is_looked_at_again_is_forgotten_first() {
        let mut before = Proofs::default();
        before.add_defect("a", "m:gone", None);
        before.add_defect("b", "m:stays", None);
        before.forget_defect("m:gone");
        let mut found = Proofs::default();
        found.add_defect("b", "m:new", Some("2025-11-25"));
        before.extend(&found);
        let ids: Vec<&str> = before.iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["b"]);
        assert_eq!(before.get("b").unwrap().defects.len(), 2);
    }
}
