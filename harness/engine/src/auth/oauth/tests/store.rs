//! Tokens that outlive a run.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::super::cache::Cache;
use super::super::{Changes, OauthClient, Parameters};
use super::lab::{Answer, Lab};

fn client(lab: &Lab, folder: &Path, settings: &Value) -> OauthClient {
    lab.client(settings).with_cache(Some(Cache::at(folder.join("tokens"))))
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join("tokens")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_second_run_needs_no_sign_in() {
    let (lab, folder) = (Lab::start().await, tempfile::tempdir().unwrap());
    let settings = json!(true);
    assert_eq!(client(&lab, folder.path(), &settings).token(None).await.result.unwrap().access_token.expose(), "at-1");
    let second = client(&lab, folder.path(), &settings);
    assert_eq!(second.token(None).await.result.unwrap().access_token.expose(), "at-1");
    assert_eq!((lab.idp.at("/v1/authorize").len(), lab.idp.at("/v1/register").len()), (1, 1));
    // The registration came with it, so that the refresh token can be used.
    let tokens = second.refresh(None, &Parameters::new()).await.result.unwrap();
    assert_eq!((tokens.access_token.expose(), tokens.client_id.as_str()), ("at-2", "registered-1"));
    let third = client(&lab, folder.path(), &settings);
    assert_eq!(third.token(None).await.result.unwrap().access_token.expose(), "at-2");
}

#[tokio::test]
async fn an_expired_token_is_refreshed_in_the_next_run() {
    let (lab, folder) = (Lab::start().await, tempfile::tempdir().unwrap());
    lab.idp.on("/v1/token", |seen| {
        let lifetime = if seen.form()["grant_type"] == "refresh_token" { 60 } else { 0 };
        let name = &seen.form()["grant_type"];
        Answer::json(
            200,
            &json!({ "access_token": name, "refresh_token": "rt-x", "token_type": "Bearer", "expires_in": lifetime }),
        )
    });
    let settings = json!({ "client_id": "me" });
    client(&lab, folder.path(), &settings).token(None).await.result.unwrap();
    let tokens = client(&lab, folder.path(), &settings).token(None).await.result.unwrap();
    assert_eq!(tokens.access_token.expose(), "refresh_token");
    assert_eq!(lab.idp.at("/v1/authorize").len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_what_is_stored() {
    use std::os::unix::fs::PermissionsExt as _;
    let (lab, folder) = (Lab::start().await, tempfile::tempdir().unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for _ in 0..2 {
        client(&lab, folder.path(), &json!(true)).authorize(None, &Changes::default()).await.result.unwrap();
        assert_eq!(mode(&folder.path().join("tokens")), 0o700);
        let files = files(folder.path());
        assert_eq!(files.len(), 1, "one file, and nothing temporary left: {files:?}");
        assert_eq!(mode(&files[0]), 0o600);
    }
}

#[tokio::test]
async fn each_server_resource_and_client_has_a_file_of_its_own() {
    let (lab, folder) = (Lab::start().await, tempfile::tempdir().unwrap());
    for settings in [
        json!({ "client_id": "a" }),
        json!({ "client_id": "b" }),
        json!({ "client_id": "a", "resource": "urn:other" }),
        json!({ "client_name": "Other" }),
        json!(true),
    ] {
        client(&lab, folder.path(), &settings).token(None).await.result.unwrap();
    }
    assert_eq!(files(folder.path()).len(), 5);
    assert_eq!(lab.idp.at("/v1/authorize").len(), 5);
}

#[tokio::test]
async fn a_damaged_file_counts_as_none() {
    let (lab, folder) = (Lab::start().await, tempfile::tempdir().unwrap());
    client(&lab, folder.path(), &json!(true)).token(None).await.result.unwrap();
    let file = files(folder.path()).remove(0);
    let whole = fs::read_to_string(&file).unwrap();
    let other_issuer = whole.replace(&lab.idp.origin, "https://evil.example");
    let nameless = whole.replace("\"none\"", "\"tls\"");
    let huge = format!("{whole}{}", " ".repeat(2 << 20));
    let half = &whole[..whole.len() / 2];
    let mut signs_in = 1;
    for text in ["", "{}", "null", "\u{0}\u{1}", half, &other_issuer, &nameless, &whole.replace("at-", "")[..10]] {
        fs::write(&file, text).unwrap();
        client(&lab, folder.path(), &json!(true)).token(None).await.result.unwrap();
        signs_in += 1;
        assert_eq!(lab.idp.at("/v1/authorize").len(), signs_in, "{text}");
    }
    fs::write(&file, huge).unwrap();
    client(&lab, folder.path(), &json!(true)).token(None).await.result.unwrap();
    fs::write(&file, [0xff, 0xfe, 0x00]).unwrap();
    client(&lab, folder.path(), &json!(true)).token(None).await.result.unwrap();
}

#[tokio::test]
async fn a_token_of_other_scopes_than_configured_is_not_used() {
    let (lab, folder) = (Lab::start().await, tempfile::tempdir().unwrap());
    client(&lab, folder.path(), &json!({ "scopes": ["a"] })).token(None).await.result.unwrap();
    client(&lab, folder.path(), &json!({ "scopes": ["a"] })).token(None).await.result.unwrap();
    assert_eq!(lab.idp.at("/v1/authorize").len(), 1);
    client(&lab, folder.path(), &json!({ "scopes": ["a", "b"] })).token(None).await.result.unwrap();
    assert_eq!(lab.idp.at("/v1/authorize").len(), 2);
}

#[tokio::test]
async fn what_is_given_back_is_forgotten() {
    let (lab, folder) = (Lab::start().await, tempfile::tempdir().unwrap());
    let first = client(&lab, folder.path(), &json!(true));
    first.token(None).await.result.unwrap();
    first.revoke(None, &Parameters::new()).await.result.unwrap();
    assert_eq!(files(folder.path()).len(), 0);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_costs_no_sign_in() {
    let (lab, folder) = (Lab::start().await, tempfile::tempdir().unwrap());
    fs::write(folder.path().join("tokens"), "a file where a folder should be").unwrap();
    let leg = client(&lab, folder.path(), &json!(true)).token(None).await;
    assert!(leg.result.is_ok());
    assert_eq!(leg.warnings[0].code, "cache-unwritable");
}

#[tokio::test]
async fn without_a_store_nothing_is_written() {
    let (lab, folder) = (Lab::start().await, tempfile::tempdir().unwrap());
    lab.client(&json!({ "cache": false })).token(None).await.result.unwrap();
    assert_eq!(files(folder.path()).len(), 0);
    lab.client(&json!(true)).token(None).await.result.unwrap();
    assert_eq!(lab.idp.at("/v1/authorize").len(), 2);
}
