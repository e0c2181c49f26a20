//! The texts of notifications, and of problems that the page reports itself.

pub(crate) mod api {
    pub(crate) const UNREACHABLE: &str = "The server can't be reached. Are you offline?";
}

pub(crate) mod messages {
    pub(crate) fn new_message(username: &str) -> String {
        format!("New message from {username}")
    }
}

pub(crate) mod seat {
    /// The username of an owner who returns in a browser that remembers no username.
    pub(crate) const OWNER: &str = "Owner";

    /// The same, if that name is taken.
    pub(crate) fn numbered_owner(number: f64) -> String {
        format!("Owner {number:.0}")
    }
}
