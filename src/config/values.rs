//! Parsers for the values of single settings.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::Uri;
use axum::http::uri::Authority;
use ipnet::IpNet;

use super::StoreChoice;

pub(super) fn parse_seconds(text: &str, least: u64, most: u64) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (least..=most).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| format!("must be whole seconds from {least} to {most}"))
}

/// More connections than any current machine can handle.
const MOST_CONNECTIONS: usize = 1_000_000;

pub(super) fn parse_connections(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST_CONNECTIONS).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {MOST_CONNECTIONS}"))
}

pub(super) fn parse_store(text: &str) -> Result<StoreChoice, String> {
    match text.split_once(':') {
        Some(("sqlite", ":memory:")) => Err("would be a file of that name; to keep chats in memory, use memory".into()),
        Some(("sqlite", path)) if !path.is_empty() => Ok(StoreChoice::Sqlite(path.into())),
        None if text == "memory" => Ok(StoreChoice::Memory),
        _ => Err("must be memory, or sqlite: and the path of a file, such as sqlite:watch-party.db".into()),
    }
}

pub(super) fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be on or off".into()),
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

pub(super) fn parse_public_url(text: &str) -> Result<String, String> {
    let is_site = |url: &Uri| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
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
    fn a_folder_is_a_plain_path() {
        let folders = [("", Some("")), ("/", Some("")), ("/chat", Some("/chat")), ("/some/path/", Some("/some/path"))];
        let wrong = ["chat", "//chat", "/a//b", "/a/../b", "/a b", "/a?b", "/a\"b"].map(|path| (path, None));
        for (path, expected) in folders.into_iter().chain(wrong) {
            assert_eq!(plain_folder(path), expected, "{path}");
        }
    }
}
