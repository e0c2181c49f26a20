//! Addresses: that of the site, as the server writes it into links, and that of the client, which its limits count.

use std::net::IpAddr;

use axum::http::StatusCode;
use axum::http::header::{HeaderName, ORIGIN};
use serde_json::Value;
use url::Url;

use super::report::{Check, Finding};
use crate::cli::address::SiteAddress;
use crate::cli::client::{Answer, Client, Error};
use crate::wire::{Code, Connection, Problem};

/// An address of documentation (RFC 5737), which no client has.
const FORGED_ADDRESS: &str = "192.0.2.66";
const FORGED_HOST: &str = "forged.invalid";

/// What the server sees of the doctor's requests.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) honest: Connection,
    /// The same with `X-Forwarded-*` headers that the doctor forged.
    pub(super) forged: Connection,
    /// The address of this machine on the connection.
    pub(super) local: IpAddr,
    /// The address that the doctor connected to.
    pub(super) remote: IpAddr,
    /// Whether a proxy is known to be on the way.
    pub(super) is_proxied: bool,
}

/// Asks what the server sees. `None` if it does not answer the call.
pub(super) async fn ask(client: &Client, local: IpAddr, remote: IpAddr) -> Result<Option<Seen>, Error> {
    let answer = client.get("/connection").send().await?;
    let forged = client
        .get("/connection")
        .header(HeaderName::from_static("x-forwarded-for"), FORGED_ADDRESS)
        .header(HeaderName::from_static("x-forwarded-host"), FORGED_HOST);
    let forged = forged.send().await?;
    // The program itself sends neither header, and speaks no TLS.
    let names_proxy = ["server", "via"].iter().any(|name| answer.headers().contains_key(*name));
    let is_proxied = client.site.is_encrypted() || names_proxy;
    let read = |answer: &Answer| serde_json::from_slice::<Connection>(answer.body()).ok();
    let seen = read(&answer).zip(read(&forged));
    Ok(seen.map(|(honest, forged)| Seen {
        is_proxied: is_proxied || honest.is_forwarded || !honest.ignored_headers.is_empty(),
        honest,
        forged,
        local: local.to_canonical(),
        remote: remote.to_canonical(),
    }))
}

/// The finding of both checks if the server does not answer the call.
pub(super) fn judge_unanswered(check: Check) -> Finding {
    check.fault("GET /connection has no answer: the program is older than this doctor, or the proxy changes its path.")
}

pub(super) fn judge_site_url(seen: &Seen, site: &SiteAddress) -> Finding {
    let check = Check::SiteUrl;
    let (is, should) = (&seen.honest.site_url, site.site_url());
    if *is == should {
        if Url::parse(&seen.forged.site_url).is_ok_and(|url| url.host_str() == Some(FORGED_HOST)) && seen.is_proxied {
            return check
                .advice("Links point at this URL, but the proxy lets clients replace its host by X-Forwarded-Host.")
                .nginx("proxy_set_header X-Forwarded-Host $http_host;")
                .caddy("remove trusted_proxies, or name only your proxies in it");
        }
        return check.fine(format!("Links point at {should}."));
    }
    let fault = check
        .fault(format!("Links that the server creates point at {is}."))
        .watch_party(format!("WATCH_PARTY_PUBLIC_URL={should}"));
    let is_ignored = |name: &str| seen.honest.ignored_headers.iter().any(|ignored| ignored == name);
    let own = SiteAddress::parse(is);
    let (scheme, authority, folder) = own.as_ref().map_or_else(
        |_| (false, false, false),
        |own| {
            (
                own.is_encrypted() == site.is_encrypted(),
                own.authority() == site.authority(),
                own.folder() == site.folder(),
            )
        },
    );
    if (!scheme && is_ignored("x-forwarded-proto")) || (!folder && is_ignored("x-forwarded-prefix")) {
        let proxy = seen.honest.client_address;
        return fault.watch_party(format!("WATCH_PARTY_TRUSTED_PROXIES={proxy} or WATCH_PARTY_PUBLIC_URL={should}"));
    }
    let lines = [
        (!authority, "proxy_set_header Host $http_host;".to_owned()),
        (!scheme, "proxy_set_header X-Forwarded-Proto $scheme;".to_owned()),
        (!folder, format!("proxy_set_header X-Forwarded-Prefix {};", site.folder())),
    ];
    let lines: Vec<String> = lines.into_iter().filter_map(|(is_needed, line)| is_needed.then_some(line)).collect();
    let fault = if folder { fault } else { fault.caddy(format!("header_up X-Forwarded-Prefix {}", site.folder())) };
    if lines.is_empty() { fault } else { fault.nginx(lines.join(" ")) }
}

pub(super) fn judge_client_address(seen: &Seen) -> Finding {
    let check = Check::ClientAddress;
    let Seen { honest, forged, local, remote, is_proxied } = seen;
    let address = honest.client_address;
    let forwarded_for = "proxy_set_header X-Forwarded-For $remote_addr;";
    let trusts_proxy = format!("WATCH_PARTY_TRUSTED_PROXIES={address}");
    if forged.client_address.to_string() == FORGED_ADDRESS {
        if !is_proxied {
            return check.advice(
                "The server trusts X-Forwarded-For from this machine itself. To check its proxy, give the doctor the \
                 proxy's URL.",
            );
        }
        return check
            .fault("The server believes an X-Forwarded-For that the client wrote, so anyone can pass its limits.")
            .nginx(forwarded_for)
            .caddy("remove trusted_proxies, or name only your proxies in it")
            .watch_party("WATCH_PARTY_TRUSTED_PROXIES with the addresses of proxies only");
    }
    if *is_proxied && !honest.is_forwarded {
        if honest.ignored_headers.iter().any(|name| name == "x-forwarded-for") {
            return check
                .fault(format!(
                    "The server ignores the proxy's X-Forwarded-For, because it does not trust {address}: all \
                     visitors count as one."
                ))
                .watch_party(trusts_proxy);
        }
        return check
            .fault(format!("The proxy sends no X-Forwarded-For: all visitors count as {address}."))
            .nginx(forwarded_for)
            .watch_party(trusts_proxy);
    }
    if is_private(address) && !is_private(*remote) && address != *local {
        return check
            .fault(format!(
                "The server sees {address}, which no visitor from the internet has: it is another proxy's, so all \
                 visitors count as one."
            ))
            .nginx(format!("set_real_ip_from {address}; real_ip_header X-Forwarded-For;"))
            .caddy(format!("trusted_proxies static {address}"))
            .watch_party(format!("{trusts_proxy} besides the others, if that proxy sends X-Forwarded-For"));
    }
    check.fine(format!("The server sees {address}, and ignores forged addresses."))
}

/// Whether the address is of this machine or of a local network.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // 100.64.0.0/10 is for the networks of providers (RFC 6598).
            let is_shared = first == 100 && second & 0b1100_0000 == 64;
            address.is_loopback() || address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// Posts a form as a page of the site does, with a name that the server refuses, so that it creates nothing.
pub(super) async fn post_as_page(client: &Client) -> Result<Answer, Error> {
    let form = client.post("/").header(ORIGIN, &client.site.origin());
    form.body("application/x-www-form-urlencoded", "username=%20").send().await
}

/// The code of a problem that the program itself answered.
pub(super) fn problem_code(body: &[u8]) -> Option<Code> {
    serde_json::from_slice::<Problem>(body).ok().map(|problem| problem.code)
}

pub(super) fn judge_origin(status: StatusCode, body: &[u8]) -> Finding {
    let check = Check::Origin;
    if problem_code(body) == Some(Code::OriginNotAllowed) {
        return check
            .fault("The server refuses the site's own pages: the proxy does not pass the browser's Host on.")
            .nginx("proxy_set_header Host $http_host;")
            .caddy("remove header_up Host; Caddy passes it on by itself");
    }
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        return check.fine("The server accepts requests from the site's pages.");
    }
    let reason = serde_json::from_slice::<Value>(body).ok();
    let reason = reason.and_then(|body| Some(format!(": {}", body.get("detail")?.as_str()?))).unwrap_or_default();
    check.fault(format!("A form of the site's page gets {status}{reason}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::Verdict;

    fn connection(address: &str, is_forwarded: bool, site_url: &str) -> Connection {
        Connection {
            client_address: address.parse().unwrap(),
            is_forwarded,
            site_url: site_url.into(),
            ignored_headers: Vec::new(),
        }
    }

    /// A public site whose server sees the client at `address`.
    fn public(address: &str, is_forwarded: bool) -> Seen {
        Seen {
            honest: connection(address, is_forwarded, "https://chat.example"),
            forged: connection(address, is_forwarded, "https://chat.example"),
            local: "10.1.1.1".parse().unwrap(),
            remote: "198.51.100.1".parse().unwrap(),
            is_proxied: true,
        }
    }

    #[test]
    fn the_client_s_address_must_be_a_visitor_s() {
        for (seen, verdict) in [
            (public("203.0.113.7", true), Verdict::Fine),
            (public("10.1.1.1", true), Verdict::Fine),
            (public("172.17.0.1", true), Verdict::Fault),
            (public("100.64.0.9", true), Verdict::Fault),
            (public("127.0.0.1", false), Verdict::Fault),
        ] {
            let finding = judge_client_address(&seen);
            assert_eq!(finding.verdict, verdict, "{seen:?}: {finding:?}");
        }
    }

    #[test]
    fn a_proxy_that_is_not_trusted_is_named() {
        let mut seen = public("172.17.0.1", false);
        seen.honest.ignored_headers = vec!["x-forwarded-for".into(), "x-forwarded-proto".into()];
        let finding = judge_client_address(&seen);
        assert_eq!(finding.mend.watch_party.as_deref(), Some("WATCH_PARTY_TRUSTED_PROXIES=172.17.0.1"));
        assert_eq!(finding.mend.nginx, None);
        seen.honest.site_url = "http://chat.example".into();
        let finding = judge_site_url(&seen, &SiteAddress::parse("https://chat.example").unwrap());
        assert!(finding.mend.watch_party.unwrap().starts_with("WATCH_PARTY_TRUSTED_PROXIES=172.17.0.1 or "));
    }

    #[test]
    fn a_forged_address_must_not_be_believed() {
        let mut seen = public("203.0.113.7", true);
        seen.forged.client_address = FORGED_ADDRESS.parse().unwrap();
        assert_eq!(judge_client_address(&seen).verdict, Verdict::Fault);
        seen.is_proxied = false;
        assert_eq!(judge_client_address(&seen).verdict, Verdict::Advice);
    }

    #[test]
    fn each_wrong_part_of_the_site_s_url_has_its_line() {
        let site = SiteAddress::parse("https://chat.example/talk").unwrap();
        for (is, line) in [
            ("http://chat.example/talk", "proxy_set_header X-Forwarded-Proto $scheme;"),
            ("https://127.0.0.1:3000/talk", "proxy_set_header Host $http_host;"),
            ("https://chat.example", "proxy_set_header X-Forwarded-Prefix /talk;"),
        ] {
            let mut seen = public("203.0.113.7", true);
            seen.honest.site_url = is.into();
            let finding = judge_site_url(&seen, &site);
            assert_eq!((finding.verdict, finding.mend.nginx.as_deref()), (Verdict::Fault, Some(line)), "{is}");
        }
        let mut seen = public("203.0.113.7", true);
        seen.honest.site_url = site.site_url();
        assert_eq!(judge_site_url(&seen, &site).verdict, Verdict::Fine);
        seen.forged.site_url = format!("https://{FORGED_HOST}/talk");
        assert_eq!(judge_site_url(&seen, &site).verdict, Verdict::Advice);
    }

    #[test]
    fn the_site_s_own_pages_must_not_be_refused() {
        let refused = br#"{"status":403,"title":"x","detail":"x","code":"origin_not_allowed"}"#;
        for (status, body, verdict) in [
            (StatusCode::UNPROCESSABLE_ENTITY, &b"<html>"[..], Verdict::Fine),
            (StatusCode::FORBIDDEN, &refused[..], Verdict::Fault),
            (StatusCode::METHOD_NOT_ALLOWED, &b""[..], Verdict::Fault),
        ] {
            assert_eq!(judge_origin(status, body).verdict, verdict, "{status}");
        }
    }
}
