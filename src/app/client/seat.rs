//! This browser's seat and its sessions: renewing them, recovering the seat, giving it up.

use gloo_net::http::Method;
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

use super::api::{ApiResult, ChatApi, NOTHING};
use super::conversation::Conversation;
use super::storage::{self, SavedChat};
use super::waiting::retry_delay;
use super::{alert, api, browser};
use crate::app::texts;
use crate::domain::{Admission, AdmissionRules, RecoveryCode, Refusal, SessionToken};
use crate::wire::{self, Code, Joined, OwnSeat, OwnSession, OwnSessions, Problem, Recovered, Retention, Session};

/// How long the page counts as in use after the user did something on it, in milliseconds.
const IN_USE_FOR: f64 = 10.0 * 60_000.0;
/// The fraction of a session's lifetime after which it is renewed, if the page is in use.
const RENEW_AT_AGE: f64 = 0.5;
/// The fraction after which the user is warned: ten minutes before the end of six hours.
const WARN_AT_AGE: f64 = 1.0 - 10.0 / 360.0;
/// Minimum wait before a call is retried, in milliseconds.
const RETRY_EVERY: u32 = 2_000;
/// Minimum interval between attempts to renew the session, in milliseconds.
const RENEW_EVERY: f64 = 30_000.0;

impl ChatApi {
    pub(crate) async fn show_retention(&self) -> ApiResult<Retention> {
        self.get("/retention").await
    }

    pub(crate) async fn end_chat(&self) -> ApiResult<()> {
        self.execute(Method::DELETE, "").await
    }

    pub(crate) async fn show_seat(&self) -> ApiResult<OwnSeat> {
        self.get("/session").await
    }

    pub(crate) async fn renew_session(&self) -> ApiResult<Session> {
        self.fetch(Method::POST, "/session", NOTHING).await
    }

    pub(crate) async fn end_own_session(&self) -> ApiResult<()> {
        self.execute(Method::DELETE, "/session").await
    }

    pub(crate) async fn list_sessions(&self) -> ApiResult<OwnSessions> {
        self.get("/sessions").await
    }

    pub(crate) async fn end_session(&self, session_id: Uuid) -> ApiResult<()> {
        self.execute(Method::DELETE, &format!("/sessions/{session_id}")).await
    }

    pub(crate) async fn renew_recovery(&self) -> ApiResult<wire::RecoveryCode> {
        self.fetch(Method::POST, "/recovery", NOTHING).await
    }
}

impl Conversation {
    /// Leaves the chat, which frees this browser's seat.
    pub(crate) async fn leave(self) -> Result<(), Problem> {
        let (Some(api), Some(saved)) = (self.api(), self.saved()) else { return Ok(()) };
        self.give_up(api.remove_member(saved.member_id, false)).await
    }

    /// Ends this browser's session. The account's other sessions stay.
    pub(crate) async fn log_out(self) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        self.give_up(api.end_own_session()).await
    }

    /// Returns the account's sessions.
    pub(crate) async fn sessions(self) -> Result<Vec<OwnSession>, Problem> {
        let Some(api) = self.api() else { return Ok(Vec::new()) };
        Ok(api.list_sessions().await?.sessions)
    }

    /// Logs out another browser of this account. The owner's recovery code ends too, because that browser may have it.
    pub(crate) async fn end_session(self, session_id: Uuid) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        api.end_session(session_id).await?;
        self.remember(|saved| saved.recovery_code = None);
        Ok(())
    }

    /// Returns which data of the chat the server stores; `None` if this browser has no seat.
    pub(crate) async fn retention(self) -> Option<Result<Retention, Problem>> {
        Some(self.api()?.show_retention().await)
    }

    /// Ends the chat for everyone. Only an owner can.
    pub(crate) async fn end(self) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        self.give_up(api.end_chat()).await
    }

    async fn give_up(self, call: impl Future<Output = Result<(), Problem>>) -> Result<(), Problem> {
        self.is_leaving.try_set_value(true);
        let answer = call.await;
        if answer.is_err() {
            self.is_leaving.try_set_value(false);
        }
        answer
    }

    /// Changes the stored seat.
    pub(super) fn remember(self, change: impl FnOnce(&mut SavedChat)) {
        let Some(before) = self.saved() else { return };
        let mut saved = before.clone();
        change(&mut saved);
        if saved != before {
            storage::save_chat(self.chat_id, &saved);
            self.seat.try_set(Some(saved));
        }
    }

    /// Makes sure that this owner has a recovery code.
    pub(super) fn get_recovery_code(self) {
        let lacks_code = self.saved().is_some_and(|saved| saved.recovery_code.is_none() && !saved.is_borrowed);
        if !lacks_code || self.is_getting_code.try_get_value() != Some(false) {
            return;
        }
        self.is_getting_code.set_value(true);
        spawn_local(async move {
            // If this fails, the next load of the roster tries again.
            let _ = self.renew_recovery().await;
            let _ = self.is_getting_code.try_set_value(false);
        });
    }

    /// Gets a new recovery code for this owner, and stores it. The old code ends.
    pub(crate) async fn renew_recovery(self) -> Result<String, Problem> {
        let api = self.api().ok_or_else(api::unreachable)?;
        let code = api.renew_recovery().await?.recovery_code;
        self.remember(|saved| saved.recovery_code = Some(code.clone()));
        Ok(code)
    }

    /// Notes that the user did something on the page.
    pub(super) fn note_use(self) {
        self.last_use.try_set_value(browser::now());
    }

    /// Renews the session while the page is in use, and warns before it ends.
    pub(super) fn maintain_session(self, now: f64) {
        let Some(saved) = self.saved() else { return };
        let age = saved.age(browser::server_time());
        let warns = (WARN_AT_AGE..1.0).contains(&age);
        if self.ends_soon.try_get_untracked() != Some(warns) {
            self.ends_soon.try_set(warns);
        }
        let is_used = !browser::is_hidden() && now - self.last_use.get_value() < IN_USE_FOR;
        if (RENEW_AT_AGE..1.0).contains(&age)
            && is_used
            && !saved.is_borrowed
            && now - self.renewal_tried_at.get_value() >= RENEW_EVERY
        {
            self.renewal_tried_at.set_value(now);
            spawn_local(async move {
                // After a failure, this is tried again in [`RENEW_EVERY`] milliseconds.
                let _ = self.renew().await;
            });
        }
    }

    /// Renews the session for another whole lifetime.
    pub(crate) async fn renew(self) -> Result<(), Problem> {
        let SavedChat { token, .. } = self.saved().ok_or_else(api::unreachable)?;
        self.remember(|saved| saved.is_renewing = true);
        match ChatApi::new(self.chat_id, &token).renew_session().await {
            Ok(session) => {
                let now = browser::server_time();
                self.remember(|saved| saved.renew(session, now));
                self.ends_soon.try_set(false);
                Ok(())
            }
            // The server may have renewed it nevertheless.
            Err(problem) if api::is_transient(&problem) => Err(problem),
            Err(problem) => {
                self.remember(|saved| saved.is_renewing = false);
                storage::note_refused(self.chat_id, &token);
                Err(problem)
            }
        }
    }

    /// Recovers a seat that seems lost: the session may have been renewed although the answer was lost, and an owner
    /// has a recovery code. Retries while the server cannot be reached or asks to wait.
    ///
    /// # Errors
    /// Why the seat is lost.
    pub(crate) async fn recover_seat(self) -> Result<(), Problem> {
        // A refused token stays refused, unless a renewal got no answer: the server may have made that renewal.
        let may_renew = |saved: &SavedChat| !saved.is_borrowed && (!saved.is_refused || saved.is_renewing);
        if self.saved().as_ref().is_some_and(may_renew) && retry_transient(|| self.renew()).await.is_ok() {
            return Ok(());
        }
        let saved = self.saved().ok_or_else(|| Problem::from(Refusal::SessionRequired))?;
        let code = saved.recovery_code.clone().ok_or_else(|| Problem::from(Refusal::SessionExpired))?;
        match retry_transient(|| recover(self.chat_id, code.clone(), Some(&saved))).await {
            Ok(saved) => {
                self.seat.try_set(Some(saved));
                Ok(())
            }
            Err(problem) => {
                if problem.code == Code::InvalidRecovery {
                    // Another browser has used the code, or this member is no longer an owner.
                    self.remember(|saved| saved.recovery_code = None);
                }
                Err(problem)
            }
        }
    }

    /// Continues with the recovered seat.
    pub(crate) fn resume(self) {
        self.lost.try_set(None);
        self.ends_soon.try_set(false);
    }

    /// Returns how others join the chat, once that is known.
    pub(crate) fn admission(self) -> Option<Admission> {
        let from_roster = self.roster.with(|roster| roster.as_ref().map(|roster| roster.admission));
        from_roster.or_else(|| self.seat.with(|seat| seat.as_ref().and_then(|seat| seat.admission)))
    }

    /// Whether the rules of the chat's admission pass `test`; `false` until the admission is known.
    pub(crate) fn has_rule(self, test: impl FnOnce(AdmissionRules) -> bool) -> bool {
        self.admission().is_some_and(|admission| test(admission.rules()))
    }

    /// Alerts the user in the ways that they have chosen. Urgent alerts play the sound even while the page is visible.
    pub(super) fn alert(self, what: &str, is_urgent: bool) {
        let name = self.saved().and_then(|saved| saved.name);
        alert::alert_user(name.as_deref(), what, self.chat_id, is_urgent);
    }
}

/// Recovers an owner's seat with a recovery code, and stores it. `before` is the seat that this browser remembers.
pub(crate) async fn recover(chat_id: Uuid, code: String, before: Option<&SavedChat>) -> Result<SavedChat, Problem> {
    let own_name = before.map(|before| before.username.clone()).or_else(storage::username);
    // Someone may have taken the owner's name meanwhile.
    let other_name = texts::seat::numbered_owner(100.0 + browser::random_fraction() * 900.0);
    let names = own_name.into_iter().chain([texts::seat::OWNER.to_owned(), other_name]);
    let mut answer = Err(api::unreachable());
    for name in names {
        answer = api::recover(chat_id, code.clone(), name).await;
        if !answer.as_ref().is_err_and(|problem| problem.code == Code::UsernameTaken) {
            break;
        }
    }
    let Recovered { seat, recovery_code } = answer?;
    let name = before.and_then(|before| before.name.clone());
    let key = before.and_then(|before| before.key.clone());
    let saved = SavedChat {
        recovery_code: Some(recovery_code),
        admission: before.and_then(|before| before.admission),
        cursor: before.map_or(0, |before| before.cursor),
        ..SavedChat::new(seat, name, key)
    };
    storage::save_chat(chat_id, &saved);
    Ok(saved)
}

/// Repeats `call` while the server cannot be reached or asks to wait.
pub(crate) async fn retry_transient<T, F: Future<Output = Result<T, Problem>>>(
    call: impl Fn() -> F,
) -> Result<T, Problem> {
    retry_reporting(call, |_| ()).await
}

/// The same, and calls `on_wait` with the problem before each wait.
pub(crate) async fn retry_reporting<T, F: Future<Output = Result<T, Problem>>>(
    call: impl Fn() -> F,
    on_wait: impl Fn(Problem),
) -> Result<T, Problem> {
    loop {
        match call().await {
            Err(problem) if api::is_transient(&problem) => {
                let delay = retry_delay(&problem, RETRY_EVERY);
                on_wait(problem);
                delay.await;
            }
            answer => return answer,
        }
    }
}

/// Takes the seat whose token is made from `credential`, which other programs keep using. If its session has ended, an
/// owner's credential recovers that owner's seat.
pub(crate) async fn use_credential(chat_id: Uuid, credential: Uuid) -> Result<SavedChat, Problem> {
    match request_seat(chat_id, credential).await {
        Err(problem) if problem.status == 401 => {
            recover(chat_id, RecoveryCode::from_uuid(credential).reveal(), None).await
        }
        taken => taken,
    }
}

async fn request_seat(chat_id: Uuid, credential: Uuid) -> Result<SavedChat, Problem> {
    let token = SessionToken::from_uuid(credential).reveal();
    let OwnSeat { expires_at, member } = ChatApi::new(chat_id, &token).show_seat().await?;
    let seat = Joined { session_token: token, expires_at, member };
    let saved = SavedChat { is_borrowed: true, ..SavedChat::new(seat, None, None) };
    storage::save_chat(chat_id, &saved);
    Ok(saved)
}
