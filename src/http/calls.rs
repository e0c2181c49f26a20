//! Both forms of every path: each call works with and without a trailing slash, and a 405 names the methods that the
//! address supports. For each address, also which methods pages of other origins may use, and whether it is a page.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse as _, Response};
use matchit::Router as Paths;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, PathItem};

use super::cors;
use super::openapi;
use super::problem::Failure;
use crate::metrics::{Requests, Route};
use crate::wire::{Code, Problem};

/// The methods that an address may support, in the order in which a 405 names them.
pub(super) const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The paths of the document, of the pages and of the server functions.
#[derive(Debug)]
pub(super) struct Calls {
    paths: Paths<Known>,
    /// The route of all other paths.
    unknown: Arc<Route>,
}

/// One of the paths.
#[derive(Debug)]
struct Known {
    route: Arc<Route>,
    methods: Vec<Method>,
    /// Those of the methods that pages of other origins may use.
    open: Vec<Method>,
    /// Whether its answers are pages or documents, which cost more than others.
    is_page: bool,
}

/// An address that is not among the calls of the document.
pub(super) struct Other {
    pub(super) pattern: String,
    pub(super) methods: Vec<Method>,
    pub(super) is_page: bool,
}

/// The result of looking up a requested path.
pub(super) struct Address<'a> {
    /// The route of the path that the request is routed to; the one with the pattern `-` for a path that is not known.
    pub(super) route: Arc<Route>,
    /// The other form of the path, if the request must be routed there.
    pub(super) path: Option<String>,
    /// Methods that the other form supports in addition.
    pub(super) others: &'a [Method],
    /// Whether it is a page or a document; `None` if the path is not known.
    pub(super) is_page: Option<bool>,
    /// Whether a page of another origin may read the answer.
    pub(super) is_open: bool,
}

impl Calls {
    /// The calls of `document`, and `others` with their methods, also work at the other form of their paths, with or
    /// without the trailing slash. [`axum::extract::OriginalUri`] keeps the requested address.
    pub(super) fn new(document: &OpenApi, others: impl IntoIterator<Item = Other>, requests: &Requests) -> Self {
        let mut paths = Paths::new();
        let calls = document.paths.paths.iter().map(|(path, item)| {
            let is_page = path == openapi::PATH;
            (path.clone(), methods(item, |_| true), methods(item, cors::is_open), is_page)
        });
        let others = others.into_iter().map(|Other { pattern, methods, is_page }| (pattern, methods, vec![], is_page));
        for (pattern, methods, open, is_page) in calls.chain(others) {
            let known = Known { route: requests.with_pattern(&pattern), methods, open, is_page };
            paths.insert(pattern, known).expect("the router has taken the same paths");
        }
        Self { paths, unknown: requests.with_pattern("-") }
    }

    /// Looks up `path`. If both of its forms are routed, the one with fewer parameters wins. If both have as many, the
    /// form that supports `method` wins, and the requested form if both do.
    pub(super) fn find(&self, path: &str, method: &Method) -> Address<'_> {
        let Forms { routed, path: form, others } = self.forms(path, method);
        let is_open = match routed {
            Some(known) if known.methods.contains(method) => known.open.contains(method),
            // The refusal of a method that no form supports.
            Some(_) => !self.open_methods(path).is_empty(),
            None => cors::is_within_open_calls(path),
        };
        Address {
            route: Arc::clone(routed.map_or(&self.unknown, |known| &known.route)),
            path: form,
            others,
            is_page: routed.map(|known| known.is_page),
            is_open,
        }
    }

    /// The methods that pages of other origins may use at `path`.
    pub(super) fn open_methods(&self, path: &str) -> Vec<Method> {
        let is_open = |method: &Method| match self.forms(path, method).routed {
            Some(known) => known.open.contains(method),
            // The answer is 404, which the page must be able to read.
            None => cors::is_within_open_calls(path),
        };
        METHODS.into_iter().filter(is_open).collect()
    }

    /// Finds the form of `path` that a request is routed to.
    fn forms(&self, path: &str, method: &Method) -> Forms<'_> {
        let known = |path: &str| self.paths.at(path).ok().map(|found| (found.params.len(), found.value));
        let own = known(path);
        let asked = Forms { routed: own.map(|(_, own)| own), path: None, others: &[] };
        let Some(form) = other_form(path) else { return asked };
        let Some((parameters, other)) = known(&form) else { return asked };
        match own {
            Some((own_parameters, _)) if own_parameters < parameters => asked,
            Some((own_parameters, own)) if own_parameters == parameters => {
                if !other.methods.contains(method) || own.methods.contains(method) {
                    return Forms { others: &other.methods, ..asked };
                }
                Forms { routed: Some(other), path: Some(form), others: &other.methods }
            }
            _ => Forms { routed: Some(other), path: Some(form), others: &[] },
        }
    }
}

/// The form of a path that a request is routed to.
struct Forms<'a> {
    routed: Option<&'a Known>,
    /// That form, if it is not the requested one.
    path: Option<String>,
    others: &'a [Method],
}

fn methods(item: &PathItem, is_meant: impl Fn(&Operation) -> bool) -> Vec<Method> {
    let documented = [&item.get, &item.get, &item.post, &item.put, &item.patch, &item.delete];
    let calls = METHODS.into_iter().zip(documented);
    calls.filter_map(|(method, call)| call.as_ref().is_some_and(&is_meant).then_some(method)).collect()
}

/// Adds a slash to the end of `path`, or removes it. `None` for the root, and for a path that ends in two slashes.
fn other_form(path: &str) -> Option<String> {
    match path.strip_suffix('/') {
        Some(without) if without.is_empty() || without.ends_with('/') => None,
        Some(without) => Some(without.to_owned()),
        None => Some(format!("{path}/")),
    }
}

pub(super) fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{path}{query}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Rewrites a 405 to name the supported methods: those that the router allows, and `others`.
pub(super) fn name_methods(refusal: &Response, others: &[Method]) -> Response {
    let allowed = allowed(refusal.headers());
    let known = METHODS.into_iter().filter(|method| others.contains(method) || allowed.contains(method));
    let known: Vec<Method> = known.collect();
    let detail = match &*known {
        [] => "This address supports no method.".to_owned(),
        [only] => format!("This address supports only {only}."),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(Method::as_str).collect();
            format!("This address supports only {} and {last}.", first.join(", "))
        }
    };
    let mut answer = Failure(Problem::new(Code::MethodNotAllowed, detail)).into_response();
    let known = known.iter().map(Method::as_str).collect::<Vec<_>>().join(",");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::try_from(known).expect("methods are ASCII"));
    let rest = refusal.headers().iter().filter(|(name, _)| *name != header::CONTENT_LENGTH);
    for (name, value) in rest {
        answer.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    answer
}

fn allowed(headers: &HeaderMap) -> Vec<Method> {
    let names = headers.get(header::ALLOW).and_then(|names| names.to_str().ok()).unwrap_or_default();
    names.split(',').filter_map(|name| name.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_another_form_unless_it_is_the_root_or_ends_in_two_slashes() {
        for (path, other) in [("/a", Some("/a/")), ("/a/", Some("/a")), ("/", None), ("//", None), ("/a//", None)] {
            assert_eq!(other_form(path).as_deref(), other, "{path}");
        }
    }
}
