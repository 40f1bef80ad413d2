//! The habits of known providers.

use serde_json::{Value, json};

use crate::requests::*;
use crate::support::var;

async fn error_of(mock: &gauntlet_mocks::MockHandle, form: &Form) -> Option<String> {
    response(&authorize(mock, form).await).remove("error")
}

#[tokio::test]
async fn cognito() {
    let mock = idp(json!({ "profile": "cognito" })).await;
    assert_eq!(mock.url(), format!("{}/us-east-1_Gauntlet1", mock.origin()));
    assert_eq!(get(&mock, "/.well-known/oauth-authorization-server/us-east-1_Gauntlet1").await.status, 404);
    let document = get(&mock, "/us-east-1_Gauntlet1/.well-known/openid-configuration").await.json();
    assert_eq!(document["issuer"], mock.url());
    let elsewhere = mock.origin().replace("127.0.0.1", "localhost");
    assert_eq!(document["authorization_endpoint"], format!("{elsewhere}/oauth2/authorize"));
    for name in [
        "registration_endpoint",
        "code_challenge_methods_supported",
        "authorization_response_iss_parameter_supported",
        "client_id_metadata_document_supported",
    ] {
        assert_eq!(document.get(name), None, "{name}");
    }
    let scopes = document["scopes_supported"].as_array().expect("scopes");
    assert!(!scopes.contains(&json!("offline_access")));

    let form = request(&mock).with("scope", "openid gateway/invoke").with("resource", RESOURCE);
    let seen = authorize(&mock, &form).await;
    assert!(!response(&seen).contains_key("iss"));
    let answer = signed_in(&mock, &form).await;
    let access = verified(&mock, text(&answer, "access_token")).await.expect("a good signature");
    assert_eq!(access.get("aud"), None);
    assert_eq!((&access["token_use"], &access["username"]), (&json!("access"), &json!("alice")));
    assert_eq!(access["client_id"], var(&mock, "client_id"));
    assert_eq!(access["scope"], "openid gateway/invoke");
    let id = claims(text(&answer, "id_token"));
    assert_eq!((&id["token_use"], &id["aud"]), (&json!("id"), &json!(var(&mock, "client_id"))));
    assert_eq!(id["email"], "alice@example.com");
    assert_eq!(id["sub"], access["sub"]);
    let refreshed = token(&mock, &refreshing(&mock, text(&answer, "refresh_token"))).await.json();
    assert_eq!(refreshed.get("refresh_token"), None, "the old one stays");

    let offline = form.clone().with("scope", "openid offline_access");
    assert_eq!(error_of(&mock, &offline).await.as_deref(), Some("invalid_scope"));
    let dead = code(&mock, &request(&mock)).await;
    assert_eq!(text(&token(&mock, &exchange(&mock, &dead)).await.json(), "error"), "invalid_grant");
    let own = claims(text(&token(&mock, &service(&mock)).await.json(), "access_token"));
    assert_eq!((own.get("username"), &own["sub"]), (None, &json!(var(&mock, "service_client_id"))));
}

#[tokio::test]
async fn okta() {
    let mock = idp(json!({ "profile": "okta" })).await;
    let document = get(&mock, "/oauth2/default/.well-known/openid-configuration").await.json();
    assert_eq!(document["issuer"], format!("{}/oauth2/default", mock.origin()));
    assert_eq!(document["token_endpoint"], format!("{}/oauth2/default/v1/token", mock.origin()));
    assert!(document["scopes_supported"].as_array().expect("scopes").contains(&json!("offline_access")));
    let form = request(&mock).with("scope", "openid offline_access gateway/invoke").with("resource", RESOURCE);
    assert_eq!(error_of(&mock, &form.clone().without("state")).await.as_deref(), Some("invalid_request"));
    let answer = signed_in(&mock, &form).await;
    let access = verified(&mock, text(&answer, "access_token")).await.expect("a good signature");
    assert_eq!(access["scp"], json!(["openid", "offline_access", "gateway/invoke"]));
    assert_eq!((&access["cid"], &access["aud"]), (&json!(var(&mock, "client_id")), &json!("api://default")));
    assert!(access["uid"].as_str().is_some_and(|id| id.starts_with("00u")));
    assert_eq!(access["sub"], "alice@example.com");
    assert!(access.get("scope").is_none() && access.get("client_id").is_none());
    assert_eq!(claims(text(&answer, "id_token"))["sub"], access["uid"]);
    assert!(answer.get("refresh_token").is_some());
    assert_eq!(signed_in(&mock, &request(&mock)).await.get("refresh_token"), None);
}

#[tokio::test]
async fn entra() {
    let mock = idp(json!({ "profile": "entra" })).await;
    let tenant = mock.url().trim_start_matches(mock.origin()).trim_matches('/').replace("/v2.0", "");
    let document = metadata(&mock).await;
    assert_eq!(document["issuer"], format!("{}/{tenant}/v2.0", mock.origin()));
    assert_eq!(document["authorization_endpoint"], format!("{}/{tenant}/oauth2/v2.0/authorize", mock.origin()));
    let scope = "openid offline_access api://gateway/invoke";
    let form = request(&mock).with("scope", scope);
    let refused = response(&authorize(&mock, &form.clone().with("resource", RESOURCE)).await);
    assert_eq!(refused["error"], "invalid_target");
    assert!(refused["error_description"].starts_with("AADSTS9010010"));
    assert_eq!(error_of(&mock, &form.clone().with("resource", "api://gateway")).await, None);

    let code_text = code(&mock, &form).await;
    let with_resource = token(&mock, &exchange(&mock, &code_text).with("resource", RESOURCE)).await;
    assert_eq!(text(&with_resource.json(), "error"), "invalid_target");
    let answer = token(&mock, &exchange(&mock, &code_text)).await.json();
    let access = verified(&mock, text(&answer, "access_token")).await.expect("a good signature");
    assert_eq!((&access["scp"], &access["ver"]), (&json!("invoke"), &json!("2.0")));
    assert_eq!((&access["azp"], &access["tid"]), (&json!(var(&mock, "client_id")), &json!(tenant)));
    assert_eq!(access["aud"], "api://gateway");
    assert!(access["oid"].as_str().is_some_and(|id| id.len() == 36) && access["oid"] != access["sub"]);

    let refresh = refreshing(&mock, text(&answer, "refresh_token"));
    let bare = token(&mock, &refresh).await.json();
    assert!(text(&bare, "error_description").starts_with("AADSTS90009"), "{bare}");
    let both = token(&mock, &refresh.clone().with("scope", scope).with("resource", RESOURCE)).await.json();
    assert_eq!(text(&both, "error"), "invalid_target");
    let good = token(&mock, &refresh.clone().with("scope", scope)).await.json();
    assert!(good.get("refresh_token").is_some(), "{good}");
    assert_eq!(token(&mock, &refresh.with("scope", scope)).await.status, 200, "the old one stays good");

    let all = signed_in(&mock, &request(&mock).with("scope", "offline_access api://gateway/.default")).await;
    assert_eq!(all["scope"], "offline_access api://gateway/invoke api://gateway/.default");
    let replayed = refreshing(&mock, text(&all, "refresh_token")).with("scope", text(&all, "scope"));
    let mixed = token(&mock, &replayed).await.json();
    assert!(text(&mixed, "error_description").starts_with("AADSTS70011"), "{mixed}");
    let own = claims(text(&token(&mock, &service(&mock)).await.json(), "access_token"));
    assert_eq!((own.get("scp"), &own["idtyp"], &own["azpacr"]), (None, &json!("app"), &json!("1")));
}

#[tokio::test]
async fn each_habit_is_a_switch_of_its_own() {
    let mock = idp(json!({ "profile": "cognito", "path": "", "advertise_pkce": true, "endpoints_origin": "same",
        "tokens": { "refresh": "rotate" } }))
    .await;
    assert_eq!(mock.url(), mock.origin());
    let document = metadata(&mock).await;
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["token_endpoint"], format!("{}/oauth2/token", mock.origin()));
    let answer = signed_in(&mock, &request(&mock).with("scope", "openid")).await;
    assert_eq!(claims(text(&answer, "access_token"))["token_use"], "access");
    let refreshed = token(&mock, &refreshing(&mock, text(&answer, "refresh_token"))).await.json();
    assert!(refreshed.get("refresh_token").is_some());

    let mixed = idp(json!({ "tokens": { "style": "entra", "claims": { "roles": ["x"], "ver": null },
        "id_claims": { "hd": "example.com" } }, "audience": "app-id", "resource_parameter": "refuse" }))
    .await;
    let form = request(&mixed).with("scope", "openid");
    assert_eq!(error_of(&mixed, &form.clone().with("resource", RESOURCE)).await.as_deref(), Some("invalid_target"));
    let answer = signed_in(&mixed, &form).await;
    let access = claims(text(&answer, "access_token"));
    assert_eq!((&access["roles"], access.get("ver"), &access["aud"]), (&json!(["x"]), None, &json!("app-id")));
    assert_eq!(claims(text(&answer, "id_token"))["hd"], "example.com");
    assert_eq!(access["sub"].as_str().map(|subject| subject == "alice"), Some(false));
    let _: Value = metadata(&mixed).await;
}
