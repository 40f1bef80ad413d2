//! Reads a bundle, in memory and under bounds.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::ZipArchive;
use zip::result::ZipError;

use super::BundleError;
use super::manifest::{FORMAT, Manifest};
use crate::config::Config;
use crate::runner::{Filter, ScenarioSet};

/// Bytes of an archive at most.
const ARCHIVE_LIMIT: u64 = 64 << 20;

/// Bytes of what is read of it, unpacked, each at most.
const MEMBER_LIMIT: u64 = 1 << 20;

/// Files in it at most.
const MEMBERS: usize = 100;

/// A bundle that was read.
#[derive(Debug)]
pub struct Bundle {
    /// What it says of itself.
    pub manifest: Manifest,
    path: PathBuf,
    scenario: Arc<str>,
    pack: Option<Arc<str>>,
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
        let manifest = member(&mut archive, "bundle.json")?
            .ok_or_else(|| BundleError::Archive("it has no bundle.json, so it is no bundle".to_owned()))?;
        let format = serde_json::from_str::<serde_json::Value>(&manifest).ok();
        let format = format.as_ref().and_then(|value| value.get("format")?.as_str());
        if format != Some(FORMAT) {
            let found: String = format.unwrap_or("none").chars().take(60).collect();
            return Err(BundleError::Archive(format!("its format is {found:?}; this Gauntlet reads {FORMAT}")));
        }
        let manifest = serde_json::from_str(&manifest)
            .map_err(|error| BundleError::Archive(format!("its bundle.json is broken: {error}")))?;
        let scenario = member(&mut archive, "scenario.yaml")?
            .ok_or_else(|| BundleError::Archive("it has no scenario.yaml".to_owned()))?;
        let pack = member(&mut archive, "pack.yaml")?;
        Ok(Self { manifest, path: path.to_owned(), scenario: scenario.into(), pack: pack.map(Into::into) })
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

    /// A configuration with the bundle's own target and no other.
    ///
    /// # Errors
    /// When it ran on a target of its maker's, or on one that this Gauntlet does not have.
    pub fn config(&self) -> Result<Config, BundleError> {
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

/// A file of the archive as text, if there is one of that name.
fn member(archive: &mut ZipArchive<File>, name: &str) -> Result<Option<String>, BundleError> {
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
    file.take(MEMBER_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| BundleError::Archive(format!("its {name} cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MEMBER_LIMIT {
        return Err(BundleError::Archive(format!("its {name} is larger than {} MiB", MEMBER_LIMIT >> 20)));
    }
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| BundleError::Archive(format!("its {name} is not valid UTF-8")))
}

fn broken(error: &ZipError) -> BundleError {
    BundleError::Archive(format!("it is no archive that can be read: {error}"))
}
