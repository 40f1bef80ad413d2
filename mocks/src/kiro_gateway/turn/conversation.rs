//! A conversation with the model, whose searches the gateway carries out between its rounds.

use serde_json::Value;

use super::super::client::{Emitter, Gone, Messages, Out, Tool, Usage};
use super::super::config::InjectSearch;
use super::super::context::Context;
use super::super::defects::GatewayDefect;
use super::super::failure::{Failure, FailureKind};
use super::super::runtime::{Completion, CompletionEvent, Conversation, ToolOutcome};
use super::{blocks, fail};

const SEARCH: &str = "web_search";

/// Rounds of one turn, whatever the client allows.
const MOST_ROUNDS: usize = 10;

/// What one completion came to.
#[derive(Default)]
struct Round {
    text: String,
    calls: Vec<(String, String, Value)>,
}

/// The state of a turn.
struct Progress<'a> {
    context: &'a Context,
    messages: &'a Messages,
    out: &'a Emitter,
    usage: Usage,
    searches: u64,
}

pub(super) async fn run(context: &Context, messages: &Messages, out: &Emitter) -> Result<(), Gone> {
    let intercepts = intercepts(context, messages);
    let mut conversation = Conversation::new(messages, tools(context, messages, intercepts));
    let mut progress = Progress { context, messages, out, usage: Usage::default(), searches: 0 };
    for _ in 0..MOST_ROUNDS {
        let completion = match context.complete(&conversation).await {
            Ok(completion) => completion,
            Err(failure) => return fail(context, &failure, out).await,
        };
        let round = match progress.listen(completion).await? {
            Ok(round) => round,
            Err(failure) => return fail(context, &failure, out).await,
        };
        let (searches, others): (Vec<_>, Vec<_>) =
            round.calls.iter().cloned().partition(|(_, name, _)| intercepts && name == SEARCH);
        if searches.is_empty() || context.shows(GatewayDefect::LeaksWhenNotStreaming) && !messages.stream {
            let leaked = searches.iter().chain(&others);
            return progress.end_with_calls(leaked).await;
        }
        let mut results = Vec::with_capacity(searches.len());
        for (id, name, input) in &searches {
            match progress.search(id, input).await? {
                Ok(outcome) => results.push(outcome),
                Err(Crash::Found) => return out.put(Out::Crash).await,
                Err(Crash::Leaked) => {
                    return progress.end_with_calls([(id.clone(), name.clone(), input.clone())].iter()).await;
                }
            }
        }
        if !others.is_empty() {
            // The client has to act first; the model hears of the searches by the blocks that the client sends back.
            return progress.end_with_calls(others.iter()).await;
        }
        if context.shows(GatewayDefect::ResultsNeverReachModel) {
            let words = results.iter().map(|outcome| outcome.text.as_str()).collect::<Vec<_>>().join("\n");
            out.text(&words).await?;
            return progress.end("end_turn").await;
        }
        conversation.add_round(&round.text, &searches, results);
        if context.shows(GatewayDefect::SecondRoundForgetsFirst) {
            conversation.forget_earlier_rounds();
        }
    }
    out.text("The model searched too often.").await?;
    progress.end("end_turn").await
}

/// Whether the model's searches are the gateway's to carry out: not if the client has a function of that name.
fn intercepts(context: &Context, messages: &Messages) -> bool {
    let offered = messages.search.is_some() || context.settled.config.inject_search == InjectSearch::Always;
    offered && !messages.tools.iter().any(|tool| tool.name == SEARCH)
}

fn tools(context: &Context, messages: &Messages, intercepts: bool) -> Vec<Value> {
    let mut tools: Vec<Value> = messages.tools.iter().map(Tool::specification).collect();
    if intercepts {
        let as_function = messages.search.is_some() && context.shows(GatewayDefect::ServerToolAsFunction);
        tools.push(if as_function { Tool::without_schema() } else { Tool::injected() });
    }
    tools
}

/// Why there is no outcome of a search.
enum Crash {
    Found,
    Leaked,
}

impl Progress<'_> {
    /// Passes on the text of a completion as it comes.
    async fn listen(&mut self, mut completion: Completion) -> Result<Result<Round, Failure>, Gone> {
        let mut round = Round::default();
        loop {
            match completion.next().await {
                Ok(Some(CompletionEvent::Text(text))) => {
                    if round.text.is_empty() {
                        self.out.text_start().await?;
                    }
                    self.out.text_delta(&text).await?;
                    self.usage.characters += text.len();
                    round.text.push_str(&text);
                }
                Ok(Some(CompletionEvent::ToolUse { id, name, input })) => round.calls.push((id, name, input)),
                Ok(None) => break,
                Err(_) if self.context.shows(GatewayDefect::CompletionCutAsComplete) => break,
                Err(failure) => return Ok(Err(failure)),
            }
        }
        if !round.text.is_empty() {
            self.out.put(Out::Stop).await?;
        }
        Ok(Ok(round))
    }

    /// Searches as the model asks; what comes out is for the model, and for a client that declared the tool.
    async fn search(&mut self, id: &str, input: &Value) -> Result<Result<ToolOutcome, Crash>, Gone> {
        let query = input.get("query").and_then(Value::as_str).unwrap_or_default().trim();
        let allowed = self.messages.search.and_then(|tool| tool.max_uses);
        let spent = allowed.is_some_and(|most| self.searches >= most);
        let outcome = if spent && !self.context.shows(GatewayDefect::MaxUsesIgnored) {
            Err(Failure::new(FailureKind::MaxUses, "the client allows no more searches"))
        } else {
            self.searches += 1;
            self.context.search(query).await
        };
        match &outcome {
            Ok(found) if found.crash => return Ok(Err(Crash::Found)),
            Err(_) if self.context.shows(GatewayDefect::LeaksAfterFailure) => return Ok(Err(Crash::Leaked)),
            Err(failure) => self.out.put(Out::Note(failure.told.clone())).await?,
            Ok(_) => {}
        }
        if self.messages.search.is_some() {
            blocks::put(self.context, query, &outcome, self.out).await?;
        }
        let (text, is_error) = match &outcome {
            Ok(found) => (blocks::in_words(query, found), false),
            Err(failure) => (format!("The search failed: {}.", failure.code()), true),
        };
        Ok(Ok(ToolOutcome { id: id.to_owned(), text, is_error }))
    }

    async fn end_with_calls<'c>(
        &mut self,
        calls: impl Iterator<Item = &'c (String, String, Value)>,
    ) -> Result<(), Gone> {
        let mut stop_reason = "end_turn";
        for (id, name, input) in calls {
            let id = format!("toolu_{}", id.trim_start_matches("tooluse_"));
            self.out.tool("tool_use", &id, name, input).await?;
            stop_reason = "tool_use";
        }
        self.end(stop_reason).await
    }

    async fn end(&mut self, stop_reason: &'static str) -> Result<(), Gone> {
        let told = self.messages.search.is_some() && !self.context.shows(GatewayDefect::SearchUsageMissing);
        self.usage.searches = told.then_some(self.searches);
        self.out.put(Out::End { stop_reason, usage: self.usage }).await
    }
}
