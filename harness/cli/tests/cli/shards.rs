//! A run in parts, and the parts made a run again.

use std::collections::BTreeSet;

use gauntlet_reports::{Event, Shard};
use regex::Regex;
use serde_json::{Value, json};

use crate::support::{FAILS, Folder, PASSES, Said, root};

/// One target for the role, so that each scenario is one case.
const CONFIG: &str = "targets:\n  mcp-server: { mock: mcp-server }\n";

/// Scenarios that pass, one that fails, and a file that is wrong between them.
fn folder() -> Folder {
    let folder =
        Folder::new(&[("gauntlet.yaml", CONFIG), ("scenarios/b.yaml", FAILS), ("scenarios/m.yaml", "id: x\n")]);
    for name in ["a", "c", "d", "n", "o", "p"] {
        folder.write(&format!("scenarios/{name}.yaml"), PASSES.replace("good.list", &format!("good.{name}")));
    }
    folder
}

fn report(folder: &Folder, name: &str) -> Value {
    crate::support::assert_valid_report(&folder.read(name))
}

/// Position and id of each case; a file that is wrong has its path.
fn results(report: &Value) -> Vec<(u64, String)> {
    let results = report["results"].as_array().unwrap().iter();
    let name = |r: &Value| r["id"]["scenario"].as_str().or(r["file"].as_str()).unwrap().to_owned();
    results.map(|r| (r["index"].as_u64().unwrap(), name(r))).collect()
}

fn shard(folder: &Folder, index: u32, of: u32) -> Said {
    let (shard, json) = (format!("{index}/{of}"), format!("json=shard-{index}.json"));
    folder.run(&["run", "--shard", &shard, "--report", &json])
}

#[test]
fn each_case_is_run_by_one_shard_at_its_position_in_the_whole_run() {
    let folder = folder();
    folder.run(&["run", "--report", "json=whole.json"]).assert_code(2);
    let whole = report(&folder, "whole.json");
    assert!(whole["run"].get("shard").is_none() && whole["summary"].get("plan").is_none());
    let mut all = BTreeSet::new();
    let mut plans = BTreeSet::new();
    let broken = (4, "scenarios/m.yaml".to_owned());
    for index in 1..=3 {
        shard(&folder, index, 3).assert_code(2);
        let part = report(&folder, &format!("shard-{index}.json"));
        assert_eq!(part["run"]["shard"], json!({ "index": index, "of": 3 }));
        assert_eq!(part["summary"]["plan"]["results"], 8);
        plans.insert(part["summary"]["plan"]["digest"].as_str().unwrap().to_owned());
        let results = results(&part);
        assert!(results.contains(&broken), "every shard tells of a file that is wrong");
        for result in results.into_iter().filter(|result| *result != broken) {
            assert!(all.insert(result.clone()), "{result:?} was run twice");
        }
    }
    all.insert(broken);
    assert_eq!(all.into_iter().collect::<Vec<_>>(), results(&whole));
    assert_eq!(plans.len(), 1, "every shard has the same plan");
}

#[test]
fn a_further_scenario_moves_no_other() {
    let folder = folder();
    let names = |folder: &Folder| {
        shard(folder, 2, 3);
        results(&report(folder, "shard-2.json")).into_iter().map(|(_, name)| name).collect::<BTreeSet<_>>()
    };
    let before = names(&folder);
    folder.write("scenarios/a0.yaml", PASSES.replace("good.list", "good.new"));
    let mut after = names(&folder);
    after.remove("good.new");
    assert_eq!(before, after);
}

#[test]
fn a_shard_without_a_case_of_its_own_is_no_mistake() {
    let folder = Folder::new(&[("gauntlet.yaml", CONFIG), ("scenarios/a.yaml", PASSES)]);
    let cases: Vec<u64> = (1..=3)
        .map(|index| {
            shard(&folder, index, 3).assert_code(0);
            report(&folder, &format!("shard-{index}.json"))["summary"]["pass"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(cases.iter().sum::<u64>(), 1, "{cases:?}");
    // A selection that is empty for every shard still is.
    folder.run(&["run", "nothing.*", "--shard", "1/3"]).assert_code(2).assert_says("no case was selected");
}

#[test]
fn a_shard_is_named_by_option_or_environment() {
    let folder = Folder::new(&[("gauntlet.yaml", CONFIG), ("scenarios/a.yaml", PASSES)]);
    for (wrong, said) in [("0/3", "counted from 1 to 3"), ("4/3", "counted from 1 to 3"), ("x", "write I/N")] {
        folder.run(&["run", "--shard", wrong]).assert_code(2).assert_says(said);
    }
    let mut command = folder.command(&["run", "--shard", "auto", "--report", "json=run.json"]);
    command.env("JOB_COMPLETION_INDEX", "1").env("GAUNTLET_SHARDS", "3");
    assert!(command.status().unwrap().success());
    assert_eq!(report(&folder, "run.json")["run"]["shard"], json!({ "index": 2, "of": 3 }));
    let mut command = folder.command(&["run", "--report", "json=run.json"]);
    command.env("GAUNTLET_SHARD", "3/3").env("GITHUB_RUN_ID", "77");
    assert!(command.status().unwrap().success());
    let expected = json!({ "index": 3, "of": 3, "run": "77" });
    assert_eq!(report(&folder, "run.json")["run"]["shard"], expected);
}

/// Every format of a report, and its name here.
const FORMATS: [&str; 8] = ["json", "jsonl", "junit", "markdown", "html", "github", "openmetrics", "badge"];

/// Times, and what a run makes up: ports and identifiers.
fn timeless(text: &str) -> String {
    let rules = [
        (r#""(started|began|elapsed|duration|at)_ms":[0-9.e-]+"#, r#""${1}_ms":0"#),
        (r#""(ms|at|took|began)":[0-9.e-]+"#, r#""$1":0"#),
        (r#""marks":\[[^\]]*\]"#, r#""marks":[]"#),
        (r#"("started_at":|timestamp=)"[^"]*""#, r#"$1"""#),
        (r#"time="[0-9.]+""#, r#"time="""#),
        (r"\b[0-9.]+ ?(ms|s)\b", "0 s"),
        (r"(gauntlet_\w+_seconds\w*(\{[^}]*\})?) [0-9.e]+", "$1 0"),
        (r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", "DATE"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    ];
    rules
        .iter()
        .fold(text.to_owned(), |text, (rule, by)| Regex::new(rule).unwrap().replace_all(&text, *by).into_owned())
}

/// What a saved run, or several shards, are in every format.
fn told(folder: &Folder, runs: &[String]) -> Vec<String> {
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    let told = FORMATS.iter().map(|format| {
        let said = folder.run(&[&["merge", "--format", format], &runs[..]].concat());
        said.assert_code(0);
        assert_eq!(said.err, "", "{format}");
        said.out
    });
    told.collect()
}

fn assert_same(whole: &[String], merged: &[String], what: &str) {
    for (format, (whole, merged)) in FORMATS.iter().zip(whole.iter().zip(merged)) {
        if whole != merged {
            let line = whole.lines().zip(merged.lines()).find(|(a, b)| a != b);
            panic!("{what}, {format}: {line:#?}");
        }
    }
}

/// Real shards of real runs, with failures, a file that is wrong, matrix cases and several targets.
#[test]
fn merged_shards_are_the_whole_run() {
    let folder = folder();
    let matrix = "id: good.matrix\ntitle: It answers\ntarget: mcp-server\nmatrix: { n: [1, 2, 3, 4] }\nsteps:\n  - call: ping\n    expect: { result: {} }\n";
    folder.write("scenarios/k.yaml", matrix);
    folder.write("baseline.yaml", "known_failures:\n  - scenario: bad.status\n    reason: somebody is on it\n");
    let kiro = root().join("scenarios/kiro");
    let kiro = kiro.to_str().unwrap();
    let run = |arguments: &[&str]| {
        folder.run(
            &[
                &[
                    "run",
                    "scenarios",
                    kiro,
                    "--defect",
                    "kiro-runtime:identity-gate-open",
                    "--baseline",
                    "baseline.yaml",
                ],
                arguments,
            ]
            .concat(),
        )
    };
    run(&["--report", "json=whole.json", "--report", "jsonl=whole.jsonl"]).assert_code(2);
    let report = report(&folder, "whole.json");
    assert_eq!(report["summary"]["known"], 1);
    assert!(report["summary"]["fail"].as_u64() > Some(1) && report["targets"].as_array().unwrap().len() > 1);
    let whole: Vec<String> = told(&folder, &["whole.json".to_owned()]).iter().map(|text| timeless(text)).collect();
    // The form of a stream that a merge has is that of the run, but for the beginnings of cases, and targets come first.
    let mut ends: Vec<String> = folder.read("whole.jsonl").lines().map(timeless).collect();
    ends.retain(|line| !line.contains("\"type\":\"case_started\""));
    ends.sort_by_key(|line| (!line.contains("\"run_started\""), !line.contains("\"type\":\"target\"")));
    assert_eq!(whole[1].lines().collect::<Vec<_>>(), ends);
    assert_eq!(whole[0], timeless(&folder.read("whole.json")));
    for of in [1, 2, 3, 7] {
        let mut names = Vec::new();
        for index in 1..=of {
            // Both forms can be merged with each other.
            let form = if index % 2 == 0 { "json" } else { "jsonl" };
            names.push(format!("{of}-{index}.{form}"));
            run(&["--shard", &format!("{index}/{of}"), "--report", &format!("{form}={of}-{index}.{form}")])
                .assert_code(2);
        }
        names.reverse();
        let merged: Vec<String> = told(&folder, &names).iter().map(|text| timeless(text)).collect();
        assert_same(&whole, &merged, &format!("{of} shards"));
    }
}

/// One run, its results dealt out: nothing at all differs then, times included.
#[test]
fn nothing_is_lost_or_moved_by_a_merge() {
    let folder = folder();
    folder.run(&["run", "--keep-all", "--report", "jsonl=whole.jsonl"]).assert_code(2);
    let lines: Vec<Event> =
        folder.read("whole.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let whole = told(&folder, &["whole.jsonl".to_owned()]);
    for of in [1, 2, 3, 7] {
        let mut names = Vec::new();
        for index in 1..=of {
            let shard = Shard { index, of, run: None };
            let mut part = Vec::new();
            for event in lines.iter().cloned() {
                let event = match event {
                    Event::RunStarted(mut run) => {
                        run.shard = Some(shard.clone());
                        Event::RunStarted(run)
                    }
                    Event::CaseFinished(result) if !gauntlet::runner::shard::takes(&shard, &result.id) => continue,
                    other => other,
                };
                let mut line = serde_json::to_value(&event).unwrap();
                if part.is_empty() {
                    let schema = json!({ "schema": "gauntlet-events/1" });
                    let mut first = schema.as_object().unwrap().clone();
                    first.extend(line.as_object().unwrap().clone());
                    line = first.into();
                }
                part.push(format!("{line}\n"));
            }
            let name = format!("{of}-{index}.jsonl");
            folder.write(&name, part.concat());
            names.push(name);
        }
        assert_same(&whole, &told(&folder, &names), &format!("{of} shards"));
    }
}

#[test]
fn the_merged_run_exits_as_the_whole_would_have() {
    let folder = folder();
    std::fs::remove_file(folder.path("scenarios/m.yaml")).unwrap();
    let merge = ["merge", "shard-1.json", "shard-2.json"];
    let both = |code| {
        (1..=2).for_each(|index| drop(shard(&folder, index, 2)));
        folder.run(&merge).assert_code(0);
        folder.run(&[&merge[..], &["--exit-code"]].concat()).assert_code(code);
    };
    both(1);
    std::fs::remove_file(folder.path("scenarios/b.yaml")).unwrap();
    both(0);
    // A pass on a further try is what one makes of it.
    let flaky = folder
        .read("shard-1.json")
        .replace("\"verdict\":\"pass\",\"flaky\":false", "\"verdict\":\"pass\",\"flaky\":true");
    folder.write("shard-1.json", flaky);
    folder.run(&[&merge[..], &["--exit-code"]].concat()).assert_code(0);
    folder.run(&[&merge[..], &["--exit-code", "--flaky", "fail"]].concat()).assert_code(1);
    // Nothing judged by any shard shows nothing.
    for file in ["a", "c", "d", "n", "o", "p"] {
        folder.write(
            &format!("scenarios/{file}.yaml"),
            PASSES
                .replace("good.list", file)
                .replace("2025-06-18", "2024-11-05..2024-11-05")
                .replace("title: Tools", "transport: stdio\ntitle: Tools"),
        );
    }
    folder.write("gauntlet.yaml", "targets:\n  mcp-server: { url: 'http://127.0.0.1:1/mcp' }\n");
    both(3);
}

#[test]
fn what_is_missing_is_told() {
    let folder = folder();
    (1..=3).for_each(|index| drop(shard(&folder, index, 3)));
    let gap = folder.run(&["merge", "shard-1.json", "shard-3.json", "-o", "run.json"]);
    gap.assert_code(3).assert_says("shard 2 of 3 is missing").assert_says("--allow-missing");
    assert!(!folder.path("run.json").exists(), "nothing is written of what is refused");
    let allowed = ["merge", "shard-1.json", "shard-3.json", "-o", "run.json", "--allow-missing"];
    folder.run(&allowed).assert_code(0).assert_says("shard 2 of 3 is missing");
    let merged = report(&folder, "run.json");
    assert_eq!(merged["summary"]["interrupted"], "shard 2 of 3 is missing");
    // A shard whose file was cut off, as by SIGKILL.
    let text = folder.read("shard-2.json");
    folder.write("shard-2.json", &text[..text.len() - 40]);
    let all = ["merge", "shard-1.json", "shard-2.json", "shard-3.json"];
    folder.run(&all).assert_code(3).assert_says("the file of shard 2/3 ends before its run did");
    let said = folder.run(&[&all[..], &["--allow-missing", "-f", "badge"]].concat());
    said.assert_code(0).assert_says("ends before its run did");
    // Among very many, not all are named.
    let many = folder.read("shard-1.json").replace("\"of\":3", "\"of\":4000000000");
    folder.write("many.json", many);
    folder
        .run(&["merge", "many.json"])
        .assert_code(3)
        .assert_says("shards 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … of 4000000000");
}

#[test]
fn shards_that_do_not_belong_together_are_refused() {
    let folder = folder();
    (1..=2).for_each(|index| drop(shard(&folder, index, 2)));
    folder.run(&["run", "--report", "json=whole.json"]);
    let second = folder.read("shard-2.json");
    for (name, from, to, said) in [
        ("count", "\"of\":2", "\"of\":3", "the number of shards is 2 and 3"),
        ("again", "\"index\":2,\"of\"", "\"index\":1,\"of\"", "are both shard 1/2"),
        ("none", "\"index\":2,\"of\"", "\"index\":3,\"of\"", "a shard that there cannot be"),
        ("version", "\"gauntlet\":\"", "\"gauntlet\":\"9", "the version of Gauntlet is"),
        ("environment", "\"cases\":null", "\"cases\":null,\"environment\":\"staging\"", "is none and staging"),
        ("planned", "\"cases\":null", "\"cases\":9", "what it says of itself"),
        ("order", "\"type\":\"case\",\"index\":", "\"type\":\"case\",\"index\":9", "not in the order"),
    ] {
        let changed = second.replacen(from, to, 1);
        assert_ne!(changed, second, "{name}");
        folder.write("other.json", changed);
        folder.run(&["merge", "shard-1.json", "other.json"]).assert_code(2).assert_says(said);
    }
    let run = |name: &str, id: &str| {
        let text = folder.read(name).replacen("\"of\":2}", &format!("\"of\":2,\"run\":\"{id}\"}}"), 1);
        folder.write(&format!("ci-{name}"), text);
    };
    run("shard-1.json", "77");
    run("shard-2.json", "78");
    let said = folder.run(&["merge", "ci-shard-1.json", "ci-shard-2.json"]);
    said.assert_code(2).assert_says("the run of the CI system is 77 and 78");
    // A result that was taken out.
    let lines: Vec<&str> = second.lines().filter(|line| !line.contains("\"good.n\"")).collect();
    let short = lines.join("\n").replace(",\n],", "\n],");
    assert!(short.len() < second.len(), "good.n is run by the second shard");
    folder.write("short.json", short);
    folder
        .run(&["merge", "shard-1.json", "short.json"])
        .assert_code(2)
        .assert_says("has 8 results, but the files have 7");
    folder.run(&["merge", "shard-1.json", "whole.json"]).assert_code(2).assert_says("is a whole run, not a shard");
    folder.run(&["merge", "shard-1.json", "no.json"]).assert_code(2).assert_says("no.json");
    folder
        .run(&["merge", "shard-1.json", "gauntlet.yaml"])
        .assert_code(2)
        .assert_says("gauntlet.yaml: this is not what");
    folder.run(&["merge"]).assert_code(2);
    let onto = folder.run(&["merge", "shard-1.json", "shard-2.json", "-o", "./shard-2.json"]);
    onto.assert_code(2).assert_says("is one of the files that are merged");
    assert_eq!(folder.read("shard-2.json"), second);
}

/// A selection that another shard did not have, or a target that it did not reach, shows in the plan.
#[test]
fn shards_of_different_selections_are_told() {
    let folder = folder();
    shard(&folder, 1, 2);
    folder.run(&["run", "good.*", "--shard", "2/2", "--report", "json=shard-2.json"]);
    let merge = ["merge", "shard-1.json", "shard-2.json"];
    folder.run(&merge).assert_code(3).assert_says("shard 2/2 had other cases or settings before it than shard 1/2");
    let said = folder.run(&[&merge[..], &["--allow-missing", "-f", "json"]].concat());
    let merged: Value = serde_json::from_str(&said.out).expect("a report");
    let positions: Vec<u64> = results(&merged).into_iter().map(|(index, _)| index).collect();
    assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "{positions:?}");
    // The same with an address where nobody listens.
    folder.write("gauntlet.yaml", "targets:\n  mcp-server: { url: 'http://127.0.0.1:1/mcp' }\n");
    shard(&folder, 2, 2).assert_code(3);
    let said = folder.run(&[&merge[..], &["-f", "json"]].concat());
    let merged: Value = serde_json::from_str(&said.assert_code(0).out).expect("a report");
    let why = merged["summary"]["interrupted"].as_str().unwrap();
    assert!(why.starts_with("shard 2/2: preflight: mcp-server: "), "{why}");
    folder.run(&["run", "--preflight", "never", "--shard", "2/2", "--report", "json=shard-2.json"]);
    folder.run(&merge).assert_code(3).assert_says("it found `mcp-server` to speak no version, the other 20");
}
