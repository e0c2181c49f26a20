//! How this tab hears from the server: the state, and when to ask and to connect again. Pure; the
//! conversation acts on it.

/// How often new messages are asked for while nothing tells of them, in milliseconds.
const POLL_EVERY: f64 = 1_000.0;
/// How often they are asked for all the same while the stream is open: that it says nothing may
/// mean that it is dead.
const POLL_LIVE_EVERY: f64 = 20_000.0;
/// The first wait before the stream is opened again, and the longest; each is twice the one before.
const RETRY_FIRST: f64 = 500.0;
const RETRY_LONGEST: f64 = 30_000.0;

/// What people may want to know of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// The stream is being opened for the first time.
    Connecting,
    /// The stream is open.
    Live,
    /// There is no stream; the interval alone brings what is new.
    Polling,
    /// The server cannot be reached.
    Offline,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stream {
    Opening,
    Open,
    /// No stream before this moment.
    Waiting(f64),
}

/// Moments are milliseconds on any clock that goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// Streams that did not open, or did not last, in a row.
    failures: u32,
    last_poll: Option<f64>,
    /// Whether the last poll reached the server.
    is_reached: bool,
    /// Whether a poll has found what the stream has not told, and the stream has said nothing since.
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

    pub(crate) fn link(&self) -> Link {
        match self.stream {
            _ if !self.is_reached => Link::Offline,
            Stream::Open => Link::Live,
            _ if self.failures < 2 => Link::Connecting,
            _ => Link::Polling,
        }
    }

    /// Whether it is time to ask for what is new; if so, it counts as asked.
    pub(crate) fn starts_poll(&mut self, now: f64) -> bool {
        // A timer may come a little early.
        let every = if self.stream == Stream::Open { POLL_LIVE_EVERY } else { POLL_EVERY } - 100.0;
        let is_time = self.last_poll.is_none_or(|last| now - last >= every);
        if is_time {
            self.last_poll = Some(now);
        }
        is_time
    }

    /// Whether it is time to open the stream; if so, it counts as opening.
    pub(crate) fn starts_stream(&mut self, now: f64) -> bool {
        let is_time = matches!(self.stream, Stream::Waiting(until) if now >= until);
        if is_time {
            self.stream = Stream::Opening;
        }
        is_time
    }

    /// Something came by the stream, so it works, and the next wait is a short one again.
    pub(crate) fn stream_told(&mut self) {
        self.stream = Stream::Open;
        self.failures = 0;
        self.is_reached = true;
        self.is_doubted = false;
    }

    /// The stream ended, for whatever reason. `chance` is between 0 and 1: all that lost the same
    /// server do not come back at the same moment.
    pub(crate) fn stream_closed(&mut self, now: f64, chance: f64) {
        let doubled = 2_f64.powi(self.failures.min(16).cast_signed());
        let wait = (RETRY_FIRST * doubled).min(RETRY_LONGEST) * (0.5 + chance / 2.0);
        self.stream = Stream::Waiting(now + wait);
        self.is_doubted = false;
        self.failures += 1;
        // The interval takes over at once.
        self.last_poll = None;
    }

    /// Whether the stream is to be given up: the server is gone, or polls find what the stream
    /// should have told. Once may be chance, so it is asked again soon.
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

    /// There may be a connection again, or somebody looks again: no more waiting.
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
    fn the_interval_slows_down_while_the_stream_is_open_and_speeds_up_when_it_drops() {
        let mut connection = Connection::new();
        assert!(connection.starts_poll(0.0) && connection.starts_stream(0.0));
        assert!(!connection.starts_stream(0.0), "one at a time");
        assert_eq!(connection.link(), Link::Connecting);
        assert!(connection.starts_poll(1_000.0));
        connection.stream_told();
        assert_eq!(connection.link(), Link::Live);
        assert!(!connection.starts_poll(2_000.0));
        assert!(connection.starts_poll(21_000.0));
        connection.stream_closed(21_500.0, 0.5);
        assert!(connection.starts_poll(21_500.0) && connection.starts_poll(22_500.0));
    }

    #[test]
    fn retries_wait_longer_each_time_with_chance_and_never_give_up() {
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
    fn a_stream_that_works_makes_the_next_wait_short_again() {
        let mut connection = Connection::new();
        for _ in 0..5 {
            connection.stream_closed(0.0, 1.0);
        }
        assert_eq!(connection.link(), Link::Polling);
        connection.stream_told();
        connection.stream_closed(0.0, 1.0);
        assert!(connection.starts_stream(500.0));
        assert_eq!(connection.link(), Link::Connecting, "one drop is nothing to speak of");
    }

    #[test]
    fn waking_ends_every_wait() {
        let mut connection = Connection::new();
        for _ in 0..9 {
            connection.stream_closed(0.0, 1.0);
        }
        assert!(connection.starts_poll(0.0) && !connection.starts_poll(1.0) && !connection.starts_stream(1.0));
        connection.wake();
        assert!(connection.starts_poll(2.0) && connection.starts_stream(2.0));
        connection.stream_told();
        connection.wake();
        assert!(connection.starts_poll(3.0) && !connection.starts_stream(3.0), "an open stream stays");
    }

    #[test]
    fn a_stream_that_has_gone_silent_is_found_out_by_a_poll() {
        let mut connection = Connection::new();
        connection.stream_told();
        assert!(connection.starts_poll(0.0) && !connection.polled(true, false));
        assert!(!connection.polled(true, true), "it may have been on its way");
        assert!(connection.starts_poll(1.0), "but it is asked again soon");
        connection.stream_told();
        assert!(!connection.polled(true, true), "it was on its way");
        assert!(connection.polled(true, false), "it said nothing since");
        connection.stream_told();
        assert!(connection.polled(false, false), "the server is gone");
        assert_eq!(connection.link(), Link::Offline);
        connection.polled(true, false);
        assert_eq!(connection.link(), Link::Live);
    }
}
