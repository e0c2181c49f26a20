//! The response to connections beyond the limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::wire::{Code, Problem};

/// The value of `Retry-After`, in seconds.
const RETRY_AFTER: u32 = 2;
/// How many connections are refused at the same time. Others are closed without a response.
const MAX_CONCURRENT: usize = 32;
/// How long a refused connection waits for its peer to close. If it were closed with an unread request, it would be
/// reset, and the peer would lose the response.
const LINGER: Duration = Duration::from_secs(1);

pub(super) struct Refusals {
    answer: Arc<str>,
    permits: Arc<Semaphore>,
}

impl Refusals {
    pub(super) fn new() -> Self {
        let problem = Problem::new(Code::Unavailable, "Too many connections are open right now. Try again shortly.");
        let body = serde_json::to_string(&problem).expect("a problem is JSON");
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: {RETRY_AFTER}\r\n\
             cache-control: no-store\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { answer: answer.into(), permits: Arc::new(Semaphore::new(MAX_CONCURRENT)) }
    }

    /// Responds with 503 to any request, and closes the connection.
    pub(super) fn refuse(&self, mut stream: TcpStream) {
        let Ok(permit) = self.permits.clone().try_acquire_owned() else { return };
        let answer = self.answer.clone();
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
