//! Events of a chat's live stream, the same over every transport.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Knock, Member, Message};
use crate::domain::{Departure, Event, KnockEnd, KnockStatus, MessageId, Role};

/// An event on a chat's live stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveEvent {
    /// The start of the stream. The messages after the cursor follow.
    Opened {
        /// Id of the newest message in the chat.
        last_id: MessageId,
        /// Number of messages after the cursor that are already deleted.
        missed: u64,
    },
    /// A new message.
    Message { message: Message },
    /// A member took a seat.
    MemberJoined { member: Member },
    /// A member's seat became free.
    MemberLeft { member_id: Uuid, reason: Departure },
    /// A member became an owner or a guest.
    RoleChanged { member_id: Uuid, role: Role },
    /// A member changed their name.
    MemberRenamed { member_id: Uuid, username: String },
    /// A guest asks to join. Only owners receive this event and the next two.
    Knocked { knock: Knock },
    /// An owner approved or declined a knock.
    KnockDecided { knock_id: Uuid, status: KnockStatus },
    /// A knock was withdrawn or has expired.
    KnockEnded { knock_id: Uuid, reason: KnockEnd },
    /// Members or knocks may have changed without an event. Fetch both lists again.
    MembersChanged,
    /// A member is typing. Show it for a few seconds.
    Typing { member_id: Uuid },
    /// The chat has ended. The stream ends.
    ChatEnded,
    /// The reader's own session has ended. The stream ends.
    SessionEnded { reason: Departure },
}

impl LiveEvent {
    /// Converts a domain event; returns `None` for an event without an audience.
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

    /// Returns the value of `type`, which is also the name of the server-sent event.
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
