//! The scenario packs that come with Gauntlet, so that an installed binary needs no checkout.

include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// The known failures.
pub(crate) static SIGNATURES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/signatures.yaml"));
