//! Every text that the web page shows, in English. To translate the page, translate this module.
//!
//! The submodules have the names and the order of the files that use them. A text with a value is a function, so
//! plural forms are here too. A text with a placeholder such as `{name}` is a template for
//! [`sentence`](super::components::sentence), which replaces the placeholder with a view.

mod client;
mod components;
mod pages;

pub(crate) use client::{api, messages, seat};
pub(crate) use components::{
    address_line, alerts, composer, copy, field, frame, invites, knocks, message_list, own_name, people, qr,
    recovery_link, remove_member, retention_panel, session_end, sessions, share, typing, wait_for_seat, waiting,
    your_chats,
};
pub(crate) use pages::{chat, home, join, login, not_found, open_chat, public_chat, session};

use crate::domain::Admission;

/// The site's name.
pub(crate) const WATCH_PARTY: &str = "Watch Party";
/// Shown instead of a name for a chat that has none.
pub(crate) const CHAT: &str = "Chat";
/// The label of the field for a username.
pub(crate) const YOUR_NAME: &str = "Your name";
/// The label of the field for a message.
pub(crate) const MESSAGE: &str = "Message";
pub(crate) const SEND: &str = "Send";
/// Shown until the messages are loaded.
pub(crate) const OPENING_CHAT: &str = "Opening the chat…";
/// Shown in a chat without messages.
pub(crate) const NO_MESSAGES: &str = "No messages yet.";
/// Separates the names of a list.
pub(crate) const LIST_SEPARATOR: &str = ", ";
/// Separates short facts on one line.
pub(crate) const FACT_SEPARATOR: &str = " · ";

/// The page's description for search engines.
pub(crate) const DESCRIPTION: &str = "Private group chat that leaves nothing behind.";

/// The title of the browser's window; `page` is empty on the start page.
pub(crate) fn window_title(page: &str) -> String {
    if page.is_empty() { WATCH_PARTY.to_owned() } else { format!("{page} · {WATCH_PARTY}") }
}

/// The texts of one kind of admission.
pub(crate) struct AdmissionTexts {
    /// The choice on the home page.
    pub(crate) choice: &'static str,
    pub(crate) choice_hint: &'static str,
    /// Shown under the link to share.
    pub(crate) link_hint: &'static str,
}

pub(crate) const fn admission(admission: Admission) -> AdmissionTexts {
    const CAN_JOIN: &str = "Anyone with this link can join. Send it only to people you want in this chat.";
    match admission {
        Admission::Link => AdmissionTexts {
            choice: "Anyone with an invite link",
            choice_hint: "You share an invite link, and can create more.",
            link_hint: CAN_JOIN,
        },
        Admission::Approval => AdmissionTexts {
            choice: "Ask me first",
            choice_hint: "People with the link ask to join, and you approve them.",
            link_hint: CAN_JOIN,
        },
        Admission::Account => AdmissionTexts {
            choice: "Members with a password",
            choice_hint: "They register for this chat only, and can log in again later.",
            link_hint: "Anyone with this link can register. Send it only to people you want in this chat.",
        },
        Admission::Open => AdmissionTexts {
            choice: "Open chat",
            choice_hint: "Anyone with the chat's link can join. Everyone picks a name first, and so do you.",
            link_hint: "Anyone with this link can pick a name and join. Send it only to people you want in this chat.",
        },
    }
}

pub(crate) mod notice {
    pub(crate) const INVITE_NEEDED: &str =
        "You need an invite link to join that chat. Ask someone in the chat for one.";
    pub(crate) const WRONG_ADMISSION: &str =
        "That chat can't be joined this way. Ask someone in the chat for the right link.";
    pub(crate) const USERNAME_TAKEN: &str = "Someone in that chat already has your name. Choose another one.";
    pub(crate) const INVALID_INVITE: &str = "That invite link doesn't work. It may have expired, been revoked or been used up, or part of it is missing. Ask \
         for a new one.";
    pub(crate) const INVALID_RECOVERY: &str =
        "That owner link doesn't work. It may have been used already: each owner link works only once.";
    pub(crate) const CHAT_FULL: &str = "That chat is full. Someone has to leave before you can join.";
    pub(crate) const CHAT_NOT_FOUND: &str =
        "That chat doesn't exist. It may have ended, in which case everything in it was deleted.";
    pub(crate) const SESSION_EXPIRED: &str =
        "You were away for too long and left that chat automatically. You can join again the same way as before.";
    pub(crate) const KNOCK_DECLINED: &str = "An owner declined your request to join.";
    pub(crate) const KNOCK_ENDED: &str =
        "Your request to join ended without an answer. Open the invite link to ask again.";
    pub(crate) const KNOCK_WITHDRAWN: &str = "You withdrew your request to join.";
    pub(crate) const LEFT: &str = "You left that chat.";
    pub(crate) const LOGGED_OUT: &str = "You are logged out of that chat in this browser.";
    pub(crate) const REMOVED: &str = "An owner removed you from that chat.";
    pub(crate) const ENDED: &str = "That chat has ended. Everything in it was deleted.";
}

pub(crate) mod hydration {
    pub(crate) const UNSCRIPTED: &str =
        "Chatting needs JavaScript, which isn't running here. Turn it on for this site.";
    pub(crate) const SLOW: &str =
        "The page is still loading. If this takes much longer, check your connection and reload the page.";
    pub(crate) const FAILED: &str = "The page couldn't start. Check your connection and reload the page. If that doesn't \
         help, something in this browser may be blocking it: turn off extensions, or try another browser.";
    pub(crate) const UNSUPPORTED: &str = "This page needs WebAssembly, which is turned off in this browser. Turn it on for \
         this site (Lockdown Mode on an iPhone turns it off), or open the page in another browser.";
    pub(crate) const RELOAD: &str = "Reload the page";
    /// Shown if the browser cannot store the seat that it was given.
    pub(crate) const NOT_STORED: &str = "This browser couldn't store your place in the chat, because its storage for this \
         site is full or turned off. Make room for it, and start or join again.";
}

pub(crate) mod server_fns {
    pub(crate) const UNREADABLE: &str = "The request couldn't be read.";
    pub(crate) const INTERNAL_ERROR: &str = "Something went wrong on our side.";
}
