//! JSON bodies, of requests and of answers, and the times in them.

use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;
use watch_party::app::server_fns::{InvitePreview, Started};
use watch_party::domain::{Refusal, Timestamp};
use watch_party::wire::{self, Problem, chat_app, flask, silly};

use crate::document::operations;
use crate::inputs::Target;

const ID: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

/// Answers of the server, with every field that any of them has.
fn answers() -> Vec<Vec<u8>> {
    let time = "2026-11-21T00:53:41.042Z";
    let member = format!(r#"{{"member_id":"{ID}","username":"Ann","role":"owner","since":"{time}"}}"#);
    let message =
        format!(r#"{{"id":7,"member_id":"{ID}","username":"Ann","text":"Hi","sent_at":"{time}","client_id":"{ID}"}}"#);
    let invite = format!(
        r#""invite_id":"{ID}","label":"x","max_uses":5,"uses":1,"expires_at":"{time}","asks_first":true,"by_address":false"#
    );
    let knock = format!(
        r#"{{"knock_id":"{ID}","username":"Bob","invite_id":"{ID}","knocked_at":"{time}","status":"pending","expires_at":"{time}"}}"#
    );
    [
        format!(r#"{{"chat_id":"{ID}","session_token":"x","expires_at":"{time}","member":{member},"recovery_code":"y","invite":{{"key":"k","magic_link":"m",{invite}}}}}"#),
        format!(r#"{{"knock_id":"{ID}","ticket":"t","status":"approved","expires_at":"{time}","session":{{"session_token":"x","expires_at":"{time}","member":{member}}}}}"#),
        format!(r#"{{"messages":[{message}],"last_id":7,"missed":0}}"#),
        format!(r#"{{"type":"message","message":{message}}}"#),
        format!(r#"{{"type":"member_joined","member":{member}}}"#),
        format!(r#"{{"type":"knocked","knock":{knock}}}"#),
        format!(r#"{{"type":"member_left","member_id":"{ID}","reason":"expired","username":"Bob","role":"guest"}}"#),
        format!(r#"{{"type":"opened","last_id":7,"missed":0,"knock_id":"{ID}","status":"declined"}}"#),
        format!(r#"{{"invites":[{{{invite},"members":[{member}]}}],"knocks":[{knock}],"members":[],"capacity":6,"history":30,"admission":"link"}}"#),
        format!(r#"{{"sessions":[{{"session_id":"{ID}","started_at":"{time}","expires_at":"{time}","current":true}}]}}"#),
        format!(r#"{{"messages":3,"history":30,"oldest_sent_at":"{time}","members":2,"forgotten_at":"{time}","free":1}}"#),
        r#"{"status":429,"title":"Too many requests","detail":"Wait.","code":"too_many_requests","field":"x","retry_after":3}"#.to_owned(),
        format!(r#"{{"name":"n","hash_key":"{ID}","url":"u","content":"c","timestamp":"{time}","id":1,"token":"t"}}"#),
        format!(r#"{{"link_url":"l","approval_status":"True","author_id":"{ID}","client_id":"{ID}","chat_url":"c","message":"m"}}"#),
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn words() -> Vec<String> {
    let structure = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1e400",
        "18446744073709551616",
        "6.0",
    ];
    let values = ["\\u0000", "\\ud83d", "\"2026-11-21T00:53:41.042Z\"", "\"9999-12-31T23:59:59-23:59\"", "\"\""];
    let fields = operations().into_iter().flat_map(|operation| operation.fields.into_keys());
    let fields = fields.map(|name| format!("\"{name}\":"));
    let plain = structure.into_iter().chain(values).map(str::to_owned);
    plain.chain(fields).chain([format!("\"{ID}\"")]).collect()
}

/// Checks that what is read is written and read again without a change.
fn check_kept<T: DeserializeOwned + Serialize>(value: &Value) {
    let Ok(read) = T::deserialize(value) else { return };
    let written = serde_json::to_value(&read).unwrap();
    let again: T = T::deserialize(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(serde_json::to_value(&again).unwrap(), written);
}

macro_rules! check_kept {
    ($value:expr, $($body:ty)*) => { $(check_kept::<$body>($value);)* };
}

/// Checks that a request's fields are valid, or refused with a sentence about one of them.
fn check_parsed<T: DeserializeOwned, P>(value: &Value, parse: impl FnOnce(&T) -> Result<P, Refusal>) {
    let Ok(body) = T::deserialize(value) else { return };
    if let Err(refusal) = parse(&body) {
        let problem = Problem::from(&refusal);
        assert!([403, 422].contains(&problem.status) && problem.detail.ends_with('.'), "{problem:?}");
        assert!(problem.field.is_none_or(|field| value.get(&field).is_some()), "{refusal:?}");
    }
}

#[test]
fn json_bodies() {
    Target::new("json_bodies", 200).words(words()).examples(answers()).check(|json| {
        let Ok(value) = serde_json::from_slice::<Value>(json) else { return };
        check_kept!(&value, wire::CreateChat wire::JoinChat wire::CreateInvite wire::DecideKnock wire::PostMessage);
        check_kept!(&value, wire::ChangeMember wire::Recover wire::Created wire::Entered wire::Joined wire::OwnSeat);
        check_kept!(&value, wire::OwnSessions wire::Session wire::RecoveryCode wire::Recovered wire::Preview);
        check_kept!(&value, wire::Retention wire::Invite wire::InviteList wire::KnockList wire::KnockState);
        check_kept!(&value, wire::KnockUpdate wire::Knocked wire::Seats wire::LiveEvent wire::MemberList);
        check_kept!(&value, wire::Messages wire::Message Problem wire::Health Started InvitePreview);
        check_kept!(&value, chat_app::BrowserSession chat_app::OwnName chat_app::NewChatroom chat_app::Chatroom);
        check_kept!(&value, chat_app::ChatroomMessages chat_app::ChatroomPostBody silly::NewChat silly::Conversation);
        check_kept!(&value, silly::Link silly::Exchange silly::GuestRequest flask::Room flask::Outcome flask::Login);
        check_parsed(&value, wire::CreateChat::parse);
        check_parsed(&value, wire::JoinChat::parse);
        check_parsed(&value, wire::CreateInvite::parse);
        check_parsed(&value, wire::PostMessage::parse);
        check_parsed(&value, wire::Recover::parse);
        check_parsed(&value, chat_app::NewChatroom::parse);
        // These are only read.
        drop(silly::ChatTerms::deserialize(&value));
        drop(silly::NewMessage::deserialize(&value));
        drop(silly::NewLink::deserialize(&value));
        drop(silly::ApproveGuest::deserialize(&value));
        drop(flask::Credentials::deserialize(&value));
    });
}

#[test]
fn times() {
    let examples = ["2026-11-21T00:53:41.042Z", "9999-12-31T23:59:59.999999999-23:59", "0000-01-01T00:00:00+23:59"];
    let words = ["-", ":", "T", "t", "Z", "+", ".", "00", "23", "59", "60", "12", "31", "02", "29", "9999", "0000"];
    let target = Target::new("times", 400).words(words).examples(examples.map(|text| text.as_bytes().to_vec()));
    target.check_text(|text| {
        let Ok(time) = serde_json::from_value::<Timestamp>(Value::String(text.to_owned())) else { return };
        let written = time.to_string();
        assert!(written.ends_with('Z') && written.len() <= 24, "{written}");
        assert_eq!(serde_json::from_value::<Timestamp>(Value::String(written)).unwrap(), time, "of {text:?}");
        assert_eq!(time.since(time), std::time::Duration::ZERO);
    });
}

/// A time that a store has kept can be written, whatever it is.
#[test]
fn stored_times() {
    let target = Target::new("stored_times", 400).words(["-", "0", "1", "9", "253402300799999", "62167219200000"]);
    target.check_text(|text| {
        let Ok(millis) = text.parse() else { return };
        let time = Timestamp::from_millis(millis);
        let written = serde_json::to_value(time).unwrap();
        let read: Timestamp = serde_json::from_value(written).unwrap();
        let is_in_range = (-62_167_219_200_000..=253_402_300_799_999).contains(&millis);
        assert_eq!(read == time, is_in_range, "{millis} became {}", read.as_millis());
    });
}
