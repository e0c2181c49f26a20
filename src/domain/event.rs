//! What can happen to a chat; the only way its state changes. No event holds a secret.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secret::SessionDigest;
use super::{
    Account, ChatName, Invite, InviteId, Knock, KnockEnd, KnockId, KnockStatus, Member, MemberId, Message, Recovery,
    Role, Session, Settings, Timestamp, Username,
};

/// How a seat became free, or one of several sessions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Departure {
    /// The member left.
    Left,
    /// The owner removed the member.
    Removed,
    /// The session came to its end.
    Expired,
}

/// Who in the chat learns of an event as it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Members,
    Owners,
    /// Owners ask for these when they need them.
    Nobody,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Someone took a seat; one use of the invite that they came by is spent.
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
    /// The member's old token, whose digest is `ended`, no longer proves anything; `session` takes its
    /// place.
    SessionRenewed {
        member_id: MemberId,
        ended: SessionDigest,
        session: Session,
    },
    /// One of the member's sessions is no more; others are left.
    SessionEnded {
        member_id: MemberId,
        ended: SessionDigest,
        why: Departure,
    },
    /// An owner took the seat back from whoever had it: all other sessions end.
    SeatTakenBack {
        member_id: MemberId,
        session: Session,
    },
    Registered {
        account: Account,
    },
    /// The owner comes back by this from now on, and by nothing that was given before.
    RecoverySet {
        recovery: Recovery,
    },
    /// What would have brought the owner back does so no more.
    RecoveryEnded {
        member_id: MemberId,
    },
    Knocked {
        knock: Knock,
    },
    /// It can be heard of until `expires_at`.
    KnockDecided {
        knock_id: KnockId,
        status: KnockStatus,
        expires_at: Timestamp,
    },
    KnockEnded {
        knock_id: KnockId,
        why: KnockEnd,
    },
    /// Messages past the chat's history go in the same moment.
    MessagePosted {
        message: Message,
    },
    /// Nothing of the chat is to be left anywhere.
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
