//! What a run left is read again.

mod common;

use common::{feed, json_report, run};
use gauntlet_reports::saved::{ReadError, read};
use gauntlet_reports::{Event, JsonLinesReporter, RunSummary};

fn json_lines(events: &[Event]) -> String {
    let out = common::Shared::default();
    feed(&mut JsonLinesReporter::new(out.clone()), events);
    out.text()
}

fn events_of(text: &str) -> Result<(Vec<Event>, bool), ReadError> {
    let mut events = Vec::new();
    let done = read(text.as_bytes(), &mut |event| {
        events.push(event);
        Ok(())
    })?;
    Ok((events, done.complete))
}

fn results(events: &[Event]) -> Vec<&Event> {
    events.iter().filter(|e| matches!(e, Event::CaseFinished(_) | Event::Broken(_))).collect()
}

fn summary(events: &[Event]) -> &RunSummary {
    match events.last() {
        Some(Event::RunFinished(summary)) => summary,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_of_events_comes_back_as_it_was() {
    let (events, complete) = events_of(&json_lines(&run())).expect("readable");
    assert!(complete);
    assert_eq!(events, run());
}

#[test]
fn a_report_comes_back_without_the_beginnings_of_cases() {
    let report = json_report(&run());
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&report).expect("JSON"));
    for text in [report, pretty.expect("JSON")] {
        let (events, complete) = events_of(&text).expect("readable");
        assert!(complete);
        assert_eq!(results(&events), results(&run()));
        assert_eq!(summary(&events), summary(&run()));
        assert_eq!(events.len(), run().iter().filter(|e| !matches!(e, Event::CaseStarted { .. })).count());
    }
}

/// A file that ends anywhere, as after SIGKILL, still has every result that was whole.
#[test]
fn what_was_cut_off_is_read_as_far_as_it_is_there() {
    for text in [json_report(&run()), json_lines(&run())] {
        let whole = results(&run()).len();
        let mut most = 0;
        for end in (0..text.len()).step_by(29) {
            if !text.is_char_boundary(end) {
                continue;
            }
            match events_of(&text[..end]) {
                Ok((events, complete)) => {
                    assert_eq!(results(&events), results(&run())[..results(&events).len()]);
                    assert!(results(&events).len() >= most, "the longer file has less");
                    most = results(&events).len();
                    let totals = summary(&events);
                    if !complete {
                        assert_eq!(totals.interrupted.as_deref(), Some("the file ends before the run did"));
                        assert_eq!(totals.cases() + totals.broken, most as u64);
                    }
                }
                // The first line is not whole.
                Err(ReadError::Foreign(_)) => assert_eq!(most, 0, "cut at {end}"),
                Err(error) => panic!("cut at {end}: {error}"),
            }
        }
        assert_eq!(most, whole);
    }
}

#[test]
fn damage_in_the_middle_is_told_with_its_place() {
    let report = json_report(&run()).replacen("\"verdict\":\"fail\"", "\"verdict\":\"fial\"", 1);
    let error = events_of(&report).expect_err("damaged").to_string();
    assert!(error.starts_with("line ") && error.contains("unknown variant `fial`"), "{error}");
    let mut lines: Vec<String> = json_lines(&run()).lines().map(str::to_owned).collect();
    lines[4] = "{\"type\":".to_owned();
    let error = events_of(&format!("{}\n", lines.join("\n"))).expect_err("damaged").to_string();
    assert!(error.starts_with("line 5, column "), "{error}");
}

#[test]
fn other_files_and_later_formats_are_named() {
    for (text, expected) in [
        ("", "it is empty"),
        ("hello", "this is not what"),
        ("[1, 2]", "this is not what"),
        ("{}", "an empty object is no report"),
        ("{\"results\":[]}", "does not begin with `schema`"),
        ("{\"schema\":\"other/1\"}", "its format is `other/1`"),
        (
            "{\"schema\":\"gauntlet-report/2\",\"runs\":[]}",
            "written by a later Gauntlet, in the format gauntlet-report/2",
        ),
        ("{\"schema\":\"gauntlet-events/7\",\"type\":\"new\"}\n", "in the format gauntlet-events/7"),
    ] {
        let error = events_of(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn whoever_takes_the_events_can_stop() {
    for text in [json_report(&run()), json_lines(&run())] {
        let full = read(text.as_bytes(), &mut |_| Err(std::io::Error::other("the disk is full")));
        assert_eq!(full.expect_err("stopped").to_string(), "the disk is full");
    }
}
