//! Sign-ins of every kind, good and failing, against mocks that know what was secret.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::hunt::everything;
use super::lab::Lab;
use crate::support::{Folder, Said, said};

/// What the command is given that is secret, or keeps: its key and its token store.
const ITS_OWN: [&str; 2] = ["key.pem", "config/tokens/"];

/// Checks of the first fail and the case goes on, those of the second end it.
const REQUIREMENTS: &str = "\
- id: canary.put-up-with
  level: SHOULD
  subject: server
  theme: canary
  transport: any
  statement: Nothing is as the check says.
  observe: It is not.
  source: this test
  evidence: documented
- id: canary.stopped-by
  level: MUST
  subject: server
  theme: canary
  transport: any
  statement: Nothing is as the check says.
  observe: It is not.
  source: this test
  evidence: documented
";

/// Every way of a sign-in, each with checks that fail.
const SCENARIOS: [(&str, &str); 7] = [
    ("scenarios/sign-in.yaml", include_str!("scenarios/sign-in.yaml")),
    ("scenarios/errors.yaml", include_str!("scenarios/errors.yaml")),
    ("scenarios/replay.yaml", include_str!("scenarios/replay.yaml")),
    ("scenarios/step-up.yaml", include_str!("scenarios/step-up.yaml")),
    ("scenarios/revoked.yaml", include_str!("scenarios/revoked.yaml")),
    ("scenarios/by-hand.yaml", include_str!("scenarios/by-hand.yaml")),
    ("scenarios/driven.yaml", include_str!("scenarios/driven.yaml")),
];

fn folder(lab: &Lab) -> Folder {
    let folder = Folder::new(&SCENARIOS);
    folder.write("requirements.yaml", REQUIREMENTS);
    folder.write("key.pem", lab.var("assertion_private_key"));
    let key = format!("${{secret:file:{}}}", folder.path("key.pem").display());
    let id = |name: &str| lab.var(&format!("{name}_client_id"));
    let (confidential, service) = ("${secret:env:CONFIDENTIAL_SECRET}", "${secret:env:SERVICE_SECRET}");
    let ways = json!({
        "public": { "client_id": lab.var("client_id") },
        "confidential": { "client_id": id("confidential"), "client_secret": confidential },
        "posting": { "client_id": id("confidential"), "client_secret": confidential, "token_auth": "client_secret_post" },
        "service": { "client_id": id("service"), "client_secret": service, "grant": "client_credentials" },
        "assertion": { "client_id": id("assertion"), "private_key": key },
        "dynamic": {},
        "dynamic-secret": { "token_auth": "client_secret_basic" },
        "cached": { "client_id": lab.var("client_id"), "cache": true, "scopes": ["gateway/invoke"] },
        "cached-dynamic": { "cache": true, "token_auth": "client_secret_basic" },
    });
    let mut targets: serde_json::Map<String, Value> = ways
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, oauth)| {
            let target = json!({ "role": "gw", "url": lab.gateway.url(), "auth": { "oauth": oauth },
                "versions": ["2025-11-25", "2026-07-28"], "allow": ["writes", "hostile"],
                "vars": { "password": "${secret:env:PASSWORD}", "key": key } });
            (name.clone(), target)
        })
        .collect();
    let provider = json!({ "url": lab.idp.url(), "lifecycle": "bare", "allow": ["writes", "hostile"],
        "vars": { "confidential_secret": confidential, "password": "${secret:env:PASSWORD}" } });
    targets.insert("provider".to_owned(), provider);
    // A client whose secrets are its own: what it makes up is only seen by the mocks behind it.
    let command = [env!("CARGO_BIN_EXE_gauntlet"), "probe", "${upstreams.gateway.endpoint}", "--sign-in", "--json"];
    targets.insert(
        "driven".to_owned(),
        json!({ "client": "program", "command": command, "versions": ["2026-07-28"],
            "env": { "GAUNTLET_CONFIG_DIR": "${scratch}" } }),
    );
    folder.write("gauntlet.yaml", json!({ "targets": targets, "requirements": ["requirements.yaml"], "may_read": ["env:SERVICE_SECRET", "env:PASSWORD"] }).to_string());
    folder
}

fn run(lab: &Lab, folder: &Folder, arguments: &[&str]) -> Said {
    let mut command = folder.command(arguments);
    command
        .env("GAUNTLET_CONFIG_DIR", folder.path("config"))
        .env("CONFIDENTIAL_SECRET", lab.var("confidential_client_secret"))
        .env("SERVICE_SECRET", lab.var("service_client_secret"))
        .env("PASSWORD", lab.var("password"))
        .env("RUST_LOG", "trace")
        .env("GAUNTLET_LOG", "trace")
        .env("RUST_BACKTRACE", "1");
    let said = said(&command.output().unwrap());
    assert_ne!(said.code, Some(2), "{}", said.both());
    said
}

/// The texts that a command said and wrote, none of which has a secret.
fn hunted(what: &str, lab: &Lab, folder: &Folder, said: &Said) -> Vec<(String, String)> {
    let texts = everything(said, folder.path("").as_path(), &ITS_OWN);
    let spelled_out: String = SCENARIOS.iter().map(|(_, text)| *text).collect();
    lab.secrets().without_those_in(&spelled_out).assert_nowhere(what, &texts);
    texts
}

const REPORTS: [&str; 10] =
    ["run", "-vv", "--all", "--keep-all", "--jobs", "4", "--report", "json=out.json", "--report", "junit=out.xml"];

#[test]
fn of_every_kind_of_client() {
    let lab = Lab::start();
    let folder = folder(&lab);
    let said = run(&lab, &folder, &REPORTS);
    said.assert_code(1);
    let texts = hunted("every client", &lab, &folder, &said);

    // There was something to find, of every kind, and it would have been found.
    let secrets = lab.secrets();
    for what in
        ["Bearer", "Basic", "code", "code_verifier", "state", "client_secret", "client_assertion", "refresh_token"]
    {
        assert!(secrets.count(what) > 0, "no {what} went over the wire:\n{}", said.both());
    }
    let challenges = lab.challenges().found_in(&texts);
    for place in ["stdout", "out.json", "out.xml"] {
        let found = challenges.iter().any(|found| found.contains(&format!(" in {place}: ")));
        assert!(found, "the hunt finds no challenge in {place}, which is no secret and stands there");
    }
    for label in
        ["access_token", "refresh_token", "code", "code_verifier", "state", "client_secret", "client_assertion"]
    {
        assert!(folder.read("out.json").contains(&format!("${{{label}}}")), "the report never names a {label}");
    }

    let store = folder.path("config/tokens");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store), 0o700);
    let files: Vec<_> = std::fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        let stored = [("store".to_owned(), std::fs::read_to_string(&file).unwrap())];
        assert!(!secrets.found_in(&stored).is_empty(), "a store without a token");
    }
    // Stored tokens are as secret as new ones.
    let again = run(&lab, &folder, &REPORTS);
    again.assert_code(1);
    hunted("again, from the store", &lab, &folder, &again);
}

#[test]
fn whose_provider_or_gateway_misbehaves() {
    let lab = Lab::start();
    let folder = folder(&lab);
    let leaks = json!({ "defects": ["leaks-token"], "faults": [] });
    let idp = |defect: &str| json!({ "defects": [defect], "faults": [] });
    let token = |fault: Value| {
        let mut fault = fault;
        fault["path"] = "/v1/token".into();
        json!({ "defects": [], "faults": [fault] })
    };
    let gateway = |defects: &[&str], faults: Value| json!({ "defects": defects, "faults": faults });
    let fine = json!({ "defects": [], "faults": [] });
    let runs = [
        (idp("state-altered"), leaks.clone()),
        (idp("state-dropped"), leaks.clone()),
        (idp("iss-wrong"), leaks.clone()),
        (idp("code-in-fragment"), leaks.clone()),
        (idp("redirect-to-foreign-origin"), leaks.clone()),
        (idp("error-as-200"), leaks.clone()),
        (idp("signature-broken"), leaks.clone()),
        (token(json!({ "cut_after_bytes": 200 })), leaks.clone()),
        (token(json!({ "cut_after_bytes": 700 })), leaks.clone()),
        (token(json!({ "garbage": true })), leaks.clone()),
        (token(json!({ "hang": true })), leaks.clone()),
        (fine.clone(), gateway(&["leaks-token"], json!([{ "cut_after_bytes": 300 }]))),
        (fine.clone(), gateway(&["leaks-token"], json!([{ "garbage": true, "method": "tools/call" }]))),
        (fine.clone(), gateway(&["leaks-token"], json!([{ "hang": true, "method": "tools/call" }]))),
        (fine, gateway(&["reason-in-body", "leaks-token"], json!([]))),
    ];
    for (provider, gateway) in runs {
        lab.misbehave(&provider, &gateway);
        let only = ["sign-in", "errors", "replay", "by-hand"].map(|name| format!("scenarios/{name}.yaml"));
        let mut arguments = REPORTS.to_vec();
        arguments.extend(["--mcp-version", "2025-11-25", "--step-timeout", "2s"]);
        arguments.extend(["--target", "gw=dynamic-secret", "--target", "provider"]);
        arguments.extend(only.iter().map(String::as_str));
        let said = run(&lab, &folder, &arguments);
        assert_ne!(said.code, Some(0), "{}", said.both());
        hunted(&format!("{provider} and {gateway}"), &lab, &folder, &said);
    }
}

#[test]
fn of_a_probe_and_an_explanation() {
    let lab = Lab::start();
    let folder = folder(&lab);
    let mut commands: Vec<Vec<&str>> = Vec::new();
    for name in ["public", "confidential", "service", "assertion", "dynamic-secret", "cached-dynamic"] {
        for call in ["Demo___whoami", "Demo___echo"] {
            commands.push(vec!["probe", "-vv", name, "--call", call]);
            commands.push(vec!["probe", "-vv", name, "--call", call, "--json"]);
        }
    }
    commands.push(vec!["explain", "-vv", "canary.sign-in"]);
    commands.push(vec!["check", "-vv"]);
    commands.push(vec!["list", "-vv"]);
    for arguments in commands {
        let said = run(&lab, &folder, &arguments);
        hunted(&arguments.join(" "), &lab, &folder, &said);
    }
    for defect in ["iss-wrong", "code-in-fragment", "state-altered", "error-as-200"] {
        lab.misbehave(&json!({ "defects": [defect] }), &json!({}));
        let said = run(&lab, &folder, &["probe", "-vv", "public", "--json"]);
        said.assert_says("problem");
        hunted(defect, &lab, &folder, &said);
    }
    assert!(lab.secrets().count("access_token") > 0 && lab.secrets().count("code_verifier") > 0);
}
