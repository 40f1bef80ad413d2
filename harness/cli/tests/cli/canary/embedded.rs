//! The shipped packs on the embedded mocks: nobody here knows the secrets, so everything that has the shape of one is sought.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex::Regex;
use serde_json::Value;

use super::hunt::everything;
use crate::support::{Folder, root, said};

/// What finds secrets by their shape.
struct Shapes {
    token: Regex,
    parameter: Regex,
    /// The text of every shipped scenario; what stands there is no secret.
    written: String,
}

impl Shapes {
    fn new() -> Self {
        let mut written = String::new();
        collect(&root().join("scenarios"), &mut written);
        Self {
            token: Regex::new(r"(eyJ[A-Za-z0-9_-]{10,})\.[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*)?").unwrap(),
            parameter: Regex::new(concat!(
                r#"(?:\b(refresh_token|access_token|id_token|client_secret|client_assertion|code_verifier)(?:=|\\*"\s*:\s*\\*")"#,
                r#"|[?&](code|state)=)([^&"\\\s`'<>]+)"#
            ))
            .unwrap(),
            written,
        }
    }

    /// Signed tokens, whole or cut, and values of parameters, that are neither placeholders nor written in a scenario.
    fn found_in(&self, text: &str) -> Vec<String> {
        let text = text.replace("&quot;", "\"").replace("&amp;", "&").replace("&apos;", "'");
        let mut found = Vec::new();
        for hit in self.token.captures_iter(&text) {
            let header = URL_SAFE_NO_PAD.decode(&hit[1]).ok().and_then(|h| serde_json::from_slice::<Value>(&h).ok());
            let is_signed = header.is_some_and(|h| h.get("alg").is_some() && h.get("kid").is_some());
            if is_signed && !self.written.contains(&hit[0]) {
                found.push(hit[0].to_owned());
            }
        }
        for hit in self.parameter.captures_iter(&text) {
            let form = format!("value={}", &hit[3]);
            let value = url::form_urlencoded::parse(form.as_bytes()).next().unwrap().1;
            let is_written = [&hit[3], &value].iter().any(|value| self.written.contains(*value));
            if !value.contains("${") && !value.starts_with('…') && !is_written {
                found.push(hit[0].to_owned());
            }
        }
        found
    }
}

fn collect(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else {
            into.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Runs the command with everything told, and gives all that was told, in which nothing has the shape of a secret.
fn told(shapes: &Shapes, arguments: &[&str]) -> String {
    let folder = Folder::new(&[]);
    let mut command = folder.command(arguments);
    command.env("GAUNTLET_CONFIG_DIR", folder.path("config")).env("RUST_LOG", "trace").env("GAUNTLET_LOG", "trace");
    let said = said(&command.output().unwrap());
    assert!(matches!(said.code, Some(0 | 1 | 3)), "{}", said.both());
    let texts = everything(&said, folder.path("").as_path(), &[]);
    for (name, text) in &texts {
        let found = shapes.found_in(text);
        assert!(found.is_empty(), "{arguments:?} tells in {name}: {:#?}", &found[..found.len().min(20)]);
    }
    texts.into_iter().map(|(_, text)| text).collect()
}

/// Runs scenarios with every report.
fn told_of_run(shapes: &Shapes, selection: &[&str]) -> String {
    let mut arguments = vec!["run", "-vv", "--all", "--keep-all", "--step-timeout", "5s"];
    arguments.extend(["--report", "json=out.json", "--report", "junit=out.xml"]);
    arguments.extend(selection);
    let all = told(shapes, &arguments);
    assert!(all.contains("gauntlet-report/1") && all.contains("<testsuites"), "{selection:?} has no reports");
    all
}

#[test]
fn the_shapes_are_known() {
    let shapes = Shapes::new();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"k1"}"#);
    for secret in [
        format!("Bearer {header}.eyJpc3MiOiJ4In0.c2lnbmF0dXJl"),
        format!("`{header}.eyJpc3…"),
        "POST code=x&code_verifier=Zq8-unheard-of".to_owned(),
        r#"{"text":"{\"refresh_token\" : \"Zq8-unheard-of\"}"}"#.to_owned(),
        "&quot;client_secret&quot;:&quot;Zq8-unheard-of&quot;".to_owned(),
        "http://127.0.0.1/cb?iss=x&amp;code=Zq8-unheard-of".to_owned(),
        "http://127.0.0.1/cb?state=Zq8-unheard-of".to_owned(),
    ] {
        assert_eq!(shapes.found_in(&secret).len(), 1, "{secret}");
    }
    for harmless in [
        "code_verifier=${code_verifier}&code=${code}",
        r#"{"access_token":"${access_token}"}"#,
        "a.b.c eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
        r#""grant_types_supported":["authorization_code","refresh_token"]"#,
        "Bearer error=\"invalid_token\", code=3",
    ] {
        assert_eq!(shapes.found_in(harmless), Vec::<String>::new());
    }
}

#[test]
fn the_shipped_packs_tell_no_secret() {
    let shapes = Shapes::new();
    // What would be a secret is there, under its name.
    for (pack, placeholder) in [("agentcore", "Bearer ${"), ("auth", "code_verifier"), ("clients", "code_verifier")] {
        let all = told_of_run(&shapes, &["--pack", pack]);
        let placeholder = placeholder.replace("code_verifier", "code_verifier=${code_verifier}");
        assert!(all.contains(&placeholder), "nothing in {pack} was secret");
    }
}

#[test]
fn what_goes_wrong_tells_no_secret() {
    let shapes = Shapes::new();
    for (scenarios, defect) in [
        ("agentcore.identity.*", "agentcore-gateway:leaks-token"),
        ("agentcore.jwt.*", "idp:signature-broken"),
        ("auth.as.code*", "idp:code-replay-accepted"),
        ("auth.as.token*", "idp:error-as-200"),
        ("clients.*", "idp:code-in-fragment"),
        ("clients.state*", "idp:state-altered"),
    ] {
        let all = told_of_run(&shapes, &[scenarios, "--defect", defect]);
        assert!(all.contains("FAIL "), "{scenarios} do not fail with {defect}");
    }
}

#[test]
fn an_audit_tells_no_secret() {
    let shapes = Shapes::new();
    let scenario = "agentcore.identity.token-not-shown";
    let selection = ["--mock", "agentcore-gateway", "--mcp-version", "2025-06-18", scenario];
    for more in [&["-vv"][..], &["-vv", "--json"]] {
        let all = told(&shapes, &[&["audit"][..], more, &selection].concat());
        assert!(all.contains("leaks-token"), "{all}");
    }
}
