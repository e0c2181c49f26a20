//! The addresses on which the program listens: IPv4, IPv6 and a Unix socket; and what it tells systemd.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::program::{command, refused_start};

/// A running program, and its log, which it could not write if nobody read it. Dropping this kills it.
struct Running {
    child: Child,
    _log: Option<BufReader<ChildStderr>>,
}

impl Running {
    /// Starts the program in `folder` on `addresses`, and returns it with the addresses that it logs.
    fn start(folder: &Path, addresses: &str) -> (Self, Vec<String>) {
        let mut command = command(folder);
        command.args(["--listen", addresses]).env("NO_COLOR", "1").stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let lines = log.by_ref().lines().map(Result::unwrap);
        let found = lines.filter_map(|line| line.split_once("listening on ").map(|(_, address)| address.to_owned()));
        let found = found.take(addresses.split(',').count()).collect();
        (Self { child, _log: Some(log) }, found)
    }

    /// Stops it as systemd does, and waits.
    fn stop(mut self) {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer to a request with these headers.
fn ask(mut stream: impl Read + Write, head: &str) -> String {
    write!(stream, "{head}\r\nhost: chat.example\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_program_listens_on_ipv4_ipv6_and_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let (program, found) = Running::start(folder.path(), &format!("127.0.0.1:0,[::1]:0,unix:{}", socket.display()));
    let [v4, v6, unix] = &found[..] else { panic!("{found:?}") };
    let health = "GET /healthz HTTP/1.1";
    for address in [v4, v6] {
        let stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
        assert!(ask(stream, health).ends_with("{\"status\":\"ok\"}"), "{address}");
    }
    assert_eq!(*unix, format!("unix:{}", socket.display()));
    assert!(ask(UnixStream::connect(&socket).unwrap(), health).ends_with("{\"status\":\"ok\"}"));
    // The user of the proxy is another one.
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o666);
    program.stop();
    assert!(!socket.exists());
}

#[test]
fn ipv6_addresses_of_any_interface_take_ipv4_too() {
    let folder = tempfile::tempdir().unwrap();
    let (_program, found) = Running::start(folder.path(), "[::]:0");
    let port = found[0].rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
    for host in ["127.0.0.1", "::1"] {
        let stream = TcpStream::connect((host, port)).unwrap();
        assert!(ask(stream, "GET /healthz HTTP/1.1").starts_with("HTTP/1.1 200"), "{host}");
    }
}

#[test]
fn a_proxy_on_the_unix_socket_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let (_program, _) = Running::start(folder.path(), &format!("unix:{}", socket.display()));
    let create = "POST /create HTTP/1.1\r\nx-forwarded-proto: https\r\ncontent-length: 0";
    let created = ask(UnixStream::connect(&socket).unwrap(), create);
    assert!(created.contains("https://chat.example/join/"), "{created}");
}

#[test]
fn the_socket_of_a_program_that_was_killed_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let address = format!("unix:{}", socket.display());
    drop(Running::start(folder.path(), &address));
    assert!(socket.exists(), "a program that is killed leaves its socket");
    let (_program, _) = Running::start(folder.path(), &address);
    assert!(ask(UnixStream::connect(&socket).unwrap(), "GET /healthz HTTP/1.1").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_socket_or_a_file_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, file) = (folder.path().join("socket"), folder.path().join("file"));
    let _other = UnixListener::bind(&socket).unwrap();
    fs::write(&file, "mine").unwrap();
    for path in [&socket, &file, &folder.path().join("no/such/folder")] {
        let mut command = command(folder.path());
        command.args(["--listen", &format!("unix:{}", path.display())]);
        let (code, log) = refused_start(command);
        let line = log.lines().last().unwrap();
        assert_eq!(code, Some(2), "{log}");
        assert!(line.starts_with("watch-party: WATCH_PARTY_LISTEN: cannot listen on unix:"), "{line}");
        assert!(line.contains(&*path.to_string_lossy()), "{line}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    UnixStream::connect(&socket).unwrap();
}

#[test]
fn systemd_learns_when_the_program_is_ready_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let notified = UnixDatagram::bind(&path).unwrap();
    let mut command = command(folder.path());
    command.env("NOTIFY_SOCKET", &path).stderr(Stdio::null());
    let program = Running { child: command.spawn().unwrap(), _log: None };
    let receive = || {
        let mut message = [0; 64];
        let length = notified.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).trim().to_owned()
    };
    assert_eq!(receive(), "READY=1");
    program.stop();
    assert_eq!(receive(), "STOPPING=1");
}
