//! Snapshots that are held in memory, and not beside their scenario.

use std::collections::BTreeMap;

use gauntlet_format::{Scenario, Version};

use super::file;

/// Snapshots of a scenario by the name of their file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldSnapshots {
    texts: BTreeMap<String, String>,
}

impl HeldSnapshots {
    /// Those of a case that are beside its scenario, at every version and over every transport.
    ///
    /// # Errors
    /// When one is there and cannot be read.
    pub(crate) fn beside(scenario: &Scenario, case: &[(String, String)]) -> Result<Self, String> {
        let mut held = Self::default();
        let Some(source) = scenario.sources.first() else { return Ok(held) };
        let folder = file::folder_of(&source.path);
        for version in Version::ALL.into_iter().map(Some).chain([None]) {
            for is_stdio in [false, true] {
                let name = file::name_of(case, version, is_stdio);
                if let Some(text) = file::read(&folder.join(&name))? {
                    held.texts.insert(name, text);
                }
            }
        }
        Ok(held)
    }

    /// Whether a snapshot can have the name: it leads nowhere but into the folder.
    pub(crate) fn is_name(name: &str) -> bool {
        file::is_name(name)
    }

    /// Adds one.
    pub(crate) fn add(&mut self, name: &str, text: String) {
        self.texts.insert(name.to_owned(), text);
    }

    /// The text of one.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Names and texts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}
