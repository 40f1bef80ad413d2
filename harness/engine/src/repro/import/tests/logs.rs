use super::*;

/// `request -> lines of the answer`, failures in brackets.
#[track_caller]
fn talk(text: &str) -> Vec<String> {
    entries(text).iter().map(spoken).collect()
}

fn spoken(entry: &Entry) -> String {
    assert_eq!((entry.transport, entry.request.method.as_str()), (Transport::Stdio, STDIN));
    let short = |line: &[u8]| -> String {
        if line.is_empty() {
            return String::new();
        }
        let message: Value = serde_json::from_slice(line).unwrap();
        let id = message.get("id").map_or(String::new(), |id| format!("#{id}"));
        let method = message.get("method").and_then(Value::as_str).unwrap_or("=");
        format!("{method}{id}")
    };
    let lines =
        entry.response.iter().flat_map(|r| r.lines()).map(|(_, line)| short(line)).collect::<Vec<_>>().join(" ");
    let failure = if entry.failure.is_some() { " [none]" } else { "" };
    format!("{} -> {lines}{failure}", short(&entry.request.body.bytes))
}

#[test]
fn of_claude_desktop() {
    let text = "2026-03-01T09:39:14.000Z [info] [files] Initializing server...\n\
2026-03-01T09:39:14.100Z [info] [files] Message from client: {\"method\":\"initialize\",\"params\":{},\"jsonrpc\":\"2.0\",\"id\":0}\n\
npm warn deprecated a package\n\
2026-03-01T09:39:14.435Z [files] [info] Message from server: {\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}} { metadata: undefined }\n\
2026-03-01T09:39:14.435Z [files] [info] Message from client: {\"method\":\"notifications/initialized\",\"jsonrpc\":\"2.0\"} { metadata: undefined }\n\
2026-03-01T09:39:14.435Z [search] [info] Message from client: {\"method\":\"tools/list\",\"params\":{},\"jsonrpc\":\"2.0\",\"id\":0}\n\
2026-03-01T09:39:15.000Z [files] [info] Message from client: {\"method\":\"tools/list\",\"params\":{},\"jsonrpc\":\"2.0\",\"id\":1}\n\
2026-03-01T09:39:15.500Z [files] [info] Message from server: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\
2026-03-01T09:39:15.600Z [files] [info] Message from server: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[...1234 chars\n";
    assert_eq!(
        talk(text),
        [
            "initialize#0 -> =#0",
            "notifications/initialized -> ",
            "tools/list#0 ->  [none]",
            "tools/list#1 -> notifications/message [none]"
        ]
    );
    let entries = entries(text);
    assert_eq!(entries[0].request.url, "stdio:files");
    assert_eq!(entries[2].session.as_deref(), Some("search"));
    assert_eq!(entries[0].elapsed, Duration::from_millis(335));
    assert_eq!(entries[3].started_at - entries[0].started_at, time::Duration::milliseconds(900));
    assert_eq!(
        notes(text),
        ["9: 1 line is like a message and cannot be read, as it is cut or not JSON: 9", "2 lines have no message"]
    );
}

#[test]
fn of_other_programs() {
    for text in [
        // One message a line, in the order of the conversation.
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
        // VS Code, today and before.
        "2026-01-01 10:00:00.000 [trace] [editor -> server] {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n2026-01-01 10:00:00.100 [trace] [server -> editor] {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
        "[info] [Client Says] {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n[info] [Server Says] {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
        // Arrows, colours.
        "\u{1b}[32m--> {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\u{1b}[0m\n\u{1b}[31m<-- {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\u{1b}[0m",
        // Over several lines.
        "DEBUG Sending request:\n{\n  \"jsonrpc\": \"2.0\",\n  \"id\": 1,\n  \"method\": \"tools/list\"\n}\nDEBUG Received: {\n  \"jsonrpc\": \"2.0\", \"id\": 1,\n  \"result\": {}\n}\nDEBUG done",
        // Inside of other JSON, as an object and as a text.
        "{\"ts\":\"2026-01-01T10:00:00Z\",\"level\":\"debug\",\"payload\":{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}\n{\"time\":1767261600,\"msg\":\"response {\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":1,\\\"result\\\":{}}\"}",
        // Without `jsonrpc`.
        "gateway-1 | INFO mcp request {\"id\":1,\"method\":\"tools/list\",\"params\":{}}\ngateway-1 | INFO {\"method\":\"GET\",\"path\":\"/\"} mcp answer {\"id\":1,\"result\":{}}",
        // All on one line.
        "Sent {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"} received {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}} ok",
        // Batches, Windows ends of lines, a byte order mark.
        "\u{feff}[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}]\r\n[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}]\r\n",
        // A gateway that tells each message at both of its sides.
        "from client {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\nto upstream {\"jsonrpc\":\"2.0\",\"method\":\"tools/list\",\"id\":1}\nfrom upstream {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\nto client {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
    ] {
        assert_eq!(talk(text), ["tools/list#1 -> =#1"], "{text}");
    }
}

#[test]
fn who_speaks() {
    // A log of the server's: what it received is the client's.
    let server = "Received: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}\nReceived: {\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"ping\"}\nSending: {\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}\nSending: {\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\nReceived: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\nSending: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
    assert_eq!(talk(server), ["tools/call#1 -> =#1", "ping#9 -> =#9 ping#2", "=#2 -> "]);
    // The same ids on both sides.
    let both = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"roots/list\"}\n> {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"roots\":[]}}\n< {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
    assert_eq!(talk(both), ["tools/call#1 -> roots/list#1 =#1", "=#1 -> "]);
    // Answers out of order, one that nobody asked for, one to what could not be read, notifications before all else.
    let order = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}\n{\"jsonrpc\":\"2.0\",\"id\":\"2\",\"method\":\"tools/call\"}\n{\"jsonrpc\":\"2.0\",\"id\":\"2\",\"result\":{}}\n{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1,\"message\":\"\"}}\n{\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{}}\n{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"\"}}";
    assert_eq!(talk(order), [" -> notifications/message", "tools/call#1 -> =#1", "tools/call#\"2\" -> =#\"2\" =#null"]);
    assert_eq!(notes(order), ["6: 1 message left out: answers to questions that are not in the log"]);
}

#[test]
fn hostile_logs() {
    let deep = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{}", "[".repeat(100_000));
    assert!(refused(&deep).contains("no JSON-RPC message in it can be read; line 1 is like one"), "{}", refused(&deep));
    let braces = format!("jsonrpc {}", "{".repeat(1_000_000));
    assert!(refused(&braces).contains("can be read"));
    let text = "x {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n".to_owned() + &"{\"a\":\n".repeat(20_000);
    assert_eq!(talk(&text), ["tools/list#1 ->  [none]"]);
    let options = Options { limits: Limits { line: 100, ..Limits::default() }, ..Options::default() };
    let long = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}\n{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"{}\"}}\n{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}}",
        "x".repeat(1000)
    );
    let imported = open(long.as_bytes(), "x", &options).unwrap();
    let Content::Traffic(recording) = imported.content else { panic!() };
    assert_eq!(recording.entries.len(), 1);
    assert_eq!(
        recording.entries[0].response.as_ref().unwrap().body.json(),
        Some(json!({"jsonrpc": "2.0", "id": 1, "result": 1}))
    );
    assert_eq!(imported.notes[0].place, Some(Place::line(2)));
    assert_eq!(
        refused("jsonrpc is a protocol\n"),
        "report: no JSON-RPC message in it can be read; line 1 is like one, but is cut, or not JSON"
    );
    let few = Options { limits: Limits { entries: 3, ..Limits::default() }, ..Options::default() };
    let many = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n".repeat(10);
    assert!(
        open(many.as_bytes(), "x", &few)
            .unwrap_err()
            .to_string()
            .contains("messages up to line 4; take a part of the log")
    );
}
