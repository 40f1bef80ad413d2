//! A recorder that runs, and clients.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use gauntlet::repro::har;
use gauntlet::repro::recording::Entry;

use crate::support::{Folder, Running};

/// A recorder that listens, until this is dropped.
pub(super) struct Recorder {
    child: Running,
    /// `http://127.0.0.1:PORT/mcp`
    pub url: String,
    /// Where it stands behind what it stands in front of, in the order of `--behind`.
    pub behind: Vec<String>,
}

impl Recorder {
    /// In front of the URL.
    pub(super) fn start(folder: &Folder, upstream: &str, more: &[&str]) -> Self {
        Self::start_by(folder, &[], upstream, more)
    }

    /// Started by another command, which gets the recorder's command line.
    pub(super) fn start_by(folder: &Folder, by: &[&str], upstream: &str, more: &[&str]) -> Self {
        let arguments = [&["record", "--upstream", upstream, "-o", "a.har"], more].concat();
        let mut command = folder.command(&arguments);
        if let Some((program, first)) = by.split_first() {
            let recorder = command;
            command = Command::new(program);
            command.args(first).arg(recorder.get_program()).args(recorder.get_args());
            command.current_dir(folder.path(".")).stdin(Stdio::null());
        }
        let mut child = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let hops = 1 + more.iter().filter(|argument| **argument == "--behind").count();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(hops).map(Result::unwrap);
        let url = |line: String| {
            let url = line.strip_prefix("recorder at ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
            assert!(url.starts_with("http://127.0.0.1:"), "{line}");
            url.to_owned()
        };
        let mut urls: Vec<String> = lines.map(url).collect();
        assert_eq!(urls.len(), hops);
        let behind = urls.split_off(1);
        Self { child, url: urls.remove(0), behind }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it by a signal; gives the exit code and what it said on standard error.
    pub(super) fn end(mut self, signal: &str) -> (Option<i32>, String) {
        send(signal, self.pid());
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

pub(super) fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

/// Sends a request as it stands, `HOST` being the server's, and gives all that comes back until the connection ends.
pub(super) fn ask(url: &str, head: &str, body: &str) -> Vec<u8> {
    let host = url.trim_start_matches("http://").split('/').next().unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let request =
        format!("{head}\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // It may be broken off.
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// The entries of a file, which is whole.
pub(super) fn entries(path: &Path) -> Vec<Entry> {
    let (recording, info) = har::load(path, &har::Limits::default()).unwrap();
    assert!(!info.is_cut);
    recording.entries
}
