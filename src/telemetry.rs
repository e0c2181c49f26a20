//! The program's log.

use tracing_subscriber::EnvFilter;

/// The log filter if `WATCH_PARTY_LOG` is not set.
const DEFAULT_FILTER: &str = "info";

/// Starts logging to standard error. `filter` is the value of `WATCH_PARTY_LOG`, for example `watch_party=debug`.
///
/// # Errors
/// One line that says why the filter is not valid.
pub fn start(filter: Option<&str>) -> Result<(), String> {
    let text = filter.unwrap_or(DEFAULT_FILTER);
    let filter =
        EnvFilter::try_new(text).map_err(|error| format!("WATCH_PARTY_LOG: '{text}' is not valid: {error}"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}
