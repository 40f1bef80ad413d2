//! Command lines, split as the shell would that they were written for. Nothing is run: what the shell would work out is replaced by
//! variables.

mod cmd;
mod posix;
mod powershell;

use std::collections::BTreeMap;

use super::super::place::{Fault, Notes};
use super::super::placeholder;

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// What the program gets.
    pub(super) text: String,
    /// Where it begins, in bytes.
    pub(super) at: usize,
}

/// A command of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// The program and its arguments.
    pub(super) words: Vec<Word>,
    /// What it reads from standard input, where the text says that.
    pub(super) input: Option<String>,
}

/// Which shell reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Posix,
    Cmd,
    PowerShell,
}

/// The curl commands of a text; other commands are told.
pub(super) fn commands(text: &str, given: &BTreeMap<String, String>, notes: &mut Notes) -> Result<Vec<Command>, Fault> {
    let mut variables = Variables { given, assigned: BTreeMap::new(), notes };
    match shell(text) {
        Dialect::Posix => posix::commands(text, &mut variables),
        Dialect::Cmd => cmd::commands(text, &mut variables),
        Dialect::PowerShell => powershell::commands(text, &mut variables),
    }
}

/// By the escapes: a command of Unix goes on behind `\`, one of cmd.exe behind `^`, one of PowerShell behind a grave accent. Where no line
/// goes on, by what else only one of them has.
fn shell(text: &str) -> Dialect {
    let goes_on = |end: &str| text.lines().any(|line| line.trim_end().ends_with(end));
    if goes_on(" \\") {
        return Dialect::Posix;
    }
    let begin = text.trim_start();
    let is_here = ["@'\n", "@'\r\n", "@\"\n", "@\"\r\n"].iter().any(|here| text.contains(here));
    if begin.starts_with("PS ") || text.contains("$env:") || is_here || goes_on(" `") {
        return Dialect::PowerShell;
    }
    let is_prompt = begin.get(1..3) == Some(":\\") && begin.starts_with(|c: char| c.is_ascii_alphabetic());
    if text.contains(" ^\"") || goes_on("^") || is_prompt {
        return Dialect::Cmd;
    }
    // `%TOKEN%`, unless it may be two percent-encoded bytes.
    let is_name = |part: &&str| {
        let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        part.bytes().all(is_plain)
            && part.starts_with(|c: char| !c.is_ascii_digit())
            && part.contains(|c: char| !c.is_ascii_hexdigit())
    };
    let parts: Vec<&str> = text.split('%').collect();
    let has_variable = parts.iter().skip(1).take(parts.len().saturating_sub(2)).any(is_name);
    if has_variable && !text.contains('\'') { Dialect::Cmd } else { Dialect::Posix }
}

/// What variables stand for.
struct Variables<'a> {
    /// Said by the user.
    given: &'a BTreeMap<String, String>,
    /// Set by the text itself.
    assigned: BTreeMap<String, String>,
    notes: &'a mut Notes,
}

impl Variables<'_> {
    /// The value of a variable, or what stands for it.
    fn value(&mut self, name: &str, spelled: &str, at: usize) -> String {
        if let Some(known) = self.given.get(name).or_else(|| self.assigned.get(name)) {
            return known.clone();
        }
        let standing = placeholder(name);
        self.notes.add(
            at,
            format!(
                "the variable {spelled} has no value here: {standing} stands for it, `--var {name}=VALUE` gives one"
            ),
        );
        standing
    }

    /// What stands for the output of a command.
    fn output(&mut self, spelled: &str, at: usize) -> String {
        let standing = placeholder("command");
        self.notes.add(at, format!("{spelled} was not run: {standing} stands for what it would print"));
        standing
    }

    fn note(&mut self, at: usize, text: impl Into<String>) {
        self.notes.add(at, text);
    }
}

/// A text that is read once, from its beginning to its end.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, part: &str) -> bool {
        let is_there = self.rest().starts_with(part);
        if is_there {
            self.at += part.len();
        }
        is_there
    }

    /// The end of a line, `\r\n` too.
    fn eat_line_end(&mut self) -> bool {
        self.eat("\r\n") || self.eat("\n")
    }

    fn is_line_end(&self) -> bool {
        self.rest().starts_with("\r\n") || self.rest().starts_with('\n')
    }

    fn skip_line(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find('\n').unwrap_or(rest.len());
        self.at += end;
        rest[..end].trim_end_matches('\r')
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// What stands as long as the function says so.
    fn take_while(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// What stands before a text, which is passed over with it.
    fn take_until(&mut self, end: &str) -> Option<&'a str> {
        let rest = self.rest();
        let at = rest.find(end)?;
        self.at += at + end.len();
        Some(&rest[..at])
    }
}

/// A word that is being read: bytes, as escapes may give parts of a character.
#[derive(Default)]
struct Building {
    bytes: Vec<u8>,
    begin: Option<usize>,
}

impl Building {
    fn touch(&mut self, at: usize) {
        self.begin.get_or_insert(at);
    }

    fn push(&mut self, c: char) {
        self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn push_str(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn finish(&mut self) -> Option<Word> {
        let at = self.begin.take()?;
        let bytes = std::mem::take(&mut self.bytes);
        Some(Word { text: String::from_utf8_lossy(&bytes).into_owned(), at })
    }
}

/// Whether a word names curl, whatever folder it is in.
fn is_curl(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    name == "curl" || name.eq_ignore_ascii_case("curl.exe")
}

/// A name of a variable.
fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Words before curl that a prompt, or a command that runs another, leaves there.
const BEFORE: [&str; 9] = ["$", "%", ">", "#", "sudo", "time", "env", "command", "exec"];

/// The command without what stands before curl; none if it is no command of curl.
fn from_curl(mut words: Vec<Word>) -> Option<Vec<Word>> {
    let at = words.iter().position(|word| is_curl(&word.text))?;
    let is_prompt = |word: &Word| {
        BEFORE.contains(&word.text.as_str()) || word.text.ends_with(['$', '#', '%', '>']) || is_assignment(&word.text)
    };
    words[..at].iter().all(is_prompt).then(|| words.split_off(at))
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| is_variable(name))
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_char) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// How a note calls a program that is not run: its name alone, as arguments may be secret.
fn program(words: &[Word]) -> String {
    let first = words.iter().map(|word| word.text.as_str()).find(|word| !BEFORE.contains(word)).unwrap_or_default();
    format!("`{}`", gauntlet_reports::sanitize::line(first.split('=').next().unwrap_or_default(), 30))
}
