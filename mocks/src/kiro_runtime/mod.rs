//! The Kiro runtime: web search over JSON-RPC at `/mcp` and completions, with the token endpoints and profile lists that its
//! clients need.
//!
//! One instance plays all hosts of the service and tells them apart by the `Host` header where that matters: for
//! `q.{region}.amazonaws.com` it is the legacy runtime, which asks for neither a profile nor a client identity, and
//! ListAvailableProfiles answers for the region of the host. `host:` in the configuration fixes the role.

mod accounts;
mod completion;
mod config;
mod decision;
mod defects;
mod describe;
mod errors;
mod identity;
mod ledger;
mod profiles;
mod search;
mod state;
mod tokens;
mod wire;

use std::sync::Arc;

use wiremock::{Match, Mock, Request, Respond, ResponseTemplate};

pub(crate) use self::accounts::{Account, AccountKind, PLACEHOLDER_ARN, region_of};
use self::config::{Operation, Settled};
use self::defects::KiroDefect;
use self::state::State;
use self::wire::{Answer, header};
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::clock::Clock;
use crate::defect::Defect;
use crate::front::WiremockBackend;
use crate::handle::MockHandle;
use crate::instance::Instance;
use crate::setup::Setup;
use crate::start::{StartError, StartOptions};

/// What is known before it starts.
pub(crate) const INFO: MockInfo = MockInfo {
    name: "kiro-runtime",
    title: "The Kiro runtime's /mcp with web_search, its completions, token endpoints and profile lists",
    versions: &[],
    lifecycle: MockLifecycle::Bare,
    transports: &[MockTransport::Http],
    departures: &["null-error"],
    defects: KiroDefect::INFOS,
};

/// Starts an instance.
pub(crate) async fn start(options: StartOptions) -> Result<MockHandle, StartError> {
    let setup = Setup::read(INFO.name, options)?;
    let clock = Clock::default();
    let state = State::new(setup.settle(Settled::read)?, clock.now());
    let description = describe::describe(&state.settled);
    let runtime = Arc::new(Runtime::new(clock, state));
    let backend = WiremockBackend::start(runtime.mocks()).await;
    setup.start(description, Arc::new(backend), runtime).await
}

/// One instance.
type Runtime = Instance<State>;

/// What wiremock tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Known(Operation),
    /// Anything else.
    Unknown,
}

impl Route {
    const ALL: [Self; 7] = [
        Self::Known(Operation::Search),
        Self::Known(Operation::RefreshToken),
        Self::Known(Operation::Token),
        Self::Known(Operation::ListProfiles),
        Self::Known(Operation::ListModels),
        Self::Known(Operation::Completion),
        Self::Unknown,
    ];

    fn of(request: &Request) -> Self {
        let target = header(request, "x-amz-target").unwrap_or_default();
        match (request.method.as_str(), request.url.path()) {
            ("POST", "/mcp") => Self::Known(Operation::Search),
            ("POST", "/") if target == "AmazonCodeWhispererStreamingService.InvokeMCP" => {
                Self::Known(Operation::Search)
            }
            ("POST", "/") if target == "AmazonCodeWhispererService.ListAvailableProfiles" => {
                Self::Known(Operation::ListProfiles)
            }
            ("POST", "/generateAssistantResponse") => Self::Known(Operation::Completion),
            ("POST", "/") if target == "AmazonCodeWhispererStreamingService.GenerateAssistantResponse" => {
                Self::Known(Operation::Completion)
            }
            ("POST", "/refreshToken") => Self::Known(Operation::RefreshToken),
            ("POST", "/token") => Self::Known(Operation::Token),
            ("GET", "/ListAvailableModels") => Self::Known(Operation::ListModels),
            _ => Self::Unknown,
        }
    }
}

impl Match for Route {
    fn matches(&self, request: &Request) -> bool {
        Self::of(request) == *self
    }
}

struct Responder {
    runtime: Arc<Runtime>,
    route: Route,
}

impl Respond for Responder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.runtime.answer(self.route, request).into_template()
    }
}

impl Runtime {
    fn mocks(self: &Arc<Self>) -> Vec<Mock> {
        Route::ALL
            .into_iter()
            .map(|route| Mock::given(route).respond_with(Responder { runtime: Arc::clone(self), route }))
            .collect()
    }

    fn answer(&self, route: Route, request: &Request) -> Answer {
        let now = self.now();
        let mut state = self.state();
        match route {
            Route::Known(Operation::Search) => {
                if request.url.path() == "/" && state.shows(KiroDefect::RpcSpellingUnknown) {
                    return unknown_operation();
                }
                state.search(request, now)
            }
            Route::Known(Operation::RefreshToken) => state.desktop_refresh(request, now),
            Route::Known(Operation::Token) => state.oidc_token(request, now),
            Route::Known(Operation::ListProfiles) => state.list_profiles(request, now),
            Route::Known(Operation::ListModels) => state.list_models(request, now),
            Route::Known(Operation::Completion) => state.completion(request, now),
            Route::Unknown => unknown_operation(),
        }
    }
}

fn unknown_operation() -> Answer {
    Answer::json(404, &serde_json::json!({ "__type": "com.amazon.coral.service#UnknownOperationException" }))
}
