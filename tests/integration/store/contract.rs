//! The contract of all stores. Each function takes an empty store.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use watch_party::domain::{
    Admission, BrowserSession, BrowserToken, Chat, ChatId, ClientId, Command, Decision, InviteKey, InviteTerms,
    JoinSecret, KnockId, MemberId, MessageText, PasswordHash, Position, PublicAccess, Randomness, RecoveryCode, Salt,
    SealedChatId, SessionToken, Settings, Ticket, Timestamp, Transition, Username,
};
use watch_party::service::{Caller, Service};
use watch_party::store::{Checked, CommitError, Count, News, Signal, Stores};

use crate::app::{BETWEEN_POSTS, CountingEntropy, ManualClock, policy, seat};
use crate::domain::{World, admission, step};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const GRACE: Duration = Duration::from_hours(24);
const ALL: usize = 1_000;

fn id(number: u8) -> ChatId {
    ChatId::from_random_bytes([number; 16])
}

/// The session token of the owner of chat `number`.
fn token(number: u8) -> SessionToken {
    SessionToken::from_random_bytes([number; 32])
}

fn fresh(number: u8) -> Randomness {
    let (token, key) = (SessionToken::from_random_bytes([number; 32]), InviteKey::from_random_bytes([number; 32]));
    Randomness {
        id: [number; 16],
        salt: Salt([number; 32]),
        session: token.digest(),
        invite: key.digest(),
        ticket: Ticket::from_random_bytes([number; 32]).digest(),
        recovery: RecoveryCode::from_random_bytes([number; 32]).digest(),
    }
}

fn decide(chat: &Chat, command: &Command, number: u8) -> Transition {
    chat.transition(chat.decide(command, NOW, fresh(number)).unwrap())
}

fn create(number: u8) -> Transition {
    let settings = Settings::new(Admission::Link, Some(3), Some(2)).unwrap();
    let username = Username::parse("Ann").unwrap();
    decide(
        &Chat::new(id(number)),
        &Command::Create { name: None, settings, username: Some(username), password: None },
        number,
    )
}

fn post(chat: &Chat, by: u8, text: &str) -> Transition {
    let text = MessageText::parse(text).unwrap();
    let client_id = Some(ClientId::from_random_bytes([9; 16])).filter(|_| text.as_str() == "with id");
    decide(chat, &Command::Post { by: token(by).digest(), text, client_id }, 99)
}

async fn kept(stores: &Stores, id: ChatId) -> Option<Chat> {
    stores.chats.load(id).await.unwrap().map(|chat| (*chat).clone())
}

fn is_conflict(answer: &Result<(), CommitError>) -> bool {
    matches!(answer, Err(CommitError::Conflict))
}

pub async fn a_chat_that_was_never_created_is_not_found(stores: Stores) {
    assert_eq!(kept(&stores, id(1)).await, None);
    let created = create(1);
    assert!(is_conflict(&stores.chats.commit(&post(&created.after, 1, "hello")).await));
    assert_eq!(kept(&stores, id(1)).await, None);
}

type Step<'a> = &'a dyn Fn(&Chat) -> Transition;

pub async fn committed_changes_are_loaded(stores: Stores) {
    let created = create(1);
    stores.chats.commit(&created).await.unwrap();
    assert_eq!(kept(&stores, id(1)).await.as_ref(), Some(&*created.after));
    let terms = InviteTerms::new(None, Some(2), Some(60), None).unwrap();
    let by = token(1).digest();
    let steps: [Step; 6] = [
        &|chat| decide(chat, &Command::CreateInvite { by: Some(by), terms: terms.clone() }, 2),
        &|chat| {
            let key = InviteKey::from_random_bytes([2; 32]).digest();
            let join = JoinSecret::from_random_bytes([2; 32]).digest();
            decide(chat, &Command::Join { key, join, username: Username::parse("Bob 王").unwrap() }, 3)
        },
        &|chat| post(chat, 1, "one"),
        &|chat| post(chat, 1, "with id"),
        &|chat| post(chat, 1, "three, and the first goes"),
        &|chat| {
            let bob = SessionToken::from_random_bytes([3; 32]).digest();
            decide(chat, &Command::Renew { by: bob }, 4)
        },
    ];
    let mut chat = created.after;
    for step in steps {
        let change = step(&chat);
        stores.chats.commit(&change).await.unwrap();
        assert_eq!(kept(&stores, id(1)).await.as_ref(), Some(&*change.after));
        chat = change.after;
    }
}

pub async fn any_sequence_of_changes_is_stored_faithfully(stores: Stores) {
    let mut runner = TestRunner::deterministic();
    let steps = proptest::collection::vec(step(), 1..120);
    for number in 1..=40 {
        let admission = admission().new_tree(&mut runner).unwrap().current();
        let mut world = World::new(number, admission, 6, 5);
        stores.chats.commit(world.change.as_ref().unwrap()).await.unwrap();
        for step in steps.new_tree(&mut runner).unwrap().current() {
            world.take(&step);
            if let Some(change) = &world.change {
                stores.chats.commit(change).await.unwrap();
                let expected = Some(&world.chat).filter(|chat| !chat.has_ended());
                assert_eq!(kept(&stores, world.chat.id()).await.as_ref(), expected, "after {step:?}");
            }
        }
    }
}

/// Joins a transition and the one that follows it.
fn joined(first: Option<Transition>, next: Transition) -> Transition {
    match first {
        Some(first) => Transition { before: first.before, events: [first.events, next.events].concat().into(), ..next },
        None => next,
    }
}

pub async fn changes_that_are_committed_together_are_stored_as_if_one_by_one(stores: Stores) {
    let mut runner = TestRunner::deterministic();
    let steps = proptest::collection::vec(step(), 1..120);
    for number in 101..=140 {
        let admission = admission().new_tree(&mut runner).unwrap().current();
        let mut world = World::new(number, admission, 6, 5);
        stores.chats.commit(world.change.as_ref().unwrap()).await.unwrap();
        let mut together = None;
        for (at, step) in steps.new_tree(&mut runner).unwrap().current().iter().enumerate() {
            world.take(step);
            if let Some(change) = world.change.take() {
                together = Some(joined(together, change));
            }
            // Batches of several lengths.
            if (at + at / 7) % 5 == 0
                && let Some(change) = together.take()
            {
                stores.chats.commit(&change).await.unwrap();
                let expected = Some(&world.chat).filter(|chat| !chat.has_ended());
                assert_eq!(kept(&stores, world.chat.id()).await.as_ref(), expected, "after {step:?}");
            }
        }
    }
}

pub async fn a_removal_and_the_return_of_another_guest_are_stored_together(stores: Stores) {
    let created = create(1);
    stores.chats.commit(&created).await.unwrap();
    let by = token(1).digest();
    let terms = InviteTerms::new(None, None, None, None).unwrap();
    let join = |number: u8, username: &str| {
        let key = InviteKey::from_random_bytes([2; 32]).digest();
        let join = JoinSecret::from_random_bytes([number; 32]).digest();
        Command::Join { key, join, username: Username::parse(username).unwrap() }
    };
    let remove = |number: u8| {
        let member_id = MemberId::from_random_bytes([number; 16]);
        Command::Remove { by, member_id, revokes_invite: false }
    };
    let knock_id = KnockId::from_random_bytes([7; 16]);
    let before = [
        (Command::CreateInvite { by: Some(by), terms }, 2),
        (join(3, "Olaf"), 3),
        (remove(3), 0),
        (join(4, "Pia"), 4),
        (remove(4), 0),
        (join(5, "Xaver"), 5),
        // Pia was removed, so she knocks.
        (join(4, "Pia"), 7),
    ];
    let mut chat = created.after;
    for (command, number) in before {
        let change = decide(&chat, &command, number);
        stores.chats.commit(&change).await.unwrap();
        chat = change.after;
    }
    let removal = decide(&chat, &remove(5), 0);
    let approval = Command::DecideKnock { by, knock_id, decision: Decision::Approve };
    let approval = decide(&removal.after, &approval, 0);
    let together = joined(Some(removal), approval);
    stores.chats.commit(&together).await.unwrap();
    assert_eq!(kept(&stores, id(1)).await.as_ref(), Some(&*together.after));
    let removed = [3, 5].map(|number| JoinSecret::from_random_bytes([number; 32]).digest());
    assert!(together.after.removed().iter().eq(&removed), "they have to knock");
}

pub async fn a_room_without_an_owner_keeps_its_accounts(stores: Stores) {
    let settings =
        Settings { public_access: PublicAccess::Read, ..Settings::new(Admission::Account, Some(3), None).unwrap() };
    let name = |name: &str| Username::parse(name).unwrap();
    let account = |username: &str| {
        let password = PasswordHash::from_stored(&format!("$argon2id$of {username}"));
        Command::Register { username: name(username), password }
    };
    let log_in = |username: &str, number: u8| {
        let join = JoinSecret::from_random_bytes([number; 32]).digest();
        Command::LogIn { username: name(username), join, ends_oldest: false }
    };
    let steps: [(Command, u8); 6] = [
        (Command::Create { name: None, settings, username: None, password: None }, 1),
        (account("Ann"), 2),
        (account("Bob 王"), 3),
        (log_in("BOB 王", 4), 4),
        (log_in("Ann", 5), 5),
        // From another browser.
        (log_in("Ann", 6), 6),
    ];
    let mut chat = Arc::new(Chat::new(id(1)));
    for (command, number) in steps {
        let change = decide(&chat, &command, number);
        stores.chats.commit(&change).await.unwrap();
        assert_eq!(kept(&stores, id(1)).await.as_ref(), Some(&*change.after));
        chat = change.after;
    }
    assert_eq!(chat.live_members(NOW).count(), 2);
    // Another login from the same browser changes nothing.
    assert_eq!(chat.decide(&log_in("Ann", 6), NOW, fresh(7)).unwrap(), []);
    assert_eq!(chat.live_sessions(NOW).count(), 3);
}

pub async fn a_stale_revision_conflicts_and_changes_nothing(stores: Stores) {
    let created = create(1);
    stores.chats.commit(&created).await.unwrap();
    let change = post(&created.after, 1, "first");
    for before in [change.before - 1, change.before + 1] {
        assert!(is_conflict(&stores.chats.commit(&Transition { before, ..change.clone() }).await));
    }
    assert_eq!(kept(&stores, id(1)).await.as_ref(), Some(&*created.after));
    stores.chats.commit(&change).await.unwrap();
    assert!(is_conflict(&stores.chats.commit(&change).await));
    assert_eq!(kept(&stores, id(1)).await.as_ref(), Some(&*change.after));
}

pub async fn a_new_chat_cannot_replace_an_existing_chat(stores: Stores) {
    let created = create(1);
    stores.chats.commit(&created).await.unwrap();
    assert!(is_conflict(&stores.chats.commit(&created).await));
    assert_eq!(kept(&stores, id(1)).await.as_ref(), Some(&*created.after));
}

pub async fn an_ended_chat_is_deleted(stores: Stores) {
    let (created, other) = (create(1), create(2));
    stores.chats.commit(&created).await.unwrap();
    stores.chats.commit(&other).await.unwrap();
    let end = decide(&created.after, &Command::End { by: token(1).digest() }, 7);
    let stale = Transition { before: end.before + 1, ..end.clone() };
    assert!(is_conflict(&stores.chats.commit(&stale).await));
    stores.chats.commit(&end).await.unwrap();
    assert_eq!(kept(&stores, id(1)).await, None);
    assert!(is_conflict(&stores.chats.commit(&end).await));
    assert_eq!(kept(&stores, id(2)).await.as_ref(), Some(&*other.after));
}

pub async fn only_one_of_many_concurrent_writers_commits_a_revision(stores: Stores) {
    let created = create(1);
    stores.chats.commit(&created).await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let (stores, change) = (stores.clone(), post(&created.after, 1, &format!("by {writer}")));
        writers.spawn(async move { stores.chats.commit(&change).await.is_ok() });
    }
    let winners = writers.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(winners, 1);
    assert_eq!(kept(&stores, id(1)).await.unwrap().messages().len(), 1);
}

pub async fn a_conflicting_commit_does_not_fail_concurrent_commits(stores: Stores) {
    let created: Vec<Transition> = (1..=40).map(create).collect();
    let answers = join_all(created.iter().map(|change| stores.chats.commit(change))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    // Every third post is decided on a revision that does not exist.
    let posts: Vec<Transition> = created
        .iter()
        .zip(1..)
        .map(|(created, number)| {
            let change = post(&created.after, number, "hello");
            Transition { before: change.before + u64::from(number % 3 == 0), ..change }
        })
        .collect();
    let answers = join_all(posts.iter().map(|change| stores.chats.commit(change))).await;
    for (answer, (change, number)) in answers.iter().zip(posts.iter().zip(1_u8..)) {
        let fails = number % 3 == 0;
        assert_eq!(is_conflict(answer), fails, "{answer:?}");
        assert_eq!(answer.is_ok(), !fails, "{answer:?}");
        assert_eq!(kept(&stores, change.after.id()).await.unwrap().messages().len(), usize::from(!fails));
    }
}

pub async fn many_writers_on_one_chat_produce_consecutive_unique_ids(stores: Stores) {
    let clock = Arc::new(ManualClock::default());
    let service = Service::new(stores.clone(), clock.clone(), Arc::new(CountingEntropy::default()), policy(true));
    let caller = Caller::from(std::net::IpAddr::from([127, 0, 0, 1]));
    let settings = Settings::new(Admission::Link, Some(4), Some(150)).unwrap();
    let username = |name: &str| Username::parse(name).unwrap();
    let new = service.create_chat(caller, username("Ann"), None, settings).await.unwrap();
    let mut seats = vec![new.seat.token];
    let guests: Vec<String> = (0..12).map(|guest| format!("Guest {guest}")).collect();
    let joins =
        join_all(guests.iter().map(|guest| seat(&service, new.chat_id, &new.invite.as_ref().unwrap().key, guest)))
            .await;
    seats.extend(joins.into_iter().flatten().map(|seat| seat.token));
    assert_eq!(seats.len(), 4, "the chat has four seats");

    let seats = Arc::new(seats);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..20 {
        let (service, seats, clock) = (service.clone(), seats.clone(), clock.clone());
        writers.spawn(async move {
            let mut ids = Vec::new();
            for at in 0..10 {
                let text = MessageText::parse(&format!("{writer}: {at}")).unwrap();
                clock.advance(BETWEEN_POSTS);
                let posted = service.post(new.chat_id, &seats[writer % 4], text, None).await.unwrap();
                ids.push(posted.message.id);
            }
            ids
        });
    }
    let mut ids: Vec<u64> = writers.join_all().await.into_iter().flatten().collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=200).collect::<Vec<_>>());
    let chat = kept(&stores, new.chat_id).await.unwrap();
    let ids: Vec<u64> = chat.messages().iter().map(|message| message.id).collect();
    assert_eq!(ids, (51..=200).collect::<Vec<_>>(), "the newest 150 messages are kept");
    assert_eq!(chat.live_members(NOW).count(), 4);
}

pub async fn chats_become_due_when_a_session_expires_or_the_grace_period_ends(stores: Stores) {
    let (stays, left) = (create(2), create(1));
    stores.chats.commit(&left).await.unwrap();
    stores.chats.commit(&stays).await.unwrap();
    let member_id = left.after.live_members(NOW).next().unwrap().id;
    let left = decide(&left.after, &Command::Remove { by: token(1).digest(), member_id, revokes_invite: false }, 8);
    stores.chats.commit(&left).await.unwrap();

    let just_before = |moment: Timestamp| Timestamp::from_millis(moment.as_millis() - 1);
    let (expiry, deletion) = (stays.after.due_at(GRACE), left.after.due_at(GRACE));
    assert_eq!(deletion, NOW.after(GRACE));
    assert_eq!(stores.chats.due(just_before(expiry), GRACE, ALL).await.unwrap(), []);
    assert_eq!(stores.chats.due(expiry, GRACE, ALL).await.unwrap(), [id(2)]);
    let mut due = stores.chats.due(deletion, GRACE, ALL).await.unwrap();
    due.sort();
    assert_eq!(due, [id(1), id(2)]);
    assert_eq!(stores.chats.due(deletion, GRACE, 1).await.unwrap().len(), 1);
}

pub async fn a_browser_session_is_kept_until_it_expires_or_is_deleted(stores: Stores) {
    let session = |number: u8, name: &str, hours: u64| BrowserSession {
        token: BrowserToken::from_random_bytes([number; 32]).digest(),
        username: Username::parse(name).unwrap(),
        expires_at: NOW.after(Duration::from_hours(hours)),
    };
    // Several sessions can have the same name, and no chat is needed.
    let (ann, bob, other) = (session(1, "Ann", 1), session(2, "Bob 王", 6), session(3, "Ann", 6));
    assert_eq!(stores.browser_sessions.load_browser_session(ann.token).await.unwrap(), None);
    for session in [&ann, &bob, &other] {
        stores.browser_sessions.save_browser_session(session).await.unwrap();
        assert_eq!(stores.browser_sessions.load_browser_session(session.token).await.unwrap().as_ref(), Some(session));
    }
    stores.browser_sessions.delete_expired_browser_sessions(NOW).await.unwrap();
    assert_eq!(stores.browser_sessions.load_browser_session(ann.token).await.unwrap().as_ref(), Some(&ann));
    stores.browser_sessions.delete_expired_browser_sessions(ann.expires_at).await.unwrap();
    assert_eq!(stores.browser_sessions.load_browser_session(ann.token).await.unwrap(), None);
    stores.browser_sessions.delete_browser_session(bob.token).await.unwrap();
    stores.browser_sessions.delete_browser_session(bob.token).await.unwrap();
    assert_eq!(stores.browser_sessions.load_browser_session(bob.token).await.unwrap(), None);
    assert_eq!(stores.browser_sessions.load_browser_session(other.token).await.unwrap().as_ref(), Some(&other));
    assert_eq!(stores.chats.due(other.expires_at, GRACE, ALL).await.unwrap(), []);
}

pub async fn a_browser_sessions_name_and_entered_chats_are_stored_with_it(stores: Stores) {
    let token = BrowserToken::from_random_bytes([1; 32]);
    let name = |name: &str| Username::parse(name).unwrap();
    let session =
        BrowserSession { token: token.digest(), username: name("Ann"), expires_at: NOW.after(Duration::from_hours(1)) };
    let sealed = |number: u8| SealedChatId::seal(id(number), &token, Salt([number; 32]));
    // For a session that does not exist, nothing is stored.
    stores.browser_sessions.add_entered_chat(session.token, &sealed(1)).await.unwrap();
    stores.browser_sessions.rename_browser_session(session.token, &name("Bob")).await.unwrap();
    assert_eq!(stores.browser_sessions.load_entered_chats(session.token).await.unwrap(), []);
    stores.browser_sessions.save_browser_session(&session).await.unwrap();
    for number in 1..=3 {
        stores.browser_sessions.add_entered_chat(session.token, &sealed(number)).await.unwrap();
    }
    stores.browser_sessions.rename_browser_session(session.token, &name("Anna 王")).await.unwrap();
    let renamed = BrowserSession { username: name("Anna 王"), ..session.clone() };
    assert_eq!(stores.browser_sessions.load_browser_session(session.token).await.unwrap(), Some(renamed));
    let entered = stores.browser_sessions.load_entered_chats(session.token).await.unwrap();
    assert_eq!(entered.iter().map(|chat| chat.open(&token)).collect::<Vec<_>>(), [id(1), id(2), id(3)]);
    // Another token does not reveal the chats.
    let other = BrowserToken::from_random_bytes([2; 32]);
    assert!(entered.iter().all(|chat| chat.open(&other) != chat.open(&token)));
    // Beyond the limit, the oldest are dropped.
    for _ in 0..BrowserSession::MAX_CHATS {
        stores.browser_sessions.add_entered_chat(session.token, &sealed(4)).await.unwrap();
    }
    let entered = stores.browser_sessions.load_entered_chats(session.token).await.unwrap();
    assert_eq!(entered, vec![sealed(4); BrowserSession::MAX_CHATS]);
    stores.browser_sessions.delete_browser_session(session.token).await.unwrap();
    stores.browser_sessions.save_browser_session(&session).await.unwrap();
    assert_eq!(
        stores.browser_sessions.load_entered_chats(session.token).await.unwrap(),
        [],
        "they were deleted with the session"
    );
}

pub async fn two_hundred_accounts_are_seated_at_once(stores: Stores) {
    let settings = Settings::new(Admission::Account, None, None).unwrap();
    let mut chat = Arc::new(Chat::new(id(1)));
    let number_of = |number: u16| Randomness {
        id: u128::from(number).to_be_bytes(),
        session: SessionToken::from_uuid(uuid::Uuid::from_u128(number.into())).digest(),
        ..fresh(0)
    };
    let mut commands = vec![(Command::Create { name: None, settings, username: None, password: None }, 0)];
    for number in 1..=200_u16 {
        let username = Username::parse(&format!("Member {number}")).unwrap();
        let password = PasswordHash::from_stored("$argon2id$of all");
        let join = JoinSecret::from_uuid(uuid::Uuid::from_u128(number.into())).digest();
        commands.push((Command::Register { username: username.clone(), password }, number));
        commands.push((Command::LogIn { username, join, ends_oldest: false }, number));
    }
    for (command, number) in commands {
        let change = chat.transition(chat.decide(&command, NOW, number_of(number)).unwrap());
        stores.chats.commit(&change).await.unwrap();
        chat = change.after;
    }
    assert_eq!(chat.live_members(NOW).count(), 200);
    assert_eq!(kept(&stores, id(1)).await.as_ref(), Some(&*chat));
}

pub async fn an_available_store_answers_ping_and_scrub(stores: Stores) {
    stores.chats.ping().await.unwrap();
    stores.chats.scrub().await.unwrap();
}

pub async fn a_chat_is_restored_whole_in_the_place_of_the_expected_one(stores: Stores) {
    let mut runner = TestRunner::deterministic();
    let steps = proptest::collection::vec(step(), 40..120);
    for number in 201..=212 {
        let admission = admission().new_tree(&mut runner).unwrap().current();
        let mut world = World::new(number, admission, 6, 5);
        stores.chats.commit(world.change.as_ref().unwrap()).await.unwrap();
        let first = world.chat.position();
        for step in steps.new_tree(&mut runner).unwrap().current() {
            world.take(&step);
        }
        if world.chat.has_ended() {
            continue;
        }
        let chat = Arc::new(world.chat.clone());
        let stale = Position { revision: first.revision + 1, ..first };
        for over in [None, Some(stale)] {
            assert!(is_conflict(&stores.chats.restore(&chat, over).await));
        }
        stores.chats.restore(&chat, Some(first)).await.unwrap();
        assert_eq!(kept(&stores, chat.id()).await.as_ref(), Some(&*chat));
        // It goes on from there.
        let next = chat.transition(chat.decide(&Command::ResumeAfterLoss, NOW, fresh(1)).unwrap());
        stores.chats.commit(&next).await.unwrap();
        assert_eq!(kept(&stores, chat.id()).await.as_ref(), Some(&*next.after));
    }
    // As a new chat.
    let created = create(1).after;
    assert!(is_conflict(&stores.chats.restore(&created, Some(created.position())).await));
    stores.chats.restore(&created, None).await.unwrap();
    assert!(is_conflict(&stores.chats.restore(&created, None).await));
    assert_eq!(kept(&stores, id(1)).await.as_ref(), Some(&*created));
}

pub async fn all_chats_and_browser_sessions_are_listed(stores: Stores) {
    assert_eq!(stores.chats.all_chats().await.unwrap(), []);
    assert_eq!(stores.browser_sessions.all_browser_sessions().await.unwrap(), []);
    let numbers = [200, 3, 70];
    for number in numbers {
        stores.chats.commit(&create(number)).await.unwrap();
        let token = BrowserToken::from_random_bytes([number; 32]).digest();
        let expires_at = NOW.after(Duration::from_hours(1));
        let session = BrowserSession { token, username: Username::parse("Ann").unwrap(), expires_at };
        stores.browser_sessions.save_browser_session(&session).await.unwrap();
    }
    let mut expected = numbers.map(id);
    expected.sort();
    assert_eq!(stores.chats.all_chats().await.unwrap(), expected);
    assert_eq!(stores.chats.count_chats().await.unwrap(), 3);
    let listed = stores.browser_sessions.all_browser_sessions().await.unwrap();
    let is_listed = |number| listed.contains(&BrowserToken::from_random_bytes([number; 32]).digest());
    assert!(listed.len() == 3 && numbers.into_iter().all(is_listed));
}

/// What a shared store promises to the nodes that use it. Another store is for one node alone.
pub async fn a_store_tells_subscribers_what_other_nodes_do_or_needs_no_telling(stores: Stores) {
    let Some(shared) = stores.chats.shared() else { return };
    let (sender, mut news) = tokio::sync::mpsc::unbounded_channel();
    shared.listen(Arc::new(move |news| drop(sender.send(news))));
    let mut next = async || loop {
        match tokio::time::timeout(Duration::from_mins(1), news.recv()).await.unwrap().unwrap() {
            News::Interrupted { chat_id: Some(_) } => {}
            heard => return heard,
        }
    };
    let (created, other) = (create(1), create(2));
    for change in [&created, &other] {
        stores.chats.commit(change).await.unwrap();
    }
    let signal = Signal::Present { members: vec![], asks: true };
    assert_eq!(shared.check(id(9), &signal).await.unwrap(), None);
    // Nothing was subscribed to so far. From here on, the node hears what happens to one chat, in order.
    shared.subscribe(id(1)).await.unwrap();
    shared.subscribe(id(1)).await.unwrap();
    let checked = shared.check(id(1), &signal).await.unwrap().unwrap();
    assert_eq!(checked, Checked { position: created.after.position(), may_lack_commits: false });
    stores.chats.commit(&post(&other.after, 2, "in the other chat")).await.unwrap();
    stores.chats.commit(&post(&created.after, 1, "hello")).await.unwrap();
    for _ in 0..2 {
        let heard = next().await;
        assert!(matches!(heard, News::Echo { chat_id } if chat_id == id(1)), "{heard:?}");
    }
    shared.unsubscribe(id(1)).await.unwrap();
    shared.send(id(1), &signal).await.unwrap();
    shared.subscribe(id(2)).await.unwrap();
    shared.send(id(2), &signal).await.unwrap();
    let heard = next().await;
    assert!(matches!(heard, News::Echo { chat_id } if chat_id == id(2)), "{heard:?}");

    // Counts change only from what the caller has seen.
    let (one, two) = (Count { amount: 1, at: 5 }, Count { amount: 2, at: 6 });
    let keep = Duration::from_mins(1);
    assert_eq!(shared.load_count("a").await.unwrap(), None);
    assert!(!shared.replace_count("a", Some(one), Some(two), keep).await.unwrap());
    assert!(shared.replace_count("a", None, Some(one), keep).await.unwrap());
    assert!(!shared.replace_count("a", None, Some(two), keep).await.unwrap());
    assert_eq!((shared.load_count("a").await.unwrap(), shared.load_count("b").await.unwrap()), (Some(one), None));
    assert!(shared.replace_count("a", Some(one), None, keep).await.unwrap());
    assert_eq!(shared.load_count("a").await.unwrap(), None);
}
