//! Alerts for users who do not see the page: a sound and a notification.

use uuid::Uuid;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AudioContext, Notification, NotificationOptions, NotificationPermission};

use super::{browser, storage};

/// The pitches of the two notes, in hertz, and the length of each, in seconds.
const NOTES: [f32; 2] = [659.0, 880.0];
const NOTE: f64 = 0.12;
/// The volume, from 0 to 1.
const VOLUME: f32 = 0.08;

/// Alerts the user to an event in a chat, in the ways that they have chosen. Urgent alerts play the sound even while
/// the page is visible.
pub(crate) fn alert_user(chat_name: Option<&str>, what: &str, chat_id: Uuid, is_urgent: bool) {
    let alerts = storage::alerts();
    let is_hidden = browser::is_hidden();
    if alerts.sound && (is_hidden || is_urgent) {
        sound();
    }
    if alerts.notification && is_hidden {
        notify(chat_name.unwrap_or("Watch Party"), what, &chat_id.to_string());
    }
}

/// Plays the sound, if the browser allows it.
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

/// Asks the user for permission to show notifications, unless they have already decided. Returns whether it is granted.
pub(crate) async fn ask_permission() -> bool {
    let Ok(asked) = Notification::request_permission() else { return false };
    let _ = JsFuture::from(asked).await;
    Notification::permission() == NotificationPermission::Granted
}

/// Shows a notification about `chat`, never the text of a message. It replaces an earlier notification with the same
/// `tag`.
fn notify(chat: &str, what: &str, tag: &str) {
    let options = NotificationOptions::new();
    options.set_body(what);
    options.set_tag(tag);
    options.set_icon("assets/icon.svg");
    let _ = Notification::new_with_options(chat, &options);
}
