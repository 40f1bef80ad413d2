//! From YAML to entries, with places.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_format::{Diagnostic, Node, NodeValue, Source, Span, yaml};
use gauntlet_reports::Verdict;
use gauntlet_reports::baseline::{Baseline, CheckName, ENTRIES, Entry, Lines, QUARANTINE};
use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime};

/// What an entry may hold.
const MEMBERS: [&str; 11] =
    ["scenario", "case", "version", "target", "environment", "verdict", "checks", "reason", "link", "owner", "expires"];

/// What an entry of a quarantine may hold: it is about cases, however they fail.
const QUARANTINE_MEMBERS: [&str; 9] =
    ["scenario", "case", "version", "target", "environment", "reason", "link", "owner", "expires"];

/// A list of entries about cases.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The key under which they stand.
    key: &'static str,
    members: &'static [&'static str],
    /// What the file is called in messages.
    name: &'static str,
    /// What to do where there is none.
    make: &'static str,
}

impl Form {
    /// Known failures.
    pub const BASELINE: Self = Self {
        key: ENTRIES,
        members: &MEMBERS,
        name: "baseline",
        make: "`gauntlet baseline write RUN` makes a first one from a saved run",
    };

    /// Cases whose failures do not count while somebody finds out why they come and go.
    pub const QUARANTINE: Self = Self {
        key: QUARANTINE,
        members: &QUARANTINE_MEMBERS,
        name: "quarantine",
        make: "it is written by hand: `quarantine:`, and a list of entries with `scenario` and `reason` below it",
    };
}

/// A baseline, and the tree that knows the place of each value.
#[derive(Debug, Clone)]
pub struct BaselineFile {
    /// The entries.
    pub baseline: Baseline,
    /// The text.
    pub(super) source: Arc<Source>,
    /// One tree for each entry.
    pub(super) nodes: Vec<Node>,
}

/// The day in UTC, as `YYYY-MM-DD`.
#[must_use]
pub fn today() -> String {
    OffsetDateTime::from(SystemTime::now()).date().to_string()
}

/// Reads a baseline or a quarantine.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn read(path: &Path, form: Form) -> Result<BaselineFile, Vec<Diagnostic>> {
    let bytes = match readable(path) {
        Ok(bytes) => bytes,
        Err(problem) => {
            let source = Arc::new(Source { path: path.to_owned(), text: Arc::from("") });
            let place = Span { line: 1, column: 1, ..Span::default() };
            let diagnostic = Diagnostic::error("unreadable", &source, place, format!("cannot read it: {problem}"));
            return Err(vec![diagnostic.help(form.make)]);
        }
    };
    parse(yaml::decode(path, bytes).map_err(|d| vec![d])?, form)
}

/// No more than the parser takes, and nothing that may never end.
fn readable(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;

    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(yaml::MAX_FILE_BYTES).unwrap_or(u64::MAX);
    std::fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl BaselineFile {
    /// Reads the text of a baseline, for files that are made up.
    ///
    /// # Errors
    /// As [`read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, Vec<Diagnostic>> {
        parse(Arc::new(Source { path: path.to_owned(), text: Arc::from(text) }), Form::BASELINE)
    }

    /// Entries that say the same of the same cases.
    #[must_use]
    pub fn duplicates(&self) -> Vec<Diagnostic> {
        let entries = &self.baseline.entries;
        let earlier = |number: usize, entry: &Entry| {
            entries[..number]
                .iter()
                .find(|e| e.same_cases(entry) && e.verdict == entry.verdict && e.checks == entry.checks)
        };
        let doubled = entries.iter().enumerate().filter_map(|(i, entry)| Some((i, earlier(i, entry)?)));
        doubled
            .filter_map(|(i, first)| {
                let message = format!("the same cases stand in line {} already", first.lines.first);
                let diagnostic = Diagnostic::error("duplicate-entry", &self.source, self.nodes.get(i)?.span, message);
                Some(diagnostic.help("take one of them out"))
            })
            .collect()
    }

    /// Entries whose date is past.
    #[must_use]
    pub fn expired(&self) -> Vec<Diagnostic> {
        let entries = self.baseline.entries.iter().zip(&self.nodes);
        entries
            .filter_map(|(entry, node)| {
                let date = entry.expires.as_ref().filter(|date| **date < self.baseline.today)?;
                let span = node.get("expires").map_or(node.span, |node| node.span);
                let message = format!("it expired on {date}, and today is {}", self.baseline.today);
                let diagnostic = Diagnostic::error("expired-entry", &self.source, span, message);
                Some(diagnostic.help("mend the failure, or decide on a new date"))
            })
            .collect()
    }

    /// A message about the entry in this line.
    #[must_use]
    pub fn at(&self, line: u32, code: &'static str, message: impl Into<String>) -> Option<Diagnostic> {
        let number = self.baseline.entries.iter().position(|entry| entry.lines.first == line)?;
        Some(Diagnostic::error(code, &self.source, self.nodes.get(number)?.span, message))
    }
}

fn parse(source: Arc<Source>, form: Form) -> Result<BaselineFile, Vec<Diagnostic>> {
    let root = yaml::parse(&source, 0)?;
    let mut reader = Reader { source: &source, form, problems: Vec::new() };
    let nodes = reader.list(root);
    let entries: Vec<Entry> = nodes.iter().map(|node| reader.entry(node)).collect();
    let problems = std::mem::take(&mut reader.problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let baseline =
        Baseline { file: source.path.display().to_string(), text: Arc::clone(&source.text), entries, today: today() };
    Ok(BaselineFile { baseline, source, nodes })
}

struct Reader<'s> {
    source: &'s Arc<Source>,
    form: Form,
    problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn report(&mut self, code: &'static str, span: Span, message: impl Into<String>, help: Option<String>) {
        self.problems.push(Diagnostic::error(code, self.source, span, message).maybe_help(help));
    }

    fn unknown_key(&mut self, name: &str, span: Span, known: &[&str]) {
        let help = did_you_mean(name, known.iter().copied())
            .unwrap_or_else(|| format!("what may stand here: {}", known.join(", ")));
        self.report("unknown-key", span, format!("unknown key `{name}`"), Some(help));
    }

    fn list(&mut self, root: Node) -> Vec<Node> {
        let (span, Form { key: list, name: file, .. }) = (root.span, self.form);
        let NodeValue::Object(members) = root.value else {
            let help = format!("it begins with `{list}:` and a list below it");
            self.report("not-a-baseline", span, format!("this is not a {file}"), Some(help));
            return Vec::new();
        };
        let mut found = None;
        for (key, node) in members {
            match (key.name.as_str(), node.value) {
                (name, NodeValue::Array(items)) if name == list => found = Some(items),
                (name, NodeValue::Null) if name == list => found = Some(Vec::new()),
                (name, _) if name == list => {
                    self.report("wrong-type", node.span, format!("`{list}` is a list"), None);
                    found = Some(Vec::new());
                }
                (name, _) => self.unknown_key(name, key.span, &[list]),
            }
        }
        if found.is_none() && self.problems.is_empty() {
            self.report("not-a-baseline", span, format!("`{list}` is missing"), None);
        }
        found.unwrap_or_default()
    }

    fn entry(&mut self, node: &Node) -> Entry {
        let NodeValue::Object(members) = &node.value else {
            let help = "an entry names at least a `scenario` and a `reason`".to_owned();
            self.report("wrong-type", node.span, "an entry is a mapping", Some(help));
            return Entry::default();
        };
        let mut entry = Entry { lines: lines(&self.source.text, node.span), ..Entry::default() };
        for (key, value) in members {
            let name = key.name.as_str();
            if !self.form.members.contains(&name) {
                self.unknown_key(name, key.span, self.form.members);
                continue;
            }
            match name {
                "scenario" => entry.scenario = self.text(value).unwrap_or_default(),
                "case" => entry.case = self.case(value),
                "version" => entry.versions = self.texts(value),
                "target" => entry.target = self.text(value),
                "environment" => entry.environment = self.text(value),
                "verdict" => entry.verdict = self.verdict(value),
                "checks" => entry.checks = self.checks(value),
                "reason" => entry.reason = self.text(value).unwrap_or_default(),
                "link" => entry.link = self.text(value),
                "owner" => entry.owner = self.text(value),
                _ => entry.expires = self.date(value),
            }
        }
        for needed in ["scenario", "reason"] {
            if node.get(needed).is_none() {
                let first = Span { end: node.span.start.saturating_add(1), ..node.span };
                self.report("missing-key", first, format!("this entry has no `{needed}`"), None);
            }
        }
        entry
    }

    fn text(&mut self, node: &Node) -> Option<String> {
        match node.as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
            _ => {
                self.report("wrong-type", node.span, "this is a text that is not empty", None);
                None
            }
        }
    }

    fn texts(&mut self, node: &Node) -> Vec<String> {
        match &node.value {
            NodeValue::Array(items) if !items.is_empty() => items.iter().filter_map(|item| self.text(item)).collect(),
            NodeValue::Array(_) => {
                self.report("wrong-type", node.span, "this list is empty; leave it out to mean all", None);
                Vec::new()
            }
            _ => self.text(node).into_iter().collect(),
        }
    }

    fn case(&mut self, node: &Node) -> Vec<(String, String)> {
        let NodeValue::Object(members) = &node.value else {
            let help = "as in `case: { dropped: user-agent }`".to_owned();
            self.report("wrong-type", node.span, "`case` has a value for each name of the matrix", Some(help));
            return Vec::new();
        };
        let mut case = Vec::with_capacity(members.len());
        for (key, value) in members {
            match &value.value {
                NodeValue::String(text) => case.push((key.name.clone(), text.clone())),
                NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number(_) => {
                    case.push((key.name.clone(), value.to_json().to_string()));
                }
                NodeValue::Array(_) | NodeValue::Object(_) => {
                    let help = "reports show the label, as in `[name=label]`; put it between quotes".to_owned();
                    self.report("wrong-type", value.span, "this is the label of a value", Some(help));
                }
            }
        }
        case
    }

    fn verdict(&mut self, node: &Node) -> Option<Verdict> {
        match node.as_str() {
            Some("fail") => Some(Verdict::Fail),
            Some("warn") => Some(Verdict::Warn),
            Some("error") => Some(Verdict::Error),
            _ => {
                self.report("unknown-verdict", node.span, "a failure is `fail`, `warn` or `error`", None);
                None
            }
        }
    }

    fn checks(&mut self, node: &Node) -> Vec<CheckName> {
        let NodeValue::Array(items) = &node.value else {
            self.report("wrong-type", node.span, "`checks` is a list, as in `[\"step 2: status\"]`", None);
            return Vec::new();
        };
        if items.is_empty() {
            self.report("wrong-type", node.span, "this list is empty; leave `checks` out to mean whichever", None);
        }
        let mut checks = Vec::with_capacity(items.len());
        for item in items {
            let Some(text) = self.text(item) else { continue };
            match CheckName::parse(&text) {
                Ok(name) => checks.push(name),
                Err(message) => self.report("not-a-check", item.span, message, None),
            }
        }
        checks
    }

    fn date(&mut self, node: &Node) -> Option<String> {
        let text = node.as_str().unwrap_or_default();
        // The format takes dates by week and by day of the year too; those have another length or other dashes.
        let is_plain = text.len() == 10 && text.bytes().enumerate().all(|(i, b)| (b == b'-') == matches!(i, 4 | 7));
        match Date::parse(text, &Iso8601::DATE) {
            Ok(date) if is_plain => Some(date.to_string()),
            _ => {
                let help = "write it as YYYY-MM-DD, the last day on which the failure does not count".to_owned();
                self.report("not-a-date", node.span, "this is not a date of the calendar", Some(help));
                None
            }
        }
    }
}

/// Where an entry of a list in block style stands; nothing of any other.
fn lines(text: &str, span: Span) -> Lines {
    let first = usize::try_from(span.line).unwrap_or(usize::MAX);
    let mut rest = text.lines().skip(first.saturating_sub(1));
    let Some(line) = rest.next() else { return Lines::default() };
    let indent = line.len() - line.trim_start_matches(' ').len();
    if !line.trim_start_matches(' ').starts_with("- ") {
        return Lines { first: span.line, ..Lines::default() };
    }
    let mut last = first;
    for (number, line) in rest.enumerate() {
        let depth = line.len() - line.trim_start_matches(' ').len();
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if depth <= indent {
            break;
        }
        last = first + 1 + number;
    }
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Lines { first: narrow(first), last: narrow(last), indent: narrow(indent) }
}
