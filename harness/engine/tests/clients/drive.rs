//! `drive`, `received: upstreams` and what is judged of a client, without a sign-in.

use gauntlet::config::TargetSpec;
use gauntlet_reports::Verdict;
use libtest_mimic::{Failed, Trial};

use super::common::trial;
use super::support::{CARELESS, Run, bridge, program, run, script, this_as};

/// The careless client without a switch, or with some.
fn careless(switches: &[&str]) -> TargetSpec {
    let arguments = [&["${upstreams.gateway.endpoint}"], switches].concat();
    program(this_as(CARELESS, &arguments))
}

const WORKS: &str = "\
id: client.works
title: The client lists the tools and calls one
target: client
steps:
  - drive: { tool: echo, arguments: { message: hello } }
    expect: { outcome: done, exit: { code: 0 }, stdout: { $contains: hello } }
  - received: upstreams
    expect:
      requests:
        $inOrder:
          - { mock: gateway, body: { method: initialize } }
          - { mock: gateway, body: { method: tools/list } }
          - { mock: gateway, body: { method: tools/call, params: { name: echo, arguments: { message: hello } } } }
";

/// Runs a `drive` step with these members and this expectation.
async fn drive(target: TargetSpec, drive: &str, expect: &str) -> Result<Run, Failed> {
    let text =
        format!("id: a\ntitle: b\ntarget: client\nsteps:\n  - drive: {drive}\n    timeout: 5s\n    expect: {expect}\n");
    run(target, &text).await
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("drive/a_program_does_its_work", || async { run(careless(&[]), WORKS).await?.expect(Verdict::Pass, "") }),
        trial("drive/what_a_client_sends_is_held_to_its_version", || async {
            for (switch, told) in
                [("--wrong-params", "params.arguments"), ("--old-jsonrpc", "jsonrpc"), ("--null-id", "id")]
            {
                let text = WORKS.replace(
                    "outcome: done, exit: { code: 0 }, stdout: { $contains: hello }",
                    "outcome: { $any: true }",
                );
                let text = text.split("  - received").next().unwrap_or_default().to_owned();
                run(careless(&[switch]), &text).await?.expect(Verdict::Fail, told)?;
            }
            Ok(())
        }),
        trial("drive/what_the_server_answers_is_not_the_clients_fault", || async {
            let mut target = careless(&[]);
            for upstream in target.upstreams.values_mut() {
                upstream.config.insert("defects".to_owned(), serde_json::json!(["tools-list-without-input-schema"]));
            }
            run(target, WORKS).await?.expect(Verdict::Pass, "")
        }),
        trial("drive/a_program_that_fails_or_hangs_is_told", || async {
            let failing = || program(script("echo why >&2; exit 3"));
            drive(failing(), "true", "{ outcome: failed, exit: { code: 3 }, stderr: { $contains: why } }")
                .await?
                .expect(Verdict::Pass, "")?;
            drive(failing(), "true", "{ stderr: { $contains: why } }")
                .await?
                .expect(Verdict::Error, "it last wrote to stderr: why")?;
            let silent = program(vec!["/bin/sh".to_owned(), "-c".to_owned(), "exit 3".to_owned()]);
            drive(silent, "true", "{ outcome: failed }")
                .await?
                .expect(Verdict::Error, "the client spoke to no mock")?;
            let hanging = program(script("sleep 60"));
            let text = "id: a\ntitle: b\ntarget: client\nsteps:\n  - { drive: true, timeout: 2s, expect: { outcome: timeout, exit: { killed: true }, within: 5s } }\n";
            run(hanging, text).await?.expect(Verdict::Pass, "")?;
            drive(program(vec!["/no/such/program".to_owned()]), "true", "{ outcome: failed }")
                .await?
                .expect(Verdict::Error, "/no/such/program")
        }),
        trial("drive/the_folder_stays_for_the_case_and_the_tool_is_told", || async {
            let target = program(script(
                "echo \"$GAUNTLET_TOOL $GAUNTLET_ARGUMENTS $GAUNTLET_VERSION\"; cat \"${scratch}/before\"; echo again > \"${scratch}/before\"; test -z \"$DISPLAY\"",
            ));
            let text = "\
id: a
title: b
target: client
steps:
  - { drive: { tool: x, arguments: { n: 1 } }, expect: { outcome: done, stdout: \"x {\\\"n\\\":1} 2025-11-25\\n\" } }
  - { drive: { tool: y }, expect: { stdout: \"y {} 2025-11-25\\nagain\\n\" } }
";
            run(target, text).await?.expect(Verdict::Pass, "")
        }),
        trial("drive/a_look_at_all_mocks_goes_on_where_the_last_one_ended", || async {
            let text = "\
id: a
title: b
target: client
steps:
  - { drive: { tool: echo, arguments: { message: one } }, expect: { outcome: done } }
  - { received: upstreams, where: { body: { method: tools/call } }, count: 1 }
  - { received: upstreams, expect: { count: 0 } }
  - { drive: { tool: echo, arguments: { message: two } }, expect: { outcome: done } }
  - received: upstreams
    where: { body: { method: tools/call } }
    count: 1
    expect: { mock: gateway, body: { params: { arguments: { message: two } } } }
  - { received: gateway, where: { body: { method: tools/call } }, count: 2 }
  - { received: upstreams, since: start, where: { body: { method: tools/call } }, count: 2 }
";
            run(careless(&[]), text).await?.expect(Verdict::Pass, "")
        }),
        trial("drive/a_count_of_its_own_proves_what_the_scenario_proves", || async {
            let text = "\
id: a
title: b
target: client
proves: [auth.client.state]
steps:
  - drive: { tool: echo, arguments: { message: one } }
  - { received: gateway, where: { path: /nowhere }, count: 1 }
";
            run(careless(&[]), text).await?.expect(Verdict::Warn, "SHOULD auth.client.state")
        }),
        trial("drive/only_a_client_is_driven", || async {
            let target = TargetSpec { roles: vec!["client".to_owned()], ..TargetSpec::mock("mcp-server") };
            let text = "id: a\ntitle: b\ntarget: client\nversions: 2025-11-25\nsteps:\n  - drive: true\n    expect: { outcome: done }\n";
            run(target, text).await?.expect(Verdict::Untestable, "`mcp-server` is a mock")
        }),
        trial("drive/a_bridge_keeps_its_session_and_starts_again_when_it_gave_up", || async {
            // Answers everything by its id, and gives up on the third call.
            let target = bridge(script(
                "echo start >&2
                 calls=0
                 while read -r line; do
                   id=$(printf '%s' \"$line\" | sed -n 's/.*\"id\":\\([0-9]*\\).*/\\1/p')
                   case $line in
                     *tools/call*) calls=$((calls + 1)); [ $calls -lt 3 ] || { echo gone >&2; exit 7; } ;;
                   esac
                   case $line in
                     *initialize\\\"*) printf '{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"serverInfo\":{\"name\":\"b\",\"version\":\"1\"}}}\\n' $id ;;
                     *'\"id\"'*) printf '{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"calls\":%s}}\\n' $id $calls ;;
                   esac
                 done",
            ));
            let text = "\
id: a
title: b
target: client
steps:
  - { drive: { tool: x }, expect: { outcome: done, result: { calls: 1 }, stderr: \"start\\n\" } }
  - { drive: { tool: x }, expect: { outcome: done, result: { calls: 2 }, stderr: \"\" } }
  - { drive: { tool: x }, expect: { outcome: failed, exit: { code: 7 }, stderr: { $contains: gone } } }
  - { drive: { tool: x }, expect: { outcome: done, result: { calls: 1 }, stderr: \"start\\n\" } }
";
            run(target, text).await?.expect(Verdict::Pass, "")
        }),
        trial("drive/a_bridge_that_says_nothing_runs_out_of_time", || async {
            let text = "id: a\ntitle: b\ntarget: client\nsteps:\n  - { drive: { tool: x }, timeout: 2s, expect: { outcome: timeout, within: 5s } }\n";
            run(bridge(script("cat >/dev/null; sleep 60")), text).await?.expect(Verdict::Pass, "")
        }),
        trial("drive/what_a_bridge_says_on_stdout_is_a_message", || async {
            let text =
                "id: a\ntitle: b\ntarget: client\nsteps:\n  - { drive: { tool: x }, expect: { outcome: failed } }\n";
            run(bridge(script("read line; echo Hello")), text).await?.expect(Verdict::Fail, "is not JSON")
        }),
    ]
}
