//! The command as its users meet it: exit codes, output to the letter, interruptions, secrets.

#![allow(clippy::unwrap_used)]

mod ablate;
mod aws;
mod baseline;
#[cfg(unix)]
mod behind;
mod bundle;
#[cfg(unix)]
mod canary;
#[cfg(unix)]
mod ci_files;
mod coverage;
mod diagnose;
mod diff;
mod drift;
mod exit_codes;
mod history;
mod hostile;
mod import;
mod interrupt;
mod minimize;
mod nightly;
mod output;
#[cfg(unix)]
mod record;
#[cfg(unix)]
mod recorded;
mod reports;
mod reproduce;
mod runs;
mod scenario_files;
mod secrets;
mod shards;
#[cfg(unix)]
#[path = "../shell/mod.rs"]
mod shell;
mod sign_in;
mod sign_in_of_a_run;
mod snapshots;
mod support;
