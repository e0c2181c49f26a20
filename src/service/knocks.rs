//! Knocks: listed, decided, watched, withdrawn.

use super::watch::Watcher;
use super::{Caller, Result, Seat, Service, seen};
use crate::domain::{
    Chat, ChatId, Command, Decision, Knock, KnockId, Member, Randomness, Refusal, SessionToken, Ticket, TicketDigest,
    Timestamp,
};

/// A knock as the one who knocked sees it.
#[derive(Debug)]
pub struct KnockView {
    pub knock: Knock,
    /// The seat of one who was let in, as long as its session is the one that came of the knock.
    pub seat: Option<Seat>,
}

impl Service {
    /// Those who wait to be let in, longest-waiting first; the owner's right.
    pub async fn list_knocks(&self, chat_id: ChatId, token: &SessionToken) -> Result<Vec<Knock>> {
        let by = token.digest();
        self.query(chat_id, |state, now| {
            let owner = state.chat.authenticate_owner(by, now)?;
            state.touch_presence(owner.id, now);
            Ok(state.chat.waiting_knocks(now).cloned().collect())
        })
        .await
    }

    /// Lets someone in who waits, or does not; the owner's right.
    pub async fn decide_knock(
        &self,
        chat_id: ChatId,
        token: &SessionToken,
        knock_id: KnockId,
        decision: Decision,
    ) -> Result<Knock> {
        let command = Command::DecideKnock { by: token.digest(), knock_id, decision };
        self.execute(chat_id, command, Randomness::NONE).await?;
        self.query(chat_id, |state, _| {
            let knock = state.chat.knocks().iter().find(|knock| knock.id == knock_id);
            knock.cloned().ok_or(Refusal::NotFound("knock"))
        })
        .await
    }

    /// How a knock stands, for the one who holds its ticket.
    pub async fn show_knock(&self, chat_id: ChatId, knock_id: KnockId, ticket: &Ticket) -> Result<KnockView> {
        let digest = ticket.digest();
        let (knock, member) =
            self.query(chat_id, |state, now| knock_and_member(&state.chat, knock_id, digest, now)).await?;
        Ok(knock_view(knock, member, ticket))
    }

    /// The same, each time it has changed.
    pub async fn watch_knock(
        &self,
        caller: Caller,
        chat_id: ChatId,
        knock_id: KnockId,
        ticket: &Ticket,
    ) -> Result<Watcher<(Knock, Option<Member>)>> {
        let digest = ticket.digest();
        self.watch(caller, chat_id, move |chat, now| knock_and_member(chat, knock_id, digest, now)).await
    }

    /// Gives up a knock.
    pub async fn withdraw_knock(&self, chat_id: ChatId, knock_id: KnockId, ticket: &Ticket) -> Result<()> {
        let command = Command::WithdrawKnock { ticket: ticket.digest(), knock_id };
        self.execute(chat_id, command, Randomness::NONE).await.map(drop)
    }
}

/// What the one with `ticket` sees of a knock and of the member that came of it.
#[must_use]
pub fn knock_view(knock: Knock, member: Option<Member>, ticket: &Ticket) -> KnockView {
    let token = ticket.session(&knock.salt);
    // Who was let in by a credential of their own has no other token.
    let member = member.filter(|_| token.digest() == knock.session);
    KnockView { seat: member.map(|member| Seat { token, member }), knock }
}

fn knock_and_member(
    chat: &Chat,
    knock_id: KnockId,
    ticket: TicketDigest,
    now: Timestamp,
) -> Result<(Knock, Option<Member>), Refusal> {
    let knock = chat.knock(knock_id, ticket, now)?;
    let member = chat.member_by_knock(knock, now).map(|member| seen(chat, member, now));
    Ok((knock.clone(), member))
}
