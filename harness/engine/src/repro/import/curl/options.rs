//! The options of curl (<https://curl.se/docs/manpage.html>), as far as they say something about a request.

use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_reports::sanitize;

use super::super::place::{Fault, Notes};
use super::shell::{Command, Word};

/// What an option does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Method,
    Header,
    Data,
    DataBinary,
    DataRaw,
    DataUrlencode,
    Json,
    User,
    Cookie,
    Agent,
    Referer,
    Get,
    Head,
    Url,
    UrlQuery,
    Bearer,
    SigV4,
    Next,
    Globoff,
    Version(&'static str),
    /// Changes nothing in the request.
    Silent,
    /// Changes something that is not taken over; the note says what.
    Noted(&'static str),
    /// Cannot be read; the message says why.
    Refused(&'static str),
}

use Effect::{
    Agent, Bearer, Cookie, Data, DataBinary, DataRaw, DataUrlencode, Get, Globoff, Head, Header, Json, Method, Next,
    Noted, Referer, Refused, SigV4, Silent, Url, UrlQuery, User, Version,
};

/// Long name, short name if there is one, whether a value follows, what it does.
type Row = (&'static str, Option<char>, bool, Effect);

const FILE: &str = "reads a file, which import never does";
const FORM: &str = "sends a form of several parts, which neither MCP nor OAuth knows; give the request as HTTP";

const TABLE: &[Row] = &[
    ("request", Some('X'), true, Method),
    ("header", Some('H'), true, Header),
    ("data", Some('d'), true, Data),
    ("data-ascii", None, true, Data),
    ("data-binary", None, true, DataBinary),
    ("data-raw", None, true, DataRaw),
    ("data-urlencode", None, true, DataUrlencode),
    ("json", None, true, Json),
    ("form", Some('F'), true, Refused(FORM)),
    ("form-string", None, true, Refused(FORM)),
    ("upload-file", Some('T'), true, Refused(FILE)),
    ("config", Some('K'), true, Refused(FILE)),
    ("user", Some('u'), true, User),
    ("cookie", Some('b'), true, Cookie),
    ("user-agent", Some('A'), true, Agent),
    ("referer", Some('e'), true, Referer),
    ("get", Some('G'), false, Get),
    ("head", Some('I'), false, Head),
    ("url", None, true, Url),
    ("url-query", None, true, UrlQuery),
    ("oauth2-bearer", None, true, Bearer),
    ("aws-sigv4", None, true, SigV4),
    ("next", Some(':'), false, Next),
    ("globoff", Some('g'), false, Globoff),
    ("http1.0", Some('0'), false, Version("HTTP/1.0")),
    ("http1.1", None, false, Version("HTTP/1.1")),
    ("http2", None, false, Version("h2")),
    ("http2-prior-knowledge", None, false, Version("h2")),
    ("http3", None, false, Version("h3")),
    ("http3-only", None, false, Version("h3")),
    ("digest", None, false, Refused("signs in with a digest, which needs an answer of the server first")),
    ("ntlm", None, false, Refused("signs in with NTLM, which is not spoken here")),
    ("negotiate", None, false, Refused("signs in with SPNEGO, which is not spoken here")),
    ("unix-socket", None, true, Refused("speaks to a socket of the machine; give a URL")),
    ("abstract-unix-socket", None, true, Refused("speaks to a socket of the machine; give a URL")),
    ("basic", None, false, Silent),
    ("anyauth", None, false, Noted("credentials are sent with the first request")),
    ("insecure", Some('k'), false, Noted("certificates are checked all the same")),
    ("location", Some('L'), false, Noted("redirects are not followed: what they lead to is another step")),
    ("location-trusted", None, false, Noted("redirects are not followed: what they lead to is another step")),
    ("compressed", None, false, Noted("`accept-encoding` is not sent")),
    ("proxy", Some('x'), true, Noted("no proxy is used")),
    ("proxy-user", Some('U'), true, Noted("no proxy is used")),
    ("proxy-header", None, true, Noted("no proxy is used")),
    ("preproxy", None, true, Noted("no proxy is used")),
    ("socks5", None, true, Noted("no proxy is used")),
    ("socks5-hostname", None, true, Noted("no proxy is used")),
    ("noproxy", None, true, Noted("no proxy is used")),
    ("proxytunnel", Some('p'), false, Noted("no proxy is used")),
    ("resolve", None, true, Noted("the host is looked up as usual")),
    ("connect-to", None, true, Noted("the host of the URL is spoken to")),
    ("interface", None, true, Noted("the way out is the usual one")),
    ("dns-servers", None, true, Noted("the host is looked up as usual")),
    ("cert", Some('E'), true, Noted("no client certificate is used")),
    ("key", None, true, Noted("no client certificate is used")),
    ("cert-type", None, true, Noted("no client certificate is used")),
    ("key-type", None, true, Noted("no client certificate is used")),
    ("pass", None, true, Noted("no client certificate is used")),
    ("cacert", None, true, Noted("the roots of the system are trusted")),
    ("capath", None, true, Noted("the roots of the system are trusted")),
    ("netrc", Some('n'), false, Noted("no file is read for credentials")),
    ("netrc-optional", None, false, Noted("no file is read for credentials")),
    ("netrc-file", None, true, Noted("no file is read for credentials")),
    ("range", Some('r'), true, Noted("`range` is not sent; add it by -H")),
    ("continue-at", Some('C'), true, Noted("`range` is not sent; add it by -H")),
    ("time-cond", Some('z'), true, Noted("`if-modified-since` is not sent; add it by -H")),
    ("request-target", None, true, Noted("the path of the URL is asked for")),
    ("path-as-is", None, false, Silent),
    ("variable", None, true, Noted("variables of curl are not set")),
    ("expand-url", None, true, Refused("expands variables of curl, which are not read")),
    ("expand-header", None, true, Refused("expands variables of curl, which are not read")),
    ("expand-data", None, true, Refused("expands variables of curl, which are not read")),
    ("silent", Some('s'), false, Silent),
    ("show-error", Some('S'), false, Silent),
    ("verbose", Some('v'), false, Silent),
    ("include", Some('i'), false, Silent),
    ("show-headers", None, false, Silent),
    ("no-buffer", Some('N'), false, Silent),
    ("buffer", None, false, Silent),
    ("fail", Some('f'), false, Silent),
    ("fail-early", None, false, Silent),
    ("fail-with-body", None, false, Silent),
    ("progress-bar", Some('#'), false, Silent),
    ("progress-meter", None, false, Silent),
    ("keepalive", None, false, Silent),
    ("keepalive-time", None, true, Silent),
    ("disable", Some('q'), false, Silent),
    ("output", Some('o'), true, Silent),
    ("output-dir", None, true, Silent),
    ("create-dirs", None, false, Silent),
    ("remote-name", Some('O'), false, Silent),
    ("remote-name-all", None, false, Silent),
    ("remote-header-name", Some('J'), false, Silent),
    ("remote-time", Some('R'), false, Silent),
    ("dump-header", Some('D'), true, Silent),
    ("cookie-jar", Some('c'), true, Silent),
    ("junk-session-cookies", Some('j'), false, Silent),
    ("write-out", Some('w'), true, Silent),
    ("stderr", None, true, Silent),
    ("trace", None, true, Silent),
    ("trace-ascii", None, true, Silent),
    ("trace-time", None, false, Silent),
    ("trace-ids", None, false, Silent),
    ("styled-output", None, false, Silent),
    ("raw", None, false, Silent),
    ("tr-encoding", None, false, Silent),
    ("max-time", Some('m'), true, Silent),
    ("connect-timeout", None, true, Silent),
    ("speed-limit", Some('Y'), true, Silent),
    ("speed-time", Some('y'), true, Silent),
    ("limit-rate", None, true, Silent),
    ("rate", None, true, Silent),
    ("max-redirs", None, true, Silent),
    ("max-filesize", None, true, Silent),
    ("retry", None, true, Silent),
    ("retry-delay", None, true, Silent),
    ("retry-max-time", None, true, Silent),
    ("retry-all-errors", None, false, Silent),
    ("retry-connrefused", None, false, Silent),
    ("parallel", Some('Z'), false, Silent),
    ("parallel-max", None, true, Silent),
    ("ipv4", Some('4'), false, Silent),
    ("ipv6", Some('6'), false, Silent),
    ("tcp-nodelay", None, false, Silent),
    ("tcp-fastopen", None, false, Silent),
    ("happy-eyeballs-timeout-ms", None, true, Silent),
    ("expect100-timeout", None, true, Silent),
    ("alpn", None, false, Silent),
    ("tlsv1", Some('1'), false, Silent),
    ("tlsv1.0", None, false, Silent),
    ("tlsv1.1", None, false, Silent),
    ("tlsv1.2", None, false, Silent),
    ("tlsv1.3", None, false, Silent),
    ("tls-max", None, true, Silent),
    ("ciphers", None, true, Silent),
    ("ssl-no-revoke", None, false, Silent),
    ("ssl-reqd", None, false, Silent),
    ("sessionid", None, false, Silent),
    ("proto", None, true, Silent),
    ("proto-default", None, true, Silent),
    ("proto-redir", None, true, Silent),
    ("post301", None, false, Silent),
    ("post302", None, false, Silent),
    ("post303", None, false, Silent),
];

/// An option as it stands in a command, or a URL.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub(super) effect: Effect,
    /// As it is spelled.
    pub(super) name: String,
    /// Empty where none follows.
    pub(super) value: &'a str,
    pub(super) at: usize,
}

/// The options of a command, in order.
pub(super) fn read<'a>(command: &'a Command, notes: &mut Notes) -> Result<Vec<Given<'a>>, Fault> {
    let mut given = Vec::new();
    let mut words = command.words.iter().skip(1);
    let mut are_over = false;
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        if are_over || text == "-" || !text.starts_with('-') {
            given.push(Given { effect: Url, name: "the URL".to_owned(), value: text, at: word.at });
        } else if text == "--" {
            are_over = true;
        } else if let Some(name) = text.strip_prefix("--") {
            long(name, word, &mut words, &mut given)?;
        } else {
            short(word, &mut words, &mut given)?;
        }
    }
    for given in &given {
        match given.effect {
            Noted(what) => notes.add(given.at, format!("`{}` is not taken over: {what}", given.name)),
            Refused(why) => return Err(Fault::new(given.at, format!("`{}` {why}", given.name))),
            _ => {}
        }
    }
    Ok(given)
}

fn long<'a>(
    name: &'a str,
    word: &'a Word,
    words: &mut impl Iterator<Item = &'a Word>,
    given: &mut Vec<Given<'a>>,
) -> Result<(), Fault> {
    let row = |name: &str| TABLE.iter().find(|row| row.0 == name);
    let (plain, value) = match name.split_once('=') {
        Some((plain, value)) if row(name).is_none() => (plain, Some(value)),
        _ => (name, None),
    };
    let found = row(plain).or_else(|| plain.strip_prefix("no-").and_then(row).filter(|row| !row.2));
    let Some((_, _, takes, effect)) = found else {
        let help =
            did_you_mean(plain, TABLE.iter().map(|row| row.0)).map(|help| format!(", {help}")).unwrap_or_default();
        let shown = sanitize::line(plain, 40);
        return Err(Fault::new(
            word.at,
            format!(
                "`--{shown}` is no option of curl that is known here{help}; leave it out if it says nothing about the request"
            ),
        ));
    };
    let name = format!("--{plain}");
    let value = match (takes, value) {
        (false, _) => "",
        (true, Some(value)) => value,
        (true, None) => value_of(&name, word, words)?,
    };
    // `--no-location` and its kin take back what is not taken over anyway.
    let effect = if row(plain).is_none() { Silent } else { *effect };
    given.push(Given { effect, name, value, at: word.at });
    Ok(())
}

/// `-sSXPOST`: letters, the last of which may have its value behind it.
fn short<'a>(
    word: &'a Word,
    words: &mut impl Iterator<Item = &'a Word>,
    given: &mut Vec<Given<'a>>,
) -> Result<(), Fault> {
    let text = word.text.as_str();
    for (at, letter) in text.char_indices().skip(1) {
        let name = format!("-{}", sanitize::line(&letter.to_string(), 10));
        let Some((_, _, takes, effect)) = TABLE.iter().find(|row| row.1 == Some(letter)) else {
            let problem = format!(
                "`{name}` is no option of curl that is known here; leave it out if it says nothing about the request"
            );
            return Err(Fault::new(word.at, problem));
        };
        if !takes {
            given.push(Given { effect: *effect, name, value: "", at: word.at });
            continue;
        }
        let behind = &text[at + letter.len_utf8()..];
        let value = if behind.is_empty() { value_of(&name, word, words)? } else { behind };
        given.push(Given { effect: *effect, name, value, at: word.at });
        break;
    }
    Ok(())
}

fn value_of<'a>(name: &str, word: &Word, words: &mut impl Iterator<Item = &'a Word>) -> Result<&'a str, Fault> {
    let value =
        words.next().ok_or_else(|| Fault::new(word.at, format!("`{name}` has no value; is the command whole?")))?;
    Ok(&value.text)
}
