//! The texts of the pages.

pub(crate) mod chat {
    pub(crate) const START_PAGE: &str = "Watch Party, start page";
    pub(crate) const POLLING: &str = "Messages may arrive a second late.";
    pub(crate) const OFFLINE: &str = "Not connected. Trying again…";

    /// The page's title while someone asks to join; `request` says who.
    pub(crate) fn title_with_knock(request: &str, chat: &str) -> String {
        format!("{request} · {chat}")
    }

    /// The page's title, with the number of unread messages.
    pub(crate) fn title_with_unread(unread: usize, chat: &str) -> String {
        format!("({unread}) {chat}")
    }
}

pub(crate) mod home {
    pub(crate) const HEADING: &str = "Talk in private. Leave nothing behind.";
    pub(crate) const CHAT_NAME: &str = "Chat name";
    pub(crate) const CHAT_NAME_OPTIONAL: &str = "Chat name (optional)";
    pub(crate) const ADMISSION: &str = "Who can join";
    pub(crate) const UNKNOWN_ADMISSION: &str = "Choose who can join.";
    pub(crate) const PASSWORD: &str = "Your password";
    pub(crate) const PASSWORD_HINT: &str = "At least 8 characters. Use it to log in from other browsers.";
    pub(crate) const PUBLIC_ACCESS: &str = "Let anyone with the chat's link read it";
    pub(crate) const MORE: &str = "More options";
    pub(crate) const CAPACITY: &str = "Seats";
    pub(crate) const HISTORY: &str = "Messages kept";
    pub(crate) const START: &str = "Start a chat";

    pub(crate) fn lead(guests: u32, history: u32, hours: u64) -> String {
        format!(
            "Start a chat, send its invite link to up to {guests} people, and talk. Only the last {history} messages \
             are kept, and every session ends within {hours} hours. No account, no app."
        )
    }
}

pub(crate) mod join {
    pub(crate) const TITLE: &str = "Join";
    pub(crate) const JOIN_CHAT: &str = "Join the chat";
    pub(crate) const JOIN_NAMED_CHAT: &str = "Join {chat}";
    pub(crate) const LEAD: &str = "You're invited to a private chat. Choose the name that others will see.";
    pub(crate) const ASKS_FIRST: &str = "An owner must approve your request, and will see this name.";
    pub(crate) const ASK: &str = "Ask to join";
    pub(crate) const JOIN: &str = "Join";
    pub(crate) const WAITING: &str = "Waiting for an owner to approve your request…";
    pub(crate) const WAITING_HINT: &str =
        "The owners have been notified. Keep this page open: you'll be let in automatically when an owner approves.";
    pub(crate) const WITHDRAW: &str = "Stop waiting";
}

pub(crate) mod login {
    pub(crate) const LOG_IN: &str = "Log in";
    pub(crate) const REGISTER: &str = "Register";
    pub(crate) const REGISTER_AND_JOIN: &str = "Register and join";
    pub(crate) const READABLE: &str =
        "Anyone with the link can read this chat. Log in to write. Your account works in this chat only.";
    pub(crate) const MEMBERS_ONLY: &str = "Members log in with a password. Your account works in this chat only.";
    pub(crate) const PASSWORD: &str = "Password";
    pub(crate) const REPEAT_PASSWORD: &str = "Repeat password";
    pub(crate) const PASSWORD_HINT: &str = "At least 8 characters. A forgotten password can't be recovered.";
    pub(crate) const PASSWORDS_DIFFER: &str = "The passwords don't match.";
    pub(crate) const END_OLDEST: &str = "Log out the browser that logged in first, and log in here";
    pub(crate) const HAS_ACCOUNT: &str = "I already have an account";
    pub(crate) const HAS_NO_ACCOUNT: &str = "I don't have an account yet";
}

pub(crate) mod not_found {
    pub(crate) const TITLE: &str = "Not found";
    pub(crate) const HEADING: &str = "There is nothing here";
    pub(crate) const ADVICE: &str =
        "No page has this address. If someone sent you a link, make sure that you copied all of it.";
    pub(crate) const HOME: &str = "Go to the start page";
}

pub(crate) mod open_chat {
    pub(crate) const FULL: &str = "Every seat in this chat is taken. You can read the messages, and you'll join automatically when a seat is free.";
}

pub(crate) mod public_chat {
    pub(crate) const CAN_POST: &str =
        "Anyone with the link can read and write here. Your messages appear as Anonymous.";
    pub(crate) const CAN_READ: &str = "Anyone with the link can read this chat.";
}

pub(crate) mod session {
    pub(crate) const TITLE: &str = "Your name";
    pub(crate) const HEADING: &str = "Choose your name";
    pub(crate) const LEAD: &str = "Other people see this name in every open chat, including the open chats that you're \
         already in. Your browser keeps it for up to six hours.";
    pub(crate) const CONTINUE: &str = "Continue";
    pub(crate) const NO_COOKIE: &str = "This needs a cookie, but your browser doesn't accept cookies from this site.";
}
