//! The pages and their files: headers, compression and caching, as the program sends them and the proxy passes them on.

use std::path::Path;

use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, StatusCode};

use super::report::{Check, Finding};
use crate::cli::client::{Answer, Client, Error};

/// The headers of each page, and a part of their values.
const PAGE_HEADERS: [(&str, &str); 5] = [
    ("content-security-policy", "'nonce-"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("x-request-id", ""),
];

/// Returns all values of the header, separated by commas in the order in which they were sent.
fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect()
}

/// Returns the value of the header if there is exactly one.
pub(super) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    match &*values(headers, name) {
        [value] => Some(value),
        _ => None,
    }
}

fn names(list: &[&str]) -> String {
    list.join(", ")
}

/// Returns the nonce of the page's policy.
fn nonce(page: &Answer) -> Option<&str> {
    let policy = value(page.headers(), CONTENT_SECURITY_POLICY.as_str())?;
    policy.split_once("'nonce-")?.1.split_once('\'').map(|(nonce, _)| nonce)
}

pub(super) fn judge_page_headers(page: &Answer) -> Finding {
    let check = Check::PageHeaders;
    let with = |is_wrong: &dyn Fn(&[&str], &str) -> bool| -> Vec<&str> {
        let wrong = PAGE_HEADERS.into_iter().filter(|(name, part)| is_wrong(&values(page.headers(), name), part));
        wrong.map(|(name, _)| name).collect()
    };
    let lines = |line: &str, names: &[&str]| names.iter().map(|name| format!("{line} {name}")).collect::<Vec<_>>();
    let missing = with(&|values, _| values.is_empty());
    if !missing.is_empty() {
        return check
            .fault(format!("The proxy removes {} from pages.", names(&missing)))
            .nginx(format!("remove {};", lines("proxy_hide_header", &missing).join("; ")))
            .caddy(format!("remove {}", lines("header_down -", &missing).join(", ").replace("- ", "-")));
    }
    let replaced = with(&|values, part| !values.iter().any(|value| value.contains(part)));
    if !replaced.is_empty() {
        return check
            .fault(format!("The proxy replaces {} of pages.", names(&replaced)))
            .nginx(format!("remove {} …;", lines("add_header", &replaced).join(" …; ")))
            .caddy(format!("remove {} …", lines("header", &replaced).join(" …, ")));
    }
    let repeated = with(&|values, _| values.len() > 1);
    if !repeated.is_empty() {
        let finding = if repeated.contains(&CONTENT_SECURITY_POLICY.as_str()) {
            check.fault("The proxy adds a second content-security-policy, which does not allow the page's scripts.")
        } else {
            check.advice(format!("The proxy repeats {}.", names(&repeated)))
        };
        return finding
            .nginx(format!("remove {} …;", lines("add_header", &repeated).join(" …; ")))
            .caddy(format!("remove {} …", lines("header", &repeated).join(" …, ")));
    }
    let page_text = String::from_utf8_lossy(page.body());
    if nonce(page).is_none_or(|nonce| !page_text.contains(&format!("nonce=\"{nonce}\""))) {
        return check
            .fault("The page's scripts do not have the nonce of its policy: the proxy rewrites or caches pages.");
    }
    check.fine("The security headers of pages arrive as the program sends them.")
}

/// Finds the first file of the page's code or style that `page` loads, relative to the site.
pub(super) fn first_file(page: &Answer) -> Option<String> {
    let text = std::str::from_utf8(page.body()).ok()?;
    let links = text.split("href=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(link, _)| link);
    let mut links = links.filter_map(|link| Some(link.split_once("pkg/")?.1));
    links
        .find(|name| Path::new(name).extension().is_some_and(|extension| extension == "css"))
        .map(|name| format!("/pkg/{name}"))
}

/// The answers to requests for a page's file.
pub(super) struct File {
    /// With the encodings that browsers accept from encrypted sites.
    pub(super) best: Answer,
    /// With gzip alone, which browsers accept from all sites.
    pub(super) gzip: Answer,
    /// With `If-None-Match`, if the first answer has an `ETag`.
    pub(super) again: Option<StatusCode>,
}

pub(super) async fn ask_file(client: &Client, path: &str) -> Result<File, Error> {
    let ask = |encodings: &'static str| client.get(path).header(ACCEPT_ENCODING, encodings);
    let best = ask("gzip, br").send().await?;
    let gzip = ask("gzip").send().await?;
    let again = match value(best.headers(), ETAG.as_str()) {
        Some(etag) => Some(ask("gzip, br").header(IF_NONE_MATCH, etag).send().await?.status()),
        None => None,
    };
    Ok(File { best, gzip, again })
}

/// Returns the encodings that were applied to the answer's body, in this order.
fn encodings(answer: &Answer) -> Vec<&str> {
    let values = values(answer.headers(), CONTENT_ENCODING.as_str());
    let encodings = values.into_iter().flat_map(|value| value.split(','));
    encodings.map(str::trim).filter(|encoding| *encoding != "identity").collect()
}

pub(super) fn judge_compression(file: &File) -> Finding {
    /// The first bytes of a gzip stream (RFC 1952).
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let check = Check::Compression;
    for answer in [&file.best, &file.gzip] {
        if answer.status() != StatusCode::OK {
            let status = answer.status();
            return check
                .fault(format!("A file of the page gets {status}. Does the program find its files?"))
                .watch_party("LEPTOS_SITE_ROOT with the path of the folder site");
        }
        if encodings(answer).len() > 1 {
            return check
                .fault(format!("The proxy compresses files again: {}.", names(&encodings(answer))))
                .nginx("gzip off;")
                .caddy("remove encode");
        }
    }
    let (best, gzip) = (encodings(&file.best), encodings(&file.gzip));
    if best.is_empty() || gzip.is_empty() {
        return check
            .fault("Files arrive uncompressed, so the page loads several times as many bytes.")
            .nginx("remove proxy_set_header Accept-Encoding \"\"; and gunzip on;")
            .caddy("remove header_up -Accept-Encoding");
    }
    if gzip != ["gzip"] || !file.gzip.body().starts_with(&GZIP) {
        return check.fault(format!("A browser that accepts only gzip gets {}.", names(&gzip)));
    }
    if best != ["br"] {
        return check
            .advice("Files arrive with gzip, although the program has smaller ones with brotli.")
            .nginx("proxy_set_header Accept-Encoding $http_accept_encoding;")
            .caddy("remove header_up Accept-Encoding");
    }
    check.fine("Files arrive with brotli or gzip, as the browser asks.")
}

/// Judges two copies of a page, an answer of the API, and a file.
pub(super) fn judge_caching(pages: [&Answer; 2], api: &Answer, file: Option<&File>) -> Finding {
    let check = Check::Caching;
    let cached = |answer: &Answer| values(answer.headers(), CACHE_CONTROL.as_str()).join(", ");
    if cached(api) != "no-store" {
        return check
            .fault(format!(
                "Answers of the API have Cache-Control '{}', and not 'no-store': others could read them in a cache.",
                cached(api)
            ))
            .nginx("remove expires, add_header Cache-Control and proxy_hide_header Cache-Control")
            .caddy("remove header Cache-Control");
    }
    let ids = pages.map(|page| value(page.headers(), "x-request-id"));
    if ids[0].is_some() && ids[0] == ids[1] {
        return check.fault("The proxy answers with a page that it stored.").nginx("proxy_cache off;");
    }
    if pages.iter().any(|page| cached(page) != "no-cache") {
        return check
            .fault(format!(
                "Pages have Cache-Control '{}', and not 'no-cache': browsers could show old pages.",
                cached(pages[0])
            ))
            .nginx("remove expires, add_header Cache-Control and proxy_hide_header Cache-Control")
            .caddy("remove header Cache-Control");
    }
    let Some(file) = file.filter(|file| file.best.status() == StatusCode::OK) else {
        return check.fine("Cache-Control arrives as the program sends it.");
    };
    match file.again {
        None => check
            .fault("Files arrive without ETag, so browsers load all of them on each visit.")
            .nginx("remove proxy_hide_header ETag; and etag off;")
            .caddy("remove header_down -ETag"),
        Some(StatusCode::NOT_MODIFIED) => check.fine("Browsers load a file again only if it has changed."),
        Some(status) => check
            .fault(format!("A browser that has the current file gets {status}, and not 304."))
            .nginx("remove proxy_set_header If-None-Match")
            .caddy("remove header_up -If-None-Match"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::Verdict;
    use axum::body::Bytes;
    use axum::http::Response;

    type Headers<'a> = &'a [(&'static str, &'a str)];

    fn answer(status: u16, headers: Headers<'_>, body: &[u8]) -> Answer {
        let answer = headers.iter().fold(Response::builder(), |answer, (name, value)| answer.header(*name, *value));
        answer.status(status).body(Bytes::copy_from_slice(body)).unwrap()
    }

    const PAGE: [(&str, &str); 6] = [
        ("content-security-policy", "default-src 'none'; script-src 'self' 'nonce-abc'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("x-request-id", "1"),
        ("cache-control", "no-cache"),
    ];
    const BODY: &[u8] = br#"<link href="pkg/watch-party.css"><script nonce="abc"></script>"#;

    #[test]
    fn security_headers_must_arrive_once_and_unchanged() {
        let with = |add: (&'static str, &'static str)| [&PAGE[..], &[add]].concat();
        let replace = |name: &'static str, value: &'static str| {
            let kept = PAGE.into_iter().filter(|header| header.0 != name);
            kept.chain([(name, value)]).collect::<Vec<_>>()
        };
        for (headers, body, verdict) in [
            (PAGE.to_vec(), BODY, Verdict::Fine),
            (PAGE[1..].to_vec(), BODY, Verdict::Fault),
            (with(("x-content-type-options", "nosniff")), BODY, Verdict::Advice),
            (with(("content-security-policy", "default-src 'self'")), BODY, Verdict::Fault),
            (replace("content-security-policy", "default-src *"), BODY, Verdict::Fault),
            (replace("x-frame-options", "ALLOWALL"), BODY, Verdict::Fault),
            (PAGE.to_vec(), br#"<script nonce="other"></script>"#, Verdict::Fault),
        ] {
            let finding = judge_page_headers(&answer(200, &headers, body));
            assert_eq!(finding.verdict, verdict, "{headers:?}: {finding:?}");
        }
    }

    #[test]
    fn the_page_names_its_files() {
        assert_eq!(first_file(&answer(200, &[], BODY)).as_deref(), Some("/pkg/watch-party.css"));
    }

    fn file(best: Headers<'_>, gzip: Headers<'_>) -> File {
        let (best, gzip) = (answer(200, best, b""), answer(200, gzip, &[0x1f, 0x8b]));
        File { best, gzip, again: Some(StatusCode::NOT_MODIFIED) }
    }

    #[test]
    fn files_must_be_compressed_once() {
        let [br, gzip, twice] = ["br", "gzip", "br, gzip"].map(|encoding| [("content-encoding", encoding)]);
        for (best, gzip, verdict) in [
            (&br[..], &gzip[..], Verdict::Fine),
            (&gzip, &gzip, Verdict::Advice),
            (&[], &gzip, Verdict::Fault),
            (&br, &[], Verdict::Fault),
            (&twice, &gzip, Verdict::Fault),
            (&br, &br, Verdict::Fault),
        ] {
            let finding = judge_compression(&file(best, gzip));
            assert_eq!(finding.verdict, verdict, "{best:?}: {finding:?}");
        }
    }

    #[test]
    fn caches_must_ask_and_must_not_keep_answers_of_the_api() {
        let page = |id: &str, cache: &str| answer(200, &[("x-request-id", id), ("cache-control", cache)], b"");
        let api = |cache: &str| answer(200, &[("cache-control", cache)], b"");
        let fresh = [page("1", "no-cache"), page("2", "no-cache")];
        let file = |again| File { again, ..file(&[], &[]) };
        let unchanged = Some(StatusCode::NOT_MODIFIED);
        for (pages, api, again, verdict) in [
            (&fresh, api("no-store"), unchanged, Verdict::Fine),
            (&fresh, api("max-age=60"), unchanged, Verdict::Fault),
            (&fresh, api("no-store"), None, Verdict::Fault),
            (&fresh, api("no-store"), Some(StatusCode::OK), Verdict::Fault),
            (&[page("1", "no-cache"), page("1", "no-cache")], api("no-store"), unchanged, Verdict::Fault),
            (&[page("1", "max-age=60"), page("2", "max-age=60")], api("no-store"), unchanged, Verdict::Fault),
        ] {
            let finding = judge_caching(pages.each_ref(), &api, Some(&file(again)));
            assert_eq!(finding.verdict, verdict, "{finding:?}");
        }
    }
}
