//! The use cases: time passing, several nodes with one store, callers that go away.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Semaphore;
use watch_party::domain::{
    Admission, Chat, ChatId, ClientId, Command, Event, InviteTerms, MemberId, MessageId, MessageText, Position,
    Randomness, Refusal, SessionToken, Settings, Snapshot, Timestamp, Transition, Username,
};
use watch_party::service::bounds::MAX_QUEUED;
use watch_party::service::{Caller, Clock as _, Ending, Entropy as _, Error, NewChat, Service, Update};
use watch_party::store::{ChatStore, CommitError, MemoryStore, Stores, Unavailable};

use crate::app::{BETWEEN_POSTS, CountingEntropy, ManualClock, TestApp, policy, seat};
use crate::nodes::Nodes;

fn nodes(count: usize) -> (Vec<Service>, Arc<ManualClock>) {
    let Nodes { services, clock, .. } = Nodes::start(count);
    (services, clock)
}

fn caller() -> Caller {
    std::net::IpAddr::from([127, 0, 0, 1]).into()
}

fn username(text: &str) -> Username {
    Username::parse(text).unwrap()
}

async fn chat(node: &Service) -> NewChat {
    let settings = Settings::new(Admission::Link, None, Some(1_000)).unwrap();
    node.create_chat(caller(), username("Ann"), None, settings).await.unwrap()
}

#[tokio::test]
async fn writers_on_several_nodes_produce_consecutive_unique_ids() {
    let (nodes, clock) = nodes(3);
    let new = Arc::new(chat(&nodes[0]).await);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..12 {
        let (node, new, clock) = (nodes[writer % 3].clone(), new.clone(), clock.clone());
        writers.spawn(async move {
            for at in 0..10 {
                let text = MessageText::parse(&format!("{writer}: {at}")).unwrap();
                clock.advance(BETWEEN_POSTS);
                node.post(new.chat_id, &new.seat.token, text, None).await.unwrap();
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    // A refusal or a conflict makes a stale node reload the chat; here, a post causes it.
    let text = MessageText::parse("the last").unwrap();
    let last = nodes[1].post(new.chat_id, &new.seat.token, text, None).await.unwrap();
    assert_eq!(last.message.id, 121);
    let read = nodes[1].read_messages(new.chat_id, &new.seat.token, 0).await.unwrap();
    assert_eq!(read.messages.iter().map(|message| message.id).collect::<Vec<_>>(), (1..=121).collect::<Vec<_>>());
}

#[tokio::test]
async fn two_nodes_together_do_not_exceed_the_capacity() {
    let (nodes, _) = nodes(2);
    let new = Arc::new(chat(&nodes[0]).await);
    let mut joins = tokio::task::JoinSet::new();
    for guest in 0..20 {
        let (node, new) = (nodes[guest % 2].clone(), new.clone());
        joins.spawn(async move {
            seat(&node, new.chat_id, &new.invite.as_ref().unwrap().key, &format!("Guest {guest}")).await.is_some()
        });
    }
    let seated = joins.join_all().await.into_iter().filter(|seated| *seated).count();
    assert_eq!(seated, 5);
}

#[tokio::test]
async fn a_refusal_based_on_stale_state_is_decided_again() {
    let (nodes, _) = nodes(2);
    let new = chat(&nodes[0]).await;
    // The second node reads the chat before the guest joins at the first.
    nodes[1].read_messages(new.chat_id, &new.seat.token, 0).await.unwrap();
    let guest = seat(&nodes[0], new.chat_id, &new.invite.as_ref().unwrap().key, "Bob").await.unwrap();
    nodes[1].read_messages(new.chat_id, &guest.token, 0).await.unwrap();
    let text = MessageText::parse("hello").unwrap();
    nodes[1].post(new.chat_id, &guest.token, text, None).await.unwrap();
    nodes[0].end_chat(new.chat_id, &new.seat.token).await.unwrap();
    let refused = nodes[1].remove_member(new.chat_id, &guest.token, guest.member.id, false).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::ChatNotFound))), "{refused:?}");
    assert_eq!(nodes[1].active_chats(), 0);
}

/// A memory store of which a test holds up or fails commits.
#[derive(Debug)]
struct UnreliableStore {
    store: MemoryStore,
    /// One permit for each commit that may proceed.
    gate: Semaphore,
    /// Number of events of each commit, in order.
    commits: Mutex<Vec<usize>>,
    /// Draws what happens to a commit; `None` if all succeed.
    dice: Option<CountingEntropy>,
}

#[async_trait]
impl ChatStore for UnreliableStore {
    async fn restore(&self, chat: &Arc<Chat>, over: Option<Position>) -> Result<(), CommitError> {
        self.store.restore(chat, over).await
    }
    async fn all_chats(&self) -> Result<Vec<ChatId>, Unavailable> {
        self.store.all_chats().await
    }
    async fn load(&self, id: ChatId) -> Result<Option<Arc<Chat>>, Unavailable> {
        self.store.load(id).await
    }
    async fn commit(&self, change: &Transition) -> Result<(), CommitError> {
        self.gate.acquire().await.unwrap().forget();
        self.commits.lock().push(change.events.len());
        let mut drawn = [0];
        if let Some(dice) = &self.dice {
            dice.fill(&mut drawn);
        }
        let lost = || Unavailable { cause: "the test fails this commit".into() };
        match drawn[0] % 6 {
            4 => Err(lost().into()),
            // Stored, but nobody can know it.
            5 => self.store.commit(change).await.and(Err(lost().into())),
            _ => self.store.commit(change).await,
        }
    }
    async fn count_chats(&self) -> Result<usize, Unavailable> {
        self.store.count_chats().await
    }
    async fn due(&self, now: Timestamp, forget_after: Duration, at_most: usize) -> Result<Vec<ChatId>, Unavailable> {
        self.store.due(now, forget_after, at_most).await
    }
}

fn unreliable(permits: usize, dice: Option<CountingEntropy>) -> (Service, Arc<UnreliableStore>) {
    let (store, gate, commits) = (MemoryStore::default(), Semaphore::new(permits), Mutex::default());
    let store = Arc::new(UnreliableStore { store, gate, commits, dice });
    let stores = Stores { chats: store.clone(), browser_sessions: Arc::new(MemoryStore::default()) };
    let node =
        Service::new(stores, Arc::new(ManualClock::default()), Arc::new(CountingEntropy::default()), policy(false));
    (node, store)
}

#[tokio::test]
async fn commands_that_wait_for_a_commit_are_committed_together() {
    let (node, store) = unreliable(1, None);
    let new = Arc::new(chat(&node).await);
    let post = |at: u32| {
        let (node, new) = (node.clone(), new.clone());
        async move {
            let text = MessageText::parse(&format!("message {at}")).unwrap();
            node.post(new.chat_id, &new.seat.token, text, None).await.unwrap().message.id
        }
    };
    let posts: Vec<_> = (1..=10).map(|at| tokio::spawn(post(at))).collect();
    let removal = tokio::spawn({
        let (node, new) = (node.clone(), new.clone());
        async move { node.remove_member(new.chat_id, &new.seat.token, MemberId::ANONYMOUS, false).await }
    });
    // On one thread, every task gets to where it waits for the store.
    while store.gate.available_permits() > 0 || removal.is_finished() {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.read_messages(new.chat_id, &new.seat.token, 0).await.unwrap().last_id, 0, "nothing is stored yet");
    store.gate.add_permits(2);
    for (post, id) in posts.into_iter().zip(1..) {
        assert_eq!(post.await.unwrap(), id);
    }
    // A refusal among them concerns nobody else.
    assert!(matches!(removal.await.unwrap(), Err(Error::Refused(Refusal::NotFound(_)))));
    assert_eq!(store.commits.lock()[1..], [1, 9]);
}

#[tokio::test]
async fn commands_beyond_the_queue_of_a_stuck_chat_are_refused_and_the_others_are_carried_out() {
    let (node, store) = unreliable(1, None);
    let new = Arc::new(chat(&node).await);
    let posts: Vec<_> = (0..MAX_QUEUED + 100)
        .map(|at| {
            let (node, new) = (node.clone(), new.clone());
            tokio::spawn(async move {
                let text = MessageText::parse(&format!("message {at}")).unwrap();
                node.post(new.chat_id, &new.seat.token, text, None).await
            })
        })
        .collect();
    // On one thread, every task gets to where it waits for the store, or is refused.
    while posts.iter().filter(|post| post.is_finished()).count() < 60 {
        tokio::task::yield_now().await;
    }
    store.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    let (mut accepted, mut refused) = (0, 0);
    for post in posts {
        match post.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(Error::Unavailable(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(accepted >= MAX_QUEUED && refused >= 60, "{accepted} accepted, {refused} refused");
    let read = node.read_messages(new.chat_id, &new.seat.token, 0).await.unwrap();
    assert_eq!(read.last_id, u64::try_from(accepted).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_one_chat_lose_and_repeat_nothing_while_the_store_fails() {
    let (node, store) = unreliable(Semaphore::MAX_PERMITS, Some(CountingEntropy::seeded(7)));
    let new = loop {
        let settings = Settings::new(Admission::Link, None, Some(1_000)).unwrap();
        if let Ok(new) = node.create_chat(caller(), username("Ann"), None, settings).await {
            break Arc::new(new);
        }
    };
    let reader = tokio::spawn({
        let (node, new) = (node.clone(), new.clone());
        async move { read_until(&node, &new, 256).await }
    });
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16_u8 {
        let (node, new) = (node.clone(), new.clone());
        writers.spawn(async move {
            let mut ids = Vec::new();
            // All together post as many messages as a chat keeps receipts of, so that it knows every repeated post.
            for at in 0..16_u8 {
                let text = MessageText::parse(&format!("{writer}: {at}")).unwrap();
                let mut client_id = [writer; 16];
                client_id[0] = at;
                let client_id = Some(ClientId::from_random_bytes(client_id));
                // Sent again until it is acknowledged, as a client does.
                let posted = loop {
                    match node.post(new.chat_id, &new.seat.token, text.clone(), client_id).await {
                        Ok(posted) => break posted,
                        Err(Error::Unavailable(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                };
                ids.push((posted.message.id, text));
            }
            ids
        });
    }
    let mut acknowledged: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    acknowledged.sort_by_key(|(id, _)| *id);
    assert_eq!(acknowledged.iter().map(|(id, _)| *id).collect::<Vec<_>>(), (1..=256).collect::<Vec<_>>());
    let stored = store.load(new.chat_id).await.unwrap().unwrap();
    let stored: Vec<_> = stored.messages().iter().map(|message| (message.id, message.text.clone())).collect();
    assert_eq!(stored, acknowledged);
    assert!(store.commits.lock().iter().any(|events| *events > 1), "some commits contained several posts");
    assert_eq!(reader.await.unwrap(), acknowledged);
}

/// Follows the chat up to the message `last_id`, and returns what was sent. Reconnects if it was too slow, as a client
/// does.
async fn read_until(node: &Service, new: &NewChat, last_id: MessageId) -> Vec<(MessageId, MessageText)> {
    let mut seen: Vec<(MessageId, MessageText)> = Vec::new();
    loop {
        let after = seen.last().map_or(0, |(id, _)| *id);
        let mut follower = node.follow(caller(), new.chat_id, &new.seat.token, after).await.unwrap();
        let ending = loop {
            if seen.last().is_some_and(|(id, _)| *id == last_id) {
                return seen;
            }
            match follower.next().await {
                Ok(Update::Event(event)) => {
                    if let Event::MessagePosted { message } = &*event {
                        seen.push((message.id, message.text.clone()));
                    }
                }
                Ok(_) => {}
                Err(ending) => break ending,
            }
        };
        assert_eq!(ending, Ending::Behind);
    }
}

/// A chat of Ann that can store no more messages, because there is no greater id: to post there panics.
async fn full_chat(store: &UnreliableStore) -> (ChatId, SessionToken) {
    let (id, token) = (ChatId::from_random_bytes([1; 16]), SessionToken::from_random_bytes([1; 32]));
    let now = ManualClock::default().now();
    let settings = Settings::new(Admission::Link, None, None).unwrap();
    let create =
        Command::Create { name: None, settings: settings.clone(), username: Some(username("Ann")), password: None };
    let randomness = Randomness { session: token.digest(), ..Randomness::NONE };
    let chat = Chat::new(id);
    let chat = chat.transition(chat.decide(&create, now, randomness).unwrap()).after;
    let full = Chat::restore(Snapshot {
        epoch: 0,
        gaps: Vec::new(),
        id,
        revision: chat.revision(),
        name: None,
        settings,
        members: chat.live_members(now).cloned().collect(),
        invites: Vec::new(),
        knocks: Vec::new(),
        recoveries: Vec::new(),
        accounts: Vec::new(),
        messages: VecDeque::new(),
        last_id: MessageId::MAX,
        receipts: VecDeque::new(),
        ended_sessions: VecDeque::new(),
        removed: VecDeque::new(),
        vacant_since: now,
    });
    store.store.commit(&Transition { before: 0, events: Arc::new([]), after: Arc::new(full) }).await.unwrap();
    (id, token)
}

#[tokio::test]
#[cfg_attr(not(debug_assertions), ignore = "an addition that overflows panics only with debug assertions")]
async fn a_panic_of_a_decision_fails_that_command_and_no_other() {
    let (node, store) = unreliable(0, None);
    let (chat_id, token) = full_chat(&store).await;
    let token = Arc::new(token);
    let invite = || {
        let (node, token) = (node.clone(), Arc::clone(&token));
        tokio::spawn(async move {
            let terms = InviteTerms::new(None, None, None, None).unwrap();
            node.create_invite(chat_id, &token, terms).await.map(drop)
        })
    };
    let first = invite();
    let post = tokio::spawn({
        let (node, token) = (node.clone(), Arc::clone(&token));
        async move { node.post(chat_id, &token, MessageText::parse("too many").unwrap(), None).await.map(drop) }
    });
    let invites = [first, invite(), invite()];
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    store.gate.add_permits(Semaphore::MAX_PERMITS);
    assert!(post.await.unwrap_err().is_panic(), "the caller gets the panic");
    for invite in invites {
        invite.await.unwrap().unwrap();
    }
    assert_eq!(*store.commits.lock(), [1, 2], "the post waited with two of them");
    assert_eq!(node.list_invites(chat_id, &token).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_post_completes_even_if_its_caller_goes_away() {
    let node = nodes(1).0.remove(0);
    let new = chat(&node).await;
    for at in 1..=20 {
        let text = MessageText::parse(&format!("message {at}")).unwrap();
        let mut post = Box::pin(node.post(new.chat_id, &new.seat.token, text, None));
        // Poll the call once, then drop it, as if the caller had gone away.
        let _ = futures_util::poll!(&mut post);
        drop(post);
        while node.read_messages(new.chat_id, &new.seat.token, 0).await.unwrap().last_id < at {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn sweeping_frees_seats_and_deletes_expired_chats() {
    let app = TestApp::new();
    let (chat, ann) = app.chat(json!({"username": "Ann"})).await;
    app.service.sweep().await.unwrap();
    assert_eq!(app.service.active_chats(), 1);
    app.clock.advance(Duration::from_hours(6));
    app.service.sweep().await.unwrap();
    ann.get("").await_problem(401, "session_expired").await;
    // Within the grace period, the invite still works.
    app.clock.advance(Duration::from_hours(23));
    app.service.sweep().await.unwrap();
    let bob = chat.join("Bob").await;
    bob.delete(&format!("/members/{}", bob.id)).await_status(204).await;
    app.clock.advance(Duration::from_hours(24));
    app.service.sweep().await.unwrap();
    ann.get("").await_problem(404, "chat_not_found").await;
    assert_eq!(app.service.active_chats(), 0);
}

#[tokio::test]
async fn an_unused_chat_is_unloaded_from_memory_and_reloaded_on_use() {
    let app = TestApp::new();
    let (_, ann) = app.chat(json!({})).await;
    ann.says("kept").await;
    app.clock.advance(Duration::from_mins(11));
    app.service.sweep().await.unwrap();
    assert_eq!(app.service.active_chats(), 0);
    assert_eq!(ann.texts().await, ["kept"]);
    assert_eq!(app.service.active_chats(), 1);
}
