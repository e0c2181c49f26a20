//! The answer to connections beyond the limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::wire::{Code, Problem};

/// How soon it is worth trying again, in seconds.
const RETRY_AFTER: u32 = 2;
/// How many are answered at the same time; more are closed without an answer.
const AT_ONCE: usize = 32;
/// How long a refused connection waits for its peer to close. Closed with a request unread, it would
/// be reset, and the peer would lose the answer.
const LINGER: Duration = Duration::from_secs(1);

pub(super) struct Refusals {
    answer: Arc<str>,
    permits: Arc<Semaphore>,
}

impl Refusals {
    pub(super) fn new() -> Self {
        let problem = Problem::new(Code::Unavailable, "Too many are connected just now. Try again shortly.");
        let body = serde_json::to_string(&problem).expect("a problem is JSON");
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: {RETRY_AFTER}\r\n\
             cache-control: no-store\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { answer: answer.into(), permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Answers 503 whatever the request, and closes.
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
