//! The rules of a chat, free of I/O, clock and randomness; they name no other module.
//!
//! A use case loads a [`Chat`], lets [`Chat::decide`] turn a [`Command`] into [`Event`]s or
//! into a [`Refusal`], and stores the [`Change`] that [`Chat::change`] makes of them. Every rule
//! stands here once, so every store, transport and dialect keeps the same ones.

mod account;
mod apply;
mod browser;
mod chat;
mod command;
mod decide;
mod entry;
mod event;
mod ids;
mod invite;
mod knock;
mod line;
mod member;
mod message;
mod owners;
mod refusal;
mod secret;
mod settings;
mod text;
mod timestamp;

pub use account::{Account, PasswordHash};
pub use browser::{BrowserSession, SealedChatId};
pub use chat::{Change, Chat, MessagesAfter, Receipt, Snapshot};
pub use command::{Command, Fresh};
pub use event::{Departure, Event};
pub use ids::{ChatId, ClientId, InviteId, KnockId, MemberId, MessageId, SessionId};
pub use invite::{Invite, InviteTerms};
pub use knock::{Decision, Knock, KnockEnd, KnockStatus};
pub use line::{ChatName, InviteLabel, Username};
pub use member::{Member, Recovery, Role, Session, Source};
pub use message::{Message, MessageText};
pub use refusal::{Refusal, whole_seconds};
pub use secret::{
    BrowserToken, Digest, InviteKey, JoinSecret, OfBrowser, OfInvite, OfJoin, OfRecovery, OfSession, OfTicket,
    RecoveryCode, SECRET_BYTES, Salt, Secret, SessionToken, Ticket,
};
pub use settings::{Admission, PublicAccess, Settings};
pub use timestamp::Timestamp;
