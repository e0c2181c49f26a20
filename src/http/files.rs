//! The files that pages load: in the program's memory, or on the disk while `cargo leptos watch` rewrites them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::IntoResponse as _;
use axum::routing::get_service;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headers::{ContentRange, ETag, HeaderMapExt as _, IfNoneMatch, IfRange};
use http_range_header::parse_range_header;
use sha2::{Digest as _, Sha256};
use tower_http::services::{ServeDir, ServeFile};

use super::AppState;

/// A file keeps its content under a name with the content's hash, so that a browser need not ask again.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Another name may have other content after an upgrade. A browser may store it, but must ask whether it is current.
pub(super) const ASK_FIRST: HeaderValue = HeaderValue::from_static("no-cache");

/// What tells search engines to stay away.
const ROBOTS: &str = "/robots.txt";
/// The paths of the files.
pub(super) const FILES: [&str; 3] = ["/pkg/{*file}", "/assets/{*file}", ROBOTS];

/// The folder of files that pages name by their hash.
const HASHED: &str = "pkg/";
/// Length of the hash in a name, in characters: 72 bits.
const HASH_LENGTH: usize = 12;

/// What compressed files are called beside the original, and their content coding; the best first.
const CODINGS: [(&str, &str); 2] = [(".br", "br"), (".gz", "gzip")];

/// The files of the site. Clones share everything.
#[derive(Clone, Debug, Default)]
pub enum SiteFiles {
    /// In the folder that Leptos's settings name, under their own names.
    #[default]
    OnDisk,
    InMemory(Arc<MemoryFiles>),
}

/// Files in memory, each with its headers.
#[derive(Debug)]
pub struct MemoryFiles {
    /// By the path in the address, which begins with a slash.
    by_path: HashMap<String, Arc<File>>,
    addresses: Arc<HashMap<String, String>>,
}

#[derive(Debug)]
struct File {
    /// The compressed forms, the best first, and then the file itself.
    forms: Vec<Form>,
}

/// One encoding of a file.
#[derive(Debug)]
struct Form {
    coding: Option<&'static str>,
    content: Bytes,
    etag: ETag,
    /// The headers of every answer with this form.
    headers: HeaderMap,
    /// Those of the answer with all of it.
    complete: HeaderMap,
}

impl SiteFiles {
    /// Takes the files of a site, each with its path, such as `pkg/app.js`. A path with `.br` or `.gz` at its end is the
    /// compressed form of another.
    pub fn in_memory(files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>) -> Self {
        let files: HashMap<String, Cow<'static, [u8]>> = files.into_iter().collect();
        let (mut by_path, mut addresses) = (HashMap::new(), HashMap::new());
        let is_original = |path: &str| !CODINGS.iter().any(|(end, _)| path.ends_with(end));
        for (path, content) in files.iter().filter(|(path, _)| is_original(path)) {
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(content));
            let hash = &hash[..HASH_LENGTH];
            let compressed = CODINGS
                .into_iter()
                .filter_map(|(end, coding)| files.get(&format!("{path}{end}")).map(|content| (Some(coding), content)));
            let forms: Vec<_> = compressed.chain([(None, content)]).collect();
            let file = |is_hashed| {
                let forms =
                    forms.iter().map(|(coding, content)| Form::new(path, hash, is_hashed, *coding, (*content).clone()));
                Arc::new(File { forms: forms.collect() })
            };
            if path.starts_with(HASHED) {
                let hashed = hashed_name(path, hash);
                by_path.insert(format!("/{hashed}"), file(true));
                addresses.insert(path.clone(), hashed);
            }
            by_path.insert(format!("/{path}"), file(false));
        }
        Self::InMemory(Arc::new(MemoryFiles { by_path, addresses: Arc::new(addresses) }))
    }

    /// Serves the files that are on the disk, below `site`.
    pub(super) fn routes(&self, site: &Path) -> Router<AppState> {
        if matches!(self, Self::InMemory(_)) {
            return Router::new();
        }
        let files = |folder: &str| {
            let files = ServeDir::new(site.join(folder)).precompressed_br().precompressed_gzip();
            get_service(files.append_index_html_on_directories(false)).layer(middleware::from_fn(refuse_long_paths))
        };
        Router::new()
            .nest_service("/pkg", files("pkg"))
            .nest_service("/assets", files("assets"))
            .route_service(ROBOTS, ServeFile::new(site.join("robots.txt")))
    }

    /// The addresses by which pages name the files, where these differ from the files' paths.
    pub(super) fn addresses(&self) -> Arc<HashMap<String, String>> {
        match self {
            Self::OnDisk => Arc::default(),
            Self::InMemory(files) => Arc::clone(&files.addresses),
        }
    }

    /// Returns the answer to a request for a file in memory; `None` if the request is for something else.
    pub(super) fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
        let Self::InMemory(files) = self else { return None };
        let is_read = *method == Method::GET || *method == Method::HEAD;
        let file = files.by_path.get(path).filter(|_| is_read)?;
        Some(file.answer(headers))
    }
}

/// Puts the hash before the extension: `pkg/app.js` becomes `pkg/app.<hash>.js`.
fn hashed_name(path: &str, hash: &str) -> String {
    match path.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{hash}.{extension}"),
        None => format!("{path}.{hash}"),
    }
}

impl File {
    fn answer(&self, asked: &HeaderMap) -> Response<Body> {
        let form = self.form_for(asked);
        if asked.typed_get::<IfNoneMatch>().is_some_and(|known| !known.precondition_passes(&form.etag)) {
            return Form::answer(StatusCode::NOT_MODIFIED, form.headers.clone(), Bytes::new());
        }
        let is_current = asked.typed_get::<IfRange>().is_none_or(|range| !range.is_modified(Some(&form.etag), None));
        match asked.get(header::RANGE).and_then(|range| range.to_str().ok()).filter(|_| is_current) {
            Some(range) => form.part(range),
            None => form.whole(),
        }
    }

    /// The best form that the client accepts.
    fn form_for(&self, asked: &HeaderMap) -> &Form {
        let accepted = asked.get(header::ACCEPT_ENCODING).and_then(|codings| codings.to_str().ok()).unwrap_or_default();
        let is_accepted = |form: &&Form| form.coding.is_none_or(|coding| accepts(accepted, coding));
        self.forms.iter().find(is_accepted).unwrap_or(&self.forms[self.forms.len() - 1])
    }
}

impl Form {
    fn new(path: &str, hash: &str, is_hashed: bool, coding: Option<&'static str>, content: Cow<'static, [u8]>) -> Self {
        let content = match content {
            Cow::Borrowed(content) => Bytes::from_static(content),
            Cow::Owned(content) => content.into(),
        };
        let mark = coding.map(|coding| format!("-{coding}")).unwrap_or_default();
        let etag = HeaderValue::try_from(format!("\"{hash}{mark}\"")).expect("base64 is ASCII");
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, etag);
        headers.insert(header::CACHE_CONTROL, if is_hashed { FOR_EVER } else { ASK_FIRST });
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        let mut complete = headers.clone();
        complete.insert(header::CONTENT_TYPE, content_type(path));
        complete.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        complete.insert(header::CONTENT_LENGTH, content.len().into());
        if let Some(coding) = coding {
            complete.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        let etag = headers.typed_get().expect("a quoted text is a tag");
        Self { coding, content, etag, headers, complete }
    }

    fn answer(status: StatusCode, headers: HeaderMap, content: Bytes) -> Response<Body> {
        let mut response = Response::new(Body::from(content));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// The answer to a request for a part. Asked for several parts, or in another unit, it is all of the file, as the
    /// standard allows (RFC 9110, section 14.2).
    fn part(&self, range: &str) -> Response<Body> {
        let length = self.content.len() as u64;
        match parse_range_header(range).map(|ranges| ranges.validate(length)) {
            Ok(Ok(ranges)) if ranges.len() == 1 => {
                let part = ranges.into_iter().next().unwrap_or(0..=0);
                let mut headers = self.complete.clone();
                headers.typed_insert(ContentRange::bytes(part.clone(), length).expect("the range is within the file"));
                let [first, last] = [*part.start(), *part.end()].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
                headers.insert(header::CONTENT_LENGTH, (last - first + 1).into());
                Self::answer(StatusCode::PARTIAL_CONTENT, headers, self.content.slice(first..=last))
            }
            Ok(Err(_)) => {
                let mut headers = self.headers.clone();
                headers.typed_insert(ContentRange::unsatisfied_bytes(length));
                Self::answer(StatusCode::RANGE_NOT_SATISFIABLE, headers, Bytes::new())
            }
            Ok(Ok(_)) | Err(_) => self.whole(),
        }
    }

    fn whole(&self) -> Response<Body> {
        Self::answer(StatusCode::OK, self.complete.clone(), self.content.clone())
    }
}

/// Whether `accepted`, the value of `Accept-Encoding`, names `coding` and does not exclude it with a weight of 0.
fn accepts(accepted: &str, coding: &str) -> bool {
    let is_excluded = |parameters: &str| {
        let weight = parameters.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        weight == Some(0.0)
    };
    accepted.split(',').any(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        name.trim().eq_ignore_ascii_case(coding) && !is_excluded(parameters)
    })
}

fn content_type(path: &str) -> HeaderValue {
    let guessed = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
    let is_text = guessed.starts_with("text/");
    let value = if is_text { format!("{guessed}; charset=utf-8") } else { guessed.to_owned() };
    HeaderValue::try_from(value).expect("a media type is ASCII")
}

/// Longer than the path of any file of the pages, and the maximum length of a file name on every disk.
const LONGEST_PATH: usize = 255;

/// Refuses a path that is too long for any file. Looking for it would be an error of the disk, and not a missing file.
async fn refuse_long_paths(request: Request, next: Next) -> Response<Body> {
    if request.uri().path().len() > LONGEST_PATH {
        return StatusCode::NOT_FOUND.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    const CODE: &[u8] = b"let answer = 42;";

    fn site() -> SiteFiles {
        let files: [(&str, &'static [u8]); 4] = [
            ("pkg/app.js", CODE),
            ("pkg/app.js.br", b"br"),
            ("pkg/app.js.gz", b"gzip"),
            ("assets/icon.svg", b"<svg/>"),
        ];
        SiteFiles::in_memory(files.map(|(path, content)| (path.to_owned(), Cow::Borrowed(content))))
    }

    fn ask(path: &str, headers: &[(HeaderName, &str)]) -> Option<Response<Body>> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        site().answer(&Method::GET, path, &headers)
    }

    fn got<'a>(answer: &'a Response<Body>, name: &HeaderName) -> &'a str {
        answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    async fn content(answer: Response<Body>) -> Bytes {
        axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap()
    }

    #[tokio::test]
    async fn a_file_is_kept_for_ever_under_the_name_with_its_hash_alone() {
        let hashed = &site().addresses()["pkg/app.js"];
        let hash = hashed.strip_prefix("pkg/app.").and_then(|rest| rest.strip_suffix(".js")).unwrap();
        assert_eq!(hash.len(), HASH_LENGTH);
        let answer = ask(&format!("/{hashed}"), &[]).unwrap();
        assert_eq!(got(&answer, &header::CACHE_CONTROL), "public, max-age=31536000, immutable");
        assert_eq!(got(&answer, &header::CONTENT_TYPE), "text/javascript; charset=utf-8");
        assert_eq!(content(answer).await, CODE);
        let answer = ask("/pkg/app.js", &[]).unwrap();
        assert_eq!(got(&answer, &header::CACHE_CONTROL), "no-cache");
        assert_eq!(site().addresses().len(), 1);
        assert!(ask("/pkg/app.000000000000.js", &[]).is_none() && ask("/pkg/app.js.br", &[]).is_none());
    }

    #[tokio::test]
    async fn the_best_form_that_the_client_accepts_is_sent() {
        let sent = [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip", "gzip"),
            ("GZIP;q=0.5", "gzip"),
            ("br;q=0, gzip", "gzip"),
            ("br; q=0.000", ""),
            ("deflate", ""),
            ("", ""),
        ];
        for (accepted, coding) in sent {
            let answer = ask("/pkg/app.js", &[(header::ACCEPT_ENCODING, accepted)]).unwrap();
            assert_eq!(got(&answer, &header::CONTENT_ENCODING), coding, "{accepted}");
            assert_eq!(got(&answer, &header::VARY), "accept-encoding");
            let expected = if coding.is_empty() { CODE } else { coding.as_bytes() };
            assert_eq!(content(answer).await, expected, "{accepted}");
        }
        let icon = ask("/assets/icon.svg", &[(header::ACCEPT_ENCODING, "br")]).unwrap();
        assert_eq!(got(&icon, &header::CONTENT_ENCODING), "");
    }

    #[tokio::test]
    async fn a_form_that_the_client_has_is_not_sent_again() {
        let plain = ask("/pkg/app.js", &[]).unwrap();
        let plain = got(&plain, &header::ETAG);
        let known = [(plain, 304), ("*", 304), ("\"other\"", 200), ("\"other\", W/PLAIN", 304)];
        for (known, status) in known {
            let known = known.replace("PLAIN", plain);
            let answer = ask("/pkg/app.js", &[(header::IF_NONE_MATCH, &known)]).unwrap();
            assert_eq!(answer.status(), status, "{known}");
            assert_eq!(got(&answer, &header::ETAG), plain);
        }
        let other = ask("/pkg/app.js", &[(header::IF_NONE_MATCH, plain), (header::ACCEPT_ENCODING, "br")]).unwrap();
        assert_eq!(other.status(), 200, "each form has a tag of its own");
    }

    #[tokio::test]
    async fn a_part_is_sent_if_the_file_is_still_the_same() {
        let etag = ask("/pkg/app.js", &[]).unwrap();
        let etag = got(&etag, &header::ETAG);
        let parts = [
            ("bytes=4-9", "", 206, "answer", "bytes 4-9/16"),
            ("bytes=11-", "", 206, "= 42;", "bytes 11-15/16"),
            ("bytes=-3", "", 206, "42;", "bytes 13-15/16"),
            ("bytes=10-99", "", 206, " = 42;", "bytes 10-15/16"),
            ("bytes=9-4", "", 416, "", "bytes */16"),
            ("bytes=x", "", 200, "let answer = 42;", ""),
            ("bytes=4-9", etag, 206, "answer", "bytes 4-9/16"),
            ("bytes=4-9", "\"other\"", 200, "let answer = 42;", ""),
            ("bytes=0-1,4-5", "", 200, "let answer = 42;", ""),
            ("lines=1-2", "", 200, "let answer = 42;", ""),
            ("bytes=16-", "", 416, "", "bytes */16"),
        ];
        for (range, if_range, status, text, named) in parts {
            let condition = (!if_range.is_empty()).then_some((header::IF_RANGE, if_range));
            let headers: Vec<_> = condition.into_iter().chain([(header::RANGE, range)]).collect();
            let answer = ask("/pkg/app.js", &headers).unwrap();
            assert_eq!((answer.status().as_u16(), got(&answer, &header::CONTENT_RANGE)), (status, named), "{range}");
            assert_eq!(content(answer).await, text, "{range}");
        }
    }

    #[test]
    fn only_reading_a_file_is_answered_here() {
        let answer = |method| site().answer(&method, "/pkg/app.js", &HeaderMap::new());
        assert!(answer(Method::HEAD).is_some() && answer(Method::POST).is_none());
        assert!(SiteFiles::OnDisk.answer(&Method::GET, "/pkg/app.js", &HeaderMap::new()).is_none());
    }
}
