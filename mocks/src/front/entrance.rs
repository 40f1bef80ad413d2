//! Connections that somebody brings for somebody else, such as a proxy between the client and the mock.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpSocket, TcpStream};

use super::ConnectionId;

/// Numbers of connections: those that arrive by themselves in their order, those of an [`Entrance`] as it says.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: AtomicU64,
    expected: Mutex<HashMap<SocketAddr, u64>>,
}

impl Numbers {
    fn take(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn expect(&self, from: SocketAddr, number: u64) {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).insert(from, number);
    }

    fn forget(&self, from: SocketAddr) -> Option<u64> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).remove(&from)
    }

    /// The number of a connection that has arrived.
    pub(super) fn of(&self, from: SocketAddr) -> u64 {
        self.forget(from).unwrap_or_else(|| self.take())
    }
}

/// A way into a mock on which several connections can count as one: what a client says on one connection of HTTP/2 reaches the
/// mock on several of HTTP/1.1, and the journal shall show the client's connection.
#[derive(Debug, Clone)]
pub struct Entrance {
    pub(super) address: SocketAddr,
    pub(super) numbers: Arc<Numbers>,
}

impl Entrance {
    /// A number for one connection of a client, not used by any other.
    #[must_use]
    pub fn number(&self) -> ConnectionId {
        ConnectionId(self.numbers.take())
    }

    /// Connects; what is said on the connection stands in the journal under that number.
    ///
    /// # Errors
    /// The mock is gone, or the system has no port left.
    pub async fn connect(&self, number: ConnectionId) -> io::Result<TcpStream> {
        let socket = if self.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Bound first, so that the mock knows the number before it sees the connection.
        let own: IpAddr = match self.address.ip() {
            ip if ip.is_unspecified() && ip.is_ipv4() => [127, 0, 0, 1].into(),
            ip if ip.is_unspecified() => [0, 0, 0, 0, 0, 0, 0, 1].into(),
            ip => ip,
        };
        socket.bind(SocketAddr::new(own, 0))?;
        let from = socket.local_addr()?;
        self.numbers.expect(from, number.0);
        let connected = socket.connect(SocketAddr::new(own, self.address.port())).await;
        let stream = connected.inspect_err(|_| {
            self.numbers.forget(from);
        })?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
