use std::io::Write as _;

use serde_json::json;
use tempfile::NamedTempFile;

use super::*;
use crate::fixture;
use crate::model::{Attempt, Body, BrokenFile, Event, Exchange, Place, Standing, Verdict, WireResponse};
use crate::volatile::{RuleSpec, VolatileSpec};
use crate::{JsonLinesReporter, Reporter as _, SummaryBuilder};

fn exchange(answer: serde_json::Value) -> Exchange {
    let headers = vec![("date".into(), answer.to_string())];
    let response = WireResponse { status: Some(200), headers, body: Body::Json(answer) };
    fixture::exchange(json!({"method": "ping"}), response)
}

fn case(name: &str, verdict: Verdict) -> CaseResult {
    let reason = (verdict != Verdict::Pass).then(|| format!("{name} is as it is"));
    CaseResult {
        index: 0,
        id: CaseId { scenario: name.into(), case: Vec::new(), version: None, target: "gateway".into() },
        title: "t".into(),
        pack: None,
        tags: Vec::new(),
        place: Place { file: "f".into(), line: 1, column: 1, length: 1, text: "x".into() },
        endpoint: String::new(),
        verdict,
        flaky: false,
        standing: None,
        attempts: vec![Attempt { reason, duration_ms: 10.0, ..Attempt::new(verdict) }],
        again: format!("gauntlet run {name}"),
        volatile: None,
    }
}

fn saved(events: Vec<Event>, cut: bool) -> NamedTempFile {
    let mut bytes = Vec::new();
    let mut writer = JsonLinesReporter::new(&mut bytes);
    let mut totals = SummaryBuilder::default();
    writer.event(&Event::RunStarted(RunInfo::default())).unwrap();
    for event in events {
        totals.event(&event);
        writer.event(&event).unwrap();
    }
    if !cut {
        writer.event(&Event::RunFinished(totals.build(1.0, None))).unwrap();
    }
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    file
}

fn cases(all: Vec<CaseResult>) -> Vec<Event> {
    all.into_iter().map(|case| Event::CaseFinished(Box::new(case))).collect()
}

fn compared(before: Vec<Event>, after: Vec<Event>, live: bool, settings: &Settings) -> RunDiff {
    let (first, second) = (saved(before, false), saved(after, false));
    let side = |name, file: &NamedTempFile| (name, file.path().to_owned());
    let ((a, a_path), (b, b_path)) = (side("a.json", &first), side("b.json", &second));
    compare(Side { name: a, path: &a_path, live: false }, Side { name: b, path: &b_path, live }, settings, &|_| true)
        .unwrap()
}

fn kinds(diff: &RunDiff) -> Vec<(Kind, &str)> {
    diff.changes.iter().map(|change| (change.kind, change.case.as_str())).collect()
}

#[test]
fn every_change_of_verdict_has_its_place() {
    use Verdict::{Error, Fail, Pass, Skip, Untestable, Warn};
    let all = [Pass, Skip, Untestable, Warn, Fail, Error];
    let kind = |before: Verdict, after: Verdict| {
        let diff = compared(cases(vec![case("c", before)]), cases(vec![case("c", after)]), false, &Settings::default());
        diff.changes.first().map(|change| (change.kind, change.is_worse(false), change.is_worse(true)))
    };
    for before in all {
        for after in all {
            let expected = match (before, after) {
                (Fail, Fail) | (Error, Error) => Some((Kind::StillFailing, false, false)),
                (Fail, Error) | (Error, Fail) => Some((Kind::StillFailing, false, true)),
                (_, Fail | Error) => Some((Kind::NewlyFailing, true, true)),
                (before, after) if before == after => None,
                (Skip, Untestable) | (Untestable, Skip) => Some((Kind::StillNotJudged, false, false)),
                (_, Skip | Untestable) => Some((Kind::NoLongerJudged, false, true)),
                (Skip | Untestable, _) => Some((Kind::NewlyJudged, false, false)),
                (Pass, Warn) => Some((Kind::NewlyWarning, false, true)),
                _ => Some((Kind::Fixed, false, false)),
            };
            assert_eq!(kind(before, after), expected, "{before:?} → {after:?}");
        }
    }
}

#[test]
fn a_failure_for_another_reason_shows() {
    let failing = |reason: &str| {
        let mut case = case("c", Verdict::Fail);
        case.attempts[0].reason = Some(reason.into());
        cases(vec![case])
    };
    let same = |before: &str, after: &str| {
        let diff = compared(failing(before), failing(after), false, &Settings::default());
        diff.changes[0].same_reason
    };
    assert_eq!(same("no answer from http://127.0.0.1:4001/", "no answer from http://127.0.0.1:4002/"), Some(true));
    assert_eq!(same("no answer", "reset"), Some(false));
}

#[test]
fn added_removed_and_slower_are_told() {
    let mut slow = case("slow", Verdict::Pass);
    slow.attempts[0].duration_ms = 1200.0;
    let mut twice = case("twice", Verdict::Pass);
    twice.attempts[0].duration_ms = 21.0;
    let before = cases(vec![case("gone", Verdict::Pass), case("slow", Verdict::Pass), case("twice", Verdict::Pass)]);
    let after = || cases(vec![case("new", Verdict::Pass), case("bad", Verdict::Fail), slow.clone(), twice.clone()]);
    let diff = compared(before.clone(), after(), false, &Settings::default());
    let expected = [(Kind::NewlyFailing, "bad"), (Kind::Slower, "slow"), (Kind::Removed, "gone"), (Kind::Added, "new")];
    assert_eq!(kinds(&diff), expected);
    assert_eq!((diff.compared, diff.same, diff.without_transcript), (2, 1, 2));
    let slower = Slower { ratio: 2.0, floor_ms: 5.0 };
    let diff = compared(before.clone(), after(), false, &Settings { slower, ..Settings::default() });
    assert_eq!(diff.of(Kind::Slower).count(), 2);
    // A live side is not asked for everything that a saved one has.
    let diff = compared(before, after(), true, &Settings::default());
    assert_eq!((kinds(&diff), diff.left_out), (vec![(Kind::Slower, "slow")], 3));
}

#[test]
fn a_changed_transcript_shows_its_lines_and_volatile_values_do_not_count() {
    let said = |name: &str, text: &str, id: &str| {
        let mut case = case(name, Verdict::Pass);
        case.attempts[0].transcript = vec![exchange(json!({"text": text, "id": id}))];
        case
    };
    let (a, b) = ("0d4f3a1c-7e1b-4c1f-9a55-0123456789ab", "11111111-7e1b-4c1f-9a55-0123456789ab");
    let before = cases(vec![said("same", "x", a), said("other", "x", a)]);
    let after = cases(vec![said("same", "x", b), said("other", "y", b)]);
    let diff = compared(before.clone(), after.clone(), false, &Settings::default());
    assert_eq!(kinds(&diff), [(Kind::Changed, "other")]);
    let lines = &diff.changes[0].diff;
    assert!(lines.iter().any(|line| line == r#"- {"text":"x","id":"<uuid:1>"}"#), "{lines:#?}");
    assert!(lines.iter().any(|line| line == r#"+ {"text":"y","id":"<uuid:1>"}"#), "{lines:#?}");
    let exact = Settings { rules: Rules::none(), ..Settings::default() };
    assert_eq!(compared(before.clone(), after.clone(), false, &exact).of(Kind::Changed).count(), 2);
    // Nothing is shown, and everything is named.
    let diff = compared(before, after, false, &Settings { excerpts: 0, ..Settings::default() });
    assert_eq!((diff.changes.len(), diff.changes[0].diff.len()), (1, 0));
}

#[test]
fn a_scenario_brings_its_own_rules() {
    let said = |text: &str| {
        let mut case = case("c", Verdict::Pass);
        case.attempts[0].transcript = vec![exchange(json!({"order": text}))];
        let rule = RuleSpec { name: "order".into(), pattern: Some("ORD-[0-9]+".into()), ..RuleSpec::default() };
        case.volatile = Some(VolatileSpec { rules: vec![rule], keep: Vec::new() });
        cases(vec![case])
    };
    let changed = |settings: &Settings| compared(said("ORD-1"), said("ORD-2"), false, settings).changes.len();
    assert_eq!(changed(&Settings::default()), 0);
    assert_eq!(changed(&Settings { rules: Rules::none(), ..Settings::default() }), 1);
}

#[test]
fn the_same_case_on_another_target_is_the_same_case() {
    let on = |target: &str, verdict| {
        let mut case = case("c", verdict);
        case.id.target = target.into();
        case
    };
    let diff = compared(
        cases(vec![on("mock", Verdict::Pass)]),
        cases(vec![on("staging", Verdict::Fail)]),
        false,
        &Settings::default(),
    );
    assert_eq!(kinds(&diff), [(Kind::NewlyFailing, "c")]);
    assert_eq!(diff.compared, 1);
    // Two of them on one side: only those of the same name belong together.
    let diff = compared(
        cases(vec![on("mock", Verdict::Pass), on("staging", Verdict::Pass)]),
        cases(vec![on("staging", Verdict::Pass), on("other", Verdict::Pass)]),
        false,
        &Settings::default(),
    );
    assert_eq!((diff.compared, diff.changes.len()), (2, 0));
}

#[test]
fn what_does_not_count_is_not_worse() {
    let mut known = case("c", Verdict::Fail);
    known.standing = Some(Standing::Quarantined { reason: "flaky upstream".into(), until: None });
    let diff = compared(cases(vec![case("c", Verdict::Pass)]), cases(vec![known]), false, &Settings::default());
    assert_eq!(kinds(&diff), [(Kind::NewlyFailing, "c")]);
    assert!(!diff.is_worse(true));
    assert!(text(&diff, false, false).contains("fail (does not count)"));
}

#[test]
fn a_scenario_file_that_breaks_is_newly_failing() {
    let broken =
        || Event::Broken(BrokenFile { file: "x.yaml".into(), diagnostics: "d".into(), errors: 1, index: None });
    let diff = compared(Vec::new(), vec![broken()], false, &Settings::default());
    assert_eq!(kinds(&diff), [(Kind::NewlyFailing, "x.yaml")]);
    assert_eq!(
        kinds(&compared(vec![broken()], vec![broken()], false, &Settings::default())),
        [(Kind::StillFailing, "x.yaml")]
    );
    assert_eq!(kinds(&compared(vec![broken()], Vec::new(), false, &Settings::default())), [(Kind::Fixed, "x.yaml")]);
}

#[test]
fn what_is_told_controls_no_terminal_and_no_markup() {
    let mut bad = case("c", Verdict::Fail);
    bad.attempts[0].reason = Some("\u{1b}[2J<b>`|\u{202e}".into());
    let diff = compared(cases(vec![case("c", Verdict::Pass)]), cases(vec![bad]), false, &Settings::default());
    let told = text(&diff, false, false);
    assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
    assert!(told.contains("NEWLY FAILING  1") && told.contains("pass → fail  c on gateway"), "{told}");
    assert!(told.contains("again gauntlet run c"), "{told}");
    let told = markdown(&diff);
    assert!(!told.contains(['\u{1b}', '\u{202e}']) && told.contains("### Newly failing (1)"), "{told}");
    assert!(told.contains("``"), "the backtick is inside code: {told}");
}

#[test]
fn a_file_that_is_cut_off_or_none_is_told() {
    let cut = saved(cases(vec![case("c", Verdict::Pass)]), true);
    let whole = saved(cases(vec![case("c", Verdict::Pass), case("d", Verdict::Pass)]), false);
    let side = |name, file: &NamedTempFile| (name, file.path().to_owned());
    let ((a, a_path), (b, b_path)) = (side("cut", &cut), side("whole", &whole));
    let (a, b) = (Side { name: a, path: &a_path, live: false }, Side { name: b, path: &b_path, live: false });
    let diff = compare(a, b, &Settings::default(), &|_| true).unwrap();
    assert!(!diff.before.complete && diff.after.complete);
    assert!(text(&diff, false, false).contains("cut ends before its run did"));
    let mut foreign = NamedTempFile::new().unwrap();
    foreign.write_all(b"{}").unwrap();
    let error = compare(a, Side { name: "f.json", path: foreign.path(), live: false }, &Settings::default(), &|_| true);
    assert!(error.unwrap_err().to_string().starts_with("f.json: this is not what"));
}

#[test]
fn only_what_is_taken_is_compared() {
    let (first, second) = (
        saved(cases(vec![case("a", Verdict::Pass), case("b", Verdict::Pass)]), false),
        saved(cases(vec![case("a", Verdict::Fail), case("b", Verdict::Fail)]), false),
    );
    let (a, b) = (first.path().to_owned(), second.path().to_owned());
    let (a, b) = (Side { name: "a", path: &a, live: false }, Side { name: "b", path: &b, live: false });
    let diff = compare(a, b, &Settings::default(), &|case| case.id.scenario == "b").unwrap();
    assert_eq!(kinds(&diff), [(Kind::NewlyFailing, "b")]);
}

#[test]
fn cases_of_one_name_are_paired_in_their_order() {
    let said = |text: &str| {
        let mut case = case("c", Verdict::Pass);
        case.attempts[0].transcript = vec![exchange(json!({"text": text}))];
        case
    };
    let diff = compared(
        cases(vec![said("one"), said("two")]),
        cases(vec![said("one"), said("three")]),
        false,
        &Settings::default(),
    );
    assert_eq!(kinds(&diff), [(Kind::Changed, "c")]);
    assert!(diff.changes[0].diff.iter().any(|line| line.contains("two")), "{:?}", diff.changes[0].diff);
}
