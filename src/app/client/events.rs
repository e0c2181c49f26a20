//! Server-sent events with an `Authorization` header, which the browser's own `EventSource` cannot send.

use std::ops::ControlFlow;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use gloo_net::http::RequestBuilder;
use gloo_timers::future::TimeoutFuture;
use js_sys::Uint8Array;
use wasm_bindgen::JsCast as _;
use wasm_streams::ReadableStream;

use super::api::{accepted, bearer, in_time, is_transient, unreachable};
use super::waiting::retry_delay;
use crate::wire::Problem;

/// How long to wait before a broken stream is reopened, in milliseconds.
const RETRY: u32 = 1_500;
/// A stream that is silent for this many milliseconds is dead, because the server sends a comment every 20 s.
const SILENCE_TIMEOUT: u32 = 45_000;

/// Calls `on_event` with the name and the data of each event at `address`, until it returns `Break`. A stream that ends
/// or falls silent is opened again.
///
/// # Errors
/// The server's refusal, if a retry cannot succeed.
pub(crate) async fn listen(
    address: &str,
    token: &str,
    mut on_event: impl FnMut(&str, &str) -> ControlFlow<()>,
) -> Result<(), Problem> {
    loop {
        match listen_once(address, token, &mut on_event).await {
            Ok(ControlFlow::Break(())) => return Ok(()),
            Err(problem) if !is_transient(&problem) => return Err(problem),
            Ok(ControlFlow::Continue(())) => TimeoutFuture::new(RETRY).await,
            Err(problem) => retry_delay(&problem, RETRY).await,
        }
    }
}

async fn listen_once(
    address: &str,
    token: &str,
    on_event: &mut impl FnMut(&str, &str) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Problem> {
    let request =
        RequestBuilder::new(address).header("Accept", "text/event-stream").header("Authorization", &bearer(token));
    let response = in_time(async { accepted(request.send().await.map_err(|_| unreachable())?).await }).await?;
    let Some(body) = response.body() else { return Err(unreachable()) };
    // Dropping the stream ends the request.
    let mut chunks = ReadableStream::from_raw(body).into_stream();
    let mut reader = EventReader::default();
    while let Either::Left((Some(Ok(chunk)), _)) = select(chunks.next(), TimeoutFuture::new(SILENCE_TIMEOUT)).await {
        let Ok(bytes) = chunk.dyn_into::<Uint8Array>() else { break };
        for (name, data) in reader.take(&bytes.to_vec()) {
            if on_event(&name, &data).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Assembles events from chunks of any size.
#[derive(Debug, Default)]
pub struct EventReader {
    rest: Vec<u8>,
}

impl EventReader {
    /// Returns the name and the data of each event that `bytes` completes. The server ends lines with `\n` and writes
    /// one line of data.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<(String, String)> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.rest.drain(..end + 2).collect();
            let block = String::from_utf8_lossy(&block).into_owned();
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
            if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
                events.push((name.to_owned(), data.to_owned()));
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_parsed_regardless_of_chunk_size() {
        let text =
            ": hello\n\nevent: pending\ndata: {}\n\nretry: 1000\n\nevent:declined\ndata:{\"a\":\"ä\"}\n\nevent: cut";
        let expected = [("pending".to_owned(), "{}".to_owned()), ("declined".to_owned(), "{\"a\":\"ä\"}".to_owned())];
        for size in 1..text.len() {
            let mut reader = EventReader::default();
            let events: Vec<_> = text.as_bytes().chunks(size).flat_map(|chunk| reader.take(chunk)).collect();
            assert_eq!(events, expected, "in chunks of {size} bytes");
        }
    }
}
