//! Colours. They only repeat what signs and words already say.

use anstyle::{AnsiColor, Style};

use crate::model::Verdict;

/// What a piece of text is, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    Strong,
    Dim,
    Verdict(Verdict),
    Expected,
    ExpectedWord,
    Actual,
    ActualWord,
}

/// Adds colour, or does not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    pub(crate) color: bool,
}

impl Paint {
    /// Appends the text in the colour of its role.
    pub(crate) fn push(self, out: &mut String, role: Role, text: &str) {
        if !self.color || role == Role::Plain || text.is_empty() {
            out.push_str(text);
            return;
        }
        use std::fmt::Write as _;
        let style = style(role);
        let _ = write!(out, "{style}{text}{style:#}");
    }

    /// The text in the colour of its role.
    pub(crate) fn text(self, role: Role, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 12);
        self.push(&mut out, role, text);
        out
    }
}

fn style(role: Role) -> Style {
    let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    match role {
        Role::Plain => Style::new(),
        Role::Strong => Style::new().bold(),
        Role::Dim => Style::new().dimmed(),
        Role::Verdict(Verdict::Pass) => color(AnsiColor::Green).bold(),
        Role::Verdict(Verdict::Skip | Verdict::Untestable) => color(AnsiColor::Cyan),
        Role::Verdict(Verdict::Warn) => color(AnsiColor::Yellow).bold(),
        Role::Verdict(Verdict::Fail) => color(AnsiColor::Red).bold(),
        Role::Verdict(Verdict::Error) => color(AnsiColor::Magenta).bold(),
        Role::Expected => color(AnsiColor::Green),
        Role::ExpectedWord => color(AnsiColor::Green).bold().underline(),
        Role::Actual => color(AnsiColor::Red),
        Role::ActualWord => color(AnsiColor::Red).bold().underline(),
    }
}
