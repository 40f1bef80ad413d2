use super::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"it's 100% \"done\"\nnow"}}}"#;

#[test]
fn as_chromium_copies_it_for_bash() {
    let text = "curl 'https://api.example.com/mcp' \\\n  -H 'accept: application/json, text/event-stream' \\\n  -H 'content-type: application/json' \\\n  -b 'sid=1; theme=dark' \\\n  --data-raw $'{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{\"message\":\"it\\'s 100% \\\\\"done\\\\\"\\\\nnow\"}}}' \\\n  --compressed";
    let entry = one(text);
    assert_eq!(
        told(&entry),
        format!(
            "POST https://api.example.com/mcp | cookie: sid=1; theme=dark | accept: application/json, text/event-stream | \
             content-type: application/json | {CALL}"
        )
    );
    assert_eq!(notes(text), ["6:3: `--compressed` is not taken over: `accept-encoding` is not sent"]);
}

/// As browsers write a text for cmd.exe: a caret before all that is not plain, quotes with a backslash, backslashes twice.
fn for_cmd(text: &str) -> String {
    let mut out = "^\"".to_owned();
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    for (at, c) in text.char_indices() {
        if c == '\n' {
            out.push_str("^\n\n");
        } else if c.is_ascii_alphanumeric() || c.is_whitespace() || "_-:=+~'/.',?;()*`".contains(c) {
            out.push(c);
        } else {
            out.push('^');
            out.push(c);
            let next = text[at + c.len_utf8()..].chars().next();
            if c == '%' && next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                out.push('^');
            }
        }
    }
    out + "^\""
}

#[test]
fn as_chromium_copies_it_for_windows() {
    for value in
        [CALL, "a & b | c > d", "%PATH% 50%25 ^ caret", "two\nlines", "C:\\new", "ends with \\", "$HOME `id`", "é😀"]
    {
        let text = format!(
            "curl --request POST ^\n  -H {} ^\r\n  --data-raw {} ^\n  {}",
            for_cmd("content-type: application/json"),
            for_cmd(value),
            for_cmd("https://api.example.com/mcp?a=1&b=2")
        );
        let entry = one(&text);
        assert_eq!(body(&entry), value, "{text}");
        assert_eq!(entry.request.url, "https://api.example.com/mcp?a=1&b=2");
        assert_eq!(entry.request.header("content-type"), Some("application/json"));
    }
}

#[test]
fn as_older_browsers_copy_it_for_windows() {
    let text = "curl \"https://api.example.com/mcp\" ^\r\n -H \"content-type: application/json\" --data-binary \"{\"\"jsonrpc\"\":\"\"2.0\"\",\"\"a\"\":\"\"50\"%\"25\"\"}\"^\n\n\"x\"";
    assert_eq!(body(&one(text)), "{\"jsonrpc\":\"2.0\",\"a\":\"50%25\"}\nx");
    let text = "C:\\Users\\me>curl.exe -d \"{\\\"id\\\": 1}\" https://a.example/mcp | more";
    assert_eq!(body(&one(text)), "{\"id\": 1}");
    assert_eq!(notes(text)[0], "1:61: what stands behind `|` is no part of the request: left out");
}

#[test]
fn as_people_write_it_for_powershell() {
    let text = "PS C:\\Users\\me> $body = '{\"id\": 1, \"quote\": \"it''s\"}'\ncurl.exe -X POST `\r\n  -H \"authorization: Bearer $env:TOKEN\" `\n  -d $body \"https://a.example/mcp\"";
    let text = text.replace("PS C:\\Users\\me> ", "");
    let entry = one(&text);
    assert_eq!(body(&entry), "{\"id\": 1, \"quote\": \"it's\"}");
    assert_eq!(entry.request.header("authorization"), Some("Bearer ${secret:token}"));
    let here = "curl.exe https://a.example/mcp -d @'\n{\"a\":\n \"$x\"}\n'@ -H \"x: a`tb`\"\"";
    let entry = one(here);
    assert_eq!(body(&entry), "{\"a\":\n \"$x\"}");
    assert_eq!(entry.request.header("x"), Some("a\tb\""));
    let text = "curl.exe -d '{\\\"id\\\": 1}' https://a.example/mcp `\n -s";
    assert_eq!(body(&one(text)), "{\"id\": 1}");
    assert!(notes(text)[0].contains("without the backslashes"), "{:?}", notes(text));
    let prompt = "PS C:\\Users\\me> curl.exe https://a.example/mcp";
    assert_eq!(one(prompt).request.url, "https://a.example/mcp");
    let web = "PS C:\\> curl -Uri https://a.example/mcp";
    assert!(refused(web).contains("Invoke-WebRequest of PowerShell"), "{}", refused(web));
    assert!(
        refused("Invoke-WebRequest -UseBasicParsing -Uri \"https://a.example\"")
            .contains("copy the request as cURL (bash)")
    );
}

#[test]
fn quotes_of_unix() {
    for (written, meant) in [
        (r"'a b'", "a b"),
        (r#""a \"b\" \\ \$x \n""#, r#"a "b" \ $x \n"#),
        (r"a\ b\'c", "a b'c"),
        (r"'it'\''s'", "it's"),
        (r"$'a\tb\n\x41\101\u00e9\u0021\'\\'", "a\tb\nAA\u{e9}!'\\"),
        (r"$'\xe2\x82\xac \ud83d\ude00 \U1F600'", "€ 😀 😀"),
        ("'a'\"b\"c", "abc"),
        ("a\\\nb", "ab"),
        ("\"a\\\nb\"", "ab"),
        ("'two\nlines'", "two\nlines"),
        (r"{}[]*?~!^%", "{}[]*?~!^%"),
        ("$", "$"),
        ("\"$ a\"", "$ a"),
        ("${secret:token}", "${secret:token}"),
        ("a#b", "a#b"),
    ] {
        let text = format!("curl https://a.example/ --data-raw {written}");
        assert_eq!(body(&one(&text)), meant, "{text}");
    }
}

#[test]
fn nothing_is_run_and_no_variable_is_read() {
    let text = "TENANT='acme inc'\nexport AREA=eu\ncurl -s -H \"authorization: Bearer $(cat ~/.token; echo ')')\" -H \"x-a: `id`\" \\\n  -H \"x-tenant: $TENANT/${AREA}/$HOME\" \"https://a.example/mcp?key=${API_KEY:-none}\" -d '$HOME $(id)' > out.json 2>&1 | jq -r .token; rm -rf /";
    let entry = one(text);
    assert_eq!(entry.request.url, "https://a.example/mcp?key=${secret:api-key}");
    assert_eq!(entry.request.header("authorization"), Some("Bearer ${secret:command}"));
    assert_eq!(entry.request.header("x-a"), Some("${secret:command}"));
    assert_eq!(entry.request.header("x-tenant"), Some("acme inc/eu/${secret:home}"));
    assert_eq!(body(&entry), "$HOME $(id)");
    let notes = notes(text);
    for note in [
        "3:35: `$(…)` was not run: ${secret:command} stands for what it would print",
        "`` `…` `` was not run",
        "the variable $HOME has no value here: ${secret:home} stands for it, `--var HOME=VALUE` gives one",
        "what `>` names is not written",
        "the answer would go to `jq`, which is no part of the request: left out",
        "`rm` is another command than curl: left out, and never run",
    ] {
        assert!(notes.iter().any(|known| known.contains(note)), "{note}\n{notes:#?}");
    }
    let options = Options { variables: [("API_KEY".to_owned(), "k".to_owned())].into(), ..Options::default() };
    let imported = open(text.as_bytes(), "report", &options).unwrap();
    let Content::Traffic(recording) = imported.content else { panic!() };
    assert_eq!(recording.entries[0].request.url, "https://a.example/mcp?key=k");
}

#[test]
fn standard_input_that_is_in_the_text() {
    let text = "curl https://a.example/mcp -d @- <<'EOF'\n{\"a\":\n\"$b\"}\nEOF\ncurl https://b.example/mcp --json @- <<END\n{\"a\": \"$NAME\"}\nEND\ncurl https://c.example -d @- <<< 'x y'";
    let entries = entries(text);
    assert_eq!(
        entries.iter().map(body).collect::<Vec<_>>(),
        ["{\"a\":\"$b\"}", "{\"a\": \"${secret:name}\"}\n", "x y"]
    );
    assert!(refused("cat x | curl https://a.example -d @-").contains("write it behind `--data-raw`"));
    assert!(
        refused("curl https://a.example -d @- <<EOF\nx")
            .contains("1:30: the text that begins here has no end: no line is `EOF`")
    );
}

#[test]
fn options_of_a_request() {
    for (options, expected) in [
        ("-X DELETE", "DELETE https://a.example/mcp |  | "),
        ("-XPUT -d a -d b", "PUT https://a.example/mcp | content-type: application/x-www-form-urlencoded | a&b"),
        ("-sSLkid x=1", "POST https://a.example/mcp | content-type: application/x-www-form-urlencoded | x=1"),
        (
            "--json '{}' --json '[]'",
            "POST https://a.example/mcp | accept: application/json | content-type: application/json | {}[]",
        ),
        (
            "--json '{}' -H 'Accept: text/event-stream'",
            "POST https://a.example/mcp | content-type: application/json | accept: text/event-stream | {}",
        ),
        ("-G -d a=1 --data-urlencode 'b=x y&z'", "GET https://a.example/mcp?a=1&b=x+y%26z |  | "),
        (
            "--data-urlencode '=é' --data-urlencode 'a b'",
            "POST https://a.example/mcp | content-type: application/x-www-form-urlencoded | %C3%A9&a+b",
        ),
        ("--url-query 'q=a b'", "GET https://a.example/mcp?q=a+b |  | "),
        ("-u me:pass", "GET https://a.example/mcp | authorization: Basic bWU6cGFzcw== | "),
        ("-u \"$U:$P\"", "GET https://a.example/mcp | authorization: Basic ${secret:basic} | "),
        ("--oauth2-bearer tok", "GET https://a.example/mcp | authorization: Bearer tok | "),
        (
            "-A agent -e https://r.example -b a=1 -b b=2",
            "GET https://a.example/mcp | user-agent: agent | referer: https://r.example | cookie: a=1; b=2 | ",
        ),
        ("-H 'X-One;' -H 'Content-Type:' -d x", "POST https://a.example/mcp | x-one:  | x"),
        ("-H 'a: 1' -H 'a: 2'", "GET https://a.example/mcp | a: 1 | a: 2 | "),
        ("-I", "HEAD https://a.example/mcp |  | "),
        ("-H 'accept:'", "GET https://a.example/mcp |  | "),
        ("--no-location --no-progress-meter --max-time 5 -o out -w '%{http_code}'", "GET https://a.example/mcp |  | "),
    ] {
        let text = format!("curl {options} https://a.example/mcp");
        assert_eq!(told(&one(&text)), expected, "{text}");
    }
    let several = "$ curl -H 'a: 1' https://a.example https://b.example --next -X POST --url https://c.example ;\ncurl d.example && sudo /usr/bin/curl -- https://e.example";
    let urls: Vec<String> = entries(several).iter().map(told).collect();
    assert_eq!(
        urls,
        [
            "GET https://a.example | a: 1 | ",
            "GET https://b.example | a: 1 | ",
            "POST https://c.example |  | ",
            "GET http://d.example |  | ",
            "GET https://e.example |  | "
        ]
    );
    let url = |text: &str| one(text).request.url;
    assert_eq!(url("curl 'https://a.example/\\[1\\]?q=\\{a\\}#top'"), "https://a.example/[1]?q={a}");
    assert_eq!(
        told(&one("curl https://me:pw@a.example/mcp")),
        "GET https://a.example/mcp | authorization: Basic bWU6cHc= | "
    );
    assert_eq!(one("curl --http2 https://a.example").request.http_version.as_deref(), Some("h2"));
}

#[test]
fn what_aws_signs() {
    let text = "curl --aws-sigv4 aws:amz:us-east-1:aws-mcp -u \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" -H \"x-amz-security-token: $AWS_SESSION_TOKEN\" https://aws-mcp.us-east-1.api.aws/mcp --json '{}'";
    let entry = one(text);
    assert_eq!(
        entry.request.header("authorization"),
        Some(
            "AWS4-HMAC-SHA256 Credential=${secret:aws-access-key-id}/20000101/us-east-1/aws-mcp/aws4_request, SignedHeaders=host;x-amz-date, Signature=${secret:signature}"
        )
    );
    assert_eq!(entry.request.header("x-amz-security-token"), None);
    let notes = notes(text);
    assert!(
        notes.iter().any(|note| note.contains("`auth: { sigv4: { service: aws-mcp, region: us-east-1 } }`")),
        "{notes:?}"
    );
    let by_host = one("curl --aws-sigv4 aws:amz -u AKIAIOSFODNN7EXAMPLE:secret https://sqs.eu-west-1.amazonaws.com/");
    let value = by_host.request.header("authorization").unwrap();
    assert!(value.contains("Credential=AKIAIOSFODNN7EXAMPLE/20000101/eu-west-1/sqs/aws4_request"), "{value}");
    assert!(!value.contains("secret,"), "{value}");
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    for (text, expected) in [
        (
            "curl -d @body.json https://a.example",
            "report:1:6: `-d` names the file `body.json`, and import reads none; put its text behind `--data-raw`",
        ),
        (
            "curl -H @headers https://a.example",
            "report:1:6: `-H` names the file `headers`, and import reads none; write the headers",
        ),
        (
            "curl -b jar.txt https://a.example",
            "report:1:6: `-b` names the file `jar.txt`, and import reads none; write the cookies as `name=value`",
        ),
        (
            "curl --data-urlencode a@file https://a.example",
            "report:1:6: `--data-urlencode` names the file `a@file`, and import reads none; put its text behind `--data-raw`",
        ),
        (
            "curl https://a.example \\\n  -F 'a=@b'",
            "report:2:3: `-F` sends a form of several parts, which neither MCP nor OAuth knows; give the request as HTTP",
        ),
        ("curl -K conf", "report:1:6: `-K` reads a file, which import never does"),
        (
            "curl --hedaer x https://a.example",
            "report:1:6: `--hedaer` is no option of curl that is known here, did you mean `header`?; leave it out if it says nothing about the request",
        ),
        (
            "curl -sQ x",
            "report:1:6: `-Q` is no option of curl that is known here; leave it out if it says nothing about the request",
        ),
        ("curl https://a.example -d 'x", "report:1:27: `'` is opened here and never closed; is the command whole?"),
        (
            "curl https://a.example -d \"$(x\"",
            "report:1:28: `(` is opened here and never closed; is the command whole?",
        ),
        ("curl https://a.example -d", "report:1:24: `-d` has no value; is the command whole?"),
        ("curl ftp://a.example", "report:1:6: a URL of ftp; only http and https are read"),
        ("curl https://", "report:1:6: `https://` is no URL: empty host"),
        ("curl \"$URL\"", "report:1:6: the URL is a variable without a value; give it one: `--var NAME=https://…`"),
        ("curl -X 'P O' https://a.example", "report:1:6: `P O` is no method of HTTP"),
        ("curl -H 'no colon' https://a.example", "report:1:6: `-H` is no header: there is no `:` behind `no`"),
        (
            "curl --aws-sigv4 aws:amz https://localhost",
            "report:1:6: for which region and service is not said: `--aws-sigv4 aws:amz:us-east-1:SERVICE`",
        ),
        ("curl -s", "report:1:6: this command of curl has no URL"),
        (
            "curl",
            "report: no command of curl is in it; it begins with `curl` or a prompt, and its first argument that is no option is the URL",
        ),
    ] {
        assert_eq!(refused(text), expected, "{text}");
    }
}

#[test]
fn hostile_text_stays_data() {
    let error = refused("curl -d '@\u{1b}]0;x\u{7}\u{202e}' https://a.example");
    assert!(!error.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{error:?}");
    let many = format!("curl {} https://a.example", "-H \"a: $A$B\" ".repeat(2000));
    assert_eq!(one(&many).request.headers.len(), 2001);
    let deep = format!("curl https://a.example -d \"{}", "$(".repeat(100_000));
    assert!(refused(&deep).contains("never closed"));
    let notes = notes(&format!("{}\ncurl https://a.example", (0..500).map(|n| format!("cmd{n};")).collect::<String>()));
    assert_eq!(notes.len(), 50);
}
