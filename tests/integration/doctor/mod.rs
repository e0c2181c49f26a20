//! The doctor finds a healthy site fine, and each fault of a proxy by name.

mod nginx;

use std::fs;
use std::future::{pending, ready};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use leptos::config::LeptosOptions;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use watch_party::cli::doctor::{Check, Error, Examination, Finding, Report, Verdict, examine};
use watch_party::http::{AppState, serve};
use watch_party::service::{OsEntropy, Policy, Service, SystemClock};
use watch_party::store::MemoryStore;

use crate::app::{policy, state};
use crate::program::{Program, command};
use nginx::Setup;

/// Longer than any machine needs.
const LONG: Duration = Duration::from_mins(2);
/// A time that a test waits for, because what it waits for does not come.
const SHORT: Duration = Duration::from_millis(500);

/// Interval of the server's pings, so short that a test can wait for two.
const PINGS: Duration = Duration::from_millis(500);

/// The first bytes of a file that is compressed with gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Writes a style of the page, and what the build would make of it.
fn write_files(folder: &Path) {
    let style = folder.join("pkg/watch-party.css");
    fs::create_dir(folder.join("pkg")).unwrap();
    fs::write(&style, "body {}").unwrap();
    fs::write(style.with_extension("css.gz"), GZIP).unwrap();
    fs::write(style.with_extension("css.br"), "b").unwrap();
}

/// The program's server, in this process.
struct Server {
    site: String,
    service: Service,
    folder: TempDir,
    /// Stops the server when it is dropped.
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// Starts a server that trusts nginx and pings often.
    async fn start() -> Self {
        Self::with(&["127.0.0.1/32"], PINGS).await
    }

    async fn with(trusted: &[&str], ping_interval: Duration) -> Self {
        let policy = Policy { ping_interval, ..policy(true) };
        let service = Service::new(MemoryStore::default(), Arc::new(SystemClock), Arc::new(OsEntropy), policy);
        let folder = tempfile::tempdir().unwrap();
        write_files(folder.path());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let site = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let state = AppState {
            leptos: LeptosOptions::builder()
                .output_name("watch-party")
                .site_root(folder.path().to_str().unwrap())
                .build(),
            ..state(&service, None, trusted)
        };
        tokio::spawn(serve(state, listener, async move {
            let _ = stopped.await;
        }));
        Self { site, service, folder, _stop: stop }
    }

    /// Examines the site behind nginx.
    async fn examine_behind(&self, setup: Setup) -> Report {
        let nginx = setup.start(&self.site);
        examined(&examination(format!("http://127.0.0.1:{}", nginx.port))).await
    }

    /// Examines the site behind nginx with TLS. The doctor knows the authority of `certificates`.
    async fn examine_encrypted(&self, certificates: &Certificates, setup: Setup) -> Report {
        let setup = setup.encrypted(&certificates.server, self.folder.path());
        let nginx = setup.start(&self.site);
        let ca_file = self.folder.path().join("ca.pem");
        fs::write(&ca_file, &certificates.authority).unwrap();
        let url = format!("https://127.0.0.1:{}", nginx.port);
        examined(&Examination { ca_file: Some(ca_file), ..examination(url) }).await
    }
}

fn examination(url: String) -> Examination {
    Examination { answer_time: LONG, event_time: LONG, idle_time: Some(LONG), ..Examination::of(url) }
}

async fn examined(examination: &Examination) -> Report {
    let report = examine(examination, pending(), |_| {}).await.unwrap();
    println!("{report}");
    report
}

fn with_verdict(report: &Report, verdict: Verdict) -> Vec<Check> {
    report.findings.iter().filter(|finding| finding.verdict == verdict).map(|finding| finding.check).collect()
}

fn finding(report: &Report, check: Check) -> &Finding {
    report.findings.iter().find(|finding| finding.check == check).unwrap()
}

/// Checks that these are the only faults, and returns the line for nginx that mends the first.
fn faults<const N: usize>(report: &Report, expected: [Check; N]) -> String {
    assert_eq!(with_verdict(report, Verdict::Fault), expected, "{report}");
    finding(report, expected[0]).mend.nginx.clone().unwrap_or_default()
}

/// A certificate authority of a test, and a certificate for the server with its key, as PEM.
struct Certificates {
    authority: String,
    server: (String, String),
}

impl Certificates {
    fn new() -> Self {
        Self::with("127.0.0.1", (2020, 2120))
    }

    /// A certificate for `name` that is valid from the first year to the second.
    fn with(name: &str, (from, to): (i32, i32)) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "Authority of the tests");
        parameters.not_before = date_time_ymd(2000, 1, 1);
        parameters.not_after = date_time_ymd(2120, 1, 1);
        let key = KeyPair::generate().unwrap();
        let authority = parameters.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(parameters, key);
        let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
        parameters.not_before = date_time_ymd(from, 1, 1);
        parameters.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &issuer).unwrap();
        Self { authority, server: (certificate.pem(), key.serialize_pem()) }
    }
}

#[tokio::test]
async fn the_program_itself_is_fine() {
    let server = Server::with(&[], PINGS).await;
    let report = examined(&examination(server.site.clone())).await;
    assert!(report.is_fine() && with_verdict(&report, Verdict::Advice).is_empty(), "{report}");
    let only_for_https = [Check::TlsVersion, Check::Certificate, Check::HttpVersion, Check::HttpRedirect, Check::Hsts];
    assert_eq!(with_verdict(&report, Verdict::Skipped), only_for_https);
    assert_eq!(server.service.active_chats(), 0, "the doctor's chat has not ended");
}

#[tokio::test]
async fn a_folder_behind_nginx_with_tls_is_fine() {
    let server = Server::start().await;
    let certificates = Certificates::new();
    let setup = Setup::new().in_folder("/talk/").with_server_line("add_header Strict-Transport-Security max-age=9;");
    let setup = setup.with_server_line("ssl_protocols TLSv1.2 TLSv1.3;");
    let setup = setup.encrypted(&certificates.server, server.folder.path());
    let nginx = setup.start(&server.site);
    let ca_file = server.folder.path().join("ca.pem");
    fs::write(&ca_file, &certificates.authority).unwrap();
    let url = format!("https://127.0.0.1:{}/talk", nginx.port);
    let report = examined(&Examination { ca_file: Some(ca_file), ..examination(url) }).await;
    assert!(report.is_fine() && with_verdict(&report, Verdict::Advice).is_empty(), "{report}");
    assert_eq!(with_verdict(&report, Verdict::Skipped), [Check::HttpRedirect]);
}

#[tokio::test]
async fn the_chat_ends_when_the_doctor_is_stopped() {
    let server = Server::start().await;
    let stopped = examine(&examination(server.site.clone()), ready(()), |_| {}).await;
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    assert_eq!(server.service.active_chats(), 0);
}

#[tokio::test]
async fn a_program_that_does_not_run_is_a_fault() {
    let unused = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let nginx = Setup::new().start(&format!("http://{unused}"));
    let report = examined(&examination(format!("http://127.0.0.1:{}", nginx.port))).await;
    faults(&report, [Check::Reachable]);
    assert!(finding(&report, Check::Reachable).detail.contains("502"), "{report}");
}

#[tokio::test]
async fn a_redirect_to_another_url_is_a_fault_that_names_it() {
    let server = Server::start().await;
    let report = server.examine_behind(Setup::new().with("return 301 https://chat.example$request_uri;")).await;
    faults(&report, [Check::Reachable]);
    assert!(finding(&report, Check::Reachable).detail.contains("https://chat.example."), "{report}");
}

#[tokio::test]
async fn a_websocket_that_is_not_upgraded_is_a_fault() {
    let server = Server::start().await;
    let report = server.examine_behind(Setup::new().without("Upgrade").without("Connection")).await;
    assert!(faults(&report, [Check::Websocket]).contains("Upgrade $http_upgrade"));
}

#[tokio::test]
async fn a_buffered_event_stream_is_a_fault() {
    let server = Server::start().await;
    // In answers with chunks, nginx passes each on. It asks for none with HTTP/1.0, which was its default.
    let setup = Setup::new().without("proxy_http_version").with("proxy_http_version 1.0;");
    let setup = setup.with("proxy_ignore_headers X-Accel-Buffering;");
    let nginx = setup.start(&server.site);
    let url = format!("http://127.0.0.1:{}", nginx.port);
    let report = examined(&Examination { event_time: SHORT, idle_time: None, ..examination(url) }).await;
    let found = finding(&report, Check::EventStream);
    assert_eq!(found.verdict, Verdict::Fault, "{report}");
    assert!(found.mend.nginx.as_ref().unwrap().contains("proxy_buffering off;"));
    assert_eq!(finding(&report, Check::OwnChat).verdict, Verdict::Fine);
}

#[tokio::test]
async fn an_event_stream_that_is_compressed_and_buffered_is_a_fault() {
    let server = Server::start().await;
    let setup = Setup::new().with("gzip on; gzip_types text/event-stream; gzip_proxied any;");
    let setup = setup.with("proxy_ignore_headers X-Accel-Buffering;");
    let nginx = setup.start(&server.site);
    let url = format!("http://127.0.0.1:{}", nginx.port);
    let report = examined(&Examination { event_time: SHORT, idle_time: None, ..examination(url) }).await;
    let found = finding(&report, Check::EventStream);
    assert_eq!(found.verdict, Verdict::Fault, "{report}");
    assert!(found.mend.nginx.as_ref().unwrap().contains("gzip_types"));
}

#[tokio::test]
async fn an_event_stream_that_is_compressed_gets_advice() {
    let server = Server::start().await;
    let setup = Setup::new().with("gzip on; gzip_types text/event-stream; gzip_proxied any; gzip_http_version 1.0;");
    let report = server.examine_behind(setup).await;
    assert!(report.is_fine(), "{report}");
    assert_eq!(with_verdict(&report, Verdict::Advice), [Check::EventStream]);
}

#[tokio::test]
async fn a_proxy_that_closes_idle_streams_is_a_fault() {
    // The proxy's time is long enough for the doctor's post, and shorter than the interval of the pings.
    let server = Server::with(&["127.0.0.1/32"], LONG).await;
    let report = server.examine_behind(Setup::new().without("proxy_read_timeout").with("proxy_read_timeout 5s;")).await;
    assert!(faults(&report, [Check::IdleStreams]).contains("proxy_read_timeout 1h;"));
}

#[tokio::test]
async fn a_small_limit_of_bodies_is_a_fault() {
    let server = Server::start().await;
    let report = server.examine_behind(Setup::new().with("client_max_body_size 8k;")).await;
    assert!(faults(&report, [Check::LargePost]).contains("client_max_body_size"));
}

#[tokio::test]
async fn a_host_that_is_not_passed_on_is_a_fault() {
    let server = Server::start().await;
    let report = server.examine_behind(Setup::new().without("_host;")).await;
    let line = faults(&report, [Check::SiteUrl, Check::Origin]);
    assert!(line.contains("Host $http_host;"), "{line}");
    assert!(finding(&report, Check::Origin).mend.nginx.as_ref().unwrap().contains("Host $http_host;"));
}

#[tokio::test]
async fn a_client_address_that_is_not_passed_on_is_a_fault() {
    let server = Server::start().await;
    let report = server.examine_behind(Setup::new().without("X-Forwarded-For")).await;
    assert!(faults(&report, [Check::ClientAddress]).contains("X-Forwarded-For $remote_addr;"));
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_a_fault_and_named() {
    let server = Server::with(&[], PINGS).await;
    let report = server.examine_encrypted(&Certificates::new(), Setup::new()).await;
    faults(&report, [Check::SiteUrl, Check::ClientAddress]);
    let trust = finding(&report, Check::ClientAddress).mend.watch_party.clone().unwrap();
    assert_eq!(trust, "WATCH_PARTY_TRUSTED_PROXIES=127.0.0.1");
}

#[tokio::test]
async fn a_forged_client_address_that_is_believed_is_a_fault() {
    let server = Server::with(&["127.0.0.0/8"], PINGS).await;
    let appended = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
    let report = server.examine_behind(Setup::new().without("X-Forwarded-For").with(appended)).await;
    assert!(faults(&report, [Check::ClientAddress]).contains("X-Forwarded-For $remote_addr;"));
}

#[tokio::test]
async fn a_forged_host_that_is_believed_gets_advice() {
    let server = Server::start().await;
    let report = server.examine_behind(Setup::new().without("X-Forwarded-Host")).await;
    assert!(report.is_fine(), "{report}");
    assert_eq!(with_verdict(&report, Verdict::Advice), [Check::SiteUrl]);
}

#[tokio::test]
async fn a_scheme_that_is_not_passed_on_is_a_fault() {
    let server = Server::start().await;
    let report = server.examine_encrypted(&Certificates::new(), Setup::new().without("X-Forwarded-Proto")).await;
    assert!(faults(&report, [Check::SiteUrl]).contains("X-Forwarded-Proto $scheme;"));
    let public_url = finding(&report, Check::SiteUrl).mend.watch_party.clone().unwrap();
    assert!(public_url.starts_with("WATCH_PARTY_PUBLIC_URL=https://127.0.0.1:"), "{public_url}");
}

#[tokio::test]
async fn a_folder_that_is_not_passed_on_is_a_fault() {
    let server = Server::start().await;
    let nginx = Setup::new().in_folder("/talk/").without("Prefix").start(&server.site);
    let report = examined(&examination(format!("http://127.0.0.1:{}/talk/", nginx.port))).await;
    assert!(faults(&report, [Check::SiteUrl]).contains("X-Forwarded-Prefix /talk;"));
}

#[tokio::test]
async fn a_self_signed_certificate_is_a_fault() {
    let server = Server::start().await;
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let certificates = Certificates { server: (certificate.pem(), key.serialize_pem()), ..Certificates::new() };
    let report = server.examine_encrypted(&certificates, Setup::new()).await;
    assert!(faults(&report, [Check::Certificate]).contains("fullchain.pem"));
}

#[tokio::test]
async fn an_expired_certificate_is_a_fault() {
    let server = Server::start().await;
    let report = server.examine_encrypted(&Certificates::with("127.0.0.1", (2000, 2001)), Setup::new()).await;
    assert!(faults(&report, [Check::Certificate]).contains("certbot renew"));
    assert!(finding(&report, Check::Certificate).detail.contains("01 Jan 2001"), "{report}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_a_fault() {
    let server = Server::start().await;
    let report = server.examine_encrypted(&Certificates::with("other.example", (2020, 2120)), Setup::new()).await;
    faults(&report, [Check::Certificate]);
    assert!(finding(&report, Check::Certificate).detail.contains("It is for other.example."), "{report}");
}

#[tokio::test]
async fn old_tls_is_a_fault() {
    let server = Server::start().await;
    let setup = Setup::new().with_server_line("ssl_protocols TLSv1.1; ssl_ciphers DEFAULT@SECLEVEL=0;");
    let report = server.examine_encrypted(&Certificates::new(), setup).await;
    assert!(faults(&report, [Check::TlsVersion]).contains("TLSv1.3"));
}

#[tokio::test]
async fn a_port_without_tls_is_a_fault() {
    let server = Server::start().await;
    let report = examined(&examination(server.site.replace("http:", "https:"))).await;
    assert!(faults(&report, [Check::TlsVersion]).contains("listen 443 ssl;"));
}

#[tokio::test]
async fn tls_1_2_without_http2_and_hsts_gets_advice() {
    let server = Server::start().await;
    // Browsers accept no weaker cipher for HTTP/2, and nginx offers the protocol nevertheless.
    let setup = Setup::new().with_server_line("ssl_protocols TLSv1.2;");
    let report = server.examine_encrypted(&Certificates::new(), setup).await;
    assert!(report.is_fine(), "{report}");
    assert_eq!(with_verdict(&report, Verdict::Advice), [Check::TlsVersion, Check::Hsts]);
}

#[tokio::test]
async fn security_headers_that_the_proxy_removes_are_a_fault() {
    let server = Server::start().await;
    let setup = Setup::new().with("proxy_hide_header Content-Security-Policy; proxy_hide_header X-Request-Id;");
    let report = server.examine_behind(setup).await;
    let line = faults(&report, [Check::PageHeaders]);
    assert_eq!(line, "remove proxy_hide_header content-security-policy; proxy_hide_header x-request-id;");
}

#[tokio::test]
async fn security_headers_that_the_proxy_repeats_get_advice() {
    let server = Server::start().await;
    let report = server.examine_behind(Setup::new().with("add_header X-Content-Type-Options nosniff;")).await;
    assert!(report.is_fine(), "{report}");
    assert_eq!(with_verdict(&report, Verdict::Advice), [Check::PageHeaders]);
}

#[tokio::test]
async fn an_etag_that_the_proxy_removes_is_a_fault() {
    let server = Server::start().await;
    let report = server.examine_behind(Setup::new().with("proxy_hide_header ETag;")).await;
    assert!(faults(&report, [Check::Caching]).contains("ETag"));
}

#[tokio::test]
async fn answers_that_a_cache_could_keep_are_a_fault() {
    let server = Server::start().await;
    let report = server.examine_behind(Setup::new().with("proxy_hide_header Cache-Control; expires 1h;")).await;
    assert!(faults(&report, [Check::Caching]).contains("expires"));
}

#[tokio::test]
async fn files_that_arrive_uncompressed_are_a_fault() {
    let server = Server::start().await;
    let report = server.examine_behind(Setup::new().with("proxy_set_header Accept-Encoding \"\";")).await;
    assert!(faults(&report, [Check::Compression]).contains("Accept-Encoding"));
}

#[tokio::test]
async fn a_method_that_the_proxy_refuses_is_a_fault() {
    let server = Server::start().await;
    let report = server.examine_behind(Setup::new().with("limit_except GET POST { deny all; }")).await;
    assert!(faults(&report, [Check::OwnChat]).contains("DELETE"));
}

/// Runs `watch-party doctor`, and returns its exit code, its output and its errors.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_watch-party"));
    doctor.current_dir(folder).env_clear().args(arguments);
    // What only a server needs may be wrong.
    let output = doctor.env("WATCH_PARTY_STORE", "floppy").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_exit_code_tells_scripts_what_the_doctor_found() {
    let folder = tempfile::tempdir().unwrap();
    let (here, elsewhere): (PathBuf, PathBuf) = (folder.path().join("here"), folder.path().join("elsewhere"));
    fs::create_dir(&here).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    write_files(&here);

    let mut healthy = command(folder.path());
    healthy.env("LEPTOS_SITE_ROOT", &here);
    let healthy = Program::of(healthy);
    let (code, output, errors) = run(&elsewhere, &["doctor", &healthy.site, "--quick", "--json"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{output}");
    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(report["url"], *healthy.site);
    let findings = report["findings"].as_array().unwrap();
    let idle = findings.iter().find(|finding| finding["check"] == "idle_streams").unwrap();
    assert_eq!(idle["verdict"], "skipped");
    assert_eq!(findings.len(), 20);

    let (code, output, errors) = run(&elsewhere, &["doctor", &healthy.site, "--quick"]);
    assert_eq!(code, Some(0), "{output}");
    assert!(errors.contains("a chat of its own"), "{errors}");
    assert!(output.contains("fine     websocket"), "{output}");

    fs::remove_dir_all(here.join("pkg")).unwrap();
    let (code, output, _) = run(&elsewhere, &["doctor", &healthy.site, "--quick"]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("FAULT    compression"), "{output}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "the doctor wrote a file");
}

#[test]
fn a_doctor_that_cannot_run_says_why_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let unused = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let unused = format!("http://{unused}");
    let wrong = [
        (vec!["doctor"], "<URL>"),
        (vec!["doctor", "chat.example"], "chat.example"),
        (vec!["doctor", &unused], &*unused),
        (vec!["doctor", "https://127.0.0.1:1", "--ca-file", "missing.pem"], "missing.pem"),
    ];
    for (arguments, words) in wrong {
        let (code, output, errors) = run(folder.path(), &arguments);
        assert_eq!((code, output.as_str()), (Some(2), ""), "{errors}");
        assert!(errors.starts_with("watch-party: ") && errors.contains(words), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}
