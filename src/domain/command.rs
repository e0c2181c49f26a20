//! Commands: everything that a caller can ask a chat to do.

use std::time::Duration;

use super::secret::{InviteDigest, JoinDigest, RecoveryDigest, SessionDigest, TicketDigest};
use super::{
    ChatName, ClientId, Decision, Digest, InviteId, InviteTerms, KnockId, MemberId, MessageText, PasswordHash, Role,
    Salt, SessionId, Settings, Timestamp, Username,
};

/// A request whose fields are parsed and valid. `by` is the digest of the caller's session token.
#[derive(Clone, Debug)]
pub enum Command {
    Create {
        name: Option<ChatName>,
        settings: Settings,
        /// The owner's name. If `None`, the first member to enter becomes the owner.
        username: Option<Username>,
        /// The password of the owner's account, in a chat with accounts.
        password: Option<PasswordHash>,
    },
    /// Creates an invite. Without a session, only as far as the chat's address allows it.
    CreateInvite {
        by: Option<SessionDigest>,
        terms: InviteTerms,
    },
    /// Revokes an invite. The guests who joined with it stay or are removed.
    RevokeInvite {
        by: SessionDigest,
        invite_id: InviteId,
        members_go: bool,
    },
    /// Redeems an invite: takes a seat, or knocks if the invite asks first. Repeating it with the same `join` gives
    /// the same seat or knock.
    Join {
        key: InviteDigest,
        join: JoinDigest,
        username: Username,
    },
    /// Creates an account.
    Register {
        username: Username,
        password: PasswordHash,
    },
    /// Takes the account's seat, or starts another session in it. The caller has checked the password.
    LogIn {
        username: Username,
        join: JoinDigest,
        /// Whether to end the oldest session if the account has the maximum number of sessions.
        ends_oldest: bool,
    },
    /// Takes a seat in an open chat, until `until` at the latest. Repeating it with the same `join` gives the same
    /// seat.
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
    /// Renames the member who joined an open chat with `join`.
    Rename {
        join: JoinDigest,
        username: Username,
    },
    Post {
        by: SessionDigest,
        text: MessageText,
        client_id: Option<ClientId>,
    },
    /// Posts without a session, if the chat's address is enough to post.
    PostByAddress {
        text: MessageText,
    },
    /// Frees the seat of `member_id`: the caller's own, or a guest's if the caller is an owner. An owner can also
    /// revoke the invite that the member joined with.
    Remove {
        by: SessionDigest,
        member_id: MemberId,
        revokes_invite: bool,
    },
    /// Makes a member an owner, or the caller a guest if another owner stays.
    SetRole {
        by: SessionDigest,
        member_id: MemberId,
        role: Role,
    },
    Renew {
        by: SessionDigest,
    },
    /// Ends one of the caller's own sessions; `None` is the session `by`. Ending the last one frees the seat.
    EndSession {
        by: SessionDigest,
        session_id: Option<SessionId>,
    },
    /// Gives an owner a new recovery code, which replaces the previous one.
    SetRecovery {
        by: SessionDigest,
    },
    /// Recovers an owner's seat. The name is used only if the seat has become free in the meantime.
    Recover {
        code: RecoveryDigest,
        username: Username,
    },
    End {
        by: SessionDigest,
    },
    /// Frees the seats of expired sessions, and ends a chat that has had no members for `forget_after`.
    Sweep {
        forget_after: Duration,
    },
}

/// The randomness that one decision can use. A decision creates at most one thing with an id, and sees only the
/// digests of new secrets.
#[derive(Clone, Copy, Debug)]
pub struct Randomness {
    pub id: [u8; 16],
    /// The salt of those among `session`, `ticket` and `recovery` that are derived.
    pub salt: Salt,
    pub session: SessionDigest,
    pub invite: InviteDigest,
    pub ticket: TicketDigest,
    pub recovery: RecoveryDigest,
}

impl Randomness {
    /// For a decision that creates no secret and nothing with an id.
    pub const NONE: Self = Self {
        id: [0; 16],
        salt: Salt([0; 32]),
        session: Digest::from_stored([0; 32]),
        invite: Digest::from_stored([0; 32]),
        ticket: Digest::from_stored([0; 32]),
        recovery: Digest::from_stored([0; 32]),
    };
}
