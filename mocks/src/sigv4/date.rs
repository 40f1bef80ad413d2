//! Dates as signatures have them: `20150830T123600Z`.

use std::time::Duration;

use time::format_description::StaticFormatDescription;
use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

const BASIC: StaticFormatDescription = format_description!("[year][month][day]T[hour][minute][second]Z");

/// Reads the value of `X-Amz-Date`, as time since the Unix epoch.
pub(super) fn parse_basic(text: &str) -> Option<Duration> {
    // The format would take a sign before the year.
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    since_epoch(PrimitiveDateTime::parse(text, BASIC).ok()?.assume_utc())
}

/// Reads the value of `Date`, which may be of either form (RFC 9110, section 5.6.7).
pub(super) fn parse_date_header(text: &str) -> Option<Duration> {
    parse_basic(text).or_else(|| since_epoch(OffsetDateTime::parse(text, &Rfc2822).ok()?))
}

fn since_epoch(at: OffsetDateTime) -> Option<Duration> {
    Duration::try_from(at - OffsetDateTime::UNIX_EPOCH).ok()
}

/// Writes a time since the Unix epoch; of what is beyond the year 9999 only the seconds.
pub(super) fn basic(at: Duration) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|at| at.to_offset(UtcOffset::UTC).format(BASIC).ok())
        .unwrap_or_else(|| seconds.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let at = Duration::from_secs(1_440_938_160);
        assert_eq!(parse_basic("20150830T123600Z"), Some(at));
        assert_eq!(parse_date_header("Sun, 30 Aug 2015 12:36:00 GMT"), Some(at));
        assert_eq!(parse_date_header("20150830T123600Z"), Some(at));
        assert_eq!(basic(at), "20150830T123600Z");
        assert_eq!(basic(Duration::MAX), i64::MAX.to_string());
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "2015-08-30T12:36:00Z",
            "20151330T123600Z",
            "+20150830T123600Z",
            "19691231T235959Z",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
    }
}
