//! What the program counts and measures, and its text form for Prometheus. Each service has its own registry.

mod histogram;
mod nodes;
mod process;
mod requests;
mod store;

use std::borrow::Cow;
use std::fmt;

use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::{MetricType, TypedMetric, counter, gauge};
use prometheus_client::registry::{self, Metric};

use process::Process;

pub use histogram::Histogram;
pub use nodes::NodeMetrics;
pub use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
pub use requests::{Requests, Route, method_name};
pub use store::{SqliteMetrics, StoreMetrics};

pub type Counter = counter::Counter;
pub type Gauge = gauge::Gauge;
pub type Registry = registry::Registry;

/// Metrics that differ in the value of one label. A value is found by its hash, so frequent callers keep what
/// [`Labelled::with`] returns.
#[derive(Clone, Debug)]
pub struct Labelled<M> {
    label: &'static str,
    family: Family<[(&'static str, Cow<'static, str>); 1], M>,
}

impl<M: Clone + Default> Labelled<M> {
    /// `label` is the name of the label.
    fn by(label: &'static str) -> Self {
        Self { label, family: Family::default() }
    }

    /// The metric with this value of the label. It is exported from now on.
    #[must_use]
    pub fn with(&self, value: impl Into<Cow<'static, str>>) -> M {
        self.family.get_or_create_owned(&[(self.label, value.into())])
    }
}

impl<M: EncodeMetric + TypedMetric + Default> EncodeMetric for Labelled<M> {
    fn encode(&self, encoder: MetricEncoder) -> fmt::Result {
        self.family.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.family.metric_type()
    }

    fn is_empty(&self) -> bool {
        self.family.is_empty()
    }
}

/// Counts something that is open until this is dropped.
#[derive(Debug)]
pub struct OpenCount(Gauge);

impl OpenCount {
    #[must_use]
    pub fn begin(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What a service and its site measure. A store with metrics of its own adds them ([`Metrics::new`]).
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Answered requests.
    pub requests: Requests,
    /// Refused requests, by the code of the problem.
    pub refusals: Labelled<Counter>,
    /// What a limit refused, by the limit's name.
    pub limits_hit: Labelled<Counter>,
    /// Open TCP connections of the site.
    pub connections: Gauge,
    pub streams: OpenStreams,
    /// What was delivered to streams.
    pub stream_events: Counter,
    /// Readers that poll, and those that open a stream.
    pub resumed_polls: ResumedReaders,
    pub resumed_streams: ResumedReaders,
    pub chats_in_memory: Gauge,
    pub members_online: Gauge,
    pub messages_posted: Counter,
    pub duplicate_posts: Counter,
    /// Commands that share a commit.
    pub commit_commands: Histogram,
    pub store: StoreMetrics,
    /// Time of each sweep.
    pub sweep: Histogram,
    pub swept_chats: Counter,
}

/// Open streams, by transport.
#[derive(Clone, Debug)]
pub struct OpenStreams {
    pub websockets: Gauge,
    /// Streams of a chat's events.
    pub server_sent_events: Gauge,
    /// Streams of one value of a chat, such as the state of a knock, which are server-sent events too.
    pub watches: Gauge,
}

/// Readers that ask for the messages after a cursor and get some.
#[derive(Clone, Debug)]
pub struct ResumedReaders {
    readers: Counter,
    caught_up: Counter,
    missed: Counter,
}

impl ResumedReaders {
    /// Records that a reader who had seen the messages up to `cursor` got `found` messages, and that `missed` more were
    /// already deleted. A reader who has seen none is new, and one who gets none is up to date.
    pub fn record(&self, cursor: u64, found: usize, missed: u64) {
        if cursor > 0 && (found > 0 || missed > 0) {
            self.readers.inc();
            self.caught_up.inc_by(found as u64);
            self.missed.inc_by(missed);
        }
    }
}

impl Metrics {
    /// `add_store` registers the store's own metrics.
    pub fn new(add_store: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::default();
        let add = &mut registry;
        let build = Labelled::<Gauge>::by("version");
        build.with(env!("CARGO_PKG_VERSION")).set(1);
        register(add, "watch_party_build_info", "The program's version, as a label; the value is always 1", build);
        let requests = Requests::default();
        add.register_collector(Box::new(requests.clone()));
        let refusals = register(add, "watch_party_refusals", "Refused requests, by problem code", Labelled::by("code"));
        let limits_hit = register(add, "watch_party_limits_hit", "Refusals by a limit", Labelled::by("limit"));
        let connections = register(add, "watch_party_connections", "Open TCP connections", Gauge::default());
        let streams =
            register::<Labelled<Gauge>>(add, "watch_party_streams", "Open streams", Labelled::by("transport"));
        let [websockets, server_sent_events, watches] =
            ["websocket", "sse", "watch"].map(|transport| streams.with(transport));
        let streams = OpenStreams { websockets, server_sent_events, watches };
        let stream_events =
            register(add, "watch_party_stream_events", "Events delivered to streams", Counter::default());
        let resumed = register(
            add,
            "watch_party_readers_resumed",
            "Readers with a cursor who had messages to catch up with",
            Labelled::by("transport"),
        );
        let caught_up = register(
            add,
            "watch_party_messages_caught_up",
            "Messages that these readers caught up with",
            Counter::default(),
        );
        let missed = register(
            add,
            "watch_party_messages_missed",
            "Messages that were deleted before these readers saw them",
            Counter::default(),
        );
        let resumed_by = |transport| ResumedReaders {
            readers: resumed.with(transport),
            caught_up: caught_up.clone(),
            missed: missed.clone(),
        };
        let (resumed_polls, resumed_streams) = (resumed_by("poll"), resumed_by("stream"));
        let chats_in_memory = register(add, "watch_party_chats_in_memory", "Chats in use", Gauge::default());
        let members_online = register(
            add,
            "watch_party_members_online",
            "Members with an open stream or a recent request",
            Gauge::default(),
        );
        let messages_posted = register(add, "watch_party_messages_posted", "Messages posted", Counter::default());
        let duplicate_posts = register(
            add,
            "watch_party_duplicate_posts",
            "Repeated posts that created no second message",
            Counter::default(),
        );
        let commit_commands = register(
            add,
            "watch_party_commit_commands",
            "Commands of one chat that shared a commit",
            Histogram::of_numbers(),
        );
        let store = StoreMetrics::register(add);
        let sweep = register(add, "watch_party_sweep_duration_seconds", "Time of a sweep", Histogram::of_durations());
        let swept_chats =
            register(add, "watch_party_swept_chats", "Chats in which a sweep removed something", Counter::default());
        add.register_collector(Box::new(Process::started_now()));
        add_store(add);
        Self {
            registry,
            requests,
            refusals,
            limits_hit,
            connections,
            streams,
            stream_events,
            resumed_polls,
            resumed_streams,
            chats_in_memory,
            members_online,
            messages_posted,
            duplicate_posts,
            commit_commands,
            store,
            sweep,
            swept_chats,
        }
    }

    /// All metrics in Prometheus's text format ([`CONTENT_TYPE`]).
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string can be written to");
        text
    }
}

/// Adds `metric` to the registry and returns it. The export adds `_total` to the name of a counter.
fn register<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}
