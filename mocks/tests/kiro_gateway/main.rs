//! The gateway works, and each of its defects shows.

mod accounts;
mod defects;
mod failures;
mod hostile;
mod model;
mod requests;
mod searches;
#[path = "../support/mod.rs"]
mod support;
