use std::process::{Command, Stdio};

use serde_json::json;

use super::*;

fn request(url: &str, headers: &[(&str, &str)], body: Body) -> WireRequest {
    WireRequest {
        method: "POST".into(),
        url: url.into(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body,
    }
}

fn text(text: &str) -> Body {
    Body::Text { text: text.into(), truncated: 0 }
}

/// Lets a shell run the line with a `curl` that writes its arguments, each followed by an unlikely mark, and then what
/// it reads.
fn run(line: &str) -> Option<(Vec<String>, String)> {
    const FAKE: &str = r#"curl() { for a in "$@"; do printf '%s\001\002' "$a"; done; printf '\003'
        case "$*" in *"--data-binary @-"*) cat;; esac; }; "#;
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("{FAKE}{line}"))
        .env("TOKEN", "the 'secret' $value")
        .env("OTHER", "must not be seen")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let (arguments, stdin) = printed.split_once('\u{3}').expect("the mark");
    let mut arguments: Vec<String> = arguments.split("\u{1}\u{2}").map(str::to_owned).collect();
    arguments.pop();
    Some((arguments, stdin.to_owned()))
}

#[test]
fn reads_well() {
    let line = command(
        &request(
            "http://127.0.0.1:41873/mcp",
            &[
                ("host", "127.0.0.1:41873"),
                ("authorization", "Bearer ${token}"),
                ("content-type", "application/json"),
                ("accept", "application/json, text/event-stream"),
                ("user-agent", "gauntlet"),
                ("content-length", "17"),
            ],
            Body::Json(json!({"method": "ping"})),
        ),
        &["token"],
    );
    assert_eq!(
        line.as_deref(),
        Some(
            "curl -sSi -N http://127.0.0.1:41873/mcp -H \"authorization: Bearer ${TOKEN}\" \
             -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \
             -H 'user-agent: gauntlet' --data-raw '{\"method\":\"ping\"}'"
        )
    );
}

#[test]
fn what_curl_would_add_is_switched_off() {
    let mut get = request("http://h/", &[("host", "other"), ("x-empty", "")], Body::Empty);
    get.method = "GET".into();
    let line = command::<&str>(&get, &[]);
    assert_eq!(line.as_deref(), Some("curl -sSi http://h/ -H 'host: other' -H 'x-empty;' -H accept: -H user-agent:"));
    get.method = "DELETE".into();
    assert!(command::<&str>(&get, &[]).is_some_and(|line| line.starts_with("curl -sSi -X DELETE ")));
    let post = request("http://h/", &[("accept", "a"), ("user-agent", "b")], text("x"));
    assert!(command::<&str>(&post, &[]).is_some_and(|line| line.contains(" -H content-type: ")));
}

#[test]
fn no_line_rather_than_a_wrong_one() {
    let mut stdio = request("server --stdio", &[], Body::Json(json!({})));
    stdio.method = "stdin".into();
    assert_eq!(command::<&str>(&stdio, &[]), None);
    for body in [Body::Binary { length: 3 }, Body::Text { text: "a".into(), truncated: 1 }, Body::Events(Vec::new())] {
        assert_eq!(command::<&str>(&request("http://h/", &[], body), &[]), None);
    }
}

#[test]
fn hostile_data_reaches_curl_untouched_and_runs_nothing() {
    let hostile = [
        "'; echo pwned; '",
        "$(echo pwned) `echo pwned` ${OTHER} $OTHER",
        "a\"b\\c!d*e?[f]~{g,h}&|;<>()#",
        "line\nbreak\r\n\ttab\n\n",
        "\x1b[31m\u{202e}\u{9b}%s%n\\033\\\\",
        "-o /etc/passwd",
        "@/etc/passwd",
        "\u{fc}\u{65e5}\u{1f511}",
        "${token}x\u{1b}${token}",
        "'${token}'",
        "${token",
        "${${token}}",
    ];
    for data in hostile {
        let resolved = data.replace("${token}", "the 'secret' $value");
        let url = format!("http://h/{}", data.replace('\n', ""));
        let header = data.trim_end().to_owned();
        let built = command(&request(&url, &[("x-h", &header)], text(data)), &["token"]);
        let line = built.expect("a line");
        assert!(!line.chars().any(sanitize::is_unsafe), "{line:?}");
        let Some((arguments, stdin)) = run(&line) else {
            return;
        };
        let has = |wanted: String| {
            assert!(arguments.contains(&wanted), "{wanted:?} not in {arguments:?}\n{line}");
        };
        has(format!("http://h/{}", resolved.replace('\n', "")));
        has(format!("x-h: {}", resolved.trim_end()));
        if arguments.iter().any(|a| a == "--data-binary") {
            assert_eq!(stdin, resolved, "{line}");
        } else {
            has(resolved);
        }
    }
}

#[test]
fn nul_goes_through_the_pipe() {
    let built = command::<&str>(&request("http://h/", &[], text("a\0b")), &[]);
    let line = built.expect("a line");
    assert!(line.starts_with("printf 'a\\000b' | curl "), "{line}");
    let Some((_, stdin)) = run(&line) else { return };
    assert_eq!(stdin, "a\0b");
}

#[test]
fn headers_never_name_files() {
    let built = command::<&str>(&request("http://h/", &[("@/etc/passwd", "x")], Body::Empty), &[]);
    assert!(built.is_some_and(|line| !line.contains('@')));
}

#[test]
fn what_was_signed_is_signed_anew() {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261121/us-east-1/aws-mcp/aws4_request, \
                         SignedHeaders=accept;host;x-amz-date, Signature=${signature}";
    let headers = [
        ("accept", "application/json"),
        ("user-agent", "gauntlet"),
        ("content-type", "application/json"),
        ("x-amz-date", "20261121T000000Z"),
        ("x-amz-security-token", "${session_token}"),
        ("authorization", authorization),
    ];
    let labels = ["signature", "session_token"];
    let line = command(&request("http://h/mcp", &headers, text("{}")), &labels);
    assert_eq!(
        line.as_deref(),
        Some(
            "curl -sSi http://h/mcp --aws-sigv4 aws:amz:us-east-1:aws-mcp \
             --user \"${AWS_ACCESS_KEY_ID}:${AWS_SECRET_ACCESS_KEY}\" \
             -H \"x-amz-security-token: ${AWS_SESSION_TOKEN}\" -H 'accept: application/json' \
             -H 'user-agent: gauntlet' -H 'content-type: application/json' --data-raw '{}'"
        )
    );
    let bare = command(&request("http://h/", &[("authorization", authorization)], text("{}")), &labels);
    assert!(bare.is_some_and(|line| line.contains("--aws-sigv4") && !line.contains("accept:")));
    let without = command(&request("http://h/mcp", &headers[..4], text("{}")), &labels);
    assert!(without.is_some_and(|line| !line.contains("aws") && line.contains("x-amz-date")));
}

#[test]
fn a_scope_that_is_none_stays_as_it_is() {
    for scope in ["AKIA/20261121/$(x)/sts/aws4_request", "AKIA/20261121/us-east-1/a:b/aws4_request", "AKIA/x", ""] {
        let value = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let line = command::<&str>(&request("http://h/", &[("authorization", &value)], Body::Empty), &[]);
        assert!(line.is_some_and(|line| !line.contains("--aws-sigv4") && line.contains("authorization: ")), "{scope}");
    }
}
