//! Whether the URL leads to Watch Party, in its folder, and what time its host has.

use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use axum::http::header::{DATE, LOCATION};
use serde_json::Value;

use super::report::{Check, Finding};
use crate::cli::address::SiteAddress;
use crate::cli::client::{Answer, Client, Error};
use crate::wire::Health;

/// Differences of the clocks that deserve advice, and that are a fault. `Date` has whole seconds, and sessions and
/// certificates last for hours.
const SKEW_ADVICE: Duration = Duration::from_secs(5);
const SKEW_FAULT: Duration = Duration::from_mins(1);

/// Judges the answers to `/healthz` and `/openapi.json`.
pub(super) fn judge_reachable(health: &Answer, document: &Answer, site: &SiteAddress) -> Finding {
    let check = Check::Reachable;
    let status = health.status();
    let is_health = serde_json::from_slice::<Health>(health.body()).is_ok_and(|health| health.status == "ok");
    let title = serde_json::from_slice::<Value>(document.body()).ok();
    let is_watch_party = title.is_some_and(|document| document["info"]["title"] == "Watch Party");
    if status.is_success() && is_health && is_watch_party {
        return check.fine("The site is Watch Party.");
    }
    if status.is_redirection() {
        let location =
            health.headers().get(LOCATION).and_then(|location| location.to_str().ok()).unwrap_or("elsewhere");
        let target = location.strip_suffix("/healthz").unwrap_or(location);
        return check.fault(format!("The site redirects to {target}. Give the doctor the URL that visitors see."));
    }
    let fault =
        if matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT) {
            check.fault(format!("The proxy answers {status}: it cannot reach the program. Does the program run?"))
        } else {
            check.fault(format!("GET /healthz gets {status}, and not the answer of Watch Party."))
        };
    let location = format!("location {}/ {{ proxy_pass http://127.0.0.1:3000/; … }}", site.folder());
    match site.folder() {
        "" => fault.nginx(location).caddy("reverse_proxy 127.0.0.1:3000"),
        folder => {
            fault.nginx(location).caddy(format!("handle_path {folder}/* {{ reverse_proxy 127.0.0.1:3000 {{ … }} }}"))
        }
    }
}

/// What the folder's address answers without its slash: the status, and the redirect's target.
pub(super) type WithoutSlash = (StatusCode, Option<String>);

pub(super) async fn ask_without_slash(client: &Client) -> Result<Option<WithoutSlash>, Error> {
    let folder = client.site.folder();
    if folder.is_empty() {
        return Ok(None);
    }
    let answer = client.get("").at(folder).send().await?;
    let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let target = location.and_then(|location| client.site.resolve(location)).map(|target| target.to_string());
    Ok(Some((answer.status(), target)))
}

/// Judges the start page and the folder's address without its slash.
pub(super) fn judge_folder(page: &Answer, without_slash: Option<&WithoutSlash>, site: &SiteAddress) -> Finding {
    let check = Check::Folder;
    let (status, folder) = (page.status(), site.folder());
    let is_page = page.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if status != StatusCode::OK || !is_page {
        return check
            .fault(format!("The start page at {}/ gets {status}.", site.site_url()))
            .nginx(format!("location {folder}/ {{ proxy_pass http://127.0.0.1:3000/; … }}"));
    }
    let own = format!("{}/", site.site_url());
    match without_slash {
        None => check.fine("The site has its own host."),
        Some((status, Some(target))) if status.is_redirection() && *target == own => {
            check.fine(format!("The site is in {folder}/, and {folder} redirects there."))
        }
        Some((status, Some(target))) if status.is_redirection() => check
            .fault(format!("{folder} redirects to {target}, which is not the site."))
            .nginx("absolute_redirect off;"),
        Some((status, _)) => check
            .advice(format!("{folder} without its slash gets {status}."))
            .nginx(format!("location = {folder} {{ return 301 {folder}/; }}"))
            .caddy(format!("redir {folder} {folder}/")),
    }
}

/// Judges `Date` of an answer that was received at `now`.
pub(super) fn judge_clock(answer: &Answer, now: SystemTime) -> Finding {
    let check = Check::Clock;
    let date = answer.headers().get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let Some(date) = date else {
        return check.skipped("The answer has no Date.");
    };
    let skew = now.duration_since(date).unwrap_or_else(|error| error.duration());
    let seconds = skew.as_secs();
    if skew > SKEW_FAULT {
        return check.fault(format!(
            "The clocks of the site and of this machine differ by {seconds} seconds. Synchronize both (timedatectl \
             set-ntp true)."
        ));
    }
    if skew > SKEW_ADVICE {
        return check.advice(format!("The clocks of the site and of this machine differ by {seconds} seconds."));
    }
    check.fine("The clocks of the site and of this machine agree.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::Verdict;
    use axum::body::Bytes;
    use axum::http::Response;

    fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> Answer {
        let answer = headers.iter().fold(Response::builder(), |answer, (name, value)| answer.header(*name, *value));
        answer.status(status).body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn only_watch_party_is_watch_party() {
        let site = SiteAddress::parse("https://chat.example").unwrap();
        let (health, document) = (r#"{"status":"ok"}"#, r#"{"info":{"title":"Watch Party"}}"#);
        for (status, health, document, verdict) in [
            (200, health, document, Verdict::Fine),
            (200, "ok", document, Verdict::Fault),
            (200, health, "{}", Verdict::Fault),
            (502, "", "", Verdict::Fault),
            (301, "", "", Verdict::Fault),
        ] {
            let finding = judge_reachable(&answer(status, &[], health), &answer(status, &[], document), &site);
            assert_eq!(finding.verdict, verdict, "{finding:?}");
        }
    }

    #[test]
    fn clocks_may_differ_by_a_few_seconds() {
        let date = "Tue, 01 Dec 2026 00:00:00 GMT";
        let sent = httpdate::parse_http_date(date).unwrap();
        for (seconds, verdict) in [(0, Verdict::Fine), (6, Verdict::Advice), (61, Verdict::Fault)] {
            for now in [sent + Duration::from_secs(seconds), sent - Duration::from_secs(seconds)] {
                assert_eq!(judge_clock(&answer(200, &[("date", date)], ""), now).verdict, verdict, "{seconds}");
            }
        }
    }

    #[test]
    fn a_folder_s_address_without_its_slash_redirects_to_the_site() {
        let site = SiteAddress::parse("https://example.org/talk").unwrap();
        let page = answer(200, &[("content-type", "text/html; charset=utf-8")], "");
        let redirect = |target: &str| (StatusCode::MOVED_PERMANENTLY, Some(target.to_owned()));
        for (without_slash, verdict) in [
            (redirect("https://example.org/talk/"), Verdict::Fine),
            (redirect("http://example.org:8080/talk/"), Verdict::Fault),
            ((StatusCode::NOT_FOUND, None), Verdict::Advice),
        ] {
            assert_eq!(judge_folder(&page, Some(&without_slash), &site).verdict, verdict, "{without_slash:?}");
        }
        assert_eq!(judge_folder(&answer(404, &[], ""), None, &site).verdict, Verdict::Fault);
    }
}
