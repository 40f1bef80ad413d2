//! Signing in and agreeing, page by page.

use std::time::Duration;

use http::header::SET_COOKIE;

use super::authorize::Authorization;
use super::defects::IdpDefect;
use super::pages::{self, FormFields};
use super::state::{Pending, Session, State};
use super::wire::{Incoming, OauthError, Params, Reply};

const COOKIE: &str = "idp_session";

impl State {
    /// Shows the page that the request needs, or answers it if the user signed in and agreed before.
    pub(super) fn ask_on_page(&mut self, authorization: Authorization, incoming: &Incoming, now: Duration) -> Reply {
        let known = incoming.cookie(COOKIE).filter(|id| self.sessions.get(id).is_some()).map(str::to_owned);
        let session = known.clone().and_then(|id| self.sessions.get(&id).cloned()).unwrap_or_default();
        let asks = |prompt: &str| authorization.prompts.iter().any(|known| known == prompt);
        let sign_in = asks("login") || asks("select_account");
        let agreed = !asks("consent") && has_agreed(&session, &authorization);
        match (session.user, agreed) {
            (Some((user, since)), true) if !sign_in => return self.grant(authorization, user, since, now, 302),
            (None, _) if asks("none") => {
                let error = OauthError::new("login_required", "nobody is signed in");
                return self.respond_error(&authorization.target, &error, 302);
            }
            _ if asks("none") => {
                let error = OauthError::new("consent_required", "the user has not agreed yet");
                return self.respond_error(&authorization.target, &error, 302);
            }
            _ => {}
        }
        let id = known.unwrap_or_else(|| {
            let id = self.mint();
            self.sessions.insert(id.as_str(), Session::default());
            id
        });
        let request = self.mint();
        let pending = Pending { authorization, session: id.clone(), csrf: self.mint(), sign_in };
        self.pending.insert(request.as_str(), pending.clone());
        let cookie = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax");
        let hint = pending.authorization.login_hint.clone().unwrap_or_default();
        self.show(&request, &pending, &hint, None).with_header(SET_COOKIE, cookie)
    }

    /// The page for a request that waits; `username` is what stands in its field.
    fn show(&self, request: &str, pending: &Pending, username: &str, problem: Option<&str>) -> Reply {
        let authorization = &pending.authorization;
        let action = self.login_path();
        let fields = FormFields {
            action: &action,
            request,
            csrf: &pending.csrf,
            redirect_uri: &authorization.target.redirect_uri,
        };
        let client = &authorization.client.name;
        let signed_in = self.sessions.get(&pending.session).and_then(|session| session.user);
        let user = signed_in.filter(|_| !pending.sign_in).and_then(|(index, _)| self.user(index));
        match user {
            Some(user) => pages::consent(client, &user.username, &authorization.scopes, fields),
            None => pages::sign_in(client, username, problem, fields),
        }
    }

    /// Answers a form of one of the pages.
    pub(super) fn login(&mut self, incoming: &Incoming, now: Duration) -> Reply {
        let refuse = |status: u16, problem: &str| pages::refusal(status, &OauthError::new("invalid_request", problem));
        if !incoming.is_form() {
            return refuse(400, "the form is not application/x-www-form-urlencoded");
        }
        let form = Params::parse(&incoming.body);
        let request = form.one("request").unwrap_or_default().to_owned();
        let Some(mut pending) = self.pending.get(&request).cloned() else {
            return refuse(400, "this page is no longer good; go back to the application and start again");
        };
        let ours = incoming.cookie(COOKIE) == Some(pending.session.as_str())
            && form.one("csrf") == Some(pending.csrf.as_str());
        if !ours && !self.shows(IdpDefect::CsrfNotChecked) {
            return refuse(403, "the form does not come from the page that was shown to this browser");
        }
        let target = pending.authorization.target.clone();
        let signed_in = self.sessions.get(&pending.session).and_then(|session| session.user);
        match (form.one("action").unwrap_or_default(), signed_in) {
            ("login", _) => {
                let username = form.one("username").unwrap_or_default();
                let password = form.one("password").unwrap_or_default();
                let Some(user) = self.user_with(username, password) else {
                    let problem = "User name or password is wrong.";
                    return self.show(&request, &pending, username, Some(problem));
                };
                if let Some(session) = self.sessions.get_mut(&pending.session) {
                    session.user = Some((user, now));
                }
                pending.sign_in = false;
                self.pending.insert(request.as_str(), pending.clone());
                self.show(&request, &pending, username, None)
            }
            ("allow", Some((user, since))) if !pending.sign_in => {
                self.pending.remove(&request);
                let authorization = pending.authorization;
                if let Some(session) = self.sessions.get_mut(&pending.session) {
                    session.consents.retain(|(client, _)| *client != authorization.client.id);
                    session.consents.push((authorization.client.id.clone(), authorization.scopes.clone()));
                }
                self.grant(authorization, user, since, now, 303)
            }
            ("allow", _) => self.show(&request, &pending, "", Some("Sign in first.")),
            ("deny" | "cancel", signed_in) => {
                self.pending.remove(&request);
                match (self.shows(IdpDefect::DenialIgnored), signed_in) {
                    (true, Some((user, since))) => self.grant(pending.authorization, user, since, now, 303),
                    _ => self.respond_denied(&target, 303),
                }
            }
            _ => refuse(400, "the form does not say what to do"),
        }
    }

    fn user_with(&self, username: &str, password: &str) -> Option<usize> {
        let users = &self.settled.config.users;
        let right = |password_of: &str| password_of == password || self.shows(IdpDefect::PasswordNotChecked);
        users.iter().position(|user| user.username == username && right(self.password(user)))
    }
}

fn has_agreed(session: &Session, authorization: &Authorization) -> bool {
    session.consents.iter().any(|(client, scopes)| {
        *client == authorization.client.id && authorization.scopes.iter().all(|scope| scopes.contains(scope))
    })
}
