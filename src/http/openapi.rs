//! The API as a document, made from the handlers themselves (`OpenAPI` 3.1).

use std::sync::Arc;

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema as _, openapi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use axum::Json;
use axum::extract::Extension;
use axum::response::{IntoResponse as _, Response};

use super::body::FORM;
use super::{AppState, chat_app, flask, health, native, silly};
use crate::wire::Problem;

/// Every call of the API, documented and routed in one.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    let mut router = OpenApiRouter::with_openapi(ApiDocument::openapi())
        .merge(native::routes())
        .merge(silly::routes())
        .merge(flask::routes())
        .merge(chat_app::routes())
        .merge(health::routes())
        .routes(routes!(show_document));
    name_problems(router.get_openapi_mut());
    take_forms(router.get_openapi_mut());
    // Each request carries what is laid on it: a pointer, not the document.
    let document = Arc::new(router.get_openapi().clone());
    router.layer(Extension(document))
}

fn calls(document: &mut openapi::OpenApi) -> impl Iterator<Item = &mut Operation> {
    document.paths.paths.values_mut().flat_map(|path| {
        [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete].into_iter().flatten()
    })
}

/// Says of every body of JSON that it may be a form as well: one extractor reads both.
fn take_forms(document: &mut openapi::OpenApi) {
    for body in calls(document).filter_map(|call| call.request_body.as_mut()) {
        if let openapi::RefOr::T(body) = body
            && let Some(json) = body.content.get("application/json").cloned()
        {
            body.content.entry(FORM.into()).or_insert(json);
        }
    }
}

/// Says of every refusal that its body is `application/problem+json`; the handlers' own
/// declarations would have to repeat it each time.
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

/// One dialect has refusals of another shape.
fn is_problem(body: &openapi::RefOr<openapi::Content>) -> bool {
    let openapi::RefOr::T(body) = body else { return false };
    let problem = Problem::name();
    matches!(&body.schema, Some(openapi::RefOr::Ref(schema)) if schema.ref_location.ends_with(&*problem))
}

/// The document itself.
#[must_use]
pub fn api_document() -> openapi::OpenApi {
    routes().into_openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Watch Party",
        description = "Private group chat that leaves nothing behind. JSON in UTF-8, snake_case, times in RFC 3339 UTC. \
            Errors are `application/problem+json` with a stable `code`. Unknown fields are ignored; a body may have 64 KiB. \
            Where a call takes JSON it takes a form (`application/x-www-form-urlencoded`) of the same fields too. Every path \
            stands with and without a slash at its end."
    ),
    servers((url = "./", description = "Where this document stands")),
    tags(
        (name = "chats", description = "Open a chat, enter it, stay, end it"),
        (name = "sessions", description = "Stay, and come back as an owner"),
        (name = "messages", description = "Read and write"),
        (name = "members", description = "Who is in a chat"),
        (name = "invites", description = "The owner's magic links"),
        (name = "knocks", description = "Ask to be let in, and let people in; wait for a seat"),
        (name = "silly chat", description = "The dialect of Silly Chat: chat URLs and link URLs; `author_id` and `client_id` are credentials, never shown to others. Names, and `True` and `False` as words, are read in any letter case; answers have snake_case"),
        (name = "flask-chat", description = "The dialect of Flask-Chat: rooms with accounts of their own; JSON or form bodies, `succeeded` and `explanation`"),
        (name = "chat app", description = "The dialect of Chat App: one username for a browser's session, and chatrooms that are entered by their address"),
        (name = "operations", description = "For those who run the server"),
    ),
    modifiers(&SessionTokenScheme)
)]
struct ApiDocument;

struct SessionTokenScheme;

impl Modify for SessionTokenScheme {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The `session_token` of a seat in the chat; a bare token is accepted too."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("session_token", SecurityScheme::Http(scheme));
        let bearer = |what: &str| {
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what)).build())
        };
        components
            .add_security_scheme("ticket", bearer("The `ticket` of a knock; it proves that knock and nothing else."));
        components.add_security_scheme(
            "browser_session",
            bearer("The `token` of a browser's session; it enters chatrooms, and proves no seat."),
        );
        let cookie = ApiKeyValue::with_description(chat_app::COOKIE, "The same as a cookie; then only from this site.");
        components.add_security_scheme("browser_cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components.add_security_scheme("invite_key", bearer("The key of a magic link: what stands after its `#`."));
    }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")))]
async fn show_document(Extension(document): Extension<Arc<openapi::OpenApi>>) -> Response {
    Json(&*document).into_response()
}
