//! Who is to blame, over HTTP and over stdio.

use std::time::Duration;

use gauntlet_reports::{Party, Verdict};
use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::common::trial;
use crate::support::{calling, command, faulty, over_http, over_stdio, run};

const OUTER: &str = "client → gateway";
const INNER: &str = "gateway → server";
const WELL: &str = "{ result: { content: { $contains: { text: hello-there } } } }";
const RECEIVED: &str = "  - received: server\n    where: { body: { method: tools/call } }\n    count: 1\n    expect: { body: { params: { arguments: { message: hello-there } } } }\n";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("nobody_is_blamed_for_a_pass", nobody),
        trial("upstream_dies_in_the_middle_of_a_stream", cut_stream),
        trial("a_refusal_names_the_note_of_the_mock", note),
        trial("a_gateway_that_ends_early_shows_its_stderr", ends_early),
        trial("a_gateway_that_never_becomes_ready_shows_its_stderr", never_ready),
        trial("a_gateway_that_is_not_there", not_there),
    ];
    for (name, defect, fault, party, hop, text) in [
        ("alters_the_request", "arguments-altered", "alters", Party::Target, INNER, "what gateway sent to server"),
        (
            "answers_early",
            "answers-early",
            "answers-early",
            Party::Target,
            OUTER,
            "gateway answered before server had answered `tools/call`",
        ),
    ] {
        trials.push(trial(&format!("http_{name}"), move || async move {
            let scenario = match defect {
                "arguments-altered" => numbers(),
                _ => calling(&faulty(&json!({ "delay": "2s" })), WELL, ""),
            };
            run(over_http(Some(defect)), &scenario).await?.expect_blame(Verdict::Fail, party, hop, text)
        }));
        trials.push(trial(&format!("stdio_{name}"), move || async move {
            let before = if fault == "answers-early" { faulty(&json!({ "delay": "2s" })) } else { String::new() };
            let expect = if fault == "alters" { "{ result: { $any: true } }" } else { WELL };
            let run = run(over_stdio(fault), &calling(&before, expect, RECEIVED)).await?;
            run.expect_blame(Verdict::Fail, party, hop, text)
        }));
    }
    for (name, upstream, target, reason) in [
        (
            "passes_an_outage_on",
            "",
            Party::Upstream,
            "server answered `tools/call` with HTTP 503, and gateway passed that on",
        ),
        (
            "hides_an_outage",
            "hides-failures",
            Party::Target,
            "server answered `tools/call` with HTTP 503, and gateway made a success of it",
        ),
    ] {
        let hop = if target == Party::Upstream { INNER } else { OUTER };
        let outage = || calling(&faulty(&json!({ "status": 503 })), WELL, "");
        trials.push(trial(&format!("stdio_{name}"), move || async move {
            run(over_stdio(upstream), &outage()).await?.expect_blame(Verdict::Fail, target, hop, reason)
        }));
        trials.push(trial(&format!("http_{name}"), move || async move {
            let defect = (!upstream.is_empty()).then_some("failure-as-empty-success");
            run(over_http(defect), &outage()).await?.expect_blame(Verdict::Fail, target, hop, reason)
        }));
    }
    for (name, fault, verdict, text) in [
        (
            "answers_by_itself",
            "answers-by-itself",
            Verdict::Fail,
            "gateway answered by itself: it asked nothing behind it",
        ),
        (
            "loses_the_answer",
            "loses-answers",
            Verdict::Fail,
            "server answered `tools/call` well, but gateway answered with the error -32000",
        ),
        (
            "never_answers",
            "never-answers",
            Verdict::Error,
            "server answered `tools/call` well, but gateway gave no answer",
        ),
    ] {
        trials.push(trial(&format!("stdio_{name}"), move || async move {
            let mut scenario = calling("", WELL, "");
            if fault == "never-answers" {
                scenario.push_str("    timeout: 1500ms\n");
            }
            run(over_stdio(fault), &scenario).await?.expect_blame(verdict, Party::Target, OUTER, text)
        }));
    }
    trials
}

/// A call with a number in its arguments, which the mock gateway can be told to make a text of.
fn numbers() -> String {
    "id: called\ntitle: x\ntarget: gateway\nsteps:\n  - call: tools/call\n    params: { name: mirror, arguments: { value: 7 } }\n    expect: { result: { $any: true } }\n  - received: server\n    where: { body: { method: tools/call } }\n    expect: { body: { params: { arguments: { value: 7 } } } }\n".to_owned()
}

async fn nobody() -> Result<(), Failed> {
    for target in [over_http(None), over_stdio("")] {
        let run = run(target, &calling("", WELL, RECEIVED)).await?;
        run.expect_pass()?;
        run.expect_causal()?;
        if run.attempt.blame.is_some() {
            return Err("somebody is blamed for a pass".into());
        }
    }
    Ok(())
}

async fn cut_stream() -> Result<(), Failed> {
    let scenario = calling(&faulty(&json!({ "cut_after_bytes": 30 })), WELL, "");
    let passed_on = run(over_stdio(""), &scenario).await?;
    passed_on.expect_blame(Verdict::Fail, Party::Upstream, INNER, "server broke off its answer to `tools/call`")?;
    passed_on.expect_told("(the answer broke off)")?;
    let hidden = run(over_http(Some("cut-as-success")), &scenario).await?;
    hidden.expect_blame(Verdict::Fail, Party::Target, OUTER, "and gateway made a success of it")
}

async fn note() -> Result<(), Failed> {
    let mut target = over_http(None);
    let config = json!({ "authorizer": "opaque", "tokens": [{ "token": "the-right-token", "subject": "gateway" }] });
    if let Some(server) = target.upstreams.get_mut("server") {
        server.mock = "agentcore-gateway".to_owned();
        server.config = config.as_object().cloned().unwrap_or_default();
    }
    let scenario = "id: called\ntitle: x\ntarget: gateway\nlifecycle: manual\nsteps:\n  - call: tools/list\n    expect: { status: 200 }\n";
    let run = run(target, scenario).await?;
    run.expect_blame(Verdict::Fail, Party::Target, INNER, "server refused what gateway sent: unknown-token")?;
    run.expect_told("(server noted: unknown-token)")
}

async fn ends_early() -> Result<(), Failed> {
    let run = run(over_stdio("dies"), &calling("", WELL, "")).await?;
    run.expect_blame(Verdict::Error, Party::Target, OUTER, "gateway gave no answer: it asked nothing behind it")?;
    run.expect_told("exited with code 3")?;
    run.expect_told("no licence found")
}

async fn never_ready() -> Result<(), Failed> {
    let words = ["sh", "-c", "echo still loading >&2; exec sleep 60"];
    let mut target = command(&words, Some("http://127.0.0.1:${port}/mcp"));
    if let gauntlet::config::Endpoint::Command(command) = &mut target.endpoint {
        command.ready_timeout = Duration::from_secs(1);
    }
    let run = run(target, &calling("", WELL, "")).await?;
    run.expect_told("was not ready within 1 s; it last wrote: still loading")
}

async fn not_there() -> Result<(), Failed> {
    let mut target = over_http(None);
    target.endpoint = gauntlet::config::Endpoint::Url("http://127.0.0.1:1/mcp".to_owned());
    let run = run(target, &calling("", WELL, "")).await?;
    run.expect_blame(Verdict::Error, Party::Connection, OUTER, "gateway cannot be reached")
}
