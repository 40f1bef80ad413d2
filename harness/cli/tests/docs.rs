//! Holds the documents true: every scenario, configuration, command line and output in them is tried.
//!
//! A block that starts with ```` ```console verify ```` is run and its output compared; `GAUNTLET_UPDATE_DOCS=1` writes what
//! the commands say now into the file. A line `…` in such a block stands for any number of lines.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use gauntlet::repro::diagnose::Signatures;
use gauntlet_format::{Source, yaml};
use regex::Regex;
use serde_json::{Value, json};

mod shell;

use shell::words;

/// A fenced block of a document.
struct Block {
    file: PathBuf,
    line: usize,
    /// Everything behind the fence: `yaml`, `console verify`.
    info: String,
    text: String,
}

impl Block {
    fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn documents() -> Vec<PathBuf> {
    let mut files = vec![root().join("README.md")];
    for folder in ["docs", "docs/recipes"] {
        let docs = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(docs.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    files.sort();
    files
}

fn blocks_of(file: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let info = info.trim().to_owned();
                open = Some(Block { file: file.to_owned(), line: index + 1, info, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{}: a fence is not closed", file.display());
    blocks
}

fn blocks(language: &str) -> Vec<Block> {
    let all = documents().into_iter().flat_map(|file| blocks_of(&file));
    let found: Vec<Block> = all.filter(|b| b.info.split(' ').next() == Some(language)).collect();
    assert!(!found.is_empty(), "no {language} block was found; the search is wrong");
    found
}

/// Scenarios and configurations. What else is YAML says so behind the fence.
fn plain_yaml() -> Vec<Block> {
    blocks("yaml").into_iter().filter(|block| block.info == "yaml" && !is_comment(block)).collect()
}

fn gauntlet(arguments: &[String], directory: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gauntlet"));
    command.args(arguments).current_dir(directory).env("NO_COLOR", "1").env_remove("GAUNTLET_LOG");
    command.output().expect("the gauntlet binary starts")
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn parse(block: &Block) -> Value {
    let source = Source { path: block.file.clone(), text: block.text.as_str().into() };
    match yaml::parse(&Arc::new(source), 0) {
        Ok(node) => node.to_json(),
        Err(found) => panic!("{}: not YAML: {}", block.place(), found[0].message),
    }
}

fn is_comment(block: &Block) -> bool {
    block.text.lines().all(|line| line.trim().is_empty() || line.starts_with('#'))
}

/// The block as a whole scenario; parts of scenarios are completed so that they can be judged too.
fn as_scenario(text: &str, value: &Value) -> Option<String> {
    if value.get("id").is_some() {
        return Some(text.to_owned());
    }
    let indented = |by: usize| text.lines().map(|l| format!("{}{l}\n", " ".repeat(by))).collect::<String>();
    let head = "id: part.of-a-document\ntitle: A part of a document is true\n";
    let target = if value.get("target").is_some() { "" } else { "target: mcp-server\n" };
    if value.get("steps").is_some() {
        return Some(format!("{head}{target}{text}"));
    }
    if value.get("stubs").is_some() {
        let steps = "steps:\n  - http: POST /mcp\n    expect: { status: 200 }\n";
        return Some(format!("{head}target: stubs\n{text}{steps}"));
    }
    value.get("expect").map(|_| format!("{head}{target}steps:\n  - call: tools/list\n{}", indented(4)))
}

fn schema() -> jsonschema::Validator {
    let output = gauntlet(&strings(&["schema"]), &root());
    assert!(output.status.success());
    let schema: Value = serde_json::from_slice(&output.stdout).expect("the schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is a JSON Schema")
}

fn assert_valid(schema: &jsonschema::Validator, scenario: &Value, place: &str) {
    let faults: Vec<String> = schema.iter_errors(scenario).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{place}: not valid under `gauntlet schema`: {faults:#?}");
}

#[test]
fn scenarios_in_the_documents_are_sound() {
    let schema = schema();
    let mut tried = 0;
    for block in plain_yaml() {
        let value = parse(&block);
        let Some(text) = as_scenario(&block.text, &value) else { continue };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("scenario.yaml"), &text).unwrap();
        // The targets that the documents speak of.
        std::fs::write(folder.path().join("gauntlet.yaml"), DOCUMENTED_TARGETS).unwrap();
        let output = gauntlet(&strings(&["check", "--strict", "scenario.yaml"]), folder.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: the scenario is not sound:\n{said}", block.place());
        let whole = Block { file: block.file.clone(), line: block.line, info: String::new(), text };
        assert_valid(&schema, &parse(&whole), &block.place());
        tried += 1;
    }
    assert!(tried > 3, "only {tried} scenarios were found");
}

/// Roles that are not mocks, as the documents use them.
const DOCUMENTED_TARGETS: &str = "targets:\n  gateway: { url: 'http://127.0.0.1:1/mcp', upstreams: { server: { mock: mcp-server }, upstream: { mock: mcp-server } } }\n";

#[test]
fn configurations_in_the_documents_load() {
    let mut tried = 0;
    for block in plain_yaml() {
        let value = parse(&block);
        let known = ["targets", "scenarios", "requirements", "history", "run"];
        let is_config = value.get("id").is_none() && known.iter().any(|key| value.get(key).is_some());
        if is_config {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("gauntlet.yaml");
            std::fs::write(&path, &block.text).unwrap();
            if let Err(error) = gauntlet::Config::load(&path) {
                panic!("{}: {error}", block.place());
            }
            tried += 1;
        }
    }
    assert!(tried > 3, "only {tried} configurations were found");
}

#[test]
fn every_yaml_block_is_of_a_kind_that_is_tried() {
    for block in plain_yaml() {
        let value = parse(&block);
        let config =
            ["targets", "scenarios", "requirements", "history", "run"].iter().any(|key| value.get(key).is_some());
        let other = ["name", "jobs", "accounts", "tools"].iter().any(|key| value.get(key).is_some());
        let known = config || other || as_scenario(&block.text, &value).is_some();
        assert!(known, "{}: neither scenario nor configuration; mark it as something else than yaml", block.place());
    }
}

#[test]
fn requirements_in_the_documents_are_a_catalogue() {
    let catalogues: Vec<Block> = blocks("yaml").into_iter().filter(|block| block.info == "yaml requirements").collect();
    assert!(!catalogues.is_empty());
    for block in catalogues {
        let read = gauntlet::conformance::Requirements::parse(&block.text);
        assert!(read.is_ok_and(|all| all.iter().next().is_some()), "{}: not a catalogue", block.place());
    }
}

#[test]
fn quarantines_in_the_documents_are_sound() {
    let lists: Vec<Block> = blocks("yaml").into_iter().filter(|block| block.info == "yaml quarantine").collect();
    assert!(!lists.is_empty());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gauntlet.yaml"), "targets: { staging: { role: mcp-server, mock: mcp-server } }")
        .unwrap();
    for block in lists {
        std::fs::write(folder.path().join("quarantine.yaml"), &block.text).unwrap();
        let output = gauntlet(&strings(&["run", "mcp.ping.*", "--quarantine", "quarantine.yaml"]), folder.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: the quarantine is not sound:\n{said}", block.place());
    }
}

#[test]
fn baselines_in_the_documents_name_what_there_is() {
    let baselines: Vec<Block> = blocks("yaml").into_iter().filter(|block| block.info == "yaml baseline").collect();
    assert!(!baselines.is_empty());
    let folder = tempfile::tempdir().unwrap();
    for block in baselines {
        let path = folder.path().join("baseline.yaml");
        std::fs::write(&path, &block.text).unwrap();
        let output = gauntlet(&strings(&["baseline", "check", "--file", &path.display().to_string()]), &root());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: the baseline is not sound:\n{said}", block.place());
    }
}

#[test]
fn shipped_scenarios_are_valid_under_the_schema() {
    let schema = schema();
    let mut tried = 0;
    for pack in std::fs::read_dir(root().join("scenarios")).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()) {
        let files = std::fs::read_dir(&pack).unwrap().map(|e| e.unwrap().path());
        let is_scenario = |p: &PathBuf| p.extension().is_some_and(|e| e == "yaml") && !p.ends_with("pack.yaml");
        for file in files.filter(is_scenario) {
            let text = std::fs::read_to_string(&file).unwrap();
            let block = Block { file: file.clone(), line: 1, info: String::new(), text };
            assert_valid(&schema, &parse(&block), &file.display().to_string());
            tried += 1;
        }
    }
    assert!(tried > 1, "only {tried} scenarios were found");
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let schema = schema();
    let sound = json!({ "id": "a.b", "title": "It is so", "steps": [{ "call": "ping", "expect": { "result": {} } }] });
    assert!(schema.is_valid(&sound));
    for (member, wrong) in [("steps", json!("none")), ("stepz", json!([])), ("lifecycle", json!("sometimes"))] {
        let mut broken = sound.clone();
        broken[member] = wrong;
        assert!(!schema.is_valid(&broken), "`{member}` should be refused");
    }
}

/// The arguments of a `gauntlet` command line; `None` when it is another command.
fn arguments(line: &str) -> Option<Vec<String>> {
    let words = words(line);
    // Variables of the environment may stand in front.
    let at = words.iter().position(|w| !w.contains('=')).unwrap_or(0);
    match words.get(at..)? {
        [first, rest @ ..] if first == "gauntlet" => Some(rest.to_vec()),
        [first, run, dashes, rest @ ..] if first == "cargo" && run == "run" && dashes == "--" => Some(rest.to_vec()),
        _ => None,
    }
}

#[test]
fn command_lines_are_split_as_a_shell_does() {
    assert_eq!(
        words("gauntlet run 'mcp.*' --case \"a=b c\" > out.txt"),
        ["gauntlet", "run", "mcp.*", "--case", "a=b c"]
    );
    assert_eq!(arguments("TOKEN=x gauntlet probe u"), Some(strings(&["probe", "u"])));
    assert_eq!(arguments("cargo run -- run"), Some(strings(&["run"])));
    assert_eq!(arguments("cargo test"), None);
}

#[test]
fn command_lines_in_the_documents_are_understood() {
    let mut tried = 0;
    for block in blocks("console") {
        for line in block.text.lines().filter_map(|l| l.strip_prefix("$ ")) {
            let Some(mut arguments) = arguments(line) else { continue };
            // Arguments are read in order, so a wrong one is refused before the help is given.
            arguments.push("--help".to_owned());
            let output = gauntlet(&arguments, &root());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: `{line}` is refused:\n{said}", block.place());
            tried += 1;
        }
    }
    assert!(tried > 10, "only {tried} command lines were found");
    let refused = gauntlet(&strings(&["run", "--no-such-option", "--help"]), &root());
    assert!(!refused.status.success(), "an unknown option must be refused, or this test shows nothing");
}

#[test]
fn shown_output_is_what_the_command_says() {
    let update = std::env::var_os("GAUNTLET_UPDATE_DOCS").is_some();
    for file in documents() {
        let mut text = std::fs::read_to_string(&file).unwrap();
        for block in blocks_of(&file).iter().filter(|b| b.info == "console verify") {
            let (command, shown) = block.text.split_once('\n').unwrap();
            let line = command.strip_prefix("$ ").expect("the first line is the command");
            let output = gauntlet(&arguments(line).expect("a gauntlet command"), &root());
            let said = String::from_utf8_lossy(&output.stdout).replace(&root().display().to_string(), ".");
            if agrees(shown, &said) {
                continue;
            }
            if update {
                let fence = format!("```console verify\n{}```", block.text);
                text = text.replace(&fence, &format!("```console verify\n{command}\n{}\n```", said.trim_end()));
            } else {
                panic!(
                    "{}: `{line}` says something else now; run this test with GAUNTLET_UPDATE_DOCS=1 to take it over.\n{said}",
                    block.place()
                );
            }
        }
        if update {
            std::fs::write(&file, text).unwrap();
        }
    }
}

/// What differs from run to run is made equal.
fn normalised(text: &str) -> Vec<String> {
    let rules = [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        (r"date: .*", "date"),
        (r"\d+", "0"),
    ];
    let rules: Vec<(Regex, &str)> = rules.iter().map(|(p, by)| (Regex::new(p).unwrap(), *by)).collect();
    let line =
        |line: &str| rules.iter().fold(line.trim_end().to_owned(), |l, (p, by)| p.replace_all(&l, *by).into_owned());
    text.trim_end().lines().map(|l| if l == "…" { l.to_owned() } else { line(l) }).collect()
}

/// Whether the output is as shown, where a line `…` stands for any number of lines.
fn agrees(shown: &str, said: &str) -> bool {
    fn matches(shown: &[String], said: &[String]) -> bool {
        match shown.split_first() {
            None => said.is_empty(),
            Some((first, rest)) if first == "…" => (0..=said.len()).any(|skip| matches(rest, &said[skip..])),
            Some((first, rest)) => said.split_first().is_some_and(|(s, more)| s == first && matches(rest, more)),
        }
    }
    matches(&normalised(shown), &normalised(said))
}

#[test]
fn every_mock_has_its_section_and_named_defects_exist() {
    let text = std::fs::read_to_string(root().join("docs/mocks.md")).unwrap();
    for info in gauntlet_mocks::all() {
        assert!(text.contains(&format!("\n## {}\n", info.name)), "docs/mocks.md has no section `{}`", info.name);
    }
    let named = Regex::new("`([a-z-]+):([a-z0-9-]+)`").unwrap();
    let mut tried = 0;
    for found in named.captures_iter(&text) {
        let info = gauntlet_mocks::info(&found[1]).unwrap_or_else(|| panic!("there is no mock `{}`", &found[1]));
        assert!(info.defects.iter().any(|d| d.id == &found[2]), "`{}` has no defect `{}`", &found[1], &found[2]);
        tried += 1;
    }
    assert!(tried > 5, "only {tried} defects are named");
}

#[test]
fn output_that_differs_is_noticed() {
    let shown = "FAIL a [0.1s]\n…\n  again gauntlet run a\n";
    assert!(agrees(shown, "FAIL a [0.7s]\n  one\n  two\n  again gauntlet run a"));
    assert!(!agrees(shown, "FAIL a [0.7s]\n  one\n  again gauntlet run b"));
    assert!(!agrees("Summary 3 pass", "Summary 3 fail"));
}

#[test]
fn a_project_that_init_starts_is_green_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&["init"][..], &["check", "--strict"], &["run", "--quiet"]] {
        let output = gauntlet(&strings(command), folder.path());
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gauntlet {command:?}:\n{said}");
    }
    let folder = tempfile::tempdir().unwrap();
    let output = gauntlet(&strings(&["init", "--url", "https://gateway.example.com/mcp"]), folder.path());
    assert!(output.status.success());
    let config = gauntlet::Config::load(&folder.path().join("gauntlet.yaml")).unwrap();
    let endpoint = format!("{:?}", config.filling("mcp-server").next().unwrap().endpoint);
    assert!(endpoint.contains("https://gateway.example.com/mcp"), "{endpoint}");
}

#[test]
fn signatures_in_the_documents_are_sound() {
    let lists: Vec<Block> = blocks("yaml").into_iter().filter(|block| block.info == "yaml signatures").collect();
    assert!(!lists.is_empty());
    let folder = tempfile::tempdir().unwrap();
    for block in lists {
        std::fs::write(folder.path().join("signatures.yaml"), &block.text).unwrap();
        let output = gauntlet(&strings(&["check", "--strict", "signatures.yaml"]), folder.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: the signatures are not sound:\n{said}", block.place());
    }
}

#[test]
fn every_signature_is_in_its_document() {
    let path = root().join("docs/signatures.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, _) = text.split_once("<!-- signatures -->").unwrap();
    let signatures = Signatures::builtin();
    let mut list = "| signature | what goes wrong |\n| --- | --- |\n".to_owned();
    for signature in signatures.iter() {
        list.push_str(&format!("| `{}` | {} |\n", signature.id.name, signature.title.replace('|', "\\|")));
    }
    let whole = format!("{before}<!-- signatures -->\n\n{list}");
    if std::env::var_os("GAUNTLET_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &whole).unwrap();
    } else {
        assert!(text == whole, "the list in docs/signatures.md is old; GAUNTLET_UPDATE_DOCS=1 writes the new one");
    }
}

#[test]
fn every_rule_of_the_diff_is_in_its_document() {
    let text = std::fs::read_to_string(root().join("docs/diff.md")).unwrap();
    for rule in gauntlet_reports::compare::RULES {
        let requirement = rule.requirement.map_or_else(String::new, |id| format!(" `{id}` |"));
        let row = format!("| `{}` | {} |{requirement}\n", rule.id, rule.about);
        assert!(text.contains(&row), "docs/diff.md lacks the row\n{row}");
    }
}

#[test]
fn every_rule_about_volatile_values_is_in_the_document() {
    let text = std::fs::read_to_string(root().join("docs/runs.md")).unwrap();
    for rule in gauntlet_reports::volatile::BUILTIN {
        let row = format!("| `{}` | {} |", rule.name, rule.about);
        assert!(text.contains(&row), "docs/runs.md lacks the row\n{row}");
    }
    for rule in gauntlet_reports::compare::drift::DRIFT_RULES {
        let row = format!("| `{}` | {} ", rule.id, rule.about);
        assert!(text.contains(&row), "docs/runs.md lacks the row\n{row}");
    }
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#]+)(#[^)]*)?\)").unwrap();
    for file in documents() {
        let text = std::fs::read_to_string(&file).unwrap();
        for found in link.captures_iter(&text).map(|c| c[1].to_owned()).filter(|l| !l.contains("://")) {
            let path = file.parent().unwrap().join(&found);
            assert!(path.exists(), "{}: the link to {found} leads nowhere", file.display());
        }
    }
}
