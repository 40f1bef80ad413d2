//! The provider does what the specifications say, has the habits of the profiles, and each defect shows.

mod authorization;
mod clients;
mod defects;
mod documents;
mod hostile;
mod mint;
mod pages;
mod profiles;
mod refresh;
mod requests;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
