//! The contract itself: each function takes an empty store.

use std::sync::Arc;
use std::time::Duration;

use watch_party::domain::{
    Admission, Chat, ChatId, ClientId, Command, Event, Fresh, InviteKey, InviteTerms, MessageText, SessionToken,
    Settings, Timestamp, Username,
};
use watch_party::store::{CommitError, Store};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const GRACE: Duration = Duration::from_hours(24);

fn id(number: u8) -> ChatId {
    ChatId::from_random_bytes([number; 16])
}

fn token() -> SessionToken {
    SessionToken::from_random_bytes([1; 32])
}

fn fresh(number: u8) -> Fresh {
    let (token, key) = (SessionToken::from_random_bytes([number; 32]), InviteKey::from_random_bytes([number; 32]));
    Fresh { id: [number; 16], session: token.digest(), invite: key.digest() }
}

fn decide(chat: &mut Chat, command: &Command, number: u8) -> Vec<Event> {
    let events = chat.decide(command, NOW, fresh(number)).unwrap();
    events.iter().for_each(|event| chat.apply(event));
    events
}

fn create(number: u8) -> (Chat, Vec<Event>) {
    let mut chat = Chat::new(id(number));
    let settings = Settings::new(Admission::Link, Some(3), Some(2)).unwrap();
    let username = Username::parse("Ann").unwrap();
    let events = decide(&mut chat, &Command::Create { name: None, settings, username }, 1);
    (chat, events)
}

fn post(chat: &mut Chat, text: &str) -> Vec<Event> {
    let text = MessageText::parse(text).unwrap();
    let client_id = Some(ClientId::from_random_bytes([9; 16])).filter(|_| text.as_str() == "with id");
    decide(chat, &Command::Post { by: token().digest(), text, client_id }, 5)
}

pub async fn a_chat_that_was_never_made_is_not_there(store: Arc<dyn Store>) {
    assert_eq!(store.load(id(1)).await.unwrap(), None);
    let events = post(&mut create(1).0, "hello");
    assert!(matches!(store.commit(id(1), 2, &events).await, Err(CommitError::Conflict)));
    assert_eq!(store.load(id(1)).await.unwrap(), None);
}

type Step<'a> = &'a dyn Fn(&mut Chat) -> Vec<Event>;

pub async fn what_was_committed_is_loaded(store: Arc<dyn Store>) {
    let (mut chat, created) = create(1);
    store.commit(chat.id(), 0, &created).await.unwrap();
    assert_eq!(store.load(chat.id()).await.unwrap().as_ref(), Some(&chat));
    let terms = InviteTerms::new(None, Some(2), Some(60)).unwrap();
    let by = token().digest();
    let steps: [Step; 6] = [
        &|chat| decide(chat, &Command::CreateInvite { by, terms: terms.clone() }, 2),
        &|chat| {
            let key = InviteKey::from_random_bytes([2; 32]).digest();
            decide(chat, &Command::Join { key, username: Username::parse("Bob 王").unwrap() }, 3)
        },
        &|chat| post(chat, "one"),
        &|chat| post(chat, "with id"),
        &|chat| post(chat, "three, and the first goes"),
        &|chat| {
            let bob = SessionToken::from_random_bytes([3; 32]).digest();
            decide(chat, &Command::Renew { by: bob }, 4)
        },
    ];
    for step in steps {
        let revision = chat.revision();
        let events = step(&mut chat);
        store.commit(chat.id(), revision, &events).await.unwrap();
        assert_eq!(store.load(chat.id()).await.unwrap().as_ref(), Some(&chat));
    }
}

pub async fn a_stale_revision_conflicts_and_changes_nothing(store: Arc<dyn Store>) {
    let (mut chat, created) = create(1);
    store.commit(chat.id(), 0, &created).await.unwrap();
    let revision = chat.revision();
    let events = post(&mut chat, "first");
    for wrong in [revision - 1, revision + 1] {
        assert!(matches!(store.commit(chat.id(), wrong, &events).await, Err(CommitError::Conflict)));
    }
    assert_eq!(store.load(chat.id()).await.unwrap().unwrap().revision(), revision);
    store.commit(chat.id(), revision, &events).await.unwrap();
    assert!(matches!(store.commit(chat.id(), revision, &events).await, Err(CommitError::Conflict)));
    assert_eq!(store.load(chat.id()).await.unwrap().unwrap(), chat);
}

pub async fn a_new_chat_cannot_take_the_place_of_another(store: Arc<dyn Store>) {
    let (chat, created) = create(1);
    store.commit(chat.id(), 0, &created).await.unwrap();
    assert!(matches!(store.commit(chat.id(), 0, &created).await, Err(CommitError::Conflict)));
    assert_eq!(store.load(chat.id()).await.unwrap().unwrap(), chat);
}

pub async fn an_ended_chat_is_gone(store: Arc<dyn Store>) {
    let (mut chat, created) = create(1);
    let (other, other_created) = create(2);
    store.commit(chat.id(), 0, &created).await.unwrap();
    store.commit(other.id(), 0, &other_created).await.unwrap();
    let revision = chat.revision();
    let events = decide(&mut chat, &Command::End { by: token().digest() }, 7);
    store.commit(chat.id(), revision, &events).await.unwrap();
    assert_eq!(store.load(chat.id()).await.unwrap(), None);
    assert!(matches!(store.commit(chat.id(), chat.revision(), &events).await, Err(CommitError::Conflict)));
    assert_eq!(store.load(other.id()).await.unwrap().unwrap(), other);
}

pub async fn only_one_of_many_writers_gets_a_revision(store: Arc<dyn Store>) {
    let (chat, created) = create(1);
    store.commit(chat.id(), 0, &created).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let (store, mut chat) = (store.clone(), chat.clone());
        writers.spawn(async move {
            let revision = chat.revision();
            let events = post(&mut chat, &format!("by {writer}"));
            store.commit(chat.id(), revision, &events).await.is_ok()
        });
    }
    let winners = writers.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(winners, 1);
    assert_eq!(store.load(chat.id()).await.unwrap().unwrap().messages().len(), 1);
}

pub async fn chats_are_due_when_time_alone_has_changed_them(store: Arc<dyn Store>) {
    let (mut left, created) = create(1);
    store.commit(left.id(), 0, &created).await.unwrap();
    let (stays, created) = create(2);
    store.commit(stays.id(), 0, &created).await.unwrap();
    let revision = left.revision();
    let member_id = left.live_members(NOW).next().unwrap().id;
    let events = decide(&mut left, &Command::Remove { by: token().digest(), member_id }, 8);
    store.commit(left.id(), revision, &events).await.unwrap();

    let almost = |moment: Timestamp| Timestamp::from_millis(moment.as_millis() - 1);
    let (expiry, forgotten) = (stays.due_at(GRACE), left.due_at(GRACE));
    assert_eq!(forgotten, NOW.after(GRACE));
    assert_eq!(store.due(almost(expiry), GRACE).await.unwrap(), []);
    assert_eq!(store.due(expiry, GRACE).await.unwrap(), [stays.id()]);
    let mut due = store.due(forgotten, GRACE).await.unwrap();
    due.sort();
    assert_eq!(due, [left.id(), stays.id()]);
}

pub async fn a_store_that_is_there_answers(store: Arc<dyn Store>) {
    store.ping().await.unwrap();
}
