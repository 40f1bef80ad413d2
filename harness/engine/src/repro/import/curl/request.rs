//! The request that curl makes of its options.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gauntlet_reports::sanitize;
use url::Url;

use super::super::place::{Fault, Notes};
use super::super::{has_placeholder, signed};
use super::options::{Effect, Given};
use super::shell::Command;
use crate::repro::recording::{Payload, Sent};

/// What is said for all URLs of a transfer.
#[derive(Default)]
struct Transfer {
    urls: Vec<(String, usize)>,
    method: Option<String>,
    headers: Vec<(String, String)>,
    /// Headers that are not to be sent.
    removed: Vec<String>,
    body: Option<String>,
    is_json: bool,
    is_get: bool,
    is_head: bool,
    is_literal: bool,
    user: Option<(String, usize)>,
    bearer: Option<String>,
    sigv4: Option<(String, usize)>,
    cookies: Vec<String>,
    agent: Option<String>,
    referer: Option<String>,
    query: Vec<String>,
    version: Option<&'static str>,
}

/// One request for each URL.
pub(super) fn requests(given: &[Given<'_>], command: &Command, notes: &mut Notes) -> Result<Vec<Sent>, Fault> {
    let mut transfer = Transfer::default();
    for option in given {
        transfer.take(option, command)?;
    }
    if transfer.urls.is_empty() && !given.is_empty() {
        return Err(Fault::new(given[0].at, "this command of curl has no URL"));
    }
    let urls = std::mem::take(&mut transfer.urls);
    urls.into_iter().map(|(url, at)| transfer.request(&url, at, notes)).collect()
}

impl Transfer {
    fn take(&mut self, given: &Given<'_>, command: &Command) -> Result<(), Fault> {
        let value = given.value.to_owned();
        match given.effect {
            Effect::Method => self.method = Some(method(&value, given.at)?),
            Effect::Header => self.header(given)?,
            Effect::Data => {
                // What `-d` reads loses its ends of lines on the way.
                let is_read = value == "@-";
                let data = or_input(given, command)?;
                self.data(&if is_read { data.replace(['\r', '\n', '\0'], "") } else { data }, '&');
            }
            Effect::DataBinary => {
                let data = or_input(given, command)?;
                self.data(&data, '&');
            }
            Effect::DataRaw => self.data(&value, '&'),
            Effect::DataUrlencode => {
                let data = encoded(given)?;
                self.data(&data, '&');
            }
            Effect::Json => {
                self.is_json = true;
                let data = or_input(given, command)?;
                self.body.get_or_insert_default().push_str(&data);
            }
            Effect::User => self.user = Some((value, given.at)),
            Effect::Cookie if value.contains('=') => self.cookies.push(value),
            Effect::Cookie => return Err(no_file(given)),
            Effect::Agent => self.agent = Some(value),
            Effect::Referer => self.referer = Some(value.trim_end_matches(";auto").to_owned()),
            Effect::Get => self.is_get = true,
            Effect::Head => self.is_head = true,
            Effect::Url => self.urls.push((value, given.at)),
            Effect::UrlQuery => self.query.push(match value.strip_prefix('+') {
                Some(plain) => plain.to_owned(),
                None => encoded(given)?,
            }),
            Effect::Bearer => self.bearer = Some(value),
            Effect::SigV4 => self.sigv4 = Some((value, given.at)),
            Effect::Globoff => self.is_literal = true,
            Effect::Version(version) => self.version = Some(version),
            Effect::Next | Effect::Silent | Effect::Noted(_) | Effect::Refused(_) => {}
        }
        Ok(())
    }

    /// `-H 'name: value'`, `-H 'name;'` for an empty one, `-H 'name:'` for none.
    fn header(&mut self, given: &Given<'_>) -> Result<(), Fault> {
        let value = given.value;
        if value.starts_with('@') {
            return Err(no_file(given));
        }
        // Browsers copy the pseudo headers of HTTP/2 too; the URL says the same.
        if value.starts_with(':') {
            return Ok(());
        }
        if let Some((name, text)) = value.split_once(':') {
            let (name, text) = (name.trim().to_ascii_lowercase(), text.trim());
            if text.is_empty() {
                self.removed.push(name);
            } else {
                self.headers.push((name, one_line(text)));
            }
            return Ok(());
        }
        match value.trim_end().strip_suffix(';') {
            Some(name) => self.headers.push((name.trim().to_ascii_lowercase(), String::new())),
            None => {
                let shown = sanitize::line(value.split_whitespace().next().unwrap_or_default(), 20);
                return Err(Fault::new(
                    given.at,
                    format!("`{}` is no header: there is no `:` behind `{shown}`", given.name),
                ));
            }
        }
        Ok(())
    }

    fn data(&mut self, data: &str, between: char) {
        match &mut self.body {
            Some(body) => {
                body.push(between);
                body.push_str(data);
            }
            None => self.body = Some(data.to_owned()),
        }
    }

    fn request(&self, url: &str, at: usize, notes: &mut Notes) -> Result<Sent, Fault> {
        let mut url = self.address(url, at, notes)?;
        let mut body = self.body.clone();
        let mut queries = self.query.clone();
        if self.is_get {
            queries.extend(body.take());
        }
        for query in queries.iter().filter(|query| !query.is_empty()) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(query);
        }
        let inferred = if self.is_head {
            "HEAD"
        } else if body.is_some() {
            "POST"
        } else {
            "GET"
        };
        let mut headers = Vec::new();
        if let Some(value) = self.authorization(&mut url, at, notes)? {
            headers.push(("authorization".to_owned(), value));
        }
        let mut add = |name: &str, value: Option<String>| headers.extend(value.map(|value| (name.to_owned(), value)));
        add("user-agent", self.agent.clone().filter(|agent| !agent.is_empty()));
        add("accept", Some(if self.is_json { "application/json" } else { "*/*" }.to_owned()));
        add("referer", self.referer.clone().filter(|referer| !referer.is_empty()));
        add("cookie", (!self.cookies.is_empty()).then(|| self.cookies.join("; ")));
        let kind = if self.is_json { "application/json" } else { "application/x-www-form-urlencoded" };
        add("content-type", body.is_some().then(|| kind.to_owned()));
        // What is said by -H comes in place of what curl would send by itself.
        headers.retain(|(name, _)| !self.removed.contains(name) && !self.headers.iter().any(|(own, _)| own == name));
        headers.extend(
            self.headers.iter().filter(|(name, _)| self.sigv4.is_none() || name != "x-amz-security-token").cloned(),
        );
        Ok(Sent {
            method: self.method.clone().unwrap_or_else(|| inferred.to_owned()),
            url,
            http_version: self.version.map(str::to_owned),
            headers,
            body: body.map(|body| body_of(body, at, notes)).unwrap_or_default(),
        })
    }

    /// An absolute URL.
    fn address(&self, url: &str, at: usize, notes: &mut Notes) -> Result<String, Fault> {
        let mut url = url.trim().to_owned();
        if !self.is_literal {
            // Browsers put a backslash before what curl would take for several URLs.
            for c in ['[', ']', '{', '}'] {
                url = url.replace(&format!("\\{c}"), &c.to_string());
            }
        }
        if url.starts_with("${secret:") {
            let problem = "the URL is a variable without a value; give it one: `--var NAME=https://…`";
            return Err(Fault::new(at, problem));
        }
        if !url.contains("://") {
            notes.add(at, "the URL has no scheme; http, as curl takes it");
            url.insert_str(0, "http://");
        }
        let parsed = Url::parse(&url).map_err(|error| {
            let shown = sanitize::line(url.split(['?', '@']).next().unwrap_or_default(), 60).into_owned();
            Fault::new(at, format!("`{shown}` is no URL: {error}"))
        })?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(Fault::new(
                at,
                format!("a URL of {}; only http and https are read", sanitize::line(parsed.scheme(), 20)),
            ));
        }
        if let Some(end) = url.find('#') {
            url.truncate(end);
        }
        Ok(url)
    }

    /// The credentials; those in the URL are taken out of it.
    fn authorization(&self, url: &mut String, at: usize, notes: &mut Notes) -> Result<Option<String>, Fault> {
        let mut user = self.user.clone();
        let begin = url.find("://").map_or(0, |begin| begin + 3);
        let end = url[begin..].find(['/', '?', '#']).map_or(url.len(), |end| begin + end);
        if let Some(sign) = url[begin..end].rfind('@') {
            let inside = url[begin..begin + sign].to_owned();
            url.replace_range(begin..=begin + sign, "");
            user = user.or(Some((inside, at)));
        }
        if let Some((provider, at)) = &self.sigv4 {
            let signed = signed::Signed::of(provider, url).map_err(|problem| Fault::new(*at, problem))?;
            let (region, service) = (sanitize::line(&signed.region, 60), sanitize::line(&signed.service, 60));
            notes.add(
                *at,
                format!(
                    "a signature is made anew for each request: the target says `auth: {{ sigv4: {{ service: {service}, region: {region} }} }}`; \
                     its keys come from the environment or a profile"
                ),
            );
            return Ok(Some(signed.authorization(user.as_ref().map(|(user, _)| user.as_str()))));
        }
        if let Some(token) = &self.bearer {
            return Ok(Some(format!("Bearer {token}")));
        }
        let Some((user, at)) = user else { return Ok(None) };
        let user = if user.contains(':') { user } else { format!("{user}:") };
        if has_placeholder(&user) {
            let standing = super::super::placeholder("basic");
            notes.add(
                at,
                format!("name and password hold variables: {standing} stands for both, in base64 (`name:password`)"),
            );
            return Ok(Some(format!("Basic {standing}")));
        }
        Ok(Some(format!("Basic {}", STANDARD.encode(user))))
    }
}

/// People write `\"` in single quotes for Windows PowerShell, which takes the quotes away otherwise.
fn body_of(body: String, at: usize, notes: &mut Notes) -> Payload {
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if body.trim_start().starts_with(['{', '[']) && body.contains("\\\"") && !is_json(&body) {
        let meant = body.replace("\\\"", "\"");
        if is_json(&meant) {
            notes.add(at, "the body is JSON only without the backslashes before its quotes: read without them");
            return Payload::whole(meant);
        }
    }
    Payload::whole(body)
}

fn method(value: &str, at: usize) -> Result<String, Fault> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if value.is_empty() || !value.bytes().all(is_token) {
        return Err(Fault::new(at, format!("`{}` is no method of HTTP", sanitize::line(value, 30))));
    }
    Ok(value.to_owned())
}

/// A header's value has no end of line in it.
fn one_line(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], " ")
}

/// The value, or what `@-` reads.
fn or_input(given: &Given<'_>, command: &Command) -> Result<String, Fault> {
    match given.value.strip_prefix('@') {
        None => Ok(given.value.to_owned()),
        Some("-") => command.input.clone().ok_or_else(|| {
            let name = &given.name;
            let why = "takes the body from standard input, which is not in the text; write it behind `--data-raw`";
            Fault::new(given.at, format!("`{name}` {why}"))
        }),
        Some(_) => Err(no_file(given)),
    }
}

fn no_file(given: &Given<'_>) -> Fault {
    let file = sanitize::line(given.value.trim_start_matches('@'), 60);
    let instead = match given.effect {
        Effect::Header => "write the headers",
        Effect::Cookie => "write the cookies as `name=value`",
        _ => "put its text behind `--data-raw`",
    };
    Fault::new(given.at, format!("`{}` names the file `{file}`, and import reads none; {instead}", given.name))
}

/// The forms of `--data-urlencode`: `text`, `=text`, `name=text`.
fn encoded(given: &Given<'_>) -> Result<String, Fault> {
    let value = given.value;
    let sign = value.find(['=', '@']);
    match sign.map(|at| (&value[..at], value.as_bytes()[at], &value[at + 1..])) {
        Some((_, b'@', _)) => Err(no_file(given)),
        Some(("", _, text)) => Ok(percent_encoded(text)),
        Some((name, _, text)) => Ok(format!("{name}={}", percent_encoded(text))),
        None => Ok(percent_encoded(value)),
    }
}

/// All but the unreserved characters of RFC 3986, section 2.3, a space as `+`. What stands for a secret stays.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;

    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(end) = rest.strip_prefix("${secret:").and_then(|inner| inner.find('}')) {
            let (standing, behind) = rest.split_at("${secret:".len() + end + 1);
            out.push_str(standing);
            rest = behind;
            continue;
        }
        let Some(c) = rest.chars().next() else { break };
        rest = &rest[c.len_utf8()..];
        if c == ' ' {
            out.push('+');
        } else if c.is_ascii_alphanumeric() || "-._~".contains(c) {
            out.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
