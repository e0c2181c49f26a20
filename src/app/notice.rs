//! Why someone was led to another page than the one they asked for.

use leptos::prelude::*;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_query_map;
use uuid::Uuid;

use super::components::WaitForSeat;
use crate::wire::addresses;
use crate::wire::{Code, Problem};

/// A reason, as it stands in an address: `/?notice=chat_full`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    InviteNeeded,
    UsernameTaken,
    WrongAdmission,
    InvalidInvite,
    InvalidRecovery,
    ChatFull,
    ChatNotFound,
    SessionExpired,
    KnockDeclined,
    KnockEnded,
    KnockWithdrawn,
    Left,
    LoggedOut,
    Removed,
    Ended,
}

impl Notice {
    const ALL: [Self; 15] = [
        Self::InviteNeeded,
        Self::UsernameTaken,
        Self::WrongAdmission,
        Self::InvalidInvite,
        Self::InvalidRecovery,
        Self::ChatFull,
        Self::ChatNotFound,
        Self::SessionExpired,
        Self::KnockDeclined,
        Self::KnockEnded,
        Self::KnockWithdrawn,
        Self::Left,
        Self::LoggedOut,
        Self::Removed,
        Self::Ended,
    ];

    /// The reason for which a refused visitor is led away; `None` where they had better stay.
    pub(super) fn of(problem: &Problem) -> Option<Self> {
        match problem.code {
            Code::WrongAdmission => Some(Self::WrongAdmission),
            Code::Removed => Some(Self::Removed),
            Code::InvalidInvite => Some(Self::InvalidInvite),
            Code::InvalidRecovery => Some(Self::InvalidRecovery),
            Code::ChatFull => Some(Self::ChatFull),
            Code::ChatNotFound => Some(Self::ChatNotFound),
            Code::SessionExpired | Code::SessionRequired => Some(Self::SessionExpired),
            _ => None,
        }
    }

    /// The home page with this notice, where one may wait for a seat in the chat.
    pub(super) fn home_to_wait(chat_id: Uuid, key: &str) -> String {
        format!("{}#{chat_id}/{key}", Self::ChatFull.home())
    }

    /// The home page with this notice.
    pub(super) fn home(self) -> String {
        addresses::with_notice("/", self.name())
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::InviteNeeded => "invite_needed",
            Self::UsernameTaken => "username_taken",
            Self::WrongAdmission => "wrong_admission",
            Self::InvalidInvite => "invalid_invite",
            Self::InvalidRecovery => "invalid_recovery",
            Self::ChatFull => "chat_full",
            Self::ChatNotFound => "chat_not_found",
            Self::SessionExpired => "session_expired",
            Self::KnockDeclined => "knock_declined",
            Self::KnockEnded => "knock_ended",
            Self::KnockWithdrawn => "knock_withdrawn",
            Self::Left => "left",
            Self::LoggedOut => "logged_out",
            Self::Removed => "removed",
            Self::Ended => "ended",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::InviteNeeded => "To enter that chat you need its link. Ask someone in it for it.",
            Self::WrongAdmission => "That chat is entered in another way. Ask someone in it for its link.",
            Self::UsernameTaken => "Someone in that chat already has your name. Choose another.",
            Self::InvalidInvite => {
                "That invite link does not work. It may have been revoked, used up, or copied in part. Ask for a new one."
            }
            Self::InvalidRecovery => "That owner's link does not work. Each use of it gives a new one.",
            Self::ChatFull => "That chat is full. Someone has to leave before you can join.",
            Self::ChatNotFound => "There is no such chat. It may have ended; then nothing of it is left.",
            Self::SessionExpired => "Your session in that chat has ended. You can enter again the way you came.",
            Self::KnockDeclined => "The owner has not let you in.",
            Self::KnockEnded => {
                "Nobody has answered, and you are not waiting any more. You can ask again with the invite link."
            }
            Self::KnockWithdrawn => "You are not waiting any more.",
            Self::Left => "You have left the chat.",
            Self::LoggedOut => "This browser is logged out of that chat.",
            Self::Removed => "An owner has removed you from that chat.",
            Self::Ended => "The chat has ended. Nothing of it is left.",
        }
    }
}

/// Shows the notice that the address names, if it names one.
#[component]
pub(super) fn NoticeFromAddress() -> impl IntoView {
    let query = use_query_map();
    let notice = move || {
        let name = query.read().get("notice")?;
        Notice::ALL.into_iter().find(|notice| notice.name() == name)
    };
    move || {
        notice().map(|notice| {
            let may_wait = notice == Notice::ChatFull;
            view! {
                <div class="notice">
                    <p role="status">{notice.sentence()}</p>
                    {may_wait.then(|| view! { <WaitForSeat/> })}
                </div>
            }
        })
    }
}

/// Leads home, on the server already where it can.
#[component]
pub(super) fn RedirectHome(because: Notice) -> impl IntoView {
    view! { <Redirect path=because.home()/> }
}
