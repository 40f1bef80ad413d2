//! Runs kept over time: one SQLite file that every run is added to, and what can be told from many of them.
//!
//! | | |
//! | --- | --- |
//! | [`Recorder`] | a reporter that adds a run while it goes on |
//! | [`History::add`] | adds a saved run |
//! | [`History::prune`] | forgets old runs |
//! | [`History::trends`] | what became of every case, scenario, target and requirement |
//!
//! What is kept of a case is small: its verdict, how long it took, how often it was tried, what failed, which requirements it touched.
//! Nothing that went over the wire is kept. The file has a rollback journal and no write-ahead log: that works on network disks too, and
//! between two runs the history is the one file, which a CI cache can carry.

mod ci;
mod document;
mod error;
mod insert;
pub mod moment;
mod prune;
mod record;
mod recorder;
mod schema;
mod store;
mod table;
mod text;
mod trend;

#[cfg(test)]
mod tests;

pub use ci::Source;
pub use document::{HISTORY_VERSION, document};
pub use error::HistoryError;
pub use prune::{Keep, Pruned};
pub use recorder::Recorder;
pub use store::{Added, History, Names};
pub use table::{By, table};
pub use text::{Layout, page};
pub use trend::{
    Cell, Counts, Failure, Flakes, Group, Percentiles, Point, RunPoint, Selection, Series, Since, Slower, StandingKind,
    State, Trends,
};
