use super::*;

#[test]
fn on_the_wire() {
    for end in ["\n", "\r\n"] {
        let text = "POST /mcp?x=1 HTTP/1.1\nHost: api.example.com\nContent-Type: application/json\nX-Long: a\n  b\nContent-Length: 9\n\n{\"a\": 1}\n\nHTTP/1.1 100 Continue\n\nHTTP/1.1 403 Forbidden\nContent-Type: application/json\n\n{\"message\":\"no\"}\n".replace('\n', end);
        let entry = one(&text);
        assert_eq!(entry.request.url, "https://api.example.com/mcp?x=1");
        assert_eq!(entry.request.http_version.as_deref(), Some("HTTP/1.1"));
        assert_eq!(entry.request.header("x-long"), Some("a b"));
        assert_eq!(body(&entry), "{\"a\": 1}\n");
        let response = entry.response.unwrap();
        assert_eq!((response.status, response.body.text()), (Some(403), Some("{\"message\":\"no\"}")));
    }
}

#[test]
fn where_it_goes() {
    for (text, url) in [
        ("GET http://a.example/mcp HTTP/1.1\nHost: b.example\n\n", "http://a.example/mcp"),
        ("GET /mcp HTTP/1.1\nHost: localhost:8080\n", "http://localhost:8080/mcp"),
        ("GET /mcp HTTP/1.1\nHost: a.example:8080\nOrigin: http://a.example:8080\n", "http://a.example:8080/mcp"),
        ("POST https://a.example/mcp\ncontent-type: a/b\n\n{}", "https://a.example/mcp"),
        ("https://a.example/mcp", "https://a.example/mcp"),
    ] {
        assert_eq!(one(text).request.url, url);
    }
    assert_eq!(
        notes("GET /mcp HTTP/1.1\nHost: a.example\n"),
        ["1:1: the text does not say whether it is http or https; taken as https"]
    );
    assert_eq!(
        refused("GET /mcp HTTP/1.1\n\n"),
        "report:1:1: which host it is for is not said: there is neither a `host` header nor an absolute URL"
    );
    assert_eq!(
        refused("GET /mcp HTTP/1.1\nhost: a\nbroken\n\n"),
        "report:3:1: there is no `:` behind `broken`: it is no header, and no empty line ended the headers"
    );
}

#[test]
fn headers_of_http_2() {
    let lines = ":authority: api.example.com\n:method: POST\n:path: /mcp\n:scheme: https\naccept: application/json\n\n{\"id\":1}";
    let table = ":authority\napi.example.com\n:method\nPOST\n:path\n/mcp\n:scheme\nhttps\naccept\napplication/json\n";
    for (text, body_text) in [(lines, "{\"id\":1}"), (table, "")] {
        let entry = one(text);
        assert_eq!(told(&entry), format!("POST https://api.example.com/mcp | accept: application/json | {body_text}"));
        assert_eq!(entry.request.http_version.as_deref(), Some("h2"));
    }
}

#[test]
fn as_curl_prints_it() {
    let text = "* Connected to localhost (127.0.0.1) port 8080\n> POST /mcp HTTP/1.1\n> Host: localhost:8080\n> Authorization: Bearer abc\n>\n* upload completely sent off: 10 bytes\n< HTTP/1.1 401 Unauthorized\n< WWW-Authenticate: Bearer\n<\n{ [10 bytes data]\n{\"error\":\"x\"}\n* Connection #0 left intact\n> GET /mcp HTTP/1.1\n> Host: localhost:8080\n> \n";
    let entries = entries(text);
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].request.header("authorization"), Some("Bearer abc"));
    let response = entries[0].response.as_ref().unwrap();
    assert_eq!(
        (response.status, response.header("www-authenticate"), response.body.text()),
        (Some(401), Some("Bearer"), Some("{\"error\":\"x\"}"))
    );
    assert_eq!(entries[1].request.method, "GET");
}

#[test]
fn files_of_rest_clients() {
    let text = "@host = https://a.example\n# a comment\n### first\n// another\nPOST {{host}}/mcp\n  ?a=1\n  &b=2\nAuthorization: Bearer {{token}}\n\n{\"a\": {\"b\": {}}}\n\n> {% client.log(1) %}\n###\nGET {{host}}/mcp HTTP/1.1\n";
    let entries = entries(text);
    assert_eq!(
        told(&entries[0]),
        "POST https://a.example/mcp?a=1&b=2 | authorization: Bearer ${secret:token} | {\"a\": {\"b\": {}}}"
    );
    assert_eq!(entries[1].request.url, "https://a.example/mcp");
    let notes = notes(text);
    assert!(notes[0].starts_with("8:1: the variable {{token}} has no value here"), "{notes:?}");
    assert_eq!(notes[1], "12:1: a script is never run: left out");
    assert_eq!(
        refused("POST https://a.example/mcp\n\n< ./body.json"),
        "report:3:1: the body is in a file, and import reads none; put its text here"
    );
}

#[test]
fn what_it_is_is_found_out() {
    for (text, name, expected) in [
        ("", "x", "x: it is empty"),
        ("  \n", "x", "x: it is empty"),
        ("PK\u{3}\u{4}…", "x", "a zip archive"),
        ("\u{a}\u{d}\u{d}\u{a}", "x", "a capture of packets"),
        ("a\0b", "x", "it is no text"),
        ("<!DOCTYPE html>\n<p>", "x", "a page of HTML"),
        ("{\"info\": {}, \"item\": [{\"request\": {\"url\": \"https://a\"}}]}", "x", "a Postman collection"),
        ("{\"openapi\": \"3.1.0\"}", "x", "a description of an API"),
        ("{\"constants\": {}, \"events\": []}", "x", "a network log of Chromium"),
        ("{\"a\": 1, \"b\": {\"c\": 2}}", "x", "a JSON document with `a`, `b`; what is read: HAR"),
        ("id: a.b\nsteps:\n", "x", "a scenario already"),
        (
            "Dear maintainers, it does not work.",
            "x",
            "its form is not known: it begins with `Dear maintainers, it does not work.`",
        ),
        ("I used curl, and it failed.", "x", "its form is not known"),
        ("wget https://a.example", "x", "another program than curl"),
        ("fetch(\"https://a.example\", {})", "x", "a call of fetch"),
        ("{\"a\": 1}", "x.har", "x.har: this is no HAR file: it has no `log`"),
        ("{\"servers\": {}}", "x", "its list of servers is empty"),
    ] {
        match open(text.as_bytes(), name, &Options::default()) {
            Err(error) => assert!(error.to_string().contains(expected), "{text}: {error}"),
            Ok(imported) => panic!("{text}: {imported:?}"),
        }
    }
    let wide: Vec<u8> =
        [0xff, 0xfe].into_iter().chain("curl https://a.example".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(open(wide.as_slice(), "x", &Options::default()).unwrap().format, Format::Curl);
}
