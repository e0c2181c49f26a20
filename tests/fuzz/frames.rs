//! Bytes on a connection: requests as they are, and the frames that a client sends over a WebSocket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use watch_party::domain::{Admission, Settings, Username};
use watch_party::http::{Limits, serve_within};
use watch_party::service::{OsEntropy, Service, SystemClock};
use watch_party::store::MemoryStore;

use crate::app::{caller, policy, state};
use crate::inputs::{Target, panics};

/// Longer than any answer takes.
const HANGING: Duration = Duration::from_mins(1);
const LONG: Duration = Duration::from_hours(1);

/// The program on a socket, with one chat.
struct Served {
    runtime: Runtime,
    address: SocketAddr,
    /// The request that opens the chat's WebSocket.
    handshake: String,
}

impl Served {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (address, handshake) = runtime.block_on(async {
            let service =
                Service::new(MemoryStore::default(), Arc::new(SystemClock), Arc::new(OsEntropy), policy(false));
            let settings = Settings::new(Admission::Link, None, None).unwrap();
            let chat = service.create_chat(caller(), Username::parse("Ann").unwrap(), None, settings).await.unwrap();
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let limits = Limits {
                max_connections_per_address: usize::MAX,
                max_connections: 100,
                head_timeout: LONG,
                body_timeout: LONG,
                write_timeout: LONG,
                drain_timeout: LONG,
                chore_interval: LONG,
            };
            let site = state(&service, None, &[]);
            tokio::spawn(serve_within(limits, site, listener, std::future::pending::<()>()));
            let (id, token) = (chat.chat_id, chat.seat.token.reveal());
            let handshake = format!(
                "GET /{id}/live HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: upgrade\r\n\
                 upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            );
            (address, handshake)
        });
        Self { runtime, address, handshake }
    }

    /// Sends `bytes` on a new connection, and returns everything that comes back until the server closes it.
    fn answer(&self, bytes: &[u8]) -> Vec<u8> {
        let before = panics();
        let answer = self.runtime.block_on(async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            // The server may have closed the connection already, as it should after an error.
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let read = timeout(HANGING, stream.read_to_end(&mut answer)).await;
            assert!(read.is_ok(), "the connection stays open");
            answer
        });
        assert_eq!(panics(), before, "a task of the server panicked");
        answer
    }
}

#[test]
fn websocket_frames() {
    let served = Served::start();
    let frames: [&[u8]; 16] = [
        b"\x81\x85\0\0\0\0hello",
        b"\x82\x80\0\0\0\0",
        b"\x89\x80\0\0\0\0",
        b"\x8a\x80\0\0\0\0",
        b"\x88\x82\0\0\0\0\x03\xe8",
        b"\x88\x81\0\0\0\0\x03",
        b"\x81\x05hello",
        b"\x01\x81\0\0\0\0a",
        b"\x80\x81\0\0\0\0b",
        b"\x81\xfe\x10\x01\0\0\0\0",
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        b"\xf1\x80\0\0\0\0",
        b"\x83\x80\0\0\0\0",
        b"\x89\xfe\0\x7e\0\0\0\0",
        b"\x81\x82\0\0\0\0\xff\xfe",
        b"\0",
    ];
    let examples = [frames.concat(), frames[2..4].concat(), frames[7..9].concat()];
    Target::new("websocket_frames", 60).words(frames).examples(examples).check(|frames| {
        let answer = served.answer(&[served.handshake.as_bytes(), frames].concat());
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
    });
}

#[test]
fn connections() {
    let served = Served::start();
    let words = [
        "GET ",
        "POST ",
        "/healthz",
        "/",
        "*",
        " HTTP/1.1\r\n",
        " HTTP/1.0\r\n",
        " HTTP/2.0\r\n",
        "\r\n",
        "\r\n\r\n",
        "host: x\r\n",
        "content-length: 2\r\n",
        "content-length: -1\r\n",
        "transfer-encoding: chunked\r\n",
        "2\r\n{}\r\n0\r\n\r\n",
        "expect: 100-continue\r\n",
        "connection: close\r\n",
        "connection: upgrade\r\n",
        ":",
        "\n",
        "http://evil.example/",
    ];
    let examples = [
        "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        "POST /create HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "POST /create HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    ];
    let examples = examples.map(|text| text.as_bytes().to_vec());
    Target::new("connections", 60).words(words).examples(examples).check(|bytes| {
        let answer = served.answer(bytes);
        let text = String::from_utf8_lossy(&answer);
        assert!(text.is_empty() || text.starts_with("HTTP/1."), "{text}");
        assert!(!text.contains("HTTP/1.1 5") && !text.contains("HTTP/1.0 5"), "{text}");
    });
}
