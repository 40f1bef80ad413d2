//! STS, and what its credentials are good for.

use std::time::Duration;

use gauntlet_mocks::MockHandle;
use gauntlet_mocks::sigv4::AccessKey;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::support::{Probe, Seen, send, started, var};
use crate::{ask, command, key, last_note, signed, told};

fn form(members: &[(&str, &str)]) -> Probe {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Version", "2011-06-15").extend_pairs(members);
    Probe::new("POST", "/")
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .text(&form.finish())
}

fn part(seen: &Seen, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let rest = seen.body.split_once(&open).unwrap_or_else(|| panic!("no {name}: {}", seen.body)).1;
    rest.split_once(&close).expect("its end").0.to_owned()
}

fn credentials(seen: &Seen) -> AccessKey {
    AccessKey {
        session_token: Some(part(seen, "SessionToken")),
        ..AccessKey::new(part(seen, "AccessKeyId"), part(seen, "SecretAccessKey"), "")
    }
}

async fn sts(config: Value) -> (MockHandle, MockHandle) {
    let idp = started("idp", json!({})).await;
    let mut members = json!({ "issuer": var(&idp, "issuer") });
    members.as_object_mut().expect("members").extend(config.as_object().cloned().unwrap_or_default());
    (started("sts", members).await, idp)
}

fn exchange(sts: &MockHandle, token: &str) -> Probe {
    form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("RoleArn", var(sts, "role_arn")),
        ("RoleSessionName", "alice"),
        ("WebIdentityToken", token),
        ("DurationSeconds", "900"),
    ])
}

fn token(idp: &MockHandle, spec: Value) -> String {
    idp.mint(&spec).expect("a token")
}

#[tokio::test]
async fn a_token_becomes_credentials_that_other_services_take() {
    let (sts, idp) = sts(json!({})).await;
    let spec = json!({ "audience": "sts.amazonaws.com", "subject": "alice" });
    let seen = send(&sts, &exchange(&sts, &token(&idp, spec))).await;
    assert_eq!((seen.status, part(&seen, "SubjectFromWebIdentityToken").as_str()), (200, "alice"), "{}", seen.body);
    let principal = "arn:aws:sts::123456789012:assumed-role/Developer/alice";
    assert_eq!(part(&seen, "Arn"), principal);
    let issued = credentials(&seen);
    assert!(sts.secrets().contains(&issued.secret_access_key));

    let server = started("aws-mcp", json!({})).await;
    let answered = ask(&server, issued.clone(), command("aws s3api list-buckets")).await;
    assert_eq!(told(&answered)["principal"], principal);
    let gateway = started("agentcore-gateway", json!({ "authorizer": "iam" })).await;
    let list = Probe::new("POST", "/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }));
    let service = "bedrock-agentcore";
    let listed = send(&gateway, &signed(&gateway, issued.clone(), service, list.clone(), Duration::ZERO)).await;
    assert_eq!(listed.status, 200, "{}", listed.body);
    // A gateway of another account does not know the role.
    let elsewhere = started("agentcore-gateway", json!({ "authorizer": "iam", "account": "999999999999" })).await;
    let refused = send(&elsewhere, &signed(&elsewhere, issued.clone(), service, list, Duration::ZERO)).await;
    assert_eq!((refused.status, last_note(&elsewhere).as_deref()), (403, Some("access-denied")));

    for (altered, note) in [
        (AccessKey { session_token: None, ..issued.clone() }, "session-token"),
        (AccessKey { session_token: Some("fake".to_owned()), ..issued.clone() }, "session-token"),
        (AccessKey { secret_access_key: "fake".to_owned(), ..issued.clone() }, "bad-signature"),
        (AccessKey { access_key_id: "ASIAAAAAAAAAAAAAAAAA".to_owned(), ..issued.clone() }, "unknown-key"),
    ] {
        assert_eq!(ask(&server, altered, command("aws s3api list-buckets")).await.status, 401);
        assert_eq!(last_note(&server).as_deref(), Some(note));
    }
    server.control(&json!({ "advance": "901s" })).await.expect("advances");
    let late = signed(&server, issued, "aws-mcp", command("aws s3api list-buckets"), Duration::from_secs(901));
    assert!(send(&server, &late).await.body.contains("Your AWS session token has expired."));
}

#[tokio::test]
async fn tokens_that_are_no_good() {
    let (sts, idp) = sts(json!({})).await;
    let good = json!({ "audience": "sts.amazonaws.com" });
    let with = |member: &str, value: Value| {
        let mut spec = good.clone();
        spec[member] = value;
        token(&idp, spec)
    };
    for (token, code, note) in [
        (with("sign", json!("corrupt")), "InvalidIdentityToken", "bad-signature"),
        (with("sign", json!("none")), "InvalidIdentityToken", "algorithm"),
        (with("audience", json!("another")), "InvalidIdentityToken", "wrong-audience"),
        (with("issued_ago", json!("2h")), "ExpiredTokenException", "expired"),
        (with("not_before_in", json!("10m")), "InvalidIdentityToken", "not-yet-valid"),
        (with("claims", json!({ "iss": "https://idp.example.org" })), "InvalidIdentityToken", "unknown-issuer"),
        (with("claims", json!({ "exp": null })), "InvalidIdentityToken", "missing-claim"),
        (with("claims", json!({ "sub": null })), "InvalidIdentityToken", "missing-claim"),
        (with("header", json!({ "kid": "gone" })), "InvalidIdentityToken", "unknown-kid"),
        ("fake-opaque-token".to_owned(), "InvalidIdentityToken", "malformed"),
        // Shorter than tokens are; no random id in the answer has these letters.
        ("xyz".to_owned(), "ValidationError", "webIdentityToken"),
    ] {
        let seen = send(&sts, &exchange(&sts, &token)).await;
        assert_eq!((part(&seen, "Code").as_str(), last_note(&sts).as_deref()), (code, Some(note)), "{}", seen.body);
        assert_eq!(seen.status, 400);
        assert!(!seen.body.contains(&token) || note == "malformed", "no token is shown");
    }
}

#[tokio::test]
async fn get_caller_identity_of_users_and_sessions() {
    let (sts, _idp) = sts(json!({})).await;
    let who = || form(&[("Action", "GetCallerIdentity")]);
    let seen = send(&sts, &signed(&sts, key(&sts, "mallory_"), "sts", who(), Duration::ZERO)).await;
    assert_eq!((seen.status, part(&seen, "Arn").as_str()), (200, var(&sts, "mallory_principal")));
    assert_eq!(seen.header("x-amzn-requestid").map(str::to_owned), Some(part(&seen, "RequestId")));
    let role =
        form(&[("Action", "AssumeRole"), ("RoleArn", var(&sts, "operator_role_arn")), ("RoleSessionName", "s-1")]);
    let assumed = send(&sts, &signed(&sts, key(&sts, ""), "sts", role, Duration::ZERO)).await;
    let session = send(&sts, &signed(&sts, credentials(&assumed), "sts", who(), Duration::ZERO)).await;
    assert_eq!(part(&session, "UserId"), part(&assumed, "AssumedRoleId"));
    let query = Probe::new("GET", "/?Action=GetCallerIdentity&Version=2011-06-15");
    assert_eq!(send(&sts, &signed(&sts, key(&sts, ""), "sts", query, Duration::ZERO)).await.status, 200);
}

/// A role that names a principal needs no permission of it; an account that is named leaves it to its permissions.
#[tokio::test]
async fn who_may_assume_a_role() {
    let trust = |principal: Value| json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" } });
    let (by_name, by_account) = ("arn:aws:iam::123456789012:role/ByName", "arn:aws:iam::123456789012:role/ByAccount");
    let sts = started(
        "sts",
        json!({
            "policies": [{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } }],
            "roles": [
                { "arn": by_name, "trust_policy": trust(json!({ "AWS": "arn:aws:iam::123456789012:user/alice" })) },
                { "arn": by_account, "trust_policy": trust(json!({ "AWS": "123456789012" })) },
            ],
        }),
    )
    .await;
    for (role, status, note) in [(by_name, 200, None), (by_account, 403, Some("identity-policy"))] {
        let asked = form(&[("Action", "AssumeRole"), ("RoleArn", role), ("RoleSessionName", "s-1")]);
        let seen = send(&sts, &signed(&sts, key(&sts, "alice_"), "sts", asked, Duration::ZERO)).await;
        assert_eq!((seen.status, last_note(&sts).as_deref()), (status, note), "{role}: {}", seen.body);
    }
}
