//! The remote proxy between a provider, STS and a remote server.

mod defects;
mod hostile;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
mod way;
mod world;
