//! Which form a text has, by its beginning.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use gauntlet_reports::sanitize;

use super::Format;
use super::text::without_colors;

/// Bytes that are looked at.
pub(super) const HEAD: usize = 64 << 10;

/// The beginning of what is read, which is read again afterwards.
pub(super) struct Head(Vec<u8>);

impl Head {
    pub(super) fn chain<R: Read>(self, rest: BufReader<R>) -> impl Read {
        Cursor::new(self.0).chain(rest)
    }
}

/// Reads the beginning; less than [`HEAD`] bytes only at the end of the input.
pub(super) fn head(input: &mut impl BufRead) -> io::Result<Head> {
    let mut bytes = Vec::new();
    input.take(HEAD as u64).read_to_end(&mut bytes)?;
    Ok(Head(bytes))
}

/// The form, or what it is instead and what to do.
pub(super) fn format(head: &Head, name: &str) -> Result<Format, String> {
    if let Some(what) = binary(&head.0) {
        return Err(what.to_owned());
    }
    let text = decoded(&head.0);
    let text = without_colors(&text);
    let trimmed = text.trim_start();
    if trimmed.is_empty() {
        return Err("it is empty".to_owned());
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    if trimmed.starts_with('{') || trimmed.starts_with("//") || trimmed.starts_with("/*") {
        return document(trimmed, &ending);
    }
    let first = trimmed.lines().next().unwrap_or_default();
    if let Some(why) = other_command(first) {
        return Err(why.to_owned());
    }
    let lines = || trimmed.lines().take(200);
    if lines().any(is_verbose)
        || is_request(first)
        || is_address(first)
        || lines().any(is_pseudo_header)
        || lines().any(|l| l.starts_with("###"))
    {
        return Ok(Format::Http);
    }
    if lines().any(is_curl) {
        return Ok(Format::Curl);
    }
    let is_message = text.contains("\"method\"") && text.contains("\"id\"");
    if text.contains("jsonrpc") || is_message || matches!(ending.as_str(), "log" | "jsonl" | "ndjson") {
        return Ok(Format::Log);
    }
    // A request of a REST client may come after comments and variables.
    if lines().any(is_request) {
        return Ok(Format::Http);
    }
    Err(foreign(trimmed, first))
}

/// What it is, by its first bytes, if it is no text.
fn binary(bytes: &[u8]) -> Option<&'static str> {
    let begins = |with: &[u8]| bytes.starts_with(with);
    if begins(b"PK\x03\x04") {
        return Some("a zip archive; unpack it and import what is in it (`gauntlet bundle` reads bundles)");
    }
    if begins(b"\x1f\x8b") || begins(b"BZh") || begins(b"\x28\xb5\x2f\xfd") {
        return Some("it is compressed; unpack it first");
    }
    if begins(b"\xd4\xc3\xb2\xa1") || begins(b"\xa1\xb2\xc3\xd4") || begins(b"\x0a\x0d\x0d\x0a") {
        return Some("a capture of packets; record with `gauntlet record` or a proxy that writes HAR");
    }
    // Flows of mitmproxy are netstrings of dictionaries.
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 0
        && bytes.get(digits) == Some(&b':')
        && bytes.windows(12).take(4096).any(|part| part.starts_with(b"version;"))
    {
        return Some("flows of mitmproxy; export them: `mitmdump -nr FILE --set hardump=FILE.har`");
    }
    let is_wide = begins(b"\xff\xfe") || begins(b"\xfe\xff");
    (!is_wide && bytes.iter().take(4096).any(|byte| *byte == 0)).then_some("it is no text")
}

fn decoded(bytes: &[u8]) -> String {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    if bytes.starts_with(b"\xff\xfe") {
        wide(u16::from_le_bytes)
    } else if bytes.starts_with(b"\xfe\xff") {
        wide(u16::from_be_bytes)
    } else {
        String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').to_owned()
    }
}

/// A text that begins as a JSON object does.
fn document(text: &str, ending: &str) -> Result<Format, String> {
    let members = members(text);
    let has = |name: &str| members.iter().any(|member| member == name);
    if has("log") || ending == "har" {
        return Ok(Format::Har);
    }
    if ["mcpServers", "servers", "context_servers", "mcp", "powers"].iter().any(|name| has(name)) {
        return Ok(Format::Config);
    }
    if has("jsonrpc") || text.contains("\"jsonrpc\"") || text.contains("\\\"jsonrpc\\\"") {
        return Ok(Format::Log);
    }
    if text.contains("\"command\"") || text.contains("\"url\"") && !has("info") && !has("openapi") && !has("constants")
    {
        return Ok(Format::Config);
    }
    Err(match () {
        () if has("info") && has("item") => {
            "a Postman collection; send the request there and copy it as cURL, or export HAR".to_owned()
        }
        () if has("openapi") || has("swagger") => {
            "a description of an API (OpenAPI), which recorded nothing".to_owned()
        }
        () if has("constants") && has("events") => {
            "a network log of Chromium (chrome://net-export); save the requests as HAR from the developer tools"
                .to_owned()
        }
        () if members.is_empty() => foreign(text, text.lines().next().unwrap_or_default()),
        () => {
            let named: Vec<String> =
                members.iter().take(5).map(|name| format!("`{}`", sanitize::line(name, 40))).collect();
            format!("a JSON document with {}; {KNOWN}", named.join(", "))
        }
    })
}

/// The members of the outermost object, as far as the text goes. Comments are passed over.
fn members(text: &str) -> Vec<String> {
    let mut members = Vec::new();
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        }
        if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
            continue;
        }
        if c == '"' {
            let Some(end) = end_of_string(rest) else { break };
            let after = rest[end..].trim_start();
            if depth == 1 && after.starts_with(':') && members.len() < 100 {
                members.push(rest[1..end - 1].to_owned());
            }
            rest = &rest[end..];
            continue;
        }
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        // What comes behind the first document is another line of a log.
        if depth == 0 && c == '}' {
            break;
        }
        rest = &rest[c.len_utf8()..];
    }
    members
}

/// Behind the quote that closes the string at the beginning.
fn end_of_string(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let is_end = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end.then_some(at + 1)
    })
}

/// A line of `curl -v`.
fn is_verbose(line: &str) -> bool {
    line.strip_prefix("> ").is_some_and(is_request)
}

/// `POST /mcp HTTP/1.1`, `POST https://api.example.com/mcp`.
pub(super) fn is_request(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (Some(method), Some(target), version) = (words.next(), words.next(), words.next()) else { return false };
    const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "TRACE"];
    let is_version = version.is_some_and(|version| version.starts_with("HTTP/"));
    let is_absolute = target.starts_with("http://") || target.starts_with("https://") || target.starts_with("{{");
    METHODS.contains(&method)
        && words.next().is_none()
        && (is_version || (version.is_none() && (is_absolute || target.starts_with('/'))))
}

/// A URL and nothing else, which REST clients get.
fn is_address(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with("http://") || line.starts_with("https://")) && !line.contains(char::is_whitespace)
}

fn is_pseudo_header(line: &str) -> bool {
    let line = line.trim();
    [":method", ":authority"]
        .iter()
        .any(|name| line.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
}

/// A line with a command that is curl, perhaps behind a prompt.
fn is_curl(line: &str) -> bool {
    let line = line.trim_start();
    let is_word = |at: usize| {
        let before = line[..at].chars().next_back();
        let after = line[at + 4..].chars().next();
        // Sentences speak of curl in other ways.
        before.is_none_or(|c| " $%>#&;|('\"/\\".contains(c))
            && (after.is_none_or(char::is_whitespace) || line[at + 4..].starts_with(".exe"))
    };
    line.match_indices("curl").any(|(at, _)| is_word(at))
}

fn other_command(first: &str) -> Option<&'static str> {
    let has = |part: &str| first.contains(part);
    if has("Invoke-WebRequest") || has("Invoke-RestMethod") || has("New-Object Microsoft.PowerShell") {
        return Some(
            "a command of PowerShell; copy the request as cURL (bash) or cURL (cmd) instead, or save it as HAR",
        );
    }
    if first.trim_start().starts_with("fetch(") || first.trim_start().starts_with("await fetch(") {
        return Some("a call of fetch; copy the request as cURL instead, or save it as HAR");
    }
    let word = first.split_whitespace().next().unwrap_or_default();
    matches!(word, "wget" | "http" | "https" | "xh")
        .then_some("a command of another program than curl; give the request as a curl command line, or as HTTP")
}

const KNOWN: &str = "what is read: HAR, a curl command line, an HTTP request, an mcp.json, a log of JSON-RPC messages (`--format` says which)";

fn foreign(text: &str, first: &str) -> String {
    let lower = text.get(..200).unwrap_or(text).to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return "a page of HTML; a proxy or a sign-in may have answered in place of the file".to_owned();
    }
    if lower.contains("\nsteps:") || lower.starts_with("id:") {
        return "a scenario already; `gauntlet run` takes it".to_owned();
    }
    format!("its form is not known: it begins with `{}`; {KNOWN}", sanitize::line(first, 60))
}
