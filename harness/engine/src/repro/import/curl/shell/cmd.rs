//! cmd.exe: it takes its own escapes out of a line, and the program splits what is left by the rules of Microsoft's C runtime
//! (<https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments>).

use super::{Building, Command, Cursor, Fault, Variables, Word, from_curl, is_name_char, program};

pub(super) fn commands(text: &str, variables: &mut Variables<'_>) -> Result<Vec<Command>, Fault> {
    let mut lines = Lines { cursor: Cursor::new(text), variables };
    let mut commands = Vec::new();
    while let Some(line) = lines.next()? {
        let mut words = split(&line, lines.variables)?;
        // `C:\Users\me> curl`
        if let Some(first) = words.first_mut().filter(|word| word.text.contains(":\\")) {
            let kept = first.text.rsplit('>').next().unwrap_or_default().to_owned();
            first.text = if kept.is_empty() { ">".to_owned() } else { kept };
        }
        let (at, called) = (words.first().map_or(0, |word| word.at), program(&words));
        match from_curl(words) {
            Some(words) => commands.push(Command { words, input: None }),
            None if line.is_empty() => {}
            None => lines.variables.note(at, format!("{called} is another command than curl: left out, and never run")),
        }
    }
    Ok(commands)
}

/// A character that the program gets, whether cmd.exe was told to leave it alone, and where it stands.
#[derive(Clone, Copy)]
struct Char {
    c: char,
    is_escaped: bool,
    at: usize,
}

struct Lines<'a, 'v, 'n> {
    cursor: Cursor<'a>,
    variables: &'v mut Variables<'n>,
}

impl Lines<'_, '_, '_> {
    /// The characters of the next command.
    fn next(&mut self) -> Result<Option<Vec<Char>>, Fault> {
        if self.cursor.rest().trim().is_empty() {
            return Ok(None);
        }
        let mut line: Vec<Char> = Vec::new();
        let mut is_quoted = false;
        loop {
            let at = self.cursor.at;
            if self.cursor.is_line_end() {
                self.cursor.eat_line_end();
                break;
            }
            let Some(c) = self.cursor.next() else { break };
            match c {
                '^' if !is_quoted => {
                    // An end of line behind it is no end; what comes first in the next line is taken as it is.
                    self.cursor.eat_line_end();
                    let at = self.cursor.at;
                    let c = if self.cursor.eat("\r\n") { Some('\n') } else { self.cursor.next() };
                    line.extend(c.map(|c| Char { c, is_escaped: true, at }));
                }
                '"' => {
                    is_quoted = !is_quoted;
                    line.push(Char { c, is_escaped: false, at });
                }
                '%' => self.percent(&mut line, at),
                '&' | '|' | '<' | '>' if !is_quoted && !is_prompt(&line) => {
                    self.operator(c, at);
                    if matches!(c, '&') {
                        break;
                    }
                    self.cursor.skip_line();
                    self.cursor.eat_line_end();
                    break;
                }
                c => line.push(Char { c, is_escaped: false, at }),
            }
        }
        Ok(Some(line))
    }

    fn operator(&mut self, c: char, at: usize) {
        if c == '&' {
            self.cursor.eat("&");
        } else {
            self.variables.note(at, format!("what stands behind `{c}` is no part of the request: left out"));
        }
    }

    /// `%NAME%`, in quotes too.
    fn percent(&mut self, line: &mut Vec<Char>, at: usize) {
        let name = self.cursor.rest().split('%').next().unwrap_or_default().to_owned();
        let is_name = !name.is_empty()
            && self.cursor.rest()[name.len()..].starts_with('%')
            && name.chars().all(is_name_char)
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !is_name {
            line.push(Char { c: '%', is_escaped: false, at });
            return;
        }
        self.cursor.at += name.len() + 1;
        let value = self.variables.value(&name, &format!("%{name}%"), at);
        line.extend(value.chars().map(|c| Char { c, is_escaped: true, at }));
    }
}

/// `C:\Users\me>` at the beginning of a line.
fn is_prompt(line: &[Char]) -> bool {
    line.get(1).is_some_and(|c| c.c == ':')
        && line.get(2).is_some_and(|c| c.c == '\\')
        && line.iter().all(|c| c.c != ' ' && c.c != '>')
}

/// The words that the program gets.
fn split(line: &[Char], variables: &mut Variables<'_>) -> Result<Vec<Word>, Fault> {
    let mut words = Vec::new();
    let mut building = Building::default();
    let mut opened = None;
    let mut of_browser = false;
    let mut at = 0;
    while let Some(&char) = line.get(at) {
        if char.c == '\\' {
            let backslashes = line[at..].iter().take_while(|c| c.c == '\\').count();
            at += backslashes;
            building.touch(char.at);
            let is_quote = line.get(at).is_some_and(|c| c.c == '"');
            // Browsers write each backslash twice, although the C runtime takes only those before a quote together. What was meant is
            // what was sent before.
            let is_doubled = !is_quote && of_browser && backslashes % 2 == 0;
            if is_doubled {
                variables.note(char.at, "a browser wrote each backslash twice; read as one, as it was before");
            }
            (0..if is_quote || is_doubled { backslashes / 2 } else { backslashes }).for_each(|_| building.push('\\'));
            if is_quote && backslashes % 2 == 1 {
                building.push('"');
                at += 1;
            }
            continue;
        }
        at += 1;
        match char.c {
            '"' if opened.is_some() && line.get(at).is_some_and(|c| c.c == '"') => {
                building.push('"');
                at += 1;
            }
            '"' => {
                building.touch(char.at);
                of_browser = opened.is_none() && char.is_escaped;
                opened = if opened.is_none() { Some(char.at) } else { None };
            }
            ' ' | '\t' if opened.is_none() => words.extend(building.finish()),
            c => {
                building.touch(char.at);
                building.push(c);
            }
        }
    }
    if let Some(at) = opened {
        return Err(Fault::new(at, "`\"` is opened here and never closed; is the command whole?"));
    }
    words.extend(building.finish());
    Ok(words)
}
