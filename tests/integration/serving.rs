//! The server with a real listener: it answers, sweeps, and stops when told to.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use watch_party::http::serve;
use watch_party::service::{OsEntropy, Service, SystemClock};
use watch_party::store::MemoryStore;

use crate::app::{policy, state};

async fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        answer.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&answer);
        if read == 0 || text.ends_with('}') {
            return text.into_owned();
        }
    }
}

#[tokio::test]
async fn the_server_answers_over_tcp_and_stops_despite_an_open_connection() {
    let service =
        Service::new(Arc::new(MemoryStore::default()), Arc::new(SystemClock), Arc::new(OsEntropy), policy(true));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(state(&service, None, &[]), listener, async move {
        let _ = stopped.await;
    }));

    let mut stream = TcpStream::connect(address).await.unwrap();
    let health = ask(&mut stream, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("{\"status\":\"ok\"}"), "{health}");
    let created = ask(&mut stream, "POST /create HTTP/1.1\r\nhost: there.test:80\r\ncontent-length: 0\r\n\r\n").await;
    assert!(created.starts_with("HTTP/1.1 201") && created.contains("http://there.test:80/join/"), "{created}");

    // The client keeps its connection open, as a browser would.
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_mins(1), server).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
