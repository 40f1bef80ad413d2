//! PowerShell (<https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules>).

use super::super::super::is_placeholder;
use super::{Building, Command, Cursor, Fault, Variables, Word, from_curl, is_name_char, program};

pub(super) fn commands(text: &str, variables: &mut Variables<'_>) -> Result<Vec<Command>, Fault> {
    let mut script = Script { cursor: Cursor::new(text), variables };
    let mut commands = Vec::new();
    while !script.cursor.rest().trim().is_empty() {
        let begin = script.cursor.at;
        let (words, is_assigned) = script.command()?;
        let Some(first) = words.first() else { continue };
        let (at, called) = (first.at, program(&words));
        if is_assigned {
            continue;
        }
        match from_curl(prompted(words)) {
            Some(words) => {
                if let Some(word) = words.iter().find(|word| word.text.eq_ignore_ascii_case("-uri")) {
                    let problem = "this `curl` is Invoke-WebRequest of PowerShell; write the request for `curl.exe`";
                    return Err(Fault::new(word.at, problem));
                }
                commands.push(Command { words, input: None });
            }
            None => script
                .variables
                .note(at.max(begin), format!("{called} is another command than curl: left out, and never run")),
        }
    }
    Ok(commands)
}

/// Without `PS C:\Users\me>`.
fn prompted(mut words: Vec<Word>) -> Vec<Word> {
    if words.first().is_some_and(|word| word.text == "PS") {
        words.remove(0);
        if let Some(end) = words.iter().position(|word| word.text.ends_with('>')) {
            words.drain(..=end);
        }
    }
    words
}

struct Script<'a, 'v, 'n> {
    cursor: Cursor<'a>,
    variables: &'v mut Variables<'n>,
}

impl Script<'_, '_, '_> {
    /// The words of a command, and whether it is nothing but a value for a variable.
    fn command(&mut self) -> Result<(Vec<Word>, bool), Fault> {
        let mut words: Vec<Word> = Vec::new();
        loop {
            self.cursor.skip_blanks();
            let at = self.cursor.at;
            if self.cursor.eat_line_end() {
                return Ok((words, false));
            }
            let is_prompt = words.first().is_some_and(|word| word.text == "PS")
                && !words.iter().any(|word| word.text.ends_with('>'));
            match self.cursor.peek() {
                None => return Ok((words, false)),
                Some('`') if self.cursor.rest()[1..].starts_with(['\r', '\n']) => {
                    self.cursor.next();
                    self.cursor.eat_line_end();
                }
                Some('#') => drop(self.cursor.skip_line()),
                // The operator that calls what is behind it.
                Some('&') if words.is_empty() => drop(self.cursor.next()),
                Some(';') => {
                    self.cursor.next();
                    return Ok((words, false));
                }
                Some(c @ ('|' | '>' | '<' | '&')) if !is_prompt => {
                    self.variables.note(at, format!("what stands behind `{c}` is no part of the request: left out"));
                    self.cursor.skip_line();
                }
                Some('$') if words.is_empty() && self.assignment()? => return Ok((words, true)),
                Some(_) => words.extend(self.word(is_prompt)?),
            }
        }
    }

    /// `$name = 'value'`; nothing is read if it is none.
    fn assignment(&mut self) -> Result<bool, Fault> {
        let begin = self.cursor.at;
        self.cursor.next();
        self.cursor.eat("env:");
        let name = self.cursor.take_while(is_name_char).to_owned();
        self.cursor.skip_blanks();
        if name.is_empty() || !self.cursor.eat("=") {
            self.cursor.at = begin;
            return Ok(false);
        }
        self.cursor.skip_blanks();
        if let Some(word) = self.word(false)? {
            self.variables.assigned.insert(name, word.text);
        }
        Ok(true)
    }

    fn word(&mut self, is_prompt: bool) -> Result<Option<Word>, Fault> {
        let mut building = Building::default();
        while let Some(c) = self.cursor.peek() {
            let at = self.cursor.at;
            if matches!(c, ' ' | '\t' | '\n' | ';' | '|')
                || (matches!(c, '<' | '&') && !is_prompt)
                || self.cursor.is_line_end()
            {
                break;
            }
            if c == '>' && !is_prompt {
                break;
            }
            building.touch(at);
            self.cursor.next();
            match c {
                '\'' => self.single(&mut building, at)?,
                '"' => self.double(&mut building, at)?,
                '@' if self.cursor.rest().starts_with("'\n") || self.cursor.rest().starts_with("'\r\n") => {
                    let text = self.here(at, '\'')?;
                    building.push_str(&text);
                }
                '@' if self.cursor.rest().starts_with("\"\n") || self.cursor.rest().starts_with("\"\r\n") => {
                    let text = self.here(at, '"')?;
                    let mut inner = Script { cursor: Cursor::new(&text), variables: &mut *self.variables };
                    while let Some(c) = inner.cursor.next() {
                        inner.expanded(c, &mut building).map_err(|fault| Fault::new(at, fault.problem))?;
                    }
                }
                c => self.expanded(c, &mut building)?,
            }
        }
        Ok(building.finish())
    }

    fn single(&mut self, building: &mut Building, at: usize) -> Result<(), Fault> {
        loop {
            building.push_str(self.cursor.take_until("'").ok_or_else(|| open(at, '\''))?);
            if !self.cursor.eat("'") {
                return Ok(());
            }
            building.push('\'');
        }
    }

    fn double(&mut self, building: &mut Building, at: usize) -> Result<(), Fault> {
        loop {
            match self.cursor.next().ok_or_else(|| open(at, '"'))? {
                '"' if self.cursor.eat("\"") => building.push('"'),
                '"' => return Ok(()),
                c => self.expanded(c, building)?,
            }
        }
    }

    /// A text over several lines, the quote that opens it being next.
    fn here(&mut self, at: usize, quote: char) -> Result<String, Fault> {
        self.cursor.next();
        self.cursor.eat_line_end();
        let end = format!("\n{quote}@");
        let text = self.cursor.take_until(&end).ok_or_else(|| open(at, quote))?;
        Ok(text.trim_end_matches('\r').to_owned())
    }

    /// A character, with what it stands for.
    fn expanded(&mut self, c: char, building: &mut Building) -> Result<(), Fault> {
        let at = self.cursor.at - c.len_utf8();
        match c {
            '`' => {
                if self.cursor.eat_line_end() {
                    return Ok(());
                }
                match self.cursor.next().unwrap_or('`') {
                    'n' => building.push('\n'),
                    'r' => building.push('\r'),
                    't' => building.push('\t'),
                    '0' => building.push('\0'),
                    c => building.push(c),
                }
            }
            '$' => match self.cursor.peek() {
                Some('(') => {
                    let mut depth = 0_usize;
                    loop {
                        match self.cursor.next().ok_or_else(|| open(at, '('))? {
                            '(' => depth += 1,
                            ')' if depth == 1 => break,
                            ')' => depth -= 1,
                            _ => {}
                        }
                    }
                    building.push_str(&self.variables.output("`$(…)`", at));
                }
                Some('{') => {
                    self.cursor.next();
                    let name = self.cursor.take_until("}").ok_or_else(|| open(at, '{'))?;
                    if is_placeholder(name) {
                        building.push_str(&self.cursor.text[at..self.cursor.at]);
                        return Ok(());
                    }
                    let plain = name.strip_prefix("env:").unwrap_or(name);
                    building.push_str(&self.variables.value(
                        plain,
                        &format!("${{{}}}", gauntlet_reports::sanitize::line(name, 40)),
                        at,
                    ));
                }
                Some(c) if is_name_char(c) => {
                    self.cursor.eat("env:");
                    let name = self.cursor.take_while(is_name_char);
                    building.push_str(&self.variables.value(name, &format!("${name}"), at));
                }
                _ => building.push('$'),
            },
            c => building.push(c),
        }
        Ok(())
    }
}

fn open(at: usize, quote: char) -> Fault {
    Fault::new(at, format!("`{quote}` is opened here and never closed; is the command whole?"))
}
