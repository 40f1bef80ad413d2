//! What is known of a case beforehand, in every report.

mod common;

use common::{Shared, console, feed, json_report};
use gauntlet_reports::{
    AnnotationsReporter, BadgeReporter, CaseResult, Event, Excused, KnownFailure, MarkdownReporter,
    OpenMetricsReporter, REPORT_SCHEMA, Reporter, Standing, Style, SummaryBuilder, Verbosity, Verdict, sanitize,
};
use serde_json::Value;

fn known(line: u32) -> KnownFailure {
    KnownFailure {
        file: "baseline.yaml".into(),
        line,
        reason: "the gateway is behind".into(),
        owner: Some("team-gateway".into()),
        link: Some("https://example.com/1".into()),
        expires: Some("2026-03-31".into()),
    }
}

fn with(mut result: CaseResult, standing: Standing) -> Event {
    result.standing = Some(standing);
    Event::CaseFinished(Box::new(result))
}

/// A run with `cases` in place of those of [`common::run`].
fn run_of(cases: Vec<Event>) -> Vec<Event> {
    let mut events = common::run();
    events.retain(|e| matches!(e, Event::RunStarted(_) | Event::Target(_)));
    events.extend(cases);
    let mut totals = SummaryBuilder::default();
    events.iter().for_each(|event| totals.event(event));
    events.push(Event::RunFinished(totals.build(5.0, None)));
    events
}

/// One case of each standing, and one failure that nobody knows.
fn every_standing() -> Vec<Event> {
    let good = common::case(1, "kiro.good", vec![common::pass_attempt()]);
    run_of(vec![
        with(common::failed(0), Standing::Known(known(3))),
        with(good, Standing::Fixed(known(9))),
        with(common::failed(2), Standing::Expired(known(15))),
        with(common::failed(3), Standing::Changed { known: known(21), difference: "it fails on `schema` too".into() }),
        with(
            common::errored(4),
            Standing::Quarantined { reason: "flaky link".into(), until: Some("2026-12-01".into()) },
        ),
        Event::CaseFinished(Box::new(common::failed(5))),
    ])
}

/// What does not count, and nothing else beside a pass.
fn only_excused() -> Vec<Event> {
    run_of(vec![
        with(common::failed(0), Standing::Known(known(3))),
        with(common::warned(1), Standing::Known(known(4))),
        with(common::errored(2), Standing::Quarantined { reason: "flaky link".into(), until: None }),
        Event::CaseFinished(Box::new(common::case(3, "kiro.good", vec![common::pass_attempt()]))),
    ])
}

fn told<R: Reporter>(make: impl FnOnce(Shared) -> R, events: &[Event]) -> String {
    let out = Shared::default();
    feed(&mut make(out.clone()), events);
    out.text()
}

fn console_of(events: &[Event], verbosity: Verbosity) -> String {
    console(events, Style { color: false, verbosity })
}

#[test]
fn totals_count_what_stands_how_and_leave_verdicts_as_they_are() {
    let events = every_standing();
    let Some(Event::RunFinished(summary)) = events.last() else { panic!("a summary") };
    assert_eq!((summary.pass, summary.fail, summary.error), (1, 4, 1), "the truth about the target");
    assert_eq!((summary.known, summary.fixed, summary.expired, summary.quarantined), (1, 1, 1, 1));
    assert_eq!(summary.excused, Excused { fail: 1, warn: 0, error: 1 });
    assert_eq!((summary.failures(), summary.warnings(), summary.errors()), (3, 0, 0));
}

#[test]
fn a_case_is_red_for_its_verdict_unless_excused_and_for_a_stale_entry() {
    let red = |verdict, standing: Option<Standing>| {
        let mut result = common::case(0, "kiro.x", vec![common::pass_attempt()]);
        (result.verdict, result.standing) = (verdict, standing);
        (result.is_red(false), result.is_red(true))
    };
    let quarantined = Standing::Quarantined { reason: "r".into(), until: None };
    let changed = Standing::Changed { known: known(1), difference: "d".into() };
    assert_eq!(red(Verdict::Fail, None), (true, true));
    assert_eq!(red(Verdict::Warn, None), (false, true));
    assert_eq!(red(Verdict::Fail, Some(Standing::Known(known(1)))), (false, false));
    assert_eq!(red(Verdict::Warn, Some(Standing::Known(known(1)))), (false, false));
    assert_eq!(red(Verdict::Error, Some(quarantined.clone())), (false, false));
    assert_eq!(red(Verdict::Pass, Some(quarantined)), (false, false));
    assert_eq!(red(Verdict::Fail, Some(changed.clone())), (true, true));
    assert_eq!(red(Verdict::Warn, Some(changed)), (false, true));
    assert_eq!(red(Verdict::Pass, Some(Standing::Fixed(known(1)))), (true, true));
    assert_eq!(red(Verdict::Warn, Some(Standing::Expired(known(1)))), (true, true));
}

#[test]
fn the_json_report_has_it_and_reads_back() {
    let events = every_standing();
    let text = json_report(&events);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let schema: Value = serde_json::from_str(REPORT_SCHEMA).expect("JSON");
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(report["results"][0]["standing"]["kind"], "known");
    assert_eq!(report["results"][3]["standing"]["known"]["line"], 21);
    assert!(report["results"][5].get("standing").is_none());
    let mut back = Vec::new();
    gauntlet_reports::saved::read(text.as_bytes(), &mut |event| {
        back.push(event);
        Ok(())
    })
    .expect("readable");
    let results = |events: &[Event]| -> Vec<Event> {
        events.iter().filter(|e| matches!(e, Event::CaseFinished(_) | Event::RunFinished(_))).cloned().collect()
    };
    assert_eq!(results(&back), results(&events));
}

#[test]
fn the_console_tells_what_is_to_be_done_and_counts_the_rest() {
    let text = console_of(&every_standing(), Verbosity::Normal);
    assert!(text.contains("4 fail"), "{text}");
    assert!(text.contains("expected   1 known, 1 fixed, 1 expired, 1 quarantined; 2 cases do not count"), "{text}");
    assert!(text.contains("FIXED  kiro.good@2025-06-18 on kiro-runtime"), "{text}");
    assert!(
        text.contains("passes, but baseline.yaml:9, team-gateway, https://example.com/1 says that it fails"),
        "{text}"
    );
    assert!(text.contains("which expired on 2026-03-31: the gateway is behind; mend it"), "{text}");
    assert!(text.contains("not as known: it fails on `schema` too"), "{text}");
    assert!(!text.contains("KNOWN") && !text.contains("QUARANTINE"), "what does not count is only counted: {text}");
    let all = console_of(&every_standing(), Verbosity::Verbose);
    assert!(all.contains("KNOWN  kiro.web-search") && all.contains("QUARANTINE  kiro.down"), "{all}");
    assert!(all.contains("in quarantine until 2026-12-01: flaky link"), "{all}");
    let quiet = console_of(&only_excused(), Verbosity::Normal);
    assert!(!quiet.contains("MUST kiro.mcp.identity-gate"), "nothing is told of what does not count: {quiet}");
}

#[test]
fn junit_skips_what_does_not_count_and_fails_what_is_stale() {
    let text = common::junit_report(&every_standing());
    let count = |what: &str| text.matches(what).count();
    assert!(text.contains("tests=\"6\" failures=\"4\" errors=\"0\""), "{text}");
    assert_eq!((count("<failure "), count("<skipped "), count("<error ")), (4, 2, 0), "{text}");
    assert!(text.contains("<skipped message=\"known: the gateway is behind (baseline.yaml:3, "), "{text}");
    assert!(text.contains("<skipped message=\"in quarantine until 2026-12-01: flaky link\""), "{text}");
    assert!(text.contains("type=\"fixed\"") && text.contains("type=\"expired\""), "{text}");
}

#[test]
fn annotations_leave_out_what_does_not_count() {
    let text = told(AnnotationsReporter::new, &every_standing());
    assert_eq!(text.lines().count(), 4, "fixed, expired, changed, unknown: {text}");
    assert!(text.lines().all(|line| line.starts_with("::error ")), "{text}");
    assert!(text.contains("title=FIXED kiro.good") && text.contains("title=EXPIRED kiro.web-search"), "{text}");
    assert_eq!(told(AnnotationsReporter::new, &only_excused()), "");
}

#[test]
fn markdown_lists_every_standing_and_conforms_without_what_does_not_count() {
    let text = told(MarkdownReporter::new, &every_standing());
    assert!(text.starts_with("## Gauntlet: does not conform\n"), "{text}");
    assert!(text.contains("1 known and 1 in quarantine do not count; 1 fixed and 1 expired"), "{text}");
    assert_eq!(text.matches("<details>").count(), 3, "expired, changed, unknown: {text}");
    assert!(text.contains("- `KNOWN kiro.web-search.identity-headers"), "{text}");
    let text = told(MarkdownReporter::new, &only_excused());
    assert!(text.starts_with("## Gauntlet: conforms\n") && !text.contains("<details>"), "{text}");
}

#[test]
fn metrics_and_badge_tell_it() {
    let text = told(OpenMetricsReporter::new, &every_standing());
    for standing in ["known", "fixed", "expired", "quarantined"] {
        assert!(text.contains(&format!("gauntlet_expected_cases{{standing=\"{standing}\"}} 1\n")), "{text}");
    }
    let badge = |events: &[Event]| -> Value { serde_json::from_str(&told(BadgeReporter::new, events)).expect("JSON") };
    assert_eq!(badge(&every_standing())["message"], "3 of 6 cases fail");
    let good = common::case(1, "kiro.good", vec![common::pass_attempt()]);
    assert_eq!(badge(&run_of(vec![with(good, Standing::Fixed(known(1)))]))["message"], "1 stale entry in the baseline");
    let excused = badge(&only_excused());
    assert!(excused["message"].as_str().is_some_and(|m| m.ends_with(", 2 known")), "{excused}");
    assert_eq!(excused["color"], "yellow");
}

#[test]
fn hostile_text_in_a_baseline_is_shown_and_does_nothing() {
    let mut events = every_standing();
    for event in &mut events {
        if matches!(event, Event::CaseFinished(_)) {
            event.for_each_text(&mut |text| *text = common::HOSTILE.to_owned());
        }
    }
    let told = [
        console_of(&events, Verbosity::Verbose),
        told(MarkdownReporter::new, &events),
        told(AnnotationsReporter::new, &events),
        common::junit_report(&events),
    ];
    for text in told {
        let bad = text.chars().find(|c| *c != '\n' && sanitize::is_unsafe(*c));
        assert_eq!(bad, None, "{text:?}");
    }
}
