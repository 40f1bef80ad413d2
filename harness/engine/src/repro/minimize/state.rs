//! What was tried, kept in a file so that an interrupted search goes on where it was.

use std::collections::BTreeMap;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::goal::Goal;

/// Version of the file's format.
const FORMAT: &str = "gauntlet-minimize-state/2";

/// Bytes of such a file at most.
const LIMIT: u64 = 64 << 20;

/// What a candidate came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Tried {
    /// It fails in the same way.
    Same,
    /// It does not, or in another way.
    Otherwise(String),
    /// It is no scenario that can run.
    Invalid(String),
    /// It has several copies of the step that fails; this one, from 0, is the first that does.
    At(usize),
}

/// The case that is reduced, and what is kept of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) version: Option<String>,
    pub(super) matrix: Vec<(String, Value)>,
    pub(super) goal: Goal,
    /// What it is called.
    pub(super) case: String,
    /// What is wrong, in one sentence.
    pub(super) told: String,
    /// Whether the case ended with it.
    pub(super) ended: bool,
    /// Whether it passes on the mock of its role.
    pub(super) has_reference: bool,
    /// What its snapshot holds, by the number of the step.
    pub(super) held: BTreeMap<usize, String>,
    /// How long a candidate waits for an answer, where the failure is that none comes.
    pub(super) patience: Option<Duration>,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    format: String,
    /// What it belongs to: scenario, targets and options.
    key: String,
    /// Requests made so far.
    pub(super) requests: u64,
    /// What was found out about the original.
    pub(super) begun: Option<Begun>,
    /// Candidates by their digest.
    pub(super) tried: BTreeMap<String, Tried>,
    /// The smallest scenario so far.
    pub(super) best: Option<Value>,
    /// Requests that it takes.
    pub(super) cost: u64,
}

/// Where the state is kept, and what to do with one that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFile {
    /// The file.
    pub path: PathBuf,
    /// Go on from it.
    pub resume: bool,
}

/// Why a search cannot go on, or begin.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be read or is none.
    #[error("cannot go on from {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is of another search.
    #[error(
        "{} is of another scenario, target or check, or the scenario has changed since; leave `--resume` out to begin anew",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Somebody may want to go on from it.
    #[error("{} is of the same search, {tried} candidates far: `--resume` goes on, removing the file begins anew", path.display())]
    InTheWay {
        /// The file.
        path: PathBuf,
        /// How far.
        tried: usize,
    },
}

impl State {
    /// Nothing was tried.
    pub(super) fn new(key: String) -> Self {
        Self { format: FORMAT.to_owned(), key, requests: 0, begun: None, tried: BTreeMap::new(), best: None, cost: 0 }
    }

    /// The state to begin with.
    pub(super) fn open(file: Option<&StateFile>, key: String) -> Result<Self, StateError> {
        let Some(StateFile { path, resume }) = file else { return Ok(Self::new(key)) };
        let unreadable = |reason: String| StateError::Unreadable { path: path.clone(), reason };
        if !path.exists() {
            return match resume {
                true => Err(unreadable("there is no such file; leave `--resume` out to begin".to_owned())),
                false => Ok(Self::new(key)),
            };
        }
        let read = Self::read(path);
        match (read, *resume) {
            (Ok(state), true) if state.key == key => Ok(state),
            (Ok(_), true) => Err(StateError::Foreign { path: path.clone() }),
            (Err(reason), true) => Err(unreadable(reason)),
            (Ok(state), false) if state.key == key && !state.tried.is_empty() => {
                Err(StateError::InTheWay { path: path.clone(), tried: state.tried.len() })
            }
            (_, false) => Ok(Self::new(key)),
        }
    }

    fn read(path: &Path) -> Result<Self, String> {
        let metadata = std::fs::metadata(path).map_err(|e| e.to_string())?;
        if !metadata.is_file() || metadata.len() > LIMIT {
            return Err("it is not a file of this command".to_owned());
        }
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
        file.take(LIMIT).read_to_string(&mut text).map_err(|e| e.to_string())?;
        let state: Self = serde_json::from_str(&text).map_err(|e| format!("it is not a file of this command: {e}"))?;
        if state.format == FORMAT { Ok(state) } else { Err(format!("its format is not {FORMAT}")) }
    }

    /// Puts the file in the place of the old one. Whoever ends this process leaves one of them whole; that the machine may go down
    /// is not worth waiting for the disk after every candidate.
    pub(super) fn save(&self, path: &Path) -> std::io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut beside = tempfile::Builder::new().prefix(".gauntlet-").tempfile_in(folder)?;
        let mut out = BufWriter::new(beside.as_file_mut());
        serde_json::to_writer(&mut out, self)?;
        out.flush()?;
        drop(out);
        beside.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir, resume: bool) -> StateFile {
        StateFile { path: folder.path().join("state.json"), resume }
    }

    #[test]
    fn a_search_goes_on_from_its_own_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let of = |resume, key: &str| State::open(Some(&file(&folder, resume)), key.to_owned());
        assert!(matches!(of(true, "k"), Err(StateError::Unreadable { .. })));
        let mut state = of(false, "k").unwrap();
        state.requests = 7;
        state.tried.insert("d".to_owned(), Tried::Otherwise("passes".to_owned()));
        state.save(&file(&folder, false).path).unwrap();
        assert_eq!(of(true, "k").unwrap(), state);
        assert!(matches!(of(true, "other"), Err(StateError::Foreign { .. })));
        assert!(matches!(of(false, "k"), Err(StateError::InTheWay { tried: 1, .. })));
        assert_eq!(of(false, "other").unwrap().requests, 0);
    }

    #[test]
    fn a_file_that_is_none_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "",
            "{",
            "{}",
            "{\"format\":\"x\",\"key\":\"k\",\"requests\":1,\"begun\":null,\"tried\":{},\"best\":null,\"cost\":0}",
        ] {
            std::fs::write(file(&folder, true).path, text).unwrap();
            let refused = State::open(Some(&file(&folder, true)), "k".to_owned()).unwrap_err();
            assert!(refused.to_string().contains("cannot go on from"), "{refused}");
        }
    }
}
