//! Shells of Unix: POSIX sh (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html>), with the `$'…'` and `<<<` of
//! bash and zsh.

use super::super::super::is_placeholder;
use super::{
    Building, Command, Cursor, Fault, Variables, Word, from_curl, is_assignment, is_name_char, is_variable, program,
};

pub(super) fn commands(text: &str, variables: &mut Variables<'_>) -> Result<Vec<Command>, Fault> {
    let mut script = Script { cursor: Cursor::new(text), variables, here: Vec::new(), commands: Vec::new() };
    script.read()?;
    Ok(script.commands)
}

struct Script<'a, 'v, 'n> {
    cursor: Cursor<'a>,
    variables: &'v mut Variables<'n>,
    /// Documents that begin behind the next end of line.
    here: Vec<Here>,
    commands: Vec<Command>,
}

struct Here {
    end: String,
    is_literal: bool,
    is_indented: bool,
    at: usize,
}

/// What ended a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Separator,
    Pipe,
    Text,
}

impl Script<'_, '_, '_> {
    fn read(&mut self) -> Result<(), Fault> {
        let mut is_piped = false;
        loop {
            let begin = self.cursor.at;
            let (words, input, end) = self.command()?;
            self.command_read(words, input, is_piped, begin);
            is_piped = end == End::Pipe;
            if end == End::Text {
                return Ok(());
            }
        }
    }

    fn command_read(&mut self, words: Vec<Word>, input: Option<String>, is_piped: bool, begin: usize) {
        let Some(first) = words.first() else { return };
        let at = first.at;
        let assigned = if first.text == "export" { &words[1..] } else { &words[..] };
        if !assigned.is_empty() && assigned.iter().all(|word| is_assignment(&word.text)) {
            for word in assigned {
                if let Some((name, value)) = word.text.split_once('=') {
                    self.variables.assigned.insert(name.to_owned(), value.to_owned());
                }
            }
            return;
        }
        let called = program(&words);
        match from_curl(words) {
            Some(words) => {
                if is_piped {
                    self.variables
                        .note(begin, "what another command would write to curl is not known, as nothing is run");
                }
                self.commands.push(Command { words, input });
            }
            None if is_piped => {
                self.variables
                    .note(at, format!("the answer would go to {called}, which is no part of the request: left out"));
            }
            None => self.variables.note(at, format!("{called} is another command than curl: left out, and never run")),
        }
    }

    /// The words up to an operator that ends a command, which is passed over.
    fn command(&mut self) -> Result<(Vec<Word>, Option<String>, End), Fault> {
        let mut words = Vec::new();
        let mut input = None;
        let end = loop {
            self.cursor.skip_blanks();
            if self.cursor.eat("\\\n") || self.cursor.eat("\\\r\n") {
                continue;
            }
            let at = self.cursor.at;
            if self.cursor.is_line_end() {
                self.cursor.eat_line_end();
                let document = self.documents()?;
                break_input(&mut input, document);
                break End::Separator;
            }
            let Some(c) = self.cursor.peek() else {
                let document = self.documents()?;
                break_input(&mut input, document);
                break End::Text;
            };
            match c {
                '#' => drop(self.cursor.skip_line()),
                ';' => {
                    self.cursor.take_while(|c| c == ';');
                    break End::Separator;
                }
                '&' if self.cursor.rest().starts_with("&>") => {
                    self.cursor.eat("&>");
                    self.redirected(at, false)?;
                }
                '&' => {
                    self.cursor.take_while(|c| c == '&');
                    break End::Separator;
                }
                '|' => {
                    let is_or = self.cursor.take_while(|c| c == '|' || c == '&').starts_with("||");
                    break if is_or { End::Separator } else { End::Pipe };
                }
                '(' | ')' => {
                    self.cursor.next();
                    self.variables.note(at, format!("`{c}` groups commands for a shell: left out"));
                }
                '<' | '>' => input = self.redirection(at)?.or(input),
                _ => {
                    let word = self.word()?;
                    let is_number = self.cursor.text[at..self.cursor.at].bytes().all(|b| b.is_ascii_digit());
                    let is_before = self.cursor.rest().starts_with(['<', '>']);
                    // In `2>file` the number is a part of the redirection.
                    if !(is_number && is_before) {
                        words.extend(word);
                    }
                }
            }
        };
        Ok((words, input, end))
    }

    /// `>`, `<` and their kin, with what they name. The result is what comes to standard input.
    fn redirection(&mut self, at: usize) -> Result<Option<String>, Fault> {
        if self.cursor.eat("<<<") {
            self.cursor.skip_blanks();
            return Ok(self.word()?.map(|word| format!("{}\n", word.text)));
        }
        if self.cursor.eat("<<") {
            let is_indented = self.cursor.eat("-");
            self.cursor.skip_blanks();
            let from = self.cursor.at;
            let word = self.word()?.ok_or_else(|| Fault::new(at, "`<<` names no text that ends it"))?;
            let is_literal = self.cursor.text[from..self.cursor.at].contains(['\'', '"', '\\']);
            self.here.push(Here { end: word.text, is_literal, is_indented, at });
            return Ok(None);
        }
        let is_input = self.cursor.peek() == Some('<');
        self.cursor.take_while(|c| matches!(c, '<' | '>' | '&' | '|'));
        self.redirected(at, is_input)?;
        Ok(None)
    }

    fn redirected(&mut self, at: usize, is_input: bool) -> Result<(), Fault> {
        self.cursor.skip_blanks();
        self.word()?;
        let note = if is_input {
            "no file is read: what `<` names is left out"
        } else {
            "what `>` names is not written: left out"
        };
        self.variables.note(at, note);
        Ok(())
    }

    /// The documents that begin here; the last one is what the command reads.
    fn documents(&mut self) -> Result<Option<String>, Fault> {
        let mut last = None;
        for here in std::mem::take(&mut self.here) {
            let mut text = String::new();
            loop {
                if self.cursor.rest().is_empty() {
                    let end = gauntlet_reports::sanitize::line(&here.end, 40).into_owned();
                    return Err(Fault::new(
                        here.at,
                        format!("the text that begins here has no end: no line is `{end}`"),
                    ));
                }
                let from = self.cursor.at;
                let line = self.cursor.skip_line();
                self.cursor.eat_line_end();
                let line = if here.is_indented { line.trim_start_matches('\t') } else { line };
                if line == here.end {
                    break;
                }
                if here.is_literal {
                    text.push_str(line);
                } else {
                    text.push_str(&self.expanded(line, from)?);
                }
                text.push('\n');
            }
            last = Some(text);
        }
        Ok(last)
    }

    /// A line of a document in which variables count.
    fn expanded(&mut self, line: &str, from: usize) -> Result<String, Fault> {
        let mut inner = Script {
            cursor: Cursor::new(line),
            variables: &mut *self.variables,
            here: Vec::new(),
            commands: Vec::new(),
        };
        let mut building = Building::default();
        while let Some(c) = inner.cursor.next() {
            match c {
                '\\' => match inner.cursor.peek() {
                    Some(c @ ('$' | '`' | '\\')) => {
                        inner.cursor.next();
                        building.push(c);
                    }
                    _ => building.push('\\'),
                },
                '$' => inner.dollar(&mut building, true).map_err(|fault| Fault::new(from + fault.at, fault.problem))?,
                '`' => inner.accent(&mut building).map_err(|fault| Fault::new(from + fault.at, fault.problem))?,
                c => building.push(c),
            }
        }
        Ok(String::from_utf8_lossy(&building.bytes).into_owned())
    }

    fn word(&mut self) -> Result<Option<Word>, Fault> {
        let mut building = Building::default();
        while let Some(c) = self.cursor.peek() {
            let at = self.cursor.at;
            match c {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\r' if self.cursor.is_line_end() => break,
                _ => {}
            }
            building.touch(at);
            self.cursor.next();
            match c {
                '\'' => {
                    let part = self.cursor.take_until("'").ok_or_else(|| open(at, '\''))?;
                    building.push_str(part);
                }
                '"' => self.double(&mut building, at)?,
                '$' => self.dollar(&mut building, false)?,
                '`' => self.accent(&mut building)?,
                '\\' => {
                    if !self.cursor.eat_line_end() {
                        building.push(self.cursor.next().unwrap_or('\\'));
                    }
                }
                c => building.push(c),
            }
        }
        Ok(building.finish())
    }

    fn double(&mut self, building: &mut Building, at: usize) -> Result<(), Fault> {
        loop {
            match self.cursor.next().ok_or_else(|| open(at, '"'))? {
                '"' => return Ok(()),
                '$' => self.dollar(building, true)?,
                '`' => self.accent(building)?,
                '\\' => {
                    if self.cursor.eat_line_end() {
                        continue;
                    }
                    match self.cursor.peek() {
                        Some(c @ ('$' | '`' | '"' | '\\')) => {
                            self.cursor.next();
                            building.push(c);
                        }
                        _ => building.push('\\'),
                    }
                }
                c => building.push(c),
            }
        }
    }

    /// What stands behind a `$`, which is passed over already.
    fn dollar(&mut self, building: &mut Building, is_quoted: bool) -> Result<(), Fault> {
        let at = self.cursor.at - 1;
        match self.cursor.peek() {
            Some('\'') if !is_quoted => {
                self.cursor.next();
                self.ansi(building, at)?;
            }
            // Translated by the locale, where there is a translation.
            Some('"') if !is_quoted => {
                self.cursor.next();
                self.double(building, at)?;
            }
            Some('(') => {
                self.cursor.next();
                self.skip_nested(at, '(', ')')?;
                building.push_str(&self.variables.output("`$(…)`", at));
            }
            Some('{') => {
                self.cursor.next();
                let from = self.cursor.at;
                self.skip_nested(at, '{', '}')?;
                let inner = &self.cursor.text[from..self.cursor.at - 1];
                if is_placeholder(inner) {
                    building.push_str(&self.cursor.text[at..self.cursor.at]);
                    return Ok(());
                }
                let name: String = inner.chars().take_while(|c| is_name_char(*c)).collect();
                building.push_str(&self.variables.value(&name, &format!("${{{name}}}"), at));
            }
            Some(c) if is_variable(c.encode_utf8(&mut [0; 4])) => {
                let name = self.cursor.take_while(is_name_char);
                building.push_str(&self.variables.value(name, &format!("${name}"), at));
            }
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(c) => {
                self.cursor.next();
                building.push_str(&self.variables.value("parameter", &format!("${c}"), at));
            }
            _ => building.push('$'),
        }
        Ok(())
    }

    /// A command between grave accents, the first of which is passed over already.
    fn accent(&mut self, building: &mut Building) -> Result<(), Fault> {
        let at = self.cursor.at - 1;
        loop {
            match self.cursor.next().ok_or_else(|| open(at, '`'))? {
                '`' => break,
                '\\' => drop(self.cursor.next()),
                _ => {}
            }
        }
        building.push_str(&self.variables.output("`` `…` ``", at));
        Ok(())
    }

    /// Passes over all up to the bracket that closes the one before.
    fn skip_nested(&mut self, at: usize, opening: char, closing: char) -> Result<(), Fault> {
        let mut depth = 1_usize;
        loop {
            match self.cursor.next().ok_or_else(|| open(at, opening))? {
                '\\' => drop(self.cursor.next()),
                '\'' => drop(self.cursor.take_until("'").ok_or_else(|| open(at, '\''))?),
                c if c == opening => depth += 1,
                c if c == closing => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
    }

    /// `$'…'`, the beginning of which is passed over already.
    fn ansi(&mut self, building: &mut Building, at: usize) -> Result<(), Fault> {
        let mut high = None;
        loop {
            let c = self.cursor.next().ok_or_else(|| open(at, '\''))?;
            if c == '\'' {
                return Ok(());
            }
            if c != '\\' {
                building.push(c);
                continue;
            }
            match self.cursor.next().ok_or_else(|| open(at, '\''))? {
                'n' => building.push('\n'),
                'r' => building.push('\r'),
                't' => building.push('\t'),
                'a' => building.push('\u{7}'),
                'b' => building.push('\u{8}'),
                'e' | 'E' => building.push('\u{1b}'),
                'f' => building.push('\u{c}'),
                'v' => building.push('\u{b}'),
                c @ ('\\' | '\'' | '"' | '?') => building.push(c),
                'x' => match self.number(2, 16) {
                    Some(number) => building.bytes.push(number.to_le_bytes()[0]),
                    None => building.push_str("\\x"),
                },
                'u' => self.unicode(building, 4, &mut high),
                'U' => self.unicode(building, 8, &mut high),
                'c' => {
                    let c = self.cursor.next().ok_or_else(|| open(at, '\''))?;
                    building.bytes.push(u32::from(c.to_ascii_uppercase()).to_le_bytes()[0] & 0x1f);
                }
                c @ '0'..='7' => {
                    self.cursor.at -= c.len_utf8();
                    building.bytes.push(self.number(3, 8).unwrap_or_default().to_le_bytes()[0]);
                }
                c => {
                    building.push('\\');
                    building.push(c);
                }
            }
        }
    }

    /// A character by its number. Two halves of UTF-16, as JavaScript counts, are one.
    fn unicode(&mut self, building: &mut Building, digits: usize, high: &mut Option<u32>) {
        let Some(number) = self.number(digits, 16) else {
            building.push_str(if digits == 4 { "\\u" } else { "\\U" });
            return;
        };
        match (number, high.take()) {
            (0xd800..=0xdbff, _) => *high = Some(number),
            (0xdc00..=0xdfff, Some(high)) => {
                let c = 0x1_0000 + ((high - 0xd800) << 10) + (number - 0xdc00);
                building.push(char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            _ => building.push(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }

    fn number(&mut self, most: usize, radix: u32) -> Option<u32> {
        let digits: String = self.cursor.rest().chars().take(most).take_while(|c| c.is_digit(radix)).collect();
        self.cursor.at += digits.len();
        u32::from_str_radix(&digits, radix).ok()
    }
}

fn open(at: usize, quote: char) -> Fault {
    Fault::new(at, format!("`{quote}` is opened here and never closed; is the command whole?"))
}

fn break_input(input: &mut Option<String>, document: Option<String>) {
    if document.is_some() {
        *input = document;
    }
}
