//! The server's configuration: flags, then `WATCH_PARTY_*` environment variables, then the `[watch-party]` table of
//! `Leptos.toml`, then defaults.

mod sources;
mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use ipnet::IpNet;
use leptos::config::{LeptosOptions, get_configuration};
use thiserror::Error;

use crate::domain::Settings;
use crate::service::Policy;
use crate::store::RedisAddress;

use sources::{Sources, first_line};
use values::{
    parse_chats, parse_connections, parse_listen, parse_log_format, parse_metrics_addr, parse_networks,
    parse_public_url, parse_requests, parse_seconds, parse_store, parse_switch,
};

pub use values::{is_plain_host, plain_folder};

const MONTH: u64 = 30 * 24 * 60 * 60;

/// All settings, validated.
#[derive(Clone, Debug)]
pub struct Config {
    /// The subcommand; `None` means to serve the site.
    pub command: Option<Command>,
    /// Address to listen on; `None` means the one in Leptos's own settings.
    pub site_addr: Option<SocketAddr>,
    /// Addresses to listen on instead, if there are any.
    pub listen: Vec<ListenAddress>,
    pub store: StoreChoice,
    /// URL at which visitors find the site, without a trailing slash; `None` means the host that each request names.
    pub public_url: Option<String>,
    pub policy: Policy,
    /// Maximum number of open connections; `None` means as many as the limit of open files allows.
    pub max_connections: Option<usize>,
    /// The same for the connections of one address; `None` means three quarters of all.
    pub max_connections_per_address: Option<usize>,
    /// Proxies whose `X-Forwarded-*` headers the server trusts.
    pub trusted_proxies: Vec<IpNet>,
    /// Address at which the program serves its metrics; `None` means nowhere.
    pub metrics_addr: Option<SocketAddr>,
    pub log_format: LogFormat,
}

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    /// A JSON object.
    Json,
}

/// Where the server accepts connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    Tcp(SocketAddr),
    /// A Unix socket at this path.
    Unix(PathBuf),
}

/// Where the server keeps chats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreChoice {
    /// In memory: nothing is written to a disk, and a restart ends every chat.
    Memory,
    /// In the SQLite file at this path.
    Sqlite(PathBuf),
    /// In Redis, which several nodes share.
    Redis(RedisAddress),
}

/// What the program is asked to do. Without a subcommand, it serves the site.
#[allow(clippy::doc_markdown)] // `--help` shows these comments verbatim
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Copy the store's chats to a new file while the program runs
    Backup {
        /// File to create
        file: PathBuf,
    },
    /// Write all chats and browser sessions of the store to a file, to move them to another store; an interrupted
    /// export continues when it is run again
    Export {
        /// File to create
        file: PathBuf,
    },
    /// Read all chats and browser sessions from a file that export has written into the store
    Import {
        /// File to read
        file: PathBuf,
    },
    /// Check a site from its visitors' side, through its proxy
    Doctor {
        /// URL of the site, such as https://chat.example
        url: String,
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
        /// Leave out the check of idle streams, which takes 40 seconds
        #[arg(long)]
        quick: bool,
        /// PEM file with certificate authorities that count besides the system's
        #[arg(long, value_name = "FILE")]
        ca_file: Option<PathBuf>,
    },
}

/// Why the program does not start. The message is one line, except for [`Error::Asked`].
#[derive(Debug, Error)]
pub enum Error {
    /// The output of `--help` or `--version`: not an error, but the program prints it and exits.
    #[error("{0}")]
    Asked(String),
    #[error("{0}")]
    Flags(String),
    #[error("Leptos.toml: {0}")]
    File(String),
    #[error("{from}: '{value}' is not valid: {problem}")]
    Value { from: String, value: String, problem: String },
}

/// Private group chat that leaves nothing behind.
///
/// Each setting is a flag, an environment variable, or a line in the [watch-party] table of Leptos.toml. A flag
/// overrides a variable, and a variable overrides the file.
#[allow(clippy::doc_markdown)] // `--help` shows these comments verbatim
#[derive(Debug, Parser)]
#[command(name = "watch-party")]
struct Flags {
    #[command(subcommand)]
    command: Option<Command>,
    /// Address and port to listen on [variable: LEPTOS_SITE_ADDR] [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    site_addr: Option<String>,
    /// Addresses to listen on instead, separated by commas: ADDRESS:PORT, [ADDRESS]:PORT, or
    /// unix:<path> for a Unix socket [variable: WATCH_PARTY_LISTEN] [default: the address above]
    #[arg(long, value_name = "ADDRESSES")]
    listen: Option<String>,
    /// Where to keep chats: sqlite:<path> for a file, memory, or redis://<host> and redis+cluster://<hosts> for
    /// several nodes [variable: WATCH_PARTY_STORE] [default: sqlite:watch-party.db]
    #[arg(long, value_name = "STORE", global = true)]
    store: Option<String>,
    /// Public URL of the site, for the links that the server creates [variable:
    /// WATCH_PARTY_PUBLIC_URL] [default: the host that each request names]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Lifetime of a session, in seconds, 1 to 21600 [variable: WATCH_PARTY_SESSION_TTL]
    /// [default: 21600]
    #[arg(long, value_name = "SECONDS")]
    session_ttl: Option<String>,
    /// How long to keep a chat without members, in seconds, 0 to 2592000 [variable:
    /// WATCH_PARTY_FORGET_AFTER] [default: 86400]
    #[arg(long, value_name = "SECONDS")]
    forget_after: Option<String>,
    /// Whether to limit the rate of each caller's requests [variable: WATCH_PARTY_RATE_LIMIT]
    /// [default: on]
    #[arg(long, value_name = "on|off")]
    rate_limit: Option<String>,
    /// Requests that one address may send per second in the long run, 1 to 1000000, and ten times as many at once
    /// [variable: WATCH_PARTY_REQUESTS_PER_SECOND] [default: 1000]
    #[arg(long, value_name = "NUMBER")]
    requests_per_second: Option<String>,
    /// Maximum number of stored chats, and of browser sessions, 1 to 1000000000 [variable: WATCH_PARTY_MAX_CHATS]
    /// [default: 1000000]
    #[arg(long, value_name = "NUMBER")]
    max_chats: Option<String>,
    /// Maximum number of open connections, 1 to 1000000 [variable: WATCH_PARTY_MAX_CONNECTIONS]
    /// [default: as many as the limit of open files allows, at most 65536]
    #[arg(long, value_name = "NUMBER")]
    max_connections: Option<String>,
    /// Maximum number of open connections of one address that is not a trusted proxy, 1 to 1000000 [variable:
    /// WATCH_PARTY_MAX_CONNECTIONS_PER_ADDRESS] [default: three quarters of all]
    #[arg(long, value_name = "NUMBER")]
    max_connections_per_address: Option<String>,
    /// Proxies whose X-Forwarded-* headers the server trusts: addresses or networks, separated by
    /// commas [variable: WATCH_PARTY_TRUSTED_PROXIES] [default: none]
    #[arg(long, value_name = "NETWORKS")]
    trusted_proxies: Option<String>,
    /// Address and port at which the program serves its metrics, at /metrics [variable:
    /// WATCH_PARTY_METRICS_ADDR] [default: none]
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics_addr: Option<String>,
    /// Whether other machines may read the metrics [variable: WATCH_PARTY_METRICS_PUBLIC]
    /// [default: off]
    #[arg(long, value_name = "on|off")]
    metrics_public: Option<String>,
    /// Form of the log's lines [variable: WATCH_PARTY_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "text|json")]
    log_format: Option<String>,
}

/// Reads only which subcommand the arguments name. They start with the program's name, and `version` is what
/// `--version` shows.
///
/// # Errors
/// What is wrong with the arguments; or the output of `--help` or `--version`.
pub fn requested_command(
    version: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Option<Command>, Error> {
    Ok(parse_flags(version, arguments)?.command)
}

fn parse_flags(version: &'static str, arguments: impl IntoIterator<Item = OsString>) -> Result<Flags, Error> {
    let parsed = Flags::command().version(version).try_get_matches_from(arguments);
    parsed.and_then(|matches| Flags::from_arg_matches(&matches)).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Error::Asked(error.to_string()),
        _ => Error::Flags(first_paragraph(&error.to_string())),
    })
}

impl Config {
    /// Reads the settings. `version` is what `--version` shows, `arguments` start with the program's name, `variable`
    /// looks up an environment variable, and `file` is the text of `Leptos.toml`, if that file exists.
    ///
    /// # Errors
    /// The first invalid setting, by name; or the output of `--help` or `--version`.
    pub fn read(
        version: &'static str,
        arguments: impl IntoIterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<String>,
        file: Option<&str>,
    ) -> Result<Self, Error> {
        let flags = parse_flags(version, arguments)?;
        let sources = Sources::new(&variable, file)?;

        let longest_session = Settings::DEFAULT_SESSION_LIFETIME.as_secs();
        let session_lifetime =
            sources.get("session-ttl", flags.session_ttl, |text| parse_seconds(text, 1, longest_session))?;
        let forget_after = sources.get("forget-after", flags.forget_after, |text| parse_seconds(text, 0, MONTH))?;
        let rate_limit = sources.get("rate-limit", flags.rate_limit, parse_switch)?;
        let requests_per_second = sources.get("requests-per-second", flags.requests_per_second, parse_requests)?;
        let max_chats = sources.get("max-chats", flags.max_chats, parse_chats)?;
        let of_address = flags.max_connections_per_address;
        let metrics_public = sources.get("metrics-public", flags.metrics_public, parse_switch)?.unwrap_or_default();
        Ok(Self {
            command: flags.command,
            site_addr: sources.get("site-addr", flags.site_addr, |text| {
                text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:3000".into())
            })?,
            listen: sources.get("listen", flags.listen, parse_listen)?.unwrap_or_default(),
            store: sources
                .get("store", flags.store, parse_store)?
                .unwrap_or_else(|| StoreChoice::Sqlite("watch-party.db".into())),
            public_url: sources.get("public-url", flags.public_url, parse_public_url)?,
            policy: Policy {
                session_lifetime: session_lifetime.unwrap_or(Settings::DEFAULT_SESSION_LIFETIME),
                forget_after: forget_after.unwrap_or(Duration::from_hours(24)),
                rate_limit: rate_limit.unwrap_or(true),
                requests_per_second: requests_per_second.unwrap_or(Policy::REQUESTS_PER_SECOND),
                max_chats: max_chats.unwrap_or(Policy::MAX_CHATS),
                ping_interval: Policy::PING_INTERVAL,
            },
            max_connections: sources.get("max-connections", flags.max_connections, parse_connections)?,
            max_connections_per_address: sources.get("max-connections-per-address", of_address, parse_connections)?,
            trusted_proxies: sources.get("trusted-proxies", flags.trusted_proxies, parse_networks)?.unwrap_or_default(),
            metrics_addr: sources
                .get("metrics-addr", flags.metrics_addr, |text| parse_metrics_addr(text, metrics_public))?,
            log_format: sources.get("log-format", flags.log_format, parse_log_format)?.unwrap_or_default(),
        })
    }
}

/// Returns an error message's first paragraph, which may list missing arguments in lines of their own, as one line.
fn first_paragraph(text: &str) -> String {
    let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    first_line(&lines.join(" "))
}

/// Returns Leptos's own settings: from `Leptos.toml` and the `LEPTOS_*` variables if the file exists, otherwise for
/// the files in `site/` of the working directory.
///
/// # Errors
/// One line that says what is wrong with the settings.
pub fn leptos_options(config: &Config, has_file: bool) -> Result<LeptosOptions, String> {
    let mut options = if has_file {
        let read = get_configuration(Some("Leptos.toml"));
        read.map_err(|error| format!("Leptos.toml: {}", first_line(&error.to_string())))?.leptos_options
    } else {
        let site_root = std::env::var("LEPTOS_SITE_ROOT").unwrap_or_else(|_| "site".into());
        LeptosOptions::builder().output_name("watch-party").site_root(site_root).build()
    };
    if let Some(site_addr) = config.site_addr {
        options.site_addr = site_addr;
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::sources::TABLE_NAMES;
    use super::*;

    fn read(flags: &[&str], variables: &[(&str, &str)], file: &str) -> Result<Config, Error> {
        let arguments = std::iter::once("watch-party").chain(flags.iter().copied()).map(OsString::from);
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::read("1.2.3 (abc, 2026-01-01)", arguments, variable, Some(file))
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let config = read(&[], &[], "").unwrap();
        assert_eq!(config.policy.session_lifetime.as_secs(), 21_600);
        assert_eq!(config.policy.forget_after.as_secs(), 86_400);
        assert!(config.policy.rate_limit);
        assert_eq!(config.policy.requests_per_second, Policy::REQUESTS_PER_SECOND);
        assert_eq!(config.policy.max_chats, Policy::MAX_CHATS);
        assert!(config.max_connections_per_address.is_none());
        assert_eq!(config.store, StoreChoice::Sqlite("watch-party.db".into()));
        assert!(config.public_url.is_none() && config.site_addr.is_none());
        assert!(config.trusted_proxies.is_empty() && config.max_connections.is_none());
        assert_eq!((config.metrics_addr, config.log_format), (None, LogFormat::Text));
    }

    #[test]
    fn flags_override_variables_and_variables_override_the_file() {
        let file = "[watch-party]\nsession-ttl = 3\nforget-after = 3\nrate-limit = false\n\
                    max-connections = 3\ntrusted-proxies = [\"10.0.0.0/8\", \"::1\"]";
        let variables = [("WATCH_PARTY_SESSION_TTL", "2"), ("WATCH_PARTY_FORGET_AFTER", "2")];
        let config = read(&["--session-ttl", "1"], &variables, file).unwrap();
        assert_eq!(config.policy.session_lifetime.as_secs(), 1);
        assert_eq!(config.policy.forget_after.as_secs(), 2);
        assert!(!config.policy.rate_limit);
        assert_eq!(config.max_connections, Some(3));
        assert_eq!(config.trusted_proxies.len(), 2);
    }

    #[test]
    fn an_invalid_setting_is_reported_by_name_in_one_line() {
        let wrong = [
            ("WATCH_PARTY_SESSION_TTL", "six hours"),
            ("WATCH_PARTY_SESSION_TTL", "0"),
            ("WATCH_PARTY_FORGET_AFTER", "-1"),
            ("WATCH_PARTY_STORE", "floppy"),
            ("WATCH_PARTY_STORE", "sqlite:"),
            ("WATCH_PARTY_STORE", "memory:chats"),
            ("WATCH_PARTY_STORE", "sqlite::memory:"),
            ("WATCH_PARTY_RATE_LIMIT", "maybe"),
            ("WATCH_PARTY_PUBLIC_URL", "chat.example"),
            ("WATCH_PARTY_PUBLIC_URL", "ftp://chat.example"),
            ("WATCH_PARTY_PUBLIC_URL", "https://chat.example/a path"),
            ("WATCH_PARTY_PUBLIC_URL", "https://chat.example/path?a=b"),
            ("WATCH_PARTY_PUBLIC_URL", "https://chat.example/path/../other"),
            ("WATCH_PARTY_SESSION_TTL", "21601"),
            ("WATCH_PARTY_TRUSTED_PROXIES", "10.0.0.0/8, nowhere"),
            ("WATCH_PARTY_MAX_CONNECTIONS", "0"),
            ("WATCH_PARTY_MAX_CONNECTIONS", "1000001"),
            ("WATCH_PARTY_MAX_CONNECTIONS", "many"),
            ("WATCH_PARTY_MAX_CONNECTIONS_PER_ADDRESS", "0"),
            ("WATCH_PARTY_REQUESTS_PER_SECOND", "0"),
            ("WATCH_PARTY_REQUESTS_PER_SECOND", "1000001"),
            ("WATCH_PARTY_MAX_CHATS", "0"),
            ("WATCH_PARTY_MAX_CHATS", "some"),
            ("LEPTOS_SITE_ADDR", "3000"),
            ("WATCH_PARTY_LISTEN", "3000"),
            ("WATCH_PARTY_LISTEN", "127.0.0.1:3000, localhost"),
            ("WATCH_PARTY_LISTEN", "unix:"),
            ("WATCH_PARTY_METRICS_ADDR", "9464"),
            ("WATCH_PARTY_METRICS_ADDR", "0.0.0.0:9464"),
            ("WATCH_PARTY_METRICS_ADDR", "[::]:9464"),
            ("WATCH_PARTY_METRICS_ADDR", "192.0.2.1:9464"),
            ("WATCH_PARTY_METRICS_PUBLIC", "maybe"),
            ("WATCH_PARTY_LOG_FORMAT", "xml"),
        ];
        for (name, value) in wrong {
            let line = read(&[], &[(name, value)], "").unwrap_err().to_string();
            assert!(line.starts_with(name) && line.contains(value), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
        let line = read(&[], &[("WATCH_PARTY_STORE", "two\nlines")], "").unwrap_err().to_string();
        assert!(line.contains("'two\\nlines'") && !line.contains('\n'), "{line}");
        let line = read(&["--session-ttl=x"], &[], "").unwrap_err().to_string();
        assert!(line.starts_with("--session-ttl"), "{line}");
        for (flags, name) in [(&["--colour"][..], "--colour"), (&["backup"], "<FILE>")] {
            let line = read(flags, &[], "").unwrap_err().to_string();
            assert!(line.contains(name) && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn settings_in_the_file_are_validated_too() {
        let line = |file| read(&[], &[], file).unwrap_err().to_string();
        assert!(line("[watch-party]\nsession_ttl = 5").contains("session_ttl"));
        assert!(line("[watch-party]\nsession-ttl = \"x\"").starts_with("session-ttl in Leptos.toml"));
        assert!(line("[watch-party").starts_with("Leptos.toml"));
    }

    #[test]
    fn metrics_are_served_to_other_machines_only_if_they_are_public() {
        let addr = |flags: &[&str]| read(flags, &[], "").map(|config| config.metrics_addr);
        for own in ["127.0.0.1:0", "127.9.9.9:9464", "[::1]:9464", "[::ffff:127.0.0.1]:9464"] {
            assert_eq!(addr(&["--metrics-addr", own]).unwrap(), Some(own.parse().unwrap()), "{own}");
        }
        let all = ["--metrics-addr", "0.0.0.0:9464", "--metrics-public"];
        assert!(addr(&[&all[..], &["on"]].concat()).unwrap().is_some());
        let line = addr(&[&all[..], &["off"]].concat()).unwrap_err().to_string();
        assert!(line.starts_with("--metrics-addr: '0.0.0.0:9464'") && line.contains("metrics-public"), "{line}");
    }

    #[test]
    fn a_store_is_memory_or_a_file_at_any_path() {
        let store = |text| read(&["--store", text], &[], "").unwrap().store;
        assert_eq!(store("memory"), StoreChoice::Memory);
        assert_eq!(store("sqlite:/var/lib/chats.db"), StoreChoice::Sqlite("/var/lib/chats.db".into()));
        assert_eq!(store("sqlite:C:\\chats.db"), StoreChoice::Sqlite("C:\\chats.db".into()));
    }

    #[test]
    fn a_store_is_a_redis_whose_password_no_message_contains() {
        let store = |text| read(&["--store", text], &[], "").map(|config| config.store);
        let StoreChoice::Redis(address) = store("redis://:secret@chat.example/1").unwrap() else { panic!("no Redis") };
        assert_eq!(address.to_string(), "redis://chat.example:6379");
        let line = store("redis://ann:secret@chat.example/one").unwrap_err().to_string();
        assert!(line.starts_with("--store: 'redis://…@chat.example/one' is not valid"), "{line}");
    }

    #[test]
    fn the_server_listens_on_addresses_of_any_kind() {
        let file = "[watch-party]\nlisten = [\"127.0.0.1:80\", \"[::1]:80\", \"unix:/run/watch-party.sock\"]";
        let tcp = |text: &str| ListenAddress::Tcp(text.parse().unwrap());
        let all = vec![tcp("127.0.0.1:80"), tcp("[::1]:80"), ListenAddress::Unix("/run/watch-party.sock".into())];
        assert_eq!(read(&[], &[], file).unwrap().listen, all);
    }

    #[test]
    fn the_version_is_the_one_that_was_built() {
        let Error::Asked(version) = read(&["--version"], &[], "").unwrap_err() else { panic!("no version") };
        assert_eq!(version.trim(), "watch-party 1.2.3 (abc, 2026-01-01)");
    }

    #[test]
    fn the_public_url_loses_its_trailing_slash() {
        let config = read(&["--public-url", "https://chat.example/"], &[], "").unwrap();
        assert_eq!(config.public_url.as_deref(), Some("https://chat.example"));
        let config = read(&["--public-url", "https://chat.example/some/path/"], &[], "").unwrap();
        assert_eq!(config.public_url.as_deref(), Some("https://chat.example/some/path"));
    }

    #[test]
    fn help_lists_every_setting() {
        let Error::Asked(help) = read(&["--help"], &[], "").unwrap_err() else {
            panic!("--help returned no help text")
        };
        for name in TABLE_NAMES {
            assert!(help.contains(&format!("--{name}")), "{name}");
        }
    }
}
