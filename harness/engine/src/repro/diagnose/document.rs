//! A diagnosis for programs.

use gauntlet_format::signature::{Reproduce, Signature};
use gauntlet_reports::Verdict;
use serde::Serialize;

use super::{Evidence, Match};

/// The format of the document; within a version members are only added.
pub const DIAGNOSIS_VERSION: &str = "gauntlet-diagnosis/1";

/// What was found in a file.
#[derive(Debug, Serialize)]
pub struct Document {
    schema: &'static str,
    diagnoses: Vec<Diagnosis>,
}

/// What was found in one case, or in a recording.
#[derive(Debug, Serialize)]
pub struct Diagnosis {
    /// The case; none of a recording.
    pub case: Option<String>,
    /// Its verdict; none of a recording.
    pub verdict: Option<Verdict>,
    /// What was recognised, the best match first.
    pub matches: Vec<Recognised>,
}

/// A match.
#[derive(Debug, Serialize)]
pub struct Recognised {
    id: String,
    title: String,
    systems: Vec<String>,
    confidence: &'static str,
    evidence: Vec<Evidence>,
    cause: String,
    remedy: Vec<Advice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    reproduce: Repetition,
}

#[derive(Debug, Serialize)]
struct Advice {
    who: String,
    r#do: String,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Repetition {
    Scenario {
        scenario: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        defect: Option<String>,
        command: String,
    },
    None {
        none: String,
    },
}

impl Document {
    /// Of what was found.
    #[must_use]
    pub fn new(diagnoses: Vec<Diagnosis>) -> Self {
        Self { schema: DIAGNOSIS_VERSION, diagnoses }
    }
}

impl From<&Match<'_>> for Recognised {
    fn from(found: &Match<'_>) -> Self {
        let signature = found.signature;
        Self {
            id: signature.id.name.clone(),
            title: signature.title.clone(),
            systems: signature.systems.clone(),
            confidence: signature.confidence.as_str(),
            evidence: found.evidence.clone(),
            cause: signature.cause.trim().to_owned(),
            remedy: signature
                .remedies
                .iter()
                .map(|remedy| Advice { who: remedy.who.clone(), r#do: remedy.action.clone() })
                .collect(),
            source: signature.known_from.clone(),
            link: signature.link.clone(),
            reproduce: repetition(signature),
        }
    }
}

fn repetition(signature: &Signature) -> Repetition {
    match &signature.reproduce {
        Reproduce::Scenario { scenario, defect } => Repetition::Scenario {
            scenario: scenario.name.clone(),
            defect: defect.as_ref().map(|defect| format!("{}:{}", defect.mock, defect.id)),
            command: signature.command().unwrap_or_default(),
        },
        Reproduce::None(why) => Repetition::None { none: why.clone() },
    }
}
