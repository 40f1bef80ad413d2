//! What a verdict is worth: warnings, retries, order, bounds, prerequisites, and doing no harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gauntlet::config::{Allow, TargetSpec};
use gauntlet::{Filter, RunOptions};
use gauntlet_reports::{Event, Verdict};
use serde_json::{Map, json};

use crate::support::{ERROR, GOOD, JSON, Run, good, parrot, pinned, quick, response, run, serve, told};

/// A tiny MCP server: initialize, tools/list with a harmless and a harmful tool, tools/call.
async fn server(called: Arc<AtomicUsize>) -> String {
    serve(move |peer| {
        let called = Arc::clone(&called);
        async move {
            let result = match peer.method().as_str() {
                "initialize" => json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {} }, "serverInfo": { "name": "s", "version": "1" } }),
                "tools/list" => json!({ "tools": [
                    { "name": "look", "inputSchema": { "type": "object" }, "annotations": { "readOnlyHint": true } },
                    { "name": "launch", "inputSchema": { "type": "object" } },
                ] }),
                "tools/call" => {
                    called.fetch_add(1, Ordering::SeqCst);
                    json!({ "content": [] })
                }
                _ => return peer.say(response("202 Accepted", "", "")).await,
            };
            let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, peer.id());
            peer.say(response("200 OK", JSON, body)).await;
        }
    })
    .await
}

fn one(case: &Run, id: &str) -> (Verdict, String) {
    let case = case.case(id);
    (case.verdict, told(case))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_should_is_a_warning() {
    // tools.name.charset and its like are SHOULDs; the level of what is proved decides.
    let requirements = gauntlet::conformance::Requirements::builtin();
    let should = requirements
        .ids()
        .find(|id| {
            let r = requirements.get(id).unwrap();
            r.level == gauntlet::conformance::Level::Should && r.since.is_none() && r.until.is_none()
        })
        .or_else(|| {
            requirements.ids().find(|id| requirements.get(id).unwrap().level == gauntlet::conformance::Level::Should)
        })
        .unwrap();
    let scenario = format!(
        "id: should\ntitle: x\ntarget: mcp-server\nlifecycle: bare\nproves: [{should}]\nsteps:\n  - http: GET /nowhere\n    expect: {{ status: 299 }}\n"
    );
    let run = run(vec![good()], &[&scenario], quick()).await;
    assert_eq!(run.case("should").verdict, Verdict::Warn, "{}", run.console());
    assert_eq!((run.summary.warn, run.summary.fail), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_on_a_retry_is_flaky_and_every_attempt_is_kept() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let url = serve(move |peer| {
        let n = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let tools = if n < 2 { "17" } else { "[]" };
            let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"tools":{tools}}}}}"#, peer.id());
            peer.say(response("200 OK", JSON, body)).await;
        }
    })
    .await;
    let run =
        run(vec![pinned("bad", &url), good()], &[crate::support::BAD, GOOD], RunOptions { retries: 3, ..quick() })
            .await;
    let case = run.case("bad");
    let verdicts: Vec<Verdict> = case.attempts.iter().map(|a| a.verdict).collect();
    assert_eq!(verdicts, [Verdict::Fail, Verdict::Fail, Verdict::Pass]);
    assert!(case.flaky);
    assert!(!case.attempts[0].checks.is_empty() && !case.attempts[0].transcript.is_empty());
    assert_eq!((run.summary.pass, run.summary.flaky), (2, 1));
    assert!(!run.case("good").flaky);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_retries_the_first_failure_counts() {
    let url = parrot(response("200 OK", JSON, r#"{"jsonrpc":"2.0","id":1,"result":{"tools":17}}"#)).await;
    let run = run(vec![pinned("bad", &url)], &[crate::support::BAD], quick()).await;
    assert_eq!(run.case("bad").attempts.len(), 1);
    assert_eq!(run.case("bad").verdict, Verdict::Fail);
}

fn many(count: usize) -> Vec<String> {
    (0..count)
        .map(|i| {
            // Later ones are quicker, so that they end first.
            let wait = 40 - 2 * i.min(20);
            let status = if i % 5 == 3 { 299 } else { 200 };
            format!("id: s{i:02}\ntitle: x\ntarget: mcp-server\nsteps:\n  - wait: {wait}ms\n  - call: tools/list\n    expect: {{ status: {status} }}\n")
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn results_come_in_the_same_order_whatever_the_parallelism() {
    let texts = many(30);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut seen = Vec::new();
    for jobs in [1, 32] {
        let run = run(vec![good()], &texts, RunOptions { jobs, ..RunOptions::default() }).await;
        let order: Vec<_> = run.cases().map(|c| (c.index, c.id.to_string(), c.verdict)).collect();
        assert_eq!(order.len(), 30);
        assert!(order.iter().enumerate().all(|(i, (index, ..))| i == *index));
        seen.push(order);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_fast_stops_at_the_first_failure_and_says_so() {
    let texts = many(30);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let run = run(vec![good()], &texts, RunOptions { jobs: 1, fail_fast: true, ..quick() }).await;
    let verdicts: Vec<Verdict> = run.cases().map(|c| c.verdict).collect();
    assert_eq!(verdicts, [Verdict::Pass, Verdict::Pass, Verdict::Pass, Verdict::Fail]);
    assert!(run.summary.interrupted.as_deref().unwrap().contains("first failure"));
    assert!(matches!(run.events.last(), Some(Event::RunFinished(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_and_a_scenario_are_bounded_by_what_they_say() {
    let url = serve(async |peer| {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(peer);
    })
    .await;
    let step = "id: step\ntitle: x\ntarget: bad\nlifecycle: manual\nsteps:\n  - call: tools/list\n    timeout: 200ms\n    expect: { status: 200 }\n";
    let steps = "id: steps\ntitle: x\ntarget: bad\nlifecycle: manual\nstep_timeout: 250ms\nsteps:\n  - call: tools/list\n    expect: { status: 200 }\n";
    let whole = "id: whole\ntitle: x\ntarget: bad\nlifecycle: manual\ntimeout: 300ms\nsteps:\n  - call: tools/list\n    expect: { status: 200 }\n";
    let run = run(vec![pinned("bad", &url), good()], &[step, steps, whole, GOOD], RunOptions::default()).await;
    run.assert_told("step", ERROR, "within 0.2 s");
    run.assert_told("steps", ERROR, "within 0.2 s");
    run.assert_told("whole", ERROR, "longer than 0.3 s");
    assert_eq!(run.case("good").verdict, Verdict::Pass);
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_mock_can_be_told_is_untestable_on_a_real_target_unless_it_provides_it() {
    let url = server(Arc::default()).await;
    let scenario = "id: given\ntitle: x\ntarget: bad\ngiven: { mode: frugal }\nsteps:\n  - call: tools/list\n    expect: { result: { tools: { $type: array } } }\n";
    let spec = pinned("bad", &url);
    let first = run(vec![spec.clone(), good()], &[scenario, GOOD], quick()).await;
    let (verdict, reason) = one(&first, "given");
    assert_eq!(verdict, Verdict::Untestable);
    assert!(reason.contains("mode") && reason.contains("provides:"), "{reason}");
    let provides: Map<_, _> = [("mode".to_owned(), json!("frugal"))].into_iter().collect();
    let second = run(vec![TargetSpec { provides, ..spec.clone() }], &[scenario], quick()).await;
    assert_eq!(one(&second, "given"), (Verdict::Pass, String::new()));
    let other: Map<_, _> = [("mode".to_owned(), json!("lavish"))].into_iter().collect();
    let third = run(vec![TargetSpec { provides: other, ..spec }], &[scenario], quick()).await;
    assert_eq!(one(&third, "given").0, Verdict::Untestable);
}

const LAUNCH: &str = "id: launch\ntitle: x\ntarget: bad\nsteps:\n  - call: tools/call\n    params: { name: launch, arguments: {} }\n    expect: { result: { content: [] } }\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_is_not_read_only_is_not_called_on_a_system_that_is_not_ours() {
    let called = Arc::new(AtomicUsize::new(0));
    let url = server(Arc::clone(&called)).await;
    let message = r#"{ jsonrpc: "2.0", id: 9, method: tools/call, params: { name: launch, arguments: {} } }"#;
    let by_send = format!(
        "id: send\ntitle: x\ntarget: bad\nsteps:\n  - send: {message}\n    expect: {{ result: {{ content: [] }} }}\n"
    );
    let by_batch = format!(
        "id: batch\ntitle: x\ntarget: bad\nsteps:\n  - send: [{message}]\n    on_purpose: true\n    expect: {{ status: 200 }}\n"
    );
    let by_http = format!(
        "id: http\ntitle: x\ntarget: bad\nsteps:\n  - http: POST\n    json: {message}\n    expect: {{ result: {{ content: [] }} }}\n"
    );
    let by_text = "id: text\ntitle: x\ntarget: bad\nsteps:\n  - http: POST\n    body: '{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"tools/call\",\"params\":{\"name\":\"launch\"}}'\n    headers: { content-type: application/json }\n    expect: { status: 200 }\n";
    let look = LAUNCH.replace("launch", "look");
    let spec = pinned("bad", &url);
    let first = run(vec![spec.clone()], &[LAUNCH, &by_send, &by_batch, &by_http, by_text], quick()).await;
    for id in ["launch", "send", "batch", "http", "text"] {
        let (verdict, reason) = one(&first, id);
        assert_eq!(verdict, Verdict::Untestable, "{id}: {reason}");
        assert!(reason.contains("`launch`") && reason.contains("read-only"), "{reason}");
    }
    assert_eq!(called.load(Ordering::SeqCst), 0);
    let second = run(vec![spec.clone()], &[&look], quick()).await;
    assert_eq!(one(&second, "look").0, Verdict::Pass, "a read-only one is");
    let fixtures: Map<_, _> = [("tool".to_owned(), json!({ "name": "launch", "arguments": {} }))].into_iter().collect();
    let third = run(vec![TargetSpec { fixtures, ..spec.clone() }], &[LAUNCH], quick()).await;
    assert_eq!(one(&third, "launch").0, Verdict::Pass, "one that `fixtures:` names is");
    let allow = Allow { writes: true, ..Allow::default() };
    let fourth = run(vec![TargetSpec { allow, ..spec }], &[LAUNCH, &by_send], quick()).await;
    assert_eq!((one(&fourth, "launch").0, one(&fourth, "send").0), (Verdict::Pass, Verdict::Pass));
    assert_eq!(called.load(Ordering::SeqCst), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_inputs_need_permission() {
    let url = server(Arc::default()).await;
    let scenario = "id: hostile\ntitle: x\ntarget: bad\nhostile: true\nsteps:\n  - call: tools/list\n    expect: { result: { tools: { $type: array } } }\n";
    let spec = pinned("bad", &url);
    let first = run(vec![spec.clone()], &[scenario], quick()).await;
    let (verdict, reason) = one(&first, "hostile");
    assert_eq!(verdict, Verdict::Untestable);
    assert!(reason.contains("allow: [hostile]"), "{reason}");
    let second =
        run(vec![TargetSpec { allow: Allow { hostile: true, ..Allow::default() }, ..spec }], &[scenario], quick())
            .await;
    assert_eq!(one(&second, "hostile").0, Verdict::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_capability_is_skipped_and_a_missing_fixture_untestable() {
    let url = server(Arc::default()).await;
    let scenario = |id: &str, requires: &str| {
        format!(
            "id: {id}\ntitle: x\ntarget: bad\nrequires: {requires}\nsteps:\n  - call: tools/list\n    expect: {{ status: 200 }}\n"
        )
    };
    let texts = [
        scenario("capability", "{ capabilities: [prompts] }"),
        scenario("declared", "{ capabilities: [tools] }"),
        scenario("fixture", "{ fixtures: [clock] }"),
        scenario("tool", "{ fixtures: [tool] }"),
        scenario("upstream", "{ upstreams: [runtime] }"),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let run = run(vec![pinned("bad", &url)], &texts, quick()).await;
    assert_eq!(
        one(&run, "capability"),
        (Verdict::Skip, "the target does not declare the capability `prompts`".to_owned())
    );
    assert_eq!(one(&run, "declared").0, Verdict::Pass);
    let (verdict, reason) = one(&run, "fixture");
    assert!(verdict == Verdict::Untestable && reason.contains("`clock`"), "{reason}");
    assert_eq!(one(&run, "tool").0, Verdict::Pass, "a harmless tool is found by itself");
    let (verdict, reason) = one(&run, "upstream");
    assert!(verdict == Verdict::Untestable && reason.contains("`runtime`"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_that_judges_nothing_is_an_error() {
    let not_now = "id: not-now\ntitle: x\ntarget: mcp-server\nsteps:\n  - call: tools/list\n    expect: { versions: 2026-07-28, status: 299 }\n";
    let no_expect = "id: no-expect\ntitle: x\ntarget: mcp-server\nsteps:\n  - call: tools/list\n";
    let run = run(vec![good()], &[not_now, no_expect, GOOD], quick()).await;
    run.assert_told("not-now", ERROR, "no check was evaluated");
    run.assert_told("no-expect", ERROR, "no check was evaluated");
    assert_eq!(run.case("good").verdict, Verdict::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_nothing_fills_is_untestable_and_says_how_to_fill_it() {
    let scenario = GOOD.replace("id: good", "id: lonely").replace("mcp-server", "billing-gateway");
    let run = run(vec![good()], &[&scenario, GOOD], quick()).await;
    let (verdict, reason) = one(&run, "lonely");
    assert_eq!(verdict, Verdict::Untestable);
    assert!(reason.contains("--target billing-gateway=URL"), "{reason}");
    assert_eq!(run.case("good").verdict, Verdict::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_resolved_or_captured_is_named_with_its_place() {
    let step =
        |id: &str, rest: &str| format!("id: {id}\ntitle: x\ntarget: mcp-server\nsteps:\n  - call: tools/list\n{rest}");
    let texts = [
        step("variable", "    params: { cursor: \"${nobody}\" }\n    expect: { status: 200 }\n"),
        step("environment", "    headers: { x-a: \"${env:GAUNTLET_SURELY_UNSET}\" }\n    expect: { status: 200 }\n"),
        step("unnamed", "    headers: { x-a: \"${secret:env:PATH}\" }\n    expect: { status: 200 }\n"),
        step("file", "    params: { cursor: \"${secret:file:/etc/hostname}\" }\n    expect: { status: 200 }\n"),
        step("signed", "    auth: { sigv4: { service: s, region: r, profile: prod } }\n    expect: { status: 200 }\n"),
        step("none", "    capture: { it: $.result.nothing }\n    expect: { status: 200 }\n"),
        step("several", "    capture: { it: '$.result.tools[*].name' }\n    expect: { status: 200 }\n"),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut options = quick();
    options.may_read.add("env:GAUNTLET_SURELY_UNSET").unwrap();
    let run = run(vec![good()], &texts, options).await;
    run.assert_told("variable", ERROR, "nobody");
    run.assert_told("environment", ERROR, "GAUNTLET_SURELY_UNSET is not set");
    run.assert_told("unnamed", ERROR, "wants to read the environment variable PATH, which nobody let it");
    run.assert_told("file", ERROR, "`--may-read file:/etc/hostname`");
    run.assert_told("signed", ERROR, "`--may-read aws-credentials`");
    run.assert_told("none", ERROR, "cannot capture `it`");
    run.assert_told("several", ERROR, "cannot capture `it`");
    for (id, line) in
        [("variable", 6), ("environment", 6), ("unnamed", 6), ("file", 6), ("signed", 6), ("none", 6), ("several", 6)]
    {
        let place = run.case(id).attempts[0].place.clone().unwrap_or_else(|| panic!("{id} has no place"));
        assert_eq!(place.line, line, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_selection_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yaml"), GOOD).unwrap();
    let set = Arc::new(gauntlet::ScenarioSet::at(&[folder.path().to_owned()]).unwrap());
    let filter = Filter { ids: vec!["nothing.*".to_owned()], ..Filter::default() };
    let run = crate::support::run_set(set, vec![good()], filter, quick()).await;
    assert_eq!(run.summary.cases(), 0);
}
