//! Known failures in recordings.

use super::*;
use crate::repro::diagnose::{Signatures, known};
use crate::repro::secrets;

fn at(entry: usize, id: &str, right: Right) -> Known {
    Known { entry, id: id.to_owned(), is_sure: true, beside: Vec::new(), right: Some(right) }
}

fn expecting(expect: Value) -> Right {
    Right { expect: Some(expect), ..Right::default() }
}

fn listed(tape: &mut Tape) -> &mut Tape {
    tape.opened().rpc(&SESSION, call(1, "tools/list", json!({})), 200, result(1, json!({"tools": []})))
}

#[test]
fn what_is_right_stands_around_the_step_that_shows_the_failure() {
    let mut tape = Tape::default();
    listed(&mut tape);
    let right = Right {
        role: Some("kiro-gateway".to_owned()),
        given: Some(json!({"runtime": {"account": "desktop"}})),
        steps: vec![json!({"control": {"mock": "runtime", "advance": "2h"}})],
        expect: Some(json!({"result": {"tools": {"$len": {"$gte": 1}}}})),
        received: vec![json!({"received": "runtime", "count": 1})],
    };
    let more = Right { given: Some(json!({"runtime": {"account": "builder-id", "rate": {}}})), ..Right::default() };
    let options = Options { known: vec![at(2, "a.b", right), at(2, "c.d", more)], ..Options::default() };
    let (scenario, text) = tape.read(&options);
    // Its mocks are those of a role.
    assert_eq!(scenario["target"], "kiro-gateway", "{text}");
    assert_eq!(scenario["requires"], json!({"upstreams": ["runtime"]}));
    assert_eq!(scenario["given"], json!({"runtime": {"account": "desktop"}}));
    assert_eq!(
        scenario["steps"],
        json!([
            {"control": {"mock": "runtime", "advance": "2h"}},
            {"call": "tools/list", "params": {}, "expect": {"result": {"tools": {"$len": {"$gte": 1}}}}},
            {"received": "runtime", "count": 1},
        ])
    );
    assert_eq!(scenario["title"], "tools/list goes as it should; it was recorded as a.b");
    assert!(text.contains("# step 2 looks like a.b (gauntlet explain a.b): it expects what is right\n"), "{text}");
    assert!(text.contains("# step 2 looks like c.d (gauntlet explain c.d)\n"), "{text}");

    let (other, text) = tape.read(&Options { target: Some("mcp-server".to_owned()), ..options });
    assert_eq!((other.get("given"), other.get("requires")), (None, None), "{text}");
    assert_eq!(other["steps"].as_array().unwrap().len(), 1, "{text}");
    assert_eq!(other["steps"][0]["expect"], json!({"result": {"tools": {"$len": {"$gte": 1}}}}));
}

#[test]
fn what_was_seen_is_not_mended() {
    let mut tape = Tape::default();
    listed(&mut tape);
    for expect in [Expect::Seen, Expect::Conforming] {
        let known = vec![at(2, "a.b", expecting(json!({"status": 201})))];
        let (scenario, text) = tape.read(&Options { expect, known, ..Options::default() });
        assert_eq!(scenario["steps"][0]["expect"]["status"], 200, "{text}");
        assert!(!text.contains("a.b"), "{text}");
    }
}

#[test]
fn what_is_only_possible_is_told() {
    let mut tape = Tape::default();
    listed(&mut tape);
    let known = vec![Known { is_sure: false, ..at(2, "a.b", expecting(json!({"status": 201}))) }];
    let (scenario, text) = tape.read(&Options { known, ..Options::default() });
    assert_eq!(scenario["steps"][0]["expect"]["status"], 200, "{text}");
    assert!(text.contains("# step 1 may be a.b (gauntlet explain a.b)\n"), "{text}");
}

#[test]
fn a_handshake_that_shows_a_failure_is_written_out() {
    let mut tape = Tape::default();
    listed(&mut tape);
    let known = vec![at(0, "a.b", expecting(json!({"headers": {"mcp-session-id": {"$absent": true}}})))];
    let (scenario, text) = tape.read(&Options { known, ..Options::default() });
    assert_eq!(scenario["lifecycle"], "manual", "{text}");
    assert_eq!(scenario["steps"][0]["call"], "initialize");
    assert_eq!(scenario["steps"][0]["expect"], json!({"headers": {"mcp-session-id": {"$absent": true}}}));
}

#[test]
fn a_refusal_without_credentials_is_no_bug_where_it_is_known_what_is() {
    let mut tape = Tape::default();
    let refused = json!({"error": "sign in"});
    tape.rpc(&[], call(1, "tools/list", json!({})), 401, refused.clone());
    tape.add("GET", "https://gateway.example.com/.well-known/oauth-protected-resource", &[], "", 200, &[], "<html>");
    let expected = |options: &Options| {
        let (scenario, _) = tape.read(options);
        scenario["steps"][0]["expect"].clone()
    };
    assert_eq!(expected(&Options::default())["status"], 200);
    let known = vec![at(1, "a.b", expecting(json!({"status": 200})))];
    assert_eq!(expected(&Options { known, ..Options::default() }), json!({"status": 401, "body": refused}));
}

#[test]
fn what_a_signature_captured_stands_for_itself() {
    let text = r#"signatures:
  - id: a.b
    title: The wrong one
    systems: [s]
    confidence: certain
    recognise:
      - response: { body: { own: { $any: true } } }
        capture: { own: $.response.body.own, said: $.response.body.said, number: $.response.body.number }
    cause: c
    remedy: [{ who: w, do: d }]
    mended: { expect: { body: { own: "${own}", said: "(${said}, $${number})", number: "${number}", id: "${session.id}" } } }
    reproduce: { none: n }
"#;
    let mut signatures = Signatures::none();
    signatures.extend(&Arc::new(Source { path: "signatures.yaml".into(), text: text.into() })).unwrap();
    let mut tape = Tape::default();
    let body = json!({"own": "https://gateway.example.com/a", "said": "${env:HOME}", "number": 7}).to_string();
    let json_type = [("content-type", "application/json")];
    let tape = tape.opened();
    // Each of the two shows it.
    for path in ["/one", "/two"] {
        tape.add("GET", &format!("https://gateway.example.com{path}"), &SESSION, "", 200, &json_type, &body);
    }
    let recording = Recording { creator: None, entries: tape.0.clone() };
    let known = known(&recording, &signatures, &secrets::Options::default());
    let (scenario, text) = tape.read(&Options { known, ..Options::default() });
    let expected = json!({"body": {
        "own": "${target.origin}/a", "said": "($${env:HOME}, $${number})", "number": 7, "id": "${session.id}",
    }});
    // The first request of the session is none of messages, so that the steps open it.
    assert_eq!((&scenario["steps"][2]["expect"], &scenario["steps"][3]["expect"]), (&expected, &expected), "{text}");
    assert!(text.contains("# steps 3, 4 look like a.b (gauntlet explain a.b): they expect what is right\n"), "{text}");
}

#[test]
fn over_stdio_there_are_messages_alone() {
    let mut tape = Tape::default();
    let asked = call(1, "tools/list", json!({})).to_string();
    let answered = format!("{}\n", result(1, json!({"tools": []})));
    tape.add(STDIN, "stdio:server", &[], &asked, 200, &[], &answered);
    let right = expecting(json!({"status": 200, "result": {"tools": {"$unique": "name"}}}));
    let (scenario, text) = tape.read(&Options { known: vec![at(0, "a.b", right)], ..Options::default() });
    assert_eq!(scenario["steps"][0]["expect"], json!({"result": {"tools": {"$unique": "name"}}}), "{text}");
}
