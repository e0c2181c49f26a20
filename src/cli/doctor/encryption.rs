//! TLS, as browsers use it: its version, the certificate, HTTP/2, and whether plain HTTP leads to it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError, PeerIncompatible, ProtocolVersion};
use url::Url;

use super::report::{Check, Finding};
use crate::cli::address::SiteAddress;
use crate::cli::client::{Client, Connection, Error};
use crate::cli::tls::{Certificate, CertificateObserver};

/// How long before its expiry a certificate should have been renewed. Let's Encrypt's clients renew after two thirds of
/// a certificate's time, which is 30 days before the end.
const RENEWED_BEFORE: Duration = Duration::from_hours(14 * 24);

/// What the first connection showed.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) version: Option<ProtocolVersion>,
    /// Whether the server selected HTTP/2.
    pub(super) has_http2: bool,
    pub(super) certificate: Option<Certificate>,
}

impl Session {
    pub(super) fn of(connection: &Connection, observer: &Arc<CertificateObserver>) -> Self {
        let (version, protocol) = connection.tls.clone().unwrap_or_default();
        Self { version, has_http2: protocol.as_deref() == Some(b"h2"), certificate: observer.seen() }
    }
}

pub(super) fn judge_encryption(site: &SiteAddress) -> Finding {
    let check = Check::Encryption;
    if site.is_encrypted() {
        return check.fine("Visitors use https.");
    }
    if site.is_loopback() {
        return check.fine("Plain http, and only within this machine.");
    }
    check
        .fault("Plain http: anyone on the way can read messages and take over sessions.")
        .nginx(format!("listen 443 ssl; and ssl_certificate … for {}", site.host()))
        .caddy(format!("{} {{ … }} as the site's address, without http://", site.host()))
}

/// Judges a handshake that failed.
pub(super) fn judge_failed_handshake(error: &Error) -> Finding {
    let check = Check::TlsVersion;
    match error.handshake() {
        Some(
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
            | rustls::Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ),
        ) => check
            .fault("The proxy speaks only versions of TLS that are older than 1.2, which browsers refuse.")
            .nginx("ssl_protocols TLSv1.2 TLSv1.3;")
            .caddy("remove protocols from tls { … }; the default is right"),
        Some(rustls::Error::InvalidMessage(_)) => check
            .fault("The port answers without TLS.")
            .nginx("listen 443 ssl;")
            .caddy("remove http:// from the site's address"),
        _ => check
            .fault(format!("Browsers cannot connect: {error}."))
            .nginx("ssl_protocols TLSv1.2 TLSv1.3; and a working ssl_certificate for this host"),
    }
}

pub(super) fn judge_tls_version(session: &Session) -> Finding {
    let check = Check::TlsVersion;
    match session.version {
        Some(ProtocolVersion::TLSv1_3) => check.fine("TLS 1.3."),
        _ => check.advice("TLS 1.2, because the proxy does not offer 1.3.").nginx("ssl_protocols TLSv1.2 TLSv1.3;"),
    }
}

/// Judges the certificate for `host` at the time `now`.
pub(super) fn judge_certificate(certificate: Option<&Certificate>, host: &str, now: SystemTime) -> Finding {
    let check = Check::Certificate;
    let Some(Certificate { refusal, not_after }) = certificate else {
        return check.fault("The proxy showed no certificate.");
    };
    let not_after = not_after.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    let end = not_after.map_or_else(|| "at an unknown time".into(), httpdate::fmt_http_date);
    let chain = format!("ssl_certificate /etc/letsencrypt/live/{host}/fullchain.pem;");
    match refusal {
        None if not_after.is_some_and(|end| end < now + RENEWED_BEFORE) => check
            .advice(format!("The certificate expires in less than 14 days, on {end}."))
            .nginx("certbot renew && nginx -s reload"),
        None => check.fine(format!("Valid for {host} until {end}.")),
        Some(rustls::Error::InvalidCertificate(problem)) => match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => check
                .fault(format!("The certificate expired on {end}."))
                .nginx("certbot renew && nginx -s reload")
                .caddy("caddy reload; its log says why it could not renew"),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                check.fault("The certificate is not valid yet. Is this machine's clock right?")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let names = match problem {
                    CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                        format!(
                            " It is for {}.",
                            presented.iter().map(|name| plain_name(name)).collect::<Vec<_>>().join(", ")
                        )
                    }
                    _ => String::new(),
                };
                check
                    .fault(format!("The certificate is not for {host}.{names}"))
                    .nginx(format!("server_name {host}; and {chain}"))
                    .caddy(format!("{host} {{ … }} as the site's address"))
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => check
                .fault(
                    "No known authority issued the certificate: it is self-signed, or the proxy does not send the \
                     intermediate certificate. If the authority is your own, pass it with --ca-file.",
                )
                .nginx(chain)
                .caddy("remove tls internal"),
            other => check.fault(format!("Browsers refuse the certificate: {other}.")).nginx(chain),
        },
        Some(other) => check.fault(format!("Browsers refuse the certificate: {other}.")).nginx(chain),
    }
}

/// The name alone, which the TLS library writes as `DnsName("chat.example")`.
fn plain_name(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

pub(super) fn judge_http_version(session: &Session) -> Finding {
    let check = Check::HttpVersion;
    if session.has_http2 {
        return check.fine("HTTP/2: a browser needs one connection for all its tabs.");
    }
    check
        .advice("The proxy offers only HTTP/1.1, so each open chat takes connections of which a browser has six.")
        .nginx("http2 on; (before nginx 1.25.1: listen 443 ssl http2;)")
        .caddy("remove protocols from servers { … }; the default is right")
}

/// What plain HTTP on port 80 answers: `None` if nothing listens there.
pub(super) type PlainAnswer = Option<(StatusCode, Option<Url>)>;

/// Asks for the page over plain HTTP. Returns `None` if the site is not at its scheme's own port, since the port for
/// plain HTTP is then unknown.
pub(super) async fn ask_plainly(client: &Client, time_limit: Duration) -> Option<PlainAnswer> {
    if !client.site.is_encrypted() || client.site.port() != 443 {
        return None;
    }
    let plain = Client::new(client.site.unencrypted(), None, time_limit);
    let answer = plain.get("/").send().await.ok();
    Some(answer.map(|answer| {
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
        (answer.status(), location.and_then(|location| plain.site.resolve(location)))
    }))
}

pub(super) fn judge_redirect(answer: Option<&PlainAnswer>, site: &SiteAddress) -> Finding {
    let check = Check::HttpRedirect;
    match answer {
        None if site.is_encrypted() => check.skipped("The port for plain http is known only if https has port 443."),
        None => check.skipped("The site itself uses plain http."),
        Some(None) => check.fine("Nothing answers over plain http."),
        Some(Some((status, Some(target)))) if status.is_redirection() && target.scheme() == "https" => {
            check.fine("Plain http redirects to https.")
        }
        Some(Some((status, _))) => check
            .fault(format!("Plain http answers {status} and does not redirect to https."))
            .nginx("server { listen 80; return 301 https://$host$request_uri; }")
            .caddy("remove auto_https off; Caddy redirects by itself"),
    }
}

/// Judges the value of the page's `Strict-Transport-Security`.
pub(super) fn judge_hsts(value: Option<&str>, site: &SiteAddress) -> Finding {
    let check = Check::Hsts;
    match value {
        _ if !site.is_encrypted() => check.skipped("Only for https."),
        Some(_) => check.fine("Browsers remember to use https."),
        None => check
            .advice("Without Strict-Transport-Security, a browser's first request can go out over plain http.")
            .nginx("add_header Strict-Transport-Security \"max-age=31536000\" always;")
            .caddy("header Strict-Transport-Security max-age=31536000"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::Verdict;

    fn site(url: &str) -> SiteAddress {
        SiteAddress::parse(url).unwrap()
    }

    #[test]
    fn plain_http_is_a_fault_unless_it_stays_within_the_machine() {
        for (url, verdict) in [
            ("https://chat.example", Verdict::Fine),
            ("http://127.0.0.1:3000", Verdict::Fine),
            ("http://chat.example", Verdict::Fault),
        ] {
            assert_eq!(judge_encryption(&site(url)).verdict, verdict, "{url}");
        }
    }

    #[test]
    fn a_certificate_should_be_renewed_two_weeks_before_its_end() {
        let now = UNIX_EPOCH + Duration::from_hours(500_000);
        for (days, verdict) in [(13, Verdict::Advice), (15, Verdict::Fine)] {
            let not_after = Some((500_000 + days * 24) * 60 * 60);
            let certificate = Certificate { refusal: None, not_after };
            assert_eq!(judge_certificate(Some(&certificate), "a.example", now).verdict, verdict, "{days}");
        }
    }

    #[test]
    fn plain_http_must_redirect_to_https_if_it_answers() {
        let site = site("https://chat.example");
        let target = |url: &str| Some(Url::parse(url).unwrap());
        let redirect = StatusCode::MOVED_PERMANENTLY;
        for (answer, verdict) in [
            (None, Verdict::Fine),
            (Some((redirect, target("https://chat.example/"))), Verdict::Fine),
            (Some((redirect, target("http://www.chat.example/"))), Verdict::Fault),
            (Some((StatusCode::OK, None)), Verdict::Fault),
        ] {
            assert_eq!(judge_redirect(Some(&answer), &site).verdict, verdict, "{answer:?}");
        }
        assert_eq!(judge_redirect(None, &site).verdict, Verdict::Skipped);
    }

    #[test]
    fn browsers_should_remember_https() {
        let site = site("https://chat.example");
        assert_eq!(judge_hsts(None, &site).verdict, Verdict::Advice);
        assert_eq!(judge_hsts(Some("max-age=31536000"), &site).verdict, Verdict::Fine);
    }
}
