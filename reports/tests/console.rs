//! The report for people, to the letter.

mod common;

use gauntlet_reports::{Event, RunSummary, Style, Verbosity, Verdict, sanitize};

fn style(verbosity: Verbosity) -> Style {
    Style { color: false, verbosity }
}

/// Compares with a file; `GAUNTLET_BLESS=1` writes it.
fn snapshot(name: &str, actual: &str) {
    let path = format!("{}/tests/snapshots/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("GAUNTLET_BLESS").is_some() {
        std::fs::write(&path, actual).expect("the snapshot is writable");
    }
    let expected = std::fs::read_to_string(&path).expect("the snapshot is there");
    assert!(actual == expected, "not as in {path}:\n{actual}");
}

#[test]
fn quiet() {
    snapshot("console-quiet.txt", &common::console(&common::run(), style(Verbosity::Quiet)));
}

#[test]
fn normal() {
    snapshot("console.txt", &common::console(&common::run(), style(Verbosity::Normal)));
}

#[test]
fn verbose() {
    snapshot("console-verbose.txt", &common::console(&common::run(), style(Verbosity::Verbose)));
}

#[test]
fn colour_carries_nothing() {
    let color = Style { color: true, verbosity: Verbosity::Normal };
    let painted = common::console(&common::run(), color);
    assert!(painted.contains("\u{1b}["));
    let mut plain = String::new();
    let mut rest = painted.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    assert_eq!(plain, common::console(&common::run(), style(Verbosity::Normal)));
}

#[test]
fn a_target_cannot_reach_the_terminal() {
    for verbosity in [Verbosity::Quiet, Verbosity::Normal, Verbosity::Verbose] {
        let text = common::console(&common::filled(common::HOSTILE), style(verbosity));
        assert!(text.contains("\\x1b[2J"), "the hostile text is shown:\n{text}");
        let bad = text.chars().find(|c| *c != '\n' && sanitize::is_unsafe(*c));
        assert_eq!(bad, None, "{text:?}");
    }
}

#[test]
fn singular_and_plural() {
    let mut summary = RunSummary { pass: 1, duration_ms: 5.0, ..RunSummary::default() };
    summary.checks.must = 1;
    let one = common::console(&[Event::RunFinished(summary)], Style::default());
    assert!(one.contains("[0.01s] 1 case: 1 pass\n") || one.contains("[0.00s] 1 case: 1 pass\n"), "{one}");
    let none = common::console(&[Event::RunFinished(RunSummary::default())], Style::default());
    assert_eq!(none, "   Summary  [0.00s] 0 cases\n            no check was evaluated\n");
}

#[test]
fn what_is_kept_is_bounded() {
    let mut events: Vec<Event> = (0..1000).map(|i| Event::CaseFinished(Box::new(common::failed(i)))).collect();
    for i in 0..1000 {
        let reason = format!("reason {i}");
        let attempt = common::reason_attempt(Verdict::Skip, &reason);
        events.push(Event::CaseFinished(Box::new(common::case(i, "s", vec![attempt]))));
    }
    events.push(Event::RunFinished(RunSummary { fail: 1000, skip: 1000, ..RunSummary::default() }));
    let text = common::console(&events, style(Verbosity::Quiet));
    let (_, summary) = text.split_once("Summary").expect("a summary");
    assert_eq!(summary.matches("FAIL").count(), 200);
    assert!(summary.ends_with("… and 800 more above\n"), "{summary}");
    assert!(summary.contains(" 950  other reasons"), "{summary}");
    assert_eq!(summary.matches("reason ").count(), 50);
}

#[test]
fn a_difference_deep_in_a_long_line_is_in_sight() {
    let mut result = common::failed(0);
    let attempt = &mut result.attempts[0];
    let text = |c: char| format!("{}{c}{}", "a".repeat(5000), "z".repeat(5000));
    attempt.checks.truncate(1);
    attempt.checks[0].mismatches = vec![common::mismatch("body", text('1').into(), Some(text('2').into()), "differs")];
    if let Some(response) = &mut attempt.transcript[0].response {
        response.body = gauntlet_reports::Body::Text { text: text('2'), truncated: 0 };
    }
    let shown = common::console(&[Event::CaseFinished(Box::new(result))], Style::default());
    assert!(shown.contains("(4940 equal)…aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1zzzz"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() < 300), "{shown}");
}

#[test]
fn what_was_noted_stands_with_its_case_or_in_the_summary() {
    let mut events = common::run();
    let passed = events.iter().filter(|e| matches!(e, Event::CaseFinished(r) if r.verdict == Verdict::Pass)).count();
    common::note(&mut events, "the target wanted a.example.com:443");
    let text = common::console(&events, style(Verbosity::Normal));
    assert!(text.contains("\n  note the target wanted a.example.com:443\n"), "{text}");
    let counted = format!("noted      {passed:>4}  the target wanted a.example.com:443");
    assert!(text.contains(&counted), "`{counted}` is not in:\n{text}");
}
