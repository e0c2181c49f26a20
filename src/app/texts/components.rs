//! The texts of the components.

pub(crate) mod address_line {
    pub(crate) const LABEL: &str = "Share link";
    pub(crate) const COPY: &str = "Copy";
}

pub(crate) mod alerts {
    pub(crate) const HEADING: &str = "Alerts";
    pub(crate) const SOUND: &str = "Play a sound";
    pub(crate) const NOTIFICATION: &str = "Show a notification";
    pub(crate) const NOT_ALLOWED: &str = "This browser doesn't allow notifications from this site.";
}

pub(crate) mod composer {
    /// `problem` is a sentence.
    pub(crate) fn not_sent(problem: &str) -> String {
        format!("Not sent. {problem}")
    }
}

pub(crate) mod copy {
    pub(crate) const COPIED: &str = "Copied.";
    pub(crate) const NOT_COPIED: &str = "Couldn't copy the link. It is selected, so you can copy it yourself.";
}

pub(crate) mod field {
    pub(crate) const NOT_A_NUMBER: &str = "Enter a whole number.";
}

pub(crate) mod frame {
    pub(crate) const FOOTER: &str = "Only the newest messages are kept, and you leave a chat automatically a few hours after you last used it. {api}";
    pub(crate) const API: &str = "API";
}

pub(crate) mod invites {
    pub(crate) const LIFETIME_10_MINUTES: &str = "10 minutes";
    pub(crate) const LIFETIME_1_HOUR: &str = "1 hour";
    pub(crate) const LIFETIME_1_DAY: &str = "1 day";
    pub(crate) const LIFETIME_1_WEEK: &str = "1 week";
    pub(crate) const LIFETIME_UNLIMITED: &str = "as long as the chat exists";
    pub(crate) const NEW: &str = "New link";
    pub(crate) const HEADING: &str = "Invite links";
    pub(crate) const LABEL: &str = "Label (only owners see it)";
    pub(crate) const MAX_USES: &str = "Maximum uses";
    pub(crate) const NO_LIMIT: &str = "No limit";
    pub(crate) const LIFETIME: &str = "Valid for";
    pub(crate) const ASKS_FIRST: &str = "Ask me before someone joins";
    pub(crate) const CREATE: &str = "Create link";
    pub(crate) const UNLABELLED: &str = "Link without a label";
    pub(crate) const NEEDS_APPROVAL: &str = "needs approval";
    pub(crate) const BY_ADDRESS: &str = "created with the chat's link, not by an owner";
    pub(crate) const JOINED: &str = "Joined with this link: {names}";
    pub(crate) const REVOKE: &str = "Revoke";
    pub(crate) const REVOKE_LINK_ONLY: &str = "Revoke the link only";
    pub(crate) const REVOKE_AND_REMOVE: &str = "Revoke and remove these members";
    pub(crate) const CANCEL: &str = "Cancel";

    /// How often a link was used, of how many times.
    pub(crate) fn uses(uses: u32, max_uses: Option<u32>) -> String {
        match (uses, max_uses) {
            (uses, Some(max)) => format!("{uses} of {max} used"),
            (0, None) => "not used yet".into(),
            (1, None) => "used once".into(),
            (uses, None) => format!("used {uses} times"),
        }
    }

    pub(crate) fn expires(time: &str) -> String {
        format!("expires {time}")
    }

    /// The button that revokes the link with this label.
    pub(crate) fn revoke(label: &str) -> String {
        format!("Revoke: {label}")
    }
}

pub(crate) mod knocks {
    pub(crate) const HEADING: &str = "Requests to join";
    pub(crate) const WANTS_TO_JOIN: &str = "{name} wants to join";
    pub(crate) const APPROVE: &str = "Approve";
    pub(crate) const DECLINE: &str = "Decline";

    /// The same as [`WANTS_TO_JOIN`], for plain text.
    pub(crate) fn wants_to_join(username: &str) -> String {
        WANTS_TO_JOIN.replace("{name}", username)
    }

    pub(crate) fn approve(username: &str) -> String {
        format!("Approve {username}")
    }

    pub(crate) fn decline(username: &str) -> String {
        format!("Decline {username}")
    }
}

pub(crate) mod message_list {
    use crate::app::client::conversation::Missed;

    pub(crate) const LABEL: &str = "Messages";
    pub(crate) const ALONE: &str = "Nobody else is here yet. To invite people, share the link under Invite.";
    pub(crate) const SENDING: &str = "Sending…";
    pub(crate) const NEW_MESSAGES: &str = "New messages";
    /// Follows the author's name of an own message.
    pub(crate) const YOU: &str = " (you)";

    const MAY_LACK: &str = "The server was interrupted. Messages from just before that may be missing.";

    /// What this tab has not seen: messages that the server may have lost, or else how many were deleted; `None` for
    /// nothing.
    pub(crate) fn missed(missed: Missed) -> Option<String> {
        match missed.deleted {
            _ if missed.may_lack => Some(MAY_LACK.into()),
            0 => None,
            1 => Some("1 message was deleted before you saw it.".into()),
            count => Some(format!("{count} messages were deleted before you saw them.")),
        }
    }
}

pub(crate) mod own_name {
    pub(crate) const YOU_ARE: &str = "In open chats, your name is {name}. {change}";
    pub(crate) const CHANGE: &str = "Change my name";
}

pub(crate) mod people {
    pub(crate) const HEADING: &str = "People {count}";
    pub(crate) const YOU_OWNER: &str = "{name} (you, owner)";
    pub(crate) const YOU: &str = "{name} (you)";
    pub(crate) const OWNER: &str = "{name} (owner)";
    pub(crate) const GUEST: &str = "{name}";
    /// Follows the member's name.
    pub(crate) const ONLINE: &str = ", online";
    /// Follows the member's name.
    pub(crate) const AWAY: &str = ", away";
    pub(crate) const END_CHAT: &str = "End chat";
    pub(crate) const CONFIRM_END: &str = "End the chat for everyone? Everything in it will be deleted.";
    pub(crate) const LOG_OUT: &str = "Log out";
    pub(crate) const CONFIRM_LOG_OUT: &str = "Log out in this browser? You can log in again with your password.";
    pub(crate) const LEAVE: &str = "Leave";
    pub(crate) const CONFIRM_LEAVE: &str = "Leave the chat? Someone else can then take your seat.";
    pub(crate) const CHANGE_NAME: &str = "Change my name";
    pub(crate) const STEP_DOWN: &str = "Stop being an owner";
    pub(crate) const CONFIRM_STEP_DOWN: &str = "Stop being an owner? You'll stay in the chat.";
    pub(crate) const MAKE_OWNER: &str = "Make owner";
    pub(crate) const REMOVE: &str = "Remove";

    /// How many of the chat's seats are taken.
    pub(crate) fn seats(taken: usize, capacity: u32) -> String {
        format!("{taken} of {capacity}")
    }

    pub(crate) fn make_owner(username: &str) -> String {
        format!("Make owner: {username}")
    }

    pub(crate) fn confirm_make_owner(username: &str) -> String {
        format!(
            "Make {username} an owner too? Owners can approve requests, remove guests, \
             create invite links and end the chat."
        )
    }

    pub(crate) fn remove(username: &str) -> String {
        format!("Remove {username}")
    }
}

pub(crate) mod qr {
    pub(crate) const LABEL: &str = "QR code of the link";
}

pub(crate) mod recovery_link {
    pub(crate) const HEADING: &str = "Come back as an owner";
    pub(crate) const EXPLANATION: &str = "This browser brings you back as an owner automatically. To come back as an owner in \
         another browser, open an owner link there. The link works once, and it stops working if you come back here \
         first. Anyone who has the link can take your place as owner.";
    pub(crate) const SHOW: &str = "Show owner link";
    pub(crate) const LABEL: &str = "Owner link (shown only once)";
    pub(crate) const COPY: &str = "Copy owner link";
}

pub(crate) mod remove_member {
    pub(crate) const REMOVE: &str = "Remove";
    pub(crate) const REMOVE_AND_REVOKE: &str = "Remove and revoke the link";
    pub(crate) const CANCEL: &str = "Cancel";
    pub(crate) const NEEDS_APPROVAL: &str = "An owner must approve everyone who uses it.";
    pub(crate) const STILL_OPEN: &str = "Anyone who has the link, including this person, can still join.";

    pub(crate) fn question(username: &str) -> String {
        format!("Remove {username}?")
    }

    /// How the member `{name}` joined, what the link can still be used for, and which `{others}` joined with it.
    pub(crate) fn about_link(has_label: bool, use_left: Option<&str>, has_others: bool) -> String {
        let joined = if has_label {
            "{name} joined with the invite link “{label}”."
        } else {
            "{name} joined with an invite link."
        };
        let others = has_others.then_some("Also joined with it: {others}.");
        [Some(joined), use_left, others].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

pub(crate) mod retention_panel {
    pub(crate) const HEADING: &str = "What is kept";
    pub(crate) const LOADING: &str = "Loading…";
    pub(crate) const MESSAGES: &str = "Messages";
    pub(crate) const PEOPLE: &str = "People";
    pub(crate) const DELETED: &str = "Deletion";
    pub(crate) const DELETED_AT: &str = "{time}, or later if people stay, join or post";
    pub(crate) const DELETION: &str = "A deleted message disappears from the chat immediately. The server erases it from its database within a minute.";

    pub(crate) fn no_messages(history: u32) -> String {
        match history {
            1 => "None yet. Only the newest one is kept.".into(),
            history => format!("None yet. The newest {history} are kept."),
        }
    }

    /// `oldest` is when the oldest message was sent.
    pub(crate) fn messages(messages: usize, history: u32, oldest: &str) -> String {
        format!("{messages} of at most {history}. The oldest is from {oldest}.")
    }

    pub(crate) fn people(members: usize) -> String {
        match members {
            1 => "1 person. Messages also keep their author's name.".into(),
            members => format!("{members} people. Messages also keep their author's name."),
        }
    }
}

pub(crate) mod session_end {
    pub(crate) const STAY: &str = "Stay";

    pub(crate) fn ends_at(time: &str) -> String {
        format!("You'll leave this chat automatically at {time}.")
    }
}

pub(crate) mod sessions {
    pub(crate) const HEADING: &str = "Where you're logged in";
    pub(crate) const THIS_BROWSER: &str = "This browser";
    pub(crate) const OTHER_BROWSER: &str = "Another browser";
    pub(crate) const LOG_OUT: &str = "Log out";

    pub(crate) fn since(time: &str) -> String {
        format!("logged in on {time}")
    }

    pub(crate) fn log_out(since: &str) -> String {
        format!("Log out the browser that logged in on {since}")
    }
}

pub(crate) mod share {
    pub(crate) const HEADING: &str = "Invite";
    pub(crate) const CHAT_LINK: &str = "Link to the chat";
    pub(crate) const INVITE_LINK: &str = "Invite link";
    pub(crate) const COPY: &str = "Copy link";
    pub(crate) const SHARE: &str = "Share";
    pub(crate) const NO_LINK_OWNER: &str = "Create a link to invite someone.";
    pub(crate) const NO_LINK_GUEST: &str = "Ask an owner of the chat for a link.";
}

pub(crate) mod typing {
    pub(crate) const ONE: &str = "{name} is typing…";
    pub(crate) const TWO: &str = "{name} and {other} are typing…";
    pub(crate) const SEVERAL: &str = "Several people are typing…";
}

pub(crate) mod wait_for_seat {
    pub(crate) const ASK: &str = "Tell me when a seat is free";
    pub(crate) const WAITING: &str = "Waiting for a seat. Keep this page open. No seat is reserved for you.";
    pub(crate) const FREE: &str = "A seat is free";
    pub(crate) const FREE_JOIN: &str = "A seat is free. {join}";
    pub(crate) const JOIN: &str = "Join now";
    pub(crate) const OVER: &str = "That invite link no longer works.";
}

pub(crate) mod waiting {
    pub(crate) fn trying_again(seconds: u64) -> String {
        format!("Too many requests. Trying again in {seconds} s…")
    }
}

pub(crate) mod your_chats {
    pub(crate) const HEADING: &str = "Your chats";
    pub(crate) const ABOUT: &str = "Your name: {name} · {state}";
    pub(crate) const LOADING: &str = "…";
    pub(crate) const SESSION_ENDED: &str = "You've left this chat automatically";
    pub(crate) const CHAT_ENDED: &str = "The chat has ended";
    pub(crate) const UNREACHABLE: &str = "The server can't be reached";
    pub(crate) const FORGET: &str = "Remove from this list";

    /// What is new, and when the session ends.
    pub(crate) fn live(new: u64, end: &str) -> String {
        let news = match new {
            0 => "Nothing new".into(),
            1 => "1 new message".into(),
            new => format!("{new} new messages"),
        };
        format!("{news} · you stay until {end}")
    }

    pub(crate) fn forget(chat: &str) -> String {
        format!("Remove from this list: {chat}")
    }
}
