//! The rules of a chat, without I/O, clock or randomness. This module uses no other module of the crate.
//!
//! A use case loads a [`Chat`], calls [`Chat::decide`], which turns a [`Command`] into [`Event`]s or a [`Refusal`],
//! and stores the [`Transition`] that [`Chat::transition`] builds from the events. Each rule exists only here, so
//! every store, transport and dialect follows the same rules.

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
pub use settings::{Admission, AdmissionRules, PublicAccess, Settings};
pub use timestamp::Timestamp;
