//! Events: the only way in which a chat's state changes, and what each of them changes. No event contains a secret.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secret::SessionDigest;
use super::{
    Account, Chat, ChatName, Gap, Invite, InviteId, Knock, KnockEnd, KnockId, KnockStatus, Member, MemberId, Message,
    Receipt, Recovery, Role, Session, Settings, Timestamp, Transition, Username,
};

/// How many receipts of posts with a client id a chat keeps.
const RECEIPTS: usize = 256;
/// How many recovery codes a chat keeps; the oldest is dropped first.
const MAX_RECOVERIES: usize = 50;
/// How many ended sessions a chat remembers, to refuse their tokens as expired instead of unknown.
const ENDED_SESSIONS: usize = 256;
/// How many removed guests a chat remembers.
const REMOVED: usize = 256;

/// Why a seat became free, or a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Departure {
    /// The member left.
    Left,
    /// An owner removed the member.
    Removed,
    /// The session expired.
    Expired,
}

/// The members who receive an event live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Members,
    Owners,
    /// No member; an owner requests the data when needed.
    Nobody,
}

/// A change of a chat's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    ChatCreated {
        name: Option<ChatName>,
        settings: Settings,
        at: Timestamp,
    },
    InviteCreated {
        invite: Invite,
    },
    InviteRevoked {
        invite_id: InviteId,
    },
    /// A member took a seat, which counts as one use of the invite they joined with.
    MemberJoined {
        member: Member,
    },
    RoleChanged {
        member_id: MemberId,
        role: Role,
    },
    MemberLeft {
        member_id: MemberId,
        why: Departure,
        at: Timestamp,
    },
    /// The member changed their name. Messages keep the name under which they were posted.
    MemberRenamed {
        member_id: MemberId,
        username: Username,
    },
    /// The member logged in from another browser as well.
    SessionStarted {
        member_id: MemberId,
        session: Session,
    },
    /// `session` replaced the session with the digest `ended`, whose token is no longer valid.
    SessionRenewed {
        member_id: MemberId,
        ended: SessionDigest,
        session: Session,
    },
    /// One of the member's sessions ended; the member has others.
    SessionEnded {
        member_id: MemberId,
        ended: SessionDigest,
        why: Departure,
    },
    /// An owner recovered the seat: its other sessions ended.
    SeatTakenBack {
        member_id: MemberId,
        session: Session,
    },
    Registered {
        account: Account,
    },
    /// The owner got a new recovery code, which replaces any earlier one.
    RecoverySet {
        recovery: Recovery,
    },
    /// The owner's recovery code is no longer valid.
    RecoveryEnded {
        member_id: MemberId,
    },
    Knocked {
        knock: Knock,
    },
    /// An owner decided. The guest can read the decision until `expires_at`.
    KnockDecided {
        knock_id: KnockId,
        status: KnockStatus,
        expires_at: Timestamp,
    },
    KnockEnded {
        knock_id: KnockId,
        why: KnockEnd,
    },
    /// A message was posted. Messages beyond the chat's history are deleted with the same event.
    MessagePosted {
        message: Arc<Message>,
    },
    /// The store may have lost the newest changes, and with them the messages whose ids are in the gap.
    HistoryLost {
        gap: Gap,
    },
    /// The chat ended. Stores delete everything of it.
    ChatEnded,
}

impl Event {
    #[must_use]
    pub const fn audience(&self) -> Audience {
        match self {
            Self::MessagePosted { .. }
            | Self::MemberJoined { .. }
            | Self::MemberLeft { .. }
            | Self::MemberRenamed { .. }
            | Self::RoleChanged { .. }
            | Self::HistoryLost { .. }
            | Self::ChatEnded => Audience::Members,
            Self::Knocked { .. } | Self::KnockDecided { .. } | Self::KnockEnded { .. } => Audience::Owners,
            Self::ChatCreated { .. }
            | Self::InviteCreated { .. }
            | Self::InviteRevoked { .. }
            | Self::SessionStarted { .. }
            | Self::SessionRenewed { .. }
            | Self::SessionEnded { .. }
            | Self::SeatTakenBack { .. }
            | Self::RecoverySet { .. }
            | Self::RecoveryEnded { .. }
            | Self::Registered { .. } => Audience::Nobody,
        }
    }
}

impl Chat {
    /// Returns the transition from this state through `events`, which must come from [`Chat::decide`] on this same
    /// state.
    #[must_use]
    pub fn transition(&self, events: Vec<Event>) -> Transition {
        let after = Arc::new(self.after(&events).into_owned());
        Transition { before: self.revision, events: events.into(), after }
    }

    /// Returns the state after `events`.
    pub(super) fn after(&self, events: &[Event]) -> Cow<'_, Self> {
        if events.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut after = self.clone();
        events.iter().for_each(|event| after.apply(event));
        Cow::Owned(after)
    }

    /// Applies `event` to the state. Events come from [`Chat::decide`] on this same state, so they are not checked
    /// again.
    pub fn apply(&mut self, event: &Event) {
        self.revision += 1;
        match event {
            Event::ChatCreated { name, settings, at } => {
                self.name.clone_from(name);
                self.settings = Some(settings.clone());
                self.vacant_since = *at;
            }
            Event::InviteCreated { invite } => {
                if self.invites.len() >= Invite::MAX {
                    Arc::make_mut(&mut self.invites).retain(|kept| kept.is_open(invite.created_at));
                }
                Arc::make_mut(&mut self.invites).push(invite.clone());
            }
            Event::InviteRevoked { invite_id } => {
                Arc::make_mut(&mut self.invites).retain(|invite| invite.id != *invite_id);
            }
            Event::MemberJoined { member } => {
                Arc::make_mut(&mut self.members).push(member.clone());
                self.removed.retain(|removed| Some(*removed) != member.join);
                if let Some(invite) =
                    Arc::make_mut(&mut self.invites).iter_mut().find(|invite| Some(invite.id) == member.invite_id)
                {
                    invite.uses += 1;
                }
            }
            Event::RoleChanged { member_id, role } => {
                if let Some(member) = self.member_mut(*member_id) {
                    member.role = *role;
                }
                if let Some(account) =
                    Arc::make_mut(&mut self.accounts).iter_mut().find(|account| account.member_id == *member_id)
                {
                    account.role = *role;
                }
                if *role == Role::Guest {
                    self.end_recovery(*member_id);
                }
            }
            Event::MemberLeft { member_id, why, at } => self.free_seat(*member_id, *why, *at),
            Event::MemberRenamed { member_id, username } => {
                if let Some(member) = self.member_mut(*member_id) {
                    member.username = username.clone();
                }
            }
            Event::SessionStarted { member_id, session } => {
                if let Some(member) = self.member_mut(*member_id) {
                    member.sessions.push(session.clone());
                }
            }
            Event::SessionRenewed { member_id, ended, session } => {
                let before = self.member_mut(*member_id).map(|member| &mut member.sessions);
                if let Some(before) = before.and_then(|all| all.iter_mut().find(|before| before.digest == *ended)) {
                    *before = session.clone();
                }
                self.remember_ended_session(*ended);
            }
            Event::SessionEnded { member_id, ended, .. } => {
                if let Some(member) = self.member_mut(*member_id) {
                    member.sessions.retain(|session| session.digest != *ended);
                }
                self.remember_ended_session(*ended);
            }
            Event::SeatTakenBack { member_id, session } => {
                let before = self.member_mut(*member_id);
                let before = before.map(|member| mem::replace(&mut member.sessions, vec![session.clone()]));
                before.iter().flatten().for_each(|session| self.remember_ended_session(session.digest));
            }
            Event::RecoverySet { recovery } => {
                self.end_recovery(recovery.member_id);
                let recoveries = Arc::make_mut(&mut self.recoveries);
                if recoveries.len() >= MAX_RECOVERIES {
                    recoveries.remove(0);
                }
                recoveries.push(recovery.clone());
            }
            Event::RecoveryEnded { member_id } => self.end_recovery(*member_id),
            Event::Registered { account } => Arc::make_mut(&mut self.accounts).push(account.clone()),
            Event::Knocked { knock } => self.knocks.push(knock.clone()),
            Event::KnockDecided { knock_id, status, expires_at } => self.decide_knock(*knock_id, *status, *expires_at),
            Event::KnockEnded { knock_id, .. } => self.knocks.retain(|knock| knock.id != *knock_id),
            Event::MessagePosted { message } => self.keep_message(message),
            Event::HistoryLost { gap } => self.add_gap(*gap),
            Event::ChatEnded => {
                *self = Self { epoch: self.epoch, revision: self.revision, ended: true, ..Self::new(self.id) };
            }
        }
    }

    fn member_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        Arc::make_mut(&mut self.members).iter_mut().find(|member| member.id == id)
    }

    fn end_recovery(&mut self, member_id: MemberId) {
        Arc::make_mut(&mut self.recoveries).retain(|recovery| recovery.member_id != member_id);
    }

    fn free_seat(&mut self, member_id: MemberId, why: Departure, at: Timestamp) {
        let Some(seat) = self.members.iter().position(|member| member.id == member_id) else {
            return;
        };
        let member = Arc::make_mut(&mut self.members).remove(seat);
        self.receipts.retain(|receipt| receipt.member_id != member_id);
        self.knocks.retain(|knock| knock.member_id() != member_id);
        if why != Departure::Expired {
            self.end_recovery(member_id);
        }
        member.sessions.iter().for_each(|session| self.remember_ended_session(session.digest));
        // In a chat with accounts, several members may have joined from one browser.
        if let Some(join) = member.join.filter(|join| why == Departure::Removed && !self.was_removed(*join)) {
            self.removed.push_back(join);
            if self.removed.len() > REMOVED {
                self.removed.pop_front();
            }
        }
        let freed_at = if why == Departure::Expired { member.expires_at() } else { at };
        self.vacant_since = self.vacant_since.max(freed_at);
    }

    fn decide_knock(&mut self, knock_id: KnockId, status: KnockStatus, expires_at: Timestamp) {
        let Some(at) = self.knocks.iter().position(|knock| knock.id == knock_id) else { return };
        let knock = self.knocks.remove(at);
        self.knocks.push(Knock { status, expires_at, ..knock });
        let is_decided = |knock: &Knock| knock.status != KnockStatus::Pending;
        if self.knocks.iter().filter(|knock| is_decided(knock)).count() > Knock::MAX_DECIDED {
            // An approved guest still has to learn of the seat; a declined guest loses nothing.
            let declined = self.knocks.iter().position(|knock| knock.status == KnockStatus::Declined);
            if let Some(first) = declined.or_else(|| self.knocks.iter().position(is_decided)) {
                self.knocks.remove(first);
            }
        }
    }

    fn remember_ended_session(&mut self, digest: SessionDigest) {
        self.ended_sessions.push_back(digest);
        if self.ended_sessions.len() > ENDED_SESSIONS {
            self.ended_sessions.pop_front();
        }
    }

    fn keep_message(&mut self, message: &Arc<Message>) {
        self.last_id = message.id;
        if message.member_id == MemberId::ANONYMOUS {
            self.vacant_since = self.vacant_since.max(message.sent_at);
        }
        if let Some(receipt) = Receipt::of(message) {
            self.receipts.push_back(receipt);
            if self.receipts.len() > RECEIPTS {
                self.receipts.pop_front();
            }
        }
        self.messages.push_back(Arc::clone(message));
        let history = self.settings.as_ref().map_or(0, |settings| settings.history as usize);
        while self.messages.len() > history {
            self.messages.pop_front();
        }
    }
}
