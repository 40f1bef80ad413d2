//! What the gateway makes of a request: a search of its own, or a conversation with the model.

mod blocks;
mod conversation;
mod side_query;

use super::client::{ApiError, Emitter, Gone, Messages, Out};
use super::config::FailureForm;
use super::context::Context;
use super::defects::GatewayDefect;
use super::failure::Failure;

/// Answers a request. That the client went away ends it, too.
pub(super) async fn run(context: Context, messages: Messages, out: Emitter) {
    let done = match messages.is_side_query(context.settled.defects()) {
        true => side_query::run(&context, &messages, &out).await,
        false => conversation::run(&context, &messages, &out).await,
    };
    if let Err(Gone) = done {
        tracing::debug!("the client of the gateway went away");
    }
}

impl Context {
    /// The failure as an answer of its own, if that is its form or there is no other.
    fn as_error(&self, failure: &Failure) -> ApiError {
        let mut failure = failure.clone();
        if self.shows(GatewayDefect::RetryAfterLost) {
            failure.retry_after = None;
        }
        let error = failure.as_error();
        match self.shows(GatewayDefect::UpstreamErrorLeaked) && !failure.body.is_empty() {
            true => error.with_message(&format!("upstream error: {}", failure.body)),
            false => error,
        }
    }

    /// How a failed search is told.
    fn form_of(&self, failure: &Failure) -> FailureForm {
        let config = &self.settled.config;
        match self.shows(GatewayDefect::RateLimitAsFailure) {
            true => config.failures,
            false => failure.form(config.failures, config.rate_limits),
        }
    }

    /// The error code in the place of results.
    fn code_of(&self, failure: &Failure) -> &'static str {
        if self.shows(GatewayDefect::RateLimitAsFailure) { "unavailable" } else { failure.code() }
    }
}

/// Ends with an error.
async fn fail(context: &Context, failure: &Failure, out: &Emitter) -> Result<(), Gone> {
    out.put(Out::Fail(context.as_error(failure))).await
}
