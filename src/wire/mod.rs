//! The JSON bodies of requests and answers: `snake_case`, times in RFC 3339 UTC.
//!
//! Requests hold what was sent, unchecked; the domain's types check it. Answers are made from
//! the domain's values here, so every transport shows the same.

pub mod addresses;
mod answers;
pub mod chat_app;
pub mod flask;
mod live;
mod problem;
mod requests;
pub mod silly;

pub use answers::{
    Created, Entered, Health, Invite, InviteList, InviteSummary, InviteWithMembers, Joined, Knock, KnockList,
    KnockState, KnockUpdate, Knocked, Member, MemberList, MemberSummary, Message, Messages, OwnSeat, OwnSession,
    OwnSessions, Preview, Recovered, RecoveryCode, Retention, Seats, Session,
};
pub use live::LiveEvent;
pub use problem::{Code, Problem};
pub use requests::{ChangeMember, CreateChat, CreateInvite, DecideKnock, JoinChat, PostMessage, Recover};
