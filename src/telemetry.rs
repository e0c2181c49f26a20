//! What the program says of itself while it runs.

use tracing_subscriber::EnvFilter;

/// What is logged where `WATCH_PARTY_LOG` says nothing.
const DEFAULT_FILTER: &str = "info";

/// Writes the log to standard error, filtered as `WATCH_PARTY_LOG` says (for example
/// `watch_party=debug`).
///
/// # Errors
/// A filter that cannot be read, in one line.
pub fn start(filter: Option<&str>) -> Result<(), String> {
    let text = filter.unwrap_or(DEFAULT_FILTER);
    let filter = EnvFilter::try_new(text).map_err(|error| format!("WATCH_PARTY_LOG: '{text}' is wrong: {error}"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}
