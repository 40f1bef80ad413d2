//! The harness as an OAuth client: from "401" to a token and on, for every version of the specification.
//!
//! [`OauthClient`] is one named client at one target. Each of its legs (`discover`, `authorize`, `refresh`, …) comes
//! back as a [`Leg`]: the outcome, the exchanges it recorded, and what was odd. A [`Problem`] says what went wrong, where,
//! and whose fault it is.

mod authorization;
mod browser;
mod cache;
mod client;
mod discovery;
mod guard;
mod metadata;
mod places;
mod problem;
mod registration;
mod settings;
mod token;
mod wire;

pub(crate) use authorization::Parameters;
pub use browser::Notice;
pub(crate) use browser::{Interaction, Tell, Turn};
pub(crate) use client::{Changes, OauthClient, SharedSignIn, SharedSignIns};
pub(crate) use discovery::Discovered;
pub(crate) use metadata::BearerChallenge;
pub(crate) use places::{FoundBy, resource_metadata_places, server_metadata_places};
pub(crate) use problem::{Leg, Problem, Who};
pub(crate) use registration::Registration;
pub(crate) use settings::check_members;
pub(super) use settings::known;
pub(crate) use settings::{BrowserMode, OauthSettings};
pub(crate) use token::TokenSet;
pub(crate) use wire::Context;

#[cfg(test)]
mod tests;
