//! IAM Identity Center.

use aws_lc_rs::digest;

use super::lab::{Lab, Service, in_seconds};

const PROFILE: &str = "[profile p]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Admin\n\
    [sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n";
const LEGACY: &str = "[profile p]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\
    sso_account_id = 123456789012\nsso_role_name = Admin\n";

/// Where `aws sso login` keeps a token.
fn kept_under(key: &str) -> String {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(".aws/sso/cache/{hash}.json")
}

fn token(expires_at: &str) -> String {
    format!(r#"{{"accessToken":"sso-access-token","expiresAt":"{expires_at}","region":"eu-west-1"}}"#)
}

async fn portal() -> Service {
    let body = r#"{"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"secret-of-sso","sessionToken":"t","expiration":4102444800000}}"#;
    Service::start([(200, "application/json", body.to_owned())]).await
}

#[test]
fn the_name_of_a_kept_token_is_the_sha_1_of_its_session() {
    assert_eq!(kept_under("corp"), ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json");
}

#[tokio::test]
async fn the_kept_token_of_a_session_gives_credentials() {
    let portal = portal().await;
    let lab = Lab::new().config(PROFILE).file(&kept_under("corp"), &token(&in_seconds(600)));
    let lab = lab.set("AWS_ENDPOINT_URL_SSO", &portal.url);
    let found = lab.chain().credentials(Some("p"), &lab.witness).await.unwrap();
    assert_eq!((found.access_key_id(), found.expiry().is_some()), ("ASIASSO", true));
    let got = &portal.got()[0];
    assert_eq!(got.method, "GET");
    assert_eq!(got.target, "/federation/credentials?role_name=Admin&account_id=123456789012");
    assert_eq!(got.header("x-amz-sso_bearer_token"), "sso-access-token");
    let shown = lab.witness.secrets.redactor().redact("sso-access-token secret-of-sso");
    assert_eq!(shown, "${sso_token} ${secret_access_key}");
}

#[tokio::test]
async fn the_form_without_a_session_keeps_its_token_by_the_start_url() {
    let portal = portal().await;
    let older = in_seconds(600).replace('Z', "UTC");
    let lab = Lab::new().config(LEGACY).file(&kept_under("https://corp.awsapps.com/start"), &token(&older));
    let lab = lab.set("AWS_ENDPOINT_URL_SSO", &portal.url);
    assert_eq!(lab.key(Some("p")).await.as_deref(), Ok("ASIASSO"));
}

#[tokio::test]
async fn who_must_sign_in_is_told_how() {
    let lab = Lab::new().config(PROFILE);
    let why = lab.refusal(Some("p")).await;
    assert!(why.contains("and nobody has") && why.ends_with("; run `aws sso login --profile p`"), "{why}");
    let lab = lab.file(&kept_under("corp"), &token("2024-01-01T00:00:00Z"));
    let why = lab.refusal(Some("p")).await;
    assert!(why.ends_with("and that ended at 2024-01-01T00:00:00Z; run `aws sso login --profile p`"), "{why}");
    let lab = lab.file(&kept_under("corp"), "{}");
    let why = lab.refusal(Some("p")).await;
    assert!(why.ends_with("holds no token; run `aws sso login --profile p`"), "{why}");
}

#[tokio::test]
async fn what_the_portal_says_is_told() {
    for (status, body, told) in [
        (
            401,
            r#"{"message":"Session token not found or invalid"}"#,
            "HTTP 401, Session token not found or invalid; run `aws sso",
        ),
        (403, r#"{"message":"No access"}"#, "HTTP 403, No access; has it the role `Admin` in 123456789012?"),
        (500, "", "HTTP 500, no message"),
        (200, "{}", "the answer lacks `accessKeyId`"),
    ] {
        let portal = Service::start([(status, "application/json", body.to_owned())]).await;
        let lab = Lab::new().config(PROFILE).file(&kept_under("corp"), &token(&in_seconds(600)));
        let why = lab.set("AWS_ENDPOINT_URL_SSO", &portal.url).refusal(Some("p")).await;
        assert!(why.contains(told), "{why}");
    }
}

#[tokio::test]
async fn what_a_profile_lacks_is_named() {
    let lab = Lab::new().config("[profile p]\nsso_session = corp\n[sso-session corp]\nsso_start_url = https://a\n[profile q]\nsso_session = crop\n");
    let why = lab.refusal(Some("p")).await;
    assert!(why.ends_with("lacks `sso_account_id`, as does `[sso-session corp]`"), "{why}");
    let why = lab.refusal(Some("q")).await;
    assert!(why.ends_with("has `sso_session = crop`, and there is no `[sso-session crop]`"), "{why}");
}
