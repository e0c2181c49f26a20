//! The site in a folder of its host: every link starts with the folder, and the addresses in redirects and pages are
//! relative to the reader's address.

mod links;
mod pages;

use serde_json::Value;

use crate::app::{Call, Options, TestApp};

pub const FOLDER: &str = "/some/path";
pub const SITE: &str = "https://chat.example/some/path";
pub const PROXY: &str = "127.0.0.1/32";

pub fn published() -> TestApp {
    TestApp::with(Options { public_url: Some(SITE), ..Options::default() })
}

/// An app behind a proxy that sends the site's address.
pub fn proxied() -> TestApp {
    TestApp::with(Options { trusted_proxies: &[PROXY], ..Options::default() })
}

/// Headers that are added to a call on its way.
pub type AddHeaders = fn(Call<'_>) -> Call<'_>;

/// The same site, reached in each possible way.
pub fn sites() -> [(TestApp, AddHeaders); 3] {
    [(TestApp::new(), unchanged), (published(), unchanged), (proxied(), forwarded)]
}

/// Adds the headers of such a proxy to a call.
pub fn forwarded(call: Call<'_>) -> Call<'_> {
    forwarded_from(call, FOLDER)
}

pub fn forwarded_from<'a>(call: Call<'a>, prefix: &str) -> Call<'a> {
    call.header("x-forwarded-prefix", prefix)
        .header("x-forwarded-host", "chat.example")
        .header("x-forwarded-proto", "https")
}

pub fn unchanged(call: Call<'_>) -> Call<'_> {
    call
}

pub fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}
