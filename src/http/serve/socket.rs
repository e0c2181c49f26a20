//! The socket of one connection, with a time-out for a peer that takes nothing.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::connections::{Connection, Permit};

/// hyper reads and writes through it, and so does the WebSocket that a connection may become: the
/// time-out and the permit hold as long as the socket is open.
pub(super) struct Socket {
    stream: TcpStream,
    write_timeout: Duration,
    /// The time-out, which runs from the first write that the peer did not take until one that it does.
    stalled: Option<Pin<Box<Sleep>>>,
    connection: Arc<Connection>,
    _permit: Permit,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, write_timeout: Duration, connection: Arc<Connection>, permit: Permit) -> Self {
        if let Err(error) = set_options(&stream, write_timeout) {
            tracing::debug!(%error, "a connection goes without an option");
        }
        Self { stream, write_timeout, stalled: None, connection, _permit: permit }
    }

    /// What a write gave, or an error when the peer has taken nothing for too long.
    fn check_stall(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.write_timeout)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the peer takes nothing")))
    }
}

fn set_options(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    // Each event is a small frame, and is sent at once.
    stream.set_nodelay(true)?;
    // The same for what the system has taken from us and the peer has not taken from it, so that a
    // peer that is gone is found. Probes (TCP keep-alive) would find no more: a stream writes every
    // 20 seconds, and every other connection waits for a request, which has a time-out.
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
