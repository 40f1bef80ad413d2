//! Programs that print credentials.

use std::time::{Duration, Instant};

use super::super::process::run_within;
use super::lab::Lab;

const DOCUMENT: &str = r#"{"Version":1,"AccessKeyId":"AKIAPROCESS","SecretAccessKey":"s","SessionToken":"t","Expiration":"2099-01-01T00:00:00Z"}"#;

/// A profile with a program in the home folder; its text is a shell script.
fn with_program(script: &str) -> Lab {
    let lab = Lab::new().file("give.sh", script);
    let command = format!("sh '{}' --quietly", lab.home().join("give.sh").display());
    lab.config(&format!("[profile p]\ncredential_process = {command}\n"))
}

#[tokio::test]
async fn what_it_prints_is_taken_with_its_end() {
    let lab =
        with_program(&format!("test \"$1\" = --quietly && test \"$MARK\" = m && echo '{DOCUMENT}'")).set("MARK", "m");
    let found = lab.chain().credentials(Some("p"), &lab.witness).await.unwrap();
    assert_eq!((found.access_key_id(), found.session_token()), ("AKIAPROCESS", Some("t")));
    assert!(found.expiry().is_some());
}

#[tokio::test]
async fn what_is_wrong_with_it_is_told() {
    let of_p = "the `credential_process` of the AWS profile `p`";
    for (script, told) in [
        ("echo not signed in >&2; exit 3", "exited with code 3; its stderr ends with: not signed in"),
        (
            "echo hello",
            "printed 6 bytes that are not JSON (expected value at line 1 column 1); expected a JSON document",
        ),
        ("echo '{\"Version\":2}'", "what it printed has not `Version: 1`"),
        ("echo '{\"Version\":1}'", "what it printed is not usable: it has no `AccessKeyId`"),
        ("echo '{\"Version\":1,\"AccessKeyId\":\"a\"}'", "it has no `SecretAccessKey`"),
        (
            "echo '{\"Version\":1,\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Expiration\":\"soon\"}'",
            "its `Expiration` is not a time as in RFC 3339",
        ),
        ("yes", "prints more than 65536 bytes"),
    ] {
        let why = with_program(script).refusal(Some("p")).await;
        assert!(why.starts_with(of_p) && why.contains(told), "{script}: {why}");
    }
}

#[tokio::test]
async fn credentials_that_have_ended_are_told() {
    let why = with_program(&format!("echo '{}'", DOCUMENT.replace("2099", "2019"))).refusal(Some("p")).await;
    assert_eq!(why, "the AWS credentials AKIAPROCESS of the profile `p` ended at 2019-01-01T00:00:00Z; get new ones");
}

#[tokio::test]
async fn one_that_hangs_is_ended_with_its_children() {
    let lab = Lab::new();
    let child = lab.home().join("child");
    let command = format!("echo waiting >&2; sleep 300 & echo $! > '{}'; wait", child.display());
    let started = Instant::now();
    let bound = Duration::from_millis(1500);
    let why = run_within(&command, "p", lab.environment(), bound).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(60));
    assert!(why.contains("did not end within 1.5 s; its stderr ends with: waiting"), "{why}");
    let stat = format!("/proc/{}/stat", std::fs::read_to_string(child).unwrap().trim());
    // Where nobody takes its exit code, something of it stays.
    let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    while runs() {
        assert!(started.elapsed() < Duration::from_secs(60), "the child still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
