//! The pages.

mod address;
mod chat;
mod chatroom;
mod home;
mod join;
mod not_found;
mod public_chat;
mod room;
mod session;

pub(super) use chat::ChatPage;
pub(super) use chatroom::ChatroomPage;
pub(super) use home::HomePage;
pub(super) use join::JoinPage;
pub(super) use not_found::NotFoundPage;
pub(super) use room::RoomPage;
pub(super) use session::SessionPage;
