//! The person at the terminal, who signs in where a target says `browser: open`.

use std::time::Duration;

use gauntlet::target::{Notice, Person};
use gauntlet_format::duration;
use gauntlet_reports::sanitize;

use crate::exit::CommandError;
use crate::terminal;

/// How long to wait for the person: as given, else five minutes if there seems to be one. `asked_for` says that a browser
/// was named on the command line, so that somebody is there.
pub(super) fn patience(given: Option<&str>, asked_for: bool) -> Result<Duration, CommandError> {
    match given.map(duration::parse).transpose().map_err(CommandError::usage)? {
        Some(given) => Ok(given),
        None if asked_for || terminal::is_attended() => Ok(Person::PATIENCE),
        None => Ok(Duration::ZERO),
    }
}

/// The person, who is shown what there is to do.
pub(super) fn person(patience: Duration, show: impl Fn(&str) + Send + Sync + 'static) -> Person {
    Person::new(patience, move |notice| show(&text(notice)))
}

fn text(notice: Notice<'_>) -> String {
    match notice {
        Notice::Visit { target, url, patience } => format!(
            "Sign in to `{}` within {:.0} s at\n{}",
            sanitize::inline(target),
            patience.as_secs_f64(),
            sanitize::inline(url)
        ),
        Notice::NoBrowser { error } => {
            format!("No browser could be opened ({}); visit the address by hand.", sanitize::inline(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_controls_no_terminal() {
        let url = "https://idp.example/\u{1b}]0;x\u{7}?state=s";
        let shown = text(Notice::Visit { target: "a\u{1b}[2Jb", url, patience: Person::PATIENCE });
        assert!(!shown.contains(['\u{1b}', '\u{7}']) && shown.contains("within 300 s") && shown.contains("state=s"));
        assert!(!text(Notice::NoBrowser { error: "\u{1b}[2J" }).contains('\u{1b}'));
    }

    #[test]
    fn what_is_given_counts_more_than_what_seems() {
        assert_eq!(patience(Some("2s"), false).ok(), Some(Duration::from_secs(2)));
        assert_eq!(patience(Some("0s"), true).ok(), Some(Duration::ZERO));
        assert_eq!(patience(None, true).ok(), Some(Person::PATIENCE));
        assert!(patience(Some("soon"), true).is_err());
    }
}
