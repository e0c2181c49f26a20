//! Histograms of atomic counters. The library's own histogram takes a lock for each value, which all requests would
//! share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Upper bounds of the buckets for durations, in nanoseconds: from 100 µs, about a poll's time, to 10 s.
const DURATIONS: [u64; 16] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];
/// Upper bounds of the buckets for numbers: up to the largest batch of the SQLite store.
const NUMBERS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// A histogram. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bounds: &'static [u64],
    /// How many of the values' unit are one of the exported unit.
    scale: f64,
    /// One for each bound, and one for larger values.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// A histogram of durations, exported in seconds.
    pub(super) fn of_durations() -> Self {
        Self::new(&DURATIONS, 1e9)
    }

    /// A histogram of numbers from one.
    pub(super) fn of_numbers() -> Self {
        Self::new(&NUMBERS, 1.0)
    }

    fn new(bounds: &'static [u64], scale: f64) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner { bounds, scale, counts, sum: AtomicU64::new(0) }))
    }

    pub fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn observe_number(&self, number: usize) {
        self.observe(number as u64);
    }

    fn observe(&self, value: u64) {
        let Inner { bounds, counts, sum, .. } = &*self.0;
        counts[bounds.partition_point(|bound| *bound < value)].fetch_add(1, Ordering::Relaxed);
        sum.fetch_add(value, Ordering::Relaxed);
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        let Inner { bounds, scale, counts, sum } = &*self.0;
        #[allow(clippy::cast_precision_loss)] // a sum of nanoseconds is exact for 104 days
        let in_unit = |value: u64| value as f64 / scale;
        let bounds = bounds.iter().map(|bound| in_unit(*bound)).chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(counts.iter().map(|count| count.load(Ordering::Relaxed))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(in_unit(sum.load(Ordering::Relaxed)), count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_text::encode;

    use super::*;
    use crate::metrics::{Registry, register};

    fn text(histogram: Histogram) -> String {
        let (mut registry, mut text) = (Registry::default(), String::new());
        register(&mut registry, "x", "X", histogram);
        encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn a_bucket_contains_its_upper_bound_and_all_smaller_values() {
        let histogram = Histogram::of_numbers();
        for number in [1, 2, 3, 1_000] {
            histogram.observe_number(number);
        }
        let text = text(histogram);
        let lines = ["x_bucket{le=\"1.0\"} 1", "x_bucket{le=\"2.0\"} 2", "x_bucket{le=\"4.0\"} 3"];
        let others = ["x_bucket{le=\"256.0\"} 3", "x_bucket{le=\"+Inf\"} 4", "x_sum 1006", "x_count 4"];
        for line in lines.into_iter().chain(others) {
            assert!(text.lines().any(|found| found.replace(".0", "") == line.replace(".0", "")), "{line}: {text}");
        }
    }

    #[test]
    fn durations_are_exported_in_seconds() {
        let histogram = Histogram::of_durations();
        histogram.observe_duration(Duration::from_micros(500));
        histogram.observe_duration(Duration::from_mins(1));
        let text = text(histogram);
        for line in ["x_bucket{le=\"0.00025\"} 0", "x_bucket{le=\"0.0005\"} 1", "x_sum 60.0005", "x_count 2"] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
