//! Where a request comes from, and the site's own address for links, with or without proxies.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Extensions, HeaderMap, Uri, header};
use ipnet::IpNet;

use super::AppState;
use super::problem::Failure;
use crate::config::{is_plain_host, plain_folder};
use crate::service::Caller;
use crate::wire::{Code, Problem};

/// The headers that the server accepts only from trusted proxies.
const FORWARDED: [&str; 4] = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-prefix", "x-forwarded-proto"];

/// The program at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Address(IpAddr),
    /// One that opened the Unix socket. That is a proxy on this machine, and trusted like one.
    UnixSocket,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address.ip())
    }
}

impl Peer {
    pub(super) fn address(self) -> IpAddr {
        match self {
            Self::Address(address) => address,
            Self::UnixSocket => Ipv4Addr::LOCALHOST.into(),
        }
    }

    pub(super) fn is_trusted(self, proxies: &[IpNet]) -> bool {
        match self {
            Self::Address(address) => is_within(address, proxies),
            Self::UnixSocket => true,
        }
    }
}

/// Returns the caller, whom the limits count: the peer, or the client that a trusted proxy names.
pub(super) fn caller(peer: Peer, headers: &HeaderMap, trusted_proxies: &[IpNet]) -> Caller {
    client_address(peer, headers, trusted_proxies).into()
}

/// The site's public URL, without a slash at its end: `https://chat.example`, or `https://example.org/chat`.
#[derive(Debug)]
pub(super) struct SiteUrl(pub(super) String);

impl SiteUrl {
    /// The site's path on its host: `/`, or `/chat`.
    pub(super) fn path(&self) -> String {
        self.0.parse().map_or_else(|_| "/".into(), |site: Uri| site.path().to_owned())
    }

    /// Whether the caller uses an encrypted connection, according to the site's URL or to the `Origin` of the page that
    /// sends the request.
    pub(super) fn is_secure(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        [Some(&*self.0), origin].into_iter().flatten().any(|address| address.starts_with("https:"))
    }
}

impl FromRequestParts<AppState> for SiteUrl {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Failure> {
        if let Some(url) = &state.config.public_url {
            return Ok(Self(url.clone()));
        }
        let peer = parts.extensions.get::<Peer>();
        let is_trusted = peer.is_some_and(|peer| peer.is_trusted(&state.config.trusted_proxies));
        let forwarded = |name| first_value(&parts.headers, name).filter(|_| is_trusted);
        let scheme = match forwarded("x-forwarded-proto") {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            _ => "http",
        };
        let host = forwarded("x-forwarded-host")
            .and_then(host)
            .or_else(|| first_value(&parts.headers, header::HOST.as_str()).and_then(host))
            .or_else(|| parts.uri.authority().map(Authority::as_str).and_then(host))
            .unwrap_or_else(|| state.leptos.site_addr.to_string());
        let folder = forwarded("x-forwarded-prefix").and_then(plain_folder).unwrap_or_default();
        Ok(Self(format!("{scheme}://{host}{folder}")))
    }
}

/// The host and port in `text`, if it contains nothing else.
fn host(text: &str) -> Option<String> {
    is_plain_host(text).then(|| text.to_owned())
}

/// The path that the caller requested. `uri` may already have the other form of it.
pub(super) fn requested_path(extensions: &Extensions, uri: &Uri) -> String {
    extensions.get::<OriginalUri>().map_or(uri, |OriginalUri(asked)| asked).path().to_owned()
}

/// The relative path from `path` to the root of the site, in whatever folder of its host the site is: `./`, `../`,
/// `../../` …
pub(super) fn relative_root(path: &str) -> String {
    match path.matches('/').count().saturating_sub(1) {
        0 => "./".into(),
        depth => "../".repeat(depth),
    }
}

/// Refuses requests from pages of other sites, which would use the credentials of their visitor's browser. Newer
/// browsers send `Sec-Fetch-Site`, others `Origin`; programs need to send neither. The scheme is not compared, because
/// a proxy may have terminated TLS.
pub(super) fn check_origin(headers: &HeaderMap, SiteUrl(site): &SiteUrl) -> Result<(), Failure> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let is_own = match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(from), _) => matches!(from, "same-origin" | "none"),
        (None, Some(origin)) => {
            let (origin, own) = (origin.parse::<Uri>().ok(), site.parse::<Uri>().ok());
            origin.zip(own).is_some_and(|(origin, own)| is_same_host(&origin, &own))
        }
        (None, None) => true,
    };
    if is_own {
        return Ok(());
    }
    Err(Problem::new(Code::OriginNotAllowed, "A page of another site may not send this request.").into())
}

/// Whether both addresses have the same host. Schemes and their ports are not compared, because a proxy may have
/// terminated TLS.
pub(super) fn is_same_host(a: &Uri, b: &Uri) -> bool {
    let host = |uri: &Uri| {
        let authority = uri.authority().map(Authority::as_str)?;
        let host = authority.strip_suffix(":80").or_else(|| authority.strip_suffix(":443")).unwrap_or(authority);
        Some(host.to_ascii_lowercase())
    };
    host(a).is_some_and(|a| host(b) == Some(a))
}

fn client_address(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    forwarded_address(peer, headers, trusted).unwrap_or(peer.address())
}

/// The nearest address in the header that is not a trusted proxy. The header counts only if the peer is a trusted proxy,
/// and is read from its end, which the nearest proxy wrote.
pub(super) fn forwarded_address(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    if !peer.is_trusted(trusted) {
        return None;
    }
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let mut nearest = None;
    for hop in values.filter_map(|value| value.to_str().ok()).flat_map(|line| line.rsplit(',')) {
        let Ok(address) = hop.trim().parse() else { break };
        nearest = Some(address);
        if !is_within(address, trusted) {
            break;
        }
    }
    nearest
}

/// The names of the headers of a request that count only from a trusted proxy, and that did not come from one.
pub(super) fn ignored_headers(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Vec<String> {
    if peer.is_trusted(trusted) {
        return Vec::new();
    }
    let sent = FORWARDED.into_iter().filter(|name| headers.contains_key(*name));
    sent.map(str::to_owned).collect()
}

fn is_within(address: IpAddr, nets: &[IpNet]) -> bool {
    nets.iter().any(|net| net.contains(&address.to_canonical()))
}

fn first_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    value.split(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let peer = if peer == "unix" { Peer::UnixSocket } else { Peer::Address(peer.parse().unwrap()) };
        client_address(peer, &headers, &trusted).to_string()
    }

    #[test]
    fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
        assert_eq!(client("192.0.2.9", &["198.51.100.1"], &[]), "192.0.2.9");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(client("unix", &["203.0.113.7, 198.51.100.1"], &[]), "198.51.100.1");
        assert_eq!(client("unix", &[], &[]), "127.0.0.1");
    }

    #[test]
    fn the_relative_root_leads_to_the_site_from_any_depth() {
        let ways = [("/", "./"), ("/docs", "./"), ("/chat/1", "../"), ("/chatrooms/1/", "../../"), ("", "./")];
        for (path, way) in ways {
            assert_eq!(relative_root(path), way, "{path}");
        }
    }

    #[test]
    fn addresses_that_the_client_sent_before_the_proxies_are_ignored() {
        let trusted = ["10.0.0.0/8"];
        let chain = ["203.0.113.7, 198.51.100.1, 10.0.0.2"];
        assert_eq!(client("10.0.0.1", &chain, &trusted), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["203.0.113.7", "198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["nonsense"], &trusted), "10.0.0.1");
    }
}
