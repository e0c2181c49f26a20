//! JSON bodies of requests and responses, problem codes and page addresses. Names are `snake_case`, times RFC 3339 in
//! UTC.
//!
//! A request body holds unchecked values, which the domain's types validate. Response bodies are built from domain
//! values here, so every transport sends the same JSON.

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
