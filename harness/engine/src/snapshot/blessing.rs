//! Taking what a run answered over into the snapshots.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use gauntlet_reports::CaseId;

use super::{Taken, file};

/// Whether this is a CI job, as the variable `CI` says, where nobody reads what would be blessed.
#[must_use]
pub fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"))
}

/// What the cases of a run came to. While there is one, an exchange that is not that of the snapshot passes.
#[derive(Debug, Default)]
pub struct Blessing {
    blessed: Mutex<Blessed>,
}

/// What there is to write, and what cannot be.
#[derive(Debug, Default)]
pub struct Blessed {
    /// Of each file what the cases came to that have it.
    taken: BTreeMap<PathBuf, Vec<(usize, CaseId, Taken)>>,
    /// Cases in which something else is wrong.
    failed: Vec<(usize, CaseId)>,
}

/// Why something is not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Something else is wrong with the case.
    Fails(CaseId),
    /// Two cases have the same file and came to different texts.
    Differ(PathBuf, Box<[CaseId; 2]>),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails(case) => write!(f, "{case} is not blessed: something else is wrong with it"),
            Self::Differ(path, cases) => write!(
                f,
                "{} is not blessed: {} and {} came to different texts; name one target with --target",
                path.display(),
                cases[0],
                cases[1]
            ),
        }
    }
}

/// A snapshot that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The file.
    pub path: PathBuf,
    /// What it holds; `None`: there is none.
    pub old: Option<String>,
    /// What it will hold.
    pub new: String,
}

impl Blessing {
    fn with<T>(&self, f: impl FnOnce(&mut Blessed) -> T) -> T {
        f(&mut self.blessed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes down what a case came to whose checks pass.
    pub(crate) fn add(&self, index: usize, case: &CaseId, taken: Taken) {
        self.with(|blessed| {
            let path = taken.path.clone();
            blessed.taken.entry(path).or_default().push((index, case.clone(), taken));
        });
    }

    /// Takes down that something else is wrong with a case.
    pub(crate) fn refuse(&self, index: usize, case: &CaseId) {
        self.with(|blessed| blessed.failed.push((index, case.clone())));
    }

    /// What has come together, in the order of the run.
    #[must_use]
    pub fn take(&self) -> Blessed {
        let mut blessed = self.with(std::mem::take);
        blessed.taken.values_mut().for_each(|cases| cases.sort_by_key(|(index, ..)| *index));
        blessed.failed.sort_by_key(|(index, _)| *index);
        blessed
    }

    /// What is to be written of one case that has just ended.
    ///
    /// # Errors
    /// When another case has the same file and came to something else.
    pub(crate) fn of(&self, case: &CaseId) -> Result<Option<Pending>, Refused> {
        self.with(|blessed| {
            let is_of = |cases: &&Vec<(usize, CaseId, Taken)>| cases.iter().any(|(_, of, _)| of == case);
            blessed.taken.values().find(is_of).map_or(Ok(None), |cases| settled(cases))
        })
    }
}

impl Blessed {
    /// Whether no case had a snapshot.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.failed.is_empty()
    }

    /// What is to be written, by path.
    pub fn pending(&self) -> impl Iterator<Item = Pending> {
        self.taken.values().filter_map(|cases| settled(cases).ok().flatten())
    }

    /// What is not taken over.
    pub fn refused(&self) -> impl Iterator<Item = Refused> {
        let failed = self.failed.iter().map(|(_, case)| Refused::Fails(case.clone()));
        failed.chain(self.taken.values().filter_map(|cases| settled(cases).err()))
    }
}

/// What the cases that have one file agree on, if that is not in it already.
fn settled(cases: &[(usize, CaseId, Taken)]) -> Result<Option<Pending>, Refused> {
    let Some((_, first, taken)) = cases.first() else { return Ok(None) };
    match cases.iter().find(|(_, _, other)| other.new != taken.new) {
        Some((_, other, _)) => Err(Refused::Differ(taken.path.clone(), Box::new([first.clone(), other.clone()]))),
        None => Ok(pending(taken)),
    }
}

fn pending(taken: &Taken) -> Option<Pending> {
    let Taken { path, old, new } = taken;
    (old.as_ref() != Some(new)).then(|| Pending { path: path.clone(), old: old.clone(), new: new.clone() })
}

impl Pending {
    /// What changes, for people: the path, then the lines that go and those that come.
    #[must_use]
    pub fn diff(&self, color: bool) -> String {
        let new = if self.old.is_none() { " (new)" } else { "" };
        let diff = gauntlet_reports::diff::text(self.old.as_deref().unwrap_or_default(), &self.new, color);
        format!("{}{new}\n{diff}", self.path.display())
    }

    /// Writes the file, in place of what was there.
    ///
    /// # Errors
    /// What went wrong, in one sentence; the file is as it was then.
    pub fn write(&self) -> Result<(), String> {
        file::write(&self.path, &self.new)
    }
}
