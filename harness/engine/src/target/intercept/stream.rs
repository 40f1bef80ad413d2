//! A TCP stream of which something was read already, and that can be made to end with a reset.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Says that the stream shall end with a reset.
#[derive(Debug, Clone, Default)]
pub(super) struct Reset(Arc<AtomicBool>);

impl Reset {
    pub(super) fn wanted(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The stream inside a tunnel.
#[derive(Debug)]
pub(super) struct TunnelStream {
    before: Bytes,
    stream: TcpStream,
    reset: Reset,
}

impl TunnelStream {
    /// `before` is what was read of the stream already.
    pub(super) fn new(stream: TcpStream, before: Bytes, reset: Reset) -> Self {
        Self { before, stream, reset }
    }

    /// The same stream in a tunnel: more of it was read than belonged to the request for it.
    pub(super) fn with_before(mut self, before: Bytes) -> Self {
        self.before = before;
        self
    }

    /// The first byte, which is read again later; none at the end of the stream.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) async fn first_byte(&mut self) -> io::Result<Option<u8>> {
        if self.before.is_empty() {
            let mut byte = [0];
            if self.stream.read(&mut byte).await? > 0 {
                self.before = Bytes::copy_from_slice(&byte);
            }
        }
        Ok(self.before.first().copied())
    }
}

impl Drop for TunnelStream {
    fn drop(&mut self) {
        if self.reset.0.load(Ordering::Acquire) {
            // Closing then sends RST in place of FIN. If that fails the client sees a plain close.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for TunnelStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let count = self.before.len().min(buffer.remaining());
        buffer.put_slice(&self.before[..count]);
        self.before.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TunnelStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
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
