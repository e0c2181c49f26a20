//! Every call of the native API and each of its refusals, through the public router.

mod chats;
mod invites;
mod knocks;
mod members;
mod messages;
mod owners;
mod requests;
mod retention;
mod sessions;
