//! A real nginx in front of the program, set up well or with one fault.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running nginx. Dropping this kills it.
pub struct Nginx {
    child: Child,
    pub port: u16,
    _folder: TempDir,
}

/// The lines of the site's `location`. Those of a new setup are the ones of docs/hosting.md.
#[derive(Clone)]
pub struct Setup {
    /// Path of the folder with a slash at its end.
    folder: &'static str,
    lines: Vec<String>,
    server_lines: Vec<String>,
    is_encrypted: bool,
}

impl Setup {
    pub fn new() -> Self {
        let lines = [
            "proxy_http_version 1.1;",
            "proxy_set_header Host $http_host;",
            "proxy_set_header Upgrade $http_upgrade;",
            "proxy_set_header Connection $connection_upgrade;",
            "proxy_set_header X-Forwarded-For $remote_addr;",
            "proxy_set_header X-Forwarded-Host $http_host;",
            "proxy_set_header X-Forwarded-Proto $scheme;",
            "proxy_read_timeout 1h;",
        ];
        Self { folder: "/", lines: lines.map(str::to_owned).into(), server_lines: Vec::new(), is_encrypted: false }
    }

    pub fn in_folder(self, folder: &'static str) -> Self {
        let line = format!("proxy_set_header X-Forwarded-Prefix {};", folder.trim_end_matches('/'));
        Self { folder, ..self }.with(&line)
    }

    /// Removes the lines that contain `words`.
    pub fn without(mut self, words: &str) -> Self {
        let before = self.lines.len();
        self.lines.retain(|line| !line.contains(words));
        assert_ne!(self.lines.len(), before, "no line contains {words}");
        self
    }

    pub fn with(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Adds a line outside of the site's `location`.
    pub fn with_server_line(mut self, line: &str) -> Self {
        self.server_lines.push(line.to_owned());
        self
    }

    /// Encrypts with a certificate and its key, as PEM.
    pub fn encrypted(mut self, (certificate, key): &(String, String), folder: &Path) -> Self {
        let files = [("certificate", certificate), ("certificate_key", key)];
        for (name, text) in files {
            let path = folder.join(format!("{name}.pem"));
            fs::write(&path, text).unwrap();
            self.server_lines.push(format!("ssl_{name} {};", path.display()));
        }
        self.is_encrypted = true;
        self
    }

    fn configuration(&self, port: u16, site: &str, work: &Path) -> String {
        let work = work.display();
        let mut temporary = String::new();
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            write!(temporary, "{kind}_temp_path {work}/{kind}; ").unwrap();
        }
        let Self { folder, lines, server_lines, is_encrypted } = self;
        let (lines, server_lines) = (lines.join("\n"), server_lines.join("\n"));
        // Later versions prefer `http2 on`, and understand this too.
        let encryption = if *is_encrypted { "ssl http2" } else { "" };
        // A single process, so that it ends with its parent's call.
        format!(
            "daemon off; master_process off; pid {work}/nginx.pid; error_log stderr notice;
            events {{}}
            http {{
                access_log off; {temporary}
                map $http_upgrade $connection_upgrade {{ default upgrade; \"\" \"\"; }}
                server {{
                    listen 127.0.0.1:{port} {encryption};
                    {server_lines}
                    location {folder} {{
                        proxy_pass {site}/;
                        {lines}
                    }}
                }}
            }}"
        )
    }

    /// Starts nginx before `site`, and waits until it listens.
    pub fn start(&self, site: &str) -> Nginx {
        let program = std::env::var("NGINX").unwrap_or_else(|_| "/usr/sbin/nginx".into());
        loop {
            let folder = tempfile::tempdir().unwrap();
            let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
            let file = folder.path().join("nginx.conf");
            fs::write(&file, self.configuration(port, site, folder.path())).unwrap();
            let mut command = Command::new(&program);
            command.arg("-p").arg(folder.path()).arg("-c").arg(&file).args(["-e", "stderr"]).stderr(Stdio::piped());
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
            let child = child.unwrap_or_else(|error| panic!("{program}: {error}; make unit installs nginx"));
            let mut nginx = Nginx { child, port, _folder: folder };
            if nginx.listens() {
                return nginx;
            }
        }
    }
}

impl Nginx {
    /// Waits until nginx listens. Returns `false` if another process took the port meanwhile.
    fn listens(&mut self) -> bool {
        let mut log = BufReader::new(self.child.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        for line in log.by_ref().map_while(Result::ok) {
            if line.contains("Address already in use") {
                return false;
            }
            // nginx logs this after it has opened its listening sockets.
            if line.contains("event method") {
                // Keep reading the log, or nginx would block on a full pipe.
                std::thread::spawn(move || log.for_each(drop));
                return true;
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        panic!("nginx ended before it listened: {seen}");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
