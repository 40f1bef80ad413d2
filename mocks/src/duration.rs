//! Durations as they are written: `500ms`, `2s`, `1m`, `1h`, `2d`.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};

/// Longest duration accepted: a century, so that arithmetic on clocks cannot overflow.
const LONGEST_SECONDS: f64 = 100.0 * 365.0 * 86_400.0;

/// Reads a duration: a number, which may have a fraction, and one of the units `ms`, `s`, `m`, `h`, `d`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().map_err(|_| describe(text))?;
    let seconds = match unit.trim() {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => return Err(describe(text)),
    };
    if seconds > LONGEST_SECONDS {
        return Err(format!("`{text}` is longer than a century"));
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| describe(text))
}

fn describe(text: &str) -> String {
    format!("`{text}` is not a duration; write a number and a unit, such as 500ms, 2s, 1m or 1h")
}

/// For `#[serde(deserialize_with)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(D::Error::custom)
}

/// For `#[serde(deserialize_with)]` on optional members.
pub(crate) fn deserialize_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}

/// For `#[serde(deserialize_with)]` on members that may be null.
pub(crate) fn deserialize_nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse(&text).map_err(D::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, millis) in [("500ms", 500), ("2s", 2000), ("1.5s", 1500), ("1m", 60_000), ("1h", 3_600_000)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration() {
        for text in ["", "5", "s", "-1s", "1 fortnight", "1..2s", "999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
