//! From a bug report to a minimal scenario that fails.

pub mod ablate;
mod behind;
pub mod bundle;
mod choice;
mod coding;
mod ddmin;
pub mod diagnose;
pub mod har;
mod http_sse;
pub mod import;
mod load;
mod messages;
pub mod minimize;
mod origins;
mod pace;
mod placeholder;
pub mod record;
pub mod recording;
pub mod replay;
pub mod scenario;
pub mod secrets;
mod standalone;
pub mod stub;

pub use choice::{ChoiceError, one};
pub use load::load;
pub(crate) use load::load_upstream;
pub use pace::Pace;
