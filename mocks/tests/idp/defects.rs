//! Each defect shows.

use std::time::Duration;

use futures_util::future::BoxFuture;
use gauntlet_mocks::{MockHandle, info};
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::requests::*;
use crate::support::{Probe, Seen, var};

/// What is the same in every run without the defect, and another thing with it.
type Show = for<'m> fn(&'m MockHandle) -> BoxFuture<'m, String>;

/// Status, kind and members of an answer.
fn gist(seen: &Seen) -> String {
    let body: Value = serde_json::from_str(&seen.body).unwrap_or_else(|_| json!(seen.body.len()));
    let members: Vec<String> = body.as_object().map_or_else(
        || vec![body.to_string()],
        |members| {
            let show = |(name, value): (&String, &Value)| match (name.as_str(), value) {
                ("error" | "token_type" | "expires_in" | "active" | "token_endpoint_auth_method", value) => {
                    format!("{name}={value}")
                }
                _ => name.clone(),
            };
            members.iter().map(show).collect()
        },
    );
    let headers = ["content-type", "cache-control", "www-authenticate"].map(|name| seen.header(name));
    format!("{} {headers:?} {members:?}", seen.status)
}

/// Where an authorization response goes and what it holds.
async fn landing(mock: &MockHandle, form: &Form) -> String {
    let seen = authorize(mock, form).await;
    let Some(to) = seen.header("location") else {
        return format!("{} without redirect", seen.status);
    };
    let (base, rest) = to.split_once(['?', '#']).unwrap_or((to, ""));
    let fragment = to.contains('#');
    let shown = url::form_urlencoded::parse(rest.as_bytes()).map(|(name, value)| match name.as_ref() {
        "code" | "error_description" => name.into_owned(),
        _ => format!("{name}={}", value.replace(mock.origin(), "ORIGIN")),
    });
    let shown: Vec<String> = shown.collect();
    format!("{} {} {fragment} {shown:?}", seen.status, base.replace(mock.origin(), "ORIGIN"))
}

/// What comes of a code whose token request is changed.
async fn exchanged(mock: &MockHandle, asked: Form, change: impl FnOnce(Form) -> Form) -> String {
    let code = code(mock, &asked).await;
    gist(&token(mock, &change(exchange(mock, &code))).await)
}

/// A claim of the access token of a sign-in.
async fn claim(mock: &MockHandle, name: &str) -> String {
    let form = request(mock).with("resource", RESOURCE);
    claims(text(&signed_in(mock, &form).await, "access_token"))[name].to_string()
}

async fn refreshed(mock: &MockHandle, change: impl FnOnce(Form) -> Form) -> String {
    let answer = signed_in(mock, &request(mock)).await;
    gist(&token(mock, &change(refreshing(mock, text(&answer, "refresh_token")))).await)
}

/// Credentials of the other client.
fn by_another(mock: &MockHandle, form: Form) -> Form {
    form.with("client_id", var(mock, "confidential_client_id"))
        .with("client_secret", var(mock, "confidential_client_secret"))
}

async fn metadata_gist(mock: &MockHandle) -> String {
    let path = path_of(mock, "discovery_url");
    let Ok(seen) = tokio::time::timeout(Duration::from_secs(3), get(mock, &path)).await else {
        return "no answer in time".to_owned();
    };
    let size = seen.body.len() > 1 << 20;
    let body: String = seen.body.replace(mock.origin(), "ORIGIN").chars().take(4000).collect();
    format!("{} {size} {:?} {body}", seen.status, seen.header("location"))
}

async fn keys_gist(mock: &MockHandle) -> String {
    let seen = get(mock, &path_of(mock, "jwks_uri")).await;
    let body: Value = serde_json::from_str(&seen.body).unwrap_or_default();
    format!("{} {:?}", seen.status, body["keys"].as_array().map(Vec::len))
}

async fn revoke(mock: &MockHandle, token: &str) -> Seen {
    post(mock, "revocation_endpoint", &Form::of(&[("token", token), ("client_id", var(mock, "client_id"))])).await
}

async fn asserted(mock: &MockHandle, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = assertion_claims(mock);
    change(&mut claims);
    gist(&token(mock, &asserting(&assertion(mock, &claims))).await)
}

fn native() -> Value {
    json!({ "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none" })
}

/// What comes of a document at a URL, and how often it was fetched for two requests.
async fn documented(mock: &MockHandle, change: impl FnOnce(&mut Value), redirect: bool) -> String {
    let server = MockServer::start().await;
    let id = format!("{}/client.json", server.uri());
    let mut document =
        json!({ "client_id": id, "client_name": "A client", "redirect_uris": ["http://127.0.0.1/callback"] });
    change(&mut document);
    let answer = ResponseTemplate::new(200).set_body_json(document).insert_header("cache-control", "max-age=600");
    let place = if redirect { "/moved.json" } else { "/client.json" };
    let moved = ResponseTemplate::new(302).insert_header("location", "/moved.json");
    Mock::given(path(place)).respond_with(answer).mount(&server).await;
    Mock::given(path("/client.json")).respond_with(moved).mount(&server).await;
    let form = request(mock).with("client_id", &id);
    let first = authorize(mock, &form).await.status;
    let second = authorize(mock, &form).await.status;
    let fetches = server.received_requests().await.expect("recorded").len();
    format!("{first} {second} {fetches}")
}

/// Signs in on the pages; `csrf` and `password` as given, or the right ones.
async fn by_hand(mock: &MockHandle, csrf: Option<&str>, password: Option<&str>) -> String {
    let path = format!("{}?{}", path_of(mock, "authorization_endpoint"), request(mock).encoded());
    let page = send(mock, &Probe::new("GET", &path)).await;
    let field = |name: &str| {
        let start = page.body.find(&format!("name=\"{name}\" value=\"")).expect("the field") + name.len() + 15;
        page.body[start..].split('"').next().expect("a value").to_owned()
    };
    let form = Form::of(&[
        ("request", &field("request")),
        ("csrf", csrf.unwrap_or(&field("csrf"))),
        ("action", "login"),
        ("username", var(mock, "username")),
        ("password", password.unwrap_or(var(mock, "password"))),
    ]);
    let cookie = page.header("set-cookie").and_then(|set| set.split(';').next()).expect("a cookie").to_owned();
    let seen = send(mock, &form_probe("/v1/login", &form).header("cookie", &cookie)).await;
    format!("{} {}", seen.status, seen.body.contains("value=\"allow\""))
}

/// For each defect: the configuration, and what must differ.
fn shows() -> Vec<(&'static str, Value, Show)> {
    let empty = || json!({});
    let mut rows: Vec<(&'static str, Value, Show)> = Vec::new();
    for id in [
        "metadata-missing",
        "metadata-not-json",
        "metadata-huge",
        "metadata-slow",
        "metadata-redirects",
        "metadata-endpoints-missing",
        "metadata-endpoints-foreign",
        "metadata-endpoints-file",
        "response-types-missing",
        "issuer-in-metadata-differs",
        "issuer-with-slash",
        "pkce-not-advertised",
        "only-plain-advertised",
    ] {
        rows.push((id, empty(), |m| Box::pin(metadata_gist(m))));
    }
    for id in ["jwks-not-json", "jwks-empty", "jwks-huge"] {
        rows.push((id, empty(), |m| Box::pin(keys_gist(m))));
    }
    for id in ["kid-not-in-jwks", "signature-broken"] {
        rows.push((id, empty(), |m| {
            Box::pin(async move {
                let answer = signed_in(m, &request(m)).await;
                format!("{:?}", verified(m, text(&answer, "access_token")).await.map(|_| ()))
            })
        }));
    }
    for id in [
        "state-altered",
        "state-dropped",
        "iss-wrong",
        "iss-missing",
        "iss-with-slash",
        "code-missing",
        "code-in-fragment",
        "authorize-never-redirects",
        "authorize-loops",
        "redirect-to-foreign-origin",
    ] {
        rows.push((id, empty(), |m| Box::pin(async move { landing(m, &request(m)).await })));
    }
    for id in [
        "token-cacheable",
        "token-not-json",
        "token-without-type",
        "token-type-unknown",
        "access-token-missing",
        "expires-in-as-string",
        "expires-in-missing",
        "long-lived",
    ] {
        rows.push((id, empty(), |m| Box::pin(exchanged(m, request(m), |form| form))));
    }
    rows.extend(authorization_rows());
    rows.extend(token_rows());
    rows.extend(client_rows());
    rows
}

fn authorization_rows() -> Vec<(&'static str, Value, Show)> {
    let empty = || json!({});
    vec![
        ("unknown-client-accepted", empty(), |m| {
            Box::pin(async move { landing(m, &request(m).with("client_id", "nobody")).await })
        }),
        ("redirect-not-checked", empty(), |m| {
            Box::pin(async move { landing(m, &request(m).with("redirect_uri", "https://evil.example/")).await })
        }),
        ("redirect-prefix-match", empty(), |m| {
            Box::pin(async move { landing(m, &request(m).with("redirect_uri", &format!("{REDIRECT}/more"))).await })
        }),
        ("redirect-query-ignored", empty(), |m| {
            Box::pin(async move { landing(m, &request(m).with("redirect_uri", &format!("{REDIRECT}?x=1"))).await })
        }),
        ("redirect-host-only", empty(), |m| {
            Box::pin(async move { landing(m, &request(m).with("redirect_uri", "http://127.0.0.1:1/other")).await })
        }),
        ("error-to-unregistered", empty(), |m| {
            Box::pin(async move { landing(m, &request(m).with("redirect_uri", "https://evil.example/")).await })
        }),
        ("challenge-not-required", empty(), |m| {
            let form = request(m).without("code_challenge").without("code_challenge_method");
            Box::pin(async move { landing(m, &form).await })
        }),
        ("plain-accepted", empty(), |m| {
            Box::pin(async move { landing(m, &request(m).with("code_challenge_method", "plain")).await })
        }),
        ("repeated-parameters-accepted", empty(), |m| {
            Box::pin(async move { landing(m, &request(m).and("state", "another")).await })
        }),
        ("response-type-not-checked", empty(), |m| {
            Box::pin(async move { landing(m, &request(m).with("response_type", "token")).await })
        }),
        ("scope-not-checked", empty(), |m| {
            Box::pin(async move { landing(m, &request(m).with("scope", "root")).await })
        }),
        ("resource-not-checked", json!({ "resources": [RESOURCE] }), |m| {
            Box::pin(async move { landing(m, &request(m).with("resource", "https://other.example/")).await })
        }),
        ("denial-ignored", json!({ "consent": "deny" }), |m| Box::pin(async move { landing(m, &request(m)).await })),
        ("iss-wrong-on-error", json!({ "consent": "deny" }), |m| {
            Box::pin(async move { landing(m, &request(m)).await })
        }),
        ("password-not-checked", json!({ "consent": "page" }), |m| Box::pin(by_hand(m, None, Some("wrong")))),
        ("csrf-not-checked", json!({ "consent": "page" }), |m| Box::pin(by_hand(m, Some("guessed"), None))),
    ]
}

fn token_rows() -> Vec<(&'static str, Value, Show)> {
    let empty = || json!({});
    vec![
        ("pkce-not-verified", empty(), |m| {
            Box::pin(exchanged(m, request(m), |form| form.with("code_verifier", &"x".repeat(43))))
        }),
        ("verifier-not-required", empty(), |m| {
            Box::pin(exchanged(m, request(m), |form| form.without("code_verifier")))
        }),
        ("code-replay-accepted", empty(), |m| {
            Box::pin(async move {
                let form = exchange(m, &code(m, &request(m)).await);
                token(m, &form).await;
                gist(&token(m, &form).await)
            })
        }),
        ("replay-keeps-tokens", empty(), |m| {
            Box::pin(async move {
                let form = exchange(m, &code(m, &request(m)).await);
                let first = token(m, &form).await.json();
                token(m, &form).await;
                active(m, text(&first, "access_token")).await.to_string()
            })
        }),
        ("code-never-expires", empty(), |m| {
            Box::pin(async move {
                let form = exchange(m, &code(m, &request(m)).await);
                m.control(&json!({ "advance": "1h" })).await.expect("time passes");
                gist(&token(m, &form).await)
            })
        }),
        ("code-client-not-compared", empty(), |m| Box::pin(exchanged(m, request(m), |form| by_another(m, form)))),
        ("redirect-uri-not-compared-at-token", empty(), |m| {
            Box::pin(exchanged(m, request(m), |form| form.with("redirect_uri", "http://127.0.0.1:1/other")))
        }),
        ("resource-not-compared-at-token", empty(), |m| {
            let asked = request(m).with("resource", RESOURCE);
            Box::pin(exchanged(m, asked, |form| form.with("resource", "https://other.example/")))
        }),
        ("client-not-authenticated", empty(), |m| {
            Box::pin(async move { gist(&token(m, &service(m).with("client_secret", "wrong")).await) })
        }),
        ("assertion-not-verified", empty(), |m| {
            Box::pin(async move {
                let signed = assertion(m, &assertion_claims(m));
                let end = signed.len() - 8;
                gist(&token(m, &asserting(&format!("{}AAAAAAAA", &signed[..end]))).await)
            })
        }),
        ("assertion-audience-ignored", empty(), |m| {
            Box::pin(asserted(m, |claims| claims["aud"] = json!("https://other.example")))
        }),
        ("assertion-replay-accepted", empty(), |m| {
            Box::pin(async move {
                asserted(m, |claims| claims["jti"] = json!("once")).await;
                asserted(m, |claims| claims["jti"] = json!("once")).await
            })
        }),
        ("grant-not-checked", empty(), |m| {
            let form = by_another(m, Form::of(&[("grant_type", "client_credentials")]));
            Box::pin(async move { gist(&token(m, &form).await) })
        }),
        ("query-parameters-accepted", empty(), |m| {
            Box::pin(async move {
                let path = format!("{}?{}", path_of(m, "token_endpoint"), service(m).encoded());
                gist(&send(m, &form_probe(&path, &Form::default())).await)
            })
        }),
        ("error-as-200", empty(), |m| Box::pin(async move { gist(&token(m, &refreshing(m, "unknown")).await) })),
        ("invalid-client-as-400", empty(), |m| {
            Box::pin(async move { gist(&token(m, &service(m).with("client_secret", "wrong")).await) })
        }),
        ("resource-ignored", empty(), |m| Box::pin(claim(m, "aud"))),
        ("wrong-audience", empty(), |m| Box::pin(claim(m, "aud"))),
        ("wrong-token-issuer", empty(), |m| {
            Box::pin(async move { claim(m, "iss").await.replace(m.origin(), "ORIGIN") })
        }),
        ("expired-tokens", empty(), |m| {
            Box::pin(async move {
                let expires_at: u64 = claim(m, "exp").await.parse().expect("a time");
                (expires_at > now()).to_string()
            })
        }),
        ("nonce-dropped", empty(), |m| {
            Box::pin(async move {
                let answer = signed_in(m, &request(m).with("scope", "openid").with("nonce", "n")).await;
                claims(text(&answer, "id_token"))["nonce"].to_string()
            })
        }),
        ("rotation-missing", empty(), |m| {
            Box::pin(async move {
                let answer = signed_in(m, &request(m)).await;
                let form = refreshing(m, text(&answer, "refresh_token"));
                token(m, &form).await;
                gist(&token(m, &form).await)
            })
        }),
        ("reuse-keeps-family", empty(), |m| {
            Box::pin(async move {
                let answer = signed_in(m, &request(m)).await;
                let form = refreshing(m, text(&answer, "refresh_token"));
                let second = token(m, &form).await.json();
                token(m, &form).await;
                gist(&token(m, &refreshing(m, text(&second, "refresh_token"))).await)
            })
        }),
        ("revoked-refresh-accepted", empty(), |m| {
            Box::pin(async move {
                let answer = signed_in(m, &request(m)).await;
                revoke(m, text(&answer, "refresh_token")).await;
                gist(&token(m, &refreshing(m, text(&answer, "refresh_token"))).await)
            })
        }),
        ("refresh-never-expires", json!({ "tokens": { "refresh_lifetime": "1m" } }), |m| {
            Box::pin(async move {
                let answer = signed_in(m, &request(m)).await;
                m.control(&json!({ "advance": "1h" })).await.expect("time passes");
                gist(&token(m, &refreshing(m, text(&answer, "refresh_token"))).await)
            })
        }),
        ("refresh-client-not-compared", empty(), |m| Box::pin(refreshed(m, |form| by_another(m, form)))),
        ("refresh-widens-scope", empty(), |m| {
            Box::pin(refreshed(m, |form| form.with("scope", "gateway/invoke gateway/admin")))
        }),
        ("revocation-ignored", empty(), |m| {
            Box::pin(async move {
                let answer = signed_in(m, &request(m)).await;
                revoke(m, text(&answer, "refresh_token")).await;
                active(m, text(&answer, "refresh_token")).await.to_string()
            })
        }),
        ("revocation-of-unknown-fails", empty(), |m| Box::pin(async move { gist(&revoke(m, "unknown").await) })),
        ("revoked-stays-active", empty(), |m| {
            Box::pin(async move {
                let answer = signed_in(m, &request(m)).await;
                revoke(m, text(&answer, "access_token")).await;
                active(m, text(&answer, "access_token")).await.to_string()
            })
        }),
    ]
}

fn client_rows() -> Vec<(&'static str, Value, Show)> {
    let empty = || json!({});
    vec![
        ("registration-redirects-unchecked", empty(), |m| {
            Box::pin(async move { gist(&register(m, &json!({ "redirect_uris": ["http://evil.example/"] })).await) })
        }),
        ("registration-drops-redirects", empty(), |m| {
            Box::pin(async move {
                let answer = register(m, &native()).await.json();
                landing(m, &request(m).with("client_id", text(&answer, "client_id"))).await
            })
        }),
        ("registration-other-auth-method", empty(), |m| Box::pin(async move { gist(&register(m, &native()).await) })),
        ("registration-without-auth-method", empty(), |m| Box::pin(async move { gist(&register(m, &native()).await) })),
        ("registration-as-200", empty(), |m| Box::pin(async move { gist(&register(m, &native()).await) })),
        ("cimd-not-validated", empty(), |m| {
            Box::pin(documented(m, |document| document["client_id"] = json!("https://other.example/x"), false))
        }),
        ("cimd-redirects-unchecked", empty(), |m| {
            let change = |document: &mut Value| document["redirect_uris"] = json!(["https://other.example/cb"]);
            Box::pin(documented(m, change, false))
        }),
        ("cimd-not-cached", empty(), |m| Box::pin(documented(m, |_| {}, false))),
        ("cimd-fetches-internal", json!({ "cimd_loopback": false }), |m| Box::pin(documented(m, |_| {}, false))),
        ("cimd-follows-redirects", empty(), |m| Box::pin(documented(m, |_| {}, true))),
    ]
}

#[tokio::test]
async fn every_defect_changes_what_is_seen() {
    let shows = shows();
    let info = info("idp").expect("registered");
    for defect in info.defects {
        let (_, config, show) =
            shows.iter().find(|(id, ..)| *id == defect.id).unwrap_or_else(|| panic!("no row for {}", defect.id));
        let right = idp(config.clone()).await;
        let right = show(&right).await;
        let mut config = config.clone();
        config["defects"] = json!([defect.id]);
        let wrong = idp(config).await;
        let wrong = show(&wrong).await;
        assert_ne!(right, wrong, "{} changes nothing", defect.id);
    }
    assert_eq!(shows.len(), info.defects.len(), "a row for a defect that does not exist");
}
