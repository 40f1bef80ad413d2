//! When a target is in maintenance: what goes wrong then says nothing about its conformance.

use std::fmt;
use std::time::Duration;

use gauntlet_reports::{Body, WireResponse};
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime, Time, Weekday};

/// One window, or the answer by which a window is recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Maintenance {
    /// When.
    pub when: MaintenanceWindow,
    /// Why, as reports tell it.
    pub reason: Option<String>,
}

/// When a target is in maintenance.
#[derive(Debug, Clone, PartialEq)]
pub enum MaintenanceWindow {
    /// Once.
    Once {
        /// From this moment on.
        from: OffsetDateTime,
        /// Until just before this one.
        to: OffsetDateTime,
    },
    /// Again and again, in UTC.
    Every {
        /// On this day of the week; `None`: every day.
        day: Option<Weekday>,
        /// From this time of the day on.
        at: Time,
        /// For so long; at most a week.
        lasting: Duration,
    },
    /// Whenever the target says so itself; what is given must all be true of an answer.
    Answer {
        /// Its HTTP status.
        status: Option<u16>,
        /// A header that it has, by its name in lower case.
        header: Option<String>,
        /// A text in its body.
        body: Option<String>,
    },
}

impl Maintenance {
    /// When the window that touches this stretch of time ends; `None` if none does.
    #[must_use]
    pub fn until(&self, from: OffsetDateTime, to: OffsetDateTime) -> Option<OffsetDateTime> {
        match &self.when {
            MaintenanceWindow::Once { from: begins, to: ends } => (*begins <= to && from < *ends).then_some(*ends),
            MaintenanceWindow::Every { day, at, lasting } => {
                // A window that began days ago may still last.
                let days = i64::try_from(lasting.as_secs() / 86_400).unwrap_or(7).min(7) + 1;
                let first = from.date().saturating_sub(time::Duration::days(days));
                std::iter::successors(Some(first), |date| date.next_day().filter(|next| *next <= to.date()))
                    .filter(|date| day.is_none_or(|day| date.weekday() == day))
                    .map(|date: Date| date.with_time(*at).assume_utc())
                    .map(|begins| (begins, begins + *lasting))
                    .find(|(begins, ends)| *begins <= to && from < *ends)
                    .map(|(_, ends)| ends)
            }
            MaintenanceWindow::Answer { .. } => None,
        }
    }

    /// Whether the answer says that the target is in maintenance.
    #[must_use]
    pub fn is_said_by(&self, answer: &WireResponse) -> bool {
        let MaintenanceWindow::Answer { status, header, body } = &self.when else { return false };
        let has_text = |wanted: &String| match &answer.body {
            Body::Json(value) => value.to_string().contains(wanted.as_str()),
            Body::Text { text, .. } => text.contains(wanted.as_str()),
            Body::Empty | Body::Events(_) | Body::Binary { .. } => false,
        };
        status.is_none_or(|status| answer.status == Some(status))
            && header.as_ref().is_none_or(|header| answer.headers.iter().any(|(name, _)| name == header))
            && body.as_ref().is_none_or(has_text)
    }
}

impl fmt::Display for Maintenance {
    /// `every sunday at 02:00 UTC for 120 min: patches`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.when {
            MaintenanceWindow::Once { from, to } => {
                let text = |at: &OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
                write!(f, "{} to {}", text(from), text(to))?;
            }
            MaintenanceWindow::Every { day, at, lasting } => {
                let day = day.map_or_else(|| "day".to_owned(), |day| day.to_string().to_lowercase());
                let minutes = lasting.as_secs() / 60;
                write!(f, "every {day} at {:02}:{:02} UTC for {minutes} min", at.hour(), at.minute())?;
            }
            MaintenanceWindow::Answer { .. } => f.write_str("as it answers")?,
        }
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::{datetime, time};

    use super::*;

    fn every(day: Option<Weekday>, at: Time, minutes: u64) -> Maintenance {
        let lasting = Duration::from_secs(minutes * 60);
        Maintenance { when: MaintenanceWindow::Every { day, at, lasting }, reason: None }
    }

    #[test]
    fn one_window() {
        let (from, to) = (datetime!(2026-11-22 01:00 UTC), datetime!(2026-11-22 03:00 UTC));
        let once = Maintenance { when: MaintenanceWindow::Once { from, to }, reason: Some("a move".into()) };
        for (starts, ends, inside) in [
            (datetime!(2026-11-22 00:00 UTC), datetime!(2026-11-22 00:59 UTC), false),
            (datetime!(2026-11-22 00:59 UTC), datetime!(2026-11-22 01:00 UTC), true),
            (datetime!(2026-11-22 02:59 UTC), datetime!(2026-11-22 05:00 UTC), true),
            (datetime!(2026-11-22 03:00 UTC), datetime!(2026-11-22 03:01 UTC), false),
            (datetime!(2026-11-22 04:30 +02:00), datetime!(2026-11-22 04:31 +02:00), true),
        ] {
            assert_eq!(once.until(starts, ends), inside.then_some(to), "{starts} {ends}");
        }
        assert_eq!(once.to_string(), "2026-11-22T01:00:00Z to 2026-11-22T03:00:00Z: a move");
    }

    #[test]
    fn windows_that_come_again() {
        // 2026-11-22 is a Sunday.
        let sundays = every(Some(Weekday::Sunday), time!(23:00), 120);
        let at = |moment: OffsetDateTime| sundays.until(moment, moment);
        assert_eq!(at(datetime!(2026-11-22 22:59 UTC)), None);
        assert_eq!(at(datetime!(2026-11-22 23:30 UTC)), Some(datetime!(2026-11-23 01:00 UTC)));
        assert_eq!(at(datetime!(2026-11-23 00:59 UTC)), Some(datetime!(2026-11-23 01:00 UTC)), "over midnight");
        assert_eq!(at(datetime!(2026-11-23 23:30 UTC)), None, "a Monday");
        assert_eq!(sundays.to_string(), "every sunday at 23:00 UTC for 120 min");
        let daily = every(None, time!(03:30), 15);
        assert!(daily.until(datetime!(2026-11-24 03:40 UTC), datetime!(2026-11-24 03:40 UTC)).is_some());
        assert!(
            daily.until(datetime!(2026-11-24 03:00 UTC), datetime!(2026-11-24 04:00 UTC)).is_some(),
            "it lies within"
        );
        assert!(daily.until(datetime!(2026-11-24 03:45 UTC), datetime!(2026-11-24 04:00 UTC)).is_none());
        let week = every(Some(Weekday::Monday), time!(00:00), 7 * 24 * 60);
        assert!(week.until(datetime!(2026-11-22 12:00 UTC), datetime!(2026-11-22 12:00 UTC)).is_some());
    }

    #[test]
    fn an_answer_says_it() {
        let said = |status, header: Option<&str>, body: Option<&str>| {
            let (header, body) = (header.map(str::to_owned), body.map(str::to_owned));
            let maintenance = Maintenance { when: MaintenanceWindow::Answer { status, header, body }, reason: None };
            maintenance.is_said_by(&WireResponse {
                status: Some(503),
                headers: vec![("retry-after".into(), "60".into())],
                body: Body::Text { text: "down for maintenance".into(), truncated: 0 },
            })
        };
        assert!(said(Some(503), None, None));
        assert!(said(Some(503), Some("retry-after"), Some("maintenance")));
        assert!(!said(Some(500), Some("retry-after"), None));
        assert!(!said(None, Some("x-other"), None));
        assert!(!said(None, None, Some("all is well")));
    }
}
