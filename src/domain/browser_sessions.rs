//! Browser sessions: one username for all chats that people enter by their address.

use serde::{Deserialize, Serialize};

use super::{
    BrowserDigest, BrowserToken, Chat, ChatId, Event, JoinDigest, Member, MemberId, Randomness, Refusal, Salt, Session,
    Timestamp, Username,
};

/// A browser's session. It belongs to no chat and contains no chat id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserSession {
    pub token: BrowserDigest,
    pub username: Username,
    pub expires_at: Timestamp,
}

/// The stored id of a chat in which a browser has taken a seat. Only the holder of the browser's token can read it:
/// each id is masked with its own bytes, derived from the token and a random salt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedChatId {
    pub salt: Salt,
    pub masked: [u8; 16],
}

impl SealedChatId {
    #[must_use]
    pub fn seal(chat_id: ChatId, token: &BrowserToken, salt: Salt) -> Self {
        Self { salt, masked: xor(chat_id.as_uuid().into_bytes(), token.mask(&salt)) }
    }

    /// Returns the chat's id, for the browser that entered the chat.
    #[must_use]
    pub fn open(&self, token: &BrowserToken) -> ChatId {
        uuid::Uuid::from_bytes(xor(self.masked, token.mask(&self.salt))).into()
    }
}

fn xor(bytes: [u8; 16], mask: [u8; 16]) -> [u8; 16] {
    std::array::from_fn(|at| bytes[at] ^ mask[at])
}

impl BrowserSession {
    /// Maximum number of entered chats that a browser session keeps; the oldest is dropped first.
    pub const MAX_CHATS: usize = 200;

    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

impl Chat {
    /// Seats a caller who knows the address of an open chat. A member who joined with `join` before keeps the seat.
    /// The session ends at `until` at the latest, with the browser session that it was taken with, unless it is
    /// renewed; so a user who starts a new browser session finds their name free.
    pub(super) fn enter(
        &self,
        username: &Username,
        join: JoinDigest,
        until: Timestamp,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Option<Event>, Refusal> {
        self.check_admission(|rules| rules.is_open)?;
        let session = self.session_given_for_join(join, now, randomness)?;
        let session = Session { expires_at: session.expires_at.min(until), ..session };
        if let Some(member) = self.member_joined_as(join, now) {
            return Ok(member.reissue_session(join, session));
        }
        if self.was_removed(join) {
            return Err(Refusal::Removed);
        }
        self.free_seats(now)?;
        self.check_name(username, None, now)?;
        let member = Member::guest(MemberId::from_random_bytes(randomness.id), username, join, session, now);
        Ok(Some(Event::MemberJoined { member }))
    }

    /// Renames the member who joined with `join`, who may have left. Messages keep the old name.
    pub(super) fn rename(
        &self,
        join: JoinDigest,
        username: &Username,
        now: Timestamp,
    ) -> Result<Option<Event>, Refusal> {
        self.check_rename(join, username, now)?;
        let member = self.member_joined_as(join, now).filter(|member| member.username != *username);
        Ok(member.map(|member| Event::MemberRenamed { member_id: member.id, username: username.clone() }))
    }

    /// Checks that the member who joined with `join`, if any, can have the name `username`.
    ///
    /// # Errors
    /// [`Refusal::UsernameTaken`], [`Refusal::WrongAdmission`], [`Refusal::ChatNotFound`].
    pub fn check_rename(&self, join: JoinDigest, username: &Username, now: Timestamp) -> Result<(), Refusal> {
        self.check_admission(|rules| rules.is_open)?;
        match self.member_joined_as(join, now) {
            Some(member) => self.check_name(username, Some(member.id), now),
            None => Ok(()),
        }
    }
}
