//! Requests that are signed with AWS credentials from the usual places.

use crate::support::{Folder, Said, response, said, serve};

const BAD: &str =
    "id: bad.status\ntitle: x\ntarget: mcp-server\nsteps:\n  - call: tools/list\n    expect: { status: 299 }\n";

/// Runs with the folder as home, and nothing else of AWS around.
fn run(folder: &Folder) -> Said {
    let mut command = folder.command(&["run"]);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.env("HOME", folder.path("")).env("AWS_EC2_METADATA_DISABLED", "true").env("NO_PROXY", "*");
    said(&command.output().unwrap())
}

/// A target with this `auth`, which answers with an empty list of tools.
fn folder(auth: &str) -> Folder {
    let list = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
    let url = serve(move |_, _| response("200 OK", "content-type: application/json\r\n", list));
    let config = format!(
        "targets:\n  mcp-server: {{ url: '{url}', lifecycle: bare, versions: ['2025-06-18'], auth: {{ sigv4: {auth} }} }}\n"
    );
    Folder::new(&[("scenarios/bad.yaml", BAD), ("gauntlet.yaml", &config)])
}

#[test]
fn three_when_there_are_no_credentials() {
    let folder = folder("{ service: aws-mcp, region: us-east-1 }");
    run(&folder).assert_code(3).assert_says("there are no AWS credentials; looked at AWS_ACCESS_KEY_ID (not set)");
    folder.write(".aws/credentials", "[dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = made-up-secret\n");
    folder.write("gauntlet.yaml", folder.read("gauntlet.yaml").replace("service:", "profile: dve, service:"));
    run(&folder).assert_code(3).assert_says("there is no AWS profile `dve`").assert_says("did you mean `dev`?");
}

#[test]
fn a_signed_request_is_shown_without_what_would_repeat_it_as_it_is() {
    let folder = folder("{ profile: dev, service: aws-mcp }");
    folder.write(
        ".aws/config",
        "[profile dev]\nregion = eu-west-1\naws_access_key_id = AKIADEV\naws_secret_access_key = made-up-secret\naws_session_token = made-up-token\n",
    );
    let run = run(&folder);
    run.assert_code(1)
        .assert_says("/eu-west-1/aws-mcp/aws4_request, SignedHeaders=")
        .assert_says("Signature=${signature}");
    run.assert_says("x-amz-security-token: ${session_token}");
    run.assert_says("--aws-sigv4 aws:amz:eu-west-1:aws-mcp --user \"${AWS_ACCESS_KEY_ID}:${AWS_SECRET_ACCESS_KEY}\"");
    for secret in ["made-up-secret", "made-up-token"] {
        assert!(!run.both().contains(secret), "{}", run.both());
    }
}

#[test]
fn files_of_a_target_are_checked_when_the_configuration_is_read() {
    for (target, told) in [
        ("{ mock: mcp-server, files: { a: x } }", "`files` are for a `command` to read; this target has none"),
        (
            "{ command: [x], transport: stdio, files: { ../a: x } }",
            "`files.../a`: the name of a file has letters, digits, `-`, `_` and `.`",
        ),
    ] {
        let folder = Folder::new(&[("scenarios/bad.yaml", BAD)]);
        folder.write("gauntlet.yaml", format!("targets:\n  mcp-server: {target}\n"));
        run(&folder).assert_code(2).assert_says(told);
    }
}
