//! The built program as a separate process, on a port that it picks itself.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// A running program. Dropping this kills it.
pub struct Program {
    child: Child,
    pub site: String,
    /// What the program logged before it listened.
    pub startup_log: String,
    log: Mutex<Receiver<String>>,
}

/// Returns the program's command, without any settings from this machine's environment.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watch-party"));
    command.current_dir(folder).env_clear().args(["--site-addr", "127.0.0.1:0"]);
    command
}

impl Program {
    /// Starts the program in `folder`, where it keeps its chats, and waits until it listens.
    pub fn start(folder: &Path) -> Self {
        Self::of(command(folder))
    }

    /// The same, without rate limits.
    pub fn start_without_limits(folder: &Path) -> Self {
        let mut command = command(folder);
        command.args(["--rate-limit", "off"]);
        Self::of(command)
    }

    pub fn of(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut startup_log = String::new();
        let site = loop {
            let begin = startup_log.len();
            assert_ne!(
                log.read_line(&mut startup_log).unwrap(),
                0,
                "the program ended before it listened: {startup_log}"
            );
            if let Some((_, address)) = startup_log[begin..].split_once("listening on ") {
                break address.split(['"', '\n']).next().unwrap().to_owned();
            }
        };
        // Keep reading the log, or the program would block on a full pipe.
        let (sender, receiver) = channel();
        std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { child, site, startup_log, log: Mutex::new(receiver) }
    }

    /// Waits until the program logs a line with these words.
    pub fn await_line(&self, words: &str) {
        self.lines_until(words);
    }

    /// Returns what the program logs up to and including a line with these words.
    pub fn lines_until(&self, words: &str) -> String {
        let log = self.log.lock();
        let mut lines = String::new();
        loop {
            let line = log.recv_timeout(Duration::from_mins(1)).unwrap();
            let is_last = line.contains(words);
            lines = lines + &line + "\n";
            if is_last {
                return lines;
            }
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The address of the program's metrics, which it logs before it listens.
    pub fn metrics(&self) -> String {
        let (_, rest) = self.startup_log.split_once("metrics are at ").expect(&self.startup_log);
        rest.split(['"', '\n']).next().unwrap().to_owned()
    }

    /// Tells the program to stop, waits until it has ended, and returns its whole log.
    #[cfg(unix)]
    pub fn stop(mut self) -> String {
        assert!(Command::new("kill").args(["-TERM", &self.id().to_string()]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        let lines: Vec<String> = self.log.lock().iter().collect();
        format!("{}{}\n", self.startup_log, lines.join("\n"))
    }

    /// Kills the program (SIGKILL on Unix).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn caller(&self) -> Http {
        // Long enough for any machine: a request that takes longer hangs.
        let client = Client::builder().timeout(Duration::from_mins(2)).build().unwrap();
        Http { client, site: self.site.clone() }
    }
}

/// Runs a start that must fail, and returns the exit code and the log.
pub fn refused_start(mut command: Command) -> (Option<i32>, String) {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut log = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap) {
        if line.contains("listening on ") {
            child.kill().unwrap();
            panic!("the program started");
        }
        log = format!("{log}{line}\n");
    }
    (child.wait().unwrap().code(), log)
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that calls the program over HTTP.
#[derive(Clone)]
pub struct Http {
    client: Client,
    site: String,
}

impl Http {
    /// Returns the answer's status, its `Retry-After` and its body (`null` if there is none), or an error if no
    /// complete answer came.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Option<String>, Value), reqwest::Error> {
        let mut request = self.client.request(method, format!("{}{path}", self.site));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let (status, retry_after) = (answer.status(), answer.headers().get("retry-after").cloned());
        let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
        let body = answer.bytes().await?;
        Ok((status, retry_after, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    pub async fn get(&self, path: &str, token: &str) -> (StatusCode, Value) {
        let (status, _, body) = self.ask(Method::GET, path, token, None).await.unwrap();
        (status, body)
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> (StatusCode, Value) {
        let (status, _, body) = self.ask(Method::POST, path, token, Some(body)).await.unwrap();
        (status, body)
    }
}
