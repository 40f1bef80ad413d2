//! Times as people write them, in milliseconds since 1970.

use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::record::milliseconds;

/// So long before now.
#[must_use]
pub fn ago(time: Duration) -> i64 {
    let age = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    milliseconds(OffsetDateTime::now_utc()).saturating_sub(age)
}

/// A day (`2026-11-21`, its beginning in UTC), or a time as RFC 3339 writes it.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let day = || {
        let day = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
        Some(day.midnight().assume_utc())
    };
    OffsetDateTime::parse(text, &Rfc3339).ok().or_else(day).map(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times() {
        assert_eq!(parse("1970-01-02"), Some(86_400_000));
        assert_eq!(parse("1970-01-01T01:00:00.5+01:00"), Some(500));
        assert_eq!([parse("yesterday"), parse("2026-02-30"), parse("")], [None; 3]);
        assert!(ago(Duration::from_secs(1)) > 1_700_000_000_000 && ago(Duration::MAX) < 0);
    }
}
