//! The response to connections beyond the limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::listener::Stream;
use crate::wire::{Code, Problem};

/// The value of `Retry-After`.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How many connections are refused at the same time. Others are closed without a response.
const MAX_CONCURRENT: usize = 32;
/// How long a refused connection waits for its peer to close. If it were closed with an unread request, it would be
/// reset, and the peer would lose the response.
const LINGER: Duration = Duration::from_secs(1);

/// Why a connection is refused.
#[derive(Clone, Copy)]
pub(super) enum Reason {
    /// Every connection has a request in progress.
    Full,
    /// Too many connections of its address are open.
    TooManyOfAddress,
}

pub(super) struct Refusals {
    full: Arc<str>,
    too_many_of_address: Arc<str>,
    permits: Arc<Semaphore>,
}

/// The whole response. Pages of other origins may read it, because it says nothing of the visitor.
fn answer(code: Code, reason: &str, detail: &str) -> Arc<str> {
    let problem = Problem::new(code, detail).retry_after(RETRY_AFTER);
    let body = serde_json::to_string(&problem).expect("a problem is JSON");
    let (status, seconds) = (code.status(), RETRY_AFTER.as_secs());
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\nconnection: close\r\nretry-after: {seconds}\r\ncache-control: no-store\r\n\
         access-control-allow-origin: *\r\naccess-control-expose-headers: retry-after\r\n\
         content-type: application/problem+json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into()
}

impl Refusals {
    pub(super) fn new() -> Self {
        let full = "Too many connections are open right now. Try again shortly.";
        let of_address = "Too many connections of your address are open. Close some, or try again shortly.";
        Self {
            full: answer(Code::Unavailable, "Service Unavailable", full),
            too_many_of_address: answer(Code::TooManyRequests, "Too Many Requests", of_address),
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT)),
        }
    }

    /// Responds with 503 or 429 to any request, and closes the connection.
    pub(super) fn refuse(&self, mut stream: Stream, reason: Reason) {
        let Ok(permit) = self.permits.clone().try_acquire_owned() else { return };
        let answer = Arc::clone(match reason {
            Reason::Full => &self.full,
            Reason::TooManyOfAddress => &self.too_many_of_address,
        });
        tokio::spawn(async move {
            let answered = async {
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await?;
                let mut unread = [0; 1024];
                while stream.read(&mut unread).await? > 0 {}
                std::io::Result::Ok(())
            };
            let _ = timeout(LINGER, answered).await;
            drop(permit);
        });
    }
}
