//! One module a command.

pub(crate) mod ablate;
pub(crate) mod audit;
pub(crate) mod baseline;
mod bless;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod coverage;
pub(crate) mod diff;
pub(crate) mod drift;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod init;
mod interrupt;
pub(crate) mod list;
mod live;
pub(crate) mod merge;
pub(crate) mod minimize;
pub(crate) mod mock;
mod output;
mod preflight;
pub(crate) mod probe;
pub(crate) mod record;
mod recording;
pub(crate) mod replay;
pub(crate) mod report;
mod reporting;
pub(crate) mod run;
pub(crate) mod schema;
mod selection;
mod sides;
mod sign_in;
mod volatile;

pub(crate) mod bundle;
pub(crate) mod diagnose;
