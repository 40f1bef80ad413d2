//! Which requests: `3,5-9`.

use std::str::FromStr;

/// Numbers from 1, as the user names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers(Vec<(usize, usize)>);

impl Numbers {
    /// Whether the number is one of them.
    #[must_use]
    pub fn has(&self, number: usize) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// The largest one that is named.
    pub(super) fn largest(&self) -> usize {
        self.0.iter().map(|(first, _)| *first).max().unwrap_or(0)
    }
}

impl FromStr for Numbers {
    type Err = String;

    /// Numbers and ranges, separated by commas; `7-` goes to the end.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |part: &str| format!("`{part}` is neither a number from 1 nor a range; write `3,5-9` or `7-`");
        let number = |part: &str, whole: &str| -> Result<usize, String> {
            part.trim().parse().ok().filter(|n| *n > 0).ok_or_else(|| wrong(whole))
        };
        let ranges = text.split(',').map(|part| match part.split_once('-') {
            None => number(part, part).map(|n| (n, n)),
            Some((first, "")) => Ok((number(first, part)?, usize::MAX)),
            Some((first, last)) => {
                let (first, last) = (number(first, part)?, number(last, part)?);
                if first <= last { Ok((first, last)) } else { Err(wrong(part)) }
            }
        });
        Ok(Self(ranges.collect::<Result<_, String>>()?))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges() {
        let numbers: Numbers = "3, 5-7,9-".parse().unwrap();
        let taken: Vec<usize> = (0..=11).filter(|n| numbers.has(*n)).collect();
        assert_eq!(taken, [3, 5, 6, 7, 9, 10, 11]);
        for wrong in ["", "0", "x", "5-3", "-3", "1,,2", "1-2-3"] {
            assert!(wrong.parse::<Numbers>().is_err(), "{wrong}");
        }
    }
}
