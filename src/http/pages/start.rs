//! The start page, which is the same for all visitors but for its nonce: it is rendered once.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use leptos::nonce::Nonce;
use tokio::sync::OnceCell;

use super::{START, page_policy, render};
use crate::app::is_watched;
use crate::http::AppState;
use crate::http::files::ASK_FIRST;

/// Larger than the page.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// The start page. Clones share it.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct StartPage(Arc<OnceCell<Rendered>>);

/// The page without its nonce.
#[derive(Debug)]
pub(in crate::http) struct Rendered {
    headers: HeaderMap,
    /// What stands between the nonces.
    parts: Vec<Bytes>,
}

impl StartPage {
    pub(super) fn routes(self) -> Router<AppState> {
        let page = get(move |State(state): State<AppState>, request: Request| async move {
            if !is_for_anybody(request.uri()) {
                return render(&state, request).await;
            }
            self.0.get_or_try_init(|| Rendered::render(&state)).await.map_or_else(|failed| failed, Rendered::answer)
        });
        Router::new().route(START, page)
    }

    /// Returns the page that answers `request`. `None` if the router must find or render it.
    pub(in crate::http) fn for_request(&self, request: &Request) -> Option<&Rendered> {
        let is_asked =
            request.method() == Method::GET && request.uri().path() == START && is_for_anybody(request.uri());
        self.0.get().filter(|_| is_asked)
    }
}

/// Whether the page is the same for every visitor. A notice stands in the query.
fn is_for_anybody(uri: &Uri) -> bool {
    uri.query().is_none() && !is_watched()
}

impl Rendered {
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
        let mut headers = head.headers;
        headers.entry(header::CACHE_CONTROL).or_insert(ASK_FIRST);
        Ok(Self { headers, parts })
    }

    /// The page with a nonce of its own.
    pub(in crate::http) fn answer(&self) -> Response {
        let nonce = Nonce::new().to_string();
        let mut response = Response::new(Body::from(self.parts.join(nonce.as_bytes())));
        *response.headers_mut() = self.headers.clone();
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, page_policy(&nonce));
        response
    }
}
