//! The server's configuration: flags, then `WATCH_PARTY_*` environment variables, then the `[watch-party]` table of
//! `Leptos.toml`, then defaults.

mod sources;
mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use ipnet::IpNet;
use leptos::config::{LeptosOptions, get_configuration};
use thiserror::Error;

use crate::domain::Settings;
use crate::service::Policy;

use sources::{Sources, first_line};
use values::{parse_connections, parse_networks, parse_public_url, parse_seconds, parse_store, parse_switch};

pub use values::plain_folder;

const MONTH: u64 = 30 * 24 * 60 * 60;

/// All settings, validated.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on; `None` means the one in Leptos's own settings.
    pub site_addr: Option<SocketAddr>,
    pub store: StoreChoice,
    /// URL at which visitors find the site, without a trailing slash; `None` means the host that each request names.
    pub public_url: Option<String>,
    pub policy: Policy,
    /// Maximum number of open connections; `None` means as many as the limit of open files allows.
    pub max_connections: Option<usize>,
    /// Proxies whose `X-Forwarded-*` headers the server trusts.
    pub trusted_proxies: Vec<IpNet>,
}

/// Where the server keeps chats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreChoice {
    /// In memory: nothing is written to a disk, and a restart ends every chat.
    Memory,
    /// In the SQLite file at this path.
    Sqlite(PathBuf),
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
#[command(name = "watch-party", version)]
struct Flags {
    /// Address and port to listen on [variable: LEPTOS_SITE_ADDR] [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    site_addr: Option<String>,
    /// Where to keep chats: sqlite:<path> for a file, or memory [variable: WATCH_PARTY_STORE]
    /// [default: sqlite:watch-party.db]
    #[arg(long, value_name = "STORE")]
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
    /// Maximum number of open connections, 1 to 1000000 [variable: WATCH_PARTY_MAX_CONNECTIONS]
    /// [default: as many as the limit of open files allows, at most 65536]
    #[arg(long, value_name = "NUMBER")]
    max_connections: Option<String>,
    /// Proxies whose X-Forwarded-* headers the server trusts: addresses or networks, separated by
    /// commas [variable: WATCH_PARTY_TRUSTED_PROXIES] [default: none]
    #[arg(long, value_name = "NETWORKS")]
    trusted_proxies: Option<String>,
}

impl Config {
    /// Reads the settings. `arguments` start with the program's name, `variable` looks up an environment variable,
    /// and `file` is the text of `Leptos.toml`, if that file exists.
    ///
    /// # Errors
    /// The first invalid setting, by name; or the output of `--help` or `--version`.
    pub fn read(
        arguments: impl IntoIterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<String>,
        file: Option<&str>,
    ) -> Result<Self, Error> {
        let flags = Flags::try_parse_from(arguments).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Error::Asked(error.to_string()),
            _ => Error::Flags(first_line(&error.to_string())),
        })?;
        let sources = Sources::new(&variable, file)?;

        let longest_session = Settings::DEFAULT_SESSION_LIFETIME.as_secs();
        let session_lifetime =
            sources.get("session-ttl", flags.session_ttl, |text| parse_seconds(text, 1, longest_session))?;
        let forget_after = sources.get("forget-after", flags.forget_after, |text| parse_seconds(text, 0, MONTH))?;
        let rate_limit = sources.get("rate-limit", flags.rate_limit, parse_switch)?;
        Ok(Self {
            site_addr: sources.get("site-addr", flags.site_addr, |text| {
                text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:3000".into())
            })?,
            store: sources
                .get("store", flags.store, parse_store)?
                .unwrap_or_else(|| StoreChoice::Sqlite("watch-party.db".into())),
            public_url: sources.get("public-url", flags.public_url, parse_public_url)?,
            policy: Policy {
                session_lifetime: session_lifetime.unwrap_or(Settings::DEFAULT_SESSION_LIFETIME),
                forget_after: forget_after.unwrap_or(Duration::from_hours(24)),
                rate_limit: rate_limit.unwrap_or(true),
            },
            max_connections: sources.get("max-connections", flags.max_connections, parse_connections)?,
            trusted_proxies: sources.get("trusted-proxies", flags.trusted_proxies, parse_networks)?.unwrap_or_default(),
        })
    }
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
        Config::read(arguments, variable, Some(file))
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let config = read(&[], &[], "").unwrap();
        assert_eq!(config.policy.session_lifetime.as_secs(), 21_600);
        assert_eq!(config.policy.forget_after.as_secs(), 86_400);
        assert!(config.policy.rate_limit);
        assert_eq!(config.store, StoreChoice::Sqlite("watch-party.db".into()));
        assert!(config.public_url.is_none() && config.site_addr.is_none());
        assert!(config.trusted_proxies.is_empty() && config.max_connections.is_none());
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
            ("LEPTOS_SITE_ADDR", "3000"),
        ];
        for (name, value) in wrong {
            let line = read(&[], &[(name, value)], "").unwrap_err().to_string();
            assert!(line.starts_with(name) && line.contains(value), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
        let line = read(&["--session-ttl=x"], &[], "").unwrap_err().to_string();
        assert!(line.starts_with("--session-ttl"), "{line}");
        let line = read(&["--colour"], &[], "").unwrap_err().to_string();
        assert!(line.contains("--colour") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn settings_in_the_file_are_validated_too() {
        let line = |file| read(&[], &[], file).unwrap_err().to_string();
        assert!(line("[watch-party]\nsession_ttl = 5").contains("session_ttl"));
        assert!(line("[watch-party]\nsession-ttl = \"x\"").starts_with("session-ttl in Leptos.toml"));
        assert!(line("[watch-party").starts_with("Leptos.toml"));
    }

    #[test]
    fn a_store_is_memory_or_a_file_at_any_path() {
        let store = |text| read(&["--store", text], &[], "").unwrap().store;
        assert_eq!(store("memory"), StoreChoice::Memory);
        assert_eq!(store("sqlite:/var/lib/chats.db"), StoreChoice::Sqlite("/var/lib/chats.db".into()));
        assert_eq!(store("sqlite:C:\\chats.db"), StoreChoice::Sqlite("C:\\chats.db".into()));
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
