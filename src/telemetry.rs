//! The program's log.

use std::io::IsTerminal as _;
use std::panic;

use tracing::{Level, Metadata};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, filter, fmt, registry};

use crate::config::LogFormat;

/// The log filter if `WATCH_PARTY_LOG` is not set. The client of Redis tells of each of its attempts to connect.
const DEFAULT_FILTER: &str = "info,redis=error";

/// Starts logging to standard error. `filter` is the value of `WATCH_PARTY_LOG`, for example `watch_party=debug`.
///
/// Libraries log at `info` at most, whatever the filter says: at `trace`, they would log the messages that they send.
///
/// # Errors
/// One line that says why the filter is not valid.
pub fn start(filter: Option<&str>, format: LogFormat) -> Result<(), String> {
    let text = filter.unwrap_or(DEFAULT_FILTER);
    let filter =
        EnvFilter::try_new(text).map_err(|error| format!("WATCH_PARTY_LOG: '{text}' is not valid: {error}"))?;
    let lines = fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    registry().with(filter).with(filter::filter_fn(may_be_logged)).with(lines).init();
    log_panics();
    Ok(())
}

/// Below the level `info`, libraries log what they read and write: messages, tokens and addresses.
fn may_be_logged(line: &Metadata<'_>) -> bool {
    let is_own = line.target().split("::").next() == Some("watch_party");
    is_own || *line.level() <= Level::INFO
}

/// Writes panics as lines of the log. Whoever catches a panic logs its message.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a task panicked");
    }));
}
