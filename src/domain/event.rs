//! Events: the only way in which a chat's state changes. No event contains a secret.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secret::SessionDigest;
use super::{
    Account, ChatName, Invite, InviteId, Knock, KnockEnd, KnockId, KnockStatus, Member, MemberId, Message, Recovery,
    Role, Session, Settings, Timestamp, Username,
};

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
        message: Message,
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
