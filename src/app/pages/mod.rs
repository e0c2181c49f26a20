//! The pages. Each is in one of two files of WebAssembly: those on which people arrive, and those of a chat. The
//! file of the chat replaces the other in the document; on the way back, the document is loaded again.

mod address;
mod chat;
mod elsewhere;
mod home;
mod join;
mod login;
mod not_found;
mod open_chat;
mod public_chat;
mod session;

pub(super) use chat::ChatPage;
pub(super) use elsewhere::{chat_file_after, file_of, in_chat_file, in_start_file};
pub(super) use home::HomePage;
pub(super) use join::JoinPage;
pub(super) use login::LoginPage;
pub(super) use not_found::NotFoundPage;
pub(super) use open_chat::OpenChatPage;
pub(super) use session::SessionPage;
