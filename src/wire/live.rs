//! What a chat's live stream carries, the same over every transport.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Knock, Member, Message};
use crate::domain::{Departure, Event, KnockEnd, KnockStatus, MessageId, Role};

/// One thing that happened in a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveEvent {
    /// The stream's beginning; the messages after the cursor come next.
    Opened {
        /// The newest id in the chat.
        last_id: MessageId,
        /// How many messages after the cursor were deleted already.
        missed: u64,
    },
    /// Someone said something.
    Message { message: Message },
    /// Someone took a seat.
    MemberJoined { member: Member },
    /// Someone's seat became free.
    MemberLeft { member_id: Uuid, reason: Departure },
    /// A member may do more, or less, than before.
    RoleChanged { member_id: Uuid, role: Role },
    /// A member changed their name.
    MemberRenamed { member_id: Uuid, username: String },
    /// Someone asks to be let in; told to owners alone, as are the two below.
    Knocked { knock: Knock },
    /// An owner has answered.
    KnockDecided { knock_id: Uuid, status: KnockStatus },
    /// Nobody waits there any more.
    KnockEnded { knock_id: Uuid, reason: KnockEnd },
    /// Who is in the chat, or waits to be let in, may have changed in ways that no event told: ask for the members.
    MembersChanged,
    /// Someone is writing; it holds for a few seconds.
    Typing { member_id: Uuid },
    /// The chat has ended. Nothing comes after.
    ChatEnded,
    /// The reader's own session has ended. Nothing comes after.
    SessionEnded { reason: Departure },
}

impl LiveEvent {
    /// The event as it is written; `None` for one that nobody in the chat learns of.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::MessagePosted { message } => Self::Message { message: message.into() },
            Event::MemberJoined { member } => Self::MemberJoined { member: member.into() },
            Event::MemberLeft { member_id, why, .. } => {
                Self::MemberLeft { member_id: member_id.as_uuid(), reason: *why }
            }
            Event::RoleChanged { member_id, role } => Self::RoleChanged { member_id: member_id.as_uuid(), role: *role },
            Event::MemberRenamed { member_id, username } => {
                Self::MemberRenamed { member_id: member_id.as_uuid(), username: username.as_str().to_owned() }
            }
            Event::Knocked { knock } => Self::Knocked { knock: knock.into() },
            Event::KnockDecided { knock_id, status, .. } => {
                Self::KnockDecided { knock_id: knock_id.as_uuid(), status: *status }
            }
            Event::KnockEnded { knock_id, why } => Self::KnockEnded { knock_id: knock_id.as_uuid(), reason: *why },
            Event::ChatEnded => Self::ChatEnded,
            _ => return None,
        })
    }

    /// The value of `type`, which names the event in a stream of server-sent events too.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Message { .. } => "message",
            Self::MemberJoined { .. } => "member_joined",
            Self::MemberLeft { .. } => "member_left",
            Self::RoleChanged { .. } => "role_changed",
            Self::MemberRenamed { .. } => "member_renamed",
            Self::Knocked { .. } => "knocked",
            Self::KnockDecided { .. } => "knock_decided",
            Self::KnockEnded { .. } => "knock_ended",
            Self::MembersChanged => "members_changed",
            Self::Typing { .. } => "typing",
            Self::ChatEnded => "chat_ended",
            Self::SessionEnded { .. } => "session_ended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_named_as_its_type_is_written() {
        let id = Uuid::nil();
        let events = [
            LiveEvent::Opened { last_id: 1, missed: 0 },
            LiveEvent::MemberLeft { member_id: id, reason: Departure::Removed },
            LiveEvent::RoleChanged { member_id: id, role: Role::Owner },
            LiveEvent::MemberRenamed { member_id: id, username: "Ann".into() },
            LiveEvent::KnockDecided { knock_id: id, status: KnockStatus::Approved },
            LiveEvent::KnockEnded { knock_id: id, reason: KnockEnd::Expired },
            LiveEvent::MembersChanged,
            LiveEvent::Typing { member_id: id },
            LiveEvent::ChatEnded,
            LiveEvent::SessionEnded { reason: Departure::Expired },
        ];
        for event in events {
            assert_eq!(serde_json::to_value(&event).unwrap()["type"], event.name());
        }
    }
}
