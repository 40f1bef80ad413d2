//! What the protocol demands of a message, and what requirements there are.
//!
//! A value from the wire goes through two gates. [`Dialect::classify`] decides what kind of message it is, strictly and
//! by hand. [`Validator`] holds its parameters, result or error to the schema of the version in force, and names the
//! requirement that each fault breaks. [`Requirements`] says what those ids mean.

mod coverage;
mod definition;
mod envelope;
mod message;
mod methods;
mod proofs;
mod requirements;
mod schema;
mod validator;

pub use coverage::coverage;
pub use envelope::{EnvelopeError, EnvelopeFault};
pub use message::{Dialect, Message, classify};
pub use methods::Direction;
pub use proofs::{Proof, Proofs};
pub use requirements::{CatalogueError, Evidence, Level, Requirement, RequirementTransport, Requirements, Subject};
pub use validator::{Validator, Violation};

#[cfg(test)]
mod tests;
