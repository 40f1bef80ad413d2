//! Containers and machines.

use super::lab::{Lab, Service};

fn document(key: &str) -> (u16, &'static str, String) {
    let body = format!(
        r#"{{"Code":"Success","AccessKeyId":"{key}","SecretAccessKey":"secret-of-it","Token":"token-of-it","Expiration":"2099-01-01T00:00:00Z"}}"#
    );
    (200, "application/json", body)
}

#[tokio::test]
async fn a_container_is_asked_with_its_token() {
    let agent = Service::start([document("ASIACONTAINER")]).await;
    let lab = Lab::new()
        .file("token", "agent-token\n")
        .set("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/c", agent.url));
    let token = lab.home().join("token").display().to_string();
    let lab = lab.set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token);
    let found = lab.chain().credentials(None, &lab.witness).await.unwrap();
    assert_eq!((found.access_key_id(), found.session_token()), ("ASIACONTAINER", Some("token-of-it")));
    let got = &agent.got()[0];
    assert_eq!((got.target.as_str(), got.header("authorization")), ("/v1/c", "agent-token"));
}

#[tokio::test]
async fn a_container_without_credentials_is_told() {
    let agent = Service::start([(404, "application/json", r#"{"message":"no such task"}"#.to_owned())]).await;
    let lab = Lab::new().set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &agent.url);
    let why = lab.refusal(None).await;
    assert_eq!(why, "the container has no credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI): HTTP 404, no such task");
    let lab = lab.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://agent.example.com/");
    let why = lab.refusal(None).await;
    assert!(why.starts_with("AWS_CONTAINER_CREDENTIALS_FULL_URI is plain http to agent.example.com"), "{why}");
}

#[tokio::test]
async fn a_machine_is_asked_for_its_role_and_then_for_the_credentials_of_that() {
    let text = |body: &str| (200, "text/plain", body.to_owned());
    let imds = Service::start([text("imds-token=="), text("machine-role\n"), document("ASIAMACHINE")]).await;
    let lab = Lab::new()
        .set("AWS_EC2_METADATA_DISABLED", "")
        .set("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("{}/", imds.url));
    assert_eq!(lab.key(None).await.as_deref(), Ok("ASIAMACHINE"));
    let got = imds.got();
    assert_eq!((got[0].method.as_str(), got[0].target.as_str()), ("PUT", "/latest/api/token"));
    assert_eq!(got[0].header("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
    assert_eq!(got[2].target, "/latest/meta-data/iam/security-credentials/machine-role");
    assert_eq!(got[2].header("x-aws-ec2-metadata-token"), "imds-token==");
}

#[tokio::test]
async fn a_machine_without_a_role_is_one_of_the_places() {
    let imds = Service::start([(404, "text/plain", "no".to_owned())]).await;
    let lab = Lab::new().set("AWS_EC2_METADATA_DISABLED", "").set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &imds.url);
    let why = lab.refusal(None).await;
    assert!(why.contains("the machine's metadata (HTTP 404)"), "{why}");
}
