//! `intercept` in `gauntlet.yaml`: what is taken, and what is refused with which words.

use gauntlet::Config;

/// The entry `gateway` with these upstreams.
fn load(endpoint: &str, upstreams: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gauntlet.yaml");
    let text = format!("targets:\n  gateway:\n    {endpoint}\n    upstreams: {upstreams}\n");
    std::fs::write(&path, text).expect("written");
    Config::load(&path).map_err(|error| error.to_string())
}

const STDIO: &str = "command: [gateway]\n    transport: stdio";

#[test]
fn patterns_are_read() {
    let config = load(
        STDIO,
        r#"{ a: { mock: mcp-server, intercept: ["*.example.com", "b.example.org:8443"] }, c: { mock: idp } }"#,
    );
    let config = config.expect("a configuration");
    let gateway = config.filling("gateway").next().expect("the target");
    let patterns: Vec<String> = gateway.upstreams["a"].intercept.iter().map(ToString::to_string).collect();
    assert_eq!(patterns, ["*.example.com", "b.example.org:8443"]);
    assert!(gateway.upstreams["c"].intercept.is_empty());
}

#[test]
fn programs_of_every_kind_can_be_intercepted() {
    let upstreams = "{ a: { mock: mcp-server, intercept: [a.example.com] } }";
    for endpoint in [
        STDIO,
        "command: [g]\n    url: http://127.0.0.1:${port}/mcp",
        "client: program\n    command: [c]",
        "client: bridge\n    command: [c]",
    ] {
        load(endpoint, upstreams).unwrap_or_else(|error| panic!("{endpoint}: {error}"));
    }
    for endpoint in ["url: https://gateway.example.com/mcp", "mock: agentcore-gateway", "client: gauntlet"] {
        let error = load(endpoint, upstreams).expect_err(endpoint);
        assert!(error.contains("`intercept` is for a target with a `command`"), "{endpoint}: {error}");
    }
}

#[test]
fn two_upstreams_for_one_host_are_refused_by_name() {
    let both = r#"{ runtime: { mock: kiro-runtime, intercept: ["q.*.amazonaws.com"] }, sts: { mock: sts, intercept: ["*.us-east-1.amazonaws.com"] } }"#;
    let error = load(STDIO, both).expect_err("an overlap");
    for told in [
        "`gateway`",
        "`q.*.amazonaws.com` of the upstream `runtime`",
        "`*.us-east-1.amazonaws.com` of the upstream `sts`",
    ] {
        assert!(error.contains(told), "`{told}` is not in: {error}");
    }
    load(STDIO, r#"{ a: { mock: idp, intercept: ["*.example.com", a.example.com] } }"#)
        .expect("one upstream may say it twice");
}

#[test]
fn what_is_no_pattern_is_refused_with_its_place() {
    let error = load(STDIO, r#"{ a: { mock: idp, intercept: ["https://idp.example.com"] } }"#).expect_err("a URL");
    assert!(error.contains("upstream `a`") && error.contains("is a URL"), "{error}");
}

#[test]
fn a_misspelt_key_is_told() {
    let error = load(STDIO, "{ a: { mock: idp, intercepts: [idp.example.com] } }").expect_err("misspelt");
    assert!(error.contains("intercepts") && error.contains("intercept"), "{error}");
    assert!(error.contains("did you mean"), "{error}");
}
