//! Events of a chat's live stream, the same over every transport.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Knock, Member, Message};
use crate::domain::{Departure, Event, KnockEnd, KnockStatus, MessageId, Role};

/// An event on a chat's live stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", try_from = "EventFields")]
pub enum LiveEvent {
    /// The start of the stream. The messages after the cursor follow.
    Opened {
        /// Id of the newest message in the chat.
        last_id: MessageId,
        /// Number of messages after the cursor that are already deleted.
        missed: u64,
        /// Whether the server may have lost messages after the cursor, as after a failover of its store. Left out if
        /// not.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        incomplete: bool,
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

/// The fields of all events.
#[derive(Deserialize)]
struct EventFields {
    r#type: String,
    last_id: Option<MessageId>,
    missed: Option<u64>,
    #[serde(default)]
    incomplete: bool,
    message: Option<Message>,
    member: Option<Member>,
    member_id: Option<Uuid>,
    username: Option<String>,
    role: Option<Role>,
    knock: Option<Knock>,
    knock_id: Option<Uuid>,
    status: Option<KnockStatus>,
    reason: Option<Reason>,
}

/// The reasons of all events.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    Left,
    Removed,
    Withdrawn,
    Expired,
}

impl Reason {
    const fn departure(self) -> Option<Departure> {
        match self {
            Self::Left => Some(Departure::Left),
            Self::Removed => Some(Departure::Removed),
            Self::Expired => Some(Departure::Expired),
            Self::Withdrawn => None,
        }
    }

    const fn knock_end(self) -> Option<KnockEnd> {
        match self {
            Self::Withdrawn => Some(KnockEnd::Withdrawn),
            Self::Expired => Some(KnockEnd::Expired),
            Self::Left | Self::Removed => None,
        }
    }
}

impl TryFrom<EventFields> for LiveEvent {
    type Error = &'static str;

    fn try_from(fields: EventFields) -> Result<Self, Self::Error> {
        fields.event().ok_or("an unknown event, or one that lacks a field")
    }
}

impl EventFields {
    fn event(self) -> Option<LiveEvent> {
        let departure = || self.reason?.departure();
        Some(match &*self.r#type {
            "opened" => {
                let (last_id, missed) = (self.last_id?, self.missed?);
                LiveEvent::Opened { last_id, missed, incomplete: self.incomplete }
            }
            "message" => LiveEvent::Message { message: self.message? },
            "member_joined" => LiveEvent::MemberJoined { member: self.member? },
            "member_left" => LiveEvent::MemberLeft { member_id: self.member_id?, reason: departure()? },
            "role_changed" => LiveEvent::RoleChanged { member_id: self.member_id?, role: self.role? },
            "member_renamed" => LiveEvent::MemberRenamed { member_id: self.member_id?, username: self.username? },
            "knocked" => LiveEvent::Knocked { knock: self.knock? },
            "knock_decided" => LiveEvent::KnockDecided { knock_id: self.knock_id?, status: self.status? },
            "knock_ended" => LiveEvent::KnockEnded { knock_id: self.knock_id?, reason: self.reason?.knock_end()? },
            "members_changed" => LiveEvent::MembersChanged,
            "typing" => LiveEvent::Typing { member_id: self.member_id? },
            "chat_ended" => LiveEvent::ChatEnded,
            "session_ended" => LiveEvent::SessionEnded { reason: departure()? },
            _ => return None,
        })
    }
}

impl LiveEvent {
    /// Converts a domain event; returns `None` for an event without an audience.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::MessagePosted { message } => Self::Message { message: (&**message).into() },
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
            LiveEvent::Opened { last_id: 1, missed: 0, incomplete: true },
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
            let json = serde_json::to_value(&event).unwrap();
            assert_eq!(json["type"], event.name());
            assert_eq!(serde_json::from_value::<LiveEvent>(json).unwrap(), event);
        }
    }
}
