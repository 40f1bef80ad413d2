//! A folder to run the command in, and targets that misbehave.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A folder of its own.
pub(crate) struct Folder(tempfile::TempDir);

/// What the command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Folder {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The command, in this folder, without what the caller's environment says.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gauntlet"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_remove("GAUNTLET_LOG").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env("COLUMNS", "100");
        // Tokens that a test gets are its own.
        command.env("GAUNTLET_CONFIG_DIR", self.path("config"));
        for name in [
            "GAUNTLET_HISTORY",
            "GAUNTLET_SHARD",
            "GAUNTLET_ENVIRONMENT",
            "GITHUB_RUN_ID",
            "CI_PIPELINE_ID",
            "CI",
            "GAUNTLET_BLESS",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(&self.command(arguments).output().unwrap())
    }
}

/// A process that a failing test does not leave behind.
pub(crate) struct Running(Option<Child>);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(Some(command.spawn().unwrap()))
    }

    /// Waits for its end.
    pub(crate) fn said(mut self) -> Said {
        said(&self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        self.0.as_ref().unwrap()
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(child) = &mut self.0 else { return };
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        // What it started is for itself to end.
        let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(2) && matches!(child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

pub(crate) fn said(output: &Output) -> Said {
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout.clone()).expect("standard output is UTF-8"),
        err: String::from_utf8(output.stderr.clone()).expect("standard error is UTF-8"),
    }
}

impl Said {
    pub(crate) fn both(&self) -> String {
        format!("exit {:?}\n{}\n{}", self.code, self.out, self.err)
    }

    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.both());
        self
    }

    pub(crate) fn assert_says(&self, text: &str) -> &Self {
        assert!(self.both().contains(text), "`{text}` is not in\n{}", self.both());
        self
    }
}

/// A repository's root, for the shipped packs.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

pub(crate) const PASSES: &str = "\
id: good.list
title: Tools are listed
target: mcp-server
versions: 2025-06-18
steps:
  - call: tools/list
    expect: { result: { tools: { $type: array } } }
";

pub(crate) const FAILS: &str = "\
id: bad.status
title: The list comes with another status
proves: [tools.list.shape]
target: mcp-server
versions: 2025-06-18
transport: http
steps:
  - call: tools/list
    expect:
      status: 299
";

/// A response that closes the connection.
pub(crate) fn response(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A server on a thread of its own, which answers what the function makes of head and body of a request; an empty answer
/// is never sent.
pub(crate) fn serve(answer: impl Fn(&str, &str) -> Vec<u8> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    answer_on(listener, answer);
    url
}

/// As [`serve`], where it is known already.
pub(crate) fn answer_on(listener: TcpListener, answer: impl Fn(&str, &str) -> Vec<u8> + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || converse(stream, answer.as_ref()));
        }
    });
}

fn converse(mut stream: TcpStream, answer: &dyn Fn(&str, &str) -> Vec<u8>) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let (head, body) = loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break (head.to_owned(), body.to_owned());
            }
        }
        match stream.read(&mut chunk) {
            Ok(n @ 1..) => bytes.extend_from_slice(&chunk[..n]),
            _ => return,
        }
    };
    let answer = answer(&head, &body);
    if answer.is_empty() {
        std::thread::sleep(Duration::from_secs(60));
    }
    // The command may have been ended meanwhile.
    let _ = stream.write_all(&answer);
}

/// A URL where nobody listens; a free port could be taken by the next test.
pub(crate) fn nowhere() -> String {
    "http://127.0.0.1:1/mcp".to_owned()
}

/// Waits until something is so.
pub(crate) fn wait_for(what: &str, mut so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < Duration::from_secs(10), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The JSON report is valid under the shipped schema.
pub(crate) fn assert_valid_report(text: &str) -> serde_json::Value {
    let report: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let schema: serde_json::Value = serde_json::from_str(gauntlet_reports::REPORT_SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    report
}
