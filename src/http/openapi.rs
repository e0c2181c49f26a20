//! The `OpenAPI` 3.1 document, generated from the handlers.

use std::sync::LazyLock;

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema as _, openapi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use axum::http::header;
use axum::response::IntoResponse;
use serde_json::Value;

use super::origin::SiteUrl;
use super::{AppState, chat_app, connection, document, flask, health, native, silly};
use crate::wire::Problem;

/// Every call of the API, documented and routed at once.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    let mut router = OpenApiRouter::with_openapi(ApiDocument::openapi())
        .merge(native::routes())
        .merge(silly::routes())
        .merge(flask::routes())
        .merge(chat_app::routes())
        .merge(health::routes())
        .merge(connection::routes())
        .routes(routes!(show_document));
    name_problems(router.get_openapi_mut());
    router
}

fn calls(document: &mut openapi::OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|path| {
        [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete].into_iter().flatten()
    })
}

/// Documents every refusal as `application/problem+json`, which the handlers would otherwise have to repeat each time.
fn name_problems(document: &mut openapi::OpenApi) {
    let responses = calls(document).flat_map(|call| call.responses.responses.iter_mut());
    for (_, response) in responses.filter(|(status, _)| status.as_str() >= "400") {
        if let openapi::RefOr::T(response) = response
            && response.content.get("application/json").is_some_and(is_problem)
            && let Some(body) = response.content.shift_remove("application/json")
        {
            response.content.insert("application/problem+json".into(), body);
        }
    }
}

/// Whether a body is a [`Problem`]. The refusals of one dialect have another shape.
fn is_problem(body: &openapi::RefOr<openapi::Content>) -> bool {
    let openapi::RefOr::T(body) = body else { return false };
    let problem = Problem::name();
    matches!(&body.schema, Some(openapi::RefOr::Ref(schema)) if schema.ref_location.ends_with(&*problem))
}

/// The `OpenAPI` document.
#[must_use]
pub fn api_document() -> Value {
    document::complete(routes().get_openapi())
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Watch Party",
        description = "Private group chat that leaves nothing behind. Bodies are JSON in UTF-8 with `snake_case` names; \
            times are RFC 3339 in UTC. Errors are `application/problem+json` with a stable `code`. Unknown fields are \
            ignored. A request body can be at most 64 KiB. Every call that takes JSON also takes a form \
            (`application/x-www-form-urlencoded`) with the same fields. Every path works with and without a trailing \
            slash. Pages of other origins can make every call (CORS) except those of Flask-Chat and Chat App, without \
            cookies. A request beyond a limit gets 429 `too_many_requests` with `Retry-After`."
    ),
    servers((url = "./", description = "The server of this document")),
    tags(
        (name = "chats", description = "Create, preview, join and end chats"),
        (name = "sessions", description = "Show, renew and end sessions, and recover an owner's seat"),
        (name = "messages", description = "Read, follow and post messages"),
        (name = "members", description = "List members, remove them and change their roles"),
        (name = "invites", description = "Magic links, which owners create, list and revoke"),
        (name = "knocks", description = "Ask to join, approve guests, and wait for a free seat"),
        (name = "silly chat", description = "The dialect of Silly Chat: chat URLs and link URLs. `author_id` and `client_id` are credentials, and are never shown to others. Field names, and the words `True` and `False`, may be in any letter case; responses use snake_case"),
        (name = "flask-chat", description = "The dialect of Flask-Chat: rooms with accounts of their own. Bodies are JSON or forms; responses have `succeeded` and `explanation`"),
        (name = "chat app", description = "The dialect of Chat App: one username for each browser session, and chatrooms that anyone with the address can enter"),
        (name = "operations", description = "For operators of the server"),
    ),
    modifiers(&SecuritySchemes)
)]
struct ApiDocument;

struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The `session_token` of a seat in the chat. The prefix `Bearer` may be omitted."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("session_token", SecurityScheme::Http(scheme));
        let bearer = |what: &str| {
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what)).build())
        };
        components.add_security_scheme("ticket", bearer("The `ticket` of a knock. It is valid for that knock only."));
        components.add_security_scheme(
            "browser_session",
            bearer("The `token` of a browser session. It enters chatrooms, and is not the session token of a seat."),
        );
        let cookie = ApiKeyValue::with_description(
            chat_app::COOKIE,
            "The same token as a cookie. Requests that change something must come from a page of this site.",
        );
        components.add_security_scheme("browser_cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components.add_security_scheme("invite_key", bearer("The key of a magic link: the part after its `#`."));
    }
}

/// The document's text, for any site.
static TEXT: LazyLock<String> = LazyLock::new(|| api_document().to_string());

/// Writes the document, so that no request has to wait for it.
pub(super) fn prepare() {
    LazyLock::force(&TEXT);
}

pub(super) const PATH: &str = "/openapi.json";

/// Get this document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations",
    responses((status = 200, description = "The OpenAPI 3.1 document", content_type = "application/json")))]
async fn show_document(SiteUrl(site): SiteUrl) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document::at_site(&TEXT, &site))
}
