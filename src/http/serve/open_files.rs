//! The limit on open files, which bounds the connections, because each of them is an open file.

use super::Limits;

/// Minimum number of files that are reserved for the store and for files that are served.
const RESERVED: u64 = 64;

/// Raises the process's soft limit on open files to its hard limit, and returns it. `None` if it could not be raised.
pub fn raise_open_files() -> Option<u64> {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    raised.inspect_err(|error| tracing::warn!(%error, "cannot raise the limit on open files")).ok()
}

/// How many connections fit within the limit on open files: at most `asked`, by default [`Limits::MAX_CONNECTIONS`].
pub fn connections_within(open_files: Option<u64>, asked: Option<usize>) -> usize {
    let wanted = asked.unwrap_or(Limits::MAX_CONNECTIONS);
    let Some(open_files) = open_files else { return wanted };
    // A response that is served from disk has a file open in addition to its connection.
    let room = open_files.saturating_sub(RESERVED.max(open_files / 16)).max(1);
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_other_files() {
        let within = |open_files| connections_within(Some(open_files), None);
        assert_eq!((within(16), within(256), within(1_024), within(20_000)), (1, 192, 960, 18_750));
        assert_eq!(within(u64::MAX), Limits::MAX_CONNECTIONS);
        assert_eq!(connections_within(None, None), Limits::MAX_CONNECTIONS);
    }

    #[test]
    fn connections_are_limited_by_the_open_files_that_the_system_allows() {
        assert_eq!(connections_within(Some(1_024), Some(10)), 10);
        assert_eq!(connections_within(Some(1_024), Some(100_000)), 960);
        assert_eq!(connections_within(Some(1_000_000), Some(100_000)), 100_000);
        assert_eq!(connections_within(None, Some(100_000)), 100_000);
    }
}
