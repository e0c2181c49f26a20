//! The forms that start and join chats. The browser sends them to the server until the page is hydrated, and the page
//! sends them afterwards. Both use what is here: how a form is read, and what the browser does with the answer.

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use serde::Serialize;
use uuid::Uuid;

use super::client::storage::{Change, SavedChat, SavedKnock};
use super::client::{browser, json};
use super::notice::Notice;
use super::server_fns::Started;
use super::texts;
use crate::domain::{Admission, AdmissionRules, PublicAccess};
use crate::wire::addresses;
use crate::wire::chat_app::NewChatroom;
use crate::wire::{Code, CreateChat, Entered, Joined, Problem};

/// The chat that the form of the home page describes.
#[allow(missing_debug_implementations)] // keeps the password out of logs
pub enum NewChatForm {
    /// An open chat, which its creator enters like everyone else.
    Open(NewChatroom),
    Owned(CreateChat),
}

impl NewChatForm {
    /// Reads the form. `field` returns the value of a field; `None` if the browser sends no such field.
    ///
    /// # Errors
    /// A problem about the field that is not a whole number.
    pub fn read(field: impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let text = |name| field(name).unwrap_or_default();
        let (capacity, history) = (number_in(&field, "capacity")?, number_in(&field, "history")?);
        let admission = match &*text("admission") {
            "" => Admission::default(),
            name => admission_named(name)
                .ok_or_else(|| Problem::new(Code::InvalidRequest, texts::home::UNKNOWN_ADMISSION))?,
        };
        let (rules, name) = (admission.rules(), text("name"));
        if rules.is_open {
            return Ok(Self::Open(NewChatroom { name, capacity, history }));
        }
        let is_public = field("public_access").is_some();
        let public_access = if is_public { PublicAccess::Read } else { PublicAccess::None };
        Ok(Self::Owned(CreateChat {
            username: Some(text("username")),
            name: Some(name).filter(|name| !name.trim().is_empty()),
            admission: Some(admission),
            capacity,
            history,
            public_access: rules.has_accounts.then_some(public_access),
            password: rules.has_accounts.then(|| text("password")),
        }))
    }
}

/// Returns the number in the field `name`; `None` if the field is empty.
///
/// # Errors
/// A problem about the field if its text is not a whole number.
pub(super) fn number_in(field: impl Fn(&str) -> Option<String>, name: &str) -> Result<Option<u32>, Problem> {
    let text = field(name).unwrap_or_default();
    let number = Some(text.trim()).filter(|text| !text.is_empty()).map(str::parse).transpose();
    number.map_err(|_| Problem::new(Code::InvalidRequest, texts::field::NOT_A_NUMBER).about_field(name))
}

pub(super) fn admission_named(name: &str) -> Option<Admission> {
    Admission::ALL.into_iter().find(|admission| admission.rules().name == name)
}

/// Returns the names of the kinds of admission whose rules pass `test`, separated by spaces.
pub(super) fn admissions(test: impl Fn(AdmissionRules) -> bool) -> String {
    let names = Admission::ALL.into_iter().map(Admission::rules).filter(|rules| test(*rules)).map(|rules| rules.name);
    names.collect::<Vec<_>>().join(" ")
}

/// What the browser does once a form is answered: it changes the data that it stores, then opens another page.
#[derive(Clone, Serialize)]
#[allow(missing_debug_implementations)] // keeps the session token out of logs
pub struct NextPage {
    changes: Vec<Change>,
    /// Relative to the site's root, with a slash at its start. It may contain a key, in its fragment.
    pub address: String,
}

impl NextPage {
    /// For the creator of an open chat.
    #[must_use]
    pub fn open_chat(chat_id: Uuid) -> Self {
        Self { changes: Vec::new(), address: addresses::chatroom(chat_id) }
    }

    /// For the creator of any other chat.
    #[must_use]
    pub fn started(started: Started, name: Option<String>, admission: Option<Admission>) -> Self {
        let Started { chat_id, key, recovery_code, seat } = started;
        let saved = SavedChat { recovery_code: Some(recovery_code), admission, ..SavedChat::new(seat, name, key) };
        let (username, address) = (Change::remember_username(&saved.username), saved.page(chat_id));
        Self { changes: vec![username, Change::save_chat(chat_id, saved)], address }
    }

    /// The guest has redeemed the invite with `key`: the next page is the chat, or the join page that waits for an owner.
    #[must_use]
    pub fn entered(entered: Entered, chat_id: Uuid, key: String, chat_name: Option<String>) -> Self {
        match entered {
            Entered::Seated(seat) => Self::seated(seat, chat_id, key, chat_name),
            Entered::Knocked(knock) => Self {
                address: addresses::join(chat_id, &key),
                changes: vec![Change::save_knock(chat_id, SavedKnock { knock, key })],
            },
        }
    }

    pub(super) fn seated(seat: Joined, chat_id: Uuid, key: String, chat_name: Option<String>) -> Self {
        let saved = SavedChat::new(seat, chat_name, Some(key));
        let changes = vec![
            Change::forget_knock(chat_id),
            Change::remember_username(&saved.username),
            Change::save_chat(chat_id, saved),
        ];
        Self { changes, address: addresses::chat(chat_id) }
    }

    /// The visitor opened a magic link that lacks its key.
    #[must_use]
    pub fn without_key() -> Self {
        Self { changes: Vec::new(), address: Notice::InviteNeeded.home() }
    }

    /// For a guest whom the server refuses; `None` if the join page itself should show the problem. `notice` is the one
    /// in the page's address.
    #[must_use]
    pub fn refused(problem: &Problem, chat_id: Uuid, key: &str, notice: Option<&str>) -> Option<Self> {
        let address = match Notice::of(problem)? {
            Notice::ChatFull => Notice::home_to_wait(chat_id, key),
            // If the link was revoked when its guest was removed, the removal is the better reason to show.
            Notice::InvalidInvite if notice == Some(Notice::Removed.name()) => Notice::Removed.home(),
            notice => notice.home(),
        };
        Some(Self { changes: Vec::new(), address })
    }

    /// The script of [`NextPage::document`].
    pub const SCRIPT: &'static str = include_str!("next_page.js");

    /// Returns an HTML document that does this. `relative_root` is the way from the document's address to the site's
    /// root.
    #[must_use]
    pub fn document(&self, relative_root: &str) -> String {
        let next = script_json(self);
        let (title, text, failed) = (texts::WATCH_PARTY, texts::OPENING_CHAT, texts::hydration::NOT_STORED);
        let unscripted = texts::hydration::UNSCRIPTED;
        format!(
            "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
             <base href=\"{relative_root}\"><meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"assets/icon.svg\">\
             <p id=\"opening\">{text}</p><p id=\"failed\" role=\"alert\" hidden>{failed}</p>\
             <noscript>{unscripted}</noscript>\
             <script type=\"application/json\" id=\"next\">{next}</script><script>{}</script></html>",
            Self::SCRIPT
        )
    }

    /// Changes the stored data. The caller then opens the page.
    pub(super) fn apply_changes(&self) {
        self.changes.iter().for_each(Change::apply);
    }
}

/// Returns the problem as the join page shows it.
#[must_use]
pub fn join_problem(problem: Problem) -> Problem {
    if problem.code == Code::UsernameTaken { problem.about_field("username") } else { problem }
}

/// A form that the server has refused. The server then renders its page with the problem and with what the user typed.
#[derive(Clone, Debug)]
pub struct RefusedForm {
    pub problem: Problem,
    /// The fields and their values, without secrets.
    pub fields: Vec<(String, String)>,
}

/// Returns the problem with which the server rendered this page.
pub(super) fn initial_problem() -> Option<Problem> {
    if is_browser() {
        // The first render must be the server's.
        return browser::take_text(REFUSAL).and_then(|text| json::read(&text));
    }
    use_context().map(|RefusedForm { problem, .. }| problem)
}

/// The id of the element with the problem of a refused form, as JSON.
const REFUSAL: &str = "refusal";

/// Returns the element from which [`initial_problem`] reads the problem of a refused form, if there is one.
pub(super) fn refusal_element() -> Option<impl IntoView> {
    let RefusedForm { problem, .. } = use_context()?;
    Some(view! { <script type="application/json" id=REFUSAL nonce=use_nonce()>{script_json(&problem)}</script> })
}

/// Returns JSON that can stand in a script element, which `<` could end.
fn script_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it has a JSON form").replace('<', "\\u003c")
}

/// Returns what the user typed into a field, while the server renders a refused form. Hydration leaves the fields as
/// they are.
pub(super) fn typed(name: &str) -> Option<String> {
    let RefusedForm { fields, .. } = use_context()?;
    fields.into_iter().find_map(|(field, value)| (field == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<NewChatForm, Problem> {
        NewChatForm::read(|name| fields.iter().find(|(field, _)| *field == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn empty_optional_fields_are_left_out() {
        let fields = [("username", "Ann"), ("name", " "), ("admission", "link"), ("capacity", ""), ("password", "x")];
        let Ok(NewChatForm::Owned(chat)) = read(&fields) else { panic!("not a chat with an owner") };
        assert_eq!((chat.name, chat.capacity, chat.history), (None, None, None));
        assert_eq!((chat.public_access, chat.password), (None, None), "only accounts have passwords");
    }

    #[test]
    fn a_checked_box_lets_anyone_read_a_chat_with_accounts() {
        let fields = [("username", "Ann"), ("admission", "account"), ("password", "long enough")];
        let Ok(NewChatForm::Owned(chat)) = read(&fields) else { panic!("not a chat with an owner") };
        assert_eq!(chat.public_access, Some(PublicAccess::None));
        let Ok(NewChatForm::Owned(chat)) = read(&[&fields[..], &[("public_access", "on")]].concat()) else {
            panic!("not a chat with an owner")
        };
        assert_eq!((chat.public_access, chat.password.as_deref()), (Some(PublicAccess::Read), Some("long enough")));
    }

    #[test]
    fn an_open_chat_has_no_creator_and_numbers_must_be_numbers() {
        assert!(matches!(read(&[("admission", "open"), ("name", "Lobby")]), Ok(NewChatForm::Open(_))));
        let problem = read(&[("capacity", "six")]).err().unwrap();
        assert_eq!(problem.field.as_deref(), Some("capacity"));
    }
}
