//! What happens around the answers of wiremock, which cannot wait: keys are fetched and signatures judged before, the note is taken off after.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};

use super::config::{AuthorizerKind, MetadataForm};
use super::state::State;
use super::{Gateway, METADATA_PATH, NOTE_HEADER};
use crate::front::{Backend, Body, BoxError, WiremockBackend};
use crate::journal::JournalNote;
use crate::jwt::{KeyPlan, Providers};

/// What slow metadata takes: longer than clients wait.
const SLOW: Duration = Duration::from_secs(20);

/// The gateway behind its front.
pub(super) struct GatewayBackend {
    gateway: Arc<Gateway>,
    wiremock: WiremockBackend,
}

/// What must happen before a request can be answered.
#[derive(Default)]
struct Before {
    keys: Option<(Arc<Providers>, KeyPlan)>,
    pause: Duration,
}

impl GatewayBackend {
    pub(super) fn new(gateway: Arc<Gateway>, wiremock: WiremockBackend) -> Self {
        Self { gateway, wiremock }
    }

    fn before(&self, request: &Request<Bytes>) -> Before {
        let state = self.gateway.state();
        match request.uri().path() {
            "/mcp" => Before { keys: self.keys_for(&state, request), ..Before::default() },
            METADATA_PATH if state.settled.config.resource_metadata == MetadataForm::Slow => {
                Before { pause: SLOW, ..Before::default() }
            }
            _ => Before::default(),
        }
    }

    /// The keys that the token of a request needs.
    fn keys_for(&self, state: &State, request: &Request<Bytes>) -> Option<(Arc<Providers>, KeyPlan)> {
        if state.settled.config.authorizer != AuthorizerKind::Jwt {
            return None;
        }
        let token = state.presented_token(request.headers(), request.uri().query()).ok()?;
        let now = self.gateway.now().saturating_sub(state.started);
        Some((Arc::clone(&state.providers), state.keys_wanted(&token, now)?))
    }
}

impl Backend for GatewayBackend {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async move {
            let mut request = request;
            if request.uri().path() == "/mcp" {
                self.gateway.state().attach_verdict(&mut request, self.gateway.now());
            }
            let Before { keys, pause } = self.before(&request);
            if let Some((providers, plan)) = keys {
                providers.prepare(&plan).await;
            }
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let mut response = self.wiremock.answer(request).await?;
            let note = response.headers_mut().remove(NOTE_HEADER);
            if let Some(note) = note.as_ref().and_then(|note| note.to_str().ok()) {
                response.extensions_mut().insert(JournalNote(note.to_owned()));
            }
            Ok(response)
        })
    }
}
