//! What one request of a client works with: the configuration, the credentials and the defects at its time.

use std::sync::Arc;
use std::time::Duration;

use super::config::Settled;
use super::defects::GatewayDefect;
use super::failure::Failure;
use super::runtime::{Connection, Identity, Vault};
use crate::clock::Clock;
use crate::in_force::InForce;

/// A view of the gateway that does not change while a request is answered; the credentials are shared.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) settled: InForce<Settled, GatewayDefect>,
    pub(super) vault: Arc<Vault>,
    pub(super) identity: Identity,
    pub(super) connection: Connection,
    pub(super) clock: Clock,
    /// The key that the client logged in with.
    pub(super) client_key: String,
}

impl Context {
    pub(super) fn shows(&self, defect: GatewayDefect) -> bool {
        self.settled.shows(defect)
    }

    /// Time since the Unix epoch, on the mock's clock.
    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// How long it waits for the runtime; none is without end.
    pub(super) fn patience(&self) -> Option<Duration> {
        (!self.shows(GatewayDefect::NoTimeout)).then_some(self.settled.config.timeout)
    }

    /// Passes a failure on, or, with a defect, says that it was none.
    pub(super) fn told<T>(&self, failure: Failure, empty: impl FnOnce() -> T) -> Result<T, Failure> {
        use super::failure::FailureKind as Kind;
        let masked = match failure.kind {
            Kind::Bearer | Kind::NotAuthorized | Kind::Quota | Kind::RateLimit | Kind::Refused | Kind::Broken => {
                GatewayDefect::StatusAsEmptySuccess
            }
            Kind::SignInOver | Kind::NoProfile => GatewayDefect::RefreshFailureAsEmptySuccess,
            Kind::Unreachable | Kind::Timeout => GatewayDefect::CutAsEmptySuccess,
            Kind::Malformed | Kind::ForeignAnswer => GatewayDefect::MalformedAsEmptySuccess,
            Kind::Rpc | Kind::InvalidQuery | Kind::QueryTooLong | Kind::MaxUses => {
                GatewayDefect::RpcErrorAsEmptySuccess
            }
            Kind::Tool => GatewayDefect::ToolErrorAsEmptySuccess,
        };
        if self.shows(masked) { Ok(empty()) } else { Err(failure) }
    }
}
