//! The pages.

mod address;
mod chat;
mod home;
mod join;
mod login;
mod not_found;
mod open_chat;
mod public_chat;
mod session;

pub(super) use chat::ChatPage;
pub(super) use home::HomePage;
pub(super) use join::JoinPage;
pub(super) use login::LoginPage;
pub(super) use not_found::NotFoundPage;
pub(super) use open_chat::OpenChatPage;
pub(super) use session::SessionPage;
