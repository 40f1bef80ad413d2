//! The shared config and credentials files: which there are, and the profiles in them.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use gauntlet_format::diagnostic::did_you_mean;

use super::environment::Environment;
use super::parse::{Section, parse};

/// Bytes of one file.
const MOST_BYTES: u64 = 1 << 20;

/// Profiles that a message lists.
const LISTED: usize = 10;

/// Names and values of a section.
pub(super) type Settings = BTreeMap<String, String>;

/// A setting that is there and says something.
pub(super) fn setting<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    settings.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// What both files say.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Both, and whether it is there.
    places: [(PathBuf, bool); 2],
    profiles: BTreeMap<String, Settings>,
    sso_sessions: BTreeMap<String, Settings>,
    /// Endpoints by section and service.
    services: BTreeMap<String, Settings>,
    /// Sections of the config file that would be profiles in the credentials file.
    unprefixed: Vec<String>,
}

impl Files {
    /// Reads both files. One that is not there says nothing.
    ///
    /// # Errors
    /// Place and reason when a file cannot be read or has not the form of one.
    pub(super) fn read(environment: &Environment) -> Result<Self, String> {
        let place = |variable: &str, usual: &str| environment.path(environment.get(variable).unwrap_or(usual));
        let config = place("AWS_CONFIG_FILE", "~/.aws/config");
        let credentials = place("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
        let mut files = Self::default();
        let of_config = sections_of(&config)?;
        let of_credentials = sections_of(&credentials)?;
        files.places = [(config, of_config.is_some()), (credentials, of_credentials.is_some())];
        let of_config = of_config.unwrap_or_default();
        // `[profile default]` stands over `[default]` where both are.
        let has_prefixed_default = of_config.iter().any(|section| section.header == "profile default");
        for section in of_config {
            match section.header.split_once(' ') {
                Some(("profile", name)) => merge(files.profiles.entry(name.to_owned()).or_default(), section),
                Some(("sso-session", name)) => merge(files.sso_sessions.entry(name.to_owned()).or_default(), section),
                Some(("services", name)) => endpoints(files.services.entry(name.to_owned()).or_default(), section),
                None if section.header == "default" && !has_prefixed_default => {
                    merge(files.profiles.entry("default".to_owned()).or_default(), section);
                }
                _ => files.unprefixed.push(section.header),
            }
        }
        for section in of_credentials.unwrap_or_default() {
            merge(files.profiles.entry(section.header.clone()).or_default(), section);
        }
        Ok(files)
    }

    /// The profile, if it is there.
    pub(super) fn profile(&self, name: &str) -> Option<&Settings> {
        self.profiles.get(name)
    }

    /// The profile that somebody named.
    ///
    /// # Errors
    /// What there is instead.
    pub(super) fn named(&self, name: &str) -> Result<&Settings, String> {
        if let Some(profile) = self.profiles.get(name) {
            return Ok(profile);
        }
        let names = self.profiles.keys().map(String::as_str);
        let hint = if self.unprefixed.iter().any(|header| header == name) {
            format!("; {} has `[{name}]`, and there it must be `[profile {name}]`", self.places[0].0.display())
        } else if let Some(hint) = did_you_mean(name, names.clone()) {
            format!("; {hint}")
        } else if names.len() == 0 {
            "; there is no profile at all".to_owned()
        } else {
            let listed: Vec<&str> = names.clone().take(LISTED).collect();
            let more = if names.len() > LISTED { ", …" } else { "" };
            format!("; there are {}{more}", listed.join(", "))
        };
        Err(format!("there is no AWS profile `{name}` in {}{hint}", self.describe()))
    }

    /// An SSO session by name.
    pub(super) fn sso_session(&self, name: &str) -> Option<&Settings> {
        self.sso_sessions.get(name)
    }

    /// The endpoint that the profile names for a service, or for all.
    pub(super) fn endpoint<'a>(&'a self, profile: &'a Settings, service: &str) -> Option<&'a str> {
        let own = profile.get("services").and_then(|name| self.services.get(name)?.get(service));
        own.or_else(|| profile.get("endpoint_url")).map(String::as_str)
    }

    /// Both files for a message.
    pub(super) fn describe(&self) -> String {
        let one = |(path, there): &(PathBuf, bool)| {
            if *there { path.display().to_string() } else { format!("{} (not there)", path.display()) }
        };
        self.places.iter().map(one).collect::<Vec<_>>().join(" and ")
    }
}

/// The sections of a file; none where there is no file.
fn sections_of(path: &Path) -> Result<Option<Vec<Section>>, String> {
    let unreadable = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", path.display());
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(unreadable(&format!("it is larger than {MOST_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        unreadable(&format!("line {line} is not UTF-8"))
    })?;
    parse(path, &text).map(Some)
}

/// Settings of a section over those that there are.
fn merge(settings: &mut Settings, section: Section) {
    settings.extend(section.properties.into_iter().map(|property| (property.name, property.value)));
}

/// The `endpoint_url` nested below each service.
fn endpoints(services: &mut Settings, section: Section) {
    for property in section.properties {
        let url = property.nested.into_iter().find(|(name, _)| name == "endpoint_url");
        services.extend(url.map(|(_, url)| (property.name, url)));
    }
}
