//! The JSON bodies of requests and answers: `snake_case`, times in RFC 3339 UTC.
//!
//! Requests hold what was sent, unchecked; the domain's types check it. Answers are made from
//! the domain's values here, so every transport shows the same.

mod answers;
mod live;
mod problem;
mod requests;

pub use answers::{
    Created, Health, Invite, InviteList, InviteSummary, Joined, Member, MemberList, MemberSummary, Message, Messages,
    Retention, Session,
};
pub use live::LiveEvent;
pub use problem::{Code, Problem};
pub use requests::{CreateChat, CreateInvite, JoinChat, PostMessage};
