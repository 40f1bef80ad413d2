//! The files for CI systems: what they say to `gauntlet` is understood, and what their scripts do is tried, as far as no CI
//! system is needed. Tools and schemas of the systems judge the rest: `harness/tests/real/run-ci-lint.sh`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use gauntlet_format::{Source, yaml};
use regex::Regex;
use serde_json::Value;

use crate::shell::words;
use crate::support::{FAILS, Folder, PASSES, Said, root, said};

const ACTION: &str = "gauntlet-mcp/gauntlet@";
const NIGHTLY: &str = "docs/ci/github-nightly.yml";
const GITLAB: &str = "docs/ci/gitlab-ci.yml";
const KUBERNETES: &str = "docs/ci/kubernetes.yaml";
const WORKFLOW: &str = "harness/cli/templates/workflow.yaml";

/// A target of the name that the files use.
const CONFIG: &str = "targets:\n  staging: { role: mcp-server, mock: mcp-server }\n";

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The documents of a YAML file.
fn documents(name: &str) -> Vec<Value> {
    let parse = |text: &str| {
        let source = Source { path: name.into(), text: text.into() };
        match yaml::parse(&Arc::new(source), 0) {
            Ok(node) => node.to_json(),
            Err(found) => panic!("{name}: {}", found[0].message),
        }
    };
    read(name).split("\n---\n").map(parse).collect()
}

/// Every object in a value.
fn objects(value: &Value) -> Vec<&serde_json::Map<String, Value>> {
    match value {
        Value::Array(list) => list.iter().flat_map(objects).collect(),
        Value::Object(object) => std::iter::once(object).chain(object.values().flat_map(objects)).collect(),
        _ => Vec::new(),
    }
}

fn text(object: &serde_json::Map<String, Value>, name: &str) -> Option<String> {
    Some(object.get(name)?.as_str()?.to_owned())
}

fn lines(value: &Value) -> String {
    value.as_array().unwrap().iter().map(|line| format!("{}\n", line.as_str().unwrap())).collect()
}

/// The shell scripts of a file, in its order.
fn scripts(name: &str) -> Vec<String> {
    let documents = documents(name);
    let objects = documents.iter().flat_map(objects);
    let scripts = objects.filter_map(|object| {
        let shell = object.get("command").is_some_and(|command| command[0] == "sh");
        let script = object.get("script").filter(|script| script.is_array());
        let args = object.get("args").filter(|_| shell);
        text(object, "run").or_else(|| script.or(args).map(lines)).filter(|script| script != "false")
    });
    scripts.collect()
}

/// The step of a job that has a name.
fn step(name: &str, job: &str, step: &str) -> serde_json::Map<String, Value> {
    let steps = documents(name)[0]["jobs"][job]["steps"].as_array().unwrap().clone();
    let found = steps.iter().find(|s| s["name"] == step).unwrap_or_else(|| panic!("{name} has no step `{step}`"));
    found.as_object().unwrap().clone()
}

fn steps_with_the_action(name: &str) -> Vec<serde_json::Map<String, Value>> {
    let documents = documents(name);
    let objects = documents.iter().flat_map(objects);
    objects.filter(|o| text(o, "uses").is_some_and(|uses| uses.starts_with(ACTION))).cloned().collect()
}

/// The arguments of each `gauntlet` command of a script.
fn commands(script: &str) -> Vec<Vec<String>> {
    let script = script.replace("\\\n", " ");
    let lines = script.lines().map(words);
    let gauntlet = lines.filter_map(|words| {
        let words: Vec<String> = words.into_iter().skip_while(|word| word == "exec").collect();
        let (first, rest) = words.split_first()?;
        (first == "gauntlet").then(|| rest.to_vec())
    });
    gauntlet.collect()
}

#[test]
fn every_command_line_is_understood() {
    let folder = Folder::new(&[]);
    let understood = |mut arguments: Vec<String>, place: &str| {
        // Arguments are read in order, so a wrong one is refused before the help is given.
        arguments.push("--help".to_owned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = folder.run(&arguments);
        assert_eq!(said.code, Some(0), "{place}: `gauntlet {}` is refused: {}", arguments.join(" "), said.err);
    };
    for (name, expected) in [(NIGHTLY, 4), (GITLAB, 5), (KUBERNETES, 5)] {
        let found: Vec<Vec<String>> = scripts(name).iter().flat_map(|script| commands(script)).collect();
        assert!(found.len() >= expected, "{name}: only {found:?}");
        found.into_iter().for_each(|arguments| understood(arguments, name));
    }
    for name in [NIGHTLY, WORKFLOW] {
        for step in steps_with_the_action(name) {
            let arguments = step.get("with").and_then(|with| with["args"].as_str()).unwrap_or_default();
            let arguments = std::iter::once("run".to_owned()).chain(words(arguments)).collect();
            understood(arguments, name);
        }
    }
    assert_eq!(folder.run(&["merge", "--no-such-option", "--help"]).code, Some(2), "or this test shows nothing");
    // Formats are looked at only when the command runs.
    let formats = Regex::new(r#"--report "?(\w+)="#).unwrap();
    for name in [NIGHTLY, GITLAB, KUBERNETES, ".github/action/run"] {
        let text = read(name);
        let found: BTreeSet<&str> = formats.captures_iter(&text).map(|c| c.extract::<1>().1[0]).collect();
        assert!(!found.is_empty(), "{name}");
        for format in found {
            understood(["report", "run.json", "--format", format].map(str::to_owned).to_vec(), name);
        }
    }
}

#[test]
fn the_files_agree_with_each_other() {
    let major = env!("CARGO_PKG_VERSION").split('.').next().unwrap();
    let action = &documents("action.yml")[0];
    for name in [NIGHTLY, WORKFLOW] {
        for step in steps_with_the_action(name) {
            assert_eq!(text(&step, "uses").unwrap(), format!("{ACTION}v{major}"), "{name}");
            for input in step.get("with").and_then(Value::as_object).into_iter().flatten() {
                assert!(action["inputs"].get(input.0).is_some(), "{name}: the action has no input `{}`", input.0);
            }
        }
    }
    let image = format!("ghcr.io/gauntlet-mcp/gauntlet:{major}\n");
    assert_eq!(read(GITLAB).matches("ghcr.io/").count(), read(GITLAB).matches(&image).count());
    assert_eq!(read(KUBERNETES).matches("ghcr.io/").count(), read(KUBERNETES).matches(&image).count());
    let kubernetes = documents(KUBERNETES);
    let job = &kubernetes[1]["spec"]["jobTemplate"]["spec"];
    let shards = objects(job).into_iter().find(|o| text(o, "name").as_deref() == Some("GAUNTLET_SHARDS")).unwrap();
    assert_eq!(shards["value"].as_str().unwrap(), job["completions"].to_string());
    assert_eq!(job["completions"], job["maxFailedIndexes"]);
    // What the action looks for is what a release has.
    let release = &documents(".github/workflows/release.yml")[0]["jobs"]["program"]["strategy"]["matrix"]["include"];
    for built in release.as_array().unwrap() {
        assert!(read(".github/action/install").contains(&format!("target={} ;;", built["target"].as_str().unwrap())));
    }
    let inputs = objects(action).into_iter().find(|o| o.contains_key("ARGS")).unwrap();
    for name in inputs.keys() {
        assert!(read(".github/action/run").contains(&format!("${name}")) || name == "ARGS", "`{name}` is not used");
    }
}

/// A program of the PATH of a script.
fn program(folder: &Folder, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;

    let path = format!("bin/{name}");
    folder.write(&path, format!("#!/usr/bin/env bash\n{text}\n"));
    std::fs::set_permissions(folder.path(&path), std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A command with `gauntlet`, and the programs of the folder before all others, on its PATH.
fn command(folder: &Folder, program: impl AsRef<std::ffi::OsStr>, environment: &[(&str, &str)]) -> Command {
    std::fs::create_dir_all(folder.path("bin")).unwrap();
    let gauntlet = folder.path("bin/gauntlet");
    if !gauntlet.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_gauntlet"), &gauntlet).unwrap();
    }
    let path = format!("{}:{}", folder.path("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program);
    command.current_dir(folder.path("")).stdin(Stdio::null()).env("PATH", path);
    command.env("RUNNER_TEMP", folder.path("bin").parent().unwrap());
    command.env_remove("GAUNTLET_SHARD").env_remove("GAUNTLET_ENVIRONMENT").env_remove("CI").env("NO_COLOR", "1");
    for (name, file) in [("GITHUB_OUTPUT", "output"), ("GITHUB_STEP_SUMMARY", "summary"), ("GITHUB_PATH", "path")] {
        command.env(name, folder.path(file));
    }
    command.envs(environment.iter().copied());
    command
}

fn shell(folder: &Folder, script: &str, environment: &[(&str, &str)]) -> Said {
    assert!(!script.contains("${{"), "expressions belong into `env`, where nothing is run: {script}");
    said(&command(folder, "bash", environment).args(["-eo", "pipefail", "-c", script]).output().unwrap())
}

const INPUTS: [&str; 8] = ["ARGS", "SHARD", "JSON", "JSONL", "JUNIT", "HTML", "SUMMARY", "ANNOTATIONS"];

/// What the action does with some inputs.
fn act(folder: &Folder, inputs: &[(&str, &str)]) -> Said {
    let mut environment: BTreeMap<&str, &str> = INPUTS.iter().map(|name| (*name, "")).collect();
    environment.extend(inputs.iter().copied());
    let environment: Vec<(&str, &str)> = environment.into_iter().collect();
    said(&command(folder, root().join(".github/action/run"), &environment).output().unwrap())
}

#[test]
fn the_action_runs_what_its_inputs_say() {
    let matrix = PASSES.replace("versions:", "matrix: { word: [plain, \"two words\"] }\nversions:");
    let folder = Folder::new(&[("gauntlet.yaml", CONFIG), ("scenarios/a.yaml", &matrix), ("scenarios/b.yaml", FAILS)]);
    // Words are never commands, nor files.
    act(&folder, &[("ARGS", "'good.list' $(touch made) `touch made` ; touch made")]).assert_code(0);
    assert!(!folder.path("made").exists());
    let quoted = ("ARGS", "good.list --case 'word=two words'\n--target staging");
    act(&folder, &[quoted, ("JUNIT", "out.xml"), ("JSON", "out.json"), ("HTML", "out.html"), ("SUMMARY", "true")])
        .assert_code(0);
    assert!(folder.read("out.html").starts_with("<!"));
    assert!(folder.read("out.xml").contains("tests=\"1\"") && folder.read("out.json").contains("two words"));
    assert!(folder.read("summary").contains("## Gauntlet: conforms"), "{}", folder.read("summary"));
    let said = act(&folder, &[("ANNOTATIONS", "true"), ("SHARD", "1/1"), ("JSONL", "out.jsonl")]);
    said.assert_code(1).assert_says("::error file=scenarios/b.yaml");
    assert!(folder.read("out.jsonl").contains("\"shard\":{\"index\":1,\"of\":1"));
    assert_eq!(folder.read("output"), "exit-code=0\nexit-code=0\nexit-code=1\n");
}

/// A release that `gh` downloads; `sum` is what it says of the archive.
fn release(folder: &Folder, sum: &str) {
    let script = format!(
        "echo \"$*\" >> {log}\ntar -czf \"$RUNNER_TEMP/gauntlet/gauntlet-x86_64-unknown-linux-gnu.tar.gz\" -C {bin} gauntlet\ncd \"$RUNNER_TEMP/gauntlet\"\n{sum}",
        log = folder.path("gh.log").display(),
        bin = folder.path("release").display(),
    );
    program(folder, "gh", &script);
}

fn install(folder: &Folder, version: &str) -> Said {
    let root = root().canonicalize().unwrap();
    let environment = [
        ("VERSION", version),
        ("REPOSITORY", ""),
        ("RUNNER_OS", "Linux"),
        ("RUNNER_ARCH", "X64"),
        ("GITHUB_ACTION_PATH", root.to_str().unwrap()),
    ];
    said(&command(folder, root.join(".github/action/install"), &environment).output().unwrap())
}

#[test]
fn the_action_installs_a_release_or_builds_one() {
    let folder = Folder::new(&[("release/gauntlet", "#!/bin/sh\necho gauntlet of the release\n")]);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path("release/gauntlet"), mode).unwrap();
    let right = "sha256sum gauntlet-*.tar.gz > gauntlet-x86_64-unknown-linux-gnu.tar.gz.sha256";
    release(&folder, right);
    install(&folder, "latest").assert_code(0).assert_says("gauntlet of the release");
    assert_eq!(folder.read("path").trim(), folder.path("gauntlet/bin").display().to_string());
    install(&folder, "v0.1.0").assert_code(0);
    let asked = folder.read("gh.log");
    assert!(asked.starts_with("release download --repo gauntlet-mcp/gauntlet"), "{asked}");
    assert!(asked.contains("release download v0.1.0 --repo gauntlet-mcp/gauntlet"), "{asked}");
    // An archive that is not what was released is not run, nor is another built in its place.
    let wrong = "echo 0000000000000000000000000000000000000000000000000000000000000000  gauntlet-x86_64-unknown-linux-gnu.tar.gz > gauntlet-x86_64-unknown-linux-gnu.tar.gz.sha256";
    release(&folder, wrong);
    assert_ne!(install(&folder, "latest").assert_says("FAILED").code, Some(0));
    // No release: the newest can be built, another cannot.
    program(&folder, "gh", "echo 'release not found' >&2; exit 1");
    let build = "echo \"cargo $*\"\nwhile [ \"$1\" != --root ]; do shift; done\nmkdir -p \"$2/bin\"; printf '#!/bin/sh\\necho gauntlet built\\n' > \"$2/bin/gauntlet\"; chmod +x \"$2/bin/gauntlet\"";
    program(&folder, "cargo", build);
    install(&folder, "latest")
        .assert_code(0)
        .assert_says("cargo install --locked --path")
        .assert_says("gauntlet built");
    install(&folder, "source").assert_code(0).assert_says("gauntlet built");
    install(&folder, "v9.9.9").assert_code(1).assert_says("release v9.9.9 cannot be downloaded");
    assert!(Path::new(&root().join("harness/cli/Cargo.toml")).is_file(), "what is built is there");
}

/// `gh`, which has an open issue of this number, and writes down what it is told.
fn github(folder: &Folder, number: &str) {
    let log = folder.path("gh.log").display().to_string();
    program(folder, "gh", &format!("echo \"$1 $2 ${{3-}}\" >> {log}\n[ \"$2\" != list ] || echo \"{number}\""));
}

/// The nightly workflow from its shards to its verdict; what was told to `gh`.
fn night(folder: &Folder, issue: &str) -> (Said, String) {
    let jobs = &documents(NIGHTLY)[0]["jobs"];
    let shards = jobs["shard"]["strategy"]["matrix"]["shard"].as_array().unwrap();
    let with = steps_with_the_action(NIGHTLY)[0]["with"].clone();
    for shard in shards {
        let value = |name: &str| {
            let value = with[name].as_str().unwrap().replace("${{ matrix.shard }}", &shard.to_string());
            value.replace("${{ strategy.job-total }}", &shards.len().to_string())
        };
        let (args, number, jsonl) = (value("args"), value("shard"), format!("shards/{}", value("jsonl")));
        std::fs::create_dir_all(folder.path("shards")).unwrap();
        let code = act(folder, &[("ARGS", &args), ("SHARD", &number), ("JSONL", &jsonl)]).code;
        assert!(matches!(code, Some(0 | 1)), "shard {number}: {code:?}");
    }
    let run = |name: &str, environment: &[(&str, &str)]| {
        shell(folder, &text(&step(NIGHTLY, "report", name), "run").unwrap(), environment)
    };
    let _ = std::fs::remove_file(folder.path("output"));
    run("Merge", &[]).assert_code(0);
    let code = folder.read("output").trim().strip_prefix("exit-code=").unwrap().to_owned();
    run("History", &[]).assert_code(0);
    github(folder, issue);
    let _ = std::fs::remove_file(folder.path("gh.log"));
    let url = ("RUN_URL", "https://github.com/o/r/actions/runs/1");
    run("Issue", &[("CODE", &code), url]).assert_code(0);
    (run("Verdict", &[("CODE", &code)]), folder.read("gh.log"))
}

#[test]
fn the_nightly_workflow_opens_comments_on_and_closes_one_issue() {
    let folder = Folder::new(&[("gauntlet.yaml", CONFIG), ("scenarios/a.yaml", PASSES), ("scenarios/b.yaml", FAILS)]);
    let told = |log: &str| log.lines().filter(|line| line.starts_with("issue")).map(str::to_owned).collect::<Vec<_>>();
    let (verdict, log) = night(&folder, "");
    verdict.assert_code(1);
    assert_eq!(told(&log), ["issue list --label", "issue create --title"]);
    let body = folder.read("body.md");
    assert!(body.starts_with("https://github.com/o/r/actions/runs/1\n"), "{body}");
    assert!(body.contains("History of 1 run") && body.contains("## Gauntlet: does not conform"), "{body}");
    assert!(folder.read("summary").contains("## Gauntlet: does not conform"));
    let report: Value = serde_json::from_str(&folder.read("run.json")).expect("a report");
    assert_eq!((report["summary"]["pass"].as_u64(), report["summary"]["fail"].as_u64()), (Some(1), Some(1)));
    assert_eq!(report["run"]["environment"], "staging");
    let (verdict, log) = night(&folder, "42");
    verdict.assert_code(1);
    assert_eq!(told(&log), ["issue list --label", "issue comment 42"]);
    assert!(folder.read("body.md").contains("Still broken (1)"), "{}", folder.read("body.md"));
    std::fs::remove_file(folder.path("scenarios/b.yaml")).unwrap();
    let (verdict, log) = night(&folder, "42");
    verdict.assert_code(0);
    assert_eq!(told(&log), ["issue list --label", "issue close 42"]);
    let (verdict, log) = night(&folder, "");
    verdict.assert_code(0);
    assert_eq!(told(&log), ["issue list --label"]);
}

#[test]
fn the_scripts_for_gitlab_make_one_report() {
    let folder = Folder::new(&[("gauntlet.yaml", CONFIG), ("scenarios/a.yaml", PASSES), ("scenarios/b.yaml", FAILS)]);
    let jobs = documents(GITLAB)[0].clone();
    let count = jobs["gauntlet"]["parallel"].as_u64().unwrap();
    for index in 1..=count {
        let (index, count) = (index.to_string(), count.to_string());
        let environment = [("GITLAB_CI", "true"), ("CI_NODE_INDEX", index.as_str()), ("CI_NODE_TOTAL", &count)];
        let code = shell(&folder, &lines(&jobs["gauntlet"]["script"]), &environment).code;
        assert!(matches!(code, Some(0 | 1)), "shard {index}: {code:?}");
    }
    shell(&folder, &lines(&jobs["gauntlet-report"]["script"]), &[]).assert_code(1);
    assert!(folder.read("gauntlet.xml").contains("tests=\"2\" failures=\"1\""));
    let artifacts = &jobs["gauntlet-report"]["artifacts"];
    let paths = artifacts["paths"].as_array().unwrap().iter().chain([&artifacts["reports"]["junit"]]);
    for path in paths {
        assert!(folder.path(path.as_str().unwrap()).exists(), "{path} is not there");
    }
}

#[test]
fn the_containers_for_kubernetes_make_one_report() {
    let folder = Folder::new(&[("gauntlet.yaml", CONFIG), ("scenarios/a.yaml", PASSES), ("scenarios/b.yaml", FAILS)]);
    let results = folder.path("results").display().to_string();
    let [shard, merge] = scripts(KUBERNETES).try_into().expect("two scripts");
    for index in ["0", "1", "2", "3"] {
        let environment = [("JOB_COMPLETION_INDEX", index), ("GAUNTLET_SHARDS", "4"), ("GAUNTLET_RUN", "gauntlet-1")];
        let code = shell(&folder, &shard.replace("/results", &results), &environment).code;
        assert!(matches!(code, Some(0 | 1)), "shard {index}: {code:?}");
    }
    shell(&folder, &merge.replace("/results", &results), &[]).assert_code(1);
    let mut inside = std::fs::read_dir(&results).unwrap().map(|entry| entry.unwrap().path());
    let night = inside.find(|path| path.is_dir()).expect("the folder of the night");
    let report = std::fs::read_to_string(night.join("run.json")).unwrap();
    let report: Value = serde_json::from_str(&report).expect("a report");
    assert_eq!((report["summary"]["pass"].as_u64(), report["summary"]["fail"].as_u64()), (Some(1), Some(1)));
    assert!(night.join("report.html").is_file());
    assert!(std::fs::read_to_string(night.join("gauntlet.prom")).unwrap().ends_with("# EOF\n"));
}
