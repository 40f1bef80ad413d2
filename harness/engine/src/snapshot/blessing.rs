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
    /// Of each file the case that wrote it first, and the text.
    texts: BTreeMap<PathBuf, (CaseId, Taken)>,
    /// Cases of which nothing is taken over.
    pub refused: Vec<Refused>,
}

/// A case of which nothing is taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The case.
    pub case: CaseId,
    /// Why.
    pub reason: Refusal,
}

/// Why nothing of a case is taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Something else is wrong with it.
    Fails,
    /// This case has the same file and came to something else.
    Differs(CaseId),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Refusal::Fails => write!(f, "{} is not blessed: something else is wrong with it", self.case),
            Refusal::Differs(other) => write!(
                f,
                "{} is not blessed: it has the same snapshot as {other} and came to something else; name one target with --target",
                self.case
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

    /// Takes down what a case came to whose checks pass. Two cases that have one file must say the same.
    pub(crate) fn add(&self, case: &CaseId, taken: Taken) {
        self.with(|blessed| match blessed.texts.get(&taken.path) {
            None => drop(blessed.texts.insert(taken.path.clone(), (case.clone(), taken))),
            Some((_, first)) if first.new == taken.new => {}
            Some((first, _)) => {
                let reason = Refusal::Differs(first.clone());
                blessed.refused.push(Refused { case: case.clone(), reason });
            }
        });
    }

    /// Takes down that a case is not in order.
    pub(crate) fn refuse(&self, case: &CaseId) {
        self.with(|blessed| blessed.refused.push(Refused { case: case.clone(), reason: Refusal::Fails }));
    }

    /// What has come together so far.
    #[must_use]
    pub fn take(&self) -> Blessed {
        self.with(std::mem::take)
    }

    /// What is to be written of one case.
    ///
    /// # Errors
    /// When another case has the same file and came to something else.
    pub(crate) fn of(&self, case: &CaseId) -> Result<Option<Pending>, Refused> {
        self.with(|blessed| {
            let is_other = |refused: &&Refused| refused.case == *case && refused.reason != Refusal::Fails;
            match blessed.refused.iter().find(is_other) {
                Some(refused) => Err(refused.clone()),
                None => Ok(blessed.texts.values().find(|(of, _)| of == case).and_then(|(_, taken)| pending(taken))),
            }
        })
    }
}

impl Blessed {
    /// Whether no case had a snapshot.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.refused.is_empty()
    }

    /// What is to be written, by path.
    pub fn pending(&self) -> impl Iterator<Item = Pending> {
        self.texts.values().filter_map(|(_, taken)| pending(taken))
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
