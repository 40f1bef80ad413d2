//! Wildcards.

use super::Case;

/// Whether a pattern matches a whole text: `*` stands for any number of characters, `?` for one. The work is bounded by the product
/// of both lengths.
pub(super) fn matches(pattern: &str, text: &str, case: Case) -> bool {
    let fold = |character: char| match case {
        Case::Matters => character,
        Case::Ignored => character.to_ascii_lowercase(),
    };
    let pattern: Vec<char> = pattern.chars().map(fold).collect();
    let text: Vec<char> = text.chars().map(fold).collect();
    let (mut at, mut read) = (0, 0);
    // Where the last `*` stands, and up to where it has been stretched.
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = text.get(read) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => {
                at += 1;
                read += 1;
            }
            _ => match star {
                None => return false,
                Some((star_at, stretched)) => {
                    star = Some((star_at, stretched + 1));
                    at = star_at + 1;
                    read = stretched + 1;
                }
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("s3:*", "s3:GetObject", true),
            ("s3:Get*", "s3:PutObject", false),
            ("s3:*Object*", "s3:GetObjectAcl", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("**", "anything", true),
            ("a", "A", false),
            ("?", "é", true),
        ] {
            assert_eq!(matches(pattern, text, Case::Matters), expected, "{pattern} {text}");
        }
        assert!(matches("S3:get*", "s3:GetObject", Case::Ignored));
    }

    #[test]
    fn hostile_patterns_end() {
        let (pattern, text) = ("*a".repeat(500) + "b", "a".repeat(2000));
        assert!(!matches(&pattern, &text, Case::Matters));
    }
}
