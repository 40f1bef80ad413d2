//! Requirement catalogues: what each requirement id means.
//!
//! The catalogues under `scenarios/` are turned into a sorted table when this crate is built, so that a run pays
//! nothing for them; catalogues of users' own are read at run time.

mod catalogue;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use gauntlet_format::Version;

pub use catalogue::{Evidence, Level, RequirementTransport, Subject};

static BUILTIN: &[Requirement] = include!(concat!(env!("OUT_DIR"), "/requirements.rs"));

/// A normative statement that a check can prove or refute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Stable id, such as `tools.list.shape`.
    pub id: Cow<'static, str>,
    /// How binding it is.
    pub level: Level,
    /// Whom it binds.
    pub subject: Subject,
    /// The first version it holds in; `None` for behaviour of a vendor, which has no protocol version.
    pub since: Option<Version>,
    /// The last version it holds in; `None`: still in force.
    pub until: Option<Version>,
    /// Grouping, such as `tools`.
    pub theme: Cow<'static, str>,
    /// The transport it belongs to.
    pub transport: RequirementTransport,
    /// The rule in one sentence.
    pub statement: Cow<'static, str>,
    /// Stimulus, then the outcome that is accepted.
    pub observe: Cow<'static, str>,
    /// Ambiguities, and limits of observation.
    pub note: Option<Cow<'static, str>>,
    /// Why nobody can test it at the wire, if that is so.
    pub untestable: Option<Cow<'static, str>>,
    /// Path and anchor on modelcontextprotocol.io.
    pub spec: Option<Cow<'static, str>>,
    /// Where it is known from, if the specification does not state it.
    pub source: Option<Cow<'static, str>>,
    /// How well it is known, if the specification does not state it.
    pub evidence: Option<Evidence>,
    /// Checks of the official conformance suite (`@modelcontextprotocol/conformance`) that are about it.
    pub conformance: Cow<'static, [Cow<'static, str>]>,
}

impl Requirement {
    /// The page of the specification that states it.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        self.spec.as_ref().map(|path| format!("https://modelcontextprotocol.io{path}"))
    }

    /// Whether it holds in a version. Behaviour of a vendor holds in all.
    #[must_use]
    pub fn holds_in(&self, version: Version) -> bool {
        self.since.is_none_or(|since| since <= version) && self.until.is_none_or(|until| version <= until)
    }
}

impl Level {
    /// As the specification spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
            Self::May => "MAY",
        }
    }

    /// Whether breaking it is a `fail`.
    #[must_use]
    pub const fn is_binding(self) -> bool {
        matches!(self, Self::Must | Self::MustNot)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Subject {
    /// As catalogues spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::AuthorizationServer => "authorization-server",
            Self::Proxy => "proxy",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Evidence {
    /// As catalogues spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Measured => "measured",
            Self::Documented => "documented",
            Self::Derived => "derived",
            Self::Assumed => "assumed",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A catalogue that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// It is not YAML of the right shape, or an entry contradicts itself.
    #[error("not a requirement catalogue: {0}")]
    Invalid(String),
    /// Another catalogue has the id already.
    #[error("requirement `{0}` exists already; an id keeps one meaning")]
    Duplicate(String),
}

/// The requirements known to a run: those that come with the program, and those of users' catalogues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    builtin: &'static [Requirement],
    own: BTreeMap<String, Requirement>,
}

impl Requirements {
    /// The catalogues that come with the program. Costs nothing.
    #[must_use]
    pub const fn builtin() -> Self {
        Self { builtin: BUILTIN, own: BTreeMap::new() }
    }

    /// A catalogue of a user's own, and nothing else.
    ///
    /// # Errors
    /// The text is not a catalogue, or an id stands in it twice.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let entries = catalogue::parse(text).map_err(CatalogueError::Invalid)?;
        let own = entries
            .into_iter()
            .map(|entry| Ok((entry.id.clone(), requirement(entry)?)))
            .collect::<Result<_, CatalogueError>>()?;
        Ok(Self { builtin: &[], own })
    }

    /// Adds the requirements of another catalogue.
    ///
    /// # Errors
    /// An id exists already; nothing is added then.
    pub fn extend(&mut self, other: &Self) -> Result<(), CatalogueError> {
        if let Some(twice) = other.iter().find(|r| self.get(&r.id).is_some()) {
            return Err(CatalogueError::Duplicate(twice.id.to_string()));
        }
        self.own.extend(other.iter().map(|r| (r.id.to_string(), r.clone())));
        Ok(())
    }

    /// The requirement with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Requirement> {
        let builtin = self.builtin.binary_search_by(|r| (*r.id).cmp(id)).ok().and_then(|i| self.builtin.get(i));
        builtin.or_else(|| self.own.get(id))
    }

    /// All of them: those of the program by id, then the user's by id.
    pub fn iter(&self) -> impl Iterator<Item = &Requirement> {
        self.builtin.iter().chain(self.own.values())
    }

    /// All ids, in the order of [`iter`](Self::iter).
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|r| &*r.id)
    }
}

fn requirement(entry: catalogue::Entry) -> Result<Requirement, CatalogueError> {
    let version = |text: Option<String>| {
        text.map(|t| t.parse::<Version>())
            .transpose()
            .map_err(|e| CatalogueError::Invalid(format!("`{}`: {e}", entry.id)))
    };
    Ok(Requirement {
        since: version(entry.since)?,
        until: version(entry.until)?,
        id: entry.id.into(),
        level: entry.level,
        subject: entry.subject,
        theme: entry.theme.into(),
        transport: entry.transport,
        statement: entry.statement.into(),
        observe: entry.observe.into(),
        note: entry.note.map(Into::into),
        untestable: entry.untestable.map(Into::into),
        spec: entry.spec.map(Into::into),
        source: entry.source.map(Into::into),
        evidence: entry.evidence,
        conformance: entry.conformance.into_iter().map(Cow::Owned).collect(),
    })
}

#[cfg(test)]
mod tests;
