//! Secrets stay with the origin they are meant for.

use std::sync::{Arc, Mutex};

use gauntlet::config::TargetSpec;
use gauntlet_reports::Verdict;
use serde_json::json;

use crate::support::{JSON, pinned, quick, response, run, serve};

const CANARY: &str = "canary-b3f1c0ffee-sEcReT";

/// A server that keeps what it was sent; everything it says is the same.
async fn listener(answer: Vec<u8>) -> (String, Arc<Mutex<String>>) {
    let heard = Arc::new(Mutex::new(String::new()));
    let ear = Arc::clone(&heard);
    let url = serve(move |peer| {
        ear.lock().unwrap().push_str(&peer.head);
        ear.lock().unwrap().push_str("\n\n");
        peer.say(answer.clone())
    })
    .await;
    (url, heard)
}

fn with_credentials(url: &str) -> Vec<TargetSpec> {
    let auths = [
        json!({ "bearer": CANARY }),
        json!({ "basic": { "username": "u", "password": CANARY } }),
        json!({ "header": { "x-api-key": CANARY } }),
        json!({ "sigv4": { "service": "s", "region": "r", "access_key_id": "AKIAX", "secret_access_key": "k", "session_token": CANARY } }),
    ];
    auths
        .into_iter()
        .map(|auth| {
            let headers = [("x-own".to_owned(), json!(CANARY))].into_iter().collect();
            TargetSpec { auth: Some(auth), headers, ..pinned("bad", url) }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_do_not_go_to_another_origin() {
    let answer = response("200 OK", JSON, "{}");
    let (foreign, heard_abroad) = listener(answer.clone()).await;
    let (own, heard_at_home) = listener(answer).await;
    let scenario = format!(
        "id: abroad\ntitle: x\ntarget: bad\nlifecycle: manual\nvars: {{ there: \"{foreign}\" }}\nsteps:\n  - http: GET ${{there}}\n    expect: {{ status: 200 }}\n  - http: GET /home\n    expect: {{ status: 200 }}\n"
    );
    for spec in with_credentials(&own) {
        let run = run(vec![spec], &[&scenario], quick()).await;
        assert_eq!(run.case("abroad").verdict, Verdict::Pass, "{}", run.console());
    }
    let abroad = heard_abroad.lock().unwrap().to_lowercase();
    assert_eq!(abroad.matches("get /mcp").count(), 4, "{abroad}");
    for word in ["authorization", "x-api-key", "x-own", "x-amz", &CANARY.to_lowercase()] {
        assert!(!abroad.contains(word), "{word} went abroad: {abroad}");
    }
    let home = heard_at_home.lock().unwrap().to_lowercase();
    assert_eq!(home.matches("\nx-own: ").count(), 4);
    assert_eq!(home.matches("\nauthorization").count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_do_not_follow_a_redirect() {
    let (foreign, heard_abroad) = listener(response("200 OK", JSON, "{}")).await;
    let (own, _) = listener(response("307 Temporary Redirect", &format!("location: {foreign}\r\n"), "")).await;
    let scenario = "id: away\ntitle: x\ntarget: bad\nlifecycle: manual\nsteps:\n  - call: tools/list\n    expect: { status: 307 }\n";
    for spec in with_credentials(&own) {
        let run = run(vec![spec], &[scenario], quick()).await;
        assert_eq!(run.case("away").verdict, Verdict::Pass, "{}", run.console());
    }
    assert_eq!(*heard_abroad.lock().unwrap(), "");
}
