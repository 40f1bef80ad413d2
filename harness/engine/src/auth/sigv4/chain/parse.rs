//! The form of the shared config and credentials files: `[section]`, `name = value`, settings nested below a name, comments.
//!
//! As the AWS SDKs and Tools Reference Guide has it, "Format of the configuration files".

use std::path::Path;

/// A section and what stands in it, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// The words between the brackets.
    pub header: String,
    /// Names in lower case.
    pub properties: Vec<Property>,
}

/// One setting.
#[derive(Debug)]
pub(super) struct Property {
    pub name: String,
    pub value: String,
    /// What is nested below it, where its own value is empty.
    pub nested: Vec<(String, String)>,
}

/// Takes a file apart.
///
/// # Errors
/// Place, line and what is wrong with it. What looks like a key is not shown.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Section>, String> {
    let mut sections: Vec<Section> = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let wrong = |column: usize, what: &str| {
            format!("{}:{}:{column}: {what}: `{}`", path.display(), number + 1, without_keys(line.trim_end()))
        };
        let trimmed = line.trim();
        if trimmed.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if line.starts_with('[') {
            sections
                .push(Section { header: header(line).map_err(|(c, what)| wrong(c, what))?, properties: Vec::new() });
            continue;
        }
        let Some(section) = sections.last_mut() else {
            return Err(wrong(indent + 1, "this stands before the first `[section]`"));
        };
        if indent > 0 {
            if trimmed.starts_with(['#', ';']) {
                continue;
            }
            let Some(property) = section.properties.last_mut() else {
                return Err(wrong(indent + 1, "an indented line goes on with a setting, and there is none above it"));
            };
            if property.value.is_empty() {
                let (name, value) =
                    trimmed.split_once('=').ok_or_else(|| wrong(indent + 1, "a nested setting is `name = value`"))?;
                property.nested.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            } else {
                property.value.push('\n');
                property.value.push_str(trimmed);
            }
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(wrong(line.trim_end().chars().count() + 1, "expected `=` in `name = value`"));
        };
        if name.trim().is_empty() {
            return Err(wrong(1, "a setting has a name before its `=`"));
        }
        let (name, value) = (name.trim().to_ascii_lowercase(), uncommented(value).to_owned());
        section.properties.push(Property { name, value, nested: Vec::new() });
    }
    Ok(sections)
}

/// The words between the brackets, one blank between each; else the column and what is wrong.
fn header(line: &str) -> Result<String, (usize, &'static str)> {
    let Some((inner, rest)) = line[1..].split_once(']') else {
        return Err((line.trim_end().chars().count() + 1, "expected `]` at the end of the section's name"));
    };
    let words: Vec<&str> = inner.split_whitespace().collect();
    if words.is_empty() {
        return Err((2, "a section has a name between its brackets"));
    }
    let rest_is_comment = rest.trim_start().is_empty() || rest.trim_start().starts_with(['#', ';']);
    if !rest_is_comment {
        return Err((inner.chars().count() + 3, "expected nothing but a comment after `]`"));
    }
    Ok(words.join(" "))
}

/// A value without the comment behind it, which begins with a blank and `#` or `;`.
fn uncommented(value: &str) -> &str {
    let end = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| value.find(mark)).min().unwrap_or(value.len());
    value[..end].trim()
}

/// A line for a message: runs of characters that may be a key are left out.
fn without_keys(line: &str) -> String {
    const SHOWN: usize = 100;
    let is_key = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    let mut out = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_key(c)).unwrap_or(rest.len());
        match end {
            0 => {
                let next = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..next]);
                rest = &rest[next..];
            }
            16.. => {
                out.push('…');
                rest = &rest[end..];
            }
            _ => {
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    gauntlet_reports::sanitize::line(&out, SHOWN).into_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Section>, String> {
        parse(Path::new("/h/.aws/config"), text)
    }

    #[test]
    fn sections_settings_comments_and_what_is_nested() {
        let sections = read(
            "\u{feff}# a comment\n[default]\nRegion = eu-west-1 # the office\n\n[ profile  dev ] ; mine\n  # indented\nrole_arn=arn:aws:iam::1:role/a\
             \ns3 =\n  max_concurrent_requests = 10\n  # of the block\ncredential_process = run it\n  --now\noutput=a#b\n",
        )
        .unwrap();
        let of = |section: usize, name: &str| {
            sections[section].properties.iter().find(|p| p.name == name).map(|p| p.value.as_str())
        };
        assert_eq!((sections[0].header.as_str(), sections[1].header.as_str()), ("default", "profile dev"));
        assert_eq!(of(0, "region"), Some("eu-west-1"));
        assert_eq!(of(1, "role_arn"), Some("arn:aws:iam::1:role/a"));
        assert_eq!(of(1, "credential_process"), Some("run it\n--now"));
        assert_eq!(of(1, "output"), Some("a#b"));
        let s3 = sections[1].properties.iter().find(|p| p.name == "s3").unwrap();
        assert_eq!(s3.nested, [("max_concurrent_requests".to_owned(), "10".to_owned())]);
    }

    #[test]
    fn what_is_malformed_is_told_with_its_place_and_its_line() {
        for (text, told) in [
            (
                "[default]\nregion eu-west-1\n",
                "/h/.aws/config:2:17: expected `=` in `name = value`: `region eu-west-1`",
            ),
            ("region = x\n", "/h/.aws/config:1:1: this stands before the first `[section]`: `region = x`"),
            ("\n[profile dev\n", "/h/.aws/config:2:13: expected `]` at the end of the section's name: `[profile dev`"),
            ("[ ]\n", "/h/.aws/config:1:2: a section has a name between its brackets: `[ ]`"),
            ("[a] b\n", "/h/.aws/config:1:4: expected nothing but a comment after `]`: `[a] b`"),
            ("[a]\n= b\n", "/h/.aws/config:2:1: a setting has a name before its `=`: `= b`"),
            (
                "[a]\n  b = c\n",
                "/h/.aws/config:2:3: an indented line goes on with a setting, and there is none above it: `  b = c`",
            ),
            ("[a]\ns3 =\n  b\n", "/h/.aws/config:3:3: a nested setting is `name = value`: `  b`"),
        ] {
            assert_eq!(read(text).unwrap_err(), told);
        }
    }

    #[test]
    fn a_key_in_a_malformed_line_is_not_shown() {
        let error = read("[default]\naws_secret_access_key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n").unwrap_err();
        assert!(error.ends_with("`aws_secret_access_key …`"), "{error}");
    }
}
