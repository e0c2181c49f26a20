//! What someone asks of a chat.

use std::time::Duration;

use super::secret::{InviteDigest, JoinDigest, RecoveryDigest, SessionDigest, TicketDigest};
use super::{
    ChatName, ClientId, Decision, Digest, InviteId, InviteTerms, KnockId, MemberId, MessageText, PasswordHash, Role,
    Salt, SessionId, Settings, Timestamp, Username,
};

/// A request that has been read into types which cannot be wrong. `by` is the digest of the
/// session token that came with it.
#[derive(Clone, Debug)]
pub enum Command {
    Create {
        name: Option<ChatName>,
        settings: Settings,
        /// Who owns it; where there is nobody yet, the first to enter will.
        username: Option<Username>,
        /// The password of the owner's account, where people log in.
        password: Option<PasswordHash>,
    },
    /// Makes a magic link. Without a session, only what the chat's address allows.
    CreateInvite {
        by: Option<SessionDigest>,
        terms: InviteTerms,
    },
    /// Makes an invite worthless; who came by it stays or goes.
    RevokeInvite {
        by: SessionDigest,
        invite_id: InviteId,
        members_go: bool,
    },
    /// Takes a seat, or knocks where the invite asks first. The same `join` has the same effect
    /// as before.
    Join {
        key: InviteDigest,
        join: JoinDigest,
        username: Username,
    },
    /// Makes an account.
    Register {
        username: Username,
        password: PasswordHash,
    },
    /// Takes the account's seat, or one more session in it; the password was right.
    LogIn {
        username: Username,
        join: JoinDigest,
        /// Whether the session that started first ends where there are as many as may be.
        ends_oldest: bool,
    },
    /// Takes a seat in a chat that is entered by its address, until `until` at most. The same `join`
    /// has the same effect as before.
    Enter {
        username: Username,
        join: JoinDigest,
        until: Timestamp,
    },
    DecideKnock {
        by: SessionDigest,
        knock_id: KnockId,
        decision: Decision,
    },
    WithdrawKnock {
        ticket: TicketDigest,
        knock_id: KnockId,
    },
    /// Changes the name of the member who is known by `join`, in a chat that is entered by its address.
    Rename {
        join: JoinDigest,
        username: Username,
    },
    Post {
        by: SessionDigest,
        text: MessageText,
        client_id: Option<ClientId>,
    },
    /// Posts as nobody in particular, where the chat's address is enough for that.
    PostByAddress {
        text: MessageText,
    },
    /// Frees the seat of `member_id`: one's own, or a guest's where `by` is an owner, who may revoke the
    /// invite that the member came by as well.
    Remove {
        by: SessionDigest,
        member_id: MemberId,
        revokes_invite: bool,
    },
    /// Makes a member an owner too, or oneself a guest where another owner stays.
    SetRole {
        by: SessionDigest,
        member_id: MemberId,
        role: Role,
    },
    Renew {
        by: SessionDigest,
    },
    /// Ends one of the member's own sessions, `by` where none is named; with the last, the seat is free.
    EndSession {
        by: SessionDigest,
        session_id: Option<SessionId>,
    },
    /// Gives an owner a new way back; the one before ends.
    SetRecovery {
        by: SessionDigest,
    },
    /// Brings an owner back; the name counts where the seat has become free meanwhile.
    Recover {
        code: RecoveryDigest,
        username: Username,
    },
    End {
        by: SessionDigest,
    },
    /// Frees the seats of expired sessions, and ends a chat that had none for `forget_after`.
    Sweep {
        forget_after: Duration,
    },
}

/// The randomness one decision may use: a decision makes at most one new thing with an id, and
/// sees only the digests of new secrets.
#[derive(Clone, Copy, Debug)]
pub struct Randomness {
    pub id: [u8; 16],
    /// What `session`, `ticket` and `recovery` are derived with, where they are.
    pub salt: Salt,
    pub session: SessionDigest,
    pub invite: InviteDigest,
    pub ticket: TicketDigest,
    pub recovery: RecoveryDigest,
}

impl Randomness {
    /// For a decision that makes nothing secret and nothing with an id.
    pub const NONE: Self = Self {
        id: [0; 16],
        salt: Salt([0; 32]),
        session: Digest::from_stored([0; 32]),
        invite: Digest::from_stored([0; 32]),
        ticket: Digest::from_stored([0; 32]),
        recovery: Digest::from_stored([0; 32]),
    };
}
