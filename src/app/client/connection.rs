//! The state of this tab's connection to the server: when to poll, and when to reconnect. It is pure; the conversation
//! acts on it.

/// Interval between polls while no stream is open, in milliseconds.
const POLL_EVERY: f64 = 1_000.0;
/// Interval between polls while the stream is open, in milliseconds: a silent stream may be dead.
const POLL_LIVE_EVERY: f64 = 20_000.0;
/// The first and the longest wait before the stream is reopened, in milliseconds. Each wait is twice the one before.
const RETRY_FIRST: f64 = 500.0;
const RETRY_LONGEST: f64 = 30_000.0;

/// The state of the connection, as shown to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionStatus {
    /// The stream is being opened, after at most one failure.
    Connecting,
    /// The stream is open.
    Live,
    /// There is no stream, so polling alone brings new messages.
    Polling,
    /// The server cannot be reached.
    Offline,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stream {
    Opening,
    Open,
    /// No stream is opened before this moment.
    Waiting(f64),
}

/// Decides when to poll and when to open the stream. Moments are milliseconds of any one clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// How many streams have ended since one last delivered something.
    failures: u32,
    last_poll: Option<f64>,
    /// Whether the last poll reached the server.
    is_reached: bool,
    /// Whether a poll has found messages that the stream did not deliver, and the stream has been silent since.
    is_doubted: bool,
}

impl Connection {
    pub(crate) fn new() -> Self {
        Self {
            stream: Stream::Waiting(f64::NEG_INFINITY),
            failures: 0,
            last_poll: None,
            is_reached: true,
            is_doubted: false,
        }
    }

    pub(crate) fn status(&self) -> ConnectionStatus {
        match self.stream {
            _ if !self.is_reached => ConnectionStatus::Offline,
            Stream::Open => ConnectionStatus::Live,
            _ if self.failures < 2 => ConnectionStatus::Connecting,
            _ => ConnectionStatus::Polling,
        }
    }

    /// Whether it is time to poll. If so, the poll counts as started.
    pub(crate) fn starts_poll(&mut self, now: f64) -> bool {
        // A timer may fire a little early.
        let every = if self.stream == Stream::Open { POLL_LIVE_EVERY } else { POLL_EVERY } - 100.0;
        let is_time = self.last_poll.is_none_or(|last| now - last >= every);
        if is_time {
            self.last_poll = Some(now);
        }
        is_time
    }

    /// Whether it is time to open the stream. If so, it counts as opening.
    pub(crate) fn starts_stream(&mut self, now: f64) -> bool {
        let is_time = matches!(self.stream, Stream::Waiting(until) if now >= until);
        if is_time {
            self.stream = Stream::Opening;
        }
        is_time
    }

    /// Notes that the stream has delivered something, so it works, and the next wait is short again.
    pub(crate) fn stream_received(&mut self) {
        self.stream = Stream::Open;
        self.failures = 0;
        self.is_reached = true;
        self.is_doubted = false;
    }

    /// Notes that the stream has ended, for any reason. `random_fraction`, between 0 and 1, spreads the reconnects of
    /// clients that lost the same server.
    pub(crate) fn stream_closed(&mut self, now: f64, random_fraction: f64) {
        let doubled = 2_f64.powi(self.failures.min(16).cast_signed());
        let wait = (RETRY_FIRST * doubled).min(RETRY_LONGEST) * (0.5 + random_fraction / 2.0);
        self.stream = Stream::Waiting(now + wait);
        self.is_doubted = false;
        self.failures += 1;
        // Polling takes over at once.
        self.last_poll = None;
    }

    /// Notes the result of a poll. Returns whether to give up the stream, because the server is gone or polls find
    /// messages that the stream should have delivered. One such poll may be chance, so the next poll comes soon.
    pub(crate) fn polled(&mut self, is_reached: bool, found_new: bool) -> bool {
        self.is_reached = is_reached;
        if self.stream != Stream::Open {
            return false;
        }
        let gives_up = !is_reached || self.is_doubted;
        self.is_doubted = found_new;
        if found_new {
            self.last_poll = None;
        }
        gives_up
    }

    /// Ends every wait, because the connection may be back or the user looks at the page again.
    pub(crate) fn wake(&mut self) {
        if let Stream::Waiting(until) = &mut self.stream {
            *until = f64::NEG_INFINITY;
        }
        self.last_poll = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_slows_down_while_the_stream_is_open_and_speeds_up_when_it_drops() {
        let mut connection = Connection::new();
        assert!(connection.starts_poll(0.0) && connection.starts_stream(0.0));
        assert!(!connection.starts_stream(0.0), "only one stream opens at a time");
        assert_eq!(connection.status(), ConnectionStatus::Connecting);
        assert!(connection.starts_poll(1_000.0));
        connection.stream_received();
        assert_eq!(connection.status(), ConnectionStatus::Live);
        assert!(!connection.starts_poll(2_000.0));
        assert!(connection.starts_poll(21_000.0));
        connection.stream_closed(21_500.0, 0.5);
        assert!(connection.starts_poll(21_500.0) && connection.starts_poll(22_500.0));
    }

    #[test]
    fn stream_retries_back_off_with_jitter_and_never_stop() {
        let mut connection = Connection::new();
        let mut waits = Vec::new();
        let mut now = 0.0;
        for _ in 0..40 {
            assert!(connection.starts_stream(now));
            connection.stream_closed(now, 1.0);
            let begun = now;
            while !connection.starts_stream(now) {
                now += 100.0;
            }
            connection.stream = Stream::Waiting(now);
            waits.push(now - begun);
        }
        assert_eq!(waits[..7], [500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 30_000.0]);
        assert_eq!(waits.last(), Some(&30_000.0));
        let mut early = Connection::new();
        early.stream_closed(0.0, 0.0);
        assert!(early.starts_stream(250.0));
    }

    #[test]
    fn a_working_stream_resets_the_retry_delay() {
        let mut connection = Connection::new();
        for _ in 0..5 {
            connection.stream_closed(0.0, 1.0);
        }
        assert_eq!(connection.status(), ConnectionStatus::Polling);
        connection.stream_received();
        connection.stream_closed(0.0, 1.0);
        assert!(connection.starts_stream(500.0));
        assert_eq!(connection.status(), ConnectionStatus::Connecting, "a single drop is not shown");
    }

    #[test]
    fn waking_up_polls_and_reconnects_at_once() {
        let mut connection = Connection::new();
        for _ in 0..9 {
            connection.stream_closed(0.0, 1.0);
        }
        assert!(connection.starts_poll(0.0) && !connection.starts_poll(1.0) && !connection.starts_stream(1.0));
        connection.wake();
        assert!(connection.starts_poll(2.0) && connection.starts_stream(2.0));
        connection.stream_received();
        connection.wake();
        assert!(connection.starts_poll(3.0) && !connection.starts_stream(3.0), "an open stream stays open");
    }

    #[test]
    fn polling_detects_a_silent_stream() {
        let mut connection = Connection::new();
        connection.stream_received();
        assert!(connection.starts_poll(0.0) && !connection.polled(true, false));
        assert!(!connection.polled(true, true), "the stream may still deliver the message");
        assert!(connection.starts_poll(1.0), "the next poll follows soon");
        connection.stream_received();
        assert!(!connection.polled(true, true), "the stream delivered something since the last poll");
        assert!(connection.polled(true, false), "the stream has delivered nothing since the last poll");
        connection.stream_received();
        assert!(connection.polled(false, false), "the server is unreachable");
        assert_eq!(connection.status(), ConnectionStatus::Offline);
        connection.polled(true, false);
        assert_eq!(connection.status(), ConnectionStatus::Live);
    }
}
