//! Names that many cases share, each written once.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::model::RequirementRef;
use crate::{sanitize, words};

/// Longest name, in characters.
const NAME: usize = 300;

/// Longest requirement text, in characters.
const STATEMENT: usize = 2000;

/// Gives out numbers for names. It grows with what scenarios say, not with the number of cases.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<(&'static str, String), usize>,
    lengths: HashMap<&'static str, usize>,
    /// Requirements whose text is written.
    told: Vec<bool>,
    /// What the page does not have yet.
    new: Vec<Value>,
}

impl Names {
    /// The number of a name of that kind.
    pub(super) fn number(&mut self, kind: &'static str, name: &str) -> usize {
        let name = sanitize::line(name, NAME).into_owned();
        let key = (kind, name);
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let next = self.lengths.entry(kind).or_default();
        let number = *next;
        *next += 1;
        self.new.push(json!([kind, key.1]));
        self.numbers.insert(key, number);
        number
    }

    /// The number of a requirement, whose text the page gets to know.
    pub(super) fn requirement(&mut self, requirement: &RequirementRef) -> usize {
        let number = self.number("requirement", &requirement.id);
        if self.told.len() <= number {
            self.told.resize(number + 1, false);
        }
        if !self.told[number] {
            self.told[number] = true;
            let statement = sanitize::line(&requirement.statement, STATEMENT);
            let link = requirement.link.as_deref().filter(|link| is_web(link));
            self.new.push(json!(["text", number, words::level(requirement.level), statement, link]));
        }
        number
    }

    /// What has been added since the last time.
    pub(super) fn take_new(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.new)
    }
}

/// Whether a link leads to a web page, and holds nothing that should not be in one.
fn is_web(link: &str) -> bool {
    let scheme = link.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
        && link.len() <= STATEMENT
        && !link.chars().any(|c| c.is_whitespace() || sanitize::is_unsafe(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Level;

    fn requirement(link: &str) -> RequirementRef {
        RequirementRef { id: "a".into(), level: Level::Must, statement: "s".into(), link: Some(link.into()) }
    }

    #[test]
    fn a_name_is_written_once() {
        let mut names = Names::default();
        assert_eq!((names.number("pack", "a"), names.number("pack", "b"), names.number("tag", "a")), (0, 1, 0));
        assert_eq!(names.number("pack", "a"), 0);
        assert_eq!(names.take_new(), [json!(["pack", "a"]), json!(["pack", "b"]), json!(["tag", "a"])]);
        assert_eq!(names.number("pack", "b"), 1);
        assert!(names.take_new().is_empty());
    }

    #[test]
    fn a_requirement_gets_its_text_when_it_is_known() {
        let mut names = Names::default();
        assert_eq!(names.number("requirement", "a"), 0);
        assert_eq!(names.requirement(&requirement("https://example.org/#x")), 0);
        assert_eq!(names.requirement(&requirement("https://example.org/#y")), 0);
        assert_eq!(names.take_new()[1], json!(["text", 0, "MUST", "s", "https://example.org/#x"]));
    }

    #[test]
    fn only_web_pages_are_linked() {
        for link in [
            "javascript:alert(1)//https://x",
            "data:text/html,x",
            "file:///etc/passwd",
            " https://a",
            "https://a\u{202e}b",
        ] {
            let mut names = Names::default();
            names.requirement(&requirement(link));
            assert_eq!(names.take_new()[1], json!(["text", 0, "MUST", "s", null]), "{link}");
        }
    }
}
