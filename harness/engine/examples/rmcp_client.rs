//! A client made of the official Rust SDK: signs in, lists the tools, calls the one that `GAUNTLET_TOOL` and
//! `GAUNTLET_ARGUMENTS` name. What it does on the wire is the SDK's doing.
//!
//! ```console
//! $ rmcp_client http://127.0.0.1:8000/mcp my-client-id
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to whoever starts it")]

use std::process::ExitCode;

use rmcp::model::CallToolRequestParams;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{AuthClient, AuthorizationRequest, OAuthState};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ServiceExt as _, model::JsonObject};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

type Problem = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    run(std::env::args().skip(1))
}

/// Does what the arguments say. 0: the tool had a result; 1: it came to nothing; 2: the arguments are wrong.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let (Some(server), Some(client_id)) = (arguments.next(), arguments.next()) else {
        eprintln!("rmcp_client URL CLIENT_ID");
        return ExitCode::from(2);
    };
    match work(server, client_id).await {
        Ok(result) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

async fn work(server: String, client_id: String) -> Result<String, Problem> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let callback = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
    let mut oauth = OAuthState::new(&server, None).await?;
    let request = AuthorizationRequest::new(format!("{callback}/callback")).with_preregistered_client(client_id);
    oauth.start_authorization(request).await?;
    eprintln!("Please sign in at:\n{}", oauth.get_authorization_url().await?);
    oauth.handle_callback_url(&format!("{callback}{}", redirected(&listener).await?)).await?;
    let manager = oauth.into_authorization_manager().ok_or("the sign-in did not end")?;

    let client = AuthClient::new(reqwest::Client::default(), manager);
    let config = StreamableHttpClientTransportConfig::with_uri(server);
    let service = ().serve(StreamableHttpClientTransport::with_client(client, config)).await?;
    let tools = service.list_all_tools().await?;
    let name =
        std::env::var("GAUNTLET_TOOL").or_else(|_| tools.first().map(|t| t.name.to_string()).ok_or("no tool"))?;
    let arguments: JsonObject = std::env::var("GAUNTLET_ARGUMENTS")
        .ok()
        .map(|text| serde_json::from_str(&text))
        .transpose()?
        .unwrap_or_default();
    let result = service.call_tool(CallToolRequestParams::new(name).with_arguments(arguments)).await?;
    service.cancel().await?;
    Ok(serde_json::to_string(&result)?)
}

/// Path and query with which the browser comes back.
async fn redirected(listener: &TcpListener) -> Result<String, Problem> {
    let (stream, _) = listener.accept().await?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
    line.split(' ').nth(1).map(str::to_owned).ok_or_else(|| "no request came back".into())
}
