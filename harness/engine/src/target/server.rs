//! A program that serves HTTP: started, waited for, and shared by the cases of a run if its entry says so.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use url::Url;

use super::process::{ChildProcess, CommandLine};
use crate::config::CommandSpec;
use crate::transport::http::{HttpClient, Until};
use crate::transport::{Failure, FailureKind, Limits, Request};

/// A running program and its endpoint. Dropping it ends the program.
#[derive(Debug)]
pub(crate) struct Server {
    pub url: Url,
    pub process: ChildProcess,
}

impl Server {
    /// Starts the program and waits until it serves.
    pub(crate) async fn start(line: &CommandLine, url: Url, command: &CommandSpec) -> Result<Self, Failure> {
        let started = ChildProcess::start(line)?;
        let process = started.child;
        // Nobody reads its stdout; an unread pipe would block it.
        let mut stdout = started.stdout;
        tokio::spawn(async move { tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await });
        let ready_url = match &command.ready_path {
            Some(path) => Some(url.join(path).map_err(|e| not_ready(format!("`ready.http: {path}`: {e}")))?),
            None => None,
        };
        let since = Instant::now();
        let host = url.host_str().unwrap_or("127.0.0.1").trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        loop {
            if process.exit_report().is_some()
                && let Some(report) = process.last_words(Duration::from_millis(100)).await
            {
                let said = process.last_stderr_line().map(|l| format!(": {l}")).unwrap_or_default();
                return Err(not_ready(format!("`{}` {report} before it was ready{said}", line.program)));
            }
            let open = tokio::net::TcpStream::connect((host.as_str(), port)).await.is_ok();
            let ready = match &ready_url {
                Some(ready_url) if open => answers(ready_url).await,
                Some(_) => false,
                None => open,
            };
            // Who answers is the program only as long as it runs: another one may have its port.
            if ready && process.exit_report().is_none() {
                return Ok(Self { url, process });
            }
            if since.elapsed() > command.ready_timeout {
                let seconds = command.ready_timeout.as_secs();
                let said = process.last_stderr_line().map(|l| format!("; it last wrote: {l}")).unwrap_or_default();
                return Err(not_ready(format!("`{}` was not ready within {seconds} s{said}", line.program)));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether the program still runs.
    pub(crate) fn is_running(&self) -> bool {
        self.process.exit_report().is_none()
    }
}

/// Where ports for started programs are looked for: below the ephemeral ports of Linux and macOS. A port that is free now
/// would otherwise soon be some other socket's, before the program has bound it.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Ports tried before giving up.
const PORT_TRIES: usize = 200;

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let mut last = None;
    for _ in 0..PORT_TRIES {
        let random = uuid::Uuid::new_v4().as_u128() % u128::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(random).unwrap_or(0);
        match TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    let why = last.map_or_else(String::new, |e| format!(": {e}"));
    Err(not_ready(format!("no free port from {} to {}{why}", PORTS.start, PORTS.end - 1)))
}

async fn answers(url: &Url) -> bool {
    let Ok(client) = HttpClient::new(url, Limits::default()) else { return false };
    let request = Request {
        method: "GET".to_owned(),
        url: url.to_string(),
        headers: vec![("accept".to_owned(), "*/*".to_owned())],
        body: Vec::new(),
    };
    let reply = client.send(&request, Until::default(), Duration::from_secs(2)).await;
    reply.status.is_some_and(|s| s < 500)
}

fn not_ready(message: String) -> Failure {
    Failure::new(FailureKind::Connect, message)
}
