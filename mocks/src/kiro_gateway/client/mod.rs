//! The side that faces the client: the Anthropic Messages API.

mod collected;
mod emitter;
mod error;
mod login;
mod message;
mod request;
mod streamed;

pub(super) use self::collected::collected;
pub(super) use self::emitter::{Emitter, Gone, Out, Usage, channel};
pub(super) use self::error::{ApiError, json_response};
pub(super) use self::login::log_in;
pub(super) use self::message::MessageHead;
pub(super) use self::request::{Messages, Part, Role, Tool, Turn};
pub(super) use self::streamed::streamed;
