//! The process, under the names that Prometheus's own clients use. Except for the start time, only Linux tells them.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Units of time in `/proc/self/stat` per second (`USER_HZ`), the same on all architectures that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads the state of the process at each export.
#[derive(Debug)]
pub(super) struct Process {
    /// In seconds since 1970.
    started_at: f64,
}

impl Process {
    pub(super) fn started_now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started_at: since_epoch.as_secs_f64() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let encoder = &mut encoder;
        let started_at = Some(ConstGauge::new(self.started_at));
        add(encoder, "process_start_time_seconds", "When the program started, in seconds since 1970", started_at)?;
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let files = fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64);
        let gauge = |value: Option<u64>| value.map(ConstGauge::new);
        let memory = |name| gauge(kibibytes(&status, name).map(|kib| kib * 1024));
        let cpu = cpu_seconds(&stat).map(ConstCounter::new);
        add(encoder, "process_cpu_seconds", "Processor time of the program", cpu)?;
        add(encoder, "process_resident_memory_bytes", "Memory in use", memory("VmRSS:"))?;
        add(encoder, "process_virtual_memory_bytes", "Size of the address space", memory("VmSize:"))?;
        add(encoder, "process_open_fds", "Open files and connections", gauge(files))?;
        add(encoder, "process_max_fds", "Limit of open files and connections", gauge(max_open_files(&limits)))
    }
}

/// Exports `metric`, if its value is known.
fn add(encoder: &mut DescriptorEncoder, name: &str, help: &str, metric: Option<impl EncodeMetric>) -> fmt::Result {
    let Some(metric) = metric else { return Ok(()) };
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

/// The time in user mode and in the kernel. The program's name, in parentheses, may contain spaces.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// `None` if there is no limit.
fn max_open_files(limits: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_proc_are_read() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 2117 0 0 0 250 50 0 0 20 0 3 0 9 10 11";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        let status = "Name:\twatch-party\nVmSize:\t  200 kB\nVmRSS:\t    70 kB\n";
        assert_eq!((kibibytes(status, "VmRSS:"), kibibytes(status, "VmSize:")), (Some(70), Some(200)));
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(max_open_files(limits), Some(1_024));
        assert_eq!((cpu_seconds(""), kibibytes("", "VmRSS:"), max_open_files("")), (None, None, None));
    }
}
