//! What the pages are made of.

mod address_line;
mod alerts;
mod composer;
mod copy;
mod field;
mod frame;
mod invites;
mod kept;
mod knocks;
mod menu;
mod message_list;
mod own_name;
mod people;
mod qr;
mod remove_member;
mod session_end;
mod share;
mod typing;
mod wait_for_seat;
mod way_back;
mod your_chats;

pub(super) use address_line::AddressLine;
pub(super) use alerts::AlertChoices;
pub(super) use composer::Composer;
pub(super) use field::{GeneralProblem, NumberField, TextField, number_in, remembered_username};
pub(super) use frame::PageFrame;
pub(super) use kept::Kept;
pub(super) use knocks::Knocks;
pub(super) use message_list::MessageList;
pub(super) use own_name::OwnName;
pub(super) use people::People;
pub(super) use session_end::SessionEnd;
pub(super) use share::ShareLink;
pub(super) use typing::Typing;
pub(super) use wait_for_seat::WaitForSeat;
pub(super) use your_chats::YourChats;
