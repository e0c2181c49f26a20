//! The scripts that run on the server. A server that does not know one, because it was restarted, gets it again.

use std::sync::LazyLock;

use redis::Script;

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {$(
        pub(super) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(include_str!(concat!("scripts/", $file, ".lua"))));
    )*};
}

scripts! {
    COMMIT = "commit";
    CONFIRM = "confirm";
    LOAD = "load";
    CHECK = "check";
    REPLACE = "replace";
    LEASE = "lease";
    CHANGE_SESSION = "change_session";
}
