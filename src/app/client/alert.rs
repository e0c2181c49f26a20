//! What reaches people while they do not see the page: a sound, a notification.

use uuid::Uuid;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AudioContext, Notification, NotificationOptions, NotificationPermission};

use super::{browser, storage};

/// Two short notes, in hertz, and how long each takes, in seconds.
const NOTES: [f32; 2] = [659.0, 880.0];
const NOTE: f64 = 0.12;
/// How loud it is, of 1.
const VOLUME: f32 = 0.08;

/// Tells of something in a chat in the ways that were chosen: what is urgent sounds even while the
/// page is seen.
pub(crate) fn tell(chat_name: Option<&str>, what: &str, chat_id: Uuid, is_urgent: bool) {
    let alerts = storage::alerts();
    let is_hidden = browser::is_hidden();
    if alerts.sound && (is_hidden || is_urgent) {
        sound();
    }
    if alerts.notification && is_hidden {
        notify(chat_name.unwrap_or("Watch Party"), what, &chat_id.to_string());
    }
}

/// Plays the sound; a browser that allows none stays silent.
pub(crate) fn sound() {
    let _ = try_sound();
}

fn try_sound() -> Result<(), wasm_bindgen::JsValue> {
    let audio = AudioContext::new()?;
    let volume = audio.create_gain()?;
    volume.gain().set_value(VOLUME);
    volume.connect_with_audio_node(&audio.destination())?;
    let mut at = audio.current_time();
    for pitch in NOTES {
        let note = audio.create_oscillator()?;
        note.frequency().set_value(pitch);
        note.connect_with_audio_node(&volume)?;
        note.start_with_when(at)?;
        at += NOTE;
        note.stop_with_when(at)?;
    }
    Ok(())
}

/// Asks the one in front of the screen, unless they have decided before.
pub(crate) async fn ask_permission() -> bool {
    let Ok(asked) = Notification::request_permission() else { return false };
    let _ = JsFuture::from(asked).await;
    Notification::permission() == NotificationPermission::Granted
}

/// Shows that something has happened in `chat`, never what was said. Notifications of one `tag` take
/// each other's place.
fn notify(chat: &str, what: &str, tag: &str) {
    let options = NotificationOptions::new();
    options.set_body(what);
    options.set_tag(tag);
    options.set_icon("assets/icon.svg");
    let _ = Notification::new_with_options(chat, &options);
}
