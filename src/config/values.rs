//! Parsers for the values of single settings.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::Uri;
use axum::http::uri::Authority;
use ipnet::IpNet;

use super::{ListenAddress, LogFormat, StoreChoice};
use crate::store::RedisAddress;

pub(super) fn parse_seconds(text: &str, least: u64, most: u64) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (least..=most).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| format!("must be whole seconds from {least} to {most}"))
}

/// More connections than any current machine can handle.
const MOST_CONNECTIONS: usize = 1_000_000;
/// More chats than fit into the memory or on the disk of most machines.
const MOST_CHATS: usize = 1_000_000_000;
/// More requests than one machine can answer.
const MOST_REQUESTS: usize = 1_000_000;

fn parse_number(text: &str, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {most}"))
}

pub(super) fn parse_connections(text: &str) -> Result<usize, String> {
    parse_number(text, MOST_CONNECTIONS)
}

pub(super) fn parse_chats(text: &str) -> Result<usize, String> {
    parse_number(text, MOST_CHATS)
}

pub(super) fn parse_requests(text: &str) -> Result<NonZeroU32, String> {
    let number = parse_number(text, MOST_REQUESTS)?;
    Ok(u32::try_from(number).ok().and_then(NonZeroU32::new).expect("the number is within its bounds"))
}

pub(super) fn parse_store(text: &str) -> Result<StoreChoice, String> {
    if RedisAddress::is_meant(text) {
        return RedisAddress::parse(text).map(StoreChoice::Redis);
    }
    match text.split_once(':') {
        Some(("sqlite", ":memory:")) => Err("would be a file of that name; to keep chats in memory, use memory".into()),
        Some(("sqlite", path)) if !path.is_empty() => Ok(StoreChoice::Sqlite(path.into())),
        None if text == "memory" => Ok(StoreChoice::Memory),
        _ => Err("must be memory, sqlite: and the path of a file, such as sqlite:watch-party.db, or the URL of a Redis, such \
                 as redis://127.0.0.1:6379"
            .into()),
    }
}

pub(super) fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be on or off".into()),
    }
}

/// `may_be_public` says whether other machines may reach the address.
pub(super) fn parse_metrics_addr(text: &str, may_be_public: bool) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:9464".to_owned())?;
    if may_be_public || address.ip().to_canonical().is_loopback() {
        return Ok(address);
    }
    Err("other machines may reach this address; use one such as 127.0.0.1:9464, or set metrics-public to on".into())
}

pub(super) fn parse_log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be text or json".into()),
    }
}

/// Returns the path without a trailing slash, if it can be part of a link as it is.
pub fn plain_folder(path: &str) -> Option<&str> {
    let is_plain = |segment: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        !segment.is_empty() && segment.chars().all(is_plain) && segment.chars().any(|c| c != '.')
    };
    let path = path.trim_end_matches('/');
    (path.is_empty() || path.strip_prefix('/')?.split('/').all(is_plain)).then_some(path)
}

/// Whether the text is a host and perhaps a port, and can be part of a link as it is.
pub fn is_plain_host(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    text.chars().all(is_plain) && text.parse::<Authority>().is_ok()
}

pub(super) fn parse_public_url(text: &str) -> Result<String, String> {
    let is_site = |url: &Uri| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.authority().is_some_and(|authority| is_plain_host(authority.as_str()))
            && plain_folder(url.path()).is_some()
            && url.query().is_none()
    };
    match text.parse::<Uri>() {
        Ok(url) if is_site(&url) && !text.contains('#') => {
            let (scheme, authority) = (url.scheme_str().unwrap_or_default(), url.authority());
            let authority = authority.map(Authority::as_str).unwrap_or_default();
            Ok(format!("{scheme}://{authority}{}", plain_folder(url.path()).unwrap_or_default()))
        }
        _ => Err("must be an http or https address, such as https://chat.example or https://example.org/chat".into()),
    }
}

pub(super) fn parse_listen(text: &str) -> Result<Vec<ListenAddress>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let address = |item: &str| match item.strip_prefix("unix:") {
        Some(path) if cfg!(unix) && !path.is_empty() => Some(ListenAddress::Unix(path.into())),
        Some(_) => None,
        None => item.parse().ok().map(ListenAddress::Tcp),
    };
    let wrong = |item| format!("'{item}' must be an address and a port, such as [::1]:3000, or unix: and a path");
    items.map(|item| address(item).ok_or_else(|| wrong(item))).collect()
}

pub(super) fn parse_networks(text: &str) -> Result<Vec<IpNet>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| {
            let network = item.parse::<IpNet>().ok();
            let network = network.or_else(|| item.parse().ok().map(|address: IpAddr| address.into()));
            network.ok_or_else(|| format!("'{item}' is neither an IP address nor a network such as 10.0.0.0/8"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_plain_name_or_address() {
        for host in ["chat.example", "localhost:3000", "192.0.2.1", "[::1]:80", "a_b"] {
            assert!(is_plain_host(host), "{host}");
        }
        for other in ["", "a b", "user@host", "'x", "$(x)", "a/b", "a;b", "a:b:c"] {
            assert!(!is_plain_host(other), "{other}");
        }
    }

    #[test]
    fn a_folder_is_a_plain_path() {
        let folders = [("", Some("")), ("/", Some("")), ("/chat", Some("/chat")), ("/some/path/", Some("/some/path"))];
        let wrong = ["chat", "//chat", "/a//b", "/a/../b", "/a b", "/a?b", "/a\"b"].map(|path| (path, None));
        for (path, expected) in folders.into_iter().chain(wrong) {
            assert_eq!(plain_folder(path), expected, "{path}");
        }
    }
}
