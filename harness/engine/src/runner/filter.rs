//! Which scenarios and cases run.

use gauntlet_format::{Scenario, Version};
use gauntlet_reports::{CaseId, CaseResult};
use wildmatch::WildMatch;

/// A selection. Kinds narrow each other; several values of one kind widen it.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Globs on the scenario id.
    pub ids: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Pack names.
    pub packs: Vec<String>,
    /// Globs on proved requirement ids.
    pub requirements: Vec<String>,
    /// Protocol versions.
    pub versions: Vec<Version>,
    /// `name=label` of the matrix.
    pub cases: Vec<String>,
    /// Names of targets.
    pub targets: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
}

/// Whether a glob takes one of the values. No glob at all takes everything.
pub fn any_glob<'a>(globs: &[String], mut values: impl Iterator<Item = &'a str>) -> bool {
    globs.is_empty() || {
        let globs: Vec<WildMatch> = globs.iter().map(|g| WildMatch::new(g)).collect();
        values.any(|v| globs.iter().any(|g| g.matches(v)))
    }
}

impl Filter {
    /// Whether the scenario is selected.
    #[must_use]
    pub fn takes(&self, scenario: &Scenario) -> bool {
        if !any_glob(&self.ids, std::iter::once(scenario.id.as_str())) {
            return false;
        }
        if !self.roles.is_empty() && !self.roles.contains(&scenario.target.name) {
            return false;
        }
        if !self.tags.is_empty() && !self.tags.iter().any(|t| scenario.tags.contains(t)) {
            return false;
        }
        if !self.packs.is_empty() && !scenario.pack.as_ref().is_some_and(|p| self.packs.contains(p)) {
            return false;
        }
        self.requirements.is_empty() || any_glob(&self.requirements, scenario.proofs().into_iter().map(|(id, _)| id))
    }

    /// Whether the case is selected, its scenario being so.
    #[must_use]
    pub fn takes_case(&self, id: &CaseId) -> bool {
        let version = self.versions.is_empty()
            || id.version.as_deref().is_some_and(|v| self.versions.iter().any(|wanted| wanted.as_str() == v));
        let case =
            self.cases.iter().all(|wanted| id.case.iter().any(|(name, label)| *wanted == format!("{name}={label}")));
        let target = self.targets.is_empty() || self.targets.contains(&id.target);
        version && case && target
    }

    /// Whether a case of a saved run is selected. What a requirement is proved by is known of those that were touched.
    #[must_use]
    pub fn takes_result(&self, result: &CaseResult) -> bool {
        let touched = result.attempts.iter().flat_map(|attempt| attempt.requirements.iter().map(|(id, _)| id.as_str()));
        any_glob(&self.ids, std::iter::once(result.id.scenario.as_str()))
            && (self.tags.is_empty() || self.tags.iter().any(|tag| result.tags.contains(tag)))
            && (self.packs.is_empty() || result.pack.as_ref().is_some_and(|pack| self.packs.contains(pack)))
            && any_glob(&self.requirements, touched)
            && self.takes_case(&result.id)
    }

    /// Whether anything is narrowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
            && self.tags.is_empty()
            && self.packs.is_empty()
            && self.requirements.is_empty()
            && self.versions.is_empty()
            && self.cases.is_empty()
            && self.targets.is_empty()
            && self.roles.is_empty()
    }
}
