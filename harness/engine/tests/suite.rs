//! What the environment says to a test of a gateway's own crate, by real processes: this test is that test too, when it is
//! told where the scenarios are.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Failed, Trial};

/// Where the scenarios are.
const SCENARIOS: &str = "SCENARIOS_OF_THE_SUITE";

const ECHO: &str = "\
id: snap.echo
title: The echo is as it was
target: mcp-server
versions: 2025-06-18
transport: http
steps:
  - call: tools/call
    params: { name: echo, arguments: { message: hello } }
    expect: snapshot
";

/// What the scenarios are given, as `--secret` spells it.
const SECRET: &str = "SECRET_OF_THE_SUITE";

const REFUSED: &str = "\
id: suite.refused
title: A token that is good is taken
target: agentcore-gateway
lifecycle: bare
secrets: [token]
steps:
  - call: tools/list
    headers: { authorization: \"Bearer ${secret:token}\" }
    expect: { status: 200 }
";

const SIGNATURE: &str = "\
signatures:
  - id: suite.token-refused
    title: The token is refused
    systems: [suite]
    confidence: likely
    recognise:
      - response: { status: 401 }
    cause: It is another one.
    remedy: [{ who: user, do: Take the one that is good. }]
    reproduce: { none: it is what this test does }
";

fn main() -> ExitCode {
    if let Ok(scenarios) = std::env::var(SCENARIOS) {
        let suite = gauntlet::harness::Suite::new().scenarios(scenarios);
        return match std::env::var(SECRET) {
            Ok(secret) => suite.secret(secret).run(),
            Err(_) => suite.run(),
        };
    }
    let trials = vec![
        Trial::test("snapshots_are_judged_and_blessed", snapshots),
        Trial::test("secrets_are_given_and_own_signatures_told", secrets),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The suite in the folder, with these variables.
fn suite(folder: &Path, variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.current_dir(folder).env(SCENARIOS, "scenarios").env_remove("CI").env_remove("GAUNTLET_BLESS");
    let Output { status, stdout, stderr } = command.envs(variables.iter().copied()).output().unwrap();
    (status.success(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

fn snapshots() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let snapshot = folder.path().join("scenarios/echo.snap/2025-06-18.snap");
    std::fs::create_dir(folder.path().join("scenarios"))?;
    std::fs::write(folder.path().join("scenarios/echo.yaml"), ECHO)?;
    let assert = |variables: &[(&str, &str)], passes: bool, says: &str| {
        let (passed, said) = suite(folder.path(), variables);
        assert!(passed == passes && said.contains(says), "{variables:?}: passed {passed}, `{says}` is not in\n{said}");
    };
    assert(&[], false, "there is no snapshot `call tools/call` in scenarios/echo.snap/2025-06-18.snap");
    assert(&[("GAUNTLET_BLESS", "1"), ("CI", "true")], false, "GAUNTLET_BLESS=always blesses all the same");
    assert!(!snapshot.exists());
    assert(&[("GAUNTLET_BLESS", "1")], true, "scenarios/echo.snap/2025-06-18.snap (new)");
    assert(&[], true, "1 passed");
    let text = std::fs::read_to_string(&snapshot)?;
    std::fs::write(&snapshot, text.replace("\"text\":\"hello\"", "\"text\":\"hullo\""))?;
    assert(&[("CI", "true")], false, "the exchanges are not those of scenarios/echo.snap/2025-06-18.snap");
    assert(&[("GAUNTLET_BLESS", "always"), ("CI", "true")], true, "hullo");
    assert!(std::fs::read_to_string(&snapshot)? == text);
    Ok(())
}

fn secrets() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("scenarios"))?;
    std::fs::write(folder.path().join("scenarios/refused.yaml"), REFUSED)?;
    std::fs::write(folder.path().join("signatures.yaml"), SIGNATURE)?;
    std::fs::write(folder.path().join("gauntlet.yaml"), "signatures: [signatures.yaml]\n")?;
    let said = |token: &str| suite(folder.path(), &[(SECRET, "token=env:TOKEN"), ("TOKEN", token)]);
    let (passed, text) = said("fake-gateway-token-alice-0000000000000001");
    assert!(passed, "{text}");
    let (passed, text) = said("canary-of-the-suite-4711");
    assert!(!passed && text.contains("suite.token-refused"), "{text}");
    assert!(!text.contains("canary-of-the-suite"), "{text}");
    Ok(())
}
