//! The doctor: checks a site from its visitors' side, through its proxy, by the public API only.
//!
//! Each check has a function that looks, and a pure one that judges what was seen.

mod addresses;
mod chat;
mod encryption;
mod pages;
mod report;
mod site;
mod streams;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use thiserror::Error;

pub use report::{Check, Finding, Mend, Report, Verdict};

use super::address::SiteAddress;
use super::client::{self, Client};
use super::tls;
use chat::OwnChat;
use encryption::Session;
use pages::value;

/// What to check, and how long to wait.
#[derive(Clone, Debug)]
pub struct Examination {
    /// URL of the site, as visitors type it.
    pub url: String,
    /// PEM file with certificate authorities that count besides the machine's own.
    pub ca_file: Option<PathBuf>,
    /// How long connecting may take, and then an answer.
    pub answer_time: Duration,
    /// How long an event may take to arrive after it was posted.
    pub event_time: Duration,
    /// How long to wait for two pings of the server on idle streams; `None` skips the check.
    pub idle_time: Option<Duration>,
}

impl Examination {
    /// Longer than any proxy needs, and shorter than people wait.
    pub const ANSWER_TIME: Duration = Duration::from_secs(15);
    /// Events arrive in milliseconds, and buffered ones not before the stream ends.
    pub const EVENT_TIME: Duration = Duration::from_secs(5);
    /// The server pings every 20 seconds.
    pub const IDLE_TIME: Duration = Duration::from_secs(50);

    /// An examination of the site at `url` with the usual times.
    #[must_use]
    pub fn of(url: String) -> Self {
        let (answer_time, event_time) = (Self::ANSWER_TIME, Self::EVENT_TIME);
        Self { url, ca_file: None, answer_time, event_time, idle_time: Some(Self::IDLE_TIME) }
    }
}

/// Why there is no report. The message is one line.
#[derive(Debug, Error)]
pub enum Error {
    #[error("{0}")]
    Settings(String),
    #[error("cannot reach {site}: {cause}")]
    Unreachable { site: String, cause: String },
    #[error("stopped; the chat of the checks has ended")]
    Stopped,
}

/// Checks the site. If `stop` completes, ends the doctor's chat and returns. `tell` receives what the user should know
/// meanwhile, as sentences.
///
/// # Errors
/// The URL or the file is wrong, the site cannot be reached, or `stop` completed.
pub async fn examine(
    examination: &Examination,
    stop: impl Future<Output = ()>,
    tell: impl Fn(&str),
) -> Result<Report, Error> {
    let site = SiteAddress::parse(&examination.url).map_err(Error::Settings)?;
    let unreachable = |error: client::Error| Error::Unreachable { site: site.site_url(), cause: error.to_string() };
    let roots = || tls::load_roots(examination.ca_file.as_deref()).map_err(Error::Settings);
    let (session, probe, client) = if site.is_encrypted() {
        let roots = roots()?;
        let (offering, observer) = tls::observing(roots.clone(), &[b"h2", b"http/1.1"]).map_err(Error::Settings)?;
        let (settings, _) = tls::observing(roots, &[b"http/1.1"]).map_err(Error::Settings)?;
        let first = Client::new(site.clone(), Some(Arc::new(offering)), examination.answer_time);
        let probe = match first.connect().await {
            Err(error @ client::Error::Handshake(_)) => {
                let finding = encryption::judge_failed_handshake(&error);
                return Ok(Report::new(site.site_url(), vec![finding]));
            }
            probe => probe.map_err(unreachable)?,
        };
        let client = Client::new(site.clone(), Some(Arc::new(settings)), examination.answer_time);
        (Some(Session::of(&probe, &observer)), probe, client)
    } else {
        let client = Client::new(site.clone(), None, examination.answer_time);
        (None, client.connect().await.map_err(unreachable)?, client)
    };
    let (local, remote) = (probe.local.ip(), probe.remote.ip());
    drop(probe);

    let health = client.get("/healthz").send().await.map_err(unreachable)?;
    let received_at = SystemTime::now();
    let document = client.get("/openapi.json").send().await.map_err(unreachable)?;
    let reachable = site::judge_reachable(&health, &document, &site);
    if health.status().is_redirection() {
        // The other findings would be on the redirect.
        return Ok(Report::new(site.site_url(), vec![reachable]));
    }
    let is_reachable = reachable.verdict == Verdict::Fine;
    let mut findings = vec![reachable, encryption::judge_encryption(&site)];
    match &session {
        Some(session) => findings.extend([
            encryption::judge_tls_version(session),
            encryption::judge_certificate(session.certificate.as_ref(), &site.host(), received_at),
            encryption::judge_http_version(session),
        ]),
        None => findings.extend(
            [Check::TlsVersion, Check::Certificate, Check::HttpVersion].map(|check| check.skipped("Only for https.")),
        ),
    }
    findings.push(site::judge_clock(&health, received_at));
    let plain = encryption::ask_plainly(&client, examination.answer_time).await;
    findings.push(encryption::judge_redirect(plain.as_ref(), &site));
    if !is_reachable {
        return Ok(Report::new(site.site_url(), findings));
    }
    findings.extend(examine_pages(&client, &health).await.map_err(unreachable)?);
    findings.extend(examine_addresses(&client, local, remote).await.map_err(unreachable)?);
    tell("The doctor creates a chat of its own on the site, and ends it afterwards.");
    if examination.idle_time.is_some() {
        tell("It watches idle streams for 40 seconds; --quick leaves that out.");
    }
    match OwnChat::create(&client).await {
        Err(refused) => {
            findings.push(refused);
            let streams = [Check::LargePost, Check::Websocket, Check::EventStream, Check::IdleStreams];
            findings.extend(streams.map(|check| check.skipped("There is no chat to check it with.")));
        }
        Ok(chat) => {
            let examined = tokio::select! {
                examined = examine_chat(&client, &chat, examination) => Some(examined),
                () = stop => None,
            };
            findings.push(chat.end(&client).await);
            findings.extend(examined.ok_or(Error::Stopped)?);
        }
    }
    Ok(Report::new(site.site_url(), findings))
}

async fn examine_pages(client: &Client, api: &client::Answer) -> Result<Vec<Finding>, client::Error> {
    let page = client.get("/").send().await?;
    let second = client.get("/").send().await?;
    let without_slash = site::ask_without_slash(client).await?;
    let file = match pages::first_file(&page) {
        Some(path) => Some(pages::ask_file(client, &path).await?),
        None => None,
    };
    let compression = match &file {
        Some(file) => pages::judge_compression(file),
        None => Check::Compression.skipped("The page names no files."),
    };
    Ok(vec![
        encryption::judge_hsts(value(page.headers(), "strict-transport-security"), &client.site),
        site::judge_folder(&page, without_slash.as_ref(), &client.site),
        pages::judge_page_headers(&page),
        compression,
        pages::judge_caching([&page, &second], api, file.as_ref()),
    ])
}

async fn examine_addresses(
    client: &Client,
    local: std::net::IpAddr,
    remote: std::net::IpAddr,
) -> Result<Vec<Finding>, client::Error> {
    let mut findings = match addresses::ask(client, local, remote).await? {
        Some(seen) => {
            vec![addresses::judge_site_url(&seen, &client.site), addresses::judge_client_address(&seen)]
        }
        None => [Check::SiteUrl, Check::ClientAddress].map(addresses::judge_unanswered).into(),
    };
    let posted = addresses::post_as_page(client).await?;
    findings.push(addresses::judge_origin(posted.status(), posted.body()));
    Ok(findings)
}

async fn examine_chat(client: &Client, chat: &OwnChat, examination: &Examination) -> Vec<Finding> {
    let large = match chat.post_large_text(client).await {
        Ok(answer) => chat::judge_large_post(answer.status(), answer.body()),
        Err(error) => Check::LargePost.fault(format!("A message of 16 KiB does not arrive: {error}.")),
    };
    let seen = streams::follow(client, chat, examination.event_time, examination.idle_time).await;
    let idle = match examination.idle_time {
        Some(_) => streams::judge_idle(&seen.idle),
        None => Check::IdleStreams.skipped("Not checked with --quick, because it takes 40 seconds."),
    };
    vec![large, streams::judge_socket(&seen.socket), streams::judge_events(&seen.events), idle]
}
