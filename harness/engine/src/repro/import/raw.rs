//! HTTP as text: on the wire (RFC 9112), as `curl -v` prints it, as browsers copy the headers of HTTP/2 and 3, and in files of REST
//! clients.

use std::collections::BTreeMap;
use std::time::Duration;

use gauntlet_reports::sanitize;
use url::Url;

use super::detect::is_request;
use super::place::{Fault, Notes, Place};
use super::{Error, Note, Options, placeholder, request};
use crate::repro::recording::{Entry, Payload, Received, Recording, Sent};

/// Reads all requests of a text, each with its response if that follows.
pub(super) fn read(text: &str, name: &str, options: &Options) -> Result<(Recording, Vec<Note>), Error> {
    let mut notes = Notes::default();
    let lines = lines(text, &options.variables, &mut notes);
    let lines = if lines.iter().any(is_verbose) { of_curl(&lines) } else { lines };
    let mut reader = Reader { lines, at: 0, notes: &mut notes };
    let mut entries = Vec::new();
    loop {
        match reader.exchange() {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => break,
            Err(fault) => return Err(fault.of(text, name)),
        }
        if entries.len() > options.limits.entries {
            let problem = format!("more than {} requests; take a part of them", options.limits.entries);
            return Err(Error::Unusable { name: name.to_owned(), problem });
        }
    }
    if entries.is_empty() {
        let problem = "no request is in it; one begins with a line such as `POST /mcp HTTP/1.1` or `POST https://api.example.com/mcp`";
        return Err(Error::Malformed { name: name.to_owned(), place: Place::line(1), problem: problem.to_owned() });
    }
    Ok((Recording { creator: None, entries }, notes.of(text)))
}

/// A line without its end, variables replaced.
struct Line {
    text: String,
    at: usize,
}

fn lines(text: &str, given: &BTreeMap<String, String>, notes: &mut Notes) -> Vec<Line> {
    let mut at = 0;
    let mut own: BTreeMap<String, String> = BTreeMap::new();
    let mut lines = Vec::new();
    for whole in text.split_inclusive('\n') {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = replaced(line, |name| {
            given.get(name).or_else(|| own.get(name)).cloned().unwrap_or_else(|| {
                let standing = placeholder(name);
                let name = sanitize::line(name, 40);
                notes.add(at, format!("the variable {{{{{name}}}}} has no value here: {standing} stands for it, `--var {name}=VALUE` gives one"));
                standing
            })
        });
        // `@host = api.example.com` of a REST client.
        let assigned = line.strip_prefix('@').and_then(|line| line.split_once('='));
        match assigned {
            Some((name, value)) if name.trim().chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) => {
                own.insert(name.trim().to_owned(), value.trim().to_owned());
            }
            _ => lines.push(Line { text: line, at }),
        }
        at += whole.len();
    }
    lines
}

/// `{{name}}` replaced.
fn replaced(line: &str, mut value: impl FnMut(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(begin) = rest.find("{{") {
        let inner = &rest[begin + 2..];
        let name = inner.find("}}").map(|end| &inner[..end]);
        let is_name = |name: &str| {
            let name = name.trim();
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.$ ".contains(c))
        };
        match name.filter(|name| is_name(name)) {
            Some(name) => {
                out.push_str(&rest[..begin]);
                out.push_str(&value(name.trim()));
                rest = &inner[name.len() + 2..];
            }
            None => {
                out.push_str(&rest[..begin + 2]);
                rest = inner;
            }
        }
    }
    out.push_str(rest);
    out
}

fn is_verbose(line: &Line) -> bool {
    line.text.strip_prefix("> ").is_some_and(is_request)
}

/// What `curl -v` prints, as it is on the wire: `>` was sent, `<` came, `*` is said by curl, the rest is the body.
fn of_curl(lines: &[Line]) -> Vec<Line> {
    let mut out = Vec::new();
    let mut has_begun = false;
    for line in lines {
        let text = line.text.as_str();
        let sent = text.strip_prefix('>');
        let came = text.strip_prefix('<').filter(|rest| rest.is_empty() || rest.starts_with(' '));
        has_begun |= is_verbose(line);
        let kept = match sent.or(came) {
            Some(header) => header.strip_prefix(' ').unwrap_or(header),
            None if text.starts_with("* ") || text == "*" || text.starts_with("{ [") || text.starts_with("} [") => {
                continue;
            }
            None => text,
        };
        if has_begun {
            out.push(Line { text: kept.to_owned(), at: line.at });
        }
    }
    out
}

struct Reader<'n> {
    lines: Vec<Line>,
    at: usize,
    notes: &'n mut Notes,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Line> {
        self.lines.get(self.at)
    }

    /// The next request with its response.
    fn exchange(&mut self) -> Result<Option<Entry>, Fault> {
        while let Some(line) = self.peek() {
            let text = line.text.trim();
            if is_pseudo(text) || is_begin(text) {
                break;
            }
            if !(text.is_empty() || text.starts_with('#') || text.starts_with("//")) {
                let shown = sanitize::line(text, 40).into_owned();
                return Err(Fault::new(
                    line.at,
                    format!("`{shown}` is no line of a request; one begins with a line such as `POST /mcp HTTP/1.1`"),
                ));
            }
            self.at += 1;
        }
        let Some(line) = self.peek() else { return Ok(None) };
        let begin = line.at;
        let sent = if is_pseudo(line.text.trim()) { self.multiplexed(begin)? } else { self.plain(begin)? };
        let mut entry = request(sent);
        while self.peek().is_some_and(|line| line.text.trim().is_empty()) {
            self.at += 1;
        }
        if self.peek().is_some_and(|line| status(&line.text).is_some()) {
            entry.response = self.response()?;
            entry.began = Some(Duration::ZERO);
        }
        Ok(Some(entry))
    }

    /// `POST /mcp HTTP/1.1`, headers, body.
    fn plain(&mut self, begin: usize) -> Result<Sent, Fault> {
        let line = self.peek().map(|line| line.text.trim().to_owned()).unwrap_or_default();
        self.at += 1;
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        let (method, target) = match words.next() {
            Some(target) if !target.starts_with("HTTP/") => (first, target),
            _ => ("GET", first),
        };
        let mut target = target.to_owned();
        let version = line.split_whitespace().find(|word| word.starts_with("HTTP/"));
        // REST clients let a query go over several lines.
        while let Some(next) = self
            .peek()
            .map(|line| line.text.as_str())
            .filter(|next| next.starts_with([' ', '\t']) && next.trim_start().starts_with(['?', '&']))
        {
            target.push_str(next.trim());
            self.at += 1;
        }
        let headers = self.headers()?;
        let url = self.address(&target, &headers, None, begin)?;
        let body = self.body(&headers)?;
        Ok(Sent { method: method.to_owned(), url, http_version: version.map(str::to_owned), headers, body })
    }

    /// `:method: POST`, or name and value on lines of their own.
    fn multiplexed(&mut self, begin: usize) -> Result<Sent, Fault> {
        let is_apart = self.peek().is_some_and(|line| line.text.trim().rfind(':') == Some(0));
        let all = if is_apart { self.pairs() } else { self.headers()? };
        let pseudo = |name: &str| all.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let authority = pseudo(":authority")
            .ok_or_else(|| Fault::new(begin, "there is no `:authority`; copy all headers of the request"))?;
        let scheme = pseudo(":scheme");
        let path = pseudo(":path").unwrap_or_else(|| "/".to_owned());
        let method = pseudo(":method").unwrap_or_else(|| "GET".to_owned());
        let mut headers: Vec<(String, String)> =
            all.iter().filter(|(name, _)| !name.starts_with(':')).cloned().collect();
        headers.insert(0, ("host".to_owned(), authority));
        let url = self.address(&path, &headers, scheme.as_deref(), begin)?;
        headers.remove(0);
        let body = self.body(&headers)?;
        Ok(Sent { method, url, http_version: Some("h2".to_owned()), headers, body })
    }

    /// Names and values, each on a line of its own, as a browser copies them from its table.
    fn pairs(&mut self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        while let (Some(name), Some(value)) = (self.lines.get(self.at), self.lines.get(self.at + 1)) {
            let name = name.text.trim().trim_end_matches(':').to_ascii_lowercase();
            if name.trim_start_matches(':').is_empty() || name.contains(' ') {
                break;
            }
            pairs.push((name, value.text.trim().to_owned()));
            self.at += 2;
        }
        pairs
    }

    /// Headers up to the empty line behind them, which is passed over.
    fn headers(&mut self) -> Result<Vec<(String, String)>, Fault> {
        let mut headers: Vec<(String, String)> = Vec::new();
        while let Some(line) = self.lines.get(self.at) {
            let text = line.text.trim_end();
            if text.is_empty() {
                self.at += 1;
                break;
            }
            if is_begin(text) || status(text).is_some() || text.starts_with("###") {
                break;
            }
            self.at += 1;
            if text.starts_with('#') || text.starts_with("//") {
                continue;
            }
            // A value that goes on (RFC 9112, section 5.2).
            if text.starts_with([' ', '\t'])
                && let Some((_, value)) = headers.last_mut()
            {
                value.push(' ');
                value.push_str(text.trim());
                continue;
            }
            let pseudo = usize::from(text.starts_with(':'));
            let sign = text[pseudo..].find(':').map(|sign| sign + pseudo);
            let Some(sign) = sign else {
                let shown = sanitize::line(text.split_whitespace().next().unwrap_or_default(), 30).into_owned();
                return Err(Fault::new(
                    line.at,
                    format!("there is no `:` behind `{shown}`: it is no header, and no empty line ended the headers"),
                ));
            };
            headers.push((text[..sign].trim().to_ascii_lowercase(), text[sign + 1..].trim().to_owned()));
        }
        Ok(headers)
    }

    /// What stands up to the next request, response, or `###`.
    fn body(&mut self, headers: &[(String, String)]) -> Result<Payload, Fault> {
        let mut parts: Vec<&str> = Vec::new();
        while let Some(line) = self.lines.get(self.at) {
            let text = line.text.as_str();
            if text.starts_with("###") || status(text).is_some() || is_request(text) {
                break;
            }
            if parts.is_empty() && text.starts_with("< ") {
                return Err(Fault::new(line.at, "the body is in a file, and import reads none; put its text here"));
            }
            // What a REST client would run when the answer is there.
            if text.starts_with("> {%") {
                self.notes.add(line.at, "a script is never run: left out");
                while let Some(line) = self.lines.get(self.at) {
                    self.at += 1;
                    if line.text.contains("%}") {
                        break;
                    }
                }
                continue;
            }
            parts.push(text);
            self.at += 1;
        }
        let whole = parts.join("\n");
        let length = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .and_then(|(_, value)| value.parse::<usize>().ok());
        // Empty lines at the end of the text belong to the body only where its length says so.
        let body = match length.and_then(|length| Some((whole.get(..length)?, whole.get(length..)?))) {
            Some((body, behind)) if behind.trim().is_empty() => body,
            _ => whole.trim_end_matches(['\n', '\r']),
        };
        Ok(Payload::whole(body.to_owned()))
    }

    fn response(&mut self) -> Result<Option<Received>, Fault> {
        loop {
            let Some((version, code)) = self.peek().and_then(|line| status(&line.text)) else { return Ok(None) };
            self.at += 1;
            let headers = self.headers()?;
            // What comes before the answer proper (RFC 9110, section 15.2).
            if code < 200 && self.peek().is_some_and(|line| status(&line.text).is_some()) {
                continue;
            }
            let body = self.body(&headers)?;
            return Ok(Some(Received {
                status: Some(code),
                http_version: Some(version),
                headers,
                body,
                arrivals: Vec::new(),
            }));
        }
    }

    /// The absolute URL of a target in any form (RFC 9112, section 3.2).
    fn address(
        &mut self,
        target: &str,
        headers: &[(String, String)],
        scheme: Option<&str>,
        at: usize,
    ) -> Result<String, Fault> {
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let url = if target.starts_with('/') || target == "*" {
            let host = header("host").filter(|host| !host.is_empty());
            let host = host.ok_or_else(|| {
                Fault::new(at, "which host it is for is not said: there is neither a `host` header nor an absolute URL")
            })?;
            let of_page = ["origin", "referer"].iter().filter_map(|name| Url::parse(header(name)?).ok()).find(|url| {
                let own = url.port().map_or_else(
                    || url.host_str().unwrap_or_default().to_owned(),
                    |port| format!("{}:{port}", url.host_str().unwrap_or_default()),
                );
                own.eq_ignore_ascii_case(host)
            });
            let scheme = match (scheme, of_page) {
                (Some(scheme), _) => scheme.to_owned(),
                (None, Some(url)) => url.scheme().to_owned(),
                (None, None) => {
                    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
                    let is_plain = matches!(name, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(":80");
                    let scheme = if is_plain { "http" } else { "https" };
                    self.notes.add(at, format!("the text does not say whether it is http or https; taken as {scheme}"));
                    scheme.to_owned()
                }
            };
            format!("{scheme}://{host}{}", if target == "*" { "/" } else { target })
        } else if target.starts_with("${secret:") {
            return Err(Fault::new(
                at,
                "the URL begins with a variable without a value; give it one: `--var NAME=https://…`",
            ));
        } else if target.contains("://") {
            target.to_owned()
        } else {
            format!("https://{target}")
        };
        match Url::parse(&url) {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Ok(url),
            Ok(parsed) => Err(Fault::new(
                at,
                format!("a URL of {}; only http and https are read", sanitize::line(parsed.scheme(), 20)),
            )),
            Err(error) => {
                let shown = sanitize::line(url.split(['?', '@']).next().unwrap_or_default(), 60).into_owned();
                Err(Fault::new(at, format!("`{shown}` is no URL: {error}")))
            }
        }
    }
}

/// A line that begins a request: of any method where it names the version, or a URL alone.
fn is_begin(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [method, target, version] => {
            version.starts_with("HTTP/")
                && !target.ends_with(':')
                && method.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
        }
        [url] => url.starts_with("http://") || url.starts_with("https://"),
        _ => is_request(line),
    }
}

fn is_pseudo(line: &str) -> bool {
    [":method", ":authority", ":path", ":scheme"]
        .iter()
        .any(|name| line.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
}

/// `HTTP/1.1 200 OK`
fn status(line: &str) -> Option<(String, u16)> {
    let mut words = line.split_whitespace();
    let version = words.next().filter(|word| word.starts_with("HTTP/"))?;
    let code: u16 = words.next()?.parse().ok().filter(|code| (100..600).contains(code))?;
    Some((version.to_owned(), code))
}
