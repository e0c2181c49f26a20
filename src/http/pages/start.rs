//! The start page, which is the same for all visitors but for its nonce: it is rendered once.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use leptos::nonce::Nonce;
use tokio::sync::OnceCell;

use super::{START, page_policy, render};
use crate::app::is_watched;
use crate::http::AppState;

/// Larger than the page.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// The page without its nonce.
struct StartPage {
    headers: HeaderMap,
    /// What stands between the nonces.
    parts: Vec<Bytes>,
}

pub(super) fn routes() -> Router<AppState> {
    let rendered = Arc::new(OnceCell::new());
    Router::new().route(
        START,
        get(move |State(state): State<AppState>, request: Request| async move {
            // A notice stands in the query.
            if request.uri().query().is_some() || is_watched() {
                return render(&state, request).await;
            }
            match rendered.get_or_try_init(|| StartPage::render(&state)).await {
                Ok(page) => page.with_nonce(&Nonce::new().to_string()),
                Err(failed) => failed,
            }
        }),
    )
}

impl StartPage {
    /// Renders the page for anybody. If that fails, returns the answer that says so.
    async fn render(state: &AppState) -> Result<Self, Response> {
        let (head, body) = render(state, Request::new(Body::empty())).await.into_parts();
        let content = to_bytes(body, MAX_PAGE_BYTES).await.map_err(|error| {
            tracing::error!(%error, "cannot render the start page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        })?;
        let policy = head.headers.get(header::CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
        let nonce = policy.and_then(|policy| policy.split_once("'nonce-")?.1.split_once('\'')).map(|(nonce, _)| nonce);
        let Some(nonce) = nonce.filter(|_| head.status == StatusCode::OK) else {
            return Err(Response::from_parts(head, Body::from(content)));
        };
        let text = String::from_utf8_lossy(&content);
        let parts = text.split(nonce).map(|part| Bytes::copy_from_slice(part.as_bytes())).collect();
        Ok(Self { headers: head.headers, parts })
    }

    fn with_nonce(&self, nonce: &str) -> Response {
        let mut response = Response::new(Body::from(self.parts.join(nonce.as_bytes())));
        *response.headers_mut() = self.headers.clone();
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, page_policy(nonce));
        response
    }
}
