use std::path::PathBuf;
use std::sync::Arc;

use gauntlet_format::Source;
use gauntlet_reports::{Attempt, Body, Check, CheckCounts, Exchange, Hop, Verdict, WireRequest, WireResponse};
use serde_json::{Value, json};

use super::*;

/// A file with one signature that is recognised so.
fn one(recognise: &str) -> Signatures {
    many(&[("t.one", "certain", recognise)])
}

fn many(list: &[(&str, &str, &str)]) -> Signatures {
    let mut text = "signatures:\n".to_owned();
    for (id, confidence, recognise) in list {
        text.push_str(&format!(
            "  - id: {id}\n    title: t\n    systems: [s]\n    confidence: {confidence}\n    recognise: {recognise}\n    cause: c\n    \
             remedy: [{{ who: w, do: d }}]\n    reproduce: {{ none: n }}\n"
        ));
    }
    let mut signatures = Signatures::none();
    let source = Source { path: PathBuf::from("signatures.yaml"), text: text.into() };
    signatures.extend(&Arc::new(source)).unwrap_or_else(|problems| panic!("{problems:?}"));
    signatures
}

fn exchange(from: &str, to: &str, sent: Value, status: u16, got: Value) -> Exchange {
    Exchange {
        hop: Hop { from: from.to_owned(), to: to.to_owned() },
        step: None,
        request: WireRequest {
            method: "POST".to_owned(),
            url: "http://host.example/mcp?a=1".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Body::Json(sent),
        },
        response: Some(WireResponse { status: Some(status), headers: Vec::new(), body: Body::Json(got) }),
        failure: None,
        cause: None,
        note: None,
        started_ms: 0.0,
        began_ms: None,
        elapsed_ms: 12.0,
    }
}

/// A request of a client that says `m`.
fn say(m: &str, status: u16) -> Exchange {
    exchange("client", "gateway", json!({ "m": m }), status, json!({}))
}

/// What the gateway asked while the client waited for the exchange at `cause`.
fn behind(cause: usize, m: &str, status: u16) -> Exchange {
    Exchange { cause: Some(cause), ..exchange("gateway", "server", json!({ "m": m }), status, json!({})) }
}

fn is_found(recognise: &str, exchanges: &[Exchange]) -> bool {
    !diagnose(&one(recognise), exchanges).is_empty()
}

#[test]
fn exchanges_come_in_order_and_others_may_stand_between() {
    let ab = "[{ request: { body: { m: a } } }, { request: { body: { m: b } } }]";
    let list = |names: &[&str]| names.iter().map(|m| say(m, 200)).collect::<Vec<_>>();
    assert!(is_found(ab, &list(&["x", "a", "x", "b"])));
    assert!(!is_found(ab, &list(&["b", "a"])));
    assert!(!is_found(ab, &list(&["a"])), "one exchange is not two");
    let aa = "[{ request: { body: { m: a } } }, { request: { body: { m: a } } }]";
    assert!(!is_found(aa, &list(&["a"])) && is_found(aa, &list(&["a", "a"])));
}

#[test]
fn what_is_absent_is_absent_between_its_neighbours() {
    let list = |names: &str| names.chars().map(|m| say(&m.to_string(), 200)).collect::<Vec<_>>();
    let item = |m: &str| format!("{{ request: {{ body: {{ m: {m} }} }} }}");
    let no = |m: &str| format!("{{ absent: true, request: {{ body: {{ m: {m} }} }} }}");
    let between = format!("[{}, {}, {}]", item("a"), no("x"), item("b"));
    assert!(is_found(&between, &list("xabx")) && is_found(&between, &list("axab")));
    assert!(!is_found(&between, &list("axb")));
    let before = format!("[{}, {}]", no("x"), item("b"));
    assert!(is_found(&before, &list("abx")) && !is_found(&before, &list("xab")));
    let after = format!("[{}, {}]", item("a"), no("x"));
    assert!(is_found(&after, &list("xab")) && is_found(&after, &list("axa")), "the second `a` has none behind it");
    assert!(!is_found(&after, &list("abx")));
}

#[test]
fn a_captured_value_is_known_to_those_that_follow() {
    let again = "[{ request: { body: { m: a } }, capture: { id: $.request.body.id } }, \
                 { request: { body: { m: b, id: \"${id}\" } } }]";
    let with = |m: &str, id: u32| exchange("client", "server", json!({ "m": m, "id": id }), 200, json!({}));
    assert!(is_found(again, &[with("a", 1), with("a", 2), with("b", 2)]), "the second `a` is tried too");
    assert!(!is_found(again, &[with("a", 1), with("b", 2)]));
    let part = "[{ request: { body: { m: a } }, capture: { n: { from: $.request.body.m2, regex: 'v(.)' } } }, { request: { body: { m: \"${n}\" } } }]";
    let first = exchange("client", "server", json!({ "m": "a", "m2": "v7" }), 200, json!({}));
    assert!(is_found(part, &[first.clone(), say("7", 200)]) && !is_found(part, &[first, say("8", 200)]));
}

#[test]
fn what_stands_behind_belongs_to_what_stands_in_front() {
    let relation = "[{ hop: front, response: { status: 200 } }, { hop: behind, response: { status: 500 } }]";
    assert!(is_found(relation, &[say("a", 200), behind(0, "x", 500)]));
    let others = [say("a", 200), behind(0, "x", 200), say("b", 502), behind(2, "x", 500)];
    assert!(!is_found(relation, &others), "the failure was another request's");
    let none =
        "[{ hop: front, request: { body: { m: a } } }, { hop: behind, absent: true, request: { body: { m: x } } }]";
    assert!(!is_found(none, &[say("a", 200), behind(0, "x", 200)]));
    assert!(is_found(none, &[say("a", 200), behind(0, "y", 200), say("b", 200), behind(2, "x", 200)]));
}

#[test]
fn of_one_side_no_relation_of_two_is_seen() {
    let relation = "[{ hop: front, response: { status: 200 } }, { hop: behind, response: { status: 500 } }]";
    assert!(!is_found(relation, &[say("a", 200), say("b", 500)]));
    assert!(
        is_found("[{ hop: behind, response: { status: 500 } }]", &[say("b", 500)]),
        "a recording of a gateway's own requests"
    );
    assert!(!is_found("[{ hop: behind, response: { status: 500 } }]", &[say("b", 500), behind(0, "x", 200)]));
}

#[test]
fn the_members_are_those_of_an_exchange() {
    let mut it = exchange("client", "server", json!({ "id": 7, "method": "x" }), 200, json!({}));
    it.response = Some(WireResponse {
        status: Some(200),
        headers: vec![("content-type".to_owned(), "text/event-stream".to_owned())],
        body: Body::Text {
            text: "event: message\ndata: {\"method\":\"n\"}\n\ndata: {\"id\":7,\"result\":{\"a\":1}}\n\n".to_owned(),
            truncated: 0,
        },
    });
    for good in [
        "request: { method: POST, host: host.example, path: /mcp, query: { a: '1' }, body: { id: 7 } }",
        "response: { result: { a: 1 }, answer: { id: 7 }, messages: [{ method: n }, { id: 7 }] }",
        "response: { $sse: [{ data: { id: 7 } }] }",
        "{ after: 12ms, within: 12ms, request: { method: POST } }",
    ] {
        let item = if good.starts_with('{') { good.to_owned() } else { format!("{{ {good} }}") };
        assert!(is_found(&format!("[{item}]"), std::slice::from_ref(&it)), "{good}");
    }
    for bad in [
        "{ after: 13ms, request: { method: POST } }",
        "{ within: 11ms, request: { method: POST } }",
        "{ response: { body: { $any: true } } }",
    ] {
        assert!(!is_found(&format!("[{bad}]"), std::slice::from_ref(&it)), "{bad}");
    }
    it.request.headers = vec![
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("host".to_owned(), "other:1".to_owned()),
    ];
    it.request.body = Body::Text { text: "grant_type=x&scope=a+b".to_owned(), truncated: 0 };
    it.response = None;
    it.failure = Some("reset by peer".to_owned());
    assert!(is_found(
        "[{ request: { host: 'other:1', form: { grant_type: x, scope: a b } }, failure: { $contains: reset } }]",
        std::slice::from_ref(&it)
    ));
    assert!(!is_found("[{ response: { error: { $absent: true } } }]", &[it]), "nothing is absent from no answer");
}

#[test]
fn the_most_certain_comes_first_and_then_the_most_specific() {
    let any = "[{ request: { method: POST } }]";
    let more = "[{ request: { method: POST, path: /mcp } }]";
    let signatures =
        many(&[("t.a", "likely", any), ("t.b", "possible", more), ("t.c", "likely", more), ("t.d", "certain", any)]);
    let found = diagnose(&signatures, &[say("a", 200)]);
    let ids: Vec<&str> = found.iter().map(|found| found.signature.id.name.as_str()).collect();
    assert_eq!(ids, ["t.d", "t.c", "t.a", "t.b"]);
}

#[test]
fn evidence_is_what_was_seen_without_credentials() {
    let mut it =
        exchange("client", "server", json!({ "text": "a\u{1b}[2Jb" }), 403, json!({ "long": "x".repeat(900) }));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    it.request.headers = vec![
        header("authorization", "AWS4-HMAC-SHA256 Credential=AKIAX/s, SignedHeaders=host;te, Signature=0123abcd"),
        header("cookie", "sid=secret-cookie"),
        header("proxy-authorization", "Bearer secret-token"),
    ];
    let recognise = "[{ request: { headers: { authorization: { $any: true }, cookie: { $any: true }, proxy-authorization: { $any: true }, x-y: { $absent: true } }, \
                     body: { text: { $any: true } } }, response: { status: 403, body: { long: { $any: true } } } }, { absent: true, request: { body: { m: x } } }]";
    let exchanges = [say("a", 200), it];
    let signatures = one(recognise);
    let found = diagnose(&signatures, &exchanges);
    let [found] = found.as_slice() else { panic!("one match") };
    let [shown, absent] = found.evidence.as_slice() else { panic!("{:?}", found.evidence) };
    assert_eq!((shown.exchange, shown.hop.as_deref()), (Some(1), Some("client → server")));
    let value = |path: &str| shown.seen.iter().find(|seen| seen.path == path).map(|seen| seen.value.clone());
    assert_eq!(
        value("request.headers.authorization"),
        Some(Some("AWS4-HMAC-SHA256 Credential=AKIAX/s, SignedHeaders=host;te …".into()))
    );
    assert_eq!(value("request.headers.cookie"), Some(Some("…".into())));
    assert_eq!(value("request.headers.proxy-authorization"), Some(Some("Bearer …".into())));
    assert_eq!(value("request.headers.x-y"), Some(None));
    assert_eq!(value("response.status"), Some(Some(403.into())));
    assert_eq!((absent.exchange, absent.seen[0].path.as_str()), (None, "request.body"));
    let text = tell(found);
    assert!(text.contains("request.headers.x-y                  absent\n") && text.contains("a\\x1b[2Jb"), "{text}");
    assert!(!text.contains("secret") && !text.contains("0123abcd") && !text.contains(&"x".repeat(300)), "{text}");
}

#[test]
fn a_list_that_is_made_to_take_long_does_not() {
    let item = "{ request: { body: { m: a } }, capture: { v: $.request.body.m } }";
    let recognise = format!("[{}, {{ request: {{ body: {{ m: \"${{v}}-never\" }} }} }}]", [item; 7].join(", "));
    let exchanges: Vec<Exchange> = (0..WINDOW).map(|_| say("a", 200)).collect();
    let signatures = one(&recognise);
    let views = exchange::views(&exchanges, 0);
    assert!(signatures.iter().all(|signature| search::find(signature, &views).is_none()));
}

#[test]
fn positions_count_over_all_windows() {
    let mut exchanges: Vec<Exchange> = (0..WINDOW).map(|_| say("a", 200)).collect();
    exchanges.extend([say("a", 200), behind(WINDOW, "x", 500)]);
    let relation = one("[{ hop: front, response: { status: 200 } }, { hop: behind, response: { status: 500 } }]");
    let found = diagnose(&relation, &exchanges);
    assert_eq!(found[0].exchanges().collect::<Vec<_>>(), [WINDOW, WINDOW + 1]);
}

/// A HAR file of requests at these milliseconds, each answered after 10, with what they say and their status.
fn har(entries: &[(u64, Option<&str>, &str, u16)]) -> String {
    let entry = |(at, behind, m, status): &(u64, Option<&str>, &str, u16)| {
        let mut entry = json!({
            "startedDateTime": format!("2026-03-04T05:06:{:02}.{:03}Z", at / 1000, at % 1000), "time": 10,
            "request": {
                "method": "POST", "url": "http://127.0.0.1:8080/mcp",
                "postData": { "mimeType": "application/json", "text": json!({ "m": m }).to_string() },
            },
            "response": { "status": status, "content": {} },
        });
        if let Some(upstream) = behind {
            entry["_behind"] = (*upstream).into();
        }
        entry
    };
    json!({ "log": { "entries": entries.iter().map(entry).collect::<Vec<_>>() } }).to_string()
}

#[test]
fn a_recording_of_both_sides_shows_what_is_between_them() {
    let relation = one("[{ hop: front, response: { status: 200 } }, { hop: behind, response: { status: 500 } }]");
    let found = |entries: &[(u64, Option<&str>, &str, u16)]| -> Option<Vec<(usize, String)>> {
        let (found, _) = of_recording(har(entries).as_bytes(), &relation).unwrap_or_else(|error| panic!("{error}"));
        let told = |one: &Match<'_>| one.evidence.iter().filter_map(|e| Some((e.exchange?, e.hop.clone()?))).collect();
        found.first().map(told)
    };
    let behind = Some("runtime");
    let hops = |at: usize| {
        let (front, behind) = ("client → 127.0.0.1:8080", "127.0.0.1:8080 → runtime");
        vec![(at, front.to_owned()), (at + 1, behind.to_owned())]
    };
    assert_eq!(found(&[(0, None, "a", 200), (5, behind, "a", 500)]), Some(hops(0)));
    assert_eq!(found(&[(0, None, "a", 200), (5, None, "a", 500)]), None, "one side shows no relation");
    let others = [(0, None, "a", 200), (5, behind, "a", 200), (50, None, "b", 502), (55, behind, "b", 500)];
    assert_eq!(found(&others), None, "the failure was another request's");
    // In the second window, where causes are still counted from the first exchange.
    let mut long: Vec<_> = (0..u64::try_from(WINDOW).unwrap_or(0)).map(|at| (at, None, "x", 400)).collect();
    long.extend([(5000, None, "x", 200), (6000, None, "a", 200), (6005, behind, "a", 500)]);
    assert_eq!(found(&long), Some(hops(WINDOW + 1)));
}

fn attempt(verdict: Verdict, transcript: Vec<Exchange>, failed: &[Option<usize>]) -> Attempt {
    let check = |exchange: &Option<usize>| Check {
        step: 0,
        label: "status".to_owned(),
        verdict: Verdict::Fail,
        requirements: Vec::new(),
        because: None,
        mismatches: Vec::new(),
        place: None,
        exchange: *exchange,
    };
    Attempt {
        verdict,
        reason: None,
        place: None,
        notes: Vec::new(),
        duration_ms: 0.0,
        counts: CheckCounts::default(),
        checks: failed.iter().map(check).collect(),
        blame: None,
        requirements: Vec::new(),
        transcript,
        curl: None,
        hints: Vec::new(),
    }
}

#[test]
fn hints_are_about_what_failed() {
    let signatures = one("[{ request: { body: { m: x } }, response: { status: 500 } }]");
    let transcript = || vec![say("a", 200), behind(0, "x", 500), say("b", 200), behind(2, "y", 200)];
    let told = |verdict, failed: &[Option<usize>]| hints(&signatures, &attempt(verdict, transcript(), failed)).len();
    assert_eq!(told(Verdict::Pass, &[]), 0, "a pass is told nothing");
    assert_eq!(told(Verdict::Fail, &[Some(0)]), 1, "it stands behind the one that is wrong");
    assert_eq!(told(Verdict::Fail, &[Some(1)]), 1);
    assert_eq!(told(Verdict::Fail, &[Some(2)]), 0, "another one is wrong");
    assert_eq!(told(Verdict::Fail, &[Some(2), None]), 1, "one check is about none in particular");
    assert_eq!(told(Verdict::Error, &[]), 1);
    assert_eq!(
        hints(&signatures, &attempt(Verdict::Fail, transcript(), &[Some(0)]))[0],
        gauntlet_reports::Hint { id: "t.one".to_owned(), title: "t".to_owned(), remedy: "w: d".to_owned() }
    );
    let all = "[{ request: { method: POST } }]";
    let four = many(&[("t.a", "likely", all), ("t.b", "likely", all), ("t.c", "likely", all), ("t.d", "likely", all)]);
    assert_eq!(hints(&four, &attempt(Verdict::Fail, transcript(), &[Some(0)])).len(), 3);
}

#[test]
fn the_file_that_comes_with_gauntlet_is_sound() {
    let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/signatures.yaml"));
    let scenarios = crate::ScenarioSet::embedded();
    let ids: Vec<String> = scenarios
        .files
        .iter()
        .filter_map(|file| file.embedded?.lines().find_map(|line| Some(line.strip_prefix("id:")?.trim().to_owned())))
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(check(path, &ids), []);
    assert!(Signatures::builtin().iter().count() > 100);
}

#[test]
fn an_id_is_taken_once_and_names_lead_somewhere() {
    let text = |id: &str, reproduce: &str| {
        format!(
            "signatures:\n  - id: {id}\n    title: t\n    systems: [s]\n    confidence: certain\n    recognise: [{{ request: {{ method: GET }} }}]\n    cause: c\n    remedy: [{{ who: w, do: d }}]\n    reproduce: {reproduce}\n"
        )
    };
    let source = |text: String| Arc::new(Source { path: PathBuf::from("signatures-own.yaml"), text: text.into() });
    let mut all = Signatures::builtin();
    let taken = all.extend(&source(text("kiro.profile-arn-empty", "{ none: n }"))).err().map(|d| d[0].to_string());
    assert!(taken.is_some_and(|d| d.starts_with("signatures-own.yaml:2:9: error[duplicate-id]")));
    assert!(all.extend(&source(text("own.one", "{ none: n }"))).is_ok() && all.get("own.one").is_some());
    let folder = tempfile::tempdir().map(tempfile::TempDir::keep).unwrap_or_default();
    let path = folder.join("signatures.yaml");
    for (reproduce, message, help) in [
        ("{ scenario: a.scenarlo }", "there is no scenario `a.scenarlo`", "did you mean `a.scenario`?"),
        ("{ scenario: a.scenario, defect: 'idpp:iss-missing' }", "there is no mock `idpp`", "did you mean `idp`?"),
        (
            "{ scenario: a.scenario, defect: 'idp:iss-mising' }",
            "the mock idp has no defect `iss-mising`",
            "did you mean `iss-missing`?",
        ),
    ] {
        assert!(std::fs::write(&path, text("own.one", reproduce)).is_ok());
        let found = check(&path, &["a.scenario"]);
        assert!(found.iter().any(|d| d.message == message && d.help.as_deref() == Some(help)), "{found:?}");
    }
    assert!(std::fs::remove_dir_all(&folder).is_ok());
}
