//! The native API: each chat is at `/{chat_id}`.

mod chats;
mod invites;
mod knocks;
mod live;
mod members;
mod messages;
mod sessions;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use messages::MAX_IDEMPOTENCY_KEY;

use super::AppState;
use crate::domain::ChatId;
use crate::service::{JoinOutcome, KnockView, OpenInvite, OwnSession, Seat};
use crate::wire;
use crate::wire::addresses;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(chats::create_chat))
        .routes(routes!(messages::read_messages, messages::post_message, chats::end_chat))
        .routes(routes!(live::follow_chat))
        .routes(routes!(messages::notify_typing))
        .routes(routes!(chats::join_chat))
        .routes(routes!(chats::preview_chat))
        .routes(routes!(sessions::renew_session, sessions::show_session, sessions::end_own_session))
        .routes(routes!(sessions::list_sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(sessions::renew_recovery))
        .routes(routes!(sessions::recover))
        .routes(routes!(knocks::show_seats))
        .routes(routes!(chats::show_retention))
        .routes(routes!(invites::create_invite))
        .routes(routes!(invites::list_invites))
        .routes(routes!(invites::revoke_invite))
        .routes(routes!(members::list_members))
        .routes(routes!(members::remove_member, members::change_member))
        .routes(routes!(knocks::list_knocks))
        .routes(routes!(knocks::show_knock, knocks::decide_knock, knocks::withdraw_knock))
}

/// An invite with its magic link. The key is in the fragment, which browsers never send.
fn open_invite(site: &str, chat_id: ChatId, OpenInvite { key, invite }: &OpenInvite) -> wire::Invite {
    let key = key.reveal();
    let magic_link = format!("{site}{}", addresses::join(chat_id, &key));
    wire::Invite { key, magic_link, invite: invite.into() }
}

impl From<&Seat> for wire::Joined {
    fn from(seat: &Seat) -> Self {
        let expires_at = seat.expires_at();
        Self { session_token: seat.token.reveal(), expires_at, member: (&seat.member).into() }
    }
}

impl From<&JoinOutcome> for wire::Entered {
    fn from(entrance: &JoinOutcome) -> Self {
        match entrance {
            JoinOutcome::Seated(seat) => Self::Seated(seat.into()),
            JoinOutcome::Knocked { knock, ticket } => Self::Knocked(wire::Knocked {
                knock_id: knock.id.as_uuid(),
                ticket: ticket.reveal(),
                status: knock.status,
                expires_at: knock.expires_at,
            }),
        }
    }
}

impl From<&KnockView> for wire::KnockState {
    fn from(KnockView { knock, seat }: &KnockView) -> Self {
        Self { status: knock.status, expires_at: knock.expires_at, session: seat.as_ref().map(wire::Joined::from) }
    }
}

impl From<&OwnSession> for wire::OwnSession {
    fn from(session: &OwnSession) -> Self {
        Self {
            session_id: session.id.as_uuid(),
            started_at: session.started_at,
            expires_at: session.expires_at,
            current: session.is_current,
        }
    }
}
