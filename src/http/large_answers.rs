//! Large answers are counted until their callers have received them: a chat's messages can be 16 MiB, which wait in memory
//! for a slow reader. Files are not counted, because they are read from the disk as the reader accepts them.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};

use super::problem::Failure;
use crate::service::{Caller, Service, Share};

/// Size of an answer, in bytes, above which it counts.
pub const LARGE_ANSWER_BYTES: u64 = 64 * 1024;

/// Counts `response`, if it is large, or replaces it with a refusal if `caller` has too many unread ones.
pub(super) fn hold(service: &Service, caller: Caller, response: Response) -> Response {
    let size = response.body().size_hint().exact();
    let Some(bytes) = size.filter(|bytes| *bytes > LARGE_ANSWER_BYTES) else { return response };
    match service.hold_answer(caller, usize::try_from(bytes).unwrap_or(usize::MAX)) {
        Ok(None) => response,
        Ok(Some(share)) => response.map(|body| Body::new(HeldBody { body, _share: share })),
        Err(refusal) => Failure::from(refusal).into_response(),
    }
}

/// A body whose size counts until it is dropped.
struct HeldBody {
    body: Body,
    _share: Share,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
