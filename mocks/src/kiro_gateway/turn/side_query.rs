//! A turn that is nothing but a search. The model has no part in it.

use super::super::client::{Emitter, Gone, Messages, Out, Usage};
use super::super::config::FailureForm;
use super::super::context::Context;
use super::super::defects::GatewayDefect;
use super::{blocks, fail};

pub(super) async fn run(context: &Context, messages: &Messages, out: &Emitter) -> Result<(), Gone> {
    let query = messages.side_query(context.settled.defects());
    let outcome = context.search(&query).await;
    let words = match &outcome {
        Ok(found) if found.crash => return out.put(Out::Crash).await,
        Ok(found) => blocks::in_words(&query, found),
        Err(failure) if context.form_of(failure) == FailureForm::Status => return fail(context, failure, out).await,
        Err(failure) => {
            out.put(Out::Note(failure.told.clone())).await?;
            match context.shows(GatewayDefect::UpstreamErrorLeaked) {
                true => format!("The search failed: {}", failure.body),
                false => "The search failed.".to_owned(),
            }
        }
    };
    blocks::put(context, &query, &outcome, out).await?;
    out.text(&words).await?;
    let searches = (!context.shows(GatewayDefect::SearchUsageMissing)).then_some(1);
    let usage = Usage { characters: words.len(), searches };
    out.put(Out::End { stop_reason: "end_turn", usage }).await
}
