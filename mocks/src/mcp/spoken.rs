//! Which versions a mock is told to speak, and how it is told to answer.

use serde::Deserialize;

use super::{MODERN, VERSIONS};
use crate::config::ConfigError;

/// The member `supported_versions` of a configuration: all that there are unless it names some.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct SpokenVersions(Vec<String>);

impl Default for SpokenVersions {
    fn default() -> Self {
        Self(VERSIONS.iter().map(|version| (*version).to_owned()).collect())
    }
}

impl SpokenVersions {
    /// Whether there is at least one, and none that is unknown.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.0.is_empty() {
            return Err(ConfigError::new("supported_versions", "is empty; name at least one version"));
        }
        match self.0.iter().enumerate().find(|(_, version)| !VERSIONS.contains(&version.as_str())) {
            None => Ok(()),
            Some((at, version)) => {
                let problem = format!("the service does not speak `{version}`; it speaks {}", VERSIONS.join(", "));
                let path = format!("supported_versions[{at}]");
                Err(ConfigError::unknown(path, problem, version, VERSIONS.iter().copied()))
            }
        }
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<&'static str> {
        VERSIONS.iter().copied().filter(|version| self.speaks(version)).collect()
    }

    /// Those with a handshake, oldest first.
    pub(crate) fn with_handshake(&self) -> Vec<&'static str> {
        VERSIONS.iter().copied().filter(|version| *version != MODERN && self.speaks(version)).collect()
    }

    /// Whether this one is spoken.
    pub(crate) fn speaks(&self, version: &str) -> bool {
        self.0.iter().any(|spoken| spoken == version)
    }
}

/// The member `answers` of a configuration: how a request is answered that could be answered by a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AnswerForm {
    /// By a document.
    Json,
    /// By a stream.
    Sse,
}
