//! `compare`, `${sent.…}` and `${answered.…}`, over HTTP and over stdio.

use gauntlet_reports::Verdict;
use libtest_mimic::{Failed, Trial};

use crate::common::trial;
use crate::support::{calling, over_http, over_stdio, run};

const ANY: &str = "{ result: { $any: true } }";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_holds_on_both_hops", holds),
        trial("what_does_not_hold_is_told_with_both_values", told),
        trial("a_token_is_found_wherever_it_leaks", leaks),
        trial("nothing_holds_for_want_of_a_value", vacuous),
        trial("parallel_calls_are_told_apart", parallel),
        trial("clients_are_told_apart", clients),
        trial("connections_are_counted", connections),
    ]
}

fn received(expect: &str) -> String {
    format!("  - received: server\n    where: {{ body: {{ method: tools/call }} }}\n    expect: {expect}\n")
}

async fn holds() -> Result<(), Failed> {
    let compare = "{ body: { id: \"${answered.body.id}\", params: { arguments: \"${sent.body.params.arguments}\" } }, response: { status: 200, result: { content: \"${answered.result.content}\" } }, compare: { same: [body.params], answer: { same: [result, body.id] } } }";
    for target in [over_http(None), over_stdio("")] {
        run(target, &calling("", ANY, &received(compare))).await?.expect_pass()?;
    }
    Ok(())
}

async fn told() -> Result<(), Failed> {
    let scenario = calling("", ANY, &received("{ compare: { same: [body.params.arguments] } }"));
    let run = run(over_stdio("alters"), &scenario).await?;
    run.expect_told("client → gateway has \"hello-there\", gateway → server has \"altered\"")?;
    let scenario = calling("", ANY, &received("{ compare: { answer: { changed: [result.content] } } }"));
    self::run_http(&scenario).await?.expect_told("is the same on both hops")
}

async fn run_http(scenario: &str) -> Result<crate::support::Run, Failed> {
    run(over_http(None), scenario).await
}

async fn leaks() -> Result<(), Failed> {
    let step = "  - call: tools/call\n    params: { name: echo, arguments: { message: hi } }\n    auth: { bearer: token-of-the-caller }\n    expect: { result: { $any: true } }\n";
    let scenario = |relation: &str| {
        format!(
            "id: called\ntitle: x\ntarget: gateway\nsteps:\n{step}{}",
            received(&format!("{{ compare: {{ {relation}: [headers.authorization] }} }}"))
        )
    };
    run(over_http(None), &scenario("absent")).await?.expect_pass()?;
    run(over_http(None), &scenario("changed")).await?.expect_pass()?;
    for (defect, place) in [("token-passed-through", "headers.authorization"), ("token-in-query", "path")] {
        let run = run(over_http(Some(defect)), &scenario("absent")).await?;
        run.expect_told(&format!("is in `{place}` of gateway → server"))?;
        if run.attempt.verdict != Verdict::Fail {
            return Err(format!("{defect}: {:?}", run.attempt.verdict).into());
        }
    }
    Ok(())
}

/// The scenario's own want of a value is an error, the target's a failure.
async fn vacuous() -> Result<(), Failed> {
    for (expect, verdict, text) in [
        (
            "{ compare: { same: [headers.x-never-sent] } }",
            Verdict::Error,
            "client → gateway has no `headers.x-never-sent`",
        ),
        ("{ compare: { absent: [body.params.name] } }", Verdict::Error, "is too short"),
        ("{ compare: { answer: { same: [error] } } }", Verdict::Fail, "server → gateway has no `error`"),
        ("{ compare: { answer: { absent: [result.content] } } }", Verdict::Fail, "is in `body` of gateway → client"),
    ] {
        let run = run_http(&calling("", ANY, &received(expect))).await?;
        run.expect_told(text)?;
        if run.attempt.verdict != verdict {
            return Err(format!("{expect}: {:?}", run.attempt.verdict).into());
        }
    }
    let nothing = "  - received: server\n    where: { path: /nowhere }\n    expect: { compare: { absent: [headers.user-agent] } }\n";
    let run = run_http(&calling("", ANY, nothing)).await?;
    run.expect_told("nothing arrived behind gateway, so there is nothing to compare")?;
    if run.attempt.verdict == Verdict::Fail { Ok(()) } else { Err(format!("{:?}", run.attempt.verdict).into()) }
}

async fn parallel() -> Result<(), Failed> {
    let calls: String = (0..12)
        .map(|n| format!("      - {{ as: c{n}, call: tools/call, params: {{ name: echo, arguments: {{ message: message-{n} }} }}, headers: {{ x-n: \"{n}\" }}, expect: {{ result: {{ content: {{ $contains: {{ text: \"${{sent.body.params.arguments.message}}\" }} }} }} }} }}\n"))
        .collect();
    let compare = received(
        "{ count: 12, compare: { same: [body.params.arguments.message, headers.x-n], answer: { same: [result.content] } } }",
    );
    let scenario = format!("id: called\ntitle: x\ntarget: gateway\nsteps:\n  - parallel:\n{calls}{compare}");
    let run = run_http(&scenario).await?;
    run.expect_pass()?;
    run.expect_causal()
}

async fn clients() -> Result<(), Failed> {
    let call = |name: &str| {
        format!(
            "  - {{ name: of {name}, as: {name}, call: tools/call, params: {{ name: echo, arguments: {{ message: i-am-{name} }} }}, expect: {{ result: {{ $any: true }} }} }}\n"
        )
    };
    let scenario = format!(
        "id: called\ntitle: x\ntarget: gateway\nsteps:\n{}{}  - received: server\n    as: alice\n    where: {{ body: {{ params: {{ arguments: \"${{sent.body.params.arguments}}\" }} }} }}\n    count: 1\n    expect: {{ body: {{ params: {{ arguments: {{ message: i-am-alice }} }} }}, compare: {{ same: [body.params] }} }}\n  - received: server\n    since: start\n    where: {{ body: {{ params: {{ arguments: \"${{sent.of bob.body.params.arguments}}\" }} }} }}\n    count: 1\n    expect: {{ compare: {{ same: [body.params], with: of bob }} }}\n",
        call("alice"),
        call("bob")
    );
    run_http(&scenario).await?.expect_pass()
}

async fn connections() -> Result<(), Failed> {
    let scenario = |count: usize| {
        format!(
            "id: called\ntitle: x\ntarget: gateway\nlifecycle: manual\nsteps:\n  - repeat: [{{ http: GET /nowhere, expect: {{ status: 404 }} }}]\n    times: 3\n  - {{ as: other, http: GET /nowhere }}\n  - received: target\n    expect: {{ connections: {count} }}\n"
        )
    };
    run_http(&scenario(2)).await?.expect_pass()?;
    run_http(&scenario(1)).await?.expect_told("expected 1, found 2")
}
