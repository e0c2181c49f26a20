//! Requests to join, which an owner decides.

use gloo_net::http::Method;
use leptos::prelude::*;
use uuid::Uuid;

use super::api::{ApiResult, ChatApi, in_time};
use super::conversation::Conversation;
use crate::app::texts;
use crate::domain::Decision;
use crate::wire::{Code, DecideKnock, Knock, KnockList, Problem};

impl ChatApi {
    pub(crate) async fn list_knocks(&self) -> ApiResult<KnockList> {
        self.get("/knocks").await
    }

    pub(crate) async fn decide_knock(&self, knock_id: Uuid, decision: Decision) -> ApiResult<()> {
        let path = format!("/knocks/{knock_id}");
        in_time(self.call(Method::POST, &path, Some(&DecideKnock { decision }))).await.map(drop)
    }

    /// Withdraws a knock. The token must be the knock's ticket.
    pub(crate) async fn withdraw_knock(&self, knock_id: Uuid) -> ApiResult<()> {
        self.execute(Method::DELETE, &format!("/knocks/{knock_id}")).await
    }
}

impl Conversation {
    pub(super) async fn load_knocks(self) {
        let Some(api) = self.api() else { return };
        if let Ok(list) = api.list_knocks().await {
            self.show_knocks(list.knocks);
        }
    }

    /// Shows the waiting guests, and alerts the owner if one of them is new.
    pub(super) fn show_knocks(self, waiting: Vec<Knock>) {
        let new = self.knocks.try_with_untracked(|shown| {
            let is_new = |knock: &&Knock| shown.iter().all(|known| known.knock_id != knock.knock_id);
            waiting.iter().rfind(is_new).cloned()
        });
        if let Some(Some(knock)) = new {
            self.alert(&texts::knocks::wants_to_join(&knock.username), true);
        }
        if self.knocks.try_with_untracked(|shown| *shown != waiting) == Some(true) {
            self.knocks.try_set(waiting);
        }
    }

    /// Approves or declines a knock.
    pub(crate) async fn decide(self, knock_id: Uuid, decision: Decision) -> Result<(), Problem> {
        let Some(api) = self.api() else { return Ok(()) };
        match api.decide_knock(knock_id, decision).await {
            // The knock was decided or withdrawn meanwhile, so it is gone either way.
            Err(problem) if problem.code != Code::NotFound => return Err(problem),
            _ => {}
        }
        self.forget_knock(knock_id);
        Ok(())
    }

    pub(super) fn forget_knock(self, knock_id: Uuid) {
        self.knocks.try_update(|knocks| knocks.retain(|knock| knock.knock_id != knock_id));
    }
}
