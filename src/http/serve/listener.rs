//! Where the server accepts connections: IP addresses and Unix sockets.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
#[cfg(unix)]
use std::path::{Path, PathBuf};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use super::super::Peer;
use crate::config::ListenAddress;

/// A connection that was accepted.
#[cfg(unix)]
pub(super) type Stream = tokio_util::either::Either<TcpStream, UnixStream>;
#[cfg(not(unix))]
pub(super) type Stream = TcpStream;

/// Connections that the system keeps until they are accepted; it may allow fewer.
const BACKLOG: i32 = 4096;

/// One address on which the server accepts connections.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixSocket),
}

/// A Unix socket. Dropping it removes its file.
#[cfg(unix)]
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

/// All addresses of a server.
#[derive(Debug)]
pub struct Listeners(pub Vec<Listener>);

impl From<TcpListener> for Listeners {
    fn from(listener: TcpListener) -> Self {
        Self(vec![Listener::Tcp(listener)])
    }
}

impl Listeners {
    /// Listens on all `addresses`.
    ///
    /// # Errors
    /// One line that names the first address on which the server cannot listen.
    pub fn open(addresses: &[ListenAddress]) -> Result<Self, String> {
        let open = |address: &ListenAddress| match address {
            ListenAddress::Tcp(address) => {
                let is_same_port = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
                let has_own_v4 =
                    addresses.iter().any(|other| matches!(other, ListenAddress::Tcp(other) if is_same_port(other)));
                Listener::tcp(*address, has_own_v4).map_err(|error| format!("cannot listen on {address}: {error}"))
            }
            #[cfg(unix)]
            ListenAddress::Unix(path) => {
                let named = |error| format!("cannot listen on unix:{}: {error}", path.display());
                Listener::unix(path).map_err(named)
            }
            #[cfg(not(unix))]
            ListenAddress::Unix(_) => Err("this system has no Unix sockets".into()),
        };
        addresses.iter().map(open).collect::<Result<_, _>>().map(Self)
    }
}

impl Listener {
    /// Listens on an IP address. `[::]` accepts connections over IPv4 too, unless `is_v6_only`.
    ///
    /// # Errors
    /// Why the system refuses, such as an address in use.
    fn tcp(address: SocketAddr, is_v6_only: bool) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(is_v6_only)?;
        }
        // After a restart, connections of the last run may still be closing.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self::Tcp(TcpListener::from_std(StdTcpListener::from(socket))?))
    }

    /// Listens on a Unix socket at `path`, to which every user of the machine can connect who can enter its folder, as
    /// to a port on the loopback address. Replaces the file of a program that has ended.
    ///
    /// # Errors
    /// Why the system refuses; [`io::ErrorKind::AddrInUse`] if another program listens there, or if the file is not a
    /// socket.
    #[cfg(unix)]
    fn unix(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

        let is_left_over = || {
            let is_socket = path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket());
            let is_refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
            is_socket && std::os::unix::net::UnixStream::connect(path).is_err_and(is_refused)
        };
        if is_left_over() {
            std::fs::remove_file(path)?;
        }
        let socket = UnixSocket { listener: UnixListener::bind(path)?, path: path.to_owned() };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
        Ok(Self::Unix(socket))
    }

    /// The address, as a URL or as `unix:` and a path.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|error| error.to_string(), |address| format!("http://{address}"))
            }
            #[cfg(unix)]
            Self::Unix(socket) => format!("unix:{}", socket.path.display()),
        }
    }

    pub(super) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            #[cfg(unix)]
            Self::Tcp(listener) => listener.accept().await.map(|(stream, peer)| (Stream::Left(stream), peer.into())),
            #[cfg(not(unix))]
            Self::Tcp(listener) => listener.accept().await.map(|(stream, peer)| (stream, peer.into())),
            #[cfg(unix)]
            Self::Unix(socket) => {
                socket.listener.accept().await.map(|(stream, _)| (Stream::Right(stream), Peer::UnixSocket))
            }
        }
    }
}

#[cfg(unix)]
impl Drop for UnixSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
