//! Signing in and agreeing by hand.

use gauntlet_mocks::MockHandle;
use regex::Regex;
use serde_json::json;

use crate::requests::*;
use crate::support::{Probe, Seen, var};

/// A browser: it keeps its cookie and fills in forms.
struct Browser<'m> {
    mock: &'m MockHandle,
    cookie: Option<String>,
}

impl<'m> Browser<'m> {
    fn new(mock: &'m MockHandle) -> Self {
        Self { mock, cookie: None }
    }

    async fn send(&mut self, probe: Probe) -> Seen {
        let probe = match &self.cookie {
            Some(cookie) => probe.header("cookie", &format!("theme=dark; {cookie}")),
            None => probe,
        };
        let seen = send(self.mock, &probe).await;
        if let Some(set) = seen.header("set-cookie") {
            assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        seen
    }

    async fn open(&mut self, form: &Form) -> Seen {
        let path = format!("{}?{}", path_of(self.mock, "authorization_endpoint"), form.encoded());
        self.send(Probe::new("GET", &path).header("accept", "text/html,application/xhtml+xml")).await
    }

    /// Sends the form of a page with these fields, its hidden ones included.
    async fn submit(&mut self, page: &Seen, fields: &[(&str, &str)]) -> Seen {
        let (action, form) = form_of(page);
        let form = fields.iter().fold(form, |form, (name, value)| form.with(name, value));
        self.send(form_probe(&action, &form)).await
    }
}

fn form_of(page: &Seen) -> (String, Form) {
    let action = Regex::new(r#"<form method="post" action="([^"]+)""#).expect("a pattern");
    let hidden = Regex::new(r#"<input type="hidden" name="([^"]+)" value="([^"]*)""#).expect("a pattern");
    let action = action.captures(&page.body).unwrap_or_else(|| panic!("no form: {}", page.body))[1].to_owned();
    let fields = hidden.captures_iter(&page.body).map(|found| (found[1].to_owned(), found[2].to_owned()));
    (action, Form(fields.collect()))
}

#[tokio::test]
async fn a_person_signs_in_and_allows() {
    let mock = idp(json!({ "consent": "page" })).await;
    let mut browser = Browser::new(&mock);
    let form = request(&mock).with("scope", "gateway/invoke");
    let page = browser.open(&form).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<label for=\"username\">") && page.body.contains("type=\"password\""));
    assert!(!page.body.contains("<script"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self' http://127.0.0.1:43211"));
    assert_eq!(page.header("cache-control"), Some("no-store"));

    let (name, password) = (var(&mock, "username"), var(&mock, "password"));
    let wrong = browser.submit(&page, &[("action", "login"), ("username", name), ("password", "wrong")]).await;
    assert!(wrong.body.contains("role=\"alert\"") && wrong.body.contains("type=\"password\""));
    let consent = browser.submit(&wrong, &[("action", "login"), ("username", name), ("password", password)]).await;
    assert!(consent.body.contains("gateway/invoke") && consent.body.contains("value=\"allow\""), "{}", consent.body);
    let done = browser.submit(&consent, &[("action", "allow")]).await;
    assert_eq!(done.status, 303);
    let landed = response(&done);
    assert_eq!((landed["state"].as_str(), landed["iss"].as_str()), ("a state/+ä", mock.url()));
    assert_eq!(token(&mock, &exchange(&mock, &landed["code"])).await.status, 200);

    let again = browser.open(&form).await;
    assert!(response(&again).contains_key("code"), "signed in and agreed before");
    assert!(response(&browser.open(&form.clone().with("prompt", "none")).await).contains_key("code"));
    let asked = browser.open(&form.clone().with("prompt", "consent")).await;
    assert!(asked.body.contains("value=\"allow\""));
    let more = browser.open(&form.clone().with("scope", "gateway/invoke gateway/admin")).await;
    assert!(more.body.contains("value=\"allow\""), "another scope is asked for");
    let login = browser.open(&form.clone().with("prompt", "login")).await;
    assert!(login.body.contains("type=\"password\""));
    let early = browser.submit(&login, &[("action", "allow")]).await;
    assert!(early.body.contains("type=\"password\""), "the sign-in cannot be skipped");
    let used = browser.submit(&consent, &[("action", "allow")]).await;
    assert_eq!(used.status, 400, "a page works once");
}

#[tokio::test]
async fn a_person_refuses() {
    let mock = idp(json!({ "consent": "page" })).await;
    let mut browser = Browser::new(&mock);
    let page = browser.open(&request(&mock)).await;
    let cancelled = response(&browser.submit(&page, &[("action", "cancel")]).await);
    assert_eq!(cancelled["error"], "access_denied");
    let page = browser.open(&request(&mock)).await;
    let fields = [("action", "login"), ("username", var(&mock, "username")), ("password", var(&mock, "password"))];
    let consent = browser.submit(&page, &fields).await;
    let denied = response(&browser.submit(&consent, &[("action", "deny")]).await);
    assert_eq!((denied["error"].as_str(), denied["iss"].as_str()), ("access_denied", mock.url()));
}

#[tokio::test]
async fn nobody_may_be_there_to_ask() {
    let mock = idp(json!({ "consent": "page" })).await;
    let mut browser = Browser::new(&mock);
    let silent = request(&mock).with("prompt", "none");
    assert_eq!(response(&browser.open(&silent).await)["error"], "login_required");
    let page = browser.open(&request(&mock)).await;
    let fields = [("action", "login"), ("username", var(&mock, "username")), ("password", var(&mock, "password"))];
    browser.submit(&page, &fields).await;
    assert_eq!(response(&browser.open(&silent).await)["error"], "consent_required");
}

#[tokio::test]
async fn forms_of_others_are_refused() {
    let mock = idp(json!({ "consent": "page" })).await;
    let mut browser = Browser::new(&mock);
    let page = browser.open(&request(&mock)).await;
    let fields = [("action", "login"), ("username", var(&mock, "username")), ("password", var(&mock, "password"))];
    let (action, form) = form_of(&page);
    let form = fields.iter().fold(form, |form, (name, value)| form.with(name, value));
    let without_cookie = send(&mock, &form_probe(&action, &form)).await;
    assert_eq!(without_cookie.status, 403);
    assert_eq!(browser.send(form_probe(&action, &form.clone().with("csrf", "guessed"))).await.status, 403);
    assert_eq!(browser.send(form_probe(&action, &form.clone().with("request", "guessed"))).await.status, 400);
    assert_eq!(browser.send(form_probe(&action, &form.clone().with("action", "explode"))).await.status, 400);
    let mut other = Browser::new(&mock);
    other.open(&request(&mock)).await;
    assert_eq!(other.send(form_probe(&action, &form)).await.status, 403, "the form of another browser");
    assert_eq!(get(&mock, &action).await.status, 405);
}

#[tokio::test]
async fn names_are_escaped() {
    let name = "<script>alert(1)</script>\"'&";
    let mock = idp(json!({ "consent": "page", "clients": [{ "id": "nasty", "name": name }] })).await;
    let mut browser = Browser::new(&mock);
    let page = browser.open(&request(&mock).with("client_id", "nasty").with("login_hint", name)).await;
    assert!(!page.body.contains("<script>") && page.body.contains("&lt;script&gt;"), "{}", page.body);
    let refused = browser.open(&request(&mock).with("client_id", name)).await;
    assert_eq!(refused.status, 400);
    assert!(!refused.body.contains("<script>"), "{}", refused.body);
}
