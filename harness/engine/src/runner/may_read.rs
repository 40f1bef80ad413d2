//! What of the machine a scenario may read. Scenarios come from strangers, in bug reports and packs: of this machine they get what
//! the user named, and nothing else.

use std::collections::BTreeSet;
use std::str::FromStr;

/// What the user lets scenarios read.
///
/// ```
/// use gauntlet::runner::MayRead;
///
/// let mut may_read = MayRead::default();
/// may_read.add("env:STAGING_TOKEN")?;
/// may_read.add("file:keys/test.pem")?;
/// assert!(may_read.add("STAGING_TOKEN").is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MayRead {
    sources: BTreeSet<Source>,
}

/// Something outside the scenario.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// `env:NAME`
    Environment(String),
    /// `file:PATH`, spelt as the scenario does
    File(String),
    /// `aws-credentials`
    AwsCredentials,
}

/// How the AWS credentials of this machine are named.
const AWS_CREDENTIALS: &str = "aws-credentials";

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Environment(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            None if text == AWS_CREDENTIALS => Ok(Self::AwsCredentials),
            _ => Err(format!(
                "`{text}` is nothing that a scenario may be let read; write env:NAME, file:PATH or {AWS_CREDENTIALS}"
            )),
        }
    }
}

impl MayRead {
    /// Adds a source: `env:NAME`, `file:PATH` or `aws-credentials`.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn add(&mut self, source: &str) -> Result<(), String> {
        self.sources.insert(source.parse()?);
        Ok(())
    }

    /// Whether a variable of a scenario may be looked up.
    ///
    /// # Errors
    /// Why not, and what to do, when it names something of this machine that the user did not name.
    pub(crate) fn variable(&self, name: &str) -> Result<(), String> {
        let plain = name.strip_prefix("secret:").unwrap_or(name);
        // A file is one only as a secret.
        let is_source = plain.starts_with("env:") || name.starts_with("secret:file:");
        match plain.parse::<Source>() {
            Ok(source) if is_source => self.checked(&source, plain),
            _ => Ok(()),
        }
    }

    /// Whether a scenario may sign with the credentials of this machine.
    ///
    /// # Errors
    /// As [`variable`](Self::variable).
    pub(crate) fn aws_credentials(&self) -> Result<(), String> {
        self.checked(&Source::AwsCredentials, AWS_CREDENTIALS)
    }

    fn checked(&self, source: &Source, text: &str) -> Result<(), String> {
        if self.sources.contains(source) {
            return Ok(());
        }
        let what = match source {
            Source::Environment(name) => format!("the environment variable {name}"),
            Source::File(path) => format!("the file {path}"),
            Source::AwsCredentials => "the AWS credentials of this machine".to_owned(),
        };
        Err(format!(
            "the scenario wants to read {what}, which nobody let it; if you trust it with that, say `--may-read {text}`, or \
             `may_read: [\"{text}\"]` in {}",
            crate::config::FILE_NAME
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_that_was_not_named() {
        let mut may_read = MayRead::default();
        let names = ["env:A", "secret:env:A", "secret:file:a.pem"];
        for name in names {
            assert!(may_read.variable(name).is_err(), "{name}");
        }
        for source in ["env:A", "file:a.pem"] {
            may_read.add(source).expect("a source");
        }
        for name in names {
            assert_eq!(may_read.variable(name), Ok(()), "{name}");
        }
        for name in ["env:AB", "env:a", "secret:env:B", "secret:file:./a.pem", "secret:file:/a.pem"] {
            assert!(may_read.variable(name).is_err(), "{name}");
        }
        assert!(may_read.aws_credentials().is_err());
        may_read.add("aws-credentials").expect("a source");
        assert_eq!(may_read.aws_credentials(), Ok(()));
    }

    #[test]
    fn variables_of_the_scenario_itself_are_free() {
        for name in ["token", "secret:token", "uuid", "file:a", "aws-credentials", "target.url", "now+1h"] {
            assert_eq!(MayRead::default().variable(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_is_no_source_is_told() {
        for source in ["", "A", "env:", "file:", "secret:env:A", "aws", "aws-credentials:x"] {
            let told = MayRead::default().add(source).expect_err(source);
            assert!(told.contains("write env:NAME, file:PATH or aws-credentials"), "{told}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let told = MayRead::default().variable("secret:env:HOME").expect_err("refused");
        assert!(told.contains("`--may-read env:HOME`") && told.contains("`may_read: [\"env:HOME\"]`"), "{told}");
    }
}
