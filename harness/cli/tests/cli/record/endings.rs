//! However a recording ends, what was recorded is kept.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use gauntlet::repro::har;

use super::lab::{Recorder, ask, entries};
use crate::support::{Folder, nowhere, response, serve, wait_for};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

fn post(recorder: &Recorder) {
    let answer = ask(&recorder.url, "POST /mcp HTTP/1.1\r\ncontent-type: application/json", LIST);
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

fn answering() -> String {
    serve(|_, _| response("200 OK", "content-type: application/json\r\n", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#))
}

#[test]
fn an_interrupt_ends_it_with_a_summary() {
    let time = regex::Regex::new(r"\d+\.\d ms").unwrap();
    for signal in ["-INT", "-TERM"] {
        let folder = Folder::new(&[]);
        let recorder = Recorder::start(&folder, &answering(), &[]);
        post(&recorder);
        post(&recorder);
        let (code, said) = recorder.end(signal);
        assert_eq!(code, Some(0), "{said}");
        let times = time.replace_all(&said, "T");
        let line = |number: u8| {
            format!("   {number}  tools/list                                    200  T  connection-{number}")
        };
        let expected = [
            "Ctrl-C ends it.",
            &line(1),
            &line(2),
            "Recorded 2 exchanges",
            "  file      a.har",
            "  next      gauntlet diagnose a.har",
            "  next      gauntlet import a.har\n",
        ];
        assert_eq!(times, expected.join("\n"));
        assert_eq!(entries(&folder.path("a.har")).len(), 2);
    }
}

#[test]
fn a_recorder_that_is_killed_leaves_what_it_has() {
    let folder = Folder::new(&[]);
    let recorder = Recorder::start(&folder, &answering(), &[]);
    let (file, limits) = (folder.path("a.har"), har::Limits::default());
    for count in 1..=3 {
        post(&recorder);
        wait_for("it is written", || har::load(&file, &limits).is_ok_and(|(so_far, _)| so_far.entries.len() == count));
    }
    assert_eq!(recorder.end("-KILL").0, None);
    let entries = entries(&file);
    assert_eq!(entries.len(), 3);
    assert!(entries.iter().all(|entry| entry.request.body.text() == Some(LIST) && entry.failure.is_none()));
}

#[test]
fn a_scenario_is_made_of_it() {
    let folder = Folder::new(&[]);
    let recorder = Recorder::start(&folder, &answering(), &["--scenario", "a.yaml"]);
    post(&recorder);
    let (code, said) = recorder.end("-INT");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("  next      gauntlet run a.yaml"), "{said}");
    assert!(folder.read("a.yaml").contains("call: tools/list"));
    folder.run(&["check", "--strict", "a.yaml"]).assert_code(0);
}

#[test]
fn a_full_disk_leaves_what_there_was_and_the_client_is_served_on() {
    let folder = Folder::new(&[]);
    let upstream = serve(|head, _| match head.starts_with("GET /large") {
        true => response("200 OK", "content-type: text/plain\r\n", "x".repeat(100_000)),
        false => response("200 OK", "content-type: text/plain\r\n", "small"),
    });
    // No file may be larger than 32 KiB.
    let script = r#"trap '' XFSZ; ulimit -f 64; exec "$0" "$@""#;
    let recorder = Recorder::start_by(&folder, &["sh", "-c", script], &upstream, &[]);
    for path in ["/small", "/large", "/small"] {
        let answer = ask(&recorder.url, &format!("GET {path} HTTP/1.1"), "");
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }
    let (code, said) = recorder.end("-INT");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("warning: nothing more is recorded: File too large"), "{said}");
    assert!(said.contains("error: cannot write a.har: File too large"), "{said}");
    let entries = entries(&folder.path("a.har"));
    assert_eq!(entries.iter().map(|e| e.request.url.rsplit('/').next().unwrap()).collect::<Vec<_>>(), ["small"]);
}

#[test]
fn a_large_body_is_not_held() {
    const MIB: usize = 1 << 20;
    const SIZE: usize = 96;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", SIZE * MIB);
        stream.write_all(head.as_bytes()).unwrap();
        for _ in 0..SIZE {
            stream.write_all(&vec![b'x'; MIB]).unwrap();
        }
    });
    let folder = Folder::new(&[]);
    let recorder = Recorder::start(&folder, &url, &["--max-body", "64KiB"]);
    let peak = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", recorder.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
    };
    let before = peak();
    let answer = ask(&recorder.url, "GET /mcp HTTP/1.1", "");
    assert!(answer.len() > SIZE * MIB);
    let grown = peak() - before;
    assert!(grown < 16 * 1024, "{grown} kB more");
    let (_, said) = recorder.end("-INT");
    let left_out = SIZE * MIB - 64 * 1024;
    assert!(said.contains(&format!("  left out  {left_out} bytes of bodies; see --max-body\n")), "{said}");
}

#[test]
fn what_cannot_be_recorded_is_a_matter_of_usage() {
    let folder = Folder::new(&[]);
    for (arguments, said) in [
        (&["record", "-o", "a.har"][..], "--upstream"),
        (&["record", "--upstream", "http://127.0.0.1:1/"], "--output"),
        (&["record", "--upstream", "http://me:pass@127.0.0.1:1/", "-o", "a.har"], "the client sends its own"),
        (&["record", "--upstream", "http://127.0.0.1:1/", "-o", "a.har", "--listen", "somewhere"], "127.0.0.1:8080"),
        (&["record", "--upstream", "http://127.0.0.1:1/", "-o", "a.har", "--max-body", "1MB"], "16MiB"),
        (&["record", "--upstream", "http://127.0.0.1:1/", "-o", "none/a.har"], "cannot make a file at none/a.har"),
        (&["record", "--stdio", "-o", "a.har"], "COMMAND"),
        (&["record", "--stdio", "--rewrite", "-o", "a.har", "--", "cat"], "--rewrite"),
        (&["record", "--upstream", "http://127.0.0.1:1/", "-o", "a.har", "--", "cat"], "--upstream"),
    ] {
        folder.run(arguments).assert_code(2).assert_says(said);
    }
    assert!(!folder.path("a.har").exists());
}

#[test]
fn a_recording_is_never_overwritten() {
    let folder = Folder::new(&[("a.har", "precious")]);
    let (_, said) = Recorder::start(&folder, &nowhere(), &[]).end("-INT");
    assert!(said.ends_with("Recorded 0 exchanges\n  file      a-2.har\n"), "{said}");
    assert_eq!(folder.read("a.har"), "precious");
    assert_eq!(entries(&folder.path("a-2.har")), []);
}
