//! Both forms of every path: each call works with and without a trailing slash, and a 405 names the methods that the
//! address supports.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse as _, Response};
use matchit::Router as Paths;
use utoipa::openapi::{OpenApi, PathItem};

use super::problem::Failure;
use crate::wire::{Code, Problem};

/// The methods that an address may support, in the order in which a 405 names them.
const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The paths of the document, of the pages and of the server functions.
#[derive(Debug)]
pub(super) struct Calls {
    paths: Paths<Known>,
    /// The pattern of all other paths.
    unknown: Arc<str>,
}

/// One of the paths.
#[derive(Debug)]
struct Known {
    pattern: Arc<str>,
    methods: Vec<Method>,
}

/// The result of looking up a requested path.
pub(super) struct Address<'a> {
    /// The pattern of the path that the request is routed to, as `/{chat_id}`; `-` for a path that is not known.
    pub(super) route: Arc<str>,
    /// The other form of the path, if the request must be routed there.
    pub(super) path: Option<String>,
    /// Methods that the other form supports in addition.
    pub(super) others: &'a [Method],
}

impl Calls {
    /// The calls of `document`, and `others` with their methods, also work at the other form of their paths, with or
    /// without the trailing slash. [`axum::extract::OriginalUri`] keeps the requested address.
    pub(super) fn new(document: &OpenApi, others: impl IntoIterator<Item = (String, Vec<Method>)>) -> Self {
        let mut paths = Paths::new();
        let calls = document.paths.paths.iter().map(|(path, item)| (path.clone(), methods(item)));
        for (pattern, methods) in calls.chain(others) {
            let known = Known { pattern: pattern.as_str().into(), methods };
            paths.insert(pattern, known).expect("the router has taken the same paths");
        }
        Self { paths, unknown: "-".into() }
    }

    /// Looks up `path`. If both of its forms are routed, the one with fewer parameters wins. If both have as many, the
    /// form that supports `method` wins, and the requested form if both do.
    pub(super) fn find(&self, path: &str, method: &Method) -> Address<'_> {
        let known = |path: &str| self.paths.at(path).ok().map(|found| (found.params.len(), found.value));
        let own = known(path);
        let asked = Address {
            route: own.map_or_else(|| Arc::clone(&self.unknown), |(_, own)| Arc::clone(&own.pattern)),
            path: None,
            others: &[],
        };
        let Some(form) = other_form(path) else { return asked };
        let Some((parameters, other)) = known(&form) else { return asked };
        match own {
            Some((own_parameters, _)) if own_parameters < parameters => asked,
            Some((own_parameters, own)) if own_parameters == parameters => {
                if !other.methods.contains(method) || own.methods.contains(method) {
                    return Address { others: &other.methods, ..asked };
                }
                Address { route: Arc::clone(&other.pattern), path: Some(form), others: &other.methods }
            }
            _ => Address { route: Arc::clone(&other.pattern), path: Some(form), others: &[] },
        }
    }
}

fn methods(item: &PathItem) -> Vec<Method> {
    let documented = [&item.get, &item.get, &item.post, &item.put, &item.patch, &item.delete];
    METHODS.into_iter().zip(documented).filter_map(|(method, call)| call.is_some().then_some(method)).collect()
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
