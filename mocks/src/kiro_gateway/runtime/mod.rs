//! The side that faces the runtime.

mod completion;
mod connection;
mod conversation;
mod found;
mod frames;
mod identity;
mod profile;
mod search;
mod tokens;
mod vault;

pub(super) use self::completion::{Completion, CompletionEvent};
pub(super) use self::connection::Connection;
pub(super) use self::conversation::{Conversation, ToolOutcome};
pub(super) use self::found::{Found, Hit};
pub(super) use self::identity::Identity;
pub(super) use self::vault::Vault;
