//! What of the target on which a case ran goes into its bundle.

use std::path::PathBuf;

use serde_json::Value;

use super::target::{entry, recording_name};
use super::write::{as_entry, traffic};
use super::{BundleError, RECORDING_LIMIT};
use crate::config::Config;
use crate::repro::load_upstream;
use crate::repro::recording::{Entry, Recording};
use crate::repro::secrets::Finder;

/// A target as a bundle has it.
pub(super) enum Target {
    /// It comes with Gauntlet.
    Own,
    /// It is made of mocks; its entry.
    Described(Value),
    /// Whoever runs the bundle names one; why.
    Elsewhere(String),
}

/// The same with the secrets in it.
pub(super) enum Carried {
    Own,
    Described { entry: Value, recordings: Vec<Recording> },
    Elsewhere(String),
}

impl Carried {
    /// The target of that name, of which a run says what kind it was.
    pub(super) fn of(config: &Config, name: &str, kind: Option<&str>) -> Self {
        let spec = config.targets.iter().find(|spec| spec.name == name && kind == Some(spec.kind()));
        match spec {
            // Nothing of these is outside of Gauntlet, whatever kind they are.
            Some(spec) if spec.is_embedded => Self::Own,
            Some(spec) if spec.is_mock() => {
                let read = |files: Vec<(PathBuf, String)>| {
                    files.iter().map(|(path, upstream)| load_upstream(path, upstream)).collect::<Result<Vec<_>, _>>()
                };
                match entry(spec).and_then(|(entry, files)| Ok((entry, read(files)?))) {
                    Ok((entry, recordings)) => Self::Described { entry, recordings },
                    Err(why) => Self::Elsewhere(why),
                }
            }
            _ => Self::Elsewhere(match kind {
                Some("url") => "it is a system at a URL".to_owned(),
                Some("command" | "client") => "it is a program".to_owned(),
                _ => "the configuration does not have it".to_owned(),
            }),
        }
    }

    fn each(&self, f: &mut dyn FnMut(&Entry)) {
        if let Self::Described { entry, recordings } = self {
            f(&as_entry(&marked(entry)));
            recordings.iter().flat_map(|recording| &recording.entries).for_each(f);
        }
    }

    /// Lets the finder know the secrets in it.
    pub(super) fn learn(&self, finder: &mut Finder) {
        self.each(&mut |entry| finder.learn(entry));
    }

    /// The target without them. Recordings are added to `files`, names of secrets that its entry needs to `needed`.
    pub(super) fn without(
        self,
        finder: &mut Finder,
        needed: &mut Vec<String>,
        files: &mut Vec<(String, Vec<u8>)>,
    ) -> Result<Target, BundleError> {
        let (entry, recordings) = match self {
            Self::Own => return Ok(Target::Own),
            Self::Elsewhere(why) => return Ok(Target::Elsewhere(why)),
            Self::Described { entry, recordings } => (entry, recordings),
        };
        let mut written = Vec::with_capacity(recordings.len());
        for (number, mut recording) in recordings.into_iter().enumerate() {
            recording.entries.iter_mut().for_each(|entry| finder.redact(entry));
            let content = traffic(&recording.entries)?;
            if u64::try_from(content.len()).unwrap_or(u64::MAX) > RECORDING_LIMIT {
                let most = RECORDING_LIMIT >> 20;
                return Ok(Target::Elsewhere(format!("a recording behind it takes more than {most} MiB")));
            }
            written.push((recording_name(number), content));
        }
        files.append(&mut written);
        let mut redacted = as_entry(&marked(&entry));
        finder.redact(&mut redacted);
        let Some(redacted) = redacted.request.body.json() else {
            return Ok(Target::Elsewhere("its entry cannot be written".to_owned()));
        };
        let redacted = unmarked(redacted);
        let text = redacted.to_string();
        for secret in finder.summary() {
            if text.contains(&format!("${{secret:{}}}", secret.name)) && !needed.contains(&secret.name) {
                needed.push(secret.name);
            }
        }
        Ok(Target::Described(redacted))
    }
}

/// Where credentials of an entry stand by names that say nothing of that.
const CREDENTIALS: [&str; 2] = ["/auth", "/auth/header"];

/// What makes a name one of a secret.
const MARK: &str = "_token";

/// The entry with its credentials by names that a finder knows.
fn marked(entry: &Value) -> Value {
    renamed(entry.clone(), |name, value| {
        // What a mock gives is made anew each time.
        let is_credential = value.as_str().is_some_and(|text| !text.contains("${upstreams."));
        if is_credential { format!("{name}{MARK}") } else { name }
    })
}

/// As it was before.
fn unmarked(entry: Value) -> Value {
    renamed(entry, |name, _| name.strip_suffix(MARK).map(str::to_owned).unwrap_or(name))
}

fn renamed(mut entry: Value, name: impl Fn(String, &Value) -> String) -> Value {
    for place in CREDENTIALS {
        if let Some(Value::Object(members)) = entry.pointer_mut(place) {
            let all = std::mem::take(members).into_iter();
            *members = all.map(|(known, value)| (name(known, &value), value)).collect();
        }
    }
    entry
}
