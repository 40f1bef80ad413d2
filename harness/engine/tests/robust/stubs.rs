//! A scenario's stubs beside a target of another role.

use gauntlet::config::TargetSpec;
use gauntlet_reports::Verdict;

use crate::support::{FAIL, NOT_A_PASS, quick, run};

/// The provider fetches a document from the stubs, whose `client_id` is `ID`.
const FETCHES: &str = "\
id: fetches
title: The provider fetches the document of a client
target: provider
lifecycle: bare
stubs:
  - match: { path: /client.json }
    respond: { json: { client_id: \"http://${request.headers.host}/ID\", client_name: Stub, redirect_uris: [http://127.0.0.1/callback] } }
steps:
  - http: GET /v1/authorize
    query:
      response_type: code
      client_id: \"${upstreams.stubs.url}/client.json\"
      redirect_uri: http://127.0.0.1/callback
      code_challenge: E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
      code_challenge_method: S256
    expect: { status: 302 }
  - received: stubs
    count: 1
    expect: { method: GET, path: /client.json }
";

fn provider() -> TargetSpec {
    TargetSpec { roles: vec!["provider".to_owned()], ..TargetSpec::mock("idp") }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_an_upstream_of_the_target() {
    let good = FETCHES.replace("ID", "client.json");
    let done = run(vec![provider()], &[&good], quick()).await;
    done.assert_told("fetches", &[Verdict::Pass], "");
    let bad = FETCHES.replace("ID", "other.json");
    let done = run(vec![provider()], &[&bad], quick()).await;
    done.assert_told("fetches", FAIL, "expected 302");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_elsewhere_cannot_reach_them() {
    let roles = vec!["provider".to_owned()];
    let elsewhere = TargetSpec { roles: roles.clone(), ..TargetSpec::url("elsewhere", "https://auth.example.com/") };
    let done = run(vec![elsewhere], &[FETCHES], quick()).await;
    done.assert_told("fetches", &[Verdict::Untestable], "loopback interface");
    let here = TargetSpec { roles, ..TargetSpec::url("here", "http://127.0.0.1:1/") };
    let done = run(vec![here], &[FETCHES], quick()).await;
    done.assert_told("fetches", NOT_A_PASS, "Connection refused");
}
