//! Members of one chat on two nodes, with news that get lost and a store that loses commits.

use std::sync::Arc;
use std::time::Duration;

use watch_party::domain::{
    Admission, ChatId, Command, Gap, InviteKey, MessageText, Randomness, Refusal, SessionToken, Settings, Username,
};
use watch_party::service::{CHECK_INTERVAL, Caller, Ending, Error, Follower, Login, Password, Service, Update};

use crate::app::seat;
use crate::nodes::Nodes;

fn caller() -> Caller {
    std::net::IpAddr::from([127, 0, 0, 1]).into()
}

/// Two nodes, a chat whose owner is on the first one and whose guest is on the second.
struct Pair {
    nodes: Nodes,
    chat_id: ChatId,
    ann: SessionToken,
    bob: SessionToken,
}

impl Pair {
    async fn start() -> Self {
        let nodes = Nodes::start(2);
        let settings = Settings::new(Admission::Link, None, None).unwrap();
        let ann = Username::parse("Ann").unwrap();
        let new = nodes.services[0].create_chat(caller(), ann, None, settings).await.unwrap();
        let bob = seat(&nodes.services[1], new.chat_id, &new.invite.as_ref().unwrap().key, "Bob").await.unwrap();
        let pair = Self { nodes, chat_id: new.chat_id, ann: new.seat.token, bob: bob.token };
        pair.check().await;
        pair
    }

    fn one(&self) -> &Service {
        &self.nodes.services[0]
    }

    fn other(&self) -> &Service {
        &self.nodes.services[1]
    }

    /// Lets both nodes compare the chat with the store.
    async fn check(&self) {
        self.nodes.clock.advance(Duration::from_secs(10));
        for node in &self.nodes.services {
            node.check_chats().await.unwrap();
        }
    }

    async fn post(&self, node: &Service, by: &SessionToken, text: &str) -> u64 {
        node.post(self.chat_id, by, MessageText::parse(text).unwrap(), None).await.unwrap().message.id
    }

    /// What the guest reads on the second node, and whether something may be missing.
    async fn read(&self, after: u64) -> (Vec<String>, bool) {
        let read = self.other().read_messages(self.chat_id, &self.bob, after).await.unwrap();
        assert_eq!(read.missed, 0, "nothing was deleted");
        (read.messages.iter().map(|message| message.text.as_str().to_owned()).collect(), read.is_incomplete)
    }

    async fn follow(&self, after: u64) -> Follower {
        self.other().follow(caller(), self.chat_id, &self.bob, after).await.unwrap()
    }
}

/// The next message of a stream.
async fn next_text(stream: &mut Follower) -> String {
    loop {
        if let Update::Event(event) = stream.next().await.unwrap()
            && let watch_party::domain::Event::MessagePosted { message } = &*event
        {
            return message.text.as_str().to_owned();
        }
    }
}

#[tokio::test]
async fn what_one_node_commits_reaches_readers_and_streams_of_the_other_without_a_load() {
    let pair = Pair::start().await;
    let mut stream = pair.follow(0).await;
    let loads = *pair.nodes.hub.loads.lock();
    for (id, text) in (1..).zip(["one", "two", "three"]) {
        assert_eq!(pair.post(pair.one(), &pair.ann, text).await, id);
        assert_eq!(next_text(&mut stream).await, text);
    }
    assert_eq!(pair.read(1).await, (vec!["two".to_owned(), "three".to_owned()], false));
    assert_eq!(*pair.nodes.hub.loads.lock(), loads);
    // The other way round, and of the end.
    pair.post(pair.other(), &pair.bob, "four").await;
    let read = pair.one().read_messages(pair.chat_id, &pair.ann, 3).await.unwrap();
    assert_eq!(read.last_id, 4);
    assert_eq!(next_text(&mut stream).await, "four");
    pair.one().end_chat(pair.chat_id, &pair.ann).await.unwrap();
    assert_eq!(stream.next().await, Err(Ending::ChatEnded));
    let gone = pair.other().read_messages(pair.chat_id, &pair.bob, 0).await.unwrap_err();
    assert!(matches!(gone, Error::Refused(Refusal::ChatNotFound)), "{gone}");
}

#[tokio::test]
async fn a_lost_commit_is_noticed_by_the_next_one_and_repaired() {
    let pair = Pair::start().await;
    let mut stream = pair.follow(0).await;
    *pair.nodes.hub.is_deaf.lock() = true;
    pair.post(pair.one(), &pair.ann, "lost").await;
    *pair.nodes.hub.is_deaf.lock() = false;
    pair.post(pair.one(), &pair.ann, "heard").await;
    assert_eq!(next_text(&mut stream).await, "lost");
    assert_eq!(next_text(&mut stream).await, "heard");
    let metrics = pair.other().metrics_text();
    for line in ["watch_party_node_repairs_total 1", "watch_party_node_news_total{kind=\"interruption\"} 0"] {
        assert!(metrics.lines().any(|own| own == line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn a_lost_commit_is_noticed_by_a_check_if_nothing_follows_it() {
    let pair = Pair::start().await;
    let mut stream = pair.follow(0).await;
    *pair.nodes.hub.is_deaf.lock() = true;
    pair.post(pair.one(), &pair.ann, "lost").await;
    assert_eq!(pair.read(0).await.0, [""; 0], "the node does not know better");
    pair.check().await;
    assert_eq!(next_text(&mut stream).await, "lost");
    assert_eq!(pair.read(0).await.0, ["lost"]);
}

#[tokio::test]
async fn a_reader_who_comes_from_another_node_misses_nothing_and_sees_nothing_twice() {
    let pair = Pair::start().await;
    *pair.nodes.hub.is_deaf.lock() = true;
    pair.post(pair.one(), &pair.ann, "one").await;
    pair.post(pair.one(), &pair.ann, "two").await;
    // The second node has heard of neither, but the reader has seen the first.
    assert_eq!(pair.read(1).await, (vec!["two".to_owned()], false));
    pair.post(pair.one(), &pair.ann, "three").await;
    let mut stream = pair.follow(3).await;
    assert!(matches!(stream.next().await, Ok(Update::Opened { last_id: 3, missed: 0, is_incomplete: false })));
}

#[tokio::test]
async fn while_news_are_interrupted_readers_cause_loads_and_afterwards_none() {
    let pair = Pair::start().await;
    pair.nodes.hub.interrupt();
    pair.post(pair.one(), &pair.ann, "one").await;
    pair.nodes.clock.advance(CHECK_INTERVAL);
    assert_eq!(pair.read(0).await.0, ["one"]);
    // At most one load a second.
    let loads = *pair.nodes.hub.loads.lock();
    assert_eq!(pair.read(0).await.0, ["one"]);
    assert_eq!(*pair.nodes.hub.loads.lock(), loads);
    pair.check().await;
    pair.post(pair.one(), &pair.ann, "two").await;
    assert_eq!(pair.read(1).await.0, ["two"], "the node has subscribed again");
}

#[tokio::test]
async fn while_the_store_is_away_reading_goes_on_for_a_minute_and_streams_stay() {
    let pair = Pair::start().await;
    pair.post(pair.one(), &pair.ann, "one").await;
    let mut stream = pair.follow(1).await;
    assert!(matches!(stream.next().await, Ok(Update::Opened { last_id: 1, missed: 0, is_incomplete: false })));
    *pair.nodes.hub.is_away.lock() = true;
    pair.nodes.hub.interrupt();
    let text = MessageText::parse("refused").unwrap();
    let refused = pair.one().post(pair.chat_id, &pair.ann, text, None).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    for _ in 0..6 {
        pair.nodes.clock.advance(Duration::from_secs(9));
        assert!(pair.other().check_chats().await.is_err());
        assert_eq!(pair.read(0).await.0, ["one"]);
    }
    pair.nodes.clock.advance(Duration::from_secs(9));
    let outdated = pair.other().read_messages(pair.chat_id, &pair.bob, 0).await.unwrap_err();
    assert!(matches!(outdated, Error::Unavailable(_)), "{outdated}");
    *pair.nodes.hub.is_away.lock() = false;
    pair.check().await;
    pair.post(pair.one(), &pair.ann, "two").await;
    assert_eq!(next_text(&mut stream).await, "two");
}

#[tokio::test]
async fn members_on_another_node_are_online_and_their_typing_shows() {
    let pair = Pair::start().await;
    let is_online = async |node: &Service, by: &SessionToken, name: &str| {
        let roster = node.list_members(pair.chat_id, by).await.unwrap();
        roster.members.iter().any(|(member, is_online)| member.username.as_str() == name && *is_online)
    };
    // After a while without requests, only an open stream makes the guest present.
    let mut stream = pair.follow(0).await;
    for _ in 0..10 {
        pair.check().await;
    }
    assert!(is_online(pair.one(), &pair.ann, "Bob").await);
    pair.one().notify_typing(pair.chat_id, &pair.ann).await.unwrap();
    assert!(matches!(stream.next().await, Ok(Update::Opened { .. })));
    assert!(matches!(stream.next().await, Ok(Update::Typing { .. })));
    drop(stream);
    for _ in 0..15 {
        pair.check().await;
    }
    assert!(!is_online(pair.one(), &pair.ann, "Bob").await, "nodes do not keep each other's reports alive");
}

#[tokio::test]
async fn a_node_subscribes_only_to_chats_that_someone_uses() {
    let pair = Pair::start().await;
    assert_eq!(pair.nodes.hub.subscriptions(), 2);
    pair.nodes.clock.advance(Duration::from_mins(2));
    let stream = pair.follow(0).await;
    for node in &pair.nodes.services {
        node.sweep().await.unwrap();
    }
    tokio::task::yield_now().await;
    assert_eq!((pair.one().active_chats(), pair.other().active_chats()), (0, 1));
    assert_eq!(pair.nodes.hub.subscriptions(), 1);
    drop(stream);
    let unknown = ChatId::from_random_bytes([99; 16]);
    assert!(pair.one().read_messages(unknown, &pair.ann, 0).await.is_err());
    assert_eq!(pair.nodes.hub.subscriptions(), 1);
}

#[tokio::test]
async fn what_a_store_has_lost_comes_back_from_a_nodes_memory_and_no_id_is_given_twice() {
    let pair = Pair::start().await;
    pair.post(pair.one(), &pair.ann, "kept").await;
    let earlier = pair.nodes.hub.stored(pair.chat_id).await;
    pair.post(pair.one(), &pair.ann, "lost").await;
    let mut stream = pair.follow(2).await;
    pair.nodes.hub.lose_commits(&earlier).await;
    let id = pair.post(pair.one(), &pair.ann, "after").await;
    assert!(id > 1_000_000_000_000, "{id} is after every id that the chat may have given");
    // The message was only in the nodes' memory.
    assert_eq!(pair.read(0).await, (vec!["kept".to_owned(), "lost".to_owned(), "after".to_owned()], true));
    assert_eq!(pair.read(2).await, (vec!["after".to_owned()], true), "something may be missing");
    assert_eq!(pair.read(id).await, (vec![], false));
    assert!(matches!(stream.next().await, Ok(Update::Opened { .. })));
    assert_eq!(stream.next().await, Err(Ending::Behind), "the reader connects again and learns of the gap");
    assert_eq!(pair.post(pair.other(), &pair.bob, "next").await, id + 1);
}

#[tokio::test]
async fn a_node_that_knows_less_continues_behind_the_ids_that_others_may_have_given() {
    let pair = Pair::start().await;
    pair.post(pair.one(), &pair.ann, "kept").await;
    let earlier = pair.nodes.hub.stored(pair.chat_id).await;
    *pair.nodes.hub.is_deaf.lock() = true;
    let lost = pair.post(pair.one(), &pair.ann, "lost").await;
    pair.nodes.hub.lose_commits(&earlier).await;
    // The second node has never heard of the lost message, and is the first to post.
    let id = pair.post(pair.other(), &pair.bob, "other").await;
    assert!(id > lost);
    assert_eq!(pair.read(0).await, (vec!["kept".to_owned(), "other".to_owned()], true));
    *pair.nodes.hub.is_deaf.lock() = false;
    pair.check().await;
    let read = pair.one().read_messages(pair.chat_id, &pair.ann, lost).await.unwrap();
    assert_eq!((read.messages.len(), read.messages[0].id, read.missed, read.is_incomplete), (1, id, 0, true));
    let chat = pair.nodes.hub.stored(pair.chat_id).await;
    assert_eq!(chat.gaps(), [Gap { after: 1, until: id - 1 }]);
    assert_eq!(chat.epoch(), 1);
    // A second loss, of what followed the first.
    pair.nodes.clock.advance(Duration::from_secs(1));
    pair.nodes.hub.lose_commits(&chat.clone()).await;
    pair.check().await;
    assert_eq!(pair.nodes.hub.stored(pair.chat_id).await.epoch(), 2);
    assert!(pair.post(pair.one(), &pair.ann, "third").await > id + 1);
}

#[tokio::test]
async fn a_check_continues_a_chat_that_nobody_writes_to() {
    let pair = Pair::start().await;
    pair.post(pair.one(), &pair.ann, "kept").await;
    let earlier = pair.nodes.hub.stored(pair.chat_id).await;
    let lost = pair.post(pair.one(), &pair.ann, "lost").await;
    pair.nodes.hub.lose_commits(&earlier).await;
    pair.check().await;
    let chat: Arc<_> = pair.nodes.hub.stored(pair.chat_id).await;
    assert_eq!((chat.epoch(), chat.messages().len()), (1, 2));
    assert_eq!(pair.read(lost).await, (vec![], true));
}

#[tokio::test]
async fn hundred_writers_on_two_nodes_get_ids_without_a_gap_and_no_more_seats_than_there_are() {
    let pair = Pair::start().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..100 {
        let node = pair.nodes.services[writer % 2].clone();
        let (chat_id, by) = (pair.chat_id, if writer % 4 < 2 { pair.ann.reveal() } else { pair.bob.reveal() });
        let clock = pair.nodes.clock.clone();
        writers.spawn(async move {
            let by = SessionToken::parse(&by).unwrap();
            let mut ids = Vec::new();
            for at in 0..3 {
                clock.advance(crate::app::BETWEEN_POSTS);
                let text = MessageText::parse(&format!("{writer}: {at}")).unwrap();
                ids.push(node.post(chat_id, &by, text, None).await.unwrap().message.id);
            }
            ids
        });
    }
    let mut ids: Vec<u64> = writers.join_all().await.into_iter().flatten().collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=300).collect::<Vec<_>>());
    let (one, other) = (pair.one(), pair.other());
    let command = Command::Sweep { forget_after: Duration::from_hours(24) };
    let chat = pair.nodes.hub.stored(pair.chat_id).await;
    assert_eq!(
        chat.decide(&command, watch_party::service::Clock::now(&*pair.nodes.clock), Randomness::NONE),
        Ok(vec![])
    );
    for (node, by) in [(one, &pair.ann), (other, &pair.bob)] {
        let read = node.read_messages(pair.chat_id, by, 0).await.unwrap();
        assert_eq!((read.last_id, read.missed, read.messages.len()), (300, 270, 30));
    }
}

#[tokio::test]
async fn wrong_passwords_and_keys_count_on_all_nodes_together() {
    let nodes = Nodes::start(2);
    let name = |name: &str| Username::parse(name).unwrap();
    let password = |text: &str| Password::parse(text).unwrap();
    let settings = Settings::new(Admission::Account, None, None).unwrap();
    let chat_id = nodes.services[0].open_chat(caller(), None, None, settings).await.unwrap();
    nodes.services[0].register(caller(), chat_id, name("Ann"), password("correct horse")).await.unwrap();
    let other: Caller = std::net::IpAddr::from([192, 0, 2, 1]).into();
    let log_in = async |node: usize, caller: Caller, text: &str| {
        let node = &nodes.services[node];
        let join = node.draw_join();
        let login = Login { username: name("Ann"), password: password(text), join: &join, ends_oldest: true };
        node.log_in(caller, chat_id, login).await.map(drop)
    };
    let is_wrong = |answer: Result<(), Error>| matches!(answer, Err(Error::Refused(Refusal::WrongPassword)));
    let must_wait = |answer: Result<(), Error>| matches!(answer, Err(Error::Refused(Refusal::TooManyRequests { .. })));
    // The holder has logged in from home, on the first node.
    log_in(0, caller(), "correct horse").await.unwrap();
    for at in 0..5 {
        assert!(is_wrong(log_in(at % 2, other, "wrong horse").await));
    }
    // Either node has seen three tries at most.
    assert!(must_wait(log_in(0, other, "wrong horse").await) && must_wait(log_in(1, other, "wrong horse").await));
    log_in(1, caller(), "correct horse").await.unwrap();
    nodes.clock.advance(Duration::from_secs(1));
    assert!(is_wrong(log_in(0, other, "wrong horse").await));
    assert!(must_wait(log_in(1, other, "correct horse").await));

    // Sixty tries of a key a minute, whichever nodes they reach.
    let third: Caller = std::net::IpAddr::from([192, 0, 2, 2]).into();
    let key = InviteKey::from_random_bytes([7; 32]);
    let check = async |node: usize| nodes.services[node].check_invite(third, chat_id, &key).await;
    for at in 0..60 {
        assert!(matches!(check(at % 2).await, Err(Error::Refused(Refusal::InvalidInvite))), "{at}");
    }
    assert!(must_wait(check(0).await) && must_wait(check(1).await));
}
