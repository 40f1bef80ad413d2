//! AWS's vectors, as the package `aws-sigv4` carries them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gauntlet_mocks::sigv4::{AccessKey, Check, PathStyle, Rules, TokenStyle};
use serde_json::Value;

use super::{Kept, failed, ring};

/// Cases of the package that come with keys; fewer mean that they were not found.
const FEWEST: usize = 38;

fn cases() -> Vec<PathBuf> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|package| package["name"] == "aws-sigv4").expect("aws-sigv4");
    let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
    let folder = manifest.with_file_name("aws-signing-test-suite").join("v4");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).expect("the vectors").map(|entry| entry.expect("a case").path()).collect();
    cases.sort();
    cases
}

/// What is common to the files of a case.
struct Context {
    rules: Rules,
    key: AccessKey,
    at: Duration,
}

fn context(case: &Path) -> Context {
    let text = read(case, "context.json");
    let context: Value = serde_json::from_str(&text).expect("JSON");
    let field = |pointer: &str| context.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let mut rules = Rules::new(field("/service").expect("a service"), field("/region").expect("a region"));
    if context["normalize"] == false {
        rules.path_style = PathStyle::AsReceived;
    }
    if context["omit_session_token"] == true {
        rules.token_style = TokenStyle::AddedAfterwards;
    }
    let mut key = AccessKey::new(
        field("/credentials/access_key_id").expect("a key"),
        field("/credentials/secret_access_key").expect("a secret"),
        "arn:aws:iam::123456789012:user/example",
    );
    key.session_token = field("/credentials/token");
    let at = field("/timestamp").expect("a date").replace(['-', ':'], "");
    Context { rules, key, at: seconds(&at) }
}

/// `20150830T123600Z` in seconds since the Unix epoch.
fn seconds(basic: &str) -> Duration {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let at = time::PrimitiveDateTime::parse(basic, format).expect("a date").assume_utc();
    Duration::from_secs(at.unix_timestamp().unsigned_abs())
}

fn read(case: &Path, file: &str) -> String {
    let text = fs::read_to_string(case.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    text.replace("\r\n", "\n")
}

/// Reads a request file: a line, headers that may go on in the next line, and a body.
fn request(text: &str) -> Kept {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let head = head.trim_end_matches('\n').replace("\n ", " ");
    let mut lines = head.lines();
    let (method, rest) = lines.next().and_then(|line| line.split_once(' ')).expect("a request line");
    let target = rest.strip_suffix(" HTTP/1.1").unwrap_or(rest);
    let headers: Vec<(&str, &str)> =
        lines.map(|line| line.split_once(':').expect("a header")).map(|(name, value)| (name, value.trim())).collect();
    Kept::new(method, target, &headers, body.as_bytes())
}

/// The canonical request and the string to sign are told only of what is refused, so it is asked of a service whose clock is far
/// ahead.
fn check(case: &Path, form: &str) {
    let name = case.file_name().expect("a name").to_string_lossy();
    let Context { rules, key, at } = context(case);
    let keys = ring([key]);
    let signed = request(&read(case, &format!("{form}-signed-request.txt")));
    let caller = signed.verify(&rules, &keys, at);
    let caller = caller.unwrap_or_else(|rejection| panic!("{name}, {form}: {rejection}\n{rejection:#?}"));
    assert_eq!(caller.access_key_id, "AKIDEXAMPLE");

    let much_later = at + Duration::from_secs(30 * 86_400);
    let late = signed.verify(&rules, &keys, much_later).expect_err("too late");
    assert_eq!(late.checks(), [Check::SignatureExpired], "{name}, {form}");
    let told = |text: &Option<String>| text.clone().expect("told of what is refused");
    let expected = |what: &str| read(case, &format!("{form}-{what}.txt")).trim_end_matches('\n').to_owned();
    assert_eq!(told(&late.canonical_request), expected("canonical-request"), "{name}, {form}");
    assert_eq!(told(&late.string_to_sign), expected("string-to-sign"), "{name}, {form}");

    let signature = told(&late.expected_signature);
    if case.join(format!("{form}-signature.txt")).exists() {
        assert_eq!(signature, expected("signature"), "{name}, {form}");
    }
    let other = signed.clone();
    let wrong = Kept { body: [other.body.as_slice(), b"x"].concat(), ..other };
    let checks = failed(wrong.verify(&rules, &keys, at));
    let caught =
        if signed.headers.contains_key("x-amz-content-sha256") { Check::PayloadHash } else { Check::Signature };
    assert_eq!(checks, [caught], "{name}, {form}: another body");
}

fn has_context(case: &Path) -> bool {
    case.join("context.json").exists()
}

#[test]
fn every_case_in_headers() {
    let cases = cases();
    let cases: Vec<&PathBuf> = cases.iter().filter(|case| has_context(case)).collect();
    assert!(cases.len() >= FEWEST, "{} cases", cases.len());
    cases.iter().for_each(|case| check(case, "header"));
}

#[test]
fn every_case_in_the_query() {
    let cases = cases();
    let cases: Vec<&PathBuf> = cases.iter().filter(|case| case.join("query-signed-request.txt").exists()).collect();
    assert!(cases.len() >= FEWEST, "{} cases", cases.len());
    cases.iter().for_each(|case| check(case, "query"));
}

/// Two cases come without keys; they are about the path. The dates in their files differ.
#[test]
fn the_cases_without_keys() {
    let cases = cases();
    let cases: Vec<&PathBuf> = cases.iter().filter(|case| !has_context(case)).collect();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let mut signed = request(&read(case, "header-signed-request.txt"));
        signed.set("x-amz-date", "20210511T154045Z");
        let rejection = signed.verify(&Rules::new("service", "us-east-1"), &ring([]), seconds("20210511T154045Z"));
        let canonical = rejection.expect_err("an unknown key").canonical_request;
        assert_eq!(canonical, Some(read(case, "header-canonical-request.txt")), "{case:?}");
    }
}
