//! Addresses of the pages, as paths relative to the site's root.

use std::fmt::Display;

use crate::domain::Admission;

/// The start page with a notice that there is no such chat.
pub const NO_SUCH_CHAT: &str = "/?notice=chat_not_found";

/// The page of a chat, for its members.
pub fn chat(chat_id: impl Display) -> String {
    format!("/chat/{chat_id}")
}

/// The page that a magic link opens.
pub fn join(chat_id: impl Display, key: &str) -> String {
    format!("/join/{chat_id}#{key}")
}

/// The page where members of a chat with accounts register and log in.
pub fn room(chat_id: impl Display) -> String {
    format!("/room/{chat_id}")
}

/// The page of a chat that people enter by its address, which is this one.
pub fn chatroom(chat_id: impl Display) -> String {
    format!("/chatrooms/{chat_id}/")
}

/// The page where people enter a chat by its address; `None` for a chat that they enter with an invite.
pub fn entry(admission: Admission, chat_id: impl Display) -> Option<String> {
    match admission {
        Admission::Link | Admission::Approval => None,
        Admission::Account => Some(room(chat_id)),
        Admission::Open => Some(chatroom(chat_id)),
    }
}

/// The page where a user chooses the name of their browser session.
pub const SESSION: &str = "/sessions/new";

/// The same page, which then leads to the chatroom.
pub fn session_for(chat_id: impl Display) -> String {
    format!("{SESSION}?chatroom={chat_id}")
}

/// The same page, to choose another name.
pub fn rename_in(chat_id: impl Display) -> String {
    format!("{}&rename=yes", session_for(chat_id))
}

/// Adds `notice` to the query of `address`: the reason for a redirect, which the page shows.
pub fn with_notice(address: &str, notice: &str) -> String {
    let (path, fragment) = address.split_once('#').map_or((address, None), |(path, key)| (path, Some(key)));
    let separator = if path.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|key| format!("#{key}")).unwrap_or_default();
    format!("{path}{separator}notice={notice}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_stands_in_the_query_before_the_key() {
        assert_eq!(with_notice("/", "left"), "/?notice=left");
        assert_eq!(with_notice("/join/1#key", "left"), "/join/1?notice=left#key");
        assert_eq!(with_notice(&session_for(1), "left"), "/sessions/new?chatroom=1&notice=left");
    }
}
