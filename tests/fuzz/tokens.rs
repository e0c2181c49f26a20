//! Secrets, ids and idempotency keys.

use uuid::Uuid;
use watch_party::domain::{
    BrowserToken, ChatId, ClientId, InviteId, InviteKey, KnockId, MemberId, RecoveryCode, SessionId, SessionToken,
    Ticket,
};

use crate::inputs::Target;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const ID: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

macro_rules! check_secret {
    ($text:expr, $($secret:ty)*) => {$(
        if let Some(secret) = <$secret>::parse($text) {
            assert_eq!(secret.reveal(), $text.trim(), "two texts are one secret");
            assert_eq!(secret.reveal().len(), 43);
            assert!(<$secret>::parse(&secret.reveal()).unwrap().digest() == secret.digest());
            assert_eq!(format!("{secret:?} {:?}", secret.digest()), "Secret(…) Digest(…)");
        }
    )*};
}

#[test]
fn secrets() {
    let examples = [KEY.as_bytes().to_vec()];
    Target::new("secrets", 400).words(["A", "_", "-", "=", "+", "/", " ", KEY]).examples(examples).check_text(|text| {
        check_secret!(text, SessionToken InviteKey Ticket RecoveryCode BrowserToken);
    });
}

macro_rules! check_id {
    ($text:expr, $($id:ty)*) => {$(
        let uuid = Uuid::parse_str($text).ok();
        let id = $text.parse::<$id>().ok();
        assert_eq!(id.map(|id| id.as_uuid()), uuid, "{:?} is another id", stringify!($id));
        if let Some(id) = id {
            let written = id.to_string();
            assert_eq!((written.len(), written.parse::<$id>().unwrap()), (36, id));
            assert_eq!(written, written.to_ascii_lowercase());
        }
    )*};
}

#[test]
fn ids() {
    let examples = [ID, "{8e03978e-40d5-43dd-bc93-6894a57f9324}", "urn:uuid:8e03978e-40d5-43dd-bc93-6894a57f9324"];
    let examples = examples.map(|text| text.as_bytes().to_vec());
    Target::new("ids", 400).words(["-", "{", "}", "0", "f", "F", ID]).examples(examples).check_text(|text| {
        check_id!(text, ChatId MemberId SessionId InviteId KnockId ClientId);
    });
}

#[test]
fn idempotency_keys() {
    let examples = [ID.as_bytes().to_vec(), b"\"order-66\"".to_vec()];
    Target::new("idempotency_keys", 400).words(["\"", " ", "order-66", ID]).examples(examples).check_text(|key| {
        let id = ClientId::from_idempotency_key(key);
        let bare = key.trim().trim_matches('"');
        assert_eq!(ClientId::from_idempotency_key(&format!(" \"{bare}\" ")), id, "quotes make another key");
        match Uuid::parse_str(bare) {
            Ok(uuid) => assert_eq!(id.as_uuid(), uuid),
            // Derived ids have a version of their own, so they never equal a random UUID.
            Err(_) => assert_eq!(id.as_uuid().get_version_num(), 8),
        }
    });
}
