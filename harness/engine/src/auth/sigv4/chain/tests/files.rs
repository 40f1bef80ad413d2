//! What variables and files say by themselves.

use super::lab::Lab;

const TWO: &str = "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = s1\n\
    [dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = s2\naws_session_token = token-of-dev\n";

#[tokio::test]
async fn the_environment_comes_before_the_default_profile_and_after_one_that_is_named() {
    let lab = Lab::new().credentials(TWO);
    assert_eq!(lab.key(None).await.as_deref(), Ok("AKIADEFAULT"));
    let lab = lab.set("AWS_PROFILE", "dev");
    assert_eq!(lab.key(None).await.as_deref(), Ok("AKIADEV"));
    let lab = lab.set("AWS_ACCESS_KEY_ID", "AKIAENV").set("AWS_SECRET_ACCESS_KEY", "s3");
    assert_eq!(lab.key(None).await.as_deref(), Ok("AKIAENV"));
    assert_eq!(lab.key(Some("default")).await.as_deref(), Ok("AKIADEFAULT"));
}

#[tokio::test]
async fn both_files_are_one_and_the_credentials_file_stands_over_the_other() {
    let lab = Lab::new()
        .config("[profile dev]\nregion = eu-west-1\naws_access_key_id = AKIAOLD\naws_secret_access_key = old\n[default]\nregion = us-east-2\n")
        .credentials(TWO);
    let found = lab.chain().credentials(Some("dev"), &lab.witness).await.unwrap();
    assert_eq!((found.access_key_id(), found.session_token()), ("AKIADEV", Some("token-of-dev")));
    assert_eq!(lab.chain().region(Some("dev")), Ok(Some("eu-west-1".to_owned())));
    assert_eq!(lab.chain().region(None), Ok(Some("us-east-2".to_owned())));
    let lab = lab.set("AWS_DEFAULT_REGION", "eu-north-1");
    assert_eq!(lab.chain().region(Some("dev")), Ok(Some("eu-north-1".to_owned())));
}

#[tokio::test]
async fn files_are_where_the_variables_say() {
    let lab =
        Lab::new().file("elsewhere/config", "[profile far]\naws_access_key_id=AKIAFAR\naws_secret_access_key=s\n");
    let lab = lab.set("AWS_CONFIG_FILE", "~/elsewhere/config").set("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    assert_eq!(lab.key(Some("far")).await.as_deref(), Ok("AKIAFAR"));
}

#[tokio::test]
async fn what_is_found_is_secret_from_then_on() {
    let lab = Lab::new().credentials(TWO.replace("s2", "secret-of-dev").as_str());
    lab.key(Some("dev")).await.unwrap();
    let shown = lab.witness.secrets.redactor().redact("secret-of-dev token-of-dev AKIADEV");
    assert_eq!(shown, "${secret_access_key} ${session_token} AKIADEV");
}

#[tokio::test]
async fn nothing_anywhere_is_told_place_by_place() {
    let why = Lab::new().refusal(None).await;
    assert_eq!(
        why,
        "there are no AWS credentials; looked at AWS_ACCESS_KEY_ID (not set), AWS_WEB_IDENTITY_TOKEN_FILE (not set), the profile \
         `default` in ~/.aws/config (not there) and ~/.aws/credentials (not there) (no such profile), the container (no \
         AWS_CONTAINER_CREDENTIALS_… variable), the machine's metadata (switched off by AWS_EC2_METADATA_DISABLED); write \
         `profile` or keys into `auth.sigv4`, or set AWS_PROFILE or AWS_ACCESS_KEY_ID"
    );
}

#[tokio::test]
async fn a_profile_without_credentials_is_told() {
    let why = Lab::new().config("[profile dev]\nregion = eu-west-1\n").refusal(Some("dev")).await;
    assert!(
        why.contains("the profile `dev` in ~/.aws/config and ~/.aws/credentials (not there) (no credentials in it)"),
        "{why}"
    );
}

#[tokio::test]
async fn an_unknown_profile_leads_to_the_known_ones() {
    let lab = Lab::new().credentials(TWO).config("[prod]\nregion = eu-west-1\n");
    let files = "in ~/.aws/config and ~/.aws/credentials";
    assert_eq!(lab.refusal(Some("dve")).await, format!("there is no AWS profile `dve` {files}; did you mean `dev`?"));
    assert_eq!(
        lab.refusal(Some("staging")).await,
        format!("there is no AWS profile `staging` {files}; there are default, dev")
    );
    assert_eq!(
        lab.refusal(Some("prod")).await,
        format!(
            "there is no AWS profile `prod` {files}; ~/.aws/config has `[prod]`, and there it must be `[profile prod]`"
        )
    );
    let lab = lab.set("AWS_PROFILE", "dve");
    assert_eq!(lab.refusal(None).await, format!("there is no AWS profile `dve` {files}; did you mean `dev`?"));
    assert!(lab.chain().region(Some("dve")).unwrap_err().contains("did you mean `dev`?"));
    let why = Lab::new().refusal(Some("dev")).await;
    assert!(why.ends_with("(not there); there is no profile at all"), "{why}");
}

#[tokio::test]
async fn a_malformed_file_is_told_with_its_place() {
    let lab = Lab::new().config("[profile dev]\nregion eu-west-1\n");
    assert_eq!(
        lab.refusal(Some("dev")).await,
        "~/.aws/config:2:17: expected `=` in `name = value`: `region eu-west-1`"
    );
    let lab = Lab::new();
    std::fs::create_dir_all(lab.home().join(".aws")).unwrap();
    std::fs::write(lab.home().join(".aws/credentials"), b"[a]\n\xff=1\n").unwrap();
    assert_eq!(lab.refusal(Some("a")).await, "cannot read ~/.aws/credentials: line 2 is not UTF-8");
    std::fs::write(lab.home().join(".aws/credentials"), vec![b'#'; (1 << 20) + 1]).unwrap();
    assert_eq!(lab.refusal(Some("a")).await, "cannot read ~/.aws/credentials: it is larger than 1048576 bytes");
}

#[tokio::test]
async fn half_of_a_key_is_none() {
    let lab = Lab::new().set("AWS_ACCESS_KEY_ID", "AKIAENV");
    assert_eq!(lab.refusal(None).await, "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not");
    let lab = Lab::new().set("AWS_SECRET_ACCESS_KEY", "s");
    assert_eq!(lab.refusal(None).await, "AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not");
    let lab = Lab::new().credentials("[a]\naws_access_key_id=AKIA\n[b]\naws_secret_access_key=s\n");
    assert_eq!(
        lab.refusal(Some("a")).await,
        "the AWS profile `a` has `aws_access_key_id` and no `aws_secret_access_key`"
    );
    assert_eq!(
        lab.refusal(Some("b")).await,
        "the AWS profile `b` has `aws_secret_access_key` and no `aws_access_key_id`"
    );
}

#[tokio::test]
async fn keys_of_the_environment_that_have_ended_are_told() {
    let lab = Lab::new().set("AWS_ACCESS_KEY_ID", "ASIAENV").set("AWS_SECRET_ACCESS_KEY", "s");
    let lab = lab.set("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z");
    let told = "the AWS credentials ASIAENV of the environment ended at 2020-01-01T00:00:00Z; get new ones";
    assert_eq!(lab.refusal(None).await, told);
    let lab = lab.set("AWS_CREDENTIAL_EXPIRATION", "soon");
    assert_eq!(lab.refusal(None).await, "AWS_CREDENTIAL_EXPIRATION is not a time as in RFC 3339");
}

#[tokio::test]
async fn what_gauntlet_does_not_read_says_what_to_write_instead() {
    let lab = Lab::new().config("[profile console]\nlogin_session = arn:aws:iam::123456789012:user/a\n");
    let why = lab.refusal(Some("console")).await;
    assert!(why.contains("`credential_process = aws configure export-credentials --profile console`"), "{why}");
}
