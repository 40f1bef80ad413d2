//! HAR files: which of their entries matter.

use std::collections::BTreeMap;
use std::io::{self, Read};

use gauntlet_reports::sanitize;
use url::Url;

use super::{Error, Note, Only, Options};
use crate::repro::har as file;
use crate::repro::http_sse;
use crate::repro::recording::{Entry, Recording, Transport};

/// Reads a file and keeps what the options ask for; what they leave out is dropped at once.
pub(super) fn read(input: impl Read, name: &str, options: &Options) -> Result<(Recording, Vec<Note>), Error> {
    let mut input = Counted { input, bytes: 0 };
    let mut kept =
        Kept { options, recording: Recording::default(), held: 0, left_out: BTreeMap::new(), hosts: BTreeMap::new() };
    let info = file::read(&mut input, &options.limits.har, &mut |entry| kept.take(entry));
    let info = info.map_err(|error| Error::Har { name: name.to_owned(), error })?;
    let unusable = |problem| Error::Unusable { name: name.to_owned(), problem };
    let Kept { mut recording, left_out, hosts, .. } = kept;
    if info.is_cut && info.entries == 0 {
        return Err(unusable(format!("ends in the middle, at byte {}, before its first entry is whole", input.bytes)));
    }
    if info.entries == 0 {
        return Err(unusable("a HAR file without entries: nothing was recorded".to_owned()));
    }
    if recording.entries.is_empty() {
        return Err(unusable(nothing_kept(info.entries, &hosts, options)));
    }
    recording.creator.clone_from(&info.creator);
    // Browsers list what finished first; what began first comes first here.
    recording.entries.sort_by_key(|entry| entry.started_at);
    let mut notes = Vec::new();
    let mut note = |text: String| notes.push(Note { place: None, text });
    info.notes(name).into_iter().for_each(&mut note);
    if info.is_cut {
        note(format!(
            "the file ends in the middle, at byte {}: {} read, what came then is lost",
            input.bytes,
            count(info.entries, "whole entry was", "whole entries were")
        ));
    }
    for (why, number) in left_out {
        note(format!("{} left out: {why}", count(number, "entry", "entries")));
    }
    Ok((recording, notes))
}

struct Kept<'a> {
    options: &'a Options,
    recording: Recording,
    held: usize,
    left_out: BTreeMap<&'static str, usize>,
    /// Of all entries.
    hosts: BTreeMap<String, usize>,
}

/// Hosts that are counted one by one.
const HOSTS: usize = 1000;

impl Kept<'_> {
    fn take(&mut self, entry: Entry) -> Result<(), file::Error> {
        let host = host(&entry);
        if self.hosts.len() < HOSTS || self.hosts.contains_key(&host) {
            *self.hosts.entry(host.clone()).or_default() += 1;
        }
        if let Some(why) = self.why_not(&entry, &host) {
            *self.left_out.entry(why).or_default() += 1;
            return Ok(());
        }
        self.held = self.held.saturating_add(entry.held());
        if self.held > self.options.limits.har.held {
            let most = self.options.limits.har.held >> 20;
            return Err(file::Error::TooLarge(format!(
                "its entries hold more than {most} MiB; take a part of them by `--host`, or without `--only all`"
            )));
        }
        self.recording.entries.push(entry);
        Ok(())
    }

    fn why_not(&self, entry: &Entry, host: &str) -> Option<&'static str> {
        let is_host = |wanted: &String| {
            host.eq_ignore_ascii_case(wanted)
                || host.rsplit_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case(wanted))
        };
        // What a recorder marked was recorded on purpose.
        if entry.behind.is_some() {
            return None;
        }
        if !self.options.hosts.is_empty() && !self.options.hosts.iter().any(is_host) {
            return Some("of other hosts than `--host` names");
        }
        if self.options.only == Only::All || entry.transport == Transport::Stdio {
            return None;
        }
        if entry.request.method.eq_ignore_ascii_case("options") {
            return Some("browsers ask by OPTIONS whether they may (`--only all` takes it)");
        }
        (!is_mcp(entry)).then_some("neither MCP nor a way to its credentials (`--only all` takes it)")
    }
}

fn nothing_kept(entries: usize, hosts: &BTreeMap<String, usize>, options: &Options) -> String {
    let mut hosts: Vec<(&String, &usize)> = hosts.iter().collect();
    hosts.sort_by_key(|(name, number)| (std::cmp::Reverse(**number), name.as_str()));
    let named: Vec<String> =
        hosts.iter().take(5).map(|(name, number)| format!("{} ({number})", sanitize::line(name, 60))).collect();
    let further = hosts.len().saturating_sub(5);
    let further = if further > 0 { format!(" and {further} more hosts") } else { String::new() };
    let hosts = format!("{}{further}", named.join(", "));
    if options.hosts.is_empty() {
        format!(
            "none of {} is MCP or leads to its credentials; their hosts: {hosts}. `--only all` takes them all",
            count(entries, "entry", "entries")
        )
    } else {
        let what = if options.only == Only::All { "" } else { " and is MCP or leads to its credentials" };
        format!(
            "none of {} is of the hosts that `--host` names{what}; there are {hosts}",
            count(entries, "entry", "entries")
        )
    }
}

fn host(entry: &Entry) -> String {
    match Url::parse(&entry.request.url) {
        Ok(url) => match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => format!("{}:", url.scheme()),
        },
        Err(_) => "?".to_owned(),
    }
}

/// Whether it is a message of MCP, a call of an API that a gateway offers, or a step on the way to credentials.
fn is_mcp(entry: &Entry) -> bool {
    let Ok(url) = Url::parse(&entry.request.url) else { return false };
    let request = &entry.request;
    let path = url.path().to_ascii_lowercase();
    let path = path.trim_end_matches('/');
    let ends = |endings: &[&str]| endings.iter().any(|ending| path.ends_with(ending));
    let is_message = request.method.eq_ignore_ascii_case("post") && holds(&request.body.bytes, b"\"jsonrpc\"");
    let is_marked = request.headers.iter().any(|(name, _)| name.starts_with("mcp-"))
        || entry
            .response
            .iter()
            .any(|r| r.header("mcp-session-id").is_some() || is_mcp_challenge(r.header("www-authenticate")));
    let is_endpoint = ends(&["/mcp", "/sse"]);
    let is_gateway = request.method.eq_ignore_ascii_case("post")
        && ends(&["/v1/messages", "/v1/chat/completions", "/v1/responses", "/generateassistantresponse"]);
    is_message
        || is_marked
        || http_sse::opens(entry)
        || is_endpoint
        || is_gateway
        || is_on_the_way_to_credentials(&url, path, &request.body.bytes)
}

fn is_mcp_challenge(header: Option<&str>) -> bool {
    header.is_some_and(|value| value.contains("resource_metadata"))
}

/// Whether a request is a step on the way to credentials.
pub(crate) fn leads_to_credentials(entry: &Entry) -> bool {
    let Ok(url) = Url::parse(&entry.request.url) else { return false };
    let path = url.path().to_ascii_lowercase();
    is_on_the_way_to_credentials(&url, path.trim_end_matches('/'), &entry.request.body.bytes)
}

/// OAuth (RFC 6749, 7009, 7591, 8414, 9728), OpenID Connect, and the token service of AWS.
fn is_on_the_way_to_credentials(url: &Url, path: &str, body: &[u8]) -> bool {
    let well_known = ["/.well-known/oauth-", "/.well-known/openid-configuration", "/.well-known/jwks"];
    let asked: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).take(50).collect();
    let asks = |name: &str| asked.iter().any(|known| known == name);
    let ends = ["/authorize", "/token", "/refreshtoken", "/register", "/revoke", "/introspect", "/jwks", "/jwks.json"];
    well_known.iter().any(|begin| path.contains(begin))
        || ends.iter().any(|ending| path.ends_with(ending))
        || (asks("response_type") && asks("client_id"))
        || (asks("code") && asks("state"))
        || [&b"grant_type="[..], b"\"grant_type\"", b"\"grantType\"", b"Action=AssumeRole"]
            .iter()
            .any(|part| holds(body, part))
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Bytes, counted.
struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}
