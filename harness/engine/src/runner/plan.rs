//! From files to cases.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use gauntlet_format::scenario::{Lifecycle, Transport};
use gauntlet_format::{Diagnostic, Scenario, Source, Version};
use gauntlet_reports::CaseId;
use serde_json::Value;
use url::Url;

use super::case::{Case, Stop};
use super::filter::Filter;
use super::volatile;
use crate::config::Endpoint;
use crate::packs;
use crate::repro::diagnose::is_signature_file;
use crate::snapshot;
use crate::target::Target;
use crate::target::instance::STUBS;
use crate::transport::is_loopback;

/// Names in a scenario folder that are not scenarios.
const NOT_SCENARIOS: [&str; 4] = ["pack.yaml", "defects.yaml", "proofs.yaml", "requirements.yaml"];

/// How the names of further catalogues of requirements begin.
const CATALOGUE: &str = "requirements-";

/// Bytes of a scenario file at most.
const FILE_LIMIT: u64 = 1 << 20;

/// A scenario file that has not been parsed.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    /// Path as the user would write it.
    pub path: PathBuf,
    /// Text, for the embedded packs.
    pub embedded: Option<&'static str>,
    /// Text, for what is in no file.
    pub text: Option<Arc<str>>,
}

/// The files of a run, in order.
#[derive(Debug, Default)]
pub struct ScenarioSet {
    /// Sorted by path.
    pub files: Vec<ScenarioFile>,
    /// Folders of snapshots that were seen beside them.
    pub(crate) snapshots: Vec<PathBuf>,
    /// Files of signatures that were seen beside them.
    pub signatures: Vec<PathBuf>,
    packs: Mutex<BTreeMap<PathBuf, PackOf>>,
}

/// The pack of a folder, if it has one, or what is wrong with it.
type PackOf = Result<Option<Arc<gauntlet_format::Pack>>, Vec<Diagnostic>>;

/// What became of a file.
#[derive(Debug, Clone)]
pub enum Loaded {
    /// A scenario.
    Scenario(Arc<Scenario>),
    /// It cannot run.
    Broken {
        /// The file.
        path: PathBuf,
        /// Why.
        diagnostics: Vec<Diagnostic>,
    },
}

impl ScenarioSet {
    /// The scenarios at and below the paths, sorted.
    ///
    /// # Errors
    /// When a path does not exist or a folder cannot be read.
    pub fn at(paths: &[PathBuf]) -> std::io::Result<Self> {
        let mut found = Found::default();
        for path in paths {
            collect(path, &mut found)?;
        }
        let Found { mut files, snapshots, mut signatures } = found;
        signatures.sort();
        signatures.dedup();
        files.sort();
        files.dedup();
        let files = files.into_iter().map(|path| ScenarioFile { path, embedded: None, text: None }).collect();
        Ok(Self { files, snapshots, signatures, packs: Mutex::default() })
    }

    /// The packs that come with Gauntlet.
    #[must_use]
    pub fn embedded() -> Self {
        let files = packs::FILES
            .iter()
            .filter(|(path, _)| !is_special(Path::new(path)))
            .map(|(path, text)| ScenarioFile { path: PathBuf::from(path), embedded: Some(text), text: None })
            .collect();
        Self { files, snapshots: Vec::new(), signatures: Vec::new(), packs: Mutex::default() }
    }

    /// One scenario that is in no file, and the text of its pack. Nothing is read from the disk for it.
    #[must_use]
    pub(crate) fn of_text(path: PathBuf, text: Arc<str>, pack: Option<(PathBuf, Arc<str>)>) -> Self {
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let set = Self { files: vec![ScenarioFile { path, embedded: None, text: Some(text) }], ..Self::default() };
        let pack = match pack {
            None => Ok(None),
            Some((path, text)) => parsed_pack(path, text),
        };
        set.packs.lock().unwrap_or_else(PoisonError::into_inner).insert(folder, pack);
        set
    }

    /// Whether scenarios of it come with Gauntlet, and not from files.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.files.iter().any(|file| file.embedded.is_some())
    }

    /// Reads and checks one file.
    #[must_use]
    pub fn load(&self, file: &ScenarioFile) -> Loaded {
        let text = match (&file.text, file.embedded) {
            (Some(text), _) => Ok(Arc::clone(text)),
            (None, Some(text)) => Ok(Arc::from(text)),
            (None, None) => read(&file.path),
        };
        let source = match text {
            Ok(text) => Arc::new(Source { path: file.path.clone(), text }),
            Err(message) => return unreadable(&file.path, message),
        };
        let pack = match self.pack_of(&file.path) {
            Ok(pack) => pack,
            Err(diagnostics) => return Loaded::Broken { path: file.path.clone(), diagnostics },
        };
        match Scenario::parse(source, pack.as_deref()) {
            Ok(scenario) => match volatile::problem(&scenario) {
                None => Loaded::Scenario(Arc::new(scenario)),
                Some(problem) => Loaded::Broken { path: file.path.clone(), diagnostics: vec![problem] },
            },
            Err(diagnostics) => Loaded::Broken { path: file.path.clone(), diagnostics },
        }
    }

    /// The nearest `pack.yaml` above the file.
    fn pack_of(&self, path: &Path) -> PackOf {
        let Some(folder) = path.parent() else { return Ok(None) };
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pack) = packs.get(folder) {
            return pack.clone();
        }
        let mut found = Ok(None);
        for above in folder.ancestors() {
            let path = above.join("pack.yaml");
            let text = match packs::FILES.iter().find(|(p, _)| Path::new(p) == path) {
                Some((_, text)) if !path.is_file() => Some(Arc::from(*text)),
                _ => read(&path).ok(),
            };
            if let Some(text) = text {
                found = parsed_pack(path, text);
                break;
            }
        }
        packs.insert(folder.to_owned(), found.clone());
        found
    }
}

fn parsed_pack(path: PathBuf, text: Arc<str>) -> PackOf {
    gauntlet_format::Pack::parse(Arc::new(Source { path, text })).map(|pack| Some(Arc::new(pack)))
}

fn unreadable(path: &Path, message: String) -> Loaded {
    let source = Arc::new(Source { path: path.to_owned(), text: Arc::from("") });
    let diagnostic = Diagnostic {
        severity: gauntlet_format::Severity::Error,
        code: "unreadable",
        message,
        source,
        span: gauntlet_format::Span { line: 1, column: 1, ..gauntlet_format::Span::default() },
        label: String::new(),
        help: None,
    };
    Loaded::Broken { path: path.to_owned(), diagnostics: vec![diagnostic] }
}

/// The text of a regular file of one MiB at most.
///
/// # Errors
/// Why it cannot be read, in one sentence.
pub fn read(path: &Path) -> Result<Arc<str>, String> {
    let unreadable = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
    // A pipe or a device may never end; a pipe without a writer does not even open.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(format!("{} is not a regular file", path.display()));
    }
    let too_large = || format!("{} is larger than {FILE_LIMIT} bytes", path.display());
    if metadata.len() > FILE_LIMIT {
        return Err(too_large());
    }
    // One byte more shows the end without another look.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(too_large());
    }
    String::from_utf8(bytes).map(Arc::from).map_err(|e| format!("{} is not valid UTF-8: {e}", path.display()))
}

fn is_special(path: &Path) -> bool {
    path.file_name().and_then(|n| n.to_str()).is_some_and(|n| NOT_SCENARIOS.contains(&n) || n.starts_with(CATALOGUE))
}

/// What is below a path.
#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    snapshots: Vec<PathBuf>,
    signatures: Vec<PathBuf>,
}

/// A path that the user wrote must exist, and is a scenario unless its name says that it holds signatures.
fn collect(path: &Path, found: &mut Found) -> std::io::Result<()> {
    if std::fs::metadata(path)?.is_dir() {
        return collect_folder(path, found);
    }
    if is_signature_file(path) {
        found.signatures.push(path.to_owned());
    } else {
        found.files.push(path.to_owned());
    }
    Ok(())
}

fn collect_folder(folder: &Path, found: &mut Found) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        // A link to a folder may lead back to where it stands.
        if kind.is_symlink() && path.is_dir() {
            continue;
        }
        if path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with('.')) {
            continue;
        }
        if kind.is_dir() {
            if path.extension().is_some_and(|extension| extension == snapshot::EXTENSION) {
                found.snapshots.push(path);
            } else {
                collect_folder(&path, found)?;
            }
            continue;
        }
        if is_signature_file(&path) {
            found.signatures.push(path);
            continue;
        }
        let is_scenario =
            path.extension().and_then(|e| e.to_str()).is_some_and(|e| matches!(e, "yaml" | "yml" | "json"));
        if is_scenario && !is_special(&path) && !path.components().any(|c| c.as_os_str() == "requests") {
            found.files.push(path);
        }
    }
    Ok(())
}

/// One value of a matrix.
#[derive(Clone)]
pub(crate) struct Choice {
    /// Of the variable.
    pub name: String,
    pub value: Value,
    /// As the case's id has it.
    pub label: String,
}

/// Every combination of the matrix, first name slowest; without one a single empty case.
pub(crate) fn combinations(scenario: &Scenario) -> Vec<Vec<Choice>> {
    scenario.matrix.iter().fold(vec![Vec::new()], |cases, (key, values)| {
        let values: Vec<Value> = values.iter().map(gauntlet_format::Node::to_json).collect();
        let choices: Vec<Choice> = labels(&values)
            .into_iter()
            .zip(values)
            .map(|(label, value)| Choice { name: key.name.clone(), value, label })
            .collect();
        let with = |case: &Vec<Choice>, choice: &Choice| case.iter().chain([choice]).cloned().collect();
        cases.iter().flat_map(|case| choices.iter().map(|choice| with(case, choice)).collect::<Vec<_>>()).collect()
    })
}

/// What the values of a matrix are called in case ids, each by a name of its own.
pub(crate) fn labels(values: &[Value]) -> Vec<String> {
    let plain: Vec<String> = values.iter().map(label).collect();
    let mut labels: Vec<String> = Vec::with_capacity(values.len());
    for (value, text) in values.iter().zip(&plain) {
        // JSON tells 1 from "1", and two values with the same `name` apart.
        let doubled = plain.iter().filter(|other| *other == text).count() > 1;
        let text = if doubled { one_line(&value.to_string()) } else { text.clone() };
        let again = values[..labels.len()].iter().filter(|earlier| *earlier == value).count();
        labels.push(if again == 0 { text } else { format!("{text} #{}", again + 1) });
    }
    labels
}

/// What a value is called where no other is called so.
fn label(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        Value::Object(object) => match object.get("name") {
            Some(Value::String(name)) => one_line(name),
            _ => value.to_string(),
        },
        other => other.to_string(),
    }
}

/// Runners of tests list a name a line.
fn one_line(text: &str) -> String {
    let mut label = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { label.extend(c.escape_default()) } else { label.push(c) }
    }
    label
}

/// The cases of one scenario on the targets that fill its role. Asks each target for its versions (once for each run).
pub(crate) async fn cases_of(scenario: &Arc<Scenario>, targets: &[Arc<Target>], filter: &Filter) -> Vec<Case> {
    let mut cases = Vec::new();
    let combinations = combinations(scenario);
    for target in targets {
        let id = |version: Option<Version>, matrix: &[Choice]| CaseId {
            scenario: scenario.id.clone(),
            case: matrix.iter().map(|choice| (choice.name.clone(), choice.label.clone())).collect(),
            version: version.map(|v| v.to_string()),
            target: target.spec.name.clone(),
        };
        let mut push = |matrix: &[Choice], version: Option<Version>, foregone: Option<Stop>| {
            let id = id(version, matrix);
            // A verdict that is certain for the whole scenario has no version; `--mcp-version` does not hide it.
            if filter.takes_case(&id)
                || (foregone.is_some() && filter.versions.len() + filter.cases.len() > 0 && filter.targets.is_empty())
            {
                cases.push(Case {
                    index: 0,
                    scenario: Arc::clone(scenario),
                    matrix: matrix.iter().map(|choice| (choice.name.clone(), choice.value.clone())).collect(),
                    version,
                    target: Arc::clone(target),
                    id,
                    foregone,
                    held: None,
                });
            }
        };
        if let Some(stop) = unsuitable(scenario, target) {
            push(&[], None, Some(stop));
            continue;
        }
        let lifecycle = scenario.lifecycle.unwrap_or_else(|| target.lifecycle());
        if lifecycle == Lifecycle::Bare {
            combinations.iter().for_each(|matrix| push(matrix, None, None));
            continue;
        }
        match target.versions().await {
            Err(failure) => {
                let stop = Stop::error(format!("the target cannot be reached: {failure}"), None);
                push(&[], None, Some(stop));
            }
            Ok(versions) => {
                let mut any = false;
                for version in versions.iter().filter(|v| scenario.versions.contains(**v)) {
                    any = true;
                    combinations.iter().for_each(|matrix| push(matrix, Some(*version), None));
                }
                if !any {
                    let spoken: Vec<_> = versions.iter().map(|v| v.as_str()).collect();
                    let reason = format!("not for the versions that the target speaks ({})", spoken.join(", "));
                    push(&[], None, Some(Stop::skip(reason, None)));
                }
            }
        }
    }
    cases
}

/// A reason that holds for the whole scenario on the target.
fn unsuitable(scenario: &Scenario, target: &Target) -> Option<Stop> {
    let stdio = target.spec.is_stdio();
    match scenario.transport {
        Transport::Http if stdio => return Some(Stop::skip("for Streamable HTTP; the target speaks stdio", None)),
        Transport::Stdio if !stdio => return Some(Stop::skip("for stdio; the target speaks Streamable HTTP", None)),
        _ => {}
    }
    if target.spec.is_mock() {
        return None;
    }
    if scenario.hostile && !target.spec.allow.hostile {
        let reason = format!(
            "sends inputs that may hurt; set `allow: [hostile]` for `{}` in {} if that is fine",
            target.spec.name,
            crate::config::FILE_NAME
        );
        return Some(Stop::untestable(reason, None));
    }
    if scenario.stubs.is_some() && scenario.target.name == STUBS {
        return Some(Stop::skip("brings its own stubs; it says nothing about a real system", None));
    }
    if scenario.makes_mock() && is_elsewhere(&target.spec.endpoint) {
        let reason = "brings its own stubs, which listen on the loopback interface; the target cannot reach them";
        return Some(Stop::untestable(reason, None));
    }
    let given = scenario.given.as_ref()?;
    let gauntlet_format::NodeValue::Object(members) = &given.value else { return None };
    let unmet = members.iter().find(|(key, node)| {
        !target.spec.upstreams.contains_key(&key.name) && target.spec.provides.get(&key.name) != Some(&node.to_json())
    })?;
    let reason = format!(
        "needs `{}: {}`, which only a mock can be told; state it under `provides:` of `{}` if the system is set up so",
        unmet.0.name,
        unmet.1.to_json(),
        target.spec.name
    );
    Some(Stop::untestable(reason, Some(unmet.0.span)))
}

/// Whether a target is not on this machine, as far as its URL tells.
fn is_elsewhere(endpoint: &Endpoint) -> bool {
    let Endpoint::Url(url) = endpoint else { return false };
    !Url::parse(url).is_ok_and(|url| is_loopback(&url))
}

/// A stand-in case for a scenario whose role nothing fills.
pub(crate) fn no_target(scenario: &Arc<Scenario>, known: &[String]) -> Case {
    let role = &scenario.target.name;
    let reason = format!(
        "no target fills the role `{role}`; bind it in {} or with --target {role}=URL (known: {})",
        crate::config::FILE_NAME,
        known.join(", ")
    );
    let spec = crate::config::TargetSpec::new(role.clone(), crate::config::Endpoint::Stubs);
    Case {
        index: 0,
        scenario: Arc::clone(scenario),
        matrix: Vec::new(),
        version: None,
        target: Arc::new(Target::new(spec)),
        id: CaseId { scenario: scenario.id.clone(), case: Vec::new(), version: None, target: role.clone() },
        foregone: Some(Stop::untestable(reason, Some(scenario.target.span))),
        held: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{label, labels};

    #[test]
    fn no_two_values_have_one_label() {
        let values = [json!(1), json!("1"), json!({ "name": "x", "n": 1 }), json!({ "name": "x", "n": 2 }), json!("y")];
        let told = ["1", "\"1\"", "{\"name\":\"x\",\"n\":1}", "{\"name\":\"x\",\"n\":2}", "y"];
        assert_eq!(labels(&values), told);
        assert_eq!(labels(&[json!("a"), json!("a")]), ["\"a\"", "\"a\" #2"]);
    }

    #[test]
    fn a_label_is_one_line() {
        assert_eq!(label(&json!("a\nb\tc\u{0}é")), "a\\nb\\tc\\u{0}é");
        assert_eq!(label(&json!({ "name": "x\r" })), "x\\r");
        assert_eq!(label(&json!(["\n"])), "[\"\\n\"]");
    }
}
