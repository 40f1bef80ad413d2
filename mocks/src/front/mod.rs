//! The side of a mock that faces the client: an accept loop with one task for each connection.
//!
//! A front records every request and answer in a [`Journal`], passes bodies on frame by frame without buffering, and carries out
//! [faults](crate::faults). The system itself stands behind it as a [`Backend`]: a service in the same process, or a server
//! at a TCP address.

mod backend;
mod body;
mod connection;
mod entrance;
mod io;
mod wiremock_pool;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

pub(crate) use self::backend::{AnswerFaults, PeerAddress};
pub use self::backend::{Backend, Body, BoxError, ConnectionId, ServiceBackend, TcpBackend};
pub use self::entrance::Entrance;
use self::entrance::Numbers;
pub(crate) use self::wiremock_pool::WiremockBackend;
pub(crate) use crate::faults::rewrite::{collect, full};
use crate::faults::{Fault, FaultSet};
use crate::journal::Journal;

/// Largest request body that a mock takes; a larger one is answered 413.
pub const LARGEST_REQUEST: usize = 16 << 20;

/// A listening front. Dropping it closes the listener and every connection.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
    numbers: Arc<Numbers>,
    accept: JoinHandle<()>,
}

/// What all connections of a front share.
pub(crate) struct Shared {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) faults: FaultSet,
    pub(crate) journal: Journal,
    /// Asks the accept task to end all connections; it answers when they are gone.
    close_connections: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl Front {
    /// Binds an address (port 0: any free port) and begins to accept.
    ///
    /// # Errors
    ///
    /// The address cannot be bound.
    pub async fn start(
        bind: IpAddr,
        port: u16,
        journal: Journal,
        faults: Vec<Fault>,
        backend: Arc<dyn Backend>,
    ) -> std::io::Result<Self> {
        let listener = Self::bind(bind, port).await?;
        Self::serve(listener, journal, faults, backend)
    }

    /// Binds without accepting yet, for a backend that has to know its own address.
    ///
    /// # Errors
    ///
    /// The address cannot be bound.
    pub async fn bind(bind: IpAddr, port: u16) -> std::io::Result<TcpListener> {
        TcpListener::bind((bind, port)).await
    }

    /// Begins to accept on a bound listener.
    ///
    /// # Errors
    ///
    /// The listener has no local address.
    pub fn serve(
        listener: TcpListener,
        journal: Journal,
        faults: Vec<Fault>,
        backend: Arc<dyn Backend>,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (close_connections, close_requests) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { backend, faults: FaultSet::default(), journal, close_connections });
        shared.faults.replace(faults);
        let numbers = Arc::new(Numbers::default());
        let accept = tokio::spawn(accept_loop(listener, Arc::clone(&shared), Arc::clone(&numbers), close_requests));
        Ok(Self { address, shared, numbers, accept })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:41873`, without a slash at the end. A wildcard address is shown as loopback.
    #[must_use]
    pub fn origin(&self) -> String {
        origin_of(self.address)
    }

    /// A way in for who brings connections of others.
    #[must_use]
    pub fn entrance(&self) -> Entrance {
        Entrance { address: self.address, numbers: Arc::clone(&self.numbers) }
    }

    /// The record of what arrived.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// Puts other faults in force.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.shared.faults.replace(faults);
    }

    /// Ends every open connection, as a restart would, and returns when they are gone. New ones are accepted.
    pub async fn close_connections(&self) {
        let (done, gone) = oneshot::channel();
        if self.shared.close_connections.send(done).is_ok() {
            // An error means that the accept task is gone, and all connections with it.
            let _ = gone.await;
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // The connections belong to the accept task and end with it.
        self.accept.abort();
    }
}

/// The origin of an address, loopback in place of a wildcard.
pub(crate) fn origin_of(address: SocketAddr) -> String {
    let reachable = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
    };
    format!("http://{}", SocketAddr::new(reachable, address.port()))
}

async fn accept_loop(
    listener: TcpListener,
    shared: Arc<Shared>,
    numbers: Arc<Numbers>,
    mut close_requests: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    connections.spawn(connection::serve(stream, numbers.of(from), Arc::clone(&shared)));
                }
                // Out of file descriptors, or the client gave up already: the next one may fare better.
                Err(error) => {
                    tracing::debug!(%error, "accept failed");
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            Some(done) = close_requests.recv() => {
                connections.shutdown().await;
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
        }
    }
}
