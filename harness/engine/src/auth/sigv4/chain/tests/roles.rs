//! Roles that are taken on.

use super::lab::{Lab, Service, in_seconds, refused, role};

const BASE: &str = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n";

async fn one(key: &str) -> Service {
    Service::start([role(key, &in_seconds(3600))]).await
}

#[tokio::test]
async fn a_role_is_taken_on_with_the_keys_of_another_profile() {
    let sts = one("ASIAROLE").await;
    let lab = Lab::new()
        .credentials(BASE)
        .config(
            "[profile p]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\nexternal_id = e&1\n\
             role_session_name = nightly\nduration_seconds = 900\nregion = eu-west-1\n",
        )
        .set("AWS_ENDPOINT_URL_STS", &sts.url);
    let found = lab.chain().credentials(Some("p"), &lab.witness).await.unwrap();
    assert_eq!((found.access_key_id(), found.secret_access_key()), ("ASIAROLE", "secret/of+ASIAROLE"));
    assert_eq!(found.session_token(), Some("token==of ASIAROLE"));
    let got = &sts.got()[0];
    let authorization = got.header("authorization");
    assert!(authorization.contains("Credential=AKIABASE/"), "{authorization}");
    assert!(authorization.contains("/eu-west-1/sts/aws4_request"), "{authorization}");
    let form = |name: &str| got.form(name).unwrap_or_default();
    assert_eq!((form("Action").as_str(), form("Version").as_str()), ("AssumeRole", "2011-06-15"));
    assert_eq!(form("RoleArn"), "arn:aws:iam::123456789012:role/r");
    assert_eq!((form("ExternalId").as_str(), form("RoleSessionName").as_str()), ("e&1", "nightly"));
    assert_eq!(form("DurationSeconds"), "900");
    // It is in the transcript, and what is secret in it is known.
    assert_eq!(&*lab.witness.recorder.since(0)[0].to, "sts");
    let redactor = lab.witness.secrets.redactor();
    assert_eq!(redactor.redact("secret/of+ASIAROLE"), "${secret_access_key}");
}

#[tokio::test]
async fn roles_are_taken_on_one_after_the_other() {
    let sts = Service::start([role("ASIAONE", &in_seconds(3600)), role("ASIATWO", &in_seconds(3600))]).await;
    let lab = Lab::new()
        .credentials(BASE)
        .config(
            "[profile one]\nrole_arn = arn:aws:iam::1:role/one\nsource_profile = base\n\
             [profile two]\nrole_arn = arn:aws:iam::1:role/two\nsource_profile = one\n",
        )
        .set("AWS_ENDPOINT_URL", &sts.url);
    assert_eq!(lab.key(Some("two")).await.as_deref(), Ok("ASIATWO"));
    let got = sts.got();
    assert_eq!(got[0].form("RoleArn").as_deref(), Some("arn:aws:iam::1:role/one"));
    assert!(got[0].form("RoleSessionName").unwrap().starts_with("gauntlet-"));
    assert!(got[1].header("authorization").contains("Credential=ASIAONE/"));
    assert_eq!(got[1].header("x-amz-security-token"), "token==of ASIAONE");
}

#[tokio::test]
async fn a_profile_may_be_the_source_of_its_own_role() {
    let sts = one("ASIASELF").await;
    let lab = Lab::new()
        .config("[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = p\naws_access_key_id = AKIAOWN\naws_secret_access_key = s\n")
        .set("AWS_ENDPOINT_URL_STS", &sts.url);
    assert_eq!(lab.key(Some("p")).await.as_deref(), Ok("ASIASELF"));
    assert!(sts.got()[0].header("authorization").contains("Credential=AKIAOWN/"));
}

#[tokio::test]
async fn the_environment_can_be_the_source() {
    let sts = one("ASIAENVROLE").await;
    let lab = Lab::new()
        .config("[profile p]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = Environment\n")
        .set("AWS_ENDPOINT_URL_STS", &sts.url);
    let why = lab.refusal(Some("p")).await;
    assert_eq!(why, "`credential_source = Environment` of the AWS profile `p`: AWS_ACCESS_KEY_ID is not set");
    let lab = lab.set("AWS_ACCESS_KEY_ID", "AKIAENV").set("AWS_SECRET_ACCESS_KEY", "s");
    assert_eq!(lab.key(Some("p")).await.as_deref(), Ok("ASIAENVROLE"));
    assert!(sts.got()[0].header("authorization").contains("Credential=AKIAENV/"));
}

#[tokio::test]
async fn a_web_identity_is_its_own_credential() {
    let sts = one("ASIAWEB").await;
    let lab = Lab::new().file("token", "header.claims.signature\n").set("AWS_ENDPOINT_URL_STS", &sts.url);
    let token = lab.home().join("token").display().to_string();
    let lab = lab
        .set("AWS_WEB_IDENTITY_TOKEN_FILE", &token)
        .set("AWS_ROLE_ARN", "arn:aws:iam::1:role/web")
        .set("AWS_ROLE_SESSION_NAME", "pod");
    assert_eq!(lab.key(None).await.as_deref(), Ok("ASIAWEB"));
    let got = &sts.got()[0];
    assert_eq!(got.form("Action").as_deref(), Some("AssumeRoleWithWebIdentity"));
    assert_eq!(got.form("WebIdentityToken").as_deref(), Some("header.claims.signature"));
    assert_eq!(got.form("RoleSessionName").as_deref(), Some("pod"));
    assert_eq!(got.header("authorization"), "");
    assert_eq!(lab.witness.secrets.redactor().redact("header.claims.signature"), "${web_identity_token}");

    let profile = format!("[profile w]\nrole_arn = arn:aws:iam::1:role/web\nweb_identity_token_file = {token}\n");
    let lab = lab.config(&profile);
    assert_eq!(lab.key(Some("w")).await.as_deref(), Ok("ASIAWEB"));
    std::fs::remove_file(lab.home().join("token")).unwrap();
    let why = lab.refusal(Some("w")).await;
    assert!(why.starts_with("cannot read ~/token, which the AWS profile `w` names: "), "{why}");
}

#[tokio::test]
async fn a_web_identity_without_a_role_is_told() {
    let lab = Lab::new().set("AWS_WEB_IDENTITY_TOKEN_FILE", "/t");
    assert_eq!(lab.refusal(None).await, "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not");
}

#[tokio::test]
async fn a_circle_of_profiles_is_told_with_every_one_in_it() {
    let lab = Lab::new().config(
        "[profile a]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = b\n\
         [profile b]\nrole_arn = arn:aws:iam::1:role/b\nsource_profile = a\n",
    );
    let told = "the AWS profiles lead back to each other by `source_profile`: a → b → a";
    assert_eq!(lab.refusal(Some("a")).await, told);
}

#[tokio::test]
async fn a_role_that_nothing_can_take_on_is_told() {
    let role = "role_arn = arn:aws:iam::1:role/r";
    let lab = Lab::new().credentials("[empty]\n").config(&format!(
        "[profile none]\n{role}\n[profile both]\n{role}\nsource_profile = a\ncredential_source = Environment\n\
         [profile ghost]\n{role}\nsource_profile = gone\n[profile hollow]\n{role}\nsource_profile = empty\n\
         [profile mfa]\n{role}\nsource_profile = empty\nmfa_serial = arn:aws:iam::1:mfa/a\n\
         [profile odd]\n{role}\ncredential_source = Moon\n",
    ));
    for (profile, told) in [
        (
            "none",
            "nothing to take the role on with: write `source_profile`, `credential_source` or `web_identity_token_file`",
        ),
        ("both", "has `source_profile` and `credential_source`; it takes one of them"),
        ("ghost", "`source_profile` of the AWS profile `ghost`: there is no AWS profile `gone`"),
        ("hollow", "the AWS profile `empty` has no credentials"),
        ("mfa", "nobody is there to type a code"),
        (
            "odd",
            "`credential_source = Moon` of the AWS profile `odd`: it is Environment, EcsContainer or Ec2InstanceMetadata",
        ),
    ] {
        let why = lab.refusal(Some(profile)).await;
        assert!(why.contains(told), "{profile}: {why}");
    }
}

#[tokio::test]
async fn what_sts_says_is_told() {
    let profile = "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n";
    for (answer, told) in [
        (
            refused(403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole"),
            "AccessDenied: User is not authorized",
        ),
        ((500, "text/html", "<html>".to_owned()), "HTTP 500 without a code"),
        ((200, "text/xml", "<a><b>".to_owned()), "the answer is not usable: it has no `Expiration`"),
    ] {
        let sts = Service::start([answer]).await;
        let lab = Lab::new().credentials(BASE).config(profile).set("AWS_ENDPOINT_URL_STS", &sts.url);
        let why = lab.refusal(Some("p")).await;
        let start = "STS does not give the role arn:aws:iam::1:role/r (AssumeRole, AWS profile `p`): ";
        assert!(why.starts_with(start) && why.contains(told), "{why}");
    }
    let lab = Lab::new().credentials(BASE).config(profile).set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9");
    let why = lab.refusal(Some("p")).await;
    assert!(why.contains("STS at http://127.0.0.1:9/ does not answer"), "{why}");
}

#[tokio::test]
async fn endpoints_are_those_of_the_profile_unless_variables_say_otherwise() {
    let sts = one("ASIASERVICES").await;
    let profile = format!(
        "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\nservices = local\nendpoint_url = https://unused.example.com\n\
         [services local]\nsts =\n  endpoint_url = {}\n",
        sts.url
    );
    let lab = Lab::new().credentials(BASE).config(&profile);
    assert_eq!(lab.key(Some("p")).await.as_deref(), Ok("ASIASERVICES"));
    let lab = lab.set("AWS_ENDPOINT_URL_STS", "http://sts.example.com/");
    let why = lab.refusal(Some("p")).await;
    assert!(why.starts_with("AWS_ENDPOINT_URL_STS is plain http, which only a loopback host may use"), "{why}");
    let lab = lab.set("AWS_ENDPOINT_URL_STS", "sts");
    assert!(lab.refusal(Some("p")).await.starts_with("AWS_ENDPOINT_URL_STS is not a URL"));
}
