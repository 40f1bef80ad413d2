//! Programs that misbehave.

use std::path::Path;
use std::time::{Duration, Instant};

use gauntlet::Limits;
use gauntlet::config::{CommandSpec, Endpoint, TargetSpec};
use gauntlet_reports::Verdict;

use crate::common::command;
use crate::support::{
    BAD, ERROR, FAIL, GOOD, NOT_A_PASS, Run, against_endless, against_spec, against_within, good, impatient, quick,
    run, script, told,
};

/// Reads a line and answers the request in it, then goes on.
const ANSWER: &str = r#"
answer() {
  read -r line || return 1
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[]}}\n' "$id"
}
"#;

async fn against_script(text: &str, verdicts: &[Verdict], cause: &str) -> Run {
    against_spec(script("bad", text), verdicts, cause).await
}

#[tokio::test(flavor = "multi_thread")]
async fn program_that_does_not_exist() {
    let spec = TargetSpec {
        versions: script("bad", "").versions,
        ..TargetSpec::new("bad", Endpoint::Command(command(["/surely/not/there"])))
    };
    against_spec(spec, ERROR, "cannot start `/surely/not/there`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_at_once_and_says_why() {
    for _ in 0..5 {
        let run = against_script("echo 'no licence found' >&2; exit 3", ERROR, "exited with code 3").await;
        run.assert_told("bad", ERROR, "no licence found");
        run.assert_told("bad.auto", ERROR, "exited with code 3");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dies_in_the_middle_of_its_answer() {
    let run = against_script(r#"read -r line; printf '{"jsonrpc":"2.0",'; kill -9 $$"#, NOT_A_PASS, "signal 9").await;
    assert_eq!(run.case("good").verdict, Verdict::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_answers() {
    against_endless(script("bad", "exec sleep 60"), "no answer within 1.0 s").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_stderr() {
    // 100 MB before it answers; an unread pipe would block it.
    let text = format!("{ANSWER}head -c 100000000 /dev/zero | tr '\\0' x >&2; answer; answer");
    let spec = script("bad", &text);
    let options = gauntlet::RunOptions { step_timeout: Duration::from_secs(10), ..quick() };
    let stdio = BAD.replace("status: 200, ", "");
    let run = run(vec![spec, good()], &[&stdio, GOOD], options).await;
    assert_eq!(run.case("bad").verdict, Verdict::Pass, "{}", run.console());
    assert_eq!(run.case("good").verdict, Verdict::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn stderr_in_a_result_is_bounded() {
    let text = format!("{ANSWER}head -c 10000000 /dev/zero | tr '\\0' x >&2; answer; sleep 5");
    let scenario = "id: bad\ntitle: x\ntarget: bad\nlifecycle: manual\nsteps:\n  - call: tools/list\n    expect: { stderr: never }\n";
    let run = run(
        vec![script("bad", &text)],
        &[scenario],
        gauntlet::RunOptions { step_timeout: Duration::from_secs(5), ..quick() },
    )
    .await;
    assert_eq!(run.case("bad").verdict, Verdict::Fail);
    let shown = serde_json::to_string(run.case("bad")).unwrap().len();
    assert!(shown < 400_000, "{shown} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_stdout_without_a_newline() {
    let spec =
        TargetSpec { limits: Limits { body: 64 * 1024, ..Limits::default() }, ..script("bad", "exec cat /dev/zero") };
    against_spec(spec, FAIL, "longer than 65536 bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_stdout_with_lines() {
    let spec = TargetSpec { limits: Limits { events: 500, ..Limits::default() }, ..script("bad", "exec yes '{}'") };
    against_spec(spec, FAIL, "floods its stdout").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prints_lines_that_are_no_messages() {
    let text = format!("{ANSWER}echo 'Server started!'; answer");
    against_script(&text, FAIL, "`Server started!`").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prints_bytes_that_are_not_utf8() {
    let text = r#"read -r line; printf '{"jsonrpc":"2.0","id":1,"result":{"tools":[],"x":"\377"}}\n'; sleep 5"#;
    // Who asks for versions waits for an answer that can be read.
    let options = gauntlet::RunOptions { step_timeout: Duration::from_secs(2), ..quick() };
    against_within(script("bad", text), options, FAIL, "UTF-8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn never_reads_a_large_request() {
    // Larger than a pipe's buffer.
    let large = "x".repeat(2 << 20);
    let scenario = format!(
        "id: bad\ntitle: x\ntarget: bad\nlifecycle: manual\nvars: {{ large: {large} }}\nsteps:\n  - call: tools/list\n    params: {{ a: \"${{large}}\" }}\n    expect: {{ result: {{ $any: true }} }}\n"
    );
    let scenario = scenario.replace(&large, &large[..900_000]);
    let run = run(vec![script("bad", "exec sleep 60"), good()], &[&scenario, GOOD], impatient()).await;
    run.assert_told("bad", ERROR, "does not read its stdin");
    assert_eq!(run.case("good").verdict, Verdict::Pass);
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
}

/// Whether a process is there and not a zombie.
fn is_alive(pid: &str) -> bool {
    std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

fn wait_until_gone(pid: &str) {
    let since = Instant::now();
    while is_alive(pid) {
        assert!(since.elapsed() < Duration::from_secs(20), "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Pids that a script wrote to a file.
fn pids(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    text.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ignores_the_end_of_stdin_is_ended_with_everything_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let text = format!(
        "{ANSWER}trap '' TERM HUP INT\nsleep 300 & echo $! $$ >> {}\nanswer\nwhile :; do sleep 1; done",
        file.display()
    );
    let stdio = BAD.replace("status: 200, ", "");
    let run = run(vec![script("bad", &text), good()], &[&stdio, GOOD], quick()).await;
    assert_eq!(run.case("bad").verdict, Verdict::Pass, "{}", run.console());
    let pids = pids(&file);
    assert_eq!(pids.len(), 2, "the child and the grandchild");
    pids.iter().for_each(|pid| wait_until_gone(pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_step_tells_how_it_ended() {
    let scenario = |exit: &str| {
        format!(
            "id: bad\ntitle: x\ntarget: bad\nlifecycle: manual\nsteps:\n  - close: true\n    expect: {{ exit: {exit} }}\n"
        )
    };
    let own = script("bad", "cat > /dev/null; exit 7");
    let first = run(vec![own], &[&scenario("{ code: 7 }")], quick()).await;
    assert_eq!(first.case("bad").verdict, Verdict::Pass, "{}", first.console());
    let stubborn = script("bad", "trap '' TERM; while :; do sleep 1; done");
    let second = run(vec![stubborn], &[&scenario("{ code: 0 }")], quick()).await;
    assert_eq!(second.case("bad").verdict, Verdict::Fail, "{}", second.console());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_ends_the_program_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let text = format!("sleep 300 & echo $! $$ >> {}\nwait", file.display());
    let options =
        gauntlet::RunOptions { timeout: Duration::from_millis(1500), step_timeout: Duration::from_secs(20), ..quick() };
    let run = run(vec![script("bad", &text), good()], &[BAD, GOOD], options).await;
    run.assert_told("bad", ERROR, "longer than 1.5 s");
    pids(&file).iter().for_each(|pid| wait_until_gone(pid));
}

/// A program that serves HTTP, or should.
fn server(text: &str) -> TargetSpec {
    let spec = CommandSpec {
        url: Some("http://127.0.0.1:${port}/mcp".to_owned()),
        ready_timeout: Duration::from_secs(1),
        ..command(["sh", "-c", text])
    };
    TargetSpec { versions: script("bad", "").versions, ..TargetSpec::new("bad", Endpoint::Command(spec)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_never_becomes_ready() {
    let run = against_spec(server("echo still loading >&2; exec sleep 60"), ERROR, "was not ready within 1 s").await;
    run.assert_told("bad", ERROR, "still loading");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_ends_before_it_is_ready() {
    let run =
        against_spec(server("echo 'port in use' >&2; exit 4"), ERROR, "exited with code 4 before it was ready").await;
    run.assert_told("bad", ERROR, "port in use");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reason_is_one_line() {
    let run = against_script("printf 'a\\nb\\n' >&2; exit 3", ERROR, "code 3").await;
    assert!(!told(run.case("bad")).contains('\n'));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_the_files_that_are_made_for_it() {
    let text = r#"cat "${files.greeting}" >&2; exit 3"#;
    let with = |files: &[(&str, &str)]| TargetSpec {
        files: files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        vars: serde_json::Map::from_iter([("who".to_owned(), "file".into())]),
        ..script("bad", text)
    };
    against_spec(with(&[("greeting", "greetings from the ${target.who}\n")]), ERROR, "greetings from the file").await;
    against_spec(with(&[("greetings", "x")]), ERROR, "did you mean `greetings`?").await;
    against_spec(with(&[("greeting", "${files.greeting}")]), ERROR, "a file cannot name another file").await;
}

fn mock_over_stdio() -> TargetSpec {
    let endpoint = Endpoint::Mock { mock: "mcp-server".to_owned(), config: serde_json::Map::new(), stdio: true };
    TargetSpec { versions: script("piped", "").versions, ..TargetSpec::new("piped", endpoint) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mock_over_stdio_takes_commands() {
    let told = "id: told\ntitle: x\ntarget: piped\nsteps:
  - call: tools/list
    expect: { result: { tools: { $len: 4 } } }
  - control: { mock: target, set: { page_size: 2 } }
  - call: tools/list
    expect: { result: { tools: { $len: 2 } } }
  - call: tools/list
    as: another
    expect: { result: { tools: { $len: 2 } } }
";
    let run = run(vec![mock_over_stdio()], &[told], quick()).await;
    assert_eq!(run.case("told").verdict, Verdict::Pass, "{}", run.console());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mock_over_stdio_cannot_do_is_an_error() {
    for (command, cause) in [
        ("faults: [{ status: 503 }]", "control.faults: are of HTTP; a mock over stdio has none"),
        ("restart: true", "control.restart: over stdio a mock ends with its client; write a step `close: true`"),
        ("defects: [no-such]", "mcp-server has no defect `no-such`"),
    ] {
        let scenario = format!(
            "id: bad\ntitle: x\ntarget: piped\nsteps:\n  - call: tools/list\n    expect: {{ result: {{ tools: {{ $type: array }} }} }}\n  - control: {{ mock: target, {command} }}\n"
        );
        let run = run(vec![mock_over_stdio()], &[&scenario], quick()).await;
        run.assert_told("bad", ERROR, cause);
    }
}
