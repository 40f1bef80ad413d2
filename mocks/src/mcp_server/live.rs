//! What the server goes by at the moment.

use std::sync::{Arc, PoisonError, RwLock};

use super::config::Settings;
use super::defects::Defect;
use crate::in_force::InForce;

/// The settings and the defects in force; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Live(Arc<RwLock<InForce<Settings, Defect>>>);

impl Live {
    pub(super) fn new(settings: InForce<Settings, Defect>) -> Self {
        Self(Arc::new(RwLock::new(settings)))
    }

    /// The settings in force now; they stay as they are for whoever holds them.
    pub(super) fn settings(&self) -> InForce<Settings, Defect> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts others in force.
    pub(super) fn replace(&self, settings: InForce<Settings, Defect>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Whether this defect is to be shown.
    pub(super) fn shows(&self, defect: Defect) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).shows(defect)
    }

    /// Whether any defect is to be shown.
    pub(super) fn any_defect(&self) -> bool {
        !self.0.read().unwrap_or_else(PoisonError::into_inner).defects().is_empty()
    }
}
