//! The files: where they are and how they are laid out.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use gauntlet_format::Version;
use gauntlet_reports::sanitize;
use sha2::{Digest as _, Sha256};

use crate::beside;
use crate::runner::read_text;

/// Extension of the folder beside a scenario, and of the files in it.
pub(crate) const EXTENSION: &str = "snap";

/// Bytes of a snapshot at most.
const LIMIT: usize = 1 << 20;

/// Longest part of a file name that says which case it is, in characters.
const CASE_NAME: usize = 80;

/// How the line begins that names a section.
const SECTION: &str = "## ";

/// What stands before the lines of a section, so that nothing that a target says looks like a heading.
const INDENT: &str = "  ";

/// The folder of a scenario's snapshots.
pub(super) fn folder_of(scenario: &Path) -> PathBuf {
    scenario.with_extension(EXTENSION)
}

/// `dropped=user-agent@2025-06-18.stdio.snap`. Other characters of labels than letters, digits, `.`, `_`, `=`, `+`, `-` and `,`
/// become `_`, and a digest tells apart what would be called the same.
pub(super) fn name_of(case: &[(String, String)], version: Option<Version>, is_stdio: bool) -> String {
    let mut name = String::new();
    if !case.is_empty() {
        let whole: Vec<String> = case.iter().map(|(name, label)| format!("{name}={label}")).collect();
        let whole = whole.join(",");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._=+-,".contains(c);
        name.extend(whole.chars().take(CASE_NAME).map(|c| if is_plain(c) { c } else { '_' }));
        if name != whole {
            name.push('-');
            for byte in &Sha256::digest(whole.as_bytes())[..4] {
                let _ = write!(name, "{byte:02x}");
            }
        }
        name.push('@');
    }
    name.push_str(version.map_or("bare", |version| version.as_str()));
    if is_stdio {
        name.push_str(".stdio");
    }
    format!("{name}.{EXTENSION}")
}

/// Whether [`name_of`] can have given the name: it leads nowhere but into the folder.
pub(super) fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._=+-,@".contains(c);
    let stem = name.strip_suffix(EXTENSION).and_then(|rest| rest.strip_suffix('.')).unwrap_or_default();
    !stem.is_empty() && !stem.starts_with('.') && name.len() <= 2 * CASE_NAME && name.chars().all(is_plain)
}

/// A section as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub heading: String,
    /// 1-based line of the heading, and where it begins, in bytes.
    pub line: u32,
    pub start: usize,
    /// The text, without the indentation and without empty lines at the end.
    pub text: String,
}

/// The sections of a file. Lines before the first are for readers.
pub(super) fn sections(file: &str) -> Vec<Stored> {
    let mut sections: Vec<Stored> = Vec::new();
    let (mut line_number, mut start) = (0, 0);
    for raw in file.split_inclusive('\n') {
        line_number += 1;
        let line = raw.trim_end_matches(['\n', '\r']);
        if let Some(heading) = line.strip_prefix(SECTION) {
            sections.push(Stored { heading: heading.to_owned(), line: line_number, start, text: String::new() });
        } else if let Some(section) = sections.last_mut() {
            let line = line.strip_prefix(INDENT).unwrap_or(line).trim_end_matches(' ');
            // An empty line between the heading and the text belongs to neither.
            if !(section.text.is_empty() && line.is_empty()) {
                section.text.push_str(line);
                section.text.push('\n');
            }
        }
        start += raw.len();
    }
    for section in &mut sections {
        section.text.truncate(section.text.trim_end_matches('\n').len());
    }
    sections
}

/// The text of a section as it can stand in a file: on lines of its own, without characters that do something to a terminal and
/// without spaces at the ends of lines, which editors take away.
pub(super) fn harmless(text: &str) -> String {
    let lines: Vec<_> =
        text.trim_end_matches('\n').split('\n').map(|line| sanitize::inline(line.trim_end_matches(' '))).collect();
    lines.join("\n")
}

/// A whole file.
///
/// # Errors
/// When it would be too large to be read again.
pub(super) fn render(scenario: &str, sections: &[(&str, &str)]) -> Result<String, String> {
    let mut out = format!("# Snapshot of {scenario}, written by `gauntlet run --bless`\n");
    for (heading, text) in sections {
        let _ = writeln!(out, "\n{SECTION}{heading}\n");
        for line in text.split('\n') {
            let indent = if line.is_empty() { "" } else { INDENT };
            let _ = writeln!(out, "{indent}{line}");
        }
    }
    if out.len() > LIMIT {
        return Err(format!("the exchanges take {} bytes, and a snapshot holds {LIMIT} at most", out.len()));
    }
    Ok(out)
}

/// What the file holds; `None` if there is none.
///
/// # Errors
/// When it is there and cannot be read.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => read_text(path).map(|text| Some(text.to_string())),
    }
}

/// Puts the text in the place of what the file held.
///
/// # Errors
/// When that cannot be written; the file is as it was then.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = std::fs::create_dir_all(folder).and_then(|()| beside::write(path, text));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(labels: &[(&str, &str)]) -> String {
        let labels: Vec<_> = labels.iter().map(|(n, l)| ((*n).to_owned(), (*l).to_owned())).collect();
        name_of(&labels, Some(Version::ALL[2]), false)
    }

    #[test]
    fn names_stay_in_the_folder_and_apart() {
        assert_eq!(name(&[]), "2025-06-18.snap");
        assert_eq!(name_of(&[], None, true), "bare.stdio.snap");
        assert_eq!(name(&[("a", "b"), ("c", "1.5")]), "a=b,c=1.5@2025-06-18.snap");
        let hostile = ["../x", "..\\x", "/etc/passwd", "a\0b", "é", "a@b", "a:b", &"x".repeat(300)];
        let names: Vec<String> = hostile.iter().map(|label| name(&[("v", label)])).collect();
        for (i, name) in names.iter().enumerate() {
            assert!(name.starts_with("v=") && name.len() < 128, "{name}");
            assert!(!name.contains(['/', '\\', '\0', ':']), "{name}");
            assert!(is_name(name), "{name}");
            assert!(!names[..i].contains(name), "{name} is there twice");
        }
        assert_ne!(name(&[("v", "a/b")]), name(&[("v", "a?b")]));
        let foreign =
            ["", ".snap", "..snap", "../x.snap", "a/b.snap", "a\\b.snap", "x.snap\0", "x.yaml", "é.snap", "xsnap"];
        assert!(foreign.iter().all(|name| !is_name(name)));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let one = "### client → target\nPOST /mcp\n\n## not a heading\n  indented";
        let file = render("a.b", &[("one", one), ("two", "x")]).expect("small");
        let read = sections(&file.replace('\n', "\r\n"));
        let read: Vec<(&str, &str)> = read.iter().map(|s| (s.heading.as_str(), s.text.as_str())).collect();
        assert_eq!(read, [("one", one), ("two", "x")]);
        assert!(render("a.b", &[("one", &"x".repeat(LIMIT))]).is_err());
    }

    #[test]
    fn nothing_in_it_moves_the_cursor() {
        assert_eq!(harmless("a\x1b[2Jb\n \nc \n"), "a\\x1b[2Jb\n\nc");
    }
}
