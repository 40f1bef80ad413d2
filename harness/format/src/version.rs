//! MCP protocol versions and windows of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A released protocol version, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Version {
    /// 2024-11-05: stdio, and HTTP+SSE with two endpoints.
    #[serde(rename = "2024-11-05")]
    V2024_11_05,
    /// 2025-03-26: Streamable HTTP, batches.
    #[serde(rename = "2025-03-26")]
    V2025_03_26,
    /// 2025-06-18: `MCP-Protocol-Version`, no batches.
    #[serde(rename = "2025-06-18")]
    V2025_06_18,
    /// 2025-11-25: the last version with sessions.
    #[serde(rename = "2025-11-25")]
    V2025_11_25,
    /// 2026-07-28: stateless.
    #[serde(rename = "2026-07-28")]
    V2026_07_28,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];

    /// As it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Whether a connection opens with `initialize` (up to 2025-11-25).
    #[must_use]
    pub fn is_stateful(self) -> bool {
        self < Self::V2026_07_28
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a protocol version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a protocol version; the versions are 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28"
)]
pub struct UnknownVersion(pub String);

impl FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|v| v.as_str() == s).ok_or_else(|| UnknownVersion(s.to_owned()))
    }
}

/// A set of versions, written `2025-06-18`, `2025-03-26..`, `..2025-11-25` or `2025-03-26..2025-11-25` (both ends
/// inclusive), or as a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionWindow(u8);

impl VersionWindow {
    /// Every version.
    pub const ALL: Self = Self(0b1_1111);

    /// Whether the version is in the window.
    #[must_use]
    pub fn contains(self, version: Version) -> bool {
        self.0 & (1 << version as u8) != 0
    }

    /// The versions in the window, oldest first.
    pub fn iter(self) -> impl Iterator<Item = Version> {
        Version::ALL.into_iter().filter(move |v| self.contains(*v))
    }

    /// What is in both windows.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either window.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Version> for VersionWindow {
    fn from_iter<T: IntoIterator<Item = Version>>(iter: T) -> Self {
        Self(iter.into_iter().fold(0, |bits, v| bits | 1 << v as u8))
    }
}

impl FromStr for VersionWindow {
    type Err = UnknownVersion;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let Some((from, to)) = s.split_once("..") else {
            return Ok([s.parse()?].into_iter().collect());
        };
        let from = if from.is_empty() { Version::ALL[0] } else { from.parse()? };
        let to = if to.is_empty() { Version::ALL[4] } else { to.parse()? };
        Ok(Version::ALL.into_iter().filter(|v| (from..=to).contains(v)).collect())
    }
}
