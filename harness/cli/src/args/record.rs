//! `gauntlet record`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use gauntlet::repro::recording::{UPSTREAM_NAME, is_upstream_name};
use url::Url;

/// A free port of this machine.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gauntlet record --listen 127.0.0.1:8080 --upstream https://gateway.example.com/mcp -o bug.har\n  gauntlet record --stdio -o recordings/ -- npx -y some-mcp-server --its-option\n  gauntlet record --upstream http://127.0.0.1:8000/mcp --behind runtime=127.0.0.1:9001,https://runtime.example.com -o bug.har\n      both sides of a gateway, which is to find its upstream at 127.0.0.1:9001\n\nSecrets never reach the file. `gauntlet diagnose bug.har` says what is wrong in it, `gauntlet import bug.har` makes a scenario of it."
)]
pub(crate) struct RecordArgs {
    /// Where clients connect: ADDRESS:PORT, or a port of 127.0.0.1; default: a free one
    #[arg(long, value_name = "ADDRESS", value_parser = address, default_value = "127.0.0.1:0", hide_default_value = true, conflicts_with = "stdio")]
    pub listen: SocketAddr,
    /// URL of the server; its path is where the client is told to go, and every request keeps its own
    #[arg(long, value_name = "URL", required_unless_present = "stdio", conflicts_with_all = ["stdio", "command"])]
    pub upstream: Option<Url>,
    /// Stand between the server and what it asks as well. NAME is what that is called under `upstreams` of a target, ADDRESS where the
    /// server is to find it (default: a free port of 127.0.0.1), URL where it is. May be given several times
    #[arg(long, value_name = "NAME=[ADDRESS,]URL", value_parser = behind)]
    pub behind: Vec<Behind>,
    /// Stand between a client and the command that it starts
    #[arg(long, requires = "command")]
    pub stdio: bool,
    /// HAR file; a folder, or a path that ends in `/`, gets a file of its own at every start. Nothing is overwritten
    #[arg(long, short, value_name = "FILE|FOLDER")]
    pub output: PathBuf,
    /// Write a scenario of the recording too, when it ends
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Configuration file in place of the nearest gauntlet.yaml, which names signatures of your own for the scenario
    #[arg(long, value_name = "FILE", requires = "scenario")]
    pub config: Option<PathBuf>,
    /// Trust the certificate authorities in this PEM file beside the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Put the recorder in place of the upstream wherever answers name it, and back in requests
    #[arg(long)]
    pub rewrite: bool,
    /// Pass `Host` on as the client sent it, as between a signing proxy and its server
    #[arg(long, conflicts_with = "rewrite")]
    pub keep_host: bool,
    /// How much of one body is recorded; more passes, and is counted
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "16MiB")]
    pub max_body: usize,
    /// The command to start, with its arguments
    #[arg(last = true, value_name = "COMMAND", requires = "stdio")]
    pub command: Vec<String>,
}

/// What the server asks.
#[derive(Debug, Clone)]
pub(crate) struct Behind {
    pub name: String,
    pub listen: SocketAddr,
    pub upstream: Url,
}

fn behind(text: &str) -> Result<Behind, String> {
    let wanted = "expected NAME=ADDRESS,URL as in runtime=127.0.0.1:9001,https://runtime.example.com";
    let (name, rest) = text.split_once('=').ok_or(wanted)?;
    if !is_upstream_name(name) {
        return Err(format!("`{name}` is no name of an upstream: {UPSTREAM_NAME}"));
    }
    let (listen, url) = match rest.split_once(',').filter(|(listen, _)| !listen.contains("://")) {
        Some((listen, url)) => (address(listen)?, url),
        None => (ANYWHERE, rest),
    };
    let upstream = Url::parse(url).map_err(|error| format!("`{url}` is no URL ({error}): {wanted}"))?;
    Ok(Behind { name: name.to_owned(), listen, upstream })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    let named = || text.strip_prefix("localhost:")?.parse().ok().map(|port| (Ipv4Addr::LOCALHOST, port).into());
    let full = || text.parse().ok().or_else(named);
    port.ok()
        .or_else(full)
        .ok_or_else(|| "expected ADDRESS:PORT as in 127.0.0.1:8080 or [::1]:8080, or a port".to_owned())
}

/// Bytes.
fn size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..].trim() {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let bytes = unit.and_then(|unit: usize| digits.parse::<usize>().ok()?.checked_mul(unit));
    bytes.ok_or_else(|| "expected a number of bytes, as in 65536, 64KiB, 16MiB or 1GiB".to_owned())
}
