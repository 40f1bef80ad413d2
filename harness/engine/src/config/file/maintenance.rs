//! An entry of a target's `maintenance`.

use std::time::Duration;

use serde::Deserialize;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, Time, Weekday};

use super::optional_duration;
use crate::config::{Maintenance, MaintenanceWindow};

/// The longest window that comes again: a week, after which it would never end.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entry {
    from: Option<String>,
    to: Option<String>,
    every: Option<String>,
    at: Option<String>,
    #[serde(rename = "for", deserialize_with = "optional_duration")]
    lasting: Option<Duration>,
    status: Option<u16>,
    header: Option<String>,
    body: Option<String>,
    reason: Option<String>,
}

impl Entry {
    /// # Errors
    /// One sentence that says what a window is.
    pub(super) fn read(self) -> Result<Maintenance, String> {
        const FORMS: &str = "a window of `maintenance` is { from, to }, { every, at, for }, or what an answer then has: { status, header, body }";
        let answers = self.status.is_some() || self.header.is_some() || self.body.is_some();
        let when = match (self.from, self.to, self.every, self.at, self.lasting, answers) {
            (Some(from), Some(to), None, None, None, false) => {
                let (from, to) = (moment(&from)?, moment(&to)?);
                if to <= from {
                    return Err("`maintenance`: `to` is not after `from`".to_owned());
                }
                MaintenanceWindow::Once { from, to }
            }
            (None, None, Some(every), Some(at), Some(lasting), false) => {
                if lasting.is_zero() || lasting > LONGEST {
                    return Err("`maintenance`: `for` is longer than nothing and at most 7d".to_owned());
                }
                let at = Time::parse(&at, format_description!("[hour]:[minute]"))
                    .map_err(|_| format!("`maintenance`: `at: {at}` is a time of the day in UTC, such as \"02:30\""))?;
                MaintenanceWindow::Every { day: weekday(&every)?, at, lasting }
            }
            (None, None, None, None, None, true) => MaintenanceWindow::Answer {
                status: self.status,
                header: self.header.map(|header| header.to_ascii_lowercase()),
                body: self.body,
            },
            _ => return Err(FORMS.to_owned()),
        };
        Ok(Maintenance { when, reason: self.reason })
    }
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| format!("`maintenance`: `{text}` is not a moment of RFC 3339, such as 2026-11-22T01:00:00Z"))
}

fn weekday(text: &str) -> Result<Option<Weekday>, String> {
    let day = match text {
        "day" => return Ok(None),
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        other => return Err(format!("`maintenance`: `every: {other}` is `day` or a day of the week, such as sunday")),
    };
    Ok(Some(day))
}
