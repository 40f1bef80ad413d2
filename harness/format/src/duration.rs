//! Durations as scenario files write them: `500ms`, `2s`, `1m`.

use std::time::Duration;

/// Parses a duration: digits, at most one point, and one of `ms`, `s`, `m`, `h`, `d`.
///
/// # Errors
/// One sentence that shows what a duration looks like.
pub fn parse(text: &str) -> Result<Duration, String> {
    let refuse = || format!("`{text}` is not a duration such as `500ms`, `2s`, `1m` or `1h`");
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refuse)?;
    let (number, unit) = text.split_at(unit_at);
    let milliseconds = match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        _ => return Err(refuse()),
    };
    if number.is_empty() || number.starts_with('.') || number.ends_with('.') {
        return Err(refuse());
    }
    let number: f64 = number.parse().map_err(|_| refuse())?;
    Duration::try_from_secs_f64(number * milliseconds / 1e3).map_err(|_| refuse())
}

/// Writes a duration as [`parse`] reads it: in the largest unit up to minutes in which it is a whole number. What is less than a
/// millisecond is left out.
#[must_use]
pub fn show(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1000 != 0 => format!("{millis}ms"),
        millis if millis % 60_000 != 0 => format!("{}s", millis / 1000),
        millis => format!("{}m", millis / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(parse("1d"), Ok(Duration::from_secs(86400)));
    }

    #[test]
    fn what_is_shown_is_read_again() {
        let shown = [0, 1, 999, 1000, 1500, 59_000, 60_000, 90_000, 3_600_000, 86_400_000].map(|millis| {
            let duration = Duration::from_millis(millis);
            let text = show(duration);
            assert_eq!(parse(&text), Ok(duration), "{text}");
            text
        });
        assert_eq!(shown, ["0m", "1ms", "999ms", "1s", "1500ms", "59s", "1m", "90s", "60m", "1440m"]);
    }

    #[test]
    fn what_is_not_a_duration() {
        for bad in ["", "5", "s", "-1s", "1 s", "1sec", "1..2s", ".5s", "5.s", "1s2s", "٣s"] {
            assert!(parse(bad).is_err(), "{bad:?} was taken");
        }
        assert!(parse(&format!("{}d", "9".repeat(40))).is_err());
    }
}
