//! The doctor's own chat: made for the checks of posts and streams, and ended after them.

use axum::http::header::ORIGIN;
use axum::http::{Method, StatusCode};
use serde_json::json;

use super::addresses::problem_code;
use super::report::{Check, Finding};
use crate::cli::client::{Answer, Client, Error};
use crate::wire::{Code, Created, Problem};

/// The longest message: 655 clusters of 25 bytes, of the 16 KiB that a text may have.
const LARGE_TEXT: (&str, usize) = ("👨‍👩‍👧‍👦", 655);

/// The chat, and the doctor's seat in it.
pub(super) struct OwnChat {
    path: String,
    token: String,
}

impl OwnChat {
    /// Creates the chat as a page of the site does.
    ///
    /// # Errors
    /// The finding if there is no chat.
    pub(super) async fn create(client: &Client) -> Result<Self, Finding> {
        let body = json!({ "username": "Doctor", "name": "Checked by watch-party doctor" }).to_string();
        let call = client.post("/create").header(ORIGIN, &client.site.origin()).body("application/json", body);
        let answer = call.send().await.map_err(|error| refused(&format!("POST /create: {error}")))?;
        match serde_json::from_slice::<Created>(answer.body()) {
            Ok(created) if answer.status() == StatusCode::CREATED => {
                Ok(Self { path: format!("/{}", created.chat_id), token: created.session_token })
            }
            _ => Err(refused(&format!("POST /create gets {}", explained(&answer)))),
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Posts `text`.
    pub(super) async fn post(&self, client: &Client, text: String) -> Result<Answer, Error> {
        client.post(&self.path).bearer(&self.token).body("text/plain", text).send().await
    }

    /// Posts the longest message.
    pub(super) async fn post_large_text(&self, client: &Client) -> Result<Answer, Error> {
        let (cluster, count) = LARGE_TEXT;
        self.post(client, cluster.repeat(count)).await
    }

    /// Ends the chat.
    pub(super) async fn end(self, client: &Client) -> Finding {
        let answer = client.request(Method::DELETE, &self.path).bearer(&self.token).send().await;
        judge_end(answer.map(|answer| (answer.status(), explained(&answer))))
    }
}

fn refused(problem: &str) -> Finding {
    Check::OwnChat.fault(format!("The doctor cannot create a chat: {problem}."))
}

/// The answer's status, and what the program says about it.
fn explained(answer: &Answer) -> String {
    match serde_json::from_slice::<Problem>(answer.body()) {
        Ok(problem) => format!("{}: {}", answer.status(), problem.detail.trim_end_matches('.')),
        Err(_) => answer.status().to_string(),
    }
}

fn judge_end(answer: Result<(StatusCode, String), Error>) -> Finding {
    let check = Check::OwnChat;
    let problem = match answer {
        Ok((StatusCode::NO_CONTENT, _)) => return check.fine("The doctor created a chat, and ended it."),
        Ok((_, explained)) => format!("gets {explained}"),
        Err(error) => format!("fails: {error}"),
    };
    check
        .fault(format!("The doctor cannot end its chat: DELETE {problem}. The server deletes the chat by itself."))
        .nginx("remove limit_except, or name DELETE and PATCH in it")
        .caddy("remove the method matcher, or name DELETE and PATCH in it")
}

pub(super) fn judge_large_post(status: StatusCode, body: &[u8]) -> Finding {
    let check = Check::LargePost;
    match (status, problem_code(body)) {
        (StatusCode::CREATED, _) => check.fine("A message of 16 KiB arrives."),
        (StatusCode::PAYLOAD_TOO_LARGE, None) => check
            .fault("The proxy refuses a message of 16 KiB with 413.")
            .nginx("client_max_body_size 64k;")
            .caddy("request_body { max_size 64KB }"),
        (_, Some(Code::TooManyRequests)) => check.skipped("The server limits this machine's posts at the moment."),
        _ => check.fault(format!("A message of 16 KiB gets {status}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::report::Verdict;
    use crate::domain::MessageText;

    #[test]
    fn the_large_text_is_the_longest_message() {
        let (cluster, count) = LARGE_TEXT;
        assert!(MessageText::parse(&cluster.repeat(count)).is_ok());
        assert!(MessageText::parse(&cluster.repeat(count + 1)).is_err());
    }

    #[test]
    fn a_413_of_the_proxy_is_a_fault() {
        for (status, verdict) in [
            (StatusCode::CREATED, Verdict::Fine),
            (StatusCode::PAYLOAD_TOO_LARGE, Verdict::Fault),
            (StatusCode::BAD_GATEWAY, Verdict::Fault),
        ] {
            assert_eq!(judge_large_post(status, b"<html>").verdict, verdict, "{status}");
        }
    }

    #[test]
    fn a_chat_that_cannot_be_ended_is_a_fault() {
        assert_eq!(judge_end(Ok((StatusCode::NO_CONTENT, String::new()))).verdict, Verdict::Fine);
        assert_eq!(judge_end(Ok((StatusCode::FORBIDDEN, "403".into()))).verdict, Verdict::Fault);
        assert_eq!(judge_end(Err(Error::Broken)).verdict, Verdict::Fault);
    }
}
