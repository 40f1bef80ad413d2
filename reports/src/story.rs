//! What went wrong in a case, told so that one glance shows what broke, who is to blame, which requirement, where to
//! edit and how to repeat.

use std::fmt::Write as _;

use crate::canonical::{self, Volatile};
use crate::diff::{self, DiffLine, Half, Tag};
use crate::model::{Attempt, Body, CaseResult, Check, Exchange, Hint, MismatchReport, Place, RequirementRef, Verdict};
use crate::paint::{Paint, Role};
use crate::sanitize::{self, MAX_LINE};
use crate::{snippet, standing, words};

/// Mismatches of one check that are shown in full.
const MISMATCHES: usize = 5;

/// Lines of a message that are shown where nothing in it is wrong.
const LINES: usize = 16;

/// Lines of a diff that are shown.
const DIFF_LINES: usize = 60;

/// Exchanges behind the target that are shown with the one that caused them.
const BEHIND: usize = 6;

/// Longest command line that is shown, in characters; a cut one would repeat something else.
const COMMAND: usize = 4000;

/// Equal pieces of a long line are shortened to this many characters at each end.
const PIECE: usize = 40;

/// How a story is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telling {
    pub(crate) paint: Paint,
    /// Nothing is left out, and every exchange is shown.
    pub(crate) whole: bool,
}

/// The block about a case, from its verdict line to its `curl` line.
pub(crate) fn tell(result: &CaseResult, telling: Telling) -> String {
    let mut out = String::with_capacity(1024);
    let paint = telling.paint;
    paint.push(&mut out, Role::Verdict(result.verdict), words::verdict(result.verdict));
    let name = words::case_name(&result.id);
    let name = paint.text(Role::Strong, &sanitize::line(&name, MAX_LINE));
    let target = sanitize::line(&result.id.target, MAX_LINE);
    let endpoint = sanitize::line(&result.endpoint, MAX_LINE);
    let _ = writeln!(out, " {name}     target {target} at {endpoint}");
    if result.attempts.len() > 1 {
        let verdicts: Vec<&str> = result.attempts.iter().map(|attempt| words::verdict_lower(attempt.verdict)).collect();
        let _ = writeln!(out, "  tried {} times: {}", verdicts.len(), verdicts.join(", "));
    }
    if let Some(standing) = &result.standing {
        let _ = writeln!(out, "  {}", standing::sentence(standing));
    }
    match result.attempts.last() {
        Some(last) => push_attempt(&mut out, result, last, telling),
        None => command(&mut out, "again", &result.again, paint),
    }
    out
}

/// What is wrong with one try, and how to repeat it: the block without its verdict line.
pub(crate) fn tell_attempt(result: &CaseResult, attempt: &Attempt, telling: Telling) -> String {
    let mut out = String::with_capacity(1024);
    push_attempt(&mut out, result, attempt, telling);
    out
}

fn push_attempt(out: &mut String, result: &CaseResult, attempt: &Attempt, telling: Telling) {
    let story = Story { telling, target: &result.id.target };
    story.attempt(out, attempt, &result.title);
    attempt.hints.iter().for_each(|hint| push_hint(out, hint, telling.paint));
    command(out, "again", &result.again, telling.paint);
    if let Some(curl) = &attempt.curl {
        command(out, "curl ", curl, telling.paint);
    }
}

/// The reason for the verdict in one line.
pub(crate) fn reason(attempt: &Attempt) -> String {
    let wrong = || attempt.checks.iter().filter(|check| is_wrong(check));
    // The first of the worst: what comes later mostly follows from it.
    let worst = wrong().map(|check| check.verdict).max();
    let worst = wrong().find(|check| Some(check.verdict) == worst);
    let text = match (&attempt.reason, worst) {
        (Some(reason), _) => reason.clone(),
        (None, Some(check)) => {
            check.mismatches.first().map_or_else(|| check.label.clone(), |mismatch| mismatch.reason.clone())
        }
        (None, None) => "no reason was given".to_owned(),
    };
    sanitize::line(&text, MAX_LINE).into_owned()
}

pub(crate) fn is_wrong(check: &Check) -> bool {
    matches!(check.verdict, Verdict::Fail | Verdict::Warn | Verdict::Error)
}

/// A known failure that this one looks like, and below it what helps.
fn push_hint(out: &mut String, hint: &Hint, paint: Paint) {
    let label = paint.text(Role::Dim, "hint ");
    let id = paint.text(Role::Strong, &sanitize::line(&hint.id, MAX_LINE));
    let _ = writeln!(out, "  {label}  {id}: {}", sanitize::line(&hint.title, MAX_LINE));
    let _ = writeln!(out, "         {}", sanitize::line(&hint.remedy, MAX_LINE));
}

fn command(out: &mut String, label: &str, command: &str, paint: Paint) {
    let label = paint.text(Role::Dim, label);
    let length = command.chars().count();
    if length > COMMAND {
        let _ = writeln!(out, "  {label}  (left out, {length} characters; reports have it)");
    } else {
        let _ = writeln!(out, "  {label}  {}", sanitize::inline(command));
    }
}

struct Story<'a> {
    telling: Telling,
    target: &'a str,
}

impl Story<'_> {
    fn attempt(&self, out: &mut String, attempt: &Attempt, title: &str) {
        let wrong: Vec<&Check> = attempt.checks.iter().filter(|check| is_wrong(check)).collect();
        if wrong.iter().all(|check| check.requirements.is_empty()) {
            let _ = writeln!(out, "  {}", sanitize::line(title, MAX_LINE));
        }
        if let Some(reason) = &attempt.reason {
            for line in sanitize::block(reason).lines() {
                let _ = writeln!(out, "  {line}");
            }
            if let Some(place) = &attempt.place {
                snippet::push(out, place, &[], Role::Verdict(attempt.verdict), self.telling.paint);
            }
        }
        if let Some(blame) = &attempt.blame {
            let text = format!("{} ({})", blame.who, blame.hop);
            let text = self.telling.paint.text(Role::Strong, &sanitize::line(&text, MAX_LINE));
            let _ = writeln!(out, "  to blame: {text}: {}", sanitize::line(&blame.reason, MAX_LINE));
        }
        for note in &attempt.notes {
            let _ =
                writeln!(out, "  {} {}", self.telling.paint.text(Role::Dim, "note"), sanitize::line(note, MAX_LINE));
        }
        let mut told = Vec::new();
        let mut shown = Vec::new();
        // Checks of one exchange stand together, and then the exchange once.
        let mut rest = wrong.as_slice();
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|check| check.exchange == first.exchange).count();
            let (group, after) = rest.split_at(same);
            for check in group {
                self.check(out, check, &mut told);
            }
            self.judged(out, attempt, first.exchange, group);
            shown.extend(first.exchange);
            rest = after;
        }
        if wrong.is_empty() && attempt.verdict == Verdict::Error {
            // What happened last is what went wrong.
            if let Some(last) = attempt.transcript.len().checked_sub(1) {
                self.judged(out, attempt, Some(last), &[]);
                shown.push(last);
            }
        }
        if self.telling.whole {
            self.transcript(out, attempt, &shown);
        }
    }

    fn check<'c>(&self, out: &mut String, check: &'c Check, told: &mut Vec<&'c str>) {
        let paint = self.telling.paint;
        for requirement in &check.requirements {
            if !told.contains(&requirement.id.as_str()) {
                told.push(&requirement.id);
                self.requirement(out, requirement, check.verdict);
            }
        }
        if let Some(because) = &check.because {
            let _ = writeln!(out, "  because {}", sanitize::line(because, MAX_LINE));
        }
        let role = Role::Verdict(check.verdict);
        let shown = if self.telling.whole { check.mismatches.len() } else { MISMATCHES };
        let (mismatches, more) = check.mismatches.split_at(shown.min(check.mismatches.len()));
        if mismatches.is_empty() {
            let text = format!("{} is not as expected", check.label);
            match &check.place {
                Some(place) => snippet::push(out, place, &[text], role, paint),
                None => {
                    let _ = writeln!(out, "  {}", sanitize::line(&text, MAX_LINE));
                }
            }
        }
        let mut rest = mismatches;
        while let Some(first) = rest.first() {
            let place = first.place.as_ref().or(check.place.as_ref());
            let same = rest.iter().take_while(|m| m.place.as_ref().or(check.place.as_ref()) == place).count();
            let (group, after) = rest.split_at(same);
            self.mismatches(out, check, place, group);
            rest = after;
        }
        if !more.is_empty() {
            let more = words::count(more.len() as u64, "more mismatch", "more mismatches");
            let _ = writeln!(out, "  … {more} of {}", sanitize::line(&check.label, MAX_LINE));
        }
    }

    fn requirement(&self, out: &mut String, requirement: &RequirementRef, verdict: Verdict) {
        let RequirementRef { id, level, statement, link } = requirement;
        out.push_str("  ");
        self.telling.paint.push(out, Role::Verdict(verdict), words::level(*level));
        let statement = sanitize::line(statement, MAX_LINE);
        let _ = writeln!(out, " {} — {statement}", sanitize::line(id, MAX_LINE));
        if let (true, Some(link)) = (self.telling.whole, link) {
            let _ = writeln!(out, "       {}", sanitize::line(link, MAX_LINE));
        }
    }

    /// Mismatches that are expected at the same place.
    fn mismatches(&self, out: &mut String, check: &Check, place: Option<&Place>, group: &[MismatchReport]) {
        // The path is needed where the line in the file does not name it.
        let named = |mismatch: &MismatchReport| {
            if group.len() > 1 || place.is_none() {
                format!("{}: {}", mismatch.path, mismatch.reason)
            } else {
                mismatch.reason.clone()
            }
        };
        let labels: Vec<String> = group.iter().map(named).collect();
        match place {
            Some(place) => {
                let role = Role::Verdict(check.verdict);
                snippet::push(out, place, &labels, role, self.telling.paint);
            }
            None => {
                for label in labels {
                    let _ = writeln!(out, "  {}", sanitize::line(&label, MAX_LINE));
                }
            }
        }
    }

    /// The exchange that the checks judge, with what they expected.
    fn judged(&self, out: &mut String, attempt: &Attempt, index: Option<usize>, group: &[&Check]) {
        let mismatches: Vec<&MismatchReport> = group.iter().flat_map(|check| &check.mismatches).collect();
        let found = index.and_then(|index| Some((index, attempt.transcript.get(index)?)));
        let Some((index, exchange)) = found else {
            self.elsewhere(out, &mismatches);
            return;
        };
        if let Some((outer, cause)) = exchange.cause.and_then(|cause| Some((attempt.transcript.get(cause)?, cause))) {
            self.exchange_head(out, outer, cause, attempt.transcript.len());
            let _ = writeln!(out, "    {}", sanitize::line(&asked(outer), MAX_LINE));
            let mut inner = String::new();
            self.judged_exchange(&mut inner, attempt, index, exchange, &mismatches);
            push_indented(out, &inner);
            let _ = writeln!(out, "    {}", sanitize::line(&came_back(outer), MAX_LINE));
        } else {
            self.judged_exchange(out, attempt, index, exchange, &mismatches);
        }
    }

    /// The exchange, and between its request and its answer what the target asked meanwhile.
    fn judged_exchange(
        &self,
        out: &mut String,
        attempt: &Attempt,
        index: usize,
        exchange: &Exchange,
        mismatches: &[&MismatchReport],
    ) {
        self.exchange_head(out, exchange, index, attempt.transcript.len());
        let half = Half::of(exchange, mismatches, self.target);
        let comparison = diff::compare(exchange, half, mismatches);
        let lines = diff::lines(&comparison.expected, &comparison.actual);
        let request = canonical::request(&exchange.request, Volatile::Keep);
        match half {
            Half::Request if !lines.is_empty() => self.diff(out, &lines),
            Half::Request | Half::Response => self.plain(out, &request),
        }
        self.behind(out, attempt, index);
        match (&exchange.response, half) {
            (Some(_), Half::Response) if !lines.is_empty() => self.diff(out, &lines),
            (Some(response), _) => self.plain(out, &canonical::response(response, Volatile::Keep)),
            (None, _) if exchange.failure.is_none() => out.push_str("    (no answer)\n"),
            (None, _) => {}
        }
        self.failure(out, exchange);
        self.note(out, exchange);
        self.elsewhere(out, &comparison.elsewhere);
    }

    /// What the target asked the systems behind it during the exchange, in short.
    fn behind(&self, out: &mut String, attempt: &Attempt, cause: usize) {
        let caused = attempt.transcript.iter().enumerate().filter(|(_, exchange)| exchange.cause == Some(cause));
        let caused: Vec<(usize, &Exchange)> = caused.collect();
        let mut inner = String::new();
        for (index, exchange) in caused.iter().take(BEHIND) {
            self.exchange_head(&mut inner, exchange, *index, attempt.transcript.len());
            let _ = writeln!(inner, "    {}", sanitize::line(&asked(exchange), MAX_LINE));
            let _ = writeln!(inner, "    {}", sanitize::line(&came_back(exchange), MAX_LINE));
            self.note(&mut inner, exchange);
        }
        if caused.len() > BEHIND {
            let more = words::count((caused.len() - BEHIND) as u64, "more exchange", "more exchanges");
            let _ = writeln!(inner, "  … {more} behind the target");
        }
        push_indented(out, &inner);
    }

    fn note(&self, out: &mut String, exchange: &Exchange) {
        if let Some(note) = &exchange.note {
            let text = format!("({} noted: {})", exchange.hop.to, note);
            let _ = writeln!(out, "    {}", self.telling.paint.text(Role::Dim, &sanitize::line(&text, MAX_LINE)));
        }
    }

    fn exchange_head(&self, out: &mut String, exchange: &Exchange, index: usize, of: usize) {
        let hop = exchange.hop.to_string();
        let text = format!("exchange {} of {of} ({})", index + 1, sanitize::line(&hop, MAX_LINE));
        let _ = writeln!(out, "  {}", self.telling.paint.text(Role::Dim, &text));
    }

    fn failure(&self, out: &mut String, exchange: &Exchange) {
        if let Some(failure) = &exchange.failure {
            let text = format!("({})", sanitize::line(failure, MAX_LINE));
            let role = Role::Verdict(Verdict::Error);
            let _ = writeln!(out, "    {}", self.telling.paint.text(role, &text));
        }
    }

    fn plain(&self, out: &mut String, lines: &[String]) {
        let shown = if self.telling.whole { lines.len() } else { lines.len().min(LINES) };
        for line in &lines[..shown] {
            let _ = writeln!(out, "    {}", sanitize::line(line, MAX_LINE));
        }
        if shown < lines.len() {
            let more = words::count((lines.len() - shown) as u64, "more line", "more lines");
            let _ = writeln!(out, "    … {more}");
        }
    }

    fn diff(&self, out: &mut String, lines: &[DiffLine]) {
        let shown = if self.telling.whole { lines.len() } else { lines.len().min(DIFF_LINES) };
        for line in &lines[..shown] {
            push_diff_line(out, line, self.telling.paint);
        }
        if shown < lines.len() {
            let more = words::count((lines.len() - shown) as u64, "more line", "more lines");
            let _ = writeln!(out, "    … {more} of the difference");
        }
    }

    fn elsewhere(&self, out: &mut String, mismatches: &[&MismatchReport]) {
        for mismatch in mismatches {
            self.diff(out, &diff::of_mismatch(mismatch));
        }
    }

    /// Every exchange that has not been shown.
    fn transcript(&self, out: &mut String, attempt: &Attempt, shown: &[usize]) {
        for (index, exchange) in attempt.transcript.iter().enumerate() {
            if shown.contains(&index) {
                continue;
            }
            let mut text = String::new();
            self.exchange_head(&mut text, exchange, index, attempt.transcript.len());
            self.plain(&mut text, &canonical::request(&exchange.request, Volatile::Keep));
            if let Some(response) = &exchange.response {
                self.plain(&mut text, &canonical::response(response, Volatile::Keep));
            }
            self.failure(&mut text, exchange);
            self.note(&mut text, exchange);
            if exchange.cause.is_some() { push_indented(out, &text) } else { out.push_str(&text) }
        }
    }
}

/// A line of a difference, with its sign.
pub(crate) fn push_diff_line(out: &mut String, line: &DiffLine, paint: Paint) {
    let (sign, plain, marked) = match line.tag {
        Tag::Same => ("    ", Role::Plain, Role::Plain),
        Tag::Gap => ("    ", Role::Dim, Role::Dim),
        Tag::Expected => ("  - ", Role::Expected, Role::ExpectedWord),
        Tag::Actual => ("  + ", Role::Actual, Role::ActualWord),
    };
    paint.push(out, plain, sign);
    let long = line.parts.iter().map(|(_, part)| part.len()).sum::<usize>() > MAX_LINE / 2;
    for (i, (differs, part)) in line.parts.iter().enumerate() {
        let role = if *differs { marked } else { plain };
        let text = if long && !differs && line.parts.len() > 1 {
            let last = i + 1 == line.parts.len();
            shortened(part, i > 0, !last)
        } else {
            sanitize::line(part, MAX_LINE).into_owned()
        };
        paint.push(out, role, &text);
    }
    out.push('\n');
}

/// Text one level deeper: it took place during what stands above it.
fn push_indented(out: &mut String, text: &str) {
    for line in text.lines() {
        let _ = writeln!(out, "    {line}");
    }
}

/// `POST /mcp tools/call`: what was asked, in short.
pub(crate) fn asked(exchange: &Exchange) -> String {
    let line = canonical::request_line(&exchange.request);
    let method = match &exchange.request.body {
        Body::Json(message) => message.get("method").and_then(|method| method.as_str()),
        _ => None,
    };
    method.map_or_else(|| line.clone(), |method| format!("{line} {method}"))
}

/// `HTTP 200`: what came back, in short.
pub(crate) fn came_back(exchange: &Exchange) -> String {
    let answer = exchange.response.as_ref().map(|response| match response.status {
        Some(status) => format!("HTTP {status}"),
        None => "(answered)".to_owned(),
    });
    match (answer, &exchange.failure) {
        (Some(answer), Some(failure)) => format!("{answer} ({failure})"),
        (Some(answer), None) => answer,
        (None, Some(failure)) => format!("({failure})"),
        (None, None) => "(no answer)".to_owned(),
    }
}

/// An equal piece of a long line, with its middle, or the end away from the difference, left out.
pub(crate) fn shortened(part: &str, after_a_difference: bool, before_a_difference: bool) -> String {
    let chars: Vec<char> = part.chars().collect();
    let head = if after_a_difference || !before_a_difference { PIECE } else { 0 };
    let tail = if before_a_difference { PIECE } else { 0 };
    // The beginning of a line says which member it is.
    let head = if after_a_difference { head } else { head.max(PIECE / 2) };
    if chars.len() <= head + tail + PIECE {
        return sanitize::inline(part).into_owned();
    }
    let first: String = chars[..head].iter().collect();
    let last: String = chars[chars.len() - tail..].iter().collect();
    let left_out = chars.len() - head - tail;
    format!("{}…({left_out} equal)…{}", sanitize::inline(&first), sanitize::inline(&last))
}
