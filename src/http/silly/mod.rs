//! Silly Chat's dialect: chat URLs, link URLs, and an owner who approves guests.
//!
//! A thin layer over the same use cases. `author_id` and `client_id` are random UUIDs that replace a session token, and
//! also the ticket or the recovery code that leads to one. They are therefore credentials, and are never shown to
//! others. Messages and requests identify members and knocks by their public ids.

mod approval;
mod chats;
mod links;
mod urls;

use axum::http::HeaderMap;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::AppState;
use super::auth::secret_text;
use super::problem::Failure;
use crate::domain::Refusal;
use crate::service::Error;
use crate::wire::{Code, Problem};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(chats::create_chat))
        .routes(routes!(chats::read_chat, chats::post_message))
        .routes(routes!(links::create_link))
        .routes(routes!(links::exchange_link))
        .routes(routes!(approval::show_approval, approval::approve))
}

/// The credential in the query, or in the `Authorization` header.
fn credential(query: &[(String, String)], name: &'static str, headers: &HeaderMap) -> Result<Option<Uuid>, Refusal> {
    let in_query = query.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
    let given = in_query.or_else(|| secret_text(headers)).map(|text| text.trim().parse());
    given.transpose().map_err(|_| invalid(name, "must be a UUID"))
}

fn invalid(field: &'static str, problem: &str) -> Refusal {
    Refusal::Invalid { field, problem: problem.into() }
}

fn not_an_author() -> Failure {
    let detail = "author_id is unknown in this chat. A guest's client_id is valid once the owner has approved it.";
    Problem::new(Code::SessionRequired, detail).about_field("author_id").into()
}

fn as_author(error: Error) -> Failure {
    match error {
        Error::Refused(Refusal::SessionRequired) => not_an_author(),
        error => error.into(),
    }
}
