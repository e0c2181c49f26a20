//! Invariants of a chat after any sequence of commands.

use std::time::Duration;

use proptest::prelude::*;
use watch_party::domain::{
    Admission, BrowserToken, Chat, ChatId, ClientId, Command, Decision, Event, Gap, InviteKey, InviteLabel,
    InviteTerms, JoinSecret, Knock, KnockStatus, MemberId, MessageText, PasswordHash, PublicAccess, Randomness,
    RecoveryCode, Refusal, Role, Salt, Session, SessionDigest, SessionToken, Settings, Ticket, Timestamp, Transition,
    Username,
};

const LIFETIME: Duration = Duration::from_hours(6);

/// A random step. The numbers choose among the existing tokens, keys and so on.
#[derive(Clone, Debug)]
pub enum Step {
    Invite { by: usize, max_uses: Option<u32>, minutes: Option<u64>, asks_first: Option<bool> },
    Revoke { by: usize, invite: usize, removes_members: bool },
    Join { key: usize, name: u8, again: bool },
    Register { name: u8 },
    LogIn { name: u8, browser: u8, ends_oldest: bool },
    EndSession { by: usize, session: usize },
    Rename { browser: u8, name: u8 },
    PostPublicly,
    InviteByAddress { asks_first: Option<bool> },
    Enter { name: u8, browser: u8, minutes: u64 },
    Decide { by: usize, knock: usize, decision: Decision },
    Withdraw { ticket: usize, knock: usize },
    Post { by: usize, client_id: Option<u8> },
    Remove { by: usize, member: usize, revokes_invite: bool },
    SetRole { by: usize, member: usize, role: Role },
    SetRecovery { by: usize },
    Recover { code: usize, name: u8 },
    Renew { by: usize },
    End { by: usize },
    LoseHistory,
    Sweep,
    Wait { minutes: u64 },
}

pub fn step() -> impl Strategy<Value = Step> {
    let some = 0..12_usize;
    prop_oneof![
        2 => (some.clone(), proptest::option::of(1..4_u32), proptest::option::of(1..500_u64), any::<Option<bool>>())
            .prop_map(|(by, max_uses, minutes, asks_first)| Step::Invite { by, max_uses, minutes, asks_first }),
        1 => (some.clone(), some.clone(), any::<bool>())
            .prop_map(|(by, invite, removes_members)| Step::Revoke { by, invite, removes_members }),
        8 => (some.clone(), 0..9_u8, any::<bool>()).prop_map(|(key, name, again)| Step::Join { key, name, again }),
        2 => (0..9_u8).prop_map(|name| Step::Register { name }),
        8 => (0..9_u8, 0..14_u8, any::<bool>())
            .prop_map(|(name, browser, ends_oldest)| Step::LogIn { name: name % 3, browser, ends_oldest }),
        2 => (some.clone(), some.clone()).prop_map(|(by, session)| Step::EndSession { by, session }),
        2 => (0..12_u8, 0..9_u8).prop_map(|(browser, name)| Step::Rename { browser, name }),
        1 => Just(Step::PostPublicly),
        1 => any::<Option<bool>>().prop_map(|asks_first| Step::InviteByAddress { asks_first }),
        6 => (0..9_u8, 0..12_u8, 1..500_u64)
            .prop_map(|(name, browser, minutes)| Step::Enter { name, browser, minutes }),
        4 => (some.clone(), some.clone(), any::<bool>()).prop_map(|(by, knock, yes)| Step::Decide {
            by, knock, decision: if yes { Decision::Approve } else { Decision::Decline },
        }),
        1 => (some.clone(), some.clone()).prop_map(|(ticket, knock)| Step::Withdraw { ticket, knock }),
        2 => (some.clone(), some.clone(), any::<bool>()).prop_map(|(by, member, owner)| Step::SetRole {
            by, member, role: if owner { Role::Owner } else { Role::Guest },
        }),
        1 => some.clone().prop_map(|by| Step::SetRecovery { by }),
        2 => (some.clone(), 0..9_u8).prop_map(|(code, name)| Step::Recover { code, name }),
        8 => (some.clone(), proptest::option::of(0..9_u8)).prop_map(|(by, client_id)| Step::Post { by, client_id }),
        2 => (some.clone(), some.clone(), any::<bool>())
            .prop_map(|(by, member, revokes_invite)| Step::Remove { by, member, revokes_invite }),
        2 => some.clone().prop_map(|by| Step::Renew { by }),
        1 => (some, 0..20_u8).prop_filter_map("rarely", |(by, dice)| (dice == 0).then_some(Step::End { by })),
        2 => Just(Step::Sweep),
        1 => (0..8_u8).prop_filter_map("rarely", |dice| (dice == 0).then_some(Step::LoseHistory)),
        3 => (0..200_u64).prop_map(|minutes| Step::Wait { minutes }),
    ]
}

pub fn admission() -> impl Strategy<Value = Admission> {
    proptest::sample::select(vec![Admission::Link, Admission::Approval, Admission::Account, Admission::Open])
}

fn token(number: u64) -> SessionToken {
    SessionToken::from_random_bytes(number_bytes(number, 1))
}

fn key(number: u64) -> InviteKey {
    InviteKey::from_random_bytes(number_bytes(number, 2))
}

fn number_bytes(number: u64, kind: u8) -> [u8; 32] {
    let mut bytes = [kind; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

fn join(number: u64) -> JoinSecret {
    JoinSecret::from_random_bytes(number_bytes(number, 4))
}

fn ticket(number: u64) -> Ticket {
    Ticket::from_random_bytes(number_bytes(number, 5))
}

fn code(number: u64) -> RecoveryCode {
    RecoveryCode::from_random_bytes(number_bytes(number, 6))
}

fn fresh(number: u64) -> Randomness {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    Randomness {
        id,
        salt: Salt(number_bytes(number, 7)),
        session: token(number).digest(),
        invite: key(number).digest(),
        ticket: ticket(number).digest(),
        recovery: code(number).digest(),
    }
}

fn username(number: u8) -> Username {
    Username::parse(&format!("Name{number}")).unwrap()
}

/// The chat, and all secrets that were ever given out for it.
pub struct World {
    pub chat: Chat,
    now: Timestamp,
    steps: u64,
    /// Every token ever issued, newest last, with its expiry.
    tokens: Vec<(u64, Timestamp)>,
    keys: Vec<u64>,
    /// Every join secret ever used, with the key it was used with.
    joins: Vec<(u64, u64)>,
    /// The step number of each knock.
    knocks: Vec<u64>,
    codes: Vec<u64>,
    last_id: u64,
    /// The ids of all messages that were ever posted.
    posted: Vec<u64>,
    /// The ends of all gaps.
    gaps: Vec<u64>,
    /// The transition that the last command made.
    pub change: Option<Transition>,
}

impl World {
    pub fn new(number: u64, admission: Admission, capacity: u32, history: u32) -> Self {
        let mut world = Self {
            chat: Chat::new(ChatId::from_random_bytes(number_bytes(number, 3)[..16].try_into().unwrap())),
            now: Timestamp::from_millis(1_000_000),
            change: None,
            // Different worlds in the same store have different secrets.
            steps: number << 32,
            tokens: Vec::new(),
            keys: Vec::new(),
            joins: Vec::new(),
            knocks: Vec::new(),
            codes: Vec::new(),
            last_id: 0,
            posted: Vec::new(),
            gaps: Vec::new(),
        };
        let settings = Settings::new(admission, Some(capacity), Some(history)).unwrap();
        let all = [PublicAccess::None, PublicAccess::Read, PublicAccess::Post];
        let settings = Settings { public_access: all[usize::try_from(number % 3).unwrap()], ..settings };
        let password = (admission == Admission::Account).then(|| PasswordHash::from_stored("$argon2id$of 0"));
        world.run(&Command::Create { name: None, settings, username: Some(username(0)), password }).unwrap();
        world
    }

    fn run(&mut self, command: &Command) -> Result<Vec<Event>, Refusal> {
        self.steps += 1;
        let fresh = fresh(self.steps);
        let before = self.chat.clone();
        let decided = self.chat.decide(command, self.now, fresh);
        assert_eq!(self.chat, before, "deciding changed the chat");
        assert_eq!(decided, before.decide(command, self.now, fresh), "deciding twice gave different results");
        self.change = None;
        let events = decided?;
        self.change = Some(before.transition(events.clone())).filter(|change| !change.events.is_empty());
        for event in &events {
            self.chat.apply(event);
            match event {
                Event::MemberJoined { member } => {
                    // An approved guest has the session that was created when they knocked.
                    let [session] = &member.sessions[..] else {
                        panic!("joined with {} sessions", member.sessions.len())
                    };
                    let knocked = self.knocks.iter().copied().find(|number| token(*number).digest() == session.digest);
                    self.tokens.push((knocked.unwrap_or(self.steps), session.expires_at));
                }
                Event::Knocked { .. } => self.knocks.push(self.steps),
                Event::RecoverySet { .. } => self.codes.push(self.steps),
                Event::SessionRenewed { session, ended, .. } => {
                    self.note_end(*ended);
                    self.tokens.push((self.steps, session.expires_at));
                }
                Event::SessionStarted { session, .. } => self.tokens.push((self.steps, session.expires_at)),
                Event::SessionEnded { ended, .. } => self.note_end(*ended),
                Event::SeatTakenBack { member_id, session } => {
                    let before = before.live_members(self.now).find(|member| member.id == *member_id).unwrap();
                    before.sessions.iter().for_each(|session| self.note_end(session.digest));
                    self.tokens.push((self.steps, session.expires_at));
                }
                Event::InviteCreated { .. } => self.keys.push(self.steps),
                Event::MessagePosted { message } => {
                    assert_eq!(message.id, self.last_id + 1, "message ids are consecutive");
                    self.last_id = message.id;
                    self.posted.push(message.id);
                }
                Event::HistoryLost { gap } => {
                    assert_eq!(gap.after, self.last_id);
                    assert!(gap.until > gap.after, "a gap is not empty");
                    self.last_id = gap.until;
                    self.gaps.push(gap.until);
                }
                _ => {}
            }
        }
        if let Some(change) = &self.change {
            assert_eq!(*change.after, self.chat, "the transition and its events lead to different chats");
            assert_eq!(change.before + change.events.len() as u64, self.chat.revision());
        }
        Ok(events)
    }

    /// Records that the session with this digest has ended.
    fn note_end(&mut self, ended: SessionDigest) {
        let old = self.tokens.iter().position(|(number, _)| token(*number).digest() == ended).unwrap();
        self.tokens[old].1 = self.tokens[old].1.min(self.now);
    }

    fn token(&self, pick: usize) -> SessionToken {
        token(self.tokens[pick % self.tokens.len()].0)
    }

    /// Returns the join secret of a browser in this chat.
    fn browser(&self, number: u8) -> JoinSecret {
        BrowserToken::from_random_bytes([number; 32]).join(self.chat.id())
    }

    pub fn take(&mut self, step: &Step) {
        self.change = None;
        let by = |world: &Self, pick: usize| world.token(pick).digest();
        let command = match step {
            Step::Wait { minutes } => {
                self.now = self.now.after(Duration::from_secs(minutes * 60));
                return;
            }
            Step::Invite { by: pick, max_uses, minutes, asks_first } => {
                let terms = InviteTerms::new(None, *max_uses, minutes.map(|m| m * 60), *asks_first).unwrap();
                Command::CreateInvite { by: Some(by(self, *pick)), terms }
            }
            Step::Revoke { by: pick, invite, removes_members } => {
                let invites = self.chat.invites();
                let Some(invite) = invites.get(invite % invites.len().max(1)) else { return };
                Command::RevokeInvite { by: by(self, *pick), invite_id: invite.id, removes_members: *removes_members }
            }
            Step::Join { key: pick, name, again } => {
                let Some(number) = self.keys.get(pick % self.keys.len().max(1)) else { return };
                let before = self.joins.get(pick % self.joins.len().max(1)).filter(|_| *again);
                let (number, joined) = before.copied().unwrap_or((*number, self.steps + 1));
                self.joins.push((number, joined));
                let join = join(joined).digest();
                Command::Join { key: key(number).digest(), join, username: username(*name) }
            }
            Step::Register { name } => {
                let password = PasswordHash::from_stored(&format!("$argon2id$of {name}"));
                Command::Register { username: username(*name), password }
            }
            Step::LogIn { name, browser, ends_oldest } => Command::LogIn {
                username: username(*name),
                join: self.browser(*browser).digest(),
                ends_oldest: *ends_oldest,
            },
            Step::EndSession { by: pick, session } => {
                let by = by(self, *pick);
                let own = self.chat.authenticate(by, self.now).map(|member| member.sessions.clone());
                let session_id = own.ok().and_then(|own| Some(own.get(session % (own.len() + 1))?.id()));
                Command::EndSession { by, session_id }
            }
            Step::Rename { browser, name } => {
                Command::Rename { join: self.browser(*browser).digest(), username: username(*name) }
            }
            Step::PostPublicly => {
                Command::PostPublicly { text: MessageText::parse(&format!("posted at step {}", self.steps)).unwrap() }
            }
            Step::InviteByAddress { asks_first } => {
                let terms = InviteTerms::new(None, None, None, *asks_first).unwrap();
                Command::CreateInvite { by: None, terms }
            }
            Step::Enter { name, browser, minutes } => Command::Enter {
                username: username(*name),
                join: self.browser(*browser).digest(),
                until: self.now.after(Duration::from_mins(*minutes)),
            },
            Step::Decide { by: pick, knock, decision } => {
                let knocks = self.chat.knocks();
                let Some(knock) = knocks.get(knock % knocks.len().max(1)) else { return };
                Command::DecideKnock { by: by(self, *pick), knock_id: knock.id, decision: *decision }
            }
            Step::Withdraw { ticket: pick, knock } => {
                let knocks = self.chat.knocks();
                let Some(knock) = knocks.get(knock % knocks.len().max(1)) else { return };
                let Some(number) = self.knocks.get(pick % self.knocks.len().max(1)) else { return };
                Command::WithdrawKnock { ticket: ticket(*number).digest(), knock_id: knock.id }
            }
            Step::SetRole { by: pick, member, role } => {
                let members: Vec<MemberId> = self.chat.live_members(self.now).map(|member| member.id).collect();
                let Some(member_id) = members.get(member % members.len().max(1)) else { return };
                Command::SetRole { by: by(self, *pick), member_id: *member_id, role: *role }
            }
            Step::SetRecovery { by: pick } => Command::SetRecovery { by: by(self, *pick) },
            Step::Recover { code: pick, name } => {
                let Some(number) = self.codes.get(pick % self.codes.len().max(1)) else { return };
                Command::Recover { code: code(*number).digest(), username: username(*name) }
            }
            Step::Post { by: pick, client_id } => {
                let text = MessageText::parse(&format!("posted at step {}", self.steps)).unwrap();
                let client_id = client_id.map(|id| ClientId::from_random_bytes([id; 16]));
                Command::Post { by: by(self, *pick), text, client_id }
            }
            Step::Remove { by: pick, member, revokes_invite } => {
                let members: Vec<MemberId> = self.chat.live_members(self.now).map(|member| member.id).collect();
                let Some(member_id) = members.get(member % members.len().max(1)) else { return };
                Command::Remove { by: by(self, *pick), member_id: *member_id, revokes_invite: *revokes_invite }
            }
            Step::Renew { by: pick } => Command::Renew { by: by(self, *pick) },
            Step::End { by: pick } => Command::End { by: by(self, *pick) },
            Step::LoseHistory => Command::ResumeAfterLoss,
            Step::Sweep => Command::Sweep { forget_after: Duration::from_hours(24) },
        };
        let _ = self.run(&command);
    }

    fn check(&self, capacity: u32, history: u32) {
        let live: Vec<_> = self.chat.live_members(self.now).collect();
        assert!(live.len() <= capacity as usize, "{} members in {capacity} seats", live.len());
        for (at, member) in live.iter().enumerate() {
            assert!(member.expires_at() <= self.now.after(LIFETIME));
            assert!(!member.sessions.is_empty() && member.sessions.len() <= Session::MAX_PER_MEMBER);
            let is_account = self.chat.account(&member.username).is_some();
            assert!(is_account || member.sessions.len() == 1, "{} sessions without an account", member.sessions.len());
            assert!(
                !live[..at].iter().any(|other| other.username.same_as(&member.username)),
                "two members with the same name"
            );
        }
        assert!(self.chat.messages().len() <= history as usize);
        let ids: Vec<u64> = self.chat.messages().iter().map(|message| message.id).collect();
        assert!(self.posted.ends_with(&ids), "{ids:?}");
        for (number, expires_at) in &self.tokens {
            if *expires_at <= self.now {
                let refusal = self.chat.authenticate(token(*number).digest(), self.now).unwrap_err();
                let ended = self.chat.has_ended();
                assert_eq!(refusal, if ended { Refusal::ChatNotFound } else { Refusal::SessionExpired });
            }
        }
        let live_tokens: Vec<_> = self.chat.live_sessions(self.now).map(|(_, session)| session.digest).collect();
        for (at, digest) in live_tokens.iter().enumerate() {
            assert!(!live_tokens[..at].contains(digest), "two sessions with the same token");
            assert!(self.chat.authenticate(*digest, self.now).is_ok(), "a live session that does not authenticate");
        }
        for (at, account) in self.chat.accounts().iter().enumerate() {
            let same = |other: &Username| other.same_as(&account.username);
            assert!(
                !self.chat.accounts()[..at].iter().any(|other| same(&other.username)),
                "two accounts with the same name"
            );
            let holder = live.iter().find(|member| same(&member.username));
            assert!(holder.is_none_or(|member| member.id == account.member_id), "another member has an account's name");
        }
        for (at, member) in live.iter().enumerate().filter(|(_, member)| member.join.is_some()) {
            let by_account = self.chat.account(&member.username).is_some();
            let has_two = live[..at].iter().any(|other| other.join == member.join);
            assert!(by_account || !has_two, "two seats for the same browser");
        }
        for invite in self.chat.invites() {
            assert!(invite.max_uses.is_none_or(|max| invite.uses <= max), "an invite has more uses than allowed");
        }
        let waiting: Vec<&Knock> = self.chat.waiting_knocks(self.now).collect();
        assert!(waiting.len() <= Knock::MAX_WAITING, "{} waiting guests", waiting.len());
        for (at, knock) in waiting.iter().enumerate() {
            assert!(knock.expires_at <= self.now.after(Knock::LIFETIME));
            let names = live.iter().map(|member| &member.username);
            let mut names = names.chain(waiting[..at].iter().map(|other| &other.username));
            assert!(!names.any(|name| name.same_as(&knock.username)), "a waiting guest has a name that is taken");
            assert!(live.iter().all(|member| member.join != Some(knock.join)), "a member is still waiting");
            // A waiting guest can neither read nor write.
            let refusal = self.chat.authenticate(knock.session, self.now).unwrap_err();
            assert_eq!(refusal, Refusal::SessionRequired);
        }
        for knock in self.chat.knocks().iter().filter(|knock| knock.status == KnockStatus::Approved) {
            let is_seated = live.iter().any(|member| member.id == knock.member_id());
            assert!(is_seated || !knock.is_live(self.now), "approved but not seated");
        }
        // If there are live members, at least one of them owns the chat.
        let owners = live.iter().filter(|member| self.chat.role(member, self.now) == Role::Owner).count();
        assert_eq!(owners == 0, live.is_empty(), "{owners} owners among {} members", live.len());
        assert!(self.chat.recoveries().len() <= 50);
        for after in [0, self.last_id / 2, self.last_id] {
            let unseen = self.chat.messages_after(after);
            if !self.chat.has_ended() {
                let count = |ids: &[u64]| ids.iter().filter(|id| **id > after).count() as u64;
                let found = unseen.missed + unseen.messages.len() as u64;
                assert!(
                    found == count(&self.posted) || self.gaps.len() > Gap::MAX,
                    "every message is either returned or counted as missed: {found}"
                );
                assert_eq!(unseen.is_incomplete, count(&self.gaps) > 0);
            }
            assert!(unseen.messages.iter().all(|message| message.id > after));
        }
        if self.chat.has_ended() {
            assert!(live.is_empty() && self.chat.messages().is_empty() && self.chat.invites().is_empty());
            assert!(self.chat.knocks().is_empty() && self.chat.recoveries().is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_commands_breaks_an_invariant(
        admission in admission(),
        capacity in 1..8_u32,
        history in 1..12_u32,
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(0, admission, capacity, history);
        for step in &steps {
            world.take(step);
            world.check(capacity, history);
        }
    }

    #[test]
    fn any_text_parses_as_a_message_or_is_refused(text in any::<String>()) {
        match MessageText::parse(&text) {
            Ok(parsed) => {
                prop_assert!(!parsed.as_str().trim().is_empty());
                prop_assert_eq!(MessageText::parse(parsed.as_str()).unwrap(), parsed, "parsing is idempotent");
            }
            Err(refusal) => assert!(matches!(refusal, Refusal::Invalid { field: "text", .. })),
        }
    }

    #[test]
    fn any_text_parses_as_a_username_or_is_refused(name in any::<String>()) {
        match Username::parse(&name) {
            Ok(parsed) => {
                prop_assert!(parsed.same_as(&parsed));
                prop_assert_eq!(Username::parse(parsed.as_str()).unwrap(), parsed);
            }
            Err(refusal) => assert!(matches!(refusal, Refusal::Invalid { field: "username", .. })),
        }
    }
}

#[test]
fn an_empty_chat_is_deleted_after_its_grace_period() {
    let grace = Duration::from_hours(24);
    let sweep = Command::Sweep { forget_after: grace };
    let mut world = World::new(0, Admission::Link, 6, 30);
    assert_eq!(world.run(&sweep).unwrap(), []);
    let expiry = world.now.after(LIFETIME);
    assert_eq!(world.chat.due_at(grace), expiry);
    // The sweep is late, but the grace period still counts from the expiry.
    world.now = expiry.after(Duration::from_mins(1));
    assert_eq!(world.run(&sweep).unwrap().len(), 1);
    assert_eq!(world.chat.due_at(grace), expiry.after(grace));
    world.now = expiry.after(grace.checked_sub(Duration::from_millis(1)).unwrap());
    assert_eq!(world.run(&sweep).unwrap(), []);
    world.now = expiry.after(grace);
    assert_eq!(world.run(&sweep).unwrap(), [Event::ChatEnded]);
    assert_eq!(world.run(&sweep), Err(Refusal::ChatNotFound));
}

#[test]
fn the_debug_output_of_a_chat_contains_no_secrets() {
    let bytes = |secret: &[u8; 32]| format!("{secret:?}")[1..20].to_owned();
    let kept = [bytes(token(1).digest().as_bytes()), bytes(key(1).digest().as_bytes()), bytes(&fresh(1).salt.0)];
    for admission in [Admission::Link, Admission::Account] {
        let mut world = World::new(0, admission, 6, 30);
        let by = world.token(0).digest();
        let text = MessageText::parse("secret words").unwrap();
        let label = InviteLabel::parse("secret label").unwrap();
        let password = PasswordHash::from_stored("$argon2id$secret");
        let last = match admission {
            Admission::Account => Command::Register { username: username(1), password },
            _ => {
                Command::CreateInvite { by: Some(by), terms: InviteTerms::new(Some(label), None, None, None).unwrap() }
            }
        };
        let commands = [Command::Post { by, text, client_id: None }, last];
        let mut written = String::new();
        for command in &commands {
            let events = world.run(command).unwrap();
            written = format!("{written}{command:?}{events:?}");
        }
        written = format!("{written}{:?}", world.chat);
        for word in ["Name", "secret"].into_iter().chain(kept.iter().map(String::as_str)) {
            assert!(!written.contains(word), "{word} in {written}");
        }
    }
}
