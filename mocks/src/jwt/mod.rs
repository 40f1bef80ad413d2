//! Signed tokens (RFC 7519) and the keys of those who sign them: what every mock that takes tokens of an issuer has in common.
//!
//! What a token must say beyond its signature differs from system to system and stays with each.

mod claims;
mod fetch;
mod keys;
mod provider;
mod signature;
mod token;

pub(crate) use self::claims::{is_alive, is_begun, text, texts};
pub(crate) use self::keys::{Found, Key, KeySet, Material};
pub(crate) use self::provider::{KeyPlan, Provider, Providers, Source};
pub(crate) use self::signature::SignatureProblem;
pub(crate) use self::token::Token;
