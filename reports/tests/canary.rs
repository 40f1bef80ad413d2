//! No secret gets into any report, in whatever member of whatever event it stands.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gauntlet_reports::{Event, Redactor, Style, Verbosity};

/// As in JSON documents, URLs and headers it is spelled differently.
const SECRET: &str = "c4n4ry/\"k\u{e9}y\"+~>??";

fn redactor() -> Redactor {
    Redactor::new([("canary".to_owned(), SECRET.to_owned())])
}

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02x}")).collect()
}

/// Ways in which the secret may stand in a text.
fn spellings() -> Vec<String> {
    vec![
        SECRET.to_owned(),
        format!("Bearer {SECRET}"),
        format!("Basic {}", STANDARD.encode(format!("user:{SECRET}"))),
        format!("eyJ.{}.sig", URL_SAFE_NO_PAD.encode(format!("{{\"k\":{}}}", serde_json::Value::from(SECRET)))),
        format!("https://h/?k={}&x=1", percent(SECRET)),
        format!("{{\"k\":{}}}", serde_json::Value::from(SECRET)),
        SECRET.bytes().map(|b| format!("{b:02X}")).collect(),
    ]
}

/// Every text of the events, one after the other.
fn texts(events: &[Event]) -> Vec<String> {
    let mut texts = Vec::new();
    for event in events {
        event.clone().for_each_text(&mut |text| texts.push(text.clone()));
    }
    texts
}

/// Counts the strings and names in the serialised form, which knows nothing of the traversal.
fn strings(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    match value {
        Value::String(_) => 1,
        Value::Array(items) => items.iter().map(strings).sum(),
        Value::Object(members) => members.values().map(strings).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[test]
fn the_traversal_reaches_every_text() {
    // Texts that are no `String` of the model: verdicts, levels, parties, the tag of an event, unit variants.
    let not_texts = ["pass", "skip", "untestable", "warn", "fail", "error", "MUST", "SHOULD", "target", "empty"];
    for event in common::filled("canary") {
        let mut value = serde_json::to_value(&event).expect("serialisable");
        value.as_object_mut().expect("an object").remove("type");
        fn left<'v>(value: &'v serde_json::Value, out: &mut Vec<&'v str>) {
            match value {
                serde_json::Value::String(text) => out.push(text),
                serde_json::Value::Array(items) => items.iter().for_each(|i| left(i, out)),
                serde_json::Value::Object(members) => members.values().for_each(|m| left(m, out)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        left(&value, &mut found);
        assert_eq!(found.len(), strings(&value));
        for text in found {
            assert!(text == "canary" || not_texts.contains(&text), "{text:?} was not reached in {value}");
        }
    }
}

#[test]
fn nothing_is_left_in_any_event_or_report() {
    for spelling in spellings() {
        let mut events = common::filled(&spelling);
        let before = texts(&events).iter().filter(|t| **t == spelling).count();
        assert!(before > 150, "{before} places");
        let redactor = redactor();
        events.iter_mut().for_each(|event| redactor.redact_event(event));
        let replaced = redactor.redact(&spelling);
        assert!(replaced.contains("${canary}"), "{replaced}");
        assert!(texts(&events).iter().all(|text| *text != spelling), "{spelling}");

        let color = Style { color: true, verbosity: Verbosity::Verbose };
        let reports = [
            common::console(&events, Style::default()),
            common::console(&events, color),
            common::json_report(&events),
            common::junit_report(&events),
            common::html_report(&events),
        ];
        for report in reports {
            assert!(report.contains("${canary}"), "the place is marked");
            assert_clean(&report, &spelling);
        }
    }
}

/// Neither the secret nor the part of it that survives any escaping stands in the text, as it is or encoded.
fn assert_clean(report: &str, spelling: &str) {
    let hex: String = SECRET.bytes().map(|b| format!("{b:02X}")).collect();
    let percent = percent("c4n4ry");
    for trace in ["c4n4ry", hex.as_str(), percent.as_str()] {
        assert!(!report.contains(trace), "{spelling}: {trace} is left");
    }
    for before in ["", "u", "us"] {
        // Three bytes in and six bytes long, so that it depends on nothing around it.
        let encoded = STANDARD.encode(format!("{before}{SECRET}"));
        assert!(!report.contains(&encoded[4..12]), "{spelling}: base64 is left");
    }
}

#[test]
fn names_that_become_equal_are_all_kept() {
    let mut event = common::run().swap_remove(6);
    let Event::CaseFinished(result) = &mut event else { panic!("a case") };
    let body = serde_json::json!({SECRET: 1, "c4n4ry/\"k\u{e9}y\"%2B~>??": 2, "n": 12345});
    result.attempts[0].transcript[0].request.body = gauntlet_reports::Body::Json(body);
    let both = Redactor::new([("canary".to_owned(), SECRET.to_owned()), ("pin".to_owned(), "12345".to_owned())]);
    both.redact_event(&mut event);
    let json = serde_json::to_string(&event).expect("serialisable");
    assert!(json.contains(r#"{"${canary}":1,"${canary}#2":2,"n":"${pin}"}"#), "{json}");
}

#[test]
fn a_cut_body_does_not_end_in_the_beginning_of_a_secret() {
    let mut event = common::run().swap_remove(6);
    let Event::CaseFinished(result) = &mut event else { panic!("a case") };
    let exchange = &mut result.attempts[0].transcript[0];
    let beginning = &SECRET[..SECRET.len() - 3];
    let body = |truncated| gauntlet_reports::Body::Text { text: format!("token={beginning}"), truncated };
    exchange.request.body = body(3);
    let response = exchange.response.as_mut().expect("an answer");
    response.body = body(0);
    redactor().redact_event(&mut event);
    let json = serde_json::to_string(&event).expect("serialisable");
    assert!(json.contains(r#"{"text":"token=${canary}","truncated":3}"#), "{json}");
    // Nothing was cut here, so it is another text.
    assert!(json.contains(r#"{"text":"token=c4n4ry/"#), "{json}");
}
