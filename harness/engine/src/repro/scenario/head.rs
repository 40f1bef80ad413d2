//! What stands above a scenario: its id, its title, and a comment on where it comes from.

use std::fmt::Write as _;

use gauntlet_reports::sanitize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::known::Marks;
use super::plan::Plan;
use super::said::{Said, What};
use super::{Expect, Options};
use crate::repro::recording::Recording;
use crate::repro::secrets::Secret;

/// Characters of a line of the comment.
const LINE: usize = 200;

/// Lines about secrets, and notes, at most.
const MOST: usize = 30;

/// Hosts of systems that a role of Gauntlet's stands for.
const ROLES: [(&str, &str); 7] = [
    ("runtime.*.kiro.dev", "kiro-runtime"),
    ("q.*.amazonaws.com", "kiro-runtime"),
    ("codewhisperer.*.amazonaws.com", "kiro-runtime"),
    ("*.gateway.bedrock-agentcore.*.amazonaws.com", "agentcore-gateway"),
    ("aws-mcp.*.api.aws", "aws-mcp"),
    ("sts.*.amazonaws.com", "sts"),
    ("sts.amazonaws.com", "sts"),
];

/// Gateways, by the role of what is behind them.
const IN_FRONT: [(&str, &str); 2] = [("kiro-runtime", "kiro-gateway"), ("aws-mcp", "aws-proxy")];

/// The role that the host of an origin has by its name.
pub(super) fn role(origin: &str) -> Option<&'static str> {
    let host = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    let host = host.split([':', '/']).next().unwrap_or_default().to_ascii_lowercase();
    let known = ROLES.iter().find(|(pattern, _)| is_like(pattern, &host));
    known.map(|(_, role)| *role)
}

/// The role of a target by what it asked behind it.
pub(super) fn role_in_front(recording: &Recording) -> Option<&'static str> {
    let mut behind = recording.entries.iter().filter(|entry| entry.behind.is_some()).peekable();
    behind.peek()?;
    let known = behind.filter_map(|entry| role(&entry.request.url));
    let mut roles = known.filter_map(|of| IN_FRONT.iter().find(|(known, _)| *known == of));
    Some(roles.next().map_or("gateway", |(_, role)| role))
}

/// The role that has what is asked for, where nothing speaks MCP: the API of a model, which a gateway offers, or tokens.
pub(super) fn role_of_requests(plan: &Plan<'_, '_>) -> Option<&'static str> {
    let mut steps = plan.steps.iter().map(|(said, _)| *said).filter(|_| plan.endpoint.is_none() && !plan.is_stdio);
    let is_model = |said: &Said<'_>| {
        said.entry.request.method == "POST"
            && ["/v1/messages", "/v1/chat/completions"].iter().any(|path| said.path.ends_with(path))
    };
    if steps.clone().any(is_model) {
        return Some("kiro-gateway");
    }
    steps.any(Said::asks_for_token).then_some("idp")
}

/// Whether a host is like a pattern, in which `*` is one label.
fn is_like(pattern: &str, host: &str) -> bool {
    let (mut pattern, mut host) = (pattern.split('.'), host.split('.'));
    loop {
        match (pattern.next(), host.next()) {
            (None, None) => return true,
            (Some(wanted), Some(label)) if wanted == "*" || wanted == label => {}
            _ => return false,
        }
    }
}

/// The step that the scenario is about: the first that shows a known failure, else the first bad answer, else the last request.
fn main<'s, 'e>(plan: &Plan<'s, 'e>, bugs: &[bool], marks: &Marks<'_>) -> Option<(&'s Said<'e>, bool)> {
    let known = plan.steps.iter().map(|(said, _)| *said).find(|said| marks.known(said).is_some());
    if let Some(said) = known {
        return Some((said, true));
    }
    let bug = plan.steps.iter().zip(bugs).find(|(_, is_bug)| **is_bug).map(|((said, _), _)| (*said, true));
    bug.or_else(|| {
        let said = plan.steps.iter().rev().map(|(said, _)| *said);
        let last = said.clone().find(|said| matches!(said.what, What::Call(_)));
        let is_main = |said: &&Said<'_>| said.entry.request.method != "DELETE" && said.what != What::Answer;
        last.or_else(|| said.clone().find(is_main))
            .or_else(|| plan.handshake.first().copied())
            .map(|said| (said, false))
    })
}

/// Requests that a title names one by one.
const FEW: usize = 3;

pub(super) fn title(plan: &Plan<'_, '_>, bugs: &[bool], marks: &Marks<'_>, expect: Expect) -> String {
    let line = |text: &str| sanitize::line(text, 100).into_owned();
    let Some((said, is_bug)) = main(plan, bugs, marks) else {
        return "The recorded session goes as it went".to_owned();
    };
    let told = line(&said.told());
    if let Some(known) = marks.known(said) {
        return format!("{told} goes as it should; it was recorded as {}", known.id);
    }
    let good = if matches!(said.what, What::Call(_)) { "gives a result" } else { "is answered well" };
    match said.failure().filter(|_| is_bug) {
        Some(_) if said.is_unknown() => return format!("{told} {good}"),
        Some(failure) if failure.starts_with("no ") && expect == Expect::Seen => {
            return format!("{told} gets {}", line(&failure));
        }
        Some(failure) if failure.starts_with("no ") => {
            return format!("{told} {good}; the recording has {}", line(&failure));
        }
        Some(failure) if expect == Expect::Seen => return format!("{told} is answered with {}", line(&failure)),
        Some(failure) => return format!("{told} {good}, not {}", line(&failure)),
        None => {}
    }
    let mut all: Vec<String> = Vec::new();
    for (said, _) in plan.steps.iter().filter(|(said, _)| said.what != What::Answer) {
        let told = line(&said.told());
        if !all.contains(&told) {
            all.push(told);
        }
    }
    match (all.len(), all.pop()) {
        (0 | 1, _) | (_, None) => format!("{told} is answered as it was recorded"),
        (2..=FEW, Some(last)) => format!("{} and {last} are answered as they were recorded", all.join(", ")),
        _ if plan.steps.iter().any(|(said, _)| said.asks_for_token()) && !said.asks_for_token() => {
            format!("{told} after a sign-in is answered as it was recorded")
        }
        _ => format!("{told}, and what comes before it, are answered as they were recorded"),
    }
}

pub(super) fn id(plan: &Plan<'_, '_>, bugs: &[bool], marks: &Marks<'_>) -> String {
    let told = main(plan, bugs, marks).map_or_else(|| "session".to_owned(), |(said, _)| said.told());
    let mut id = String::from("recorded.");
    for c in told.chars().take(60) {
        if c.is_ascii_alphanumeric() {
            id.push(c.to_ascii_lowercase());
        } else if !id.ends_with(['-', '.']) {
            id.push('-');
        }
    }
    id.truncate(id.trim_end_matches(['-', '.']).len());
    id
}

/// The comment at the head of the file.
#[expect(clippy::too_many_arguments, reason = "all that is said in it")]
pub(super) fn comment(
    recording: &Recording,
    plan: &Plan<'_, '_>,
    bugs: &[bool],
    marks: &Marks<'_>,
    expect: Expect,
    options: &Options,
    redacted: &[Secret],
    notes: &[String],
) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        let _ = writeln!(out, "# {}", sanitize::line(text, LINE));
    };
    let is_answered = recording.entries.iter().any(|entry| entry.response.is_some() || entry.failure.is_some());
    let made = if is_answered { "Recorded from" } else { "Requests to" };
    let mut origin = format!("{made} {}", if plan.origin.is_empty() { "an unknown host" } else { &plan.origin });
    // What was pasted has no time.
    let started =
        recording.entries.first().map(|entry| entry.started_at).filter(|at| *at != OffsetDateTime::UNIX_EPOCH);
    if let Some(date) = started.and_then(|at| at.format(&Rfc3339).ok()) {
        let _ = write!(origin, " on {}", date.split('T').next().unwrap_or_default());
    }
    if let Some(creator) = &recording.creator {
        let _ = write!(origin, " by {creator}");
    }
    if let Some(source) = &options.source {
        let _ = write!(origin, ", in {source}");
    }
    line(&format!("{origin}."));
    let known = plan.steps.iter().find_map(|(said, _)| Some((said, marks.known(said)?)));
    if let Some((said, known)) = known {
        let (told, id) = (said.told(), &known.id);
        line(&format!(
            "Expected is what is right (`--expect fixed`): {told} shows {id}, and this fails as long as it does."
        ));
    }
    let bad = plan.steps.iter().zip(bugs).find(|(_, is_bug)| **is_bug).map(|((said, _), _)| said);
    if bad.is_some_and(|said| said.is_unknown()) && expect != Expect::Conforming {
        line("No answer was recorded; a good one is expected.");
    } else if let Some((said, failure)) = bad.and_then(|said| Some((said, said.failure()?))) {
        let what = format!("{} got {failure}", said.told());
        line(&match expect {
            Expect::Fixed => {
                format!("Expected is a good answer (`--expect fixed`): {what}, and this fails as long as it does.")
            }
            Expect::Conforming => format!("Nothing is expected of the bad answer (`--expect conforming`): {what}."),
            Expect::Seen | Expect::Auto => {
                format!("Expected is what was seen (`--expect seen`), the bad answer too: {what}.")
            }
        });
    } else if known.is_none() {
        line("Expected is what was seen (`--expect seen`); what is another each time is loosened.");
    }
    for secret in redacted.iter().take(MOST) {
        line(&format!("redacted: {secret}"));
    }
    if redacted.len() > MOST {
        line(&format!("redacted: {} more", redacted.len() - MOST));
    }
    notes.iter().take(MOST).for_each(|note| line(note));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_says_which_system_it_is() {
        assert_eq!(role("https://runtime.us-east-1.kiro.dev"), Some("kiro-runtime"));
        assert_eq!(
            role("https://a-b.gateway.bedrock-agentcore.eu-west-1.amazonaws.com:443"),
            Some("agentcore-gateway")
        );
        assert_eq!(role("https://runtime.evil.example"), None);
        assert_eq!(role("stdio:server"), None);
    }
}
