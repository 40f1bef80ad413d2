//! The pages that people see. They work without scripts, and everything that came from outside is escaped.

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use url::Url;

use super::random;
use super::wire::{OauthError, Reply};

const STYLE: &str = "\
:root{color-scheme:light dark;--paper:#f4f5f7;--sheet:#fff;--ink:#1b1f24;--soft:#57606a;--line:#767f8a;--act:#0b5cad;\
--on-act:#fff;--bad:#b3261e}\
@media(prefers-color-scheme:dark){:root{--paper:#14171a;--sheet:#1e2227;--ink:#e8eaed;--soft:#a9b1ba;--line:#848d97;\
--act:#8ab8f0;--on-act:#0b1a2b;--bad:#ff8a80}}\
*{box-sizing:border-box}\
body{margin:0;padding:1rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}\
main{max-width:26rem;margin:8vh auto 0;padding:1.5rem;background:var(--sheet);border-radius:.5rem;overflow-wrap:anywhere}\
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}\
p,ul{margin:0 0 1rem}\
ul{padding-left:1.25rem}\
label{display:block;margin-bottom:.25rem}\
input{display:block;width:100%;margin-bottom:1rem;padding:.5rem .65rem;font:inherit;color:inherit;background:transparent;\
border:1px solid var(--line);border-radius:.3rem}\
input[aria-invalid]{border-color:var(--bad)}\
button{min-height:2.75rem;margin:.25rem .5rem 0 0;padding:.4rem 1.25rem;font:inherit;color:var(--act);background:transparent;\
border:1px solid var(--act);border-radius:.3rem;cursor:pointer}\
button:first-of-type{color:var(--on-act);background:var(--act)}\
:focus-visible{outline:3px solid var(--act);outline-offset:2px}\
.soft{color:var(--soft)}\
.error{padding:.5rem .75rem;color:var(--bad);border:1px solid;border-left-width:.35rem;border-radius:.3rem}";

/// Id of what says why a form is shown again.
const PROBLEM: &str = "problem";

/// What the hidden fields of a form hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct FormFields<'a> {
    /// Path that the form is posted to.
    pub(super) action: &'a str,
    /// Which authorization request it is about.
    pub(super) request: &'a str,
    /// Proof that the form is ours.
    pub(super) csrf: &'a str,
    /// Where the answer will lead, for the content security policy.
    pub(super) redirect_uri: &'a str,
}

impl FormFields<'_> {
    fn open(&self) -> String {
        format!(
            "<form method=\"post\" action=\"{}\">\
             <input type=\"hidden\" name=\"request\" value=\"{}\">\
             <input type=\"hidden\" name=\"csrf\" value=\"{}\">",
            escaped(self.action),
            escaped(self.request),
            escaped(self.csrf),
        )
    }
}

/// The page to sign in; `problem` is why it is shown again.
pub(super) fn sign_in(client: &str, username: &str, problem: Option<&str>, fields: FormFields<'_>) -> Reply {
    let alert = problem
        .map(|text| format!("<p id=\"{PROBLEM}\" class=\"error\" role=\"alert\">{}</p>", escaped(text)))
        .unwrap_or_default();
    let described =
        problem.map(|_| format!(" aria-invalid=\"true\" aria-describedby=\"{PROBLEM}\"")).unwrap_or_default();
    // The first field that is still empty is where to type.
    let (at_name, at_password) = if username.is_empty() { (" autofocus", "") } else { ("", " autofocus") };
    let body = format!(
        "<p class=\"soft\">to continue to <strong>{client}</strong></p>{alert}{form}\
         <label for=\"username\">User name</label>\
         <input id=\"username\" name=\"username\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" \
         required value=\"{username}\"{described}{at_name}>\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required\
         {described}{at_password}>\
         <button type=\"submit\" name=\"action\" value=\"login\">Sign in</button>\
         <button type=\"submit\" name=\"action\" value=\"cancel\" formnovalidate>Cancel</button></form>",
        client = escaped(client),
        username = escaped(username),
        form = fields.open(),
    );
    page(200, "Sign in", &body, Some(fields.redirect_uri))
}

/// The page to allow or deny.
pub(super) fn consent(client: &str, username: &str, scopes: &[String], fields: FormFields<'_>) -> Reply {
    let items: String = scopes.iter().map(|scope| format!("<li>{}</li>", escaped(scope))).collect();
    let body = format!(
        "<p><strong>{client}</strong> asks for</p><ul>{items}</ul>\
         <p class=\"soft\">It would send you to <code>{redirect}</code>.</p>\
         <p class=\"soft\">You are signed in as <strong>{username}</strong>.</p>\
         {form}\
         <button type=\"submit\" name=\"action\" value=\"allow\">Allow</button>\
         <button type=\"submit\" name=\"action\" value=\"deny\">Deny</button></form>",
        client = escaped(client),
        redirect = escaped(fields.redirect_uri),
        username = escaped(username),
        form = fields.open(),
    );
    page(200, "Allow access?", &body, Some(fields.redirect_uri))
}

/// A page that only says something.
pub(super) fn notice(title: &str, text: &str) -> Reply {
    page(200, title, &format!("<p>{}</p>", escaped(text)), None)
}

/// A page for an error that cannot be sent to the client.
pub(super) fn refusal(status: u16, error: &OauthError) -> Reply {
    let body = format!(
        "<p class=\"error\" role=\"alert\">{}</p><p>Error code: <code>{}</code></p>\
         <p>Nothing was sent to the application. Go back to it and try again, or tell its maker.</p>",
        escaped(&error.description),
        escaped(error.code),
    );
    page(status, "This request cannot be granted", &body, None).with_note(error)
}

fn page(status: u16, title: &str, body: &str, leads_to: Option<&str>) -> Reply {
    let nonce = random::secret();
    let title = escaped(title);
    let document = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <style nonce=\"{nonce}\">{STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    // Browsers apply form-action to the redirect that answers the form, too.
    let action = leads_to.and_then(action_source).map(|source| format!(" {source}")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'{action}; frame-ancestors 'none'; base-uri 'none'"
    );
    Reply::text(status, "text/html; charset=utf-8", document)
        .with_header(CONTENT_SECURITY_POLICY, policy)
        .with_header(CACHE_CONTROL, "no-store")
        .with_header(REFERRER_POLICY, "no-referrer")
        .with_header(X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with_header(X_FRAME_OPTIONS, "DENY")
}

/// A redirect URI as a source of a content security policy.
fn action_source(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    Some(match url.origin() {
        origin @ url::Origin::Tuple(..) => origin.ascii_serialization(),
        url::Origin::Opaque(_) => format!("{}:", url.scheme()),
    })
}

/// Text that is safe inside an element and inside a quoted attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_outside_is_text() {
        let nasty = "\"'><script>alert(1)</script>";
        let fields =
            FormFields { action: "/v1/login", request: nasty, csrf: nasty, redirect_uri: "com.example.app:/cb" };
        for reply in [
            sign_in(nasty, nasty, Some(nasty), fields),
            consent(nasty, nasty, &[nasty.to_owned()], fields),
            refusal(400, &OauthError::new("invalid_request", nasty)),
        ] {
            let text = String::from_utf8(reply.body).expect("text");
            assert!(!text.contains("<script") && !text.contains("'>"), "{text}");
            let policy = &reply.headers.iter().find(|(name, _)| name == "content-security-policy").expect("a policy").1;
            assert!(policy.starts_with("default-src 'none'"), "{policy}");
        }
        assert_eq!(action_source("http://127.0.0.1:7/cb").as_deref(), Some("http://127.0.0.1:7"));
        assert_eq!(action_source("com.example.app:/cb").as_deref(), Some("com.example.app:"));
    }
}
