//! Who has been given which answer already.

use std::collections::{HashMap, VecDeque};

/// Sessions that are remembered; the oldest are forgotten first.
const MOST: usize = 10_000;

/// The clients of a stub.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By the id that was given out.
    live: HashMap<String, Session>,
    /// Ids in the order in which they were given out.
    order: VecDeque<String>,
    /// What is asked outside of any session.
    outside: Turns,
    /// How often the id of a recorded session was given out.
    given: HashMap<String, usize>,
}

#[derive(Debug)]
struct Session {
    /// The recorded session that it is a repetition of.
    recorded: String,
    turns: Turns,
    ended: bool,
}

/// How often something was asked, by the first recorded answer to it.
type Turns = HashMap<usize, usize>;

impl Sessions {
    /// The recorded session that a live one repeats; none if it is not known, or has ended.
    pub(super) fn recorded(&self, id: &str) -> Option<&str> {
        self.live.get(id).filter(|session| !session.ended).map(|session| session.recorded.as_str())
    }

    /// A recorded session is opened once more; what its id is now.
    pub(super) fn open(&mut self, recorded: &str) -> String {
        let count = self.given.entry(recorded.to_owned()).or_default();
        *count += 1;
        let id = if *count == 1 { recorded.to_owned() } else { format!("{recorded}-{count}") };
        self.adopt(&id, recorded);
        id
    }

    /// A session is known from now on.
    pub(super) fn adopt(&mut self, id: &str, recorded: &str) {
        let session = Session { recorded: recorded.to_owned(), turns: Turns::new(), ended: false };
        if self.live.insert(id.to_owned(), session).is_none() {
            self.order.push_back(id.to_owned());
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.live.remove(&oldest);
            }
        }
    }

    /// Whether a session of this id was ever opened here.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.live.contains_key(id)
    }

    /// A session has ended.
    pub(super) fn end(&mut self, id: &str) {
        if let Some(session) = self.live.get_mut(id) {
            session.ended = true;
        }
    }

    /// The next of several recorded answers to the same question: in recorded order, then the last one again, or the first one
    /// with `wrap`.
    pub(super) fn next(&mut self, id: Option<&str>, answers: &[usize], wrap: bool) -> Option<usize> {
        let turns = match id {
            Some(id) => self.live.get_mut(id).map_or(&mut self.outside, |session| &mut session.turns),
            None => &mut self.outside,
        };
        let turn = turns.entry(*answers.first()?).or_default();
        let at = if wrap { *turn % answers.len() } else { (*turn).min(answers.len() - 1) };
        *turn = turn.saturating_add(1);
        answers.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_recorded_order_for_each_session() {
        let mut sessions = Sessions::default();
        let (first, second) = (sessions.open("s"), sessions.open("s"));
        assert_eq!((first.as_str(), second.as_str()), ("s", "s-2"));
        let mut turn = |id: &str| sessions.next(Some(id), &[3, 5], false);
        assert_eq!((turn("s"), turn("s"), turn("s-2"), turn("s")), (Some(3), Some(5), Some(3), Some(5)));
        let mut turn = || sessions.next(None, &[3, 5], true);
        assert_eq!((turn(), turn(), turn()), (Some(3), Some(5), Some(3)));
        assert_eq!(sessions.next(None, &[], false), None);
    }

    #[test]
    fn an_ended_session_is_not_known_any_more() {
        let mut sessions = Sessions::default();
        let id = sessions.open("s");
        assert_eq!(sessions.recorded(&id), Some("s"));
        sessions.end(&id);
        assert_eq!(sessions.recorded(&id), None);
        assert!(sessions.knows(&id) && !sessions.knows("other"));
    }

    #[test]
    fn the_oldest_sessions_are_forgotten() {
        let mut sessions = Sessions::default();
        for n in 0..=MOST {
            sessions.adopt(&n.to_string(), "s");
        }
        assert!(!sessions.knows("0") && sessions.knows("1"));
        assert_eq!(sessions.live.len(), MOST);
    }
}
