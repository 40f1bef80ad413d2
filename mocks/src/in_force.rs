//! What a mock goes by while it runs: a configuration that can change, and the defects that it shows.

use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::{ConfigError, merge};
use crate::defect::{Defect, DefectSet};

/// A checked configuration `S` and the defects shown beside it. It reads as the configuration; a clone is cheap, and does not change
/// when the original does.
#[derive(Debug)]
pub(crate) struct InForce<S, D> {
    /// Name of the mock, for messages.
    mock: &'static str,
    /// The configuration as written, changes included.
    members: Arc<Map<String, Value>>,
    settled: Arc<S>,
    defects: DefectSet<D>,
}

impl<S, D: Defect> InForce<S, D> {
    /// Checks a configuration with `read` and puts it in force.
    pub(crate) fn new(
        mock: &'static str,
        members: Map<String, Value>,
        defects: DefectSet<D>,
        read: impl FnOnce(&Map<String, Value>) -> Result<S, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let settled = Arc::new(read(&members)?);
        Ok(Self { mock, members: Arc::new(members), settled, defects })
    }

    /// With these members over its own, checked with `read`.
    pub(crate) fn over(
        &self,
        change: &Map<String, Value>,
        read: impl FnOnce(&Map<String, Value>) -> Result<S, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let mut members = Map::clone(&self.members);
        merge(&mut members, change);
        Self::new(self.mock, members, self.defects.clone(), read)
    }

    /// With the defects of these ids and no others.
    pub(crate) fn showing(&self, ids: &[String]) -> Result<Self, ConfigError> {
        Ok(Self { defects: DefectSet::parse(self.mock, ids)?, ..self.clone() })
    }

    /// Whether a defect is to be shown.
    pub(crate) fn shows(&self, defect: D) -> bool {
        self.defects.has(defect)
    }

    /// The defects that are shown.
    pub(crate) fn defects(&self) -> &DefectSet<D> {
        &self.defects
    }
}

// Derived, it would ask for a configuration that can be cloned.
impl<S, D: Clone> Clone for InForce<S, D> {
    fn clone(&self) -> Self {
        Self {
            mock: self.mock,
            members: Arc::clone(&self.members),
            settled: Arc::clone(&self.settled),
            defects: self.defects.clone(),
        }
    }
}

impl<S, D> Deref for InForce<S, D> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.settled
    }
}
