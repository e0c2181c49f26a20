//! The rules of a chat, free of I/O, clock and randomness; they name no other module.
//!
//! A use case loads a [`Chat`], lets [`Chat::decide`] turn a [`Command`] into [`Event`]s or
//! into a [`Refusal`], and stores the [`Change`] that [`Chat::change`] makes of them. Every rule
//! stands here once, so every store, transport and dialect keeps the same ones.

mod chat;
mod command;
mod decide;
mod event;
mod ids;
mod invite;
mod line;
mod member;
mod message;
mod refusal;
mod secret;
mod settings;
mod text;
mod timestamp;

pub use chat::{Change, Chat, MessagesAfter, Receipt, Snapshot};
pub use command::{Command, Fresh};
pub use event::{Departure, Event};
pub use ids::{ChatId, ClientId, InviteId, MemberId, MessageId};
pub use invite::{Invite, InviteTerms};
pub use line::{ChatName, InviteLabel, Username};
pub use member::{Member, Role, Session};
pub use message::{Message, MessageText};
pub use refusal::Refusal;
pub use secret::{Digest, InviteKey, OfInvite, OfSession, SECRET_BYTES, Secret, SessionToken};
pub use settings::{Admission, Settings};
pub use timestamp::Timestamp;
