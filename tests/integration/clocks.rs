//! The machine's clock is set back, or jumps ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use watch_party::domain::{Admission, Settings, Timestamp, Username};
use watch_party::service::{Clock, Service};
use watch_party::store::MemoryStore;

use crate::app::{CountingEntropy, caller, policy, seat};

const NOON: i64 = 1_800_000_000_000;

/// A clock whose time jumps by `jump` each time it is read, while the uptime advances evenly.
#[derive(Debug)]
struct WrongClock {
    millis: AtomicI64,
    jump: i64,
    uptime: AtomicI64,
}

impl WrongClock {
    fn new(jump: i64) -> Arc<Self> {
        Arc::new(Self { millis: AtomicI64::new(NOON), jump, uptime: AtomicI64::new(0) })
    }
}

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.fetch_add(self.jump, Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.uptime.load(Ordering::SeqCst).try_into().unwrap())
    }
}

fn service(clock: &Arc<WrongClock>) -> Service {
    let entropy = Arc::new(CountingEntropy::default());
    Service::new(Arc::new(MemoryStore::default()), clock.clone(), entropy, policy(true))
}

fn settings() -> Settings {
    Settings::new(Admission::Link, None, None).unwrap()
}

fn ann() -> Username {
    Username::parse("Ann").unwrap()
}

#[tokio::test]
async fn rate_limits_apply_and_recover_when_the_clock_is_set_back() {
    let clock = WrongClock::new(0);
    let service = service(&clock);
    let mut created = 0;
    while service.create_chat(caller(), ann(), None, settings()).await.is_ok() {
        created += 1;
    }
    clock.millis.store(NOON - 3_600_000, Ordering::SeqCst);
    assert!(service.create_chat(caller(), ann(), None, settings()).await.is_err());
    clock.uptime.store(60_000, Ordering::SeqCst);
    for _ in 0..created {
        service.create_chat(caller(), ann(), None, settings()).await.unwrap();
    }
}

#[tokio::test]
async fn a_member_goes_offline_on_time_after_the_clock_is_set_back() {
    let clock = WrongClock::new(0);
    let service = service(&clock);
    let chat = service.create_chat(caller(), ann(), None, settings()).await.unwrap();
    let id = chat.chat_id;
    let bob = seat(&service, id, &chat.invite.as_ref().unwrap().key, "Bob").await.unwrap();
    service.read_messages(id, &bob.token, 0).await.unwrap();
    clock.millis.store(NOON - 3_600_000, Ordering::SeqCst);
    service.read_messages(id, &bob.token, 0).await.unwrap();
    clock.millis.fetch_add(120_000, Ordering::SeqCst);
    let roster = service.list_members(id, &chat.seat.token).await.unwrap();
    let online: Vec<bool> = roster.members.iter().map(|(_, is_online)| *is_online).collect();
    assert_eq!(online, [true, false]);
}

#[tokio::test]
async fn a_chat_can_be_created_even_if_its_first_session_expires_meanwhile() {
    let hours = 3_600_000;
    let service = service(&WrongClock::new(12 * hours));
    let chat = service.create_chat(caller(), ann(), None, settings()).await.unwrap();
    assert_eq!(chat.seat.member.username, ann());
}
