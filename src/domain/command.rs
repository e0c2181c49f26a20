//! What someone asks of a chat.

use std::time::Duration;

use super::secret::{OfInvite, OfSession};
use super::{ChatName, ClientId, Digest, InviteId, InviteTerms, MemberId, MessageText, Settings, Username};

/// A request that has been read into types which cannot be wrong. `by` is the digest of the
/// session token that came with it.
#[derive(Clone, Debug)]
pub enum Command {
    Create {
        name: Option<ChatName>,
        settings: Settings,
        username: Username,
    },
    CreateInvite {
        by: Digest<OfSession>,
        terms: InviteTerms,
    },
    RevokeInvite {
        by: Digest<OfSession>,
        invite_id: InviteId,
    },
    Join {
        key: Digest<OfInvite>,
        username: Username,
    },
    Post {
        by: Digest<OfSession>,
        text: MessageText,
        client_id: Option<ClientId>,
    },
    /// Frees the seat of `member_id`: one's own, or another's where `by` is the owner.
    Remove {
        by: Digest<OfSession>,
        member_id: MemberId,
    },
    Renew {
        by: Digest<OfSession>,
    },
    End {
        by: Digest<OfSession>,
    },
    /// Frees the seats of expired sessions, and ends a chat that had none for `forget_after`.
    Sweep {
        forget_after: Duration,
    },
}

/// The randomness one decision may use: a decision makes at most one new thing with an id and
/// one new secret, of which it sees only the digest.
#[derive(Clone, Copy, Debug)]
pub struct Fresh {
    pub id: [u8; 16],
    pub session: Digest<OfSession>,
    pub invite: Digest<OfInvite>,
}
