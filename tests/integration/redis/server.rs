//! A Redis server, and a Cluster, from the distribution's `redis-server`.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// A Cluster's servers talk to each other on a port that is this much higher.
const BUS: u16 = 10_000;

/// A server. Dropping this kills it and deletes its files.
#[derive(Debug)]
pub struct RedisServer {
    pub port: u16,
    folder: TempDir,
    settings: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts a server that keeps nothing on a disk.
    pub fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"])
    }

    /// Starts a server that has each write on the disk before it answers.
    pub fn start_durable() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"])
    }

    pub fn start_with(settings: &[&str]) -> Self {
        let settings = settings.iter().map(ToString::to_string).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { port: free_port(), folder, settings, child: None };
        // Another program may take the port before the server does.
        while !server.try_restart() {
            server.port = free_port();
        }
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts the server again after [`RedisServer::kill`], on the same port and with what it has on the disk.
    pub fn restart(&mut self) {
        let begin = Instant::now();
        while !self.try_restart() {
            assert!(begin.elapsed() < PATIENCE, "the server did not start again");
        }
    }

    /// Returns whether the server answers.
    fn try_restart(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(self.folder.path());
        command.args(["--daemonize", "no", "--loglevel", "warning"]).args(&self.settings);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = child.expect("redis-server is installed: `make test` does that");
        let begin = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if self.ask("PING").is_some_and(|answer| answer.contains("PONG") || answer.contains("NOAUTH")) {
                self.child = Some(child);
                return true;
            }
            assert!(begin.elapsed() < PATIENCE, "the server does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Kills the server (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops the server's process without ending its connections, or lets it continue.
    pub fn pause(&self, is_paused: bool) {
        let id = self.child.as_ref().unwrap().id().to_string();
        let signal = if is_paused { "-STOP" } else { "-CONT" };
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Sends a command, and returns the server's answer as it is on the wire; `None` if there is none.
    pub fn ask(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        // The server answers QUIT last, and closes the connection.
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Returns the names of all keys.
    pub fn keys(&self) -> String {
        self.ask("KEYS *").unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns a free port, above which the port of a Cluster's bus is free as well.
pub fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        if let Some(bus) = port.checked_add(BUS)
            && TcpListener::bind(("127.0.0.1", bus)).is_ok()
        {
            return port;
        }
        // The system gives ports in a range that may be too high, so others are tried from here on.
        let low = 10_000 + port % 22_000;
        if TcpListener::bind(("127.0.0.1", low)).is_ok() && TcpListener::bind(("127.0.0.1", low + BUS)).is_ok() {
            return low;
        }
    }
}

/// A Cluster of three masters with a replica each. Dropping this kills all servers.
#[derive(Debug)]
pub struct RedisCluster {
    pub servers: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts a Cluster that takes no busy server for a dead one.
    pub fn start() -> Self {
        Self::start_with_timeout("30000")
    }

    /// Starts a Cluster whose replicas soon take over. On a busy machine, that may happen without a kill.
    pub fn start_for_kills() -> Self {
        Self::start_with_timeout("2000")
    }

    fn start_with_timeout(millis: &str) -> Self {
        let settings =
            ["--save", "", "--appendonly", "no", "--cluster-enabled", "yes", "--cluster-node-timeout", millis];
        let servers: Vec<RedisServer> = (0..6).map(|_| RedisServer::start_with(&settings)).collect();
        let cluster = Self { servers };
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        create.args(cluster.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)));
        create.args(["--cluster-replicas", "1", "--cluster-yes"]);
        let created = create.output().unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        cluster.await_healthy(3);
        cluster
    }

    /// Waits until every running server says that the Cluster is in order, and that so many replicas are connected.
    pub fn await_healthy(&self, replicas: usize) {
        let begin = Instant::now();
        let is_healthy = || {
            let running = self.servers.iter().filter(|server| server.child.is_some());
            let infos: Option<Vec<String>> = running.clone().map(|server| server.ask("CLUSTER INFO")).collect();
            let links: Option<Vec<String>> = running.map(|server| server.ask("INFO replication")).collect();
            let (Some(infos), Some(links)) = (infos, links) else { return false };
            infos.iter().all(|info| info.contains("cluster_state:ok"))
                && links.iter().filter(|info| info.contains("master_link_status:up")).count() >= replicas
        };
        while !is_healthy() {
            assert!(begin.elapsed() < PATIENCE, "the Cluster is not in order");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// Kills the master that serves this key, waits until its replica has taken over, and returns its number among the
    /// servers. A master that comes back sooner, without its data, would have its replica delete them as well.
    pub fn kill_master_of(&mut self, key: &str) -> usize {
        let answer = self.servers.iter().find_map(|server| server.ask(&format!("CLUSTER KEYSLOT {key}"))).unwrap();
        let slot: u16 = answer.trim_start_matches(':').lines().next().unwrap().parse().unwrap();
        let killed = self.master_of(slot).unwrap();
        self.servers[killed].kill();
        let begin = Instant::now();
        while self.master_of(slot).is_none_or(|master| master == killed) {
            assert!(begin.elapsed() < PATIENCE, "no replica took over");
            std::thread::sleep(Duration::from_millis(50));
        }
        killed
    }

    /// The number of the master that serves this slot, as the first running server sees it.
    fn master_of(&self, slot: u16) -> Option<usize> {
        let nodes = self.servers.iter().find_map(|server| server.ask("CLUSTER NODES")).unwrap();
        let serves = |line: &&str| {
            let words: Vec<&str> = line.split(' ').collect();
            words.get(2).is_some_and(|flags| flags.contains("master") && !flags.contains("fail"))
                && words.iter().skip(8).filter_map(|range| range.split_once('-')).any(|(first, last)| {
                    (first.parse().unwrap_or(u16::MAX)..=last.parse().unwrap_or(0)).contains(&slot)
                })
        };
        let line = nodes.lines().find(serves)?;
        let port = line.split([':', '@']).nth(1).unwrap().parse::<u16>().unwrap();
        self.servers.iter().position(|server| server.port == port)
    }
}
