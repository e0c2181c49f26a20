//! The socket of one connection, with a timeout for a peer that accepts no data.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Permit;
use super::connections::Connection;
use super::listener::Stream;
use crate::metrics::OpenCount;

/// The socket that hyper reads and writes, and then the WebSocket that the connection may become. The timeout applies,
/// and the permit and the count are held, as long as the socket is open.
pub(super) struct Socket {
    stream: Stream,
    write_timeout: Duration,
    /// The timeout, which runs from the first write that the peer does not accept until one that it accepts.
    stalled: Option<Pin<Box<Sleep>>>,
    connection: Arc<Connection>,
    _held: (Permit, OpenCount),
}

impl Socket {
    pub(super) fn new(
        stream: Stream,
        write_timeout: Duration,
        connection: Arc<Connection>,
        held: (Permit, OpenCount),
    ) -> Self {
        if let Err(error) = set_options(&stream, write_timeout) {
            tracing::debug!(%error, "cannot set an option of a connection");
        }
        Self { stream, write_timeout, stalled: None, connection, _held: held }
    }

    /// Returns the result of a write, or an error if the peer has accepted no data for too long.
    fn check_stall(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.write_timeout)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the peer accepts no data")))
    }
}

fn set_options(stream: &Stream, write_timeout: Duration) -> io::Result<()> {
    #[cfg(unix)]
    let Stream::Left(stream) = stream else { return Ok(()) };
    // An event is a small frame, which must be sent at once.
    stream.set_nodelay(true)?;
    // The same timeout for data that the system has accepted and the peer has not acknowledged, to detect a peer that
    // is gone. Probes (TCP keep-alive) would detect no more: a stream writes every 20 seconds, and every other
    // connection waits for a request, which has a timeout.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(write_timeout))?;
    Ok(())
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.check_stall(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.check_stall(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.flushed();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
