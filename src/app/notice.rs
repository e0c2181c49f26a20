//! Notices that tell visitors why they were redirected to another page.

use leptos::prelude::*;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_query_map;
use uuid::Uuid;

use super::components::WaitForSeat;
use super::texts;
use crate::wire::addresses;
use crate::wire::{Code, Problem};

/// The reason for a redirect. Its name is part of the address: `/?notice=chat_full`.
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

    /// Returns the notice with which a refused visitor is redirected; `None` if the page itself should show the
    /// problem.
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

    /// Returns the address of the home page where the visitor can wait for a seat in the full chat.
    pub(super) fn home_to_wait(chat_id: Uuid, key: &str) -> String {
        format!("{}#{chat_id}/{key}", Self::ChatFull.home())
    }

    /// Returns the address of the home page with this notice.
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
            Self::InviteNeeded => texts::notice::INVITE_NEEDED,
            Self::UsernameTaken => texts::notice::USERNAME_TAKEN,
            Self::WrongAdmission => texts::notice::WRONG_ADMISSION,
            Self::InvalidInvite => texts::notice::INVALID_INVITE,
            Self::InvalidRecovery => texts::notice::INVALID_RECOVERY,
            Self::ChatFull => texts::notice::CHAT_FULL,
            Self::ChatNotFound => texts::notice::CHAT_NOT_FOUND,
            Self::SessionExpired => texts::notice::SESSION_EXPIRED,
            Self::KnockDeclined => texts::notice::KNOCK_DECLINED,
            Self::KnockEnded => texts::notice::KNOCK_ENDED,
            Self::KnockWithdrawn => texts::notice::KNOCK_WITHDRAWN,
            Self::Left => texts::notice::LEFT,
            Self::LoggedOut => texts::notice::LOGGED_OUT,
            Self::Removed => texts::notice::REMOVED,
            Self::Ended => texts::notice::ENDED,
        }
    }
}

/// Shows the notice that the page's address names, if any.
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

/// Redirects to the home page with a notice; during server rendering, with an HTTP redirect.
#[component]
pub(super) fn RedirectHome(because: Notice) -> impl IntoView {
    view! { <Redirect path=because.home()/> }
}
