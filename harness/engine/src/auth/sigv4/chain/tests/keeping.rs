//! What is found is kept, and got anew before it ends.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::renewal;
use super::lab::{Lab, Service, in_seconds, refused, role};

const PROFILE: &str = "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n\
    [profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n";

async fn lab(answers: impl IntoIterator<Item = (u16, &'static str, String)>) -> (Lab, Service) {
    let sts = Service::start(answers).await;
    (Lab::new().config(PROFILE).set("AWS_ENDPOINT_URL_STS", &sts.url), sts)
}

#[tokio::test]
async fn parallel_cases_ask_once() {
    let (lab, sts) = lab([role("ASIAONE", &in_seconds(3600))]).await;
    let chain = Arc::new(lab.chain());
    let asked = (0..20).map(|_| {
        let (chain, witness) = (Arc::clone(&chain), lab.witness.clone());
        tokio::spawn(async move { chain.credentials(Some("p"), &witness).await.unwrap() })
    });
    for one in asked.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap().access_key_id(), "ASIAONE");
    }
    assert_eq!(sts.got().len(), 1);
}

#[tokio::test]
async fn credentials_are_got_anew_before_they_end() {
    // Four seconds to live: anew after two.
    let (lab, sts) = lab([role("ASIAONE", &in_seconds(4)), role("ASIATWO", &in_seconds(3600))]).await;
    let chain = lab.chain();
    let key = async || chain.credentials(Some("p"), &lab.witness).await.unwrap().access_key_id().to_owned();
    assert_eq!((key().await, key().await), ("ASIAONE".to_owned(), "ASIAONE".to_owned()));
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert_eq!(key().await, "ASIATWO");
    assert_eq!(sts.got().len(), 2);
}

#[tokio::test]
async fn what_still_holds_is_used_while_nothing_new_is_to_be_had() {
    let (lab, _sts) = lab([role("ASIAONE", &in_seconds(6)), refused(503, "ServiceUnavailable", "later")]).await;
    let chain = lab.chain();
    let key = async || chain.credentials(Some("p"), &lab.witness).await.map(|found| found.access_key_id().to_owned());
    assert_eq!(key().await.as_deref(), Ok("ASIAONE"));
    tokio::time::sleep(Duration::from_millis(3200)).await;
    assert_eq!(key().await.as_deref(), Ok("ASIAONE"));
}

#[tokio::test]
async fn a_refusal_is_not_asked_for_again_at_once() {
    let (lab, sts) = lab([refused(403, "AccessDenied", "no")]).await;
    let chain = lab.chain();
    let first = chain.credentials(Some("p"), &lab.witness).await.unwrap_err();
    assert_eq!(chain.credentials(Some("p"), &lab.witness).await.unwrap_err(), first);
    assert_eq!(sts.got().len(), 1);
}

#[test]
fn the_time_of_renewal() {
    let now = SystemTime::UNIX_EPOCH;
    let after = |left: u64| renewal(now, now + Duration::from_secs(left)).duration_since(now).unwrap().as_secs();
    assert_eq!([after(3600), after(900), after(400), after(0)], [3300, 600, 200, 0]);
}
