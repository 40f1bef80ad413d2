//! `$challenge`, and a parser of `WWW-Authenticate` (RFC 9110 §11.6.1).

use serde_json::{Map, Value};

use super::{At, Mismatch, brief, go, type_of};
use crate::node::{Node, NodeValue};

/// One challenge of a `WWW-Authenticate` value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme as it was sent; compare it without regard to case.
    pub scheme: String,
    /// The token68 form, as in `Negotiate YII=`.
    pub token68: Option<String>,
    /// Parameters in order, names in lower case, values unquoted.
    pub params: Vec<(String, String)>,
}

/// The value is not of the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct MalformedChallenge {
    /// What is wrong.
    pub reason: String,
    /// Where, in bytes from the start of the value.
    pub offset: usize,
}

/// Parses the value of one `WWW-Authenticate` field line: a list of challenges.
///
/// # Errors
/// The value is empty or not of the grammar, or a challenge has a parameter twice.
pub fn parse(value: &str) -> Result<Vec<Challenge>, MalformedChallenge> {
    let mut reader = Reader { text: value, at: 0 };
    let mut found = Vec::new();
    loop {
        reader.skip_list_blanks();
        if reader.rest().is_empty() {
            break;
        }
        found.push(reader.challenge()?);
    }
    if found.is_empty() {
        return Err(reader.error("there is no challenge"));
    }
    Ok(found)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

/// tchar of RFC 9110 §5.6.2.
fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn error(&self, reason: impl Into<String>) -> MalformedChallenge {
        MalformedChallenge { reason: reason.into(), offset: self.at }
    }

    fn skip(&mut self, which: impl Fn(u8) -> bool) {
        self.at += self.rest().bytes().take_while(|b| which(*b)).count();
    }

    fn skip_blanks(&mut self) {
        self.skip(|b| b == b' ' || b == b'\t');
    }

    /// List elements may be empty (§5.6.1.2).
    fn skip_list_blanks(&mut self) {
        self.skip(|b| matches!(b, b' ' | b'\t' | b','));
    }

    fn token(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let len = rest.bytes().take_while(|b| is_token(*b)).count();
        self.at += len;
        (len > 0).then(|| &rest[..len])
    }

    fn challenge(&mut self) -> Result<Challenge, MalformedChallenge> {
        let Some(scheme) = self.token() else { return Err(self.error("expected an authentication scheme")) };
        let mut challenge = Challenge { scheme: scheme.to_owned(), token68: None, params: Vec::new() };
        let before = self.at;
        self.skip_blanks();
        let rest = self.rest();
        if rest.is_empty() || rest.starts_with(',') {
            return Ok(challenge);
        }
        if self.at == before {
            return Err(self.error("expected a blank after the scheme"));
        }
        if let Some(token) = self.token68() {
            challenge.token68 = Some(token.to_owned());
            return Ok(challenge);
        }
        loop {
            self.param(&mut challenge)?;
            self.skip_blanks();
            let rest = self.rest();
            if rest.is_empty() {
                return Ok(challenge);
            }
            if !rest.starts_with(',') {
                return Err(self.error("expected `,`"));
            }
            self.skip_list_blanks();
            if self.rest().is_empty() || !self.param_is_next() {
                return Ok(challenge);
            }
        }
    }

    /// A token68 stands alone: after it the value or the list element ends.
    fn token68(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let body = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(b)).count();
        let len = body + rest[body..].bytes().take_while(|b| *b == b'=').count();
        let after = rest[len..].trim_start_matches([' ', '\t']);
        if body == 0 || !(after.is_empty() || after.starts_with(',')) {
            return None;
        }
        self.at += len;
        Some(&rest[..len])
    }

    /// `token BWS =` begins a parameter; a token followed by anything else is the next scheme.
    fn param_is_next(&self) -> bool {
        let mut ahead = Reader { text: self.text, at: self.at };
        ahead.token().is_some() && {
            ahead.skip_blanks();
            ahead.rest().starts_with('=')
        }
    }

    fn param(&mut self, challenge: &mut Challenge) -> Result<(), MalformedChallenge> {
        let start = self.at;
        let Some(name) = self.token() else { return Err(self.error("expected a parameter")) };
        self.skip_blanks();
        if !self.rest().starts_with('=') {
            return Err(self.error(format!("expected `=` after `{name}`")));
        }
        self.at += 1;
        self.skip_blanks();
        let value = if self.rest().starts_with('"') {
            self.quoted()?
        } else {
            self.token().ok_or_else(|| self.error(format!("expected a value for `{name}`")))?.to_owned()
        };
        let name = name.to_ascii_lowercase();
        if challenge.params.iter().any(|(n, _)| *n == name) {
            self.at = start;
            return Err(self.error(format!("the parameter `{name}` is there twice")));
        }
        challenge.params.push((name, value));
        Ok(())
    }

    /// quoted-string of §5.6.4.
    fn quoted(&mut self) -> Result<String, MalformedChallenge> {
        let mut value = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(value);
                }
                '\\' => match chars.next() {
                    Some((_, escaped)) => value.push(escaped),
                    None => break,
                },
                c if c.is_control() && c != '\t' => {
                    self.at += at;
                    return Err(self.error(format!("{c:?} stands in a quoted string")));
                }
                c => value.push(c),
            }
        }
        Err(self.error("the quoted string does not end"))
    }
}

/// What the matcher sees of a challenge.
fn as_value(challenge: &Challenge) -> Value {
    let mut members = Map::new();
    members.insert("scheme".to_owned(), challenge.scheme.clone().into());
    if let Some(token) = &challenge.token68 {
        members.insert("token68".to_owned(), token.clone().into());
    }
    for (name, value) in &challenge.params {
        members.insert(name.clone(), value.clone().into());
    }
    Value::Object(members)
}

/// Whether the scheme, which has no case, is the expected one; `None` if the pattern does not name one outright.
fn same_scheme(pattern: &Node, challenge: &Challenge) -> Option<bool> {
    Some(pattern.get("scheme")?.as_str()?.eq_ignore_ascii_case(&challenge.scheme))
}

fn judge(at: &At<'_>, challenge: &Challenge, out: &mut Vec<Mismatch>) {
    let value = as_value(challenge);
    let NodeValue::Object(members) = &at.argument.value else {
        return at.fail(Some(&value), "the argument of the matcher is not a mapping", out);
    };
    let path = at.path.member("$challenge");
    for (key, expected) in members {
        if key.name == "scheme" && same_scheme(at.argument, challenge) == Some(true) {
            continue;
        }
        go(expected, value.get(key.name.to_ascii_lowercase()), &path.member(&key.name), out);
    }
}

pub(super) fn challenge(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let lines: Vec<&str> = match actual {
        Value::String(line) => vec![line],
        Value::Array(lines) if lines.iter().all(Value::is_string) => lines.iter().filter_map(Value::as_str).collect(),
        other => {
            let reason = format!("expected a header value, found {} {}", type_of(other), brief(other));
            return at.fail(Some(actual), reason, out);
        }
    };
    let mut all = Vec::new();
    for line in lines {
        match parse(line) {
            Ok(challenges) => all.extend(challenges),
            Err(e) => return at.fail(Some(actual), format!("is not a WWW-Authenticate value: {e}"), out),
        }
    }
    // The nearest challenge is reported: one of the right scheme, and of these the one with the fewest mismatches.
    let mut nearest: Option<((bool, usize), Vec<Mismatch>)> = None;
    for challenge in &all {
        let mut found = Vec::new();
        judge(at, challenge, &mut found);
        if found.is_empty() {
            return;
        }
        let rank = (same_scheme(at.argument, challenge) == Some(false), found.len());
        if nearest.as_ref().is_none_or(|(best, _)| rank < *best) {
            nearest = Some((rank, found));
        }
    }
    match nearest {
        Some(((false, _), found)) => out.extend(found),
        _ => {
            let schemes: Vec<_> = all.iter().map(|c| c.scheme.as_str()).collect();
            let reason = format!("there is no challenge of this scheme, only {}", schemes.join(", "));
            at.fail(Some(actual), reason, out);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// The schemes of a value, or why it is none and where.
    type Expected = Result<&'static [&'static str], (&'static str, usize)>;

    /// Values that parsers have stumbled over.
    const NASTY: [(&str, Expected); 34] = [
        ("", Err(("there is no challenge", 0))),
        (" ,\t, ", Err(("there is no challenge", 5))),
        ("Bearer", Ok(&["Bearer"])),
        (",,Bearer,,", Ok(&["Bearer"])),
        ("Bearer,Basic", Ok(&["Bearer", "Basic"])),
        ("bearer\ta=1", Ok(&["bearer"])),
        ("Bearer a", Ok(&["Bearer"])),
        ("Bearer a==", Ok(&["Bearer"])),
        ("Bearer a= ", Ok(&["Bearer"])),
        ("Bearer a=,Basic", Ok(&["Bearer", "Basic"])),
        ("Bearer a==b", Err(("expected a value for `a`", 9))),
        ("Bearer =", Err(("expected a parameter", 7))),
        ("Bearer a=1 b=2", Err(("expected `,`", 11))),
        ("Bearer a=1;b=2", Err(("expected `,`", 10))),
        ("Bearer a=1,, ,b=2", Ok(&["Bearer"])),
        ("Bearer a=1, Basic", Ok(&["Bearer", "Basic"])),
        ("Bearer a=1, Basic b", Ok(&["Bearer", "Basic"])),
        ("Bearer a=1, Basic b=2, c=3", Ok(&["Bearer", "Basic"])),
        ("Bearer a=1, b = 2, Negotiate", Ok(&["Bearer", "Negotiate"])),
        ("Bearer a=1, A=2", Err(("the parameter `a` is there twice", 12))),
        ("Bearer a=\"", Err(("the quoted string does not end", 9))),
        ("Bearer a=\"\\", Err(("the quoted string does not end", 9))),
        ("Bearer a=\"\\\"", Err(("the quoted string does not end", 9))),
        ("Bearer a=\"\"", Ok(&["Bearer"])),
        ("Bearer a=\"b, Basic c=d\"", Ok(&["Bearer"])),
        ("Bearer a=\"b\"c", Err(("expected `,`", 12))),
        ("Bearer a=\"b\nc\"", Err(("'\\n' stands in a quoted string", 11))),
        ("Bearer a=\"\u{0}\"", Err(("'\\0' stands in a quoted string", 10))),
        ("Bearer a='b c'", Err(("expected `,`", 12))),
        ("Bearer \u{e4}=1", Err(("expected a parameter", 7))),
        ("\u{e4}", Err(("expected an authentication scheme", 0))),
        ("\"Bearer\"", Err(("expected an authentication scheme", 0))),
        ("Bearer: a=1", Err(("expected a blank after the scheme", 6))),
        ("Bearer a=\"\u{1f600}\u{202e}\"", Ok(&["Bearer"])),
    ];

    #[test]
    fn nasty_values() {
        for (value, expected) in NASTY {
            let found = parse(value);
            let told = match &found {
                Ok(challenges) => Ok(challenges.iter().map(|c| c.scheme.as_str()).collect::<Vec<_>>()),
                Err(error) => Err((error.reason.as_str(), error.offset)),
            };
            assert_eq!(told, expected.map(<[&str]>::to_vec), "{value:?}");
        }
    }

    #[test]
    fn a_value_of_any_length_is_read_in_one_go() {
        let many = "Bearer a=\"\\x\", ".repeat(20_000);
        assert_eq!(parse(&many).unwrap().len(), 20_000);
        let wide: String = (0..2_000).fold("Bearer z=0".to_owned(), |mut text, n| {
            write!(text, ", p{n}=\"{n}\"").unwrap();
            text
        });
        assert_eq!(parse(&wide).unwrap()[0].params.len(), 2_001);
        assert!(parse(&format!("Bearer a=\"{}", "\\".repeat(1 << 20))).is_err());
    }

    /// Writes challenges back in one canonical form.
    fn write(challenges: &[Challenge]) -> String {
        let mut text = String::new();
        for challenge in challenges {
            let separator = if text.is_empty() { "" } else { ", " };
            write!(text, "{separator}{}", challenge.scheme).unwrap();
            if let Some(token) = &challenge.token68 {
                write!(text, " {token}").unwrap();
            }
            for (place, (name, value)) in challenge.params.iter().enumerate() {
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                write!(text, "{} {name}=\"{escaped}\"", if place == 0 { "" } else { "," }).unwrap();
            }
        }
        text
    }

    /// Random values made of the grammar's own pieces: whatever is taken can be written back and is then the same, and
    /// whatever is refused is refused at a place inside the value.
    #[test]
    fn random_values_are_understood_or_refused_in_place() {
        const PIECES: [&str; 28] = [
            "Bearer",
            "Basic",
            "DPoP",
            "a",
            "scope",
            "realm",
            "=",
            "=",
            "==",
            "\"",
            "\"",
            "\\",
            ",",
            ",",
            ", ",
            " ",
            " ",
            "\t",
            "x/y+z",
            "\u{e4}",
            "\u{1f600}",
            "\n",
            "\u{7f}",
            ";",
            "'",
            "a=\"b\"",
            "c=d",
            "e=\"f\\\"g\"",
        ];
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |below: usize| {
            // xorshift64
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed >> 33).unwrap() % below
        };
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..50_000 {
            let value: String = (0..random(14)).map(|_| PIECES[random(PIECES.len())]).collect();
            match parse(&value) {
                Ok(challenges) => {
                    taken += 1;
                    let written = write(&challenges);
                    assert_eq!(parse(&written).as_ref(), Ok(&challenges), "{value:?} written as {written:?}");
                }
                Err(error) => {
                    refused += 1;
                    assert!(value.is_char_boundary(error.offset), "{error} of {value:?}");
                }
            }
        }
        // Both sides of the grammar were visited.
        assert!(taken > 2_000 && refused > 2_000, "{taken} taken, {refused} refused");
    }
}
