//! Secrets that whoever runs a scenario gives it: `--secret NAME[=env:VAR|=file:PATH]`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::vars::outside;
use crate::transcript::secrets::Secrets;

/// Secrets by the names that scenarios have for them.
#[derive(Clone, Default)]
pub struct GivenSecrets {
    values: BTreeMap<String, String>,
    /// As the user wrote them; they name places, not values.
    words: Vec<String>,
}

/// Why a secret cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GivenError {
    /// It is not written as it should be.
    #[error("--secret {word}: {problem}")]
    Spelling {
        /// As the user wrote it.
        word: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// There is no value where it should be.
    #[error(
        "--secret {word}: {problem}; or say where the value is: --secret {name}=env:VARIABLE or --secret {name}=file:PATH"
    )]
    Missing {
        /// As the user wrote it.
        word: String,
        /// Name of the secret.
        name: String,
        /// Why there is none.
        problem: String,
    },
}

impl GivenSecrets {
    /// Reads the values of what a user names: `NAME=env:VARIABLE`, `NAME=file:PATH`, or `NAME` for the environment variable of
    /// that name, in capitals and with `_`.
    ///
    /// # Errors
    /// When one is misspelt, or has no value.
    pub fn read(words: &[String]) -> Result<Self, GivenError> {
        let mut given = Self { values: BTreeMap::new(), words: words.to_vec() };
        for word in words {
            let wrong = |problem: &str| GivenError::Spelling { word: word.clone(), problem: problem.to_owned() };
            let (name, place) = match word.split_once('=') {
                Some((name, place)) => (name, place.to_owned()),
                None => (word.as_str(), format!("env:{}", variable(word))),
            };
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || !name.chars().all(is_plain) {
                return Err(wrong("the name of a secret has letters, digits, `-`, `_` and `.`"));
            }
            if !place.starts_with("env:") && !place.starts_with("file:") {
                // A value on the command line stands in the history of the shell and in the list of processes.
                let problem = format!(
                    "its value comes from the environment or a file: --secret {name}=env:VARIABLE or --secret {name}=file:PATH"
                );
                return Err(GivenError::Spelling { word: format!("{name}=…"), problem });
            }
            // It is to be known by this name, not by that of its source.
            let quiet = Secrets::default();
            let value = match outside(&format!("secret:{place}"), &quiet) {
                Some(Ok(Value::String(value))) if !value.is_empty() => value,
                Some(Err(problem)) => {
                    let problem = problem.split("; ").next().unwrap_or_default().to_owned();
                    return Err(GivenError::Missing { word: word.clone(), name: name.to_owned(), problem });
                }
                _ => {
                    let problem = format!("the value of {place} is empty");
                    return Err(GivenError::Missing { word: word.clone(), name: name.to_owned(), problem });
                }
            };
            given.values.insert(name.to_owned(), value);
        }
        Ok(given)
    }

    /// Lets them be taken out of whatever is told.
    pub(crate) fn teach(&self, secrets: &Secrets) {
        self.values.iter().for_each(|(name, value)| secrets.add(name, value));
    }

    /// The values by name.
    pub(crate) fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// The value of a secret.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// What gives it on a command line: as the user wrote it, or its name alone.
    pub(crate) fn word<'a>(&'a self, name: &'a str) -> &'a str {
        let gives = |word: &&String| word.split('=').next() == Some(name);
        self.words.iter().find(gives).map_or(name, String::as_str)
    }
}

/// The environment variable of a secret: `access-token` gives `ACCESS_TOKEN`.
fn variable(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

impl fmt::Debug for GivenSecrets {
    /// Never a value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GivenSecrets").field(&self.values.keys()).finish()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(word: &str) -> Result<GivenSecrets, String> {
        GivenSecrets::read(&[word.to_owned()]).map_err(|e| e.to_string())
    }

    #[test]
    fn a_value_comes_from_the_environment_or_a_file() {
        // Always there when cargo runs a test.
        let given = read("token=env:CARGO_PKG_NAME").unwrap();
        assert_eq!(given.value("token"), Some("gauntlet"));
        assert!(!format!("{given:?}").contains("\"gauntlet\""), "{given:?}");
        assert_eq!(read("cargo-pkg-name").unwrap().value("cargo-pkg-name"), Some("gauntlet"));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/runner/given.rs");
        assert!(read(&format!("x=file:{path}")).unwrap().value("x").unwrap().starts_with("//! Secrets"));
    }

    #[test]
    fn what_cannot_be_given_is_told_without_the_value() {
        let value = read("token=the-value-itself").unwrap_err();
        assert!(!value.contains("the-value-itself") && value.contains("token=env:VARIABLE"), "{value}");
        let missing = read("gauntlet-surely-unset").unwrap_err();
        assert!(missing.contains("the environment variable GAUNTLET_SURELY_UNSET is not set"), "{missing}");
        assert!(missing.contains("--secret gauntlet-surely-unset=file:PATH"), "{missing}");
        assert!(read("a b").unwrap_err().contains("name of a secret"));
    }
}
