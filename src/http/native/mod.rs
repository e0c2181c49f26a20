//! The native API: each chat is at `/{chat_id}`.

mod chats;
mod invites;
mod knocks;
mod live;
mod members;
mod messages;
mod sessions;

use utoipa_axum::router::OpenApiRouter;

pub use live::{BUFFER as MAX_FRAME_BYTES, FRAMES_BETWEEN_PINGS};
pub(super) use messages::{DirectCall, MAX_IDEMPOTENCY_KEY};

use super::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(chats::routes())
        .merge(messages::routes())
        .merge(live::routes())
        .merge(sessions::routes())
        .merge(members::routes())
        .merge(invites::routes())
        .merge(knocks::routes())
}
