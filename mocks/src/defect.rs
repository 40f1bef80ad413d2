//! Named misbehaviour.

use crate::catalogue::DefectInfo;
use crate::config::ConfigError;

/// The defects of one mock.
pub(crate) trait Defect: Copy + Eq + 'static {
    /// Id and summary, in the order of declaration.
    const INFOS: &'static [DefectInfo];
    /// The defects, in the same order.
    const VALUES: &'static [Self];
}

/// Declares the defects of a mock: an enum, and [`Defect`] for it.
macro_rules! defects {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($variant:ident = $id:literal: $summary:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name {
            $(#[doc = $summary] $variant,)+
        }

        impl $crate::defect::Defect for $name {
            const INFOS: &'static [$crate::catalogue::DefectInfo] =
                &[$($crate::catalogue::DefectInfo { id: $id, summary: $summary },)+];
            const VALUES: &'static [Self] = &[$(Self::$variant,)+];
        }
    };
}
pub(crate) use defects;

/// The defects that a mock shows now.
#[derive(Debug, Clone)]
pub(crate) struct DefectSet<D>(Vec<D>);

impl<D> Default for DefectSet<D> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<D: Defect> DefectSet<D> {
    /// The defects with these ids. `mock` is for the message.
    pub(crate) fn parse(mock: &str, ids: &[String]) -> Result<Self, ConfigError> {
        let mut set = Vec::new();
        for (index, id) in ids.iter().enumerate() {
            match D::INFOS.iter().position(|info| info.id == id) {
                Some(position) => set.push(D::VALUES[position]),
                None => {
                    let known = D::INFOS.iter().map(|info| info.id);
                    let problem = format!("{mock} has no defect `{id}`");
                    return Err(ConfigError::unknown(format!("defects[{index}]"), problem, id, known));
                }
            }
        }
        Ok(Self(set))
    }

    /// Whether none is to be shown.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a defect is to be shown.
    pub(crate) fn has(&self, defect: D) -> bool {
        self.0.contains(&defect)
    }
}
