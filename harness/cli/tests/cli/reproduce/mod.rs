//! From a bug report to a scenario of a few steps, the whole way: a gateway with a bug is recorded, the recording imported, the
//! scenario run, minimized and diagnosed; without the bug it passes.

mod aws;
mod gateways;
mod kiro;
mod lab;
mod oauth;

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use gauntlet::repro::har;

use crate::support::{Folder, Said, said};
use lab::{Conditions, Gateway};

/// A bug that a system is known for.
struct Bug {
    /// The role that is recorded, and whose mock the scenario is run on.
    role: &'static str,
    /// `MOCK:DEFECT`.
    defect: &'static str,
    /// Under which conditions it shows, as `given` of a scenario.
    given: &'static str,
    /// Whether it is recorded behind the gateway too.
    both_sides: bool,
    /// Whether the credentials are those of the target, as when those that were recorded are good for nothing elsewhere.
    own_credentials: bool,
    /// Whether other failures look the same, so that its user has to say that it is this one.
    is_said: bool,
    /// Whether it is spoken to over stdio: the bodies of the story are its lines.
    over_stdio: bool,
    /// A target of `gauntlet.yaml` that stands in for the role.
    target: Option<&'static str>,
    /// What its user did.
    story: &'static [Ask],
    /// What `gauntlet diagnose` is to call it.
    known_as: &'static str,
}

/// A request of a user.
#[derive(Clone, Copy)]
struct Ask {
    line: &'static str,
    body: &'static str,
    /// Credentials are left out.
    bare: bool,
    /// After what lives for a second is over.
    later: bool,
    headers: &'static [(&'static str, &'static str)],
    /// What later requests read as `<<name>>`: the name, and what stands before it in the answer.
    gives: Option<(&'static str, &'static str)>,
}

const fn get(line: &'static str) -> Ask {
    Ask { line, body: "", bare: false, later: false, headers: &[], gives: None }
}

const fn post(line: &'static str, body: &'static str) -> Ask {
    Ask { line, body, bare: false, later: false, headers: &[], gives: None }
}

impl Ask {
    const fn bare(self) -> Self {
        Self { bare: true, ..self }
    }

    const fn later(self) -> Self {
        Self { later: true, ..self }
    }

    const fn giving(self, name: &'static str, behind: &'static str) -> Self {
        Self { gives: Some((name, behind)), ..self }
    }

    const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }
}

/// A bug that shows in front, under no conditions.
const fn bug(role: &'static str, defect: &'static str, story: &'static [Ask], known_as: &'static str) -> Bug {
    Bug {
        role,
        defect,
        given: "{}",
        both_sides: false,
        own_credentials: false,
        is_said: false,
        over_stdio: false,
        target: None,
        story,
        known_as,
    }
}

impl Bug {
    const fn given(self, given: &'static str) -> Self {
        Self { given, ..self }
    }

    const fn both_sides(self) -> Self {
        Self { both_sides: true, ..self }
    }

    const fn said(self) -> Self {
        Self { is_said: true, ..self }
    }

    const fn over_stdio(self) -> Self {
        Self { over_stdio: true, ..self }
    }

    const fn target(self, target: &'static str) -> Self {
        Self { target: Some(target), ..self }
    }

    /// The target that the scenario runs on.
    fn on(&self) -> &'static str {
        if self.target.is_some() { "under-test" } else { self.role }
    }

    const fn own_credentials(self) -> Self {
        Self { own_credentials: true, ..self }
    }
}

const INITIALIZE: Ask = post(
    "POST /mcp",
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"editor","version":"1.0.0"}}}"#,
);
const INITIALIZED: Ask = post("POST /mcp", r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
const LIST: Ask = post("POST /mcp", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
const PING: Ask = post("POST /mcp", r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#);

/// What stories send that is taken for a secret, besides credentials.
const SENT_IN_FORMS: [(&str, &str); 2] =
    [("code", "never-issued"), ("code-verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")];

/// The commands of one user on one bug.
struct Way<'a> {
    bug: &'a Bug,
    folder: Folder,
    /// Name of a secret that the scenario asks for.
    needs: Vec<String>,
    /// What nobody may see.
    secrets: Vec<String>,
    /// The credentials that were sent, in the order in which they came up.
    sent: Vec<String>,
}

impl Way<'_> {
    fn gauntlet(&self, arguments: &[&str]) -> Said {
        let given: Vec<&str> = self.needs.iter().flat_map(|name| ["--secret", name.as_str()]).collect();
        let mut command = self.folder.command(&[arguments, &given].concat());
        for name in &self.needs {
            let number = name.rsplit_once('-').and_then(|(_, number)| number.parse::<usize>().ok()).unwrap_or(1);
            let told = SENT_IN_FORMS.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
            // What is behind may have taken the first names.
            let sent = || self.sent.get(number - 1).or(self.sent.last()).map(String::as_str);
            let value = told.or_else(sent).unwrap_or_else(|| panic!("nobody sent {name}"));
            command.env(name.to_uppercase().replace('-', "_"), value);
        }
        said(&command.output().unwrap())
    }

    fn run(&self, file: &str, more: &[&str]) -> Said {
        let _ = std::fs::remove_file(self.folder.path("run.jsonl"));
        self.gauntlet(&[&["run", file, "--target", self.bug.on(), "--report", "jsonl=run.jsonl"], more].concat())
    }

    fn is_clean(&self, text: &str) {
        for secret in &self.secrets {
            assert!(!text.contains(secret), "{}: {text}", self.bug.defect);
        }
    }

    /// The gateway with the bug, in use; what there is of it then is `bug.har`.
    fn is_recorded(&mut self) {
        let Bug { role, defect, given, both_sides, story, .. } = *self.bug;
        let given = serde_json::from_str(given).unwrap();
        let conditions = Conditions { defect: defect.split_once(':').unwrap(), given, both_sides };
        let mut gateway = Gateway::start(&self.folder, role, &conditions);
        for ask in story {
            if ask.later {
                std::thread::sleep(Duration::from_millis(1100));
            }
            let own = ask.headers.iter().map(|(name, value)| ((*name).to_owned(), gateway.filled(value)));
            let is_credential = |name: &str| name == "authorization" || name == "x-api-key";
            let usual = gateway.headers.iter().filter(|(name, _)| {
                let is_left_out = ask.bare && is_credential(name);
                let is_its_own = ask.headers.iter().any(|(own, _)| own == name);
                !is_left_out && !is_its_own
            });
            let headers: Vec<(String, String)> = usual.cloned().chain(own).collect();
            for (_, value) in headers.iter().filter(|(name, _)| is_credential(name)) {
                let value = value.trim_start_matches("Bearer ").to_owned();
                if !self.sent.contains(&value) {
                    self.sent.push(value);
                }
            }
            let answer = gateway.recorder().ask(&gateway.filled(ask.line), &gateway.filled(ask.body), &headers);
            if let Some((name, before)) = ask.gives {
                let value = answer.split(before).nth(1).unwrap_or_else(|| panic!("{before} in {answer}"));
                let value = value.split(['"', '&', '\r', '\n']).next().unwrap_or_default();
                gateway.learns(name, value);
            }
        }
        self.secrets = [gateway.secrets.as_slice(), &self.sent].concat();
        self.is_clean(&gateway.end());
        self.is_clean(&self.folder.read("bug.har"));
        let (entries, _) = har::load(&self.folder.path("bug.har"), &har::Limits::default()).unwrap();
        let in_front = entries.entries.iter().filter(|entry| entry.behind.is_none());
        assert_eq!(in_front.count(), story.len(), "{defect}");
    }

    /// The program with the bug, in use by a client that speaks to the recorder.
    fn is_recorded_over_stdio(&self) {
        let (mock, defect) = self.bug.defect.split_once(':').unwrap();
        let program = env!("CARGO_BIN_EXE_gauntlet");
        let arguments =
            ["record", "--stdio", "-o", "bug.har", "--", program, "mock", mock, "--stdio", "--defect", defect];
        let mut command = self.folder.command(&arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        for ask in self.bug.story {
            writeln!(stdin, "{}", ask.body).unwrap();
        }
        drop(stdin);
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    }

    fn is_imported(&mut self) {
        let mut arguments = vec!["import", "bug.har", "--role", self.bug.role, "--only", "all", "-o", "bug.yaml"];
        if self.bug.own_credentials {
            arguments.extend(["--auth", "target"]);
        }
        if self.bug.is_said {
            arguments.extend(["--known", self.bug.known_as]);
        }
        let imported = self.folder.run(&arguments);
        imported.assert_code(0);
        self.is_clean(&imported.both());
        let next = imported.both();
        let next = next.lines().find(|line| line.trim_start().starts_with("next ")).unwrap_or_default();
        self.needs = next.split("--secret ").skip(1).map(|name| name.trim().to_owned()).collect();
        self.folder.run(&["check", "--strict", "bug.yaml"]).assert_code(0);
    }
}

fn goes_the_whole_way(bug: &Bug) {
    let target = bug.target.map(|target| format!("targets: {{ under-test: {target} }}\n"));
    let files: Vec<(&str, &str)> = target.iter().map(|text| ("gauntlet.yaml", text.as_str())).collect();
    let mut way = Way { bug, folder: Folder::new(&files), needs: Vec::new(), secrets: Vec::new(), sent: Vec::new() };
    if bug.over_stdio {
        way.is_recorded_over_stdio();
    } else {
        way.is_recorded();
    }
    way.is_imported();
    let what = bug.defect;
    let defect = ["--defect", what];
    let scenario = way.folder.read("bug.yaml");
    let red = way.run("bug.yaml", &defect);
    assert_eq!(red.code, Some(1), "{what} is not seen: {}\n{scenario}", red.both());

    let arguments = [&["minimize", "bug.yaml", "--target", bug.on(), "-o", "min.yaml"], defect.as_slice()].concat();
    let minimized = way.gauntlet(&arguments);
    assert_eq!(minimized.code, Some(0), "{what}: {}\n{scenario}", minimized.both());
    let small = way.folder.read("min.yaml");
    let steps = lab::steps(&small);
    assert!((1..=3).contains(&steps), "{what}: {steps} steps\n{small}");
    let red = way.run("min.yaml", &defect);
    assert_eq!(red.code, Some(1), "{what}: {}\n{small}", red.both());

    let diagnosis = way.folder.run(&["diagnose", "run.jsonl"]);
    let is_named = diagnosis.code == Some(0) && diagnosis.out.contains(bug.known_as);
    assert!(is_named, "{what}: {}\n{small}\n{}", diagnosis.both(), red.both());
    for text in [&diagnosis.both(), &red.both(), &small, &scenario] {
        way.is_clean(text);
    }

    for file in ["bug.yaml", "min.yaml"] {
        let green = way.run(file, &[]);
        assert_eq!(green.code, Some(0), "{what} is mended, {file}: {}\n{}", green.both(), way.folder.read(file));
    }
}

macro_rules! bugs {
    ($($name:ident: $bug:expr;)*) => {
        $(
            #[test]
            fn $name() {
                const BUG: crate::reproduce::Bug = $bug;
                crate::reproduce::goes_the_whole_way(&BUG);
            }
        )*
    };
}
use bugs;
