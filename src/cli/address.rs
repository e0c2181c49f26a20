//! The URL of a site.

use std::net::IpAddr;

use url::{Host, Url};

/// The URL of a site: a scheme, a host, and perhaps a port and a folder.
#[derive(Clone, Debug)]
pub(super) struct SiteAddress {
    /// Its path ends with a slash.
    url: Url,
    host: Host,
}

impl SiteAddress {
    /// Parses a URL such as `https://chat.example` or `https://example.org/talk/`.
    ///
    /// # Errors
    /// One line that says what is wrong with `text`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |problem: &str| format!("'{text}' is not the URL of a site: {problem}");
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
        let url = Url::parse(text).ok().filter(is_web);
        let mut url = url.ok_or_else(|| wrong("it must start with https:// or http:// and a host"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it must not contain a username"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it must end after the path"));
        }
        let host = url.host().map(|host| host.to_owned()).ok_or_else(|| wrong("it names no host"))?;
        let folder = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&folder);
        Ok(Self { url, host })
    }

    /// The same host's address for plain HTTP on port 80.
    pub(super) fn unencrypted(&self) -> Self {
        let mut url = self.url.clone();
        // Fails only for URLs without a host and for schemes of other kinds.
        let _ = url.set_scheme("http").and_then(|()| url.set_port(None));
        Self { url, host: self.host.clone() }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the URL's host is this machine, by its name or by its IP address.
    pub(super) fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }

    /// The host without brackets, to look it up and to check a certificate.
    pub(super) fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => IpAddr::from(*address).to_string(),
            Host::Ipv6(address) => IpAddr::from(*address).to_string(),
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// The value of the `Host` header: the host, and the port if it is not the scheme's own.
    pub(super) fn authority(&self) -> String {
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", self.host)
    }

    /// The value of the `Origin` header that the site's pages send.
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", self.url.scheme(), self.authority())
    }

    /// The site's path on its host without a slash at its end: empty, or `/talk`.
    pub(super) fn folder(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// The site's URL without a slash at its end, as the server writes it.
    pub(super) fn site_url(&self) -> String {
        format!("{}{}", self.origin(), self.folder())
    }

    /// The URL of the start page, and what a link on it leads to.
    pub(super) fn resolve(&self, link: &str) -> Option<Url> {
        self.url.join(link).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_has_an_origin_and_perhaps_a_folder() {
        for (text, origin, folder) in [
            ("https://chat.example", "https://chat.example", ""),
            ("https://Chat.example:443/", "https://chat.example", ""),
            ("https://example.org/talk", "https://example.org", "/talk"),
            ("http://[::1]:3000/a/b/", "http://[::1]:3000", "/a/b"),
            ("https://bücher.example", "https://xn--bcher-kva.example", ""),
        ] {
            let site = SiteAddress::parse(text).unwrap();
            assert_eq!((&*site.origin(), site.folder()), (origin, folder), "{text}");
        }
        assert_eq!(SiteAddress::parse("http://[::1]:3000/").unwrap().host(), "::1");
        let plain = SiteAddress::parse("https://example.org:8443/talk").unwrap().unencrypted();
        assert_eq!((plain.site_url(), plain.port()), ("http://example.org/talk".into(), 80));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, expected) in [
            ("http://127.0.0.1:3000", true),
            ("http://[::1]", true),
            ("http://localhost", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(SiteAddress::parse(text).unwrap().is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_in_one_line_that_repeats_it() {
        for text in
            ["chat.example", "localhost:3000", "ftp://a.example", "https://", "https://u@a.example", "http://a/?b"]
        {
            let line = SiteAddress::parse(text).unwrap_err();
            assert!(line.contains(text) && !line.contains('\n'), "{line}");
        }
    }
}
