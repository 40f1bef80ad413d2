//! The report for programs, against its schema.

mod common;

use gauntlet_reports::{Event, JsonReporter, REPORT_SCHEMA, REPORT_VERSION, Reporter};
use serde_json::{Value, json};

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(REPORT_SCHEMA).expect("the schema is JSON");
    jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&schema).expect("the schema is a schema")
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn assert_valid(report: &Value) {
    let errors: Vec<String> = validator().iter_errors(report).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn a_run_is_valid_and_whole() {
    let events = common::run();
    let report = parsed(&common::json_report(&events));
    assert_valid(&report);
    assert_eq!(report["schema"], REPORT_VERSION);
    let members: Vec<&String> = report.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["schema", "run", "results", "targets", "summary"]);
    let results = report["results"].as_array().expect("an array");
    assert_eq!(results.len(), 10);
    assert_eq!(results[9]["type"], "broken");
    assert_eq!(results[1]["attempts"][0]["checks"][0]["mismatches"][0]["actual"], json!(200));
    assert_eq!(report["targets"][1]["name"], "mcp-server");
    assert_eq!(report["summary"]["requirements_touched"], 3);
    // What was written reads back as what it was.
    let Some(Event::CaseFinished(failed)) = events.get(6) else { panic!("the failed case") };
    let back: gauntlet_reports::CaseResult = serde_json::from_value(results[1].clone()).expect("a result");
    assert_eq!(&back, failed.as_ref());
}

#[test]
fn every_kind_of_body_and_hostile_text_is_valid() {
    assert_valid(&parsed(&common::json_report(&common::filled(common::HOSTILE))));
}

#[test]
fn the_schema_is_strict() {
    let report = parsed(&common::json_report(&common::run()));
    let validator = validator();
    let mut refused = 0;
    let mut check = |pointer: &str, change: &dyn Fn(&mut Value)| {
        let mut changed = report.clone();
        change(changed.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")));
        assert!(!validator.is_valid(&changed), "{pointer}");
        refused += 1;
    };
    for object in [
        "",
        "/run",
        "/summary",
        "/summary/checks",
        "/targets/0",
        "/results/0",
        "/results/0/id",
        "/results/0/place",
        "/results/9",
        "/results/1/attempts/0",
        "/results/1/attempts/0/counts",
        "/results/1/attempts/0/hints/0",
        "/results/1/attempts/0/checks/0",
        "/results/1/attempts/0/checks/0/requirements/0",
        "/results/1/attempts/0/checks/0/mismatches/0",
        "/results/1/attempts/0/transcript/0",
        "/results/1/attempts/0/transcript/0/hop",
        "/results/1/attempts/0/transcript/0/request",
        "/results/1/attempts/0/transcript/0/response",
    ] {
        check(object, &|value| value["unheard-of"] = json!(1));
        let names: Vec<String> =
            report.pointer(object).and_then(Value::as_object).expect("an object").keys().cloned().collect();
        // Reports of before there was an index are valid too, and attempts that look like no known failure.
        let optional = [("/results/9", "index"), ("/results/1/attempts/0", "hints")];
        for name in names.into_iter().filter(|name| !optional.contains(&(object, name.as_str()))) {
            check(object, &|value| {
                value.as_object_mut().expect("an object").shift_remove(&name);
            });
        }
    }
    check("/schema", &|value| *value = json!("gauntlet-report/2"));
    check("/results/0/verdict", &|value| *value = json!("ok"));
    check("/results/0/index", &|value| *value = json!(-1));
    assert!(refused > 100, "{refused}");
}

#[test]
fn an_interrupted_run_leaves_a_valid_report() {
    let events = common::run();
    for length in 1..events.len() {
        let text = common::json_report(&events[..length]);
        let report = parsed(&text);
        assert_valid(&report);
        assert_eq!(report["summary"]["interrupted"], "the report ended before the run did");
    }
    assert_eq!(common::json_report(&[]), "");
}

#[test]
fn finish_gives_the_writer_back_and_nothing_is_written_twice() {
    let mut reporter = JsonReporter::new(Vec::new());
    common::feed(&mut reporter, &common::run());
    reporter.event(&common::run()[0]).expect("ignored");
    reporter.event(&common::run()[4]).expect("ignored");
    let text = String::from_utf8(reporter.finish().expect("written")).expect("UTF-8");
    assert_eq!(text, common::json_report(&common::run()));
}

/// Fails when it is full.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => self.0 = left,
            None => return Err(std::io::ErrorKind::StorageFull.into()),
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let mut reporter = JsonReporter::new(Full(100));
    let errors = common::run().iter().filter(|event| reporter.event(event).is_err()).count();
    assert!(errors > 0);
}
