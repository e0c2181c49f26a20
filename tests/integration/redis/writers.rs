//! Many callers at once, of one chat, on two nodes of one Redis.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::task::JoinSet;
use watch_party::domain::{Admission, MessageText, SessionToken, Settings, Username};
use watch_party::service::{Caller, Service};

use crate::app::{BETWEEN_POSTS, CountingEntropy, ManualClock, policy, seat};
use crate::redis::server::RedisServer;
use crate::store::redis::open_at;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundred_writers_on_two_nodes_get_ids_without_a_gap_and_no_more_seats_than_there_are() {
    let server = RedisServer::start();
    let (clock, entropy) = (Arc::new(ManualClock::default()), Arc::new(CountingEntropy::default()));
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let store = open_at(&server.url(), clock.clone()).await;
        nodes.push(Service::new(store, clock.clone(), entropy.clone(), policy(true)));
    }
    let caller: Caller = std::net::IpAddr::from([127, 0, 0, 1]).into();
    let settings = Settings::new(Admission::Link, Some(6), Some(1_000)).unwrap();
    let ann = Username::parse("Ann").unwrap();
    let new = nodes[0].create_chat(caller, ann, None, settings).await.unwrap();
    let key = &new.invite.as_ref().unwrap().key;
    let guests: Vec<String> = (0..20).map(|guest| format!("Guest {guest}")).collect();
    let joins = guests.iter().zip(0..).map(|(name, at)| seat(&nodes[at % 2], new.chat_id, key, name));
    let guests: Vec<String> = join_all(joins).await.into_iter().flatten().map(|seat| seat.token.reveal()).collect();
    assert_eq!(guests.len(), 5, "six seats, one of which is the owner's");

    let mut writers = JoinSet::new();
    for writer in 0..100 {
        let (node, clock) = (nodes[writer % 2].clone(), clock.clone());
        let token = SessionToken::parse(&guests[writer % guests.len()]).unwrap();
        writers.spawn(async move {
            let mut ids = Vec::new();
            for at in 0..5 {
                clock.advance(BETWEEN_POSTS);
                let text = MessageText::parse(&format!("{writer}: {at}")).unwrap();
                ids.push(node.post(new.chat_id, &token, text, None).await.unwrap().message.id);
            }
            ids
        });
    }
    let mut ids: Vec<u64> = writers.join_all().await.into_iter().flatten().collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=500).collect::<Vec<_>>());
    for node in &nodes {
        // The node that was not the last to write hears of the rest.
        node.check_chats().await.unwrap();
        let read = node.read_messages(new.chat_id, &new.seat.token, 0).await.unwrap();
        let ids: Vec<u64> = read.messages.iter().map(|message| message.id).collect();
        assert_eq!(ids, (1..=500).collect::<Vec<_>>());
    }
}
