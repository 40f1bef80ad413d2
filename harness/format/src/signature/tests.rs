#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;

use super::*;

const GOOD: &str = r#"signatures:
  - id: acme.session-lost
    title: The gateway forgets the session
    systems: [acme]
    confidence: likely
    recognise:
      - hop: front
        request: { body: { method: initialize } }
        response: { status: 200, headers: { mcp-session-id: { $any: true } } }
        capture: { id: "$.response.headers['mcp-session-id']" }
      - absent: true
        request: { method: DELETE }
      - hop: front
        request: { headers: { mcp-session-id: "${id}" } }
        response: { status: 404 }
    cause: Sessions are kept in the memory of one process.
    remedy:
      - { who: gateway, do: Keep sessions in the shared store. }
    mended:
      given: { sessions: { lifetime: 1h } }
      steps:
        - control: { mock: target, restart: true }
      expect: { status: 200, headers: { mcp-session-id: "${id}" } }
      received:
        - received: store
          where: { path: "/sessions/${id}" }
          count: 1
    reproduce: { scenario: acme.session, defect: "acme:forgets" }
"#;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { path: PathBuf::from("signatures.yaml"), text: text.into() })
}

fn problems(text: &str) -> Vec<String> {
    Signature::parse_all(&source(text))
        .map(|_| Vec::new())
        .unwrap_or_else(|all| all.iter().map(|d| format!("{d} ({})", d.help.clone().unwrap_or_default())).collect())
}

fn changed(from: &str, to: &str) -> String {
    let text = GOOD.replace(from, to);
    assert_ne!(text, GOOD, "`{from}` is not in the file");
    text
}

#[test]
fn a_signature_is_read_whole() {
    let all = Signature::parse_all(&source(GOOD)).unwrap();
    let [it] = all.as_slice() else { panic!("one signature") };
    assert_eq!((it.id.name.as_str(), it.id.span.line), ("acme.session-lost", 2));
    assert_eq!((it.confidence, it.systems.as_slice()), (Confidence::Likely, &["acme".to_owned()][..]));
    assert_eq!(it.recognise.iter().map(|s| s.absent).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(it.recognise[0].side, Some(Side::Front));
    assert_eq!(it.recognise[0].capture[0].0.name, "id");
    let looks: Vec<String> = it.recognise[2].patterns().map(|(path, _)| path).collect();
    assert_eq!(looks, ["request.headers", "response.status"]);
    assert_eq!(it.remedies[0].who, "gateway");
    let mended = it.mended.as_ref().unwrap();
    assert_eq!((mended.steps.len(), mended.received.len()), (1, 1));
    assert_eq!(mended.given.as_ref().unwrap().to_json(), serde_json::json!({ "sessions": { "lifetime": "1h" } }));
    assert_eq!(mended.expect.as_ref().unwrap().get("status").unwrap().to_json(), 200);
    assert_eq!(it.command().as_deref(), Some("gauntlet run acme.session --defect acme:forgets"));
}

#[test]
fn the_more_is_asked_the_more_specific() {
    let of = |text: &str| Signature::parse_all(&source(text)).unwrap()[0].specificity();
    assert_eq!(of(GOOD), 4 + 1 + 3);
    assert!(of(&changed("response: { status: 404 }", "response: { status: 404, body: \"\" }")) > of(GOOD));
}

#[test]
fn what_nothing_reproduces_says_why() {
    let text = changed("{ scenario: acme.session, defect: \"acme:forgets\" }", "{ none: it takes two hosts }");
    let all = Signature::parse_all(&source(&text)).unwrap();
    assert!(matches!(&all[0].reproduce, Reproduce::None(why) if why == "it takes two hosts"));
    assert_eq!(all[0].command(), None);
}

#[test]
fn a_faulty_file_is_refused_with_place_and_advice() {
    let cases = [
        (changed("confidence: likely", "confidence: likly"), "5:17: error[wrong-value]", "did you mean `likely`?"),
        (changed("    cause:", "    casue:"), "16:5: error[unknown-key]", "did you mean `cause`?"),
        (changed("status: 404", "stauts: 404"), "unknown key `stauts` in response", "did you mean `status`?"),
        (changed("$any: true", "$eny: true"), "`$eny` is not a matcher", "did you mean `$any`?"),
        (changed("\"${id}\"", "\"${ib}\""), "`ib` is not captured before", "did you mean `id`?"),
        (changed("\"${id}\"", "\"${env:HOME}\""), "`env:HOME` is not captured before", "captured"),
        (GOOD.replace("\"${id}\"", "abc").replace("${id}", "x"), "10:20: error[unused-capture]", ""),
        (changed("status: 404", "status: 4040"), "no response has this status", ""),
        (changed("mcp-session-id: \"", "Mcp-Session-Id: \""), "header names are in lower case", ""),
        (
            changed("request: { method: DELETE }", "{}: 1").replace("{}: 1", "hop: front"),
            "every exchange is like this",
            "request",
        ),
        (changed("{ method: DELETE }", "{ method: { $regex: \"(\" } }"), "regular expression is invalid", ""),
        (changed("defect: \"acme:forgets\"", "defect: forgets"), "does not say whose defect it is", "MOCK:DEFECT"),
        (changed("defect: \"acme:forgets\"", "none: why"), "`none` stands beside a scenario", ""),
        (changed("scenario: acme.session, ", ""), "a defect shows in a scenario only", "scenario"),
        (
            changed("scenario: acme.session, defect: \"acme:forgets\"", ""),
            "how `acme.session-lost` is reproduced",
            "none",
        ),
        (format!("{GOOD}{}", &GOOD[GOOD.find("  - id").unwrap()..]), "the id `acme.session-lost` is taken", ""),
        ("signatures: []".to_owned(), "the list is empty", ""),
        (changed("      steps:", "      stpes:"), "21:7: error[unknown-key]", "did you mean `steps`?"),
        (changed("restart: true", "restrat: true"), "22:36: error[unknown-key]", "did you mean `restart`?"),
        (
            changed("status: 200, headers: { mcp-session-id: \"$", "stauts: 200, headers: { mcp-session-id: \"$"),
            "unknown key `stauts`",
            "`status`",
        ),
        (
            changed("status: 200, headers: { mcp-session-id: \"$", "status: 2000, headers: { mcp-session-id: \"$"),
            "23:25: error[impossible-matcher]",
            "",
        ),
        (
            changed("status: 200, headers: { mcp-session-id: \"$", "count: 1, headers: { mcp-session-id: \"$"),
            "`count` cannot be expected",
            "",
        ),
        (changed("/sessions/${id}", "/sessions/${ib}"), "`ib` is not defined", "did you mean `id`?"),
        (changed("/sessions/${id}", "/sessions/${id.x}"), "what is captured is read as a whole", "a name of its own"),
        (changed("/sessions/${id}", "/sessions/${env:HOME}"), "reads no environment and no secret", ""),
        (changed("\"/sessions/${id}\"", "{ $regex: \"/sessions/${id}\" }"), "no regular expression", "$contains"),
        (changed("- received: store", "- call: store"), "25:11: error[wrong-step]", "`steps`"),
    ];
    for (text, message, help) in cases {
        let found = problems(&text);
        assert!(found.iter().any(|p| p.contains(message) && p.contains(help)), "`{message}`/`{help}`: {found:#?}");
    }
    let only_absent = "signatures:\n  - id: a\n    title: t\n    systems: [s]\n    confidence: certain\n    recognise:\n      \
                       - { absent: true, request: { method: GET } }\n    cause: c\n    remedy: [{ who: w, do: d }]\n    \
                       reproduce: { none: n }\n";
    assert!(problems(only_absent)[0].contains("no exchange shows this failure"), "{:?}", problems(only_absent));
}

#[test]
fn what_is_right_is_not_nothing() {
    let at = GOOD.find("    mended:").unwrap();
    let rest = &GOOD[GOOD.find("    reproduce:").unwrap()..];
    let text = format!("{}    mended: {{}}\n{rest}", &GOOD[..at]);
    assert!(problems(&text)[0].contains("nothing says what is right"), "{:?}", problems(&text));
    // An answer that is an error anyway needs no expectation.
    let text = format!("{}    mended: {{ given: {{ a: 1 }} }}\n{rest}", &GOOD[..at]);
    assert_eq!(problems(&text), [""; 0]);
}

#[test]
fn the_schema_takes_what_the_parser_takes() {
    let validator = jsonschema::validator_for(&crate::shape::signatures_schema()).unwrap();
    let value = |text: &str| crate::yaml::parse(&source(text), 0).unwrap().to_json();
    assert!(validator.is_valid(&value(GOOD)));
    assert!(!validator.is_valid(&value(&changed("    cause:", "    casue:"))));
    assert!(!validator.is_valid(&value(&changed("$any: true", "$eny: true"))));
}
