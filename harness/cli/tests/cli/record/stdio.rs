//! The tap between a client and the process that it starts.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::Stdio;

use gauntlet::repro::recording::{STDIN, Transport};
use serde_json::{Value, json};

use super::lab::{entries, send};
use crate::support::{Folder, Running, wait_for};

/// The tap in front of a command.
fn tap(folder: &Folder, command: &[&str]) -> Running {
    let arguments = [&["record", "--stdio", "-o", "taps/", "--"], command].concat();
    let mut command = folder.command(&arguments);
    Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()))
}

/// The one file.
fn file(folder: &Folder) -> PathBuf {
    let mut files: Vec<_> =
        std::fs::read_dir(folder.path("taps")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

#[test]
fn a_server_behind_it_is_as_without() {
    let lines = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": "two", "method": "tools/list"}),
    ];
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let folder = Folder::new(&[]);
    let converse = |mut child: Running| {
        // The end of input ends the server.
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.said()
    };
    let mut plain = folder.command(&["mock", "mcp-server", "--stdio"]);
    let plain = converse(Running::start(plain.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped())));
    let tapped = converse(tap(&folder, &[env!("CARGO_BIN_EXE_gauntlet"), "mock", "mcp-server", "--stdio"]));
    assert_eq!((&tapped.out, tapped.code, &tapped.err), (&plain.out, Some(0), &plain.err));
    assert_eq!(plain.out.lines().count(), 2, "{}", plain.out);

    let entries = entries(&file(&folder));
    let sent: Vec<Value> = entries.iter().map(|entry| entry.request.body.json().unwrap()).collect();
    assert_eq!(sent, lines);
    for entry in &entries {
        assert_eq!(
            (entry.transport, entry.request.method.as_str(), entry.failure.as_deref()),
            (Transport::Stdio, STDIN, None)
        );
        assert_eq!(entry.request.url, "stdio:gauntlet");
    }
    assert_eq!(entries[1].response, None);
    for (entry, line) in [&entries[0], &entries[2]].into_iter().zip(plain.out.lines()) {
        let response = entry.response.as_ref().unwrap();
        let heard = response.lines();
        assert_eq!(heard.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [line.as_bytes()]);
        assert!(heard[0].0.is_some());
    }
}

#[test]
fn bytes_pass_as_they_are_and_when_they_come() {
    let folder = Folder::new(&[]);
    let mut child = tap(&folder, &["cat"]);
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    // Not even a line that has not ended is held back.
    for piece in [&b"no end"[..], b" yet\r\n", b"\xff\x00\n\n", b"last"] {
        stdin.write_all(piece).unwrap();
        let mut got = vec![0; piece.len()];
        stdout.read_exact(&mut got).unwrap();
        assert_eq!(got, piece);
    }
    drop(stdin);
    assert_eq!(stdout.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert!(child.wait().unwrap().success());
    let entries = entries(&file(&folder));
    let sent: Vec<&[u8]> = entries.iter().map(|entry| &entry.request.body.bytes[..]).collect();
    assert_eq!(sent, [&b"no end yet"[..], b"\xff\x00", b"last"]);
    let answers: Vec<u8> =
        entries.iter().flat_map(|entry| entry.response.iter()).flat_map(|r| r.body.bytes.to_vec()).collect();
    assert_eq!(answers, b"no end yet\r\n\xff\x00\n\nlast");
}

#[test]
fn answers_find_their_requests() {
    // Speaks first, answers the second request first, and says something in between.
    let script = r#"printf '{"method":"hello"}\n'; read one; read two; read three
        printf '{"id":2,"result":2}\n{"method":"progress"}\n{"id":1,"result":1}\n[{"id":4,"result":4},{"id":3,"error":{"code":-1}}]\n{"method":"late"}\n'"#;
    let folder = Folder::new(&[]);
    let mut child = tap(&folder, &["sh", "-c", script]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    let lines = [
        "{\"id\":1,\"method\":\"a\"}\n",
        "{\"id\":2,\"method\":\"b\"}\n",
        "[{\"id\":3,\"method\":\"c\"},{\"id\":4,\"method\":\"d\"}]\n",
    ];
    child.stdin.take().unwrap().write_all(lines.concat().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let mut entries = entries(&file(&folder));
    entries.sort_by_key(|entry| entry.request.body.bytes.clone());
    let heard = |index: usize| entries[index].response.as_ref().unwrap().body.text().unwrap().to_owned();
    assert_eq!(entries.len(), 5);
    // By itself: at first, and when everything was answered.
    let alone = [heard(0), heard(1)];
    assert!(
        alone.contains(&"{\"method\":\"hello\"}\n".to_owned()) && alone.contains(&"{\"method\":\"late\"}\n".to_owned()),
        "{alone:?}"
    );
    assert_eq!(heard(2), "{\"method\":\"progress\"}\n[{\"id\":4,\"result\":4},{\"id\":3,\"error\":{\"code\":-1}}]\n");
    assert_eq!(heard(3), "{\"id\":1,\"result\":1}\n");
    assert_eq!(heard(4), "{\"id\":2,\"result\":2}\n");
}

#[test]
fn codes_signals_and_standard_error_pass() {
    let folder = Folder::new(&[]);
    let run = |script: &str| tap(&folder, &["sh", "-c", script]).said();
    let ended = run("echo out; echo err >&2; exit 7");
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(7), "out\n", "err\n"));
    assert_eq!(run("kill -9 $$").code, Some(137));
    let missing = folder.run(&["record", "--stdio", "-o", "taps/", "--", "no-such-program"]);
    missing.assert_code(3).assert_says("cannot start `no-such-program`");
}

#[test]
fn a_signal_goes_to_the_group_and_nobody_is_left() {
    let folder = Folder::new(&[]);
    let script =
        r#"(trap '' TERM; exec sleep 300) & echo $!; trap 'echo asked; exit 5' TERM; while :; do sleep 0.1; done"#;
    let mut child = tap(&folder, &["sh", "-c", script]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut pid = String::new();
    stdout.read_line(&mut pid).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"{\"id\":1,\"method\":\"hangs\"}\n").unwrap();
    send("-TERM", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(5));
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "asked\n");
    wait_for("the grandchild is gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        stat.map_or(true, |stat| stat.contains(") Z"))
    });
    let entries = entries(&file(&folder));
    let hung = entries.iter().find(|entry| !entry.request.body.bytes.is_empty()).unwrap();
    assert_eq!(hung.failure.as_deref(), Some("the process ended before it answered"));
}
