//! Mocks that speak over a pair of streams, one message a line, as over standard input and output.

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::catalogue::{MockTransport, all};
use crate::mcp_server::McpServerError;
use crate::start::StartError;
use crate::{aws_proxy, mcp_server};

/// What is read from the client.
pub type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// What is written to the client.
pub type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A mock cannot serve a pair of streams.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StdioError {
    /// It speaks HTTP only, or there is none of that name.
    #[error("`{name}` does not speak stdio; {} do", speakers())]
    NotSpoken {
        /// The name asked for.
        name: String,
    },
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] StartError),
    /// Reading or writing failed.
    #[error("stdio of {mock}: {source}")]
    Io {
        /// Name of the mock.
        mock: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

type Serve = fn(Value, Reader, Writer) -> BoxFuture<'static, Result<(), StdioError>>;

/// Those whose `transports` hold [`MockTransport::Stdio`].
const SERVERS: &[(&str, Serve)] = &[
    (aws_proxy::INFO.name, |config, reader, writer| Box::pin(aws_proxy::serve_stdio(config, reader, writer))),
    (mcp_server::NAME, |config, reader, writer| {
        Box::pin(async move {
            mcp_server::serve_stdio(config, reader, writer).await.map_err(|error| match error {
                McpServerError::Config(error) => StdioError::Config(error),
                McpServerError::Io(source) => StdioError::Io { mock: mcp_server::NAME, source },
            })
        })
    }),
];

/// Serves one client over a pair of streams until the reader ends. `config` is the same as over HTTP.
///
/// # Errors
///
/// The mock does not speak stdio, its configuration is wrong, or reading or writing failed.
pub async fn serve_stdio(name: &str, config: Value, reader: Reader, writer: Writer) -> Result<(), StdioError> {
    match SERVERS.iter().find(|(known, _)| *known == name) {
        Some((_, serve)) => serve(config, reader, writer).await,
        None => Err(StdioError::NotSpoken { name: name.to_owned() }),
    }
}

fn speakers() -> String {
    let speaks = |info: &&crate::MockInfo| info.transports.contains(&MockTransport::Stdio);
    let names: Vec<String> = all().into_iter().filter(speaks).map(|info| format!("`{}`", info.name)).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_says_who_speaks_it() {
        let served: Vec<&str> = SERVERS.iter().map(|(name, _)| *name).collect();
        let said: Vec<&str> = all()
            .into_iter()
            .filter(|info| info.transports.contains(&MockTransport::Stdio))
            .map(|info| info.name)
            .collect();
        assert_eq!(served, said);
    }
}
