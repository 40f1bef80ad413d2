//! The scenario packs that come with Gauntlet, so that an installed binary needs no checkout.

include!(concat!(env!("OUT_DIR"), "/packs.rs"));
