//! A proxy that signs for AWS: MCP over Streamable HTTP or stdio in, requests with an AWS signature out, several profiles.
//!
//! It does what mcp-proxy-for-aws 1.7.0 does where that is right, and otherwise what it should: a lost session is opened anew, a
//! failing call harms no other, and an error is told once.
//!
//! - `http`, `stdio`: the side of the client.
//! - `client`, `call`, `batch`, `switching`: one client, its calls, and the argument that selects a profile.
//! - `connection`, `upstream`, `credentials`: one upstream session a profile, and the requests on it.

mod batch;
mod call;
mod client;
mod config;
mod connection;
mod credentials;
mod defects;
mod http;
mod proxy;
mod stdio;
mod switching;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use self::config::Settled;
use self::defects::ProxyDefect;
use self::http::HttpSide;
use self::proxy::Proxy;
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::config::ConfigError;
use crate::control::Controller;
use crate::defect::Defect;
use crate::handle::{MockHandle, SelfDescription};
use crate::mcp::VERSIONS;
use crate::setup::Setup;
use crate::start::{StartError, StartOptions};
use crate::stdio::{Process, StdioError};

/// What is known before it starts.
pub(crate) const INFO: MockInfo = MockInfo {
    name: "aws-proxy",
    title: "a proxy that signs for AWS with several profiles, as mcp-proxy-for-aws",
    versions: VERSIONS,
    lifecycle: MockLifecycle::Auto,
    transports: &[MockTransport::Http, MockTransport::Stdio],
    departures: &[],
    defects: ProxyDefect::INFOS,
};

/// Starts an instance over HTTP.
pub(crate) async fn start(options: StartOptions) -> Result<MockHandle, StartError> {
    let setup = Setup::read(INFO.name, options)?;
    let proxy = proxy(&setup)?;
    let description = describe(&proxy.settled());
    setup.start(description, Arc::new(HttpSide(Arc::clone(&proxy))), proxy).await
}

/// A proxy for one client over stdio.
pub(crate) fn process(config: Value) -> Result<Process, StartError> {
    let proxy = proxy(&Setup::read(INFO.name, StartOptions { config, ..StartOptions::default() })?)?;
    Ok(Process {
        description: describe(&proxy.settled()),
        controller: proxy.clone(),
        serve: Box::new(|reader, writer| {
            Box::pin(async move {
                let served = stdio::serve(proxy, reader, writer).await;
                served.map_err(|source| StdioError::Io { mock: INFO.name, source })
            })
        }),
    })
}

fn proxy(setup: &Setup<ProxyDefect>) -> Result<Arc<Proxy>, StartError> {
    let settled = setup.settle(Settled::read)?;
    Ok(Arc::new(Proxy::new(settled).map_err(|error| setup.wrong(error))?))
}

fn describe(settled: &Settled) -> SelfDescription {
    let mut vars = Map::new();
    vars.insert("argument".to_owned(), json!(settled.argument()));
    vars.insert("default_profile".to_owned(), json!(settled.default));
    vars.insert("profiles".to_owned(), json!(settled.allowed));
    for (name, _) in &settled.profiles {
        vars.insert(format!("{}_region", name.replace('-', "_")), json!(settled.region_of(name)));
    }
    SelfDescription { path: "/mcp".to_owned(), vars, secrets: settled.secrets(), ..SelfDescription::default() }
}

impl Controller for Proxy {
    fn set(&self, config: &Map<String, Value>) -> Result<(), ConfigError> {
        Self::set(self, config)
    }

    fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError> {
        Self::set_defects(self, ids)
    }

    fn restart(&self) {
        Self::restart(self);
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn minted_secrets(&self) -> Vec<String> {
        let mut secrets = self.settled().secrets();
        secrets.extend(self.credentials.secrets());
        secrets
    }
}
