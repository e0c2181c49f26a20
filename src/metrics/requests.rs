//! Answered requests by route, method and status. The site finds a route's counters when it looks up the path, so that
//! counting a request costs three additions, and no search by text.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::Histogram;

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];
/// The statuses of the site's answers; any other counts as `other`.
const STATUSES: [u16; 24] = [
    200, 201, 202, 204, 101, 206, 301, 303, 304, 307, 400, 401, 403, 404, 405, 408, 409, 412, 413, 416, 422, 429, 500,
    503,
];

/// The requests of a service's sites. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    routes: Arc<Mutex<Vec<Arc<Route>>>>,
}

/// The requests to the paths of one pattern.
#[derive(Debug)]
pub struct Route {
    /// The pattern, such as `/{chat_id}`.
    pub pattern: Box<str>,
    /// One for each of [`METHODS`], from its first request on.
    calls: [OnceLock<Call>; METHODS.len()],
}

/// One method of a route.
#[derive(Debug)]
struct Call {
    /// One for each of [`STATUSES`], and one for others.
    statuses: [AtomicU64; STATUSES.len() + 1],
    durations: Histogram,
}

impl Requests {
    /// Returns the route with this pattern, and adds it if it is new.
    #[must_use]
    pub fn with_pattern(&self, pattern: &str) -> Arc<Route> {
        let mut routes = self.routes.lock();
        if let Some(route) = routes.iter().find(|route| *route.pattern == *pattern) {
            return Arc::clone(route);
        }
        let route = Arc::new(Route { pattern: pattern.into(), calls: Default::default() });
        routes.push(Arc::clone(&route));
        route
    }
}

impl Call {
    fn new() -> Self {
        Self { statuses: [const { AtomicU64::new(0) }; STATUSES.len() + 1], durations: Histogram::of_durations() }
    }
}

impl Route {
    /// Counts an answer, which took `duration` up to its head.
    pub fn count(&self, method: &Method, status: StatusCode, duration: Duration) {
        let Call { statuses, durations } = self.calls[position(method)].get_or_init(Call::new);
        let status = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len());
        statuses[status].fetch_add(1, Ordering::Relaxed);
        durations.observe_duration(duration);
    }
}

/// The method's name. A client may send any word as a method, so an unknown one is `other`.
#[must_use]
pub fn method_name(method: &Method) -> &'static str {
    METHODS[position(method)]
}

/// The position of `method` in [`METHODS`].
fn position(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::HEAD => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::PATCH => 4,
        Method::DELETE => 5,
        Method::OPTIONS => 6,
        _ => 7,
    }
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let routes = self.routes.lock().clone();
        let mut calls = Vec::new();
        for route in &routes {
            let used = METHODS.into_iter().zip(&route.calls).filter_map(|(method, call)| Some((method, call.get()?)));
            calls.extend(used.map(|(method, call)| (&*route.pattern, method, call)));
        }
        let (name, help) = ("watch_party_http_requests", "Answered requests");
        let mut counters = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (route, method, call) in &calls {
            let names = STATUSES.map(|status| status.to_string());
            let names = names.iter().map(String::as_str).chain(["other"]);
            for (count, status) in call.statuses.iter().zip(names) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = [("route", *route), ("method", *method), ("status", status)];
                    counters.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                }
            }
        }
        let (name, help) =
            ("watch_party_http_request_duration_seconds", "Time from a request's head to its answer's head");
        let mut histograms = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (route, method, call) in calls {
            call.durations.encode(histograms.encode_family(&[("route", route), ("method", method)])?)?;
        }
        Ok(())
    }
}
