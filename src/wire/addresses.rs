//! The pages' addresses, as paths from where the site begins.

use std::fmt::Display;

/// The start page, which says that there is no such chat.
pub const NO_SUCH_CHAT: &str = "/?notice=chat_not_found";

pub fn chat(chat_id: impl Display) -> String {
    format!("/chat/{chat_id}")
}

/// Where a magic link leads.
pub fn join(chat_id: impl Display, key: &str) -> String {
    format!("/join/{chat_id}#{key}")
}

/// Where members with a password come in.
pub fn room(chat_id: impl Display) -> String {
    format!("/room/{chat_id}")
}

/// A chat that is entered by its address: this one.
pub fn chatroom(chat_id: impl Display) -> String {
    format!("/chatrooms/{chat_id}/")
}

/// Where a browser says who it is.
pub const SESSION: &str = "/sessions/new";

/// The same, from where it is led to the chatroom.
pub fn session_for(chat_id: impl Display) -> String {
    format!("{SESSION}?chatroom={chat_id}")
}

/// The same, to choose another name there.
pub fn rename_in(chat_id: impl Display) -> String {
    format!("{}&rename=yes", session_for(chat_id))
}

/// `address` with a reason for which someone is led there, which its page tells.
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
