//! Each defect shows: what the client gets, what STS gets, or what the remote gets is another.

use std::collections::BTreeMap;
use std::sync::Arc;

use gauntlet_mocks::info;
use gauntlet_mocks::stub::{self, StubAnswer, StubBody, StubLogic, StubRequest};
use regex::Regex;
use serde_json::{Value, json};

use crate::support::{Probe, Seen, send_by};
use crate::world::{World, header, signed_headers, whoami};

/// What is done in a world; each step is one that a client or the time takes.
enum Step {
    Send(Probe),
    Advance(&'static str),
    /// The remote misbehaves.
    Remote(Value),
}

type Steps = fn(&World) -> Vec<Step>;

fn send(world: &World, spec: Value, probe: Probe) -> Step {
    Step::Send(world.by(&spec, probe))
}

/// One call by the usual caller.
fn one(world: &World) -> Vec<Step> {
    vec![send(world, json!({ "subject": "alice-1" }), whoami())]
}

fn with_header(world: &World, name: &str, value: &str) -> Vec<Step> {
    vec![send(world, json!({}), whoami().header(name, value))]
}

fn in_groups(world: &World, groups: Value) -> Vec<Step> {
    vec![send(world, json!({ "claims": { "groups": groups } }), whoami())]
}

fn metadata(path: &str) -> Step {
    Step::Send(Probe::new("GET", &format!("/.well-known/oauth-protected-resource{path}")))
}

fn initialize(world: &World) -> Step {
    let params =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    let probe = Probe::new("POST", "/mcp")
        .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    send(world, json!({}), probe)
}

/// For each defect: the configuration, and what shows it.
fn shows() -> Vec<(&'static str, Value, Steps)> {
    let usual = || json!({});
    let no_fallback = || json!({ "fallback_role_arn": null });
    let no_token: Steps = |_| vec![Step::Send(whoami())];
    let two_callers: Steps =
        |w| ["alice-1", "bob-2"].map(|subject| send(w, json!({ "subject": subject }), whoami())).into();
    let later: Steps = |w| {
        let probe = w.by(&json!({ "lifetime": "12h", "subject": "alice-1" }), whoami());
        vec![Step::Send(probe.clone()), Step::Advance("2h"), Step::Send(probe)]
    };
    let failing: Steps = |w| {
        let mut steps = vec![Step::Remote(json!({ "faults": [{ "status": 503, "times": 1 }] }))];
        steps.extend(one(w));
        steps
    };
    let elsewhere: Steps =
        |w| vec![Step::Send(Probe { path: "/some/where?a=b".to_owned(), ..w.by(&json!({}), whoami()) })];
    vec![
        ("no-challenge", usual(), no_token),
        ("challenge-without-metadata", usual(), no_token),
        ("resource-url-without-path", usual(), |_| vec![metadata("/mcp"), Step::Send(whoami())]),
        ("metadata-at-root-only", usual(), |_| vec![metadata("/mcp")]),
        ("metadata-needs-token", usual(), |_| vec![metadata("/mcp")]),
        ("metadata-without-cors", usual(), |_| vec![metadata("/mcp")]),
        ("signature-not-verified", usual(), |w| vec![send(w, json!({ "sign": "corrupt" }), whoami())]),
        ("issuer-not-checked", usual(), |w| {
            vec![send(w, json!({ "claims": { "iss": "https://idp.example.com" } }), whoami())]
        }),
        ("audience-not-checked", usual(), |w| vec![send(w, json!({ "audience": "other" }), whoami())]),
        ("expired-token-accepted", usual(), |w| {
            vec![send(w, json!({ "issued_ago": "2h", "lifetime": "1h" }), whoami())]
        }),
        ("validated-once", usual(), |w| {
            let probe = w.by(&json!({ "lifetime": "30m" }), whoami());
            vec![Step::Send(probe.clone()), Step::Advance("1h"), Step::Send(probe)]
        }),
        ("role-mapping-ignored", usual(), |w| in_groups(w, json!(["admins"]))),
        ("first-mapping-wins", usual(), |w| in_groups(w, json!(["writers", "admins"]))),
        ("mapping-without-priority-wins", usual(), |w| in_groups(w, json!(["writers", "auditors"]))),
        ("claim-compared-as-text", usual(), |w| in_groups(w, json!("no admins"))),
        ("claim-not-a-list-crashes", usual(), |w| in_groups(w, json!("admins"))),
        ("nobody-mapped-gets-first-role", no_fallback(), |w| in_groups(w, json!(["guests"]))),
        ("session-name-sanitised", usual(), |w| vec![send(w, json!({ "subject": "auth0|x" }), whoami())]),
        ("session-name-unchecked", usual(), |w| vec![send(w, json!({ "subject": "auth0|x" }), whoami())]),
        ("session-name-fixed", usual(), one),
        ("duration-not-sent", usual(), one),
        ("sts-error-leaked", json!({ "fallback_role_arn": crate::world::role("Nobody") }), one),
        ("sts-error-as-403", json!({ "fallback_role_arn": crate::world::role("Nobody") }), one),
        ("credentials-shared-between-callers", json!({ "cache": true }), two_callers),
        ("expired-credentials-reused", json!({ "cache": true }), later),
        ("service-missing", usual(), one),
        ("host-of-proxy-signed", usual(), one),
        ("client-path-signed", usual(), elsewhere),
        ("forwarded-headers-signed", usual(), one),
        ("forwarded-headers-changed-after-signing", usual(), |w| with_header(w, "x-forwarded-for", "203.0.113.7")),
        ("connection-header-signed", usual(), |w| with_header(w, "connection", "keep-alive")),
        ("connection-named-header-removed", usual(), |w| with_header(w, "connection", "X-Amz-Date")),
        ("trace-header-changed-after-signing", usual(), |w| {
            with_header(w, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        }),
        ("get-and-delete-unsigned", usual(), |w| vec![send(w, json!({}), Probe::new("GET", "/mcp"))]),
        ("client-forwarded-headers-pass", usual(), |w| with_header(w, "forwarded", "for=203.0.113.7")),
        ("proxy-host-revealed", usual(), one),
        ("client-authorization-forwarded", usual(), one),
        ("token-in-forwarded-header", usual(), one),
        ("numbers-lose-digits", usual(), |w| {
            let text = whoami().body.replace("\"id\":7", "\"id\":9007199254740993");
            vec![send(w, json!({}), whoami().text(&text))]
        }),
        ("remote-path-lost", usual(), elsewhere),
        ("remote-query-lost", json!({ "upstreams": "with-query" }), one),
        ("client-query-lost", usual(), elsewhere),
        ("session-id-not-forwarded", usual(), |w| with_header(w, "mcp-session-id", "fake-session")),
        ("session-id-not-returned", usual(), |w| vec![initialize(w)]),
        ("list-before-initialize", usual(), |w| vec![initialize(w)]),
        ("failure-as-empty-success", usual(), failing),
        ("sent-twice-on-failure", usual(), failing),
    ]
}

/// Status, headers and body of an answer, as far as they do not change from run to run.
type Kept = (u16, Vec<(String, String)>, String);

/// Everything that may differ, without what differs from run to run.
#[derive(Debug, PartialEq)]
struct Outcome {
    answers: Vec<Kept>,
    exchanges: Vec<Value>,
    requests: Vec<(String, Value)>,
}

async fn outcome(id: Option<&str>, config: &Value, steps: Steps) -> Outcome {
    let mut change = config.clone();
    let with_query = change.as_object_mut().and_then(|members| members.remove("upstreams")).is_some();
    change["defects"] = json!(id.into_iter().collect::<Vec<_>>());
    let world = World::start(change).await;
    if with_query {
        let aws = format!("{}?tenant=blue", world.aws.url());
        world.proxy.control(&json!({ "set": { "upstreams": { "aws": aws } } })).await.expect("another address");
    }
    let mut answers = Vec::new();
    for step in steps(&world) {
        match step {
            Step::Send(probe) => answers.push(kept(&world, &world.send(&probe).await)),
            Step::Advance(by) => world.advance(by).await,
            Step::Remote(command) => world.aws.control(&command).await.expect("a command"),
        }
    }
    let exchanges = world.exchanges().into_iter().map(|mut form| {
        form.insert("WebIdentityToken".to_owned(), json!("TOKEN"));
        json!(form)
    });
    let exchanges = exchanges.collect();
    let requests = world.aws.journal().entries();
    let requests = requests.iter().map(|entry| {
        let headers: BTreeMap<&str, String> = entry.headers.iter().map(|(n, v)| (n.as_str(), stable(&world, v))).collect();
        let signed = header(entry, "authorization").is_some_and(|value| value.starts_with("AWS4")).then(|| signed_headers(entry));
        let facts = json!({ "headers": headers, "signed": signed, "note": entry.note, "body": stable(&world, &String::from_utf8_lossy(&entry.body)) });
        (entry.target.clone(), facts)
    });
    Outcome { answers, exchanges, requests: requests.collect() }
}

fn kept(world: &World, seen: &Seen) -> Kept {
    let (status, mut headers, body) = seen.stable(world.proxy.origin());
    headers.extend(seen.header("access-control-allow-origin").map(|value| ("cors".to_owned(), value.to_owned())));
    headers.iter_mut().for_each(|(_, value)| *value = stable(world, value));
    (status, headers, stable(world, &body))
}

/// A text without what is made anew each time.
fn stable(world: &World, text: &str) -> String {
    let mut text = text.to_owned();
    for (name, mock) in [("IDP", &world.idp), ("STS", &world.sts), ("AWS", &world.aws), ("PROXY", &world.proxy)] {
        let host = mock.origin().trim_start_matches("http://");
        text = text.replace(host, name);
    }
    for (pattern, by) in [
        ("eyJ[A-Za-z0-9_.-]+", "JWT"),
        ("Credential=[A-Z0-9]+/[0-9]{8}/", "Credential=KEY/DATE/"),
        ("Signature=[0-9a-f]{64}", "Signature=S"),
        ("ASIA[A-Z0-9]{16}", "KEY"),
        ("^[0-9]{8}T[0-9]{6}Z$", "TIME"),
        ("^[A-Za-z0-9+/=]{200,}$", "SECURITY-TOKEN"),
        ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        ("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|[0-9]{8}T[0-9]{6}Z", "TIME"),
    ] {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, by).into_owned();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn each_defect_makes_a_difference() {
    let shown = shows();
    for (id, config, steps) in &shown {
        let good = outcome(None, config, *steps).await;
        assert_eq!(good, outcome(None, config, *steps).await, "{id}: the right way is the same each time");
        assert_ne!(good, outcome(Some(id), config, *steps).await, "{id} does not show");
    }
    let elsewhere = ["redirect-followed", "stream-buffered"];
    for defect in info("remote-proxy").expect("the mock").defects {
        let is_shown = shown.iter().any(|(id, ..)| *id == defect.id) || elsewhere.contains(&defect.id);
        assert!(is_shown, "nothing shows {}", defect.id);
    }
}

/// A remote that answers as it is told.
struct Remote(StubAnswer);

impl StubLogic for Remote {
    fn answer(&self, request: &StubRequest) -> StubAnswer {
        match request.path.as_str() {
            "/mcp" => self.0.clone(),
            _ => StubAnswer {
                status: 200,
                headers: Vec::new(),
                body: StubBody::Bytes("elsewhere".into()),
                faults: Vec::new(),
                note: None,
            },
        }
    }
}

#[tokio::test]
async fn redirects_are_handed_back_or_followed() {
    for (defects, status, visits) in [(json!([]), 307, 1), (json!(["redirect-followed"]), 200, 2)] {
        let answer = StubAnswer {
            status: 307,
            headers: vec![("location".to_owned(), "/elsewhere".to_owned())],
            body: StubBody::Bytes("".into()),
            faults: Vec::new(),
            note: None,
        };
        let remote = stub::start(Arc::new(Remote(answer)), Default::default()).await.expect("a stub");
        let world = World::with_remote(json!({ "defects": defects }), Some(remote.url())).await;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let seen = send_by(&client, &world.proxy, &world.by(&json!({}), whoami())).await;
        assert_eq!(seen.status, status);
        assert_eq!(remote.journal().len(), visits);
        let last = remote.journal().entries().pop().expect("a request");
        assert_eq!(last.target == "/elsewhere", visits == 2);
        assert!(header(&last, "authorization").is_some());
    }
}

#[tokio::test]
async fn streams_pass_as_they_come_or_are_held_back() {
    use futures_util::StreamExt as _;
    use std::time::{Duration, Instant};

    for (defects, is_held) in [(json!([]), false), (json!(["stream-buffered"]), true)] {
        // What passes as it comes is seen long before the second one is there.
        let pause = Duration::from_millis(if is_held { 500 } else { 60_000 });
        let events = vec![(Duration::ZERO, "data: 1\n\n".into()), (pause, "data: 2\n\n".into())];
        let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
        let answer =
            StubAnswer { status: 200, headers, body: StubBody::Events(events), faults: Vec::new(), note: None };
        let remote = stub::start(Arc::new(Remote(answer)), Default::default()).await.expect("a stub");
        let world = World::with_remote(json!({ "defects": defects }), Some(remote.url())).await;
        let probe = world.by(&json!({}), whoami());
        let http = reqwest::Client::new();
        let ask = || {
            let headers = probe.headers.iter();
            let request = http.post(world.proxy.url()).body(probe.body.clone());
            headers.fold(request, |request, (name, value)| request.header(name, value)).send()
        };
        // The first call fetches the keys of the issuer, which takes its time.
        drop(ask().await.expect("an answer"));
        let begun = Instant::now();
        let mut body = ask().await.expect("an answer").bytes_stream();
        let first = body.next().await.expect("a piece").expect("a piece");
        assert_eq!(begun.elapsed() >= pause, is_held, "{:?}", begun.elapsed());
        assert_eq!(first.starts_with(b"data: 1\n\ndata: 2"), is_held);
    }
}
