//! Secrets reach neither the file nor the console, wherever they stand.

use std::io::Write as _;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::lab::{Recorder, ask, entries};
use crate::support::{Folder, response, said, serve, wait_for};

/// Every secret has this in it, in some spelling, and nothing else has.
const CANARY: &str = "c4n4ry";

fn canary(place: &str) -> String {
    format!("{CANARY}/{place}+9f8e7d6c5b4a")
}

fn encoded(text: &str) -> String {
    text.replace('/', "%2F").replace('+', "%2B")
}

fn assert_nowhere(what: &str, text: &str) {
    let spellings = [CANARY.to_owned(), STANDARD.encode(CANARY)[..7].to_owned(), "9f8e7d6c5b4a".to_owned()];
    for spelling in spellings {
        let around = text.find(&spelling).map(|at| {
            let from = text.floor_char_boundary(at.saturating_sub(120));
            text[from..].chars().take(200).collect::<String>()
        });
        assert_eq!(around, None, "{spelling} in {what}");
    }
}

#[test]
fn over_http() {
    let upstream = serve(|head, _| {
        let event = format!("event: message\ndata: {{\"access_token\":\"{}\"}}\n\n", canary("event"));
        let json = format!("{{\"refresh_token\":\"{}\",\"note\":\"{}\"}}", canary("member"), canary("later"));
        match head {
            head if head.starts_with("GET /sse") => response("200 OK", "content-type: text/event-stream\r\n", event),
            head if head.starts_with("GET /again") => {
                // What was secret before, where nobody expects it.
                let text =
                    [canary("bearer"), canary("member"), encoded(&canary("form")), STANDARD.encode(canary("key"))]
                        .join(" ");
                response("200 OK", "content-type: text/plain\r\n", text)
            }
            _ => {
                let headers = format!(
                    "content-type: application/json\r\nset-cookie: session={}; Path=/\r\nx-amz-security-token: {}\r\nlocation: https://a.example/?code={}\r\n",
                    canary("set-cookie"),
                    canary("sts"),
                    encoded(&canary("code")),
                );
                response("200 OK", &headers, json)
            }
        }
    });
    let folder = Folder::new(&[]);
    let recorder = Recorder::start(&folder, &upstream, &["--scenario", "a.yaml"]);
    let basic = STANDARD.encode(format!("me:{}", canary("basic")));
    for (head, body) in [
        (
            format!(
                "POST /mcp?access_token={} HTTP/1.1\r\nauthorization: Bearer {}",
                encoded(&canary("query")),
                canary("bearer")
            ),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_owned(),
        ),
        (
            format!(
                "POST /token HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\nauthorization: Basic {basic}"
            ),
            format!("client_secret={}&grant_type=x", encoded(&canary("form"))),
        ),
        (
            format!(
                "POST /mcp HTTP/1.1\r\ncontent-type: application/json\r\nx-api-key: {}\r\ncookie: a={}",
                canary("key"),
                canary("cookie")
            ),
            format!(
                r#"{{"params":{{"name":"t","arguments":{{"password":"{}"}}}},"method":"tools/call"}}"#,
                canary("password")
            ),
        ),
        ("GET /sse HTTP/1.1".to_owned(), String::new()),
        (format!("GET /again HTTP/1.1\r\nauthorization: Bearer {}", canary("later")), String::new()),
    ] {
        let answer = ask(&recorder.url, &head, &body);
        // What passes is not touched.
        assert!(String::from_utf8_lossy(&answer).contains(CANARY));
    }
    let (code, said) = recorder.end("-INT");
    assert_eq!(code, Some(0));
    let file = folder.read("a.har");
    assert_nowhere("the file", &file);
    assert_nowhere("the scenario", &folder.read("a.yaml"));
    assert_nowhere("the console", &said);
    assert!(file.contains("${secret:") && said.contains("  redacted  "), "{said}");
    assert!(said.contains("Recorded 5 exchanges"), "{said}");
    // No copy is left beside them.
    assert_eq!(std::fs::read_dir(folder.path(".")).unwrap().count(), 2);
}

/// Whoever is killed does not come to the end.
#[test]
fn what_turns_out_to_be_secret_goes_from_the_file_at_once() {
    let upstream = serve(|head, _| {
        let text = if head.starts_with("GET /early") {
            format!(
                "nobody knows {}, {} or {}",
                canary("late"),
                encoded(&canary("late")),
                STANDARD.encode(canary("late"))
            )
        } else {
            "{}".to_owned()
        };
        response("200 OK", "content-type: text/plain\r\n", text)
    });
    let folder = Folder::new(&[]);
    let recorder = Recorder::start(&folder, &upstream, &[]);
    let count = |count: usize| folder.read("a.har").matches("startedDateTime").count() == count;
    ask(&recorder.url, "GET /early HTTP/1.1", "");
    wait_for("the first is written", || count(1));
    assert!(folder.read("a.har").contains(CANARY), "nobody could know");
    ask(&recorder.url, &format!("GET /late HTTP/1.1\r\nauthorization: Bearer {}", canary("late")), "");
    wait_for("the second is written, and what it tells is gone", || count(2) && !folder.read("a.har").contains(CANARY));
    ask(&recorder.url, "GET /behind HTTP/1.1", "");
    wait_for("the third is written to the same file", || count(3));
    let (code, said) = recorder.end("-KILL");
    assert_eq!(code, None);
    let file = folder.read("a.har");
    assert_nowhere("the file", &file);
    assert!(
        file.contains("nobody knows ${secret:authorization}, ${secret:authorization} or ${secret:authorization}"),
        "{file}"
    );
    assert_nowhere("the console", &said);
    assert_eq!(entries(&folder.path("a.har")).len(), 3);
    assert_eq!(std::fs::read_dir(folder.path(".")).unwrap().count(), 1);
}

#[test]
fn over_stdio() {
    let folder = Folder::new(&[]);
    let arguments = ["record", "--stdio", "-v", "-o", "a.har", "--", "cat"];
    let mut command = folder.command(&arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = [
        format!(
            r#"{{"id":1,"method":"tools/call","params":{{"name":"t","arguments":{{"api_key":"{}"}}}}}}"#,
            canary("argument")
        ),
        format!("not json, but Authorization: Bearer {}", canary("text")),
    ];
    child.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
    let ended = said(&child.wait_with_output().unwrap());
    assert_eq!(ended.out, lines.join("\n"));
    let file = folder.read("a.har");
    assert_nowhere("the file", &file);
    assert_nowhere("standard error", &ended.err);
    assert!(file.contains("${secret:api-key}"), "{file}");
    assert!(ended.err.contains("tools/call t") && ended.err.contains("Recorded 2 exchanges"), "{}", ended.err);
}
