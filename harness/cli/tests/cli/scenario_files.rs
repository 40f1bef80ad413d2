//! Files that are wrong never stop the others, and say where.

use crate::support::{Folder, PASSES};

/// The bad file beside a good one: the good one runs, the command exits 2, and the place and the cause are told.
fn beside_a_good_one(name: &str, text: impl AsRef<[u8]>, tells: &[&str]) {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    folder.write(&format!("scenarios/{name}"), text);
    let run = folder.run(&["run"]);
    run.assert_code(2).assert_says("2 pass").assert_says("1 scenario file could not run");
    let check = folder.run(&["check"]);
    check.assert_code(2).assert_says("2 files checked");
    let list = folder.run(&["list"]);
    list.assert_code(2);
    assert!(list.out.starts_with("good.list"), "{}", list.both());
    for tell in tells {
        run.assert_says(tell);
        check.assert_says(tell);
        list.assert_says(tell);
    }
}

#[test]
fn yaml_that_does_not_parse() {
    beside_a_good_one("bad.yaml", "id: x\ntitle: [unclosed\n", &["scenarios/bad.yaml:"]);
}

#[test]
fn an_unknown_key_gets_a_suggestion() {
    let text = "id: typo\ntitle: x\ntarget: mcp-server\nsteps:\n  - call: tools/list\n    expct: { status: 200 }\n";
    beside_a_good_one("typo.yaml", text, &["scenarios/typo.yaml:6:5", "expct", "did you mean `expect`"]);
}

#[test]
fn a_bomb_of_aliases() {
    let mut text =
        String::from("id: bomb\ntitle: x\ntarget: mcp-server\nvars:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let refs = vec![format!("*a{}", i - 1); 10].join(", ");
        text.push_str(&format!("  a{i}: &a{i} [{refs}]\n"));
    }
    text.push_str("steps:\n  - call: tools/list\n    expect: { status: 200 }\n");
    beside_a_good_one("bomb.yaml", text, &["scenarios/bomb.yaml:"]);
}

#[test]
fn nesting_without_end() {
    let text = format!("id: deep\ntitle: x\nvars: {{ a: {}{} }}\n", "[".repeat(50_000), "]".repeat(50_000));
    beside_a_good_one("deep.yaml", text, &["scenarios/deep.yaml:"]);
}

#[test]
fn bytes_that_are_not_utf8() {
    beside_a_good_one("latin.yaml", b"id: x\ntitle: \xe4\n", &["scenarios/latin.yaml", "not valid UTF-8"]);
}

#[test]
fn an_empty_file() {
    beside_a_good_one("empty.yaml", "", &["scenarios/empty.yaml"]);
}

#[test]
fn a_file_that_is_too_large() {
    beside_a_good_one("large.yaml", format!("# {}\n", "x".repeat(2 << 20)), &["scenarios/large.yaml", "larger than"]);
}

#[cfg(unix)]
#[test]
fn files_that_cannot_be_read() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    std::os::unix::fs::symlink("/no/such/file", folder.path("scenarios/dangling.yaml")).unwrap();
    // Would never end if it were read.
    std::os::unix::fs::symlink("/dev/zero", folder.path("scenarios/endless.yaml")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.path("scenarios/pipe.yaml")).status().unwrap();
    assert!(made.success());
    let run = folder.run(&["run"]);
    run.assert_code(2).assert_says("2 pass").assert_says("3 scenario files could not run");
    for name in ["dangling.yaml", "endless.yaml", "pipe.yaml"] {
        run.assert_says(name);
    }
}

#[cfg(unix)]
#[test]
fn folders_that_contain_themselves() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    std::os::unix::fs::symlink(".", folder.path("scenarios/again")).unwrap();
    std::os::unix::fs::symlink("..", folder.path("scenarios/up")).unwrap();
    folder.run(&["run"]).assert_code(0).assert_says("2 cases: 2 pass");
}

#[test]
fn a_pack_that_is_wrong_is_told_with_its_place() {
    let folder = Folder::new(&[
        ("scenarios/good.yaml", PASSES),
        ("scenarios/p/pack.yaml", "name: p\ntitel: x\n"),
        ("scenarios/p/a.yaml", PASSES),
    ]);
    folder
        .run(&["run"])
        .assert_code(2)
        .assert_says("2 pass")
        .assert_says("scenarios/p/pack.yaml:2:1")
        .assert_says("title");
}

#[test]
fn ids_that_stand_twice() {
    let folder = Folder::new(&[("scenarios/a.yaml", PASSES), ("scenarios/b.yaml", PASSES)]);
    let said = folder.run(&["check"]);
    said.assert_code(2).assert_says("good.list").assert_says("scenarios/a.yaml").assert_says("scenarios/b.yaml:1:5");
}

#[test]
fn names_that_nobody_knows() {
    let text = PASSES.replace("target: mcp-server", "target: mcp-sever\nproves: [tools.list.shap]");
    let folder = Folder::new(&[("scenarios/a.yaml", &text)]);
    folder.run(&["check", "--strict"]).assert_code(2).assert_says("`mcp-server`").assert_says("`tools.list.shape`");
}

#[test]
fn a_capture_that_nothing_defines() {
    let text = "id: x\ntitle: x\ntarget: mcp-server\nsteps:\n  - call: tools/list\n    params: { cursor: \"${nxt}\" }\n    expect: { status: 200 }\n";
    let folder = Folder::new(&[("scenarios/a.yaml", text)]);
    folder.run(&["check"]).assert_code(2).assert_says("scenarios/a.yaml:6").assert_says("nxt");
    let run = folder.run(&["run"]);
    assert_ne!(run.code, Some(0), "{}", run.both());
    run.assert_says("nxt").assert_says("scenarios/a.yaml:6");
}

#[test]
fn a_configuration_that_is_wrong_is_told_with_its_place() {
    for (text, tells) in [
        ("targets:\n  gw: { ulr: http://x/ }\n", &["gauntlet.yaml", "ulr"][..]),
        ("targets:\n  gw: {}\n", &["gauntlet.yaml", "gw", "needs one of `mock`, `url`, `command` or `client`"]),
        ("targets:\n  gw: { command: [x] }\n", &["gauntlet.yaml", "gw", "transport: stdio"]),
        (
            "targets:\n  gw: { url: http://x/, auth: { oauth: { clientid: y } } }\n",
            &["gauntlet.yaml", "gw", "did you mean `client_id`?"],
        ),
        ("targets: [\n", &["gauntlet.yaml"]),
    ] {
        let folder = Folder::new(&[("scenarios/good.yaml", PASSES), ("gauntlet.yaml", text)]);
        let said = folder.run(&["run"]);
        said.assert_code(2);
        tells.iter().for_each(|tell| {
            said.assert_says(tell);
        });
    }
}
