//! A recorder, and a client in front of it.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::gateway::Upstream;
use crate::support::Folder;

/// A recorder that listens.
pub(in super::super) struct Recorder {
    child: Child,
    host: String,
    behind: Vec<String>,
    /// `Mcp-Session-Id`, once there is one.
    session: RefCell<Option<String>>,
}

impl Recorder {
    /// In front of a gateway, and behind it where that asks others.
    pub(super) fn start(folder: &Folder, gateway: &str, behind: &[Upstream]) -> Self {
        let behind: Vec<String> = behind.iter().map(|behind| format!("{}={}", behind.name, behind.origin)).collect();
        let mut arguments = vec!["record", "--upstream", gateway, "-o", "bug.har"];
        arguments.extend(behind.iter().flat_map(|behind| ["--behind", behind]));
        if !behind.is_empty() {
            // What is signed is signed for the recorder.
            arguments.push("--keep-host");
        }
        let mut child = folder.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let hosts: Vec<String> = lines
            .take(1 + behind.len())
            .map(|line| {
                let host = line.split("http://").nth(1).and_then(|rest| rest.split(['/', ' ']).next());
                host.filter(|host| host.starts_with("127.0.0.1:")).unwrap_or_else(|| panic!("{line}")).to_owned()
            })
            .collect();
        let behind = hosts[1..].iter().map(|host| format!("http://{host}")).collect();
        Self { host: hosts[0].clone(), behind, child, session: RefCell::default() }
    }

    /// Where the gateway finds what is behind it.
    pub(super) fn behind(&self) -> &[String] {
        &self.behind
    }

    /// Ends it without a word.
    pub(super) fn forget(self) {
        drop(self);
    }

    /// Sends a request and waits for the whole answer, or the end of the connection.
    pub(in super::super) fn ask(&self, line: &str, body: &str, headers: &[(String, String)]) -> String {
        let mut headers = headers.to_vec();
        if let Some(session) = &*self.session.borrow() {
            headers.push(("mcp-session-id".to_owned(), session.clone()));
            headers.push(("mcp-protocol-version".to_owned(), "2025-06-18".to_owned()));
        }
        let answer = ask(&self.host, line, body, &headers);
        let session = answer.lines().take_while(|line| !line.is_empty()).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("mcp-session-id").then(|| value.trim().to_owned())
        });
        if session.is_some() {
            self.session.replace(session);
        }
        answer
    }

    /// Ends it; gives what it said.
    pub(in super::super) fn end(mut self) -> String {
        let killed = std::process::Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{said}");
        said
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request on a connection of its own.
pub(super) fn ask(host: &str, line: &str, body: &str, headers: &[(String, String)]) -> String {
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut head = format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        let media = if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
        head.push_str(&format!("content-type: {media}\r\ncontent-length: {}\r\n", body.len()));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A gateway that breaks off is what some of these bugs are.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
