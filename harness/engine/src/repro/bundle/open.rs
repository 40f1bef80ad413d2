//! Reads a bundle, in memory and under bounds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gauntlet_reports::sanitize;
use zip::ZipArchive;
use zip::result::ZipError;

use super::manifest::{FORMAT, Manifest};
use super::target::{RECORDINGS, recording_name};
use super::{BundleError, MEMBER_LIMIT, RECORDING_LIMIT, SNAPSHOTS};
use crate::config::Config;
use crate::repro::har::{self, Limits};
use crate::repro::stub::{RecordedServer, StubOptions};
use crate::runner::{Filter, GivenSecrets, ScenarioSet};
use crate::snapshot::HeldSnapshots;

/// Bytes of an archive at most.
const ARCHIVE_LIMIT: u64 = 64 << 20;

/// Files in it at most.
const MEMBERS: usize = 100;

/// Bytes that each recording may hold in memory.
const HELD: usize = 64 << 20;

/// Characters that are shown of what it says.
const SHOWN: usize = 300;

/// A bundle that was read.
#[derive(Debug)]
pub struct Bundle {
    /// What it says of itself.
    pub manifest: Manifest,
    path: PathBuf,
    scenario: Arc<str>,
    pack: Option<Arc<str>>,
    snapshots: Arc<HeldSnapshots>,
    /// By the name of their file.
    recordings: BTreeMap<String, RecordedServer>,
}

/// Whether a path names a bundle.
#[must_use]
pub fn is_bundle(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
}

impl Bundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// When the file cannot be read, is no bundle, is of a later format, or goes beyond a bound.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(BundleError::Archive("it is not a regular file".to_owned()));
        }
        if metadata.len() > ARCHIVE_LIMIT {
            return Err(BundleError::Archive(format!("it is larger than {} MiB", ARCHIVE_LIMIT >> 20)));
        }
        let mut archive = ZipArchive::new(file).map_err(|error| broken(&error))?;
        if archive.len() > MEMBERS {
            return Err(BundleError::Archive(format!("it has more than {MEMBERS} files in it")));
        }
        let manifest = member(&mut archive, "bundle.json", MEMBER_LIMIT)?
            .ok_or_else(|| BundleError::Archive("it has no bundle.json, so it is no bundle".to_owned()))?;
        let format = serde_json::from_str::<serde_json::Value>(&manifest).ok();
        let format = format.as_ref().and_then(|value| value.get("format")?.as_str());
        if format != Some(FORMAT) {
            let found: String = format.unwrap_or("none").chars().take(60).collect();
            return Err(BundleError::Archive(format!("its format is {found:?}; this Gauntlet reads {FORMAT}")));
        }
        let manifest: Manifest = serde_json::from_str(&manifest)
            .map_err(|error| BundleError::Archive(format!("its bundle.json is broken: {error}")))?;
        let scenario = member(&mut archive, "scenario.yaml", MEMBER_LIMIT)?
            .ok_or_else(|| BundleError::Archive("it has no scenario.yaml".to_owned()))?;
        let pack = member(&mut archive, "pack.yaml", MEMBER_LIMIT)?.map(Into::into);
        let snapshots = Arc::new(snapshots(&mut archive)?);
        let recordings = if manifest.described.is_some() { recordings(&mut archive)? } else { BTreeMap::new() };
        Ok(Self { manifest, path: path.to_owned(), scenario: scenario.into(), pack, snapshots, recordings })
    }

    /// Its one scenario. Places in it are told as `bug.zip/scenario.yaml:12:5`.
    #[must_use]
    pub fn scenarios(&self) -> ScenarioSet {
        let pack = self.pack.as_ref().map(|text| (self.path.join("pack.yaml"), Arc::clone(text)));
        ScenarioSet::of_text(self.path.join("scenario.yaml"), Arc::clone(&self.scenario), pack)
    }

    /// Its one case.
    #[must_use]
    pub fn filter(&self) -> Filter {
        let case = &self.manifest.case;
        Filter {
            versions: case.version.iter().filter_map(|version| version.parse().ok()).collect(),
            cases: case.case.iter().map(|(name, label)| format!("{name}={label}")).collect(),
            ..Filter::default()
        }
    }

    /// The snapshots that its scenario is held against.
    #[must_use]
    pub fn snapshots(&self) -> Arc<HeldSnapshots> {
        Arc::clone(&self.snapshots)
    }

    /// The defects that were switched on when it was made, by mock.
    #[must_use]
    pub fn defects(&self) -> BTreeMap<String, Vec<String>> {
        let Manifest { target, described, .. } = &self.manifest;
        let of_own = target.as_ref().map(|own| &own.defects);
        of_own.or_else(|| described.as_ref().map(|described| &described.defects)).cloned().unwrap_or_default()
    }

    /// A configuration with the bundle's own target and no other. `given` are the secrets that were taken out of it.
    ///
    /// # Errors
    /// When it ran on a target of its maker's that is not described, or is described as more than mocks; when this Gauntlet does not
    /// have it; when a secret is missing.
    pub fn config(&self, given: &GivenSecrets) -> Result<Config, BundleError> {
        if let (None, Some(described)) = (&self.manifest.target, &self.manifest.described) {
            let spec = described.spec(&self.manifest.role, &self.recordings, given).map_err(|why| {
                let why = sanitize::line(&why, SHOWN).into_owned();
                BundleError::Unportable(format!(
                    "its target cannot be run: {why}; say on which one it is to run: --target URL"
                ))
            })?;
            return Ok(Config { targets: vec![spec], ..Config::default() });
        }
        let Some(own) = &self.manifest.target else {
            return Err(BundleError::Unportable(format!(
                "it was made on the target `{}` of its maker; say on which one it is to run: --target URL, or a name of {}",
                self.manifest.case.target,
                crate::config::FILE_NAME
            )));
        };
        let mut config = Config::default();
        config.targets.retain(|spec| spec.name == own.name);
        if config.targets.is_empty() {
            let name: String = own.name.chars().take(60).collect();
            return Err(BundleError::Unportable(format!(
                "its target {name:?} does not come with this Gauntlet, which is {}; it was made with {}",
                env!("CARGO_PKG_VERSION"),
                self.manifest.gauntlet.chars().take(40).collect::<String>()
            )));
        }
        Ok(config)
    }
}

/// The snapshots in it; what has no name of one is no snapshot.
fn snapshots(archive: &mut ZipArchive<File>) -> Result<HeldSnapshots, BundleError> {
    let paths = archive.file_names().filter_map(Result::ok);
    let names: Vec<String> = paths
        .filter_map(|path| path.strip_prefix(SNAPSHOTS).map(str::to_owned))
        .filter(|name| HeldSnapshots::is_name(name))
        .collect();
    let mut held = HeldSnapshots::default();
    for name in names {
        if let Some(text) = member(archive, &format!("{SNAPSHOTS}{name}"), MEMBER_LIMIT)? {
            held.add(&name, text);
        }
    }
    Ok(held)
}

/// The recordings in it.
fn recordings(archive: &mut ZipArchive<File>) -> Result<BTreeMap<String, RecordedServer>, BundleError> {
    let limits = Limits { held: HELD, ..Limits::default() };
    let mut recordings = BTreeMap::new();
    for number in 0..RECORDINGS {
        let name = recording_name(number);
        let Some(text) = member(archive, &name, RECORDING_LIMIT)? else { break };
        let (recording, _) = har::hold(text.as_bytes(), &limits)
            .map_err(|error| BundleError::Archive(format!("its {name} cannot be read: {error}")))?;
        recordings.insert(name, RecordedServer::new(recording, StubOptions::default()));
    }
    Ok(recordings)
}

/// A file of the archive as text, if there is one of that name.
fn member(archive: &mut ZipArchive<File>, name: &str, limit: u64) -> Result<Option<String>, BundleError> {
    let file = match archive.by_name(name) {
        Ok(file) => file,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(broken(&error)),
    };
    if !file.is_file() {
        return Err(BundleError::Archive(format!("its {name} is not a regular file")));
    }
    // What the archive says of the size is a claim.
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| BundleError::Archive(format!("its {name} cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(BundleError::Archive(format!("its {name} is larger than {} MiB", limit >> 20)));
    }
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| BundleError::Archive(format!("its {name} is not valid UTF-8")))
}

fn broken(error: &ZipError) -> BundleError {
    BundleError::Archive(format!("it is no archive that can be read: {error}"))
}
