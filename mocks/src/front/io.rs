//! A TCP stream that can be made to end badly.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const OPEN: u8 = 0;
const CUT: u8 = 1;
const RESET: u8 = 2;

/// How a connection shall end; shared by the stream and whoever decides.
#[derive(Debug, Default)]
pub(crate) struct End(AtomicU8);

impl End {
    /// Close as soon as everything written so far is on the wire.
    pub(crate) fn cut(&self) {
        self.0.store(CUT, Ordering::Release);
    }

    /// Close with a reset.
    pub(crate) fn reset(&self) {
        self.0.store(RESET, Ordering::Release);
    }

    fn wanted(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }
}

/// The stream of one connection.
#[derive(Debug)]
pub(crate) struct FaultyStream {
    stream: TcpStream,
    end: Arc<End>,
}

impl FaultyStream {
    pub(crate) fn new(stream: TcpStream, end: Arc<End>) -> Self {
        Self { stream, end }
    }
}

impl Drop for FaultyStream {
    fn drop(&mut self) {
        if self.end.wanted() == RESET {
            // With a linger time of zero, closing sends RST in place of FIN. If that fails the client sees a plain close.
            let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes the stream once its own buffer is empty, so all that came before the cut has been written.
        if self.end.wanted() == OPEN {
            Pin::new(&mut self.stream).poll_flush(cx)
        } else {
            Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
