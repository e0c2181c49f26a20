//! A browser that has said who it is: one username, used between the chats that are entered by their
//! address.

use super::{
    Admission, BrowserDigest, BrowserToken, Chat, ChatId, Event, JoinDigest, Member, MemberId, Randomness, Refusal,
    Salt, Session, Timestamp, Username,
};

/// It belongs to no chat, and names none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    pub token: BrowserDigest,
    pub username: Username,
    pub expires_at: Timestamp,
}

/// A chat in which a browser has taken a seat, as it is kept: only who has the browser's token can read
/// which chat it is. Each is masked with bytes of its own, derived from the token and a random salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedChatId {
    pub salt: Salt,
    pub masked: [u8; 16],
}

impl SealedChatId {
    #[must_use]
    pub fn seal(chat_id: ChatId, token: &BrowserToken, salt: Salt) -> Self {
        Self { salt, masked: xor(chat_id.as_uuid().into_bytes(), token.mask(&salt)) }
    }

    /// The chat, for the browser that entered it.
    #[must_use]
    pub fn open(&self, token: &BrowserToken) -> ChatId {
        uuid::Uuid::from_bytes(xor(self.masked, token.mask(&self.salt))).into()
    }
}

fn xor(bytes: [u8; 16], mask: [u8; 16]) -> [u8; 16] {
    std::array::from_fn(|at| bytes[at] ^ mask[at])
}

impl BrowserSession {
    /// How many chats are kept of those that one browser has entered; the first go first.
    pub const MAX_CHATS: usize = 200;

    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

impl Chat {
    /// Seats someone who knows the chat's address, where that is enough. Whoever has joined as `join`
    /// before is there already. A seat that nobody renews ends with what it was taken by: whoever
    /// says anew who they are finds their name free.
    pub(super) fn enter(
        &self,
        username: &Username,
        join: JoinDigest,
        until: Timestamp,
        now: Timestamp,
        randomness: Randomness,
    ) -> Result<Option<Event>, Refusal> {
        self.enters_by(Admission::Open)?;
        let session = self.session_given_for_join(join, now, randomness)?;
        let session = Session { expires_at: session.expires_at.min(until), ..session };
        if let Some(member) = self.member_joined_as(join, now) {
            return Ok(member.give_seat(join, session));
        }
        if self.was_removed(join) {
            return Err(Refusal::Removed);
        }
        self.free_seats(now)?;
        self.check_name(username, None, now)?;
        let member = Member::guest(MemberId::from_random_bytes(randomness.id), username, join, session, now);
        Ok(Some(Event::MemberJoined { member }))
    }

    /// Changes a member's name, everywhere but on what they have said. Whoever is known by `join` may
    /// have left.
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

    /// Whether the member who is known by `join` could be called `username`.
    ///
    /// # Errors
    /// [`Refusal::UsernameTaken`], [`Refusal::WrongAdmission`], [`Refusal::ChatNotFound`].
    pub fn check_rename(&self, join: JoinDigest, username: &Username, now: Timestamp) -> Result<(), Refusal> {
        self.enters_by(Admission::Open)?;
        match self.member_joined_as(join, now) {
            Some(member) => self.check_name(username, Some(member.id), now),
            None => Ok(()),
        }
    }
}
