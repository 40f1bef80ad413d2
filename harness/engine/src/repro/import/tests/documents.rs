use super::*;

#[track_caller]
fn servers(text: &str) -> (Servers, Vec<String>) {
    let imported = open_text(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(imported.format, Format::Config);
    match imported.content {
        Content::Servers(servers) => (servers, imported.notes.iter().map(ToString::to_string).collect()),
        Content::Traffic(recording) => panic!("{recording:?}"),
    }
}

const KIRO: &str = r#"{
  // what Kiro has
  "mcpServers": {
    "my search": {
      "command": "uvx", "args": ["search-server@latest", "--api-key", "abc123secret", "--verbose", "--token=t0ken", "https://h.example:8/x"],
      "env": {"SEARCH_TOKEN": "canary-1", "FASTMCP_LOG_LEVEL": "ERROR", "AWS_REGION": "us-east-1", "OTHER": "canary-2", "PORT": 8080},
      "disabled": true, "autoApprove": ["search"],
    },
    "remote": {
      "url": "https://user:canary-5@api.example.com/mcp?tenant=canary-3&debug=true",
      "headers": {"Authorization": "Bearer canary-4", "X-Api-Key": "${API_KEY}"},
    },
    /* broken */
    "neither": {"args": []},
  },
}"#;

#[test]
fn servers_of_kiro() {
    let (servers, notes) = servers(KIRO);
    assert_eq!(servers.names, ["my-search", "remote"]);
    assert_eq!(
        servers.config,
        "targets:
  my-search:
    role: mcp-server
    command:
      - uvx
      - search-server@latest
      - --api-key
      - ${secret:env:MY_SEARCH_API_KEY}
      - --verbose
      - --token=${secret:env:MY_SEARCH_TOKEN}
      - https://h.example:8/x
    transport: stdio
    env:
      SEARCH_TOKEN: ${secret:env:SEARCH_TOKEN}
      FASTMCP_LOG_LEVEL: ERROR
      AWS_REGION: us-east-1
      OTHER: ${secret:env:OTHER}
      PORT: \"8080\"
  remote:
    role: mcp-server
    url: https://api.example.com/mcp?tenant=${secret:env:REMOTE_TENANT}&debug=true
    headers:
      authorization: Bearer ${secret:env:REMOTE_AUTHORIZATION}
      x-api-key: ${secret:env:API_KEY}
"
    );
    assert_eq!(
        servers.variables.keys().collect::<Vec<_>>(),
        [
            "API_KEY",
            "MY_SEARCH_API_KEY",
            "MY_SEARCH_TOKEN",
            "OTHER",
            "REMOTE_AUTHORIZATION",
            "REMOTE_TENANT",
            "SEARCH_TOKEN"
        ]
    );
    for note in [
        "`my-search` is switched off",
        "`autoApprove` is not taken over",
        "name and password in the URL left out",
        "server `neither` left out: it has neither",
    ] {
        assert!(notes.iter().any(|known| known.contains(note)), "{note}: {notes:#?}");
    }
    let all = format!("{servers:?}{notes:?}");
    assert!(!all.contains("canary") && !all.contains("t0ken") && !all.contains("abc123"), "{all}");
}

#[test]
fn the_configuration_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gauntlet.yaml");
    std::fs::write(&path, servers(KIRO).0.config).unwrap();
    let config = crate::Config::load(&path).unwrap_or_else(|error| panic!("{error}"));
    assert!(["my-search", "remote"].iter().all(|name| config.targets.iter().any(|target| target.name == *name)));
}

#[test]
fn servers_of_other_clients() {
    let code = r#"{"inputs": [{"type": "promptString", "id": "github-token", "password": true}],
        "servers": {"github": {"type": "http", "url": "https://api.example.com/mcp/", "headers": {"Authorization": "Bearer ${input:github-token}"}},
                    "files": {"type": "stdio", "command": "node", "args": ["${workspaceFolder}/server.js"], "env": {"KEY": "${env:MY_KEY}"}, "envFile": ".env"}}}"#;
    let (servers_of_code, notes) = servers(code);
    assert!(
        servers_of_code.config.contains("{authorization: \"Bearer ${secret:env:GITHUB_TOKEN}\"}"),
        "{}",
        servers_of_code.config
    );
    assert!(servers_of_code.config.contains("{KEY: \"${secret:env:MY_KEY}\"}"), "{}", servers_of_code.config);
    assert!(servers_of_code.config.contains("${secret:env:workspaceFolder}/server.js"), "{}", servers_of_code.config);
    assert!(notes.iter().any(|note| note.contains("`envFile` is not taken over")), "{notes:?}");
    for (text, expected) in [
        (r#"{"mcp": {"servers": {"a": {"command": "x"}}}}"#, "a"),
        (r#"{"powers": {"mcpServers": {"b": {"command": "x"}}}}"#, "b"),
        (r#"{"context_servers": {"c": {"command": {"path": "x", "args": ["y"]}}}}"#, "c"),
        (r#"{"d": {"url": "https://a.example/mcp", "type": "sse"}}"#, "d"),
        (r#"{"mcpServers": {"e/é": {"httpUrl": "https://a.example/mcp"}}}"#, "e"),
    ] {
        assert_eq!(servers(text).0.names, [expected], "{text}");
    }
    for (text, expected) in [
        ("{\"mcpServers\": {\"a\": {\"command\": \"x\"}", "report:1:37: not JSON: EOF while parsing an object"),
        ("{\"mcpServers\": {\n  \"a\" 1}}", "report:2:7: not JSON: expected `:`"),
        (
            "{\"mcpServers\": {\"a\": {\"url\": \"file:///etc/passwd\"}}}",
            "report: server `a` left out: its `url` is of file; only http and https are spoken",
        ),
        ("{\"mcpServers\": {\"a\": {\"type\": \"ws\", \"url\": \"https://a\"}}}", "WebSocket"),
        ("{\"mcpServers\": []}", "no servers are in it"),
    ] {
        assert!(refused(text).contains(expected), "{text}: {}", refused(text));
    }
}

#[test]
fn what_a_stranger_writes_means_nothing() {
    let text = r#"{"mcpServers": {"a": {"command": "x", "args": ["${secret:file:/etc/passwd}", "$${env:HOME}"], "env": {"A": "plain ${", "B": "/usr/${env:HOME}"}}}}"#;
    let (servers, _) = servers(text);
    assert!(!servers.config.contains("secret:file"), "{}", servers.config);
    assert!(servers.config.contains("${secret:env:SECRET_FILE__ETC_PASSWD}"), "{}", servers.config);
}
