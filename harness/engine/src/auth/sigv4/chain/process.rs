//! `credential_process`: a program that prints credentials.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use gauntlet_reports::sanitize;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::document;
use super::environment::Environment;
use crate::target::process::{ChildProcess, CommandLine, Started};

/// Time for the program.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of what it prints.
const MOST_BYTES: u64 = 64 * 1024;

/// Time for its last words on stderr.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs the command in a shell, with the whole environment, and reads the document that it prints.
///
/// # Errors
/// One sentence with the program's last line on stderr. The command itself is not shown: it may hold a secret.
pub(super) async fn run(command: &str, profile: &str, environment: &Environment) -> Result<Credentials, String> {
    run_within(command, profile, environment, PATIENCE).await
}

/// As [`run`], with another bound.
///
/// # Errors
/// As there.
pub(super) async fn run_within(
    command: &str,
    profile: &str,
    environment: &Environment,
    patience: Duration,
) -> Result<Credentials, String> {
    let what = format!("the `credential_process` of the AWS profile `{profile}`");
    let line = CommandLine {
        program: "sh".to_owned(),
        arguments: vec!["-c".to_owned(), command.to_owned()],
        directory: None,
        environment: environment.all().clone(),
        sightings: None,
        scratch: Arc::default(),
    };
    let Started { child, stdin, stdout } = ChildProcess::start(&line).map_err(|f| format!("{what}: {}", f.message))?;
    // There is nobody who could answer a question.
    drop(stdin);
    let read = async {
        let mut printed = Vec::new();
        stdout.take(MOST_BYTES + 1).read_to_end(&mut printed).await.map(|_| printed)
    };
    let said = |child: &ChildProcess| {
        child.last_stderr_line().map_or_else(String::new, |line| format!("; its stderr ends with: {line}"))
    };
    let Ok(printed) = tokio::time::timeout(patience, read).await else {
        return Err(format!("{what} did not end within {} s{}", patience.as_secs_f64(), said(&child)));
    };
    let printed = printed.map_err(|error| format!("{what}: cannot read what it prints: {error}"))?;
    if printed.len() as u64 > MOST_BYTES {
        return Err(format!("{what} prints more than {MOST_BYTES} bytes; expected one JSON document"));
    }
    match child.last_words(LAST_WORDS).await {
        Some(exit) if exit.code != Some(0) => return Err(format!("{what} {exit}{}", said(&child))),
        _ => {}
    }
    let expected = "expected a JSON document with `Version: 1`, `AccessKeyId` and `SecretAccessKey`";
    let document: Value = serde_json::from_slice(&printed).map_err(|error| {
        let place = sanitize::line(&error.to_string(), 100).into_owned();
        format!("{what} printed {} bytes that are not JSON ({place}); {expected}{}", printed.len(), said(&child))
    })?;
    if document.get("Version") != Some(&Value::from(1)) {
        return Err(format!("{what}: what it printed has not `Version: 1`; {expected}"));
    }
    document::credentials(&document, "SessionToken", "process")
        .map_err(|why| format!("{what}: what it printed is not usable: {why}"))
}
