//! The rules of a chat, free of I/O, clock and randomness; they name no other module.
//!
//! A use case loads a [`Chat`], lets [`Chat::decide`] turn a [`Command`] into [`Event`]s or
//! into a [`Refusal`], and stores the [`Transition`] that [`Chat::transition`] makes of them. Every rule
//! stands here once, so every store, transport and dialect keeps the same ones.

mod accounts;
mod apply;
mod browser_sessions;
mod chat;
mod command;
mod decide;
mod event;
mod ids;
mod invites;
mod knocks;
mod line;
mod members;
mod message;
mod owners;
mod refusal;
mod secret;
mod sessions;
mod settings;
mod text;
mod timestamp;

pub use accounts::{Account, PasswordHash};
pub use browser_sessions::{BrowserSession, SealedChatId};
pub use chat::{Chat, MessagesAfter, Receipt, Snapshot, Transition};
pub use command::{Command, Randomness};
pub use event::{Audience, Departure, Event};
pub use ids::{ChatId, ClientId, InviteId, KnockId, MemberId, MessageId, SessionId};
pub use invites::{Invite, InviteTerms};
pub use knocks::{Decision, Knock, KnockEnd, KnockStatus};
pub use line::{ChatName, InviteLabel, Username};
pub use members::{Member, Recovery, Role};
pub use message::{Message, MessageText};
pub use refusal::{Refusal, whole_seconds};
pub use secret::{
    BrowserDigest, BrowserToken, Digest, InviteDigest, InviteKey, JoinDigest, JoinSecret, RecoveryCode, RecoveryDigest,
    SECRET_BYTES, Salt, Secret, SessionDigest, SessionToken, SourceDigest, Ticket, TicketDigest, kind,
};
pub use sessions::{Session, Source};
pub use settings::{Admission, PublicAccess, Settings};
pub use timestamp::Timestamp;
