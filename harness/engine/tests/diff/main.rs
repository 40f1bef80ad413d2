//! What `gauntlet diff` finds on gateways that change one thing each, and does not find where nothing is changed.
#![allow(clippy::unwrap_used, reason = "tests")]

mod gateway;

use gateway::{Gateway, Habit};
use gauntlet::Config;
use gauntlet::config::{Endpoint, TargetSpec};
use gauntlet::diff::{self, DiffError, DiffOptions, Sides};
use gauntlet_format::Version;
use gauntlet_reports::compare::{Class, Report};
use serde_json::{Value, json};

/// What stands behind the gateway and is asked directly, without the tool that only takes time.
fn server() -> Value {
    json!({ "without_tools": ["slow"], "page_size": 5 })
}

fn mock(config: Value, stdio: bool) -> TargetSpec {
    let Value::Object(config) = config else { panic!("a configuration is an object") };
    let name = if stdio { "server-stdio" } else { "server" };
    TargetSpec::new(name, Endpoint::Mock { mock: "mcp-server".to_owned(), config, stdio })
}

async fn compared(direct: TargetSpec, through: TargetSpec, versions: &[Version]) -> Report {
    let options = DiffOptions { versions: versions.to_vec(), ..DiffOptions::default() };
    diff::tour(&Sides::new(direct, through, &options), &options).await.unwrap()
}

/// The rules of a class that decided on something, sorted.
fn rules(report: &Report, class: Class) -> Vec<&'static str> {
    let mut rules: Vec<_> = report.findings.iter().filter(|f| f.class == class).map(|f| f.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// What is found breaking on a gateway of this habit, at a version with handshake and at one without.
async fn found(habit: Habit) -> Vec<&'static str> {
    let gateway = Gateway::start(server(), habit).await;
    let versions = [Version::V2025_11_25, Version::V2026_07_28];
    let report = compared(mock(server(), false), TargetSpec::url("gateway", &gateway.url), &versions).await;
    assert_eq!(report.runs, ["2025-11-25", "2026-07-28"]);
    assert!(report.compared > 40, "{report:#?}");
    rules(&report, Class::Breaking)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_changes_nothing_breaks_nothing() {
    assert!(found(Habit::PassOn).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_holds_events_back() {
    assert_eq!(found(Habit::Buffer).await, ["buffered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_makes_documents_of_streams() {
    assert_eq!(found(Habit::AsJson).await, ["notification-lost", "progress-lost", "stream-as-json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_loses_progress() {
    assert_eq!(found(Habit::LoseProgress).await, ["progress-lost"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_drops_meta() {
    assert_eq!(found(Habit::DropMeta).await, ["meta-lost"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_sorts_tools_its_own_way() {
    assert_eq!(found(Habit::ReverseTools).await, ["items-reordered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_loses_a_tool() {
    assert_eq!(found(Habit::LoseTool).await, ["item-lost"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_masks_errors() {
    assert_eq!(found(Habit::MaskErrors).await, ["failure-as-success"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_tells_errors_as_text() {
    assert_eq!(found(Habit::ErrorsAsText).await, ["error-as-tool-error"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_renames_a_member() {
    assert_eq!(found(Habit::RenameMember).await, ["member-renamed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_answers_in_plain_text() {
    let all = ["content-type", "notification-lost", "progress-lost", "stream-as-json"];
    assert_eq!(found(Habit::PlainText).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_changes_the_status() {
    assert_eq!(found(Habit::OtherStatus).await, ["status"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_cuts_texts() {
    assert_eq!(found(Habit::CutTexts).await, ["text-truncated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_is_there_for_is_expected() {
    let gateway = Gateway::start(server(), Habit::Declare).await;
    let through = TargetSpec::url("gateway", &gateway.url);
    let report = compared(mock(server(), false), through, &[Version::V2025_06_18]).await;
    assert_eq!(rules(&report, Class::Breaking), [""; 0], "{report:#?}");
    assert_eq!(rules(&report, Class::Expected), ["argument-added", "header-added", "server-info"]);
    assert_eq!(rules(&report, Class::Allowed), ["meta-added"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_entry_of_a_gateway_declares_is_expected() {
    let gateway = Gateway::start(server(), Habit::LoseTool).await;
    let mut through = TargetSpec::url("gateway", &gateway.url);
    through.expected.allow_path("result.tools[echo]").unwrap();
    let report = compared(mock(server(), false), through, &[Version::V2025_06_18]).await;
    let lost = report.findings.iter().find(|finding| finding.rule == "item-lost").unwrap();
    assert_eq!((lost.class, lost.declared, lost.text.as_str()), (Class::Expected, true, "tools lost: echo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_differ_from_itself() {
    for stdio in [false, true] {
        let report = compared(mock(server(), stdio), mock(server(), stdio), &[]).await;
        assert_eq!(report.runs.len(), if stdio { 5 } else { 4 });
        assert!(report.findings.is_empty() && report.uncompared.is_empty(), "{report:#?}");
        assert_eq!(report.same, report.compared);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_differ_from_itself_over_another_transport() {
    let versions = [Version::V2025_03_26, Version::V2025_06_18, Version::V2025_11_25, Version::V2026_07_28];
    let report = compared(mock(server(), false), mock(server(), true), &versions).await;
    assert_eq!(rules(&report, Class::Breaking), [""; 0], "{report:#?}");
    assert!(report.uncompared.is_empty(), "{:?}", report.uncompared);
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_found_over_stdio() {
    let mut changed = server();
    changed["defects"] = json!(["text-altered", "tool-error-as-protocol-error", "unknown-method-as-result"]);
    let report = compared(mock(server(), true), mock(changed, true), &[Version::V2025_06_18]).await;
    assert_eq!(rules(&report, Class::Breaking), ["content-changed", "failure-as-success", "tool-error-as-error"]);
}

/// The embedded target of that name, with these defects of mocks.
async fn embedded(direct: &str, through: &str, defects: &[(&str, &str)]) -> Report {
    let spec = |name: &str| Config::default().targets.into_iter().find(|target| target.name == name).unwrap();
    let mut options = DiffOptions { versions: vec![Version::V2025_11_25], ..DiffOptions::default() };
    for (mock, defect) in defects {
        options.defects.entry((*mock).to_owned()).or_default().push((*defect).to_owned());
    }
    let sides = Sides::new(spec(direct), spec(through), &options);
    diff::tour(&sides, &options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_that_signs_for_aws_adds_its_argument_and_tells_errors_as_text() {
    for proxy in ["aws-proxy", "aws-proxy-stdio"] {
        let report = embedded("aws-mcp", proxy, &[]).await;
        assert_eq!(rules(&report, Class::Breaking), ["error-as-tool-error"], "{report:#?}");
        assert_eq!(rules(&report, Class::Expected), ["argument-added", "server-info"]);
        assert!(report.uncompared.is_empty(), "{:?}", report.uncompared);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn defects_of_the_proxy_that_signs_for_aws_are_breaking() {
    for (defect, rule) in [
        ("error-as-empty-success", "failure-as-success"),
        ("argument-required", "argument-required"),
        ("default-needs-naming", "success-as-failure"),
    ] {
        let report = embedded("aws-mcp", "aws-proxy", &[("aws-proxy", defect)]).await;
        assert!(rules(&report, Class::Breaking).contains(&rule), "{defect}: {report:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_with_sign_in_passes_everything_on() {
    let report = embedded("aws-mcp", "remote-proxy", &[]).await;
    assert_eq!(rules(&report, Class::Breaking), [""; 0], "{report:#?}");
    assert!(report.uncompared.is_empty() && report.compared > 10, "{report:#?}");
    let report = embedded("aws-mcp", "remote-proxy", &[("remote-proxy", "session-id-not-returned")]).await;
    assert!(rules(&report, Class::Breaking).contains(&"success-as-failure"), "{report:#?}");
    assert!(rules(&report, Class::Expected).contains(&"session-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_is_not_there_is_named() {
    let nobody = || TargetSpec {
        versions: Some(vec![Version::V2025_06_18]),
        ..TargetSpec::url("nobody", "http://127.0.0.1:1/mcp")
    };
    let options = DiffOptions::default();
    for (direct, through, side) in
        [(nobody(), mock(server(), false), "direct"), (mock(server(), false), nobody(), "through")]
    {
        let error = diff::tour(&Sides::new(direct, through, &options), &options).await.unwrap_err();
        assert!(matches!(&error, DiffError::Unreachable { side: named, .. } if *named == side), "{error}");
        assert!(error.to_string().contains("nobody"), "{error}");
    }
    let old = TargetSpec { versions: Some(vec![Version::V2024_11_05]), ..mock(server(), true) };
    let new = TargetSpec { versions: Some(vec![Version::V2026_07_28]), ..mock(server(), false) };
    let error = diff::tour(&Sides::new(old, new, &options), &options).await.unwrap_err();
    assert!(error.to_string().contains("no protocol version in common"), "{error}");
}
