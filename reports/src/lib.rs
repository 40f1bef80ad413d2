//! The result and event model of Gauntlet, and everything that renders it.
