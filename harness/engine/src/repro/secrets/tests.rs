use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use time::OffsetDateTime;

use super::*;
use crate::repro::recording::{Arrival, Payload, Received, STDIN, Sent, Transport};

const CANARY: &str = "CANARY-7f/3a+9c e1&x";

fn headers(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn entry(url: &str, sent: &[(&str, &str)], body: &str, received: &[(&str, &str)], answer: &str) -> Entry {
    Entry {
        transport: Transport::Http,
        session: None,
        behind: None,
        started_at: OffsetDateTime::UNIX_EPOCH,
        began: None,
        elapsed: Duration::ZERO,
        request: Sent {
            method: "POST".to_owned(),
            url: url.to_owned(),
            http_version: None,
            headers: headers(sent),
            body: Payload::whole(body.to_owned()),
        },
        response: Some(Received {
            status: Some(200),
            http_version: None,
            headers: headers(received),
            body: Payload::whole(answer.to_owned()),
            arrivals: Vec::new(),
        }),
        failure: None,
    }
}

fn stdio(line: &str, answers: &str) -> Entry {
    let mut entry = entry("stdio:server", &[], line, &[], answers);
    entry.transport = Transport::Stdio;
    STDIN.clone_into(&mut entry.request.method);
    entry
}

/// Everything of an entry as one text.
fn told(entry: &Entry) -> String {
    let body = |payload: &Payload| String::from_utf8_lossy(&payload.bytes).into_owned();
    let lines = |headers: &[(String, String)]| headers.iter().map(|(n, v)| format!("{n}: {v}\n")).collect::<String>();
    let mut out = format!(
        "{} {}\n{}\n{}\n",
        entry.request.method,
        entry.request.url,
        lines(&entry.request.headers),
        body(&entry.request.body)
    );
    if let Some(response) = &entry.response {
        out.push_str(&format!("{}\n{}\n", lines(&response.headers), body(&response.body)));
    }
    out.push_str(entry.failure.as_deref().unwrap_or_default());
    out.push_str(entry.session.as_deref().unwrap_or_default());
    out
}

fn redacted(mut entries: Vec<Entry>) -> (Vec<String>, Vec<Secret>) {
    let mut finder = Finder::new();
    entries.iter().for_each(|entry| finder.learn(entry));
    entries.iter_mut().for_each(|entry| finder.redact(entry));
    // Once more, by one who knows nothing: nothing changes.
    let once: Vec<String> = entries.iter().map(told).collect();
    let mut fresh = Finder::new();
    entries.iter_mut().for_each(|entry| fresh.redact(entry));
    assert_eq!(entries.iter().map(told).collect::<Vec<_>>(), once);
    (once, finder.summary())
}

/// What is left of one entry.
fn left(entry: Entry) -> String {
    redacted(vec![entry]).0.remove(0)
}

fn percent(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The spellings in which a value may reappear.
fn spellings(value: &str) -> Vec<String> {
    let json = serde_json::Value::from(value).to_string();
    let twice = serde_json::Value::from(json.as_str()).to_string();
    vec![value.to_owned(), percent(value), json, twice, STANDARD.encode(value), STANDARD.encode(format!("x:{value}"))]
}

#[test]
fn a_canary_in_every_place_is_gone_everywhere() {
    let bearer = "CANARY-7f3a-9ce1";
    let url = "http://a.example/mcp";
    let encoded = percent(CANARY);
    let basic = STANDARD.encode(format!("me:{CANARY}"));
    let jwt = format!(
        "{}.{}.c2lnbmF0dXJl",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#),
        URL_SAFE_NO_PAD.encode(r#"{"sub":"CANARY"}"#)
    );
    let places: Vec<(Entry, &str)> = vec![
        (entry(url, &[("authorization", &format!("Bearer {bearer}"))], "", &[], ""), bearer),
        (entry(url, &[("proxy-authorization", &format!("Basic {basic}"))], "", &[], ""), CANARY),
        (entry(url, &[("x-api-key", CANARY)], "", &[], ""), CANARY),
        (entry(url, &[("x-amz-security-token", CANARY)], "", &[], ""), CANARY),
        (entry(url, &[("cookie", "a=b; sid=CANARY-7f3a-9ce1; c=d")], "", &[], ""), bearer),
        (entry(url, &[], "", &[("set-cookie", "sid=CANARY-7f3a-9ce1; HttpOnly")], ""), bearer),
        (entry(url, &[], "", &[("location", &format!("http://l/cb?code={encoded}&state=s"))], ""), CANARY),
        (entry(&format!("http://a/cb?state=s&code={encoded}#x"), &[], "", &[], ""), CANARY),
        (entry(&format!("http://a/x?access_token={encoded}"), &[], "", &[], ""), CANARY),
        (entry(&format!("http://a/#id_token={encoded}"), &[], "", &[], ""), CANARY),
        (entry(&format!("http://me:{bearer}@a/mcp"), &[], "", &[], ""), bearer),
        (
            entry(
                url,
                &[("content-type", "application/x-www-form-urlencoded")],
                &format!("client_secret={encoded}&x=y"),
                &[],
                "",
            ),
            CANARY,
        ),
        (
            entry(
                url,
                &[],
                &serde_json::json!({"params": {"arguments": {"deep": [{"apiKey": CANARY}]}}}).to_string(),
                &[],
                "",
            ),
            CANARY,
        ),
        (
            entry(
                url,
                &[],
                "",
                &[],
                &serde_json::json!({"text": serde_json::json!({"refreshToken": CANARY}).to_string()}).to_string(),
            ),
            CANARY,
        ),
        (
            entry(
                url,
                &[],
                "",
                &[("content-type", "text/event-stream")],
                &format!("event: message\ndata: {}\n\n", serde_json::json!({"id_token": CANARY})),
            ),
            CANARY,
        ),
        (stdio(&serde_json::json!({"params": {"password": CANARY}}).to_string(), ""), CANARY),
        (stdio("{}", &format!("log\n{}\n", serde_json::json!({"result": {"SecretAccessKey": CANARY}}))), CANARY),
        (entry(url, &[], "", &[], &format!("<C><SessionToken>{bearer}</SessionToken></C>")), bearer),
        (entry(url, &[], "", &[], r#"{"access_token": "CANARY-7f3a-9ce1"#), bearer),
        (entry(url, &[], "", &[], &format!("no such token: Bearer {bearer}.")), bearer),
        (entry(url, &[], "", &[], &format!("rejected {jwt}!")), &jwt),
        (entry(url, &[], "", &[], &format!("the api_key={bearer}.")), bearer),
        (
            entry(url, &[], &serde_json::json!([{"name": "authorization", "value": CANARY}]).to_string(), &[], ""),
            CANARY,
        ),
        (
            entry(url, &[], &serde_json::json!({"headers": {"Cookie": ["sid=CANARY-7f3a-9ce1"]}}).to_string(), &[], ""),
            bearer,
        ),
    ];
    for (place, canary) in places {
        let shown = told(&place);
        // It reappears everywhere else, before and after.
        let all = spellings(canary).join(" ");
        let mut elsewhere = entry(
            &format!("http://a/{}?q={}", percent(canary), percent(canary)),
            &[("x-note", canary)],
            &all,
            &[("x-echo", canary)],
            &all,
        );
        elsewhere.failure = Some(format!("gone: {canary}"));
        elsewhere.session = Some(canary.to_owned());
        let (texts, summary) = redacted(vec![elsewhere.clone(), place, elsewhere]);
        for text in &texts {
            for spelling in spellings(canary) {
                assert!(!text.contains(spelling.as_str()), "{spelling} of\n{shown}\nin\n{text}");
            }
            assert!(!text.contains("CANARY"), "{shown}\n{text}");
        }
        assert!(!format!("{summary:?}").contains("CANARY"));
        assert!(summary.iter().any(|secret| secret.times > 6), "{summary:?}");
    }
}

#[test]
fn what_is_not_secret_stays() {
    let body = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "profileArn": "arn:aws:codewhisperer:us-east-1:123456789012:profile/X",
        "params": { "name": "web_search", "arguments": { "query": "what is a bearer token" }, "_meta": { "progressToken": "p-0123456789" }, "cursor": "c-0123456789abcdef" },
        "inputSchema": { "properties": { "password": { "type": "string", "description": "The password of the user" } }, "required": ["password"] },
    });
    let sent = [
        ("mcp-session-id", "0193f6e0-77aa-7d3c-8a55-0242ac120002"),
        ("user-agent", "KiroIDE-0.7.45-c0fac0fac0fac0fac0fac0fac0fac0fac0fac0fac0fac0fac0fac0fac0fac0fa"),
        ("accept", "application/json, text/event-stream"),
    ];
    let received =
        [("www-authenticate", r#"Bearer resource_metadata="https://a/.well-known/x1", error="invalid_token""#)];
    let url = "http://a/authorize?state=0123456789abcdef&nonce=0123456789abcdef&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let entry = entry(
        url,
        &sent,
        &body.to_string(),
        &received,
        r#"{"error":{"code":-32602,"message":"token: is missing"},"code":"AccessDenied"}"#,
    );
    assert_eq!(left(entry.clone()), told(&entry));
}

#[test]
fn a_short_value_is_replaced_where_it_stands() {
    let body = r#"{"password": "dark", "theme": "dark", "pin": {"secret": 12345}, "n": 12345}"#;
    let text = left(entry(
        "http://a/?token=dark&theme=dark",
        &[("cookie", "theme=dark; consent=true"), ("authorization", "Bearer dark")],
        body,
        &[],
        "dark true",
    ));
    assert!(text.contains("?token=${secret:token}&theme=dark"), "{text}");
    assert!(text.contains("cookie: theme=${secret:token}; consent=${secret:cookie-consent}"), "{text}");
    assert!(text.contains("authorization: Bearer ${secret:token}"), "{text}");
    assert!(text.contains(r#""password":"${secret:token}","theme":"dark""#), "{text}");
    assert!(text.contains(r#""secret":"${secret:secret}"},"n":12345"#), "{text}");
    assert!(text.ends_with("dark true\n"), "{text}");
}

#[test]
fn names_are_readable_and_the_same_for_the_same_value() {
    let body = r#"{"access_token":"token-number-1","refresh_token":"token-number-2"}"#;
    let first = entry("http://a/token", &[], "", &[("set-cookie", "session=cookie-number-3")], body);
    let second = entry("http://a/mcp", &[("authorization", "Bearer token-number-1")], "", &[], "");
    let third = entry(
        "http://a/mcp",
        &[("authorization", "Bearer token-number-4")],
        r#"{"accessToken":"token-number-5"}"#,
        &[],
        "",
    );
    let (texts, summary) = redacted(vec![first, second, third]);
    assert!(
        texts[0].contains(r#"{"access_token":"${secret:access-token}","refresh_token":"${secret:refresh-token}"}"#),
        "{}",
        texts[0]
    );
    assert!(texts[1].contains("authorization: Bearer ${secret:access-token}\n"));
    assert!(texts[2].contains("authorization: Bearer ${secret:authorization}\n"));
    assert!(texts[2].contains(r#"{"accessToken":"${secret:access-token-2}"}"#), "{}", texts[2]);
    let of = |name: &str| summary.iter().find(|secret| secret.name == name).cloned();
    let token = of("access-token").map(|secret| secret.to_string());
    assert_eq!(
        token.as_deref(),
        Some("access-token (member): 2 times, in response body access_token, request header authorization")
    );
    assert!(of("cookie-session").is_some());
}

#[test]
fn a_name_in_the_recording_is_not_given_again() {
    let first = entry("http://a/", &[("authorization", "Bearer ${secret:authorization}")], "", &[], "");
    let second = entry("http://a/", &[("authorization", "Bearer another-one-1")], "", &[], "");
    let (texts, _) = redacted(vec![first, second]);
    assert!(texts[0].contains("Bearer ${secret:authorization}\n"));
    assert!(texts[1].contains("Bearer ${secret:authorization-2}\n"), "{}", texts[1]);
}

#[test]
fn of_a_signed_request_the_key_and_the_signature() {
    let signature = "05bea9bf2b1ab0c457310d6143e6c28105bea9bf2b1ab0c457310d6143e6c281";
    let signed = format!(
        "AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/20261121/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
    );
    let presigned = format!(
        "http://a/?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261121%2Fus-east-1&X-Amz-Date=20261121T000000Z&X-Amz-Signature={signature}&X-Amz-Security-Token=IQoJb3JpZ2luX2VjEKs%2F%2F"
    );
    let text = left(entry(&presigned, &[("authorization", &signed)], "", &[], ""));
    assert!(text.contains("Credential=${secret:access-key-id-2}/20261121/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature=${secret:signature}\n"), "{text}");
    assert!(text.contains("?X-Amz-Credential=${secret:access-key-id}%2F20261121%2Fus-east-1&X-Amz-Date=20261121T000000Z&X-Amz-Signature=${secret:signature}&X-Amz-Security-Token=${secret:x-amz-security-token}\n"), "{text}");
}

#[test]
fn documents_stay_documents_and_times_stay_true() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n";
    let message =
        |text: &str| serde_json::json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": text}});
    let first = format!("data: {}\n\n", message(&format!("key {key} end")));
    let second = format!("data: {}\n\n", message("plain"));
    let body = format!("{first}{second}");
    let mut streamed = entry("http://a/", &[], "", &[("content-type", "text/event-stream")], &body);
    let at = |ms: u64, length: usize| Arrival { at: Duration::from_millis(ms), length };
    let response = streamed.response.as_mut().unwrap();
    response.arrivals = vec![at(1, 60), at(2, first.len()), at(3, body.len())];
    let mut finder = Finder::new();
    finder.redact(&mut streamed);
    let response = streamed.response.unwrap();
    let events = response.events();
    let times: Vec<_> = events.iter().map(|event| event.at.map(|at| at.as_millis())).collect();
    assert_eq!(times, [Some(2), Some(3)]);
    let data: serde_json::Value = serde_json::from_str(&events[0].event.data).unwrap();
    assert_eq!(data["params"]["data"], "key ${secret:private-key}\n end");

    let mut numbers = entry("http://a/", &[], r#"{"password":"4f00ba12345"}"#, &[], r#"{"a": 1, "b": "4f00ba12345"}"#);
    finder.redact(&mut numbers);
    let answer = numbers.response.unwrap().body.json().unwrap();
    assert_eq!(answer, serde_json::json!({"a": 1, "b": "${secret:password}"}));
}

#[test]
fn bytes_that_are_no_text_stay() {
    let mut framed = entry("http://a/", &[("x-api-key", "CANARY-7f3a-9ce1")], "", &[], "");
    let response = framed.response.as_mut().unwrap();
    response.body.bytes = [&b"\x00\xff\xfe"[..], br#"{"x":"CANARY-7f3a-9ce1"}"#, &b"\x80\x81"[..]].concat().into();
    Finder::new().redact(&mut framed);
    assert_eq!(
        framed.response.unwrap().body.bytes,
        [&b"\x00\xff\xfe"[..], br#"{"x":"${secret:x-api-key}"}"#, &b"\x80\x81"[..]].concat()
    );
}

#[test]
fn the_beginning_of_a_secret_at_the_end_of_a_cut_body_goes() {
    let mut cut = entry("http://a/", &[("x-api-key", "CANARY-7f3a-9ce1")], "", &[], "it was CANARY-7f3");
    cut.response.as_mut().unwrap().body.left_out = 10;
    assert!(left(cut).contains("it was ${secret:x-api-key}\n"));
}

#[test]
fn a_user_may_know_better() {
    let options = Options { also: vec!["X-Tenant".into()], not: vec!["token".into()] };
    let mut finder = Finder::with(&options);
    let mut one = entry("http://a/?token=not-a-secret-1", &[("x-tenant", "tenant-number-1")], "", &[], "");
    finder.redact(&mut one);
    assert_eq!(one.request.url, "http://a/?token=not-a-secret-1");
    assert_eq!(one.request.header("x-tenant"), Some("${secret:x-tenant}"));
    assert_eq!(finder.text("for tenant-number-1"), "for ${secret:x-tenant}");
}

#[test]
fn very_many_secrets_are_still_replaced_where_they_stand() {
    let mut finder = Finder::new();
    for i in 0..600 {
        let token = format!("token-0123456789-{i:0300}");
        let mut one = entry("http://a/", &[("authorization", &format!("Bearer {token}"))], "", &[], "");
        if i % 100 == 0 {
            finder.redact(&mut one);
            assert!(!told(&one).contains(&token));
        } else {
            finder.learn(&one);
        }
    }
    let mut last = entry(
        "http://a/",
        &[("authorization", "Bearer token-0123456789-last")],
        "",
        &[],
        &format!("token-0123456789-{:0300}", 0),
    );
    finder.redact(&mut last);
    assert!(!told(&last).contains("token-0123456789"), "{}", told(&last));
}
