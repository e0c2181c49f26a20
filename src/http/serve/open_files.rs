//! The limit of open files, which bounds the connections: each is an open file.

use super::Limits;

/// Files kept for the store, and for what is sent from the disk, at least.
const RESERVED: u64 = 64;

/// Raises the process's soft limit of open files to its hard one, and gives it; `None` where it could
/// not be raised.
pub fn raise_open_files() -> Option<u64> {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    raised.inspect_err(|error| tracing::warn!(%error, "the limit of open files stays as it is")).ok()
}

/// How many connections fit into the limit of open files: `asked` or [`Limits::MAX_CONNECTIONS`], or
/// less.
pub fn connections_within(open_files: Option<u64>, asked: Option<usize>) -> usize {
    let wanted = asked.unwrap_or(Limits::MAX_CONNECTIONS);
    let Some(open_files) = open_files else { return wanted };
    // An answer that is sent from the disk has its file open beside its connection.
    let room = open_files.saturating_sub(RESERVED.max(open_files / 8)).max(1);
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_other_files() {
        let within = |open_files| connections_within(Some(open_files), None);
        assert_eq!((within(16), within(256), within(1_024), within(20_000)), (1, 192, 896, 17_500));
        assert_eq!(within(u64::MAX), Limits::MAX_CONNECTIONS);
        assert_eq!(connections_within(None, None), Limits::MAX_CONNECTIONS);
    }

    #[test]
    fn more_connections_than_files_are_not_to_be_had() {
        assert_eq!(connections_within(Some(1_024), Some(10)), 10);
        assert_eq!(connections_within(Some(1_024), Some(100_000)), 896);
        assert_eq!(connections_within(Some(1_000_000), Some(100_000)), 100_000);
        assert_eq!(connections_within(None, Some(100_000)), 100_000);
    }
}
