//! Looks at every place of an entry.

mod body;
mod text;

use serde_json::Value;
use url::form_urlencoded;

use super::names::folded;
use super::search::{Edit, applied};
use super::{Finder, Kind, shapes, shown};
use crate::repro::recording::{Entry, Transport};
use crate::transport::media_type;

/// Layers of documents inside texts of documents that are looked into.
const LAYERS: usize = 4;

/// Credentials whose parameters are not all secret.
const SIGNED: &str = "AWS4-";

/// Looks at an entry, and replaces what is secret.
pub(super) struct Eye<'f> {
    finder: &'f mut Finder,
    /// `request` or `response`.
    side: &'static str,
    /// Where on that side: `body`, `url`, `header x`.
    part: String,
    replaces: bool,
}

impl<'f> Eye<'f> {
    pub(super) fn new(finder: &'f mut Finder, replaces: bool) -> Self {
        Self { finder, side: "request", part: String::new(), replaces }
    }

    /// Everything of an entry: first what is secret where it stands, then what is known by value.
    pub(super) fn entry(mut self, entry: &mut Entry) {
        let Entry { transport, request, response, failure, session, .. } = entry;
        "url".clone_into(&mut self.part);
        if let Some(changed) = self.url(&request.url) {
            request.url = changed;
        }
        self.headers(&mut request.headers);
        let media = media_type(&request.headers).map(str::to_owned);
        "body".clone_into(&mut self.part);
        let is_cut = request.body.left_out > 0;
        self.body(&mut request.body, &mut [], body::Form::of(media.as_deref()), is_cut);
        if let Some(response) = response {
            self.side = "response";
            self.headers(&mut response.headers);
            let form = match transport {
                Transport::Stdio => body::Form::Lines,
                Transport::Http => body::Form::of(media_type(&response.headers)),
            };
            "body".clone_into(&mut self.part);
            let is_cut = response.body.left_out > 0 || failure.is_some();
            self.body(&mut response.body, &mut response.arrivals, form, is_cut);
        }
        if self.replaces {
            let request_headers = request.headers.iter_mut();
            let response_headers = response.iter_mut().flat_map(|response| response.headers.iter_mut());
            let headers = request_headers.chain(response_headers).map(|(_, value)| value);
            let texts = std::iter::once(&mut request.url).chain(headers).chain(failure).chain(session);
            for text in texts {
                let edits = self.finder.edits(text, false);
                if !edits.is_empty() {
                    *text = applied(text, &edits);
                }
            }
        }
    }

    /// Takes a value down, and says what comes in its place here.
    fn note(&mut self, value: &str, kind: Kind, name: &str) -> Option<String> {
        let place = format!("{} {}", self.side, self.part);
        let replacement = self.finder.note(value, kind, name, &place)?;
        if !self.replaces {
            return None;
        }
        self.finder.count(&replacement);
        Some(replacement)
    }

    /// As [`note`](Self::note), of what stands under a name in this part.
    fn named(&mut self, value: &str, kind: Kind, name: &str) -> Option<String> {
        let part = format!("{} {}", self.part, shown(name));
        let part = std::mem::replace(&mut self.part, part);
        let replacement = self.note(value, kind, name);
        self.part = part;
        replacement
    }

    fn headers(&mut self, headers: &mut [(String, String)]) {
        for (name, value) in headers {
            self.part = format!("header {}", shown(name));
            if let Some(changed) = self.header(name, value) {
                *value = changed;
            }
        }
    }

    /// The value of a header, or of what has the name of one.
    fn header(&mut self, name: &str, value: &str) -> Option<String> {
        let excused = self.finder.names.is_excused(name);
        match folded(name).as_str() {
            _ if excused => self.text(value),
            "cookie" => self.pairs(value, true),
            "setcookie" => {
                let (pair, attributes) = value.split_once(';').map_or((value, ""), |(pair, rest)| (pair, rest));
                let pair = self.pairs(pair, false)?;
                Some(if attributes.is_empty() { pair } else { format!("{pair};{attributes}") })
            }
            "location" | "referer" | "contentlocation" => self.url(value),
            "wwwauthenticate" | "proxyauthenticate" => self.shapes(value),
            folded if folded.ends_with("authorization") => self.credentials(name, value),
            _ if self.finder.names.is_secret(name) => match value.split_once(' ') {
                Some((scheme, _)) if scheme.eq_ignore_ascii_case("bearer") => self.credentials(name, value),
                _ => self.note(value, Kind::Header, name),
            },
            _ => self.value(value, LAYERS),
        }
    }

    /// `name=value` of cookies.
    fn pairs(&mut self, value: &str, several: bool) -> Option<String> {
        let mut changed = false;
        let cookies: Vec<&str> = if several { value.split(';').collect() } else { vec![value] };
        let mut out = Vec::with_capacity(cookies.len());
        for cookie in cookies {
            let replaced = cookie.split_once('=').and_then(|(name, value)| {
                let bare = value.trim().trim_matches('"');
                let replacement = self.note(bare, Kind::Cookie, &format!("cookie-{}", name.trim()))?;
                Some(format!("{name}={replacement}"))
            });
            changed |= replaced.is_some();
            out.push(replaced.unwrap_or_else(|| cookie.to_owned()));
        }
        changed.then(|| out.join(";"))
    }

    /// A scheme and what it takes; or a token alone.
    fn credentials(&mut self, name: &str, value: &str) -> Option<String> {
        let is_scheme = |text: &str| text.len() <= 24 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let Some((scheme, credentials)) = value.trim().split_once(' ').filter(|(scheme, _)| is_scheme(scheme)) else {
            return self.note(value.trim(), Kind::Header, name);
        };
        let credentials = credentials.trim();
        if scheme.starts_with(SIGNED) {
            return self.shapes(value);
        }
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Kind::Bearer,
            "basic" => Kind::Basic,
            _ => Kind::Header,
        };
        if kind == Kind::Basic
            && let Some(password) = shapes::basic(credentials)
        {
            let _ = self.note(&password, Kind::Basic, "password");
            // Credentials of OAuth clients are form-encoded first (RFC 6749 section 2.3.1).
            let _ = self.note(&percent_decoded(&password), Kind::Basic, "password");
        }
        let replacement = self.note(credentials, kind, name)?;
        Some(format!("{scheme} {replacement}"))
    }

    /// A URL, absolute or not: what stands before the host, parameters of query and fragment, and the rest by its form.
    fn url(&mut self, text: &str) -> Option<String> {
        let (head, fragment) = text.split_once('#').map_or((text, None), |(head, fragment)| (head, Some(fragment)));
        let (path, query) = head.split_once('?').map_or((head, None), |(path, query)| (path, Some(query)));
        let new_path = self.shapes(path);
        let new_query = query.and_then(|query| self.parameters(query));
        let new_fragment = fragment.and_then(|fragment| self.parameters(fragment));
        if new_path.is_none() && new_query.is_none() && new_fragment.is_none() {
            return None;
        }
        let mut out = new_path.unwrap_or_else(|| path.to_owned());
        for (sign, new, old) in [('?', new_query, query), ('#', new_fragment, fragment)] {
            if let Some(part) = new.as_deref().or(old) {
                out.push(sign);
                out.push_str(part);
            }
        }
        Some(out)
    }

    /// Parameters of a query or a form.
    fn parameters(&mut self, text: &str) -> Option<String> {
        let names: Vec<String> = form_urlencoded::parse(text.as_bytes()).map(|(name, _)| folded(&name)).collect();
        let is_redirect =
            names.iter().any(|name| matches!(name.as_str(), "state" | "iss" | "granttype" | "redirecturi"));
        let mut changed = false;
        let mut out = Vec::new();
        for raw in text.split('&') {
            let replaced = self.parameter(raw, is_redirect);
            changed |= replaced.is_some();
            out.push(replaced.unwrap_or_else(|| raw.to_owned()));
        }
        changed.then(|| out.join("&"))
    }

    fn parameter(&mut self, raw: &str, is_redirect: bool) -> Option<String> {
        let (name, value) = form_urlencoded::parse(raw.as_bytes()).next()?;
        let raw_name = raw.split('=').next().unwrap_or_default();
        let raw_value = raw.get(raw_name.len() + 1..).unwrap_or_default();
        let kept = |changed: &str| format!("{raw_name}={}", encoded(changed));
        let is_code =
            folded(&name) == "code" && !self.finder.names.is_excused(&name) && (is_redirect || value.len() >= 8);
        if !is_code && !self.finder.names.is_secret(&name) {
            if folded(&name).ends_with("credential") {
                return self.shapes(raw_value).map(|changed| format!("{raw_name}={changed}"));
            }
            return self.value(&value, LAYERS).map(|changed| kept(&changed));
        }
        let is_signature = folded(&name).ends_with("signature");
        let kind = if is_signature { Kind::Signature } else { Kind::Parameter };
        // A sign that some mean as itself and others as a space.
        if raw_value.contains('+') {
            let plain = percent_decoded(&raw_value.replace('+', "%2B"));
            let _ = self.named(&plain, kind, &name);
        }
        self.named(&value, kind, &name).map(|replacement| kept(&replacement))
    }

    /// A text that may be a document, a URL, or hold secrets that show.
    fn value(&mut self, text: &str, layers: usize) -> Option<String> {
        if layers > 0
            && text.trim_start().starts_with(['{', '['])
            && let Ok(mut document) = serde_json::from_str::<Value>(text)
        {
            return self.document(&mut document, layers - 1).then(|| document.to_string());
        }
        let is_url = text.contains("://") && text.contains(['?', '#']) && !text.contains(char::is_whitespace);
        if is_url { self.url(text) } else { self.text(text) }
    }

    /// A document. Whether something in it was replaced.
    fn document(&mut self, value: &mut Value, layers: usize) -> bool {
        match value {
            Value::String(text) => match self.value(text, layers) {
                Some(changed) => {
                    *text = changed;
                    true
                }
                None => false,
            },
            Value::Array(items) => {
                items.iter_mut().filter_map(|item| self.document(item, layers).then_some(())).count() > 0
            }
            Value::Object(members) => {
                let is_exchange = members.keys().any(|name| {
                    matches!(folded(name).as_str(), "granttype" | "codeverifier" | "redirecturi" | "clientsecret")
                });
                // Headers and variables of an environment as a list.
                let labelled = ["name", "key"].iter().find_map(|name| members.get(*name)?.as_str().map(str::to_owned));
                members.iter_mut().fold(false, |any, (name, member)| {
                    let name = labelled.as_deref().filter(|_| name == "value").unwrap_or(name).to_owned();
                    self.member(&name, member, is_exchange, layers) || any
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn member(&mut self, name: &str, value: &mut Value, is_exchange: bool, layers: usize) -> bool {
        let folded = folded(name);
        let is_header = matches!(folded.as_str(), "cookie" | "setcookie") || folded.ends_with("authorization");
        let is_secret =
            self.finder.names.is_secret(name) || is_exchange && folded == "code" && !self.finder.names.is_excused(name);
        let replacement = match value {
            Value::String(text) if is_header => {
                let part = format!("{} {}", self.part, shown(name));
                let part = std::mem::replace(&mut self.part, part);
                let replacement = self.header(name, text);
                self.part = part;
                replacement
            }
            Value::String(text) if is_secret => self.named(text, Kind::Member, name),
            Value::Number(number) if is_secret && is_typed_in(&folded) => {
                let replacement = self.named(&number.to_string(), Kind::Member, name);
                replacement.or_else(|| self.replaces.then(|| self.finder.text(&number.to_string())))
            }
            Value::Array(items) if is_header || is_secret => {
                return items.iter_mut().fold(false, |any, item| match item {
                    Value::String(_) => self.member(name, item, is_exchange, layers) || any,
                    _ => self.document(item, layers) || any,
                });
            }
            _ => return self.document(value, layers),
        };
        match replacement {
            Some(text) => {
                *value = Value::String(text);
                true
            }
            None => false,
        }
    }

    /// Replaces parts of a text.
    fn replaced(&mut self, text: &str, parts: Vec<(std::ops::Range<usize>, Kind, String)>) -> Option<String> {
        let mut edits = Vec::new();
        for (range, kind, name) in parts {
            let value = &text[range.clone()];
            if let Some(with) = self.note(value, kind, &name) {
                edits.push(Edit { range, with });
            }
        }
        if edits.is_empty() {
            return None;
        }
        edits.sort_by_key(|edit| edit.range.start);
        Some(applied(text, &edits))
    }
}

/// Whether somebody may have typed it in as a number.
fn is_typed_in(folded: &str) -> bool {
    ["password", "passwd", "pwd", "passcode", "secret"].iter().any(|end| folded.ends_with(end))
}

fn percent_decoded(text: &str) -> String {
    form_urlencoded::parse(format!("x={}", text.replace('&', "%26")).as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

/// As a parameter, but for what stands for secrets.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(super::names::PREFIX) {
        let Some((_, length)) = super::names::placeholder(&rest[at..]) else { break };
        out.extend(form_urlencoded::byte_serialize(&rest.as_bytes()[..at]));
        out.push_str(&rest[at..at + length]);
        rest = &rest[at + length..];
    }
    out.extend(form_urlencoded::byte_serialize(rest.as_bytes()));
    out
}
