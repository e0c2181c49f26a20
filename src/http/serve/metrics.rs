//! The listener for metrics, apart from the site's own, so that the site's visitors cannot read them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::ACCEPT_PAUSE;
use crate::metrics::CONTENT_TYPE;
use crate::service::Service;

const PATH: &str = "/metrics";
/// How many connections are served at once. Further ones wait.
const MAX_CONNECTIONS: usize = 8;
/// How long a connection may be open. It has one request.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Maximum size of a request's head: the smallest that hyper supports.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// Serves the metrics of `service` at `/metrics` until the returned future is dropped, which closes all connections.
pub async fn serve_metrics(service: Service, listener: TcpListener) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("the semaphore is never closed");
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let service = service.clone();
        connections.spawn(async move {
            let _permit = permit;
            let answer = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&service, &request))));
            let mut protocol = http1::Builder::new();
            protocol.keep_alive(false).max_buf_size(MAX_HEAD_BYTES);
            // How the connection ended concerns only its peer.
            let _ = timeout(TIME_LIMIT, protocol.serve_connection(TokioIo::new(stream), answer)).await;
        });
    }
}

fn answer(service: &Service, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    if request.uri().path() != PATH {
        *response.status_mut() = StatusCode::NOT_FOUND;
    } else if matches!(*request.method(), Method::GET | Method::HEAD) {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        *response.body_mut() = service.metrics_text().into();
    } else {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
