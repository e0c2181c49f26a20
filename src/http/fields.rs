//! What the API document says about fields beyond their types: bounds, taken from the rules, and an example.
//!
//! A field means the same in every call that takes it, so its name is enough to look it up.

use serde_json::{Value, json};

use crate::domain::{Admission, ChatName, InviteLabel, InviteTerms, MessageText, Settings, Username};
use crate::http::native::MAX_IDEMPOTENCY_KEY;
use crate::service::Password;

/// A JSON Schema pattern: one line with a visible character, without control and direction characters.
const LINE: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*\
    [^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200f\
    \\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8]\
    [^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$";
/// A JSON Schema pattern: text with a visible character.
const VISIBLE: &str = "[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f\
    \\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8]";
/// A JSON Schema pattern: a secret of 32 bytes in base64url.
const SECRET: &str = "^[A-Za-z0-9_-]{43}$";

/// Returns the JSON Schema keywords for the field `name` of a request body, or of a parameter where `schema` is empty.
/// `None` for a field that its type describes fully.
pub(super) fn keywords(schema: &str, name: &str) -> Option<Value> {
    let line = |max: usize, example| json!({"minLength": 1, "maxLength": max, "pattern": LINE, "example": example});
    let number = |max: u64, example| json!({"minimum": 1, "maximum": max, "example": example});
    let secret = || json!({"minLength": 43, "maxLength": 43, "pattern": SECRET});
    Some(match name {
        "username" => line(Username::MAX_GRAPHEMES, "Ann"),
        "name" => line(ChatName::MAX_GRAPHEMES, "Film night"),
        "label" => line(InviteLabel::MAX_GRAPHEMES, "For the family"),
        "alias" => json!({"example": "Film night"}),
        "text" | "message" | "content" => {
            let max = MessageText::MAX_GRAPHEMES;
            json!({"minLength": 1, "maxLength": max, "pattern": VISIBLE, "example": "Shall we start?"})
        }
        "password" => json!({
            "minLength": Password::MIN_GRAPHEMES, "maxLength": Password::MAX_BYTES,
            "pattern": "^[ -~\\p{L}\\p{N}\\p{S}]+$", "example": "correct horse",
        }),
        "key" | "token" | "recovery_code" => secret(),
        "approval_status" => json!({"enum": [true]}),
        "capacity" if schema == "NewChatroom" => number(Admission::Open.rules().max_capacity.into(), 10),
        "capacity" => number(Admission::Account.rules().max_capacity.into(), 10),
        "history" => number(Settings::MAX_HISTORY.into(), 100),
        "max_uses" => number(InviteTerms::MAX_USES.into(), 5),
        "expires_in" => number(InviteTerms::MAX_LIFETIME.as_secs(), 3_600),
        "after" => json!({"maximum": u64::MAX, "format": "uint64", "example": 0}),
        "members" if schema.is_empty() => json!({"enum": ["stay", "go"], "default": "stay"}),
        "invite" if schema.is_empty() => json!({"enum": ["keep", "revoke"], "default": "keep"}),
        "Idempotency-Key" => json!({"minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY, "pattern": "^[!-~]+$"}),
        _ => return None,
    })
}
