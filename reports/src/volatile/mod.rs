//! Values that differ from run to run although nothing has changed: dates, ids, tokens, ports, cursors.
//!
//! Named [`Rules`] say what they are. A [`Normaliser`] puts a placeholder in the place of each, the same placeholder for the
//! same value throughout one transcript: `<uuid:1>` is the first UUID wherever it stands, so that a value that is wrongly
//! another one in a second place still shows.

mod builtin;
mod normalise;
mod renumber;
mod transcript;

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

pub use builtin::{BUILTIN, Builtin};
pub use normalise::Normaliser;
pub use renumber::{renumbered, replaced, unnumbered};
pub use transcript::{of_steps, transcript};

use crate::compare::Pattern;

/// Memory that one regular expression may take, in bytes.
const REGEX_SIZE: usize = 1 << 20;

/// Rules of one file at most; each pattern is tried on every text.
const MOST: usize = 64;

/// Longest name of a rule, in bytes.
const LONGEST_NAME: usize = 60;

/// A text in which `#` stands for each number: positions, ports, times and counters are another one each time.
#[must_use]
pub fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(c),
        }
    }
    out
}

/// Whether the value of a header differs from run to run. The name is in lower case.
#[must_use]
pub fn is_volatile_header(name: &str) -> bool {
    BUILTIN.iter().any(|rule| rule.headers.contains(&name))
}

/// One rule of a user's, as a file spells it. Just one of `header`, `path` and `pattern` is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// Its name, which the placeholder bears.
    pub name: String,
    /// A header, of requests and responses; its whole value is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A place in a message or another JSON body, such as `result.structuredContent.took`; the value there is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A regular expression; its first group is replaced, or the whole match where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// What a scenario, or `gauntlet.yaml`, says of volatile values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VolatileSpec {
    /// Rules beside the built-in ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleSpec>,
    /// Names of rules that do not hold: what they would replace is compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
}

impl VolatileSpec {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.keep.is_empty()
    }
}

/// Why a rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleError {
    /// No rule has this name.
    Unknown(String),
    /// It says something that is no rule; the name, what is wrong and what to do.
    Malformed(String, String),
}

impl std::error::Error for RuleError {}

impl std::fmt::Display for RuleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(name) => {
                let known: Vec<&str> = BUILTIN.iter().map(|rule| rule.name).collect();
                write!(f, "there is no volatile rule `{name}`; the built-in ones are {}", known.join(", "))
            }
            Self::Malformed(name, problem) => write!(f, "volatile rule `{name}`: {problem}"),
        }
    }
}

/// Rules that hold for a comparison.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Built-in rules that hold, by their position in [`BUILTIN`].
    builtin: Vec<usize>,
    own: Vec<Own>,
    /// All patterns of the built-in rules, one named group each.
    texts: Option<Texts>,
    headers: HashMap<String, Named>,
    members: HashMap<&'static str, Named>,
}

/// One expression for all built-in patterns, so that a text is read once.
#[derive(Debug, Clone)]
struct Texts {
    regex: Regex,
    /// Number of the group, and the rule that it belongs to.
    groups: Vec<(usize, Named)>,
}

/// What a placeholder says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Named {
    name: String,
    /// Equal values get equal placeholders. Of a time that means nothing: two of them are equal by chance.
    identity: bool,
}

#[derive(Debug, Clone)]
struct Own {
    named: Named,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Header(String),
    Path(Pattern),
    Text(Regex),
}

impl Rules {
    /// The rules that hold unless somebody says otherwise.
    #[must_use]
    pub fn builtin() -> Self {
        let mut rules = Self { builtin: (0..BUILTIN.len()).collect(), ..Self::default() };
        rules.prepare();
        rules
    }

    /// No rule at all: every byte counts.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The same with what a file says.
    ///
    /// # Errors
    /// When a rule is malformed, or one to be kept is unknown.
    pub fn with(&self, spec: &VolatileSpec) -> Result<Self, RuleError> {
        let mut rules = self.clone();
        for rule in &spec.rules {
            rules.own.push(Own::read(rule)?);
            if rules.own.len() > MOST {
                let problem = format!("it is one too many; there may be {MOST}");
                return Err(RuleError::Malformed(rule.name.clone(), problem));
            }
        }
        for name in &spec.keep {
            rules.drop_named(name)?;
        }
        rules.prepare();
        Ok(rules)
    }

    /// The same without the rule of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn without(&self, name: &str) -> Result<Self, RuleError> {
        let mut rules = self.clone();
        rules.drop_named(name)?;
        rules.prepare();
        Ok(rules)
    }

    /// Whether nothing is replaced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.builtin.is_empty() && self.own.is_empty()
    }

    /// What of a scenario's own rules can be used.
    ///
    /// A saved run is not to be trusted; a rule in it that is none leaves the values as they are.
    #[must_use]
    pub fn with_those_usable(&self, spec: &VolatileSpec) -> Self {
        let mut rules = self.clone();
        rules.own.extend(spec.rules.iter().take(MOST).filter_map(|rule| Own::read(rule).ok()));
        for name in &spec.keep {
            let _ = rules.drop_named(name);
        }
        rules.prepare();
        rules
    }

    fn drop_named(&mut self, name: &str) -> Result<(), RuleError> {
        let known = BUILTIN.iter().any(|rule| rule.name == name) || self.own.iter().any(|own| own.named.name == name);
        if !known {
            return Err(RuleError::Unknown(name.to_owned()));
        }
        self.builtin.retain(|i| BUILTIN.get(*i).is_some_and(|rule| rule.name != name));
        self.own.retain(|own| own.named.name != name);
        Ok(())
    }

    /// Makes the tables that a normaliser looks things up in.
    fn prepare(&mut self) {
        let held = || self.builtin.iter().filter_map(|i| BUILTIN.get(*i));
        self.headers = held().flat_map(|rule| rule.headers.iter().map(|h| ((*h).to_owned(), rule.named()))).collect();
        self.members = held().flat_map(|rule| rule.members.iter().map(|m| (*m, rule.named()))).collect();
        let patterns: Vec<(&Builtin, &str)> = held().flat_map(|r| r.patterns.iter().map(move |p| (r, *p))).collect();
        self.texts = Texts::of(&patterns);
        for own in &self.own {
            if let Place::Header(name) = &own.place {
                self.headers.insert(name.clone(), own.named.clone());
            }
        }
    }

    fn paths(&self) -> impl Iterator<Item = (&Named, &Pattern)> {
        self.own.iter().filter_map(|own| match &own.place {
            Place::Path(pattern) => Some((&own.named, pattern)),
            _ => None,
        })
    }

    fn own_texts(&self) -> impl Iterator<Item = (&Named, &Regex)> {
        self.own.iter().filter_map(|own| match &own.place {
            Place::Text(regex) => Some((&own.named, regex)),
            _ => None,
        })
    }

    fn holds(&self, name: &str) -> bool {
        self.builtin.iter().any(|i| BUILTIN.get(*i).is_some_and(|rule| rule.name == name))
    }
}

impl Texts {
    fn of(patterns: &[(&Builtin, &str)]) -> Option<Self> {
        let name = |i: usize| format!("r{i}");
        let whole: Vec<String> = patterns
            .iter()
            .enumerate()
            .map(|(i, (_, pattern))| pattern.replace("?<v>", &format!("?<{}>", name(i))))
            .collect();
        // That the table compiles is shown by a test.
        let regex = (!patterns.is_empty()).then(|| Regex::new(&whole.join("|")).ok()).flatten()?;
        let at = |i: usize| regex.capture_names().position(|group| group == Some(name(i).as_str()));
        let groups = patterns.iter().enumerate().filter_map(|(i, (rule, _))| Some((at(i)?, rule.named()))).collect();
        Some(Self { regex, groups })
    }
}

impl Own {
    fn read(spec: &RuleSpec) -> Result<Self, RuleError> {
        let wrong = |problem: String| RuleError::Malformed(spec.name.clone(), problem);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if spec.name.is_empty() || spec.name.len() > LONGEST_NAME || !spec.name.chars().all(plain) {
            return Err(wrong("its name has letters, digits, `-`, `_` and `.`".to_owned()));
        }
        if BUILTIN.iter().any(|rule| rule.name == spec.name) {
            return Err(wrong("a built-in rule has this name; take another".to_owned()));
        }
        let place = match (&spec.header, &spec.path, &spec.pattern) {
            (Some(header), None, None) => Place::Header(header.to_ascii_lowercase()),
            (None, Some(path), None) => Place::Path(
                Pattern::parse(path)
                    .ok_or_else(|| wrong(format!("`{path}` is not a path; write it as `result.content[*].text`")))?,
            ),
            (None, None, Some(pattern)) => {
                let regex = RegexBuilder::new(pattern).size_limit(REGEX_SIZE).build();
                Place::Text(regex.map_err(|e| wrong(format!("not a regular expression: {e}")))?)
            }
            _ => return Err(wrong("it says just one of `header`, `path` and `pattern`".to_owned())),
        };
        Ok(Self { named: Named { name: spec.name.clone(), identity: true }, place })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
