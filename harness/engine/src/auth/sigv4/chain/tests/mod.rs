//! The chain against services on loopback, each test with an environment and a home folder of its own.

mod files;
mod keeping;
mod lab;
mod process;
mod roles;
mod sign_in;
mod surroundings;
mod verified;
