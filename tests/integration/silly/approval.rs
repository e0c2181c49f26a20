//! Approval of guests, and who can see and grant it.

use std::time::Duration;

use serde_json::json;

use super::{Link, chat, path, text_of, texts};
use crate::app::TestApp;

const UNKNOWN_ID: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

#[tokio::test]
async fn a_guest_sees_the_approval_status_before_and_after() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    assert!(!link.is_approved(&app, &guest).await);
    owned.approves(&link, None).await;
    assert!(link.is_approved(&app, &guest).await);
    // The credential in a header, and the URL escaped.
    let escaped = link.url.replace(':', "%3A").replace('/', "%2F");
    let call = app.get(format!("/v1/approval/?link_url={escaped}")).bearer(&guest);
    assert_eq!(call.await_status(200).await.json(), json!({"approval_status": true}));
    // The guest stays approved after the request itself is deleted.
    app.clock.advance(Duration::from_hours(1));
    assert!(link.is_approved(&app, &guest).await);
}

#[tokio::test]
async fn the_approval_status_is_shown_only_for_a_known_request() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    link.status(&app, UNKNOWN_ID).await_problem(404, "not_found").await;
    let missing = app.get(format!("/v1/approval/?client_id={UNKNOWN_ID}")).await_problem(422, "invalid_request").await;
    assert_eq!(missing["field"], "link_url");
    for query in ["&client_id=", "&client_id=nonsense"] {
        let call = app.get(format!("/v1/approval/?link_url={}{query}", link.url));
        assert_eq!(call.await_problem(422, "invalid_request").await["field"], "client_id");
    }
    assert!(owned.knocks().await.is_empty(), "checking the status creates no request");
}

#[tokio::test]
async fn approvals_without_a_client_id_follow_the_order_of_requests() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let mut guests = Vec::new();
    for _ in 0..3 {
        guests.push(link.ask(&app).await);
        app.clock.advance(Duration::from_secs(1));
    }
    for approved in 0..=3 {
        for (place, guest) in guests.iter().enumerate() {
            assert_eq!(link.is_approved(&app, guest).await, place < approved);
        }
        if approved < 3 {
            owned.approves(&link, None).await;
        }
    }
    owned.approve(&link, None).await_problem(409, "nothing_to_approve").await;
}

#[tokio::test]
async fn a_guest_can_be_approved_by_request_id_or_client_id() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let (first, second, third) = (link.ask(&app).await, link.ask(&app).await, link.ask(&app).await);
    let request_ids: Vec<String> = owned.knocks().await.iter().map(|knock| text_of(&knock["knock_id"])).collect();
    owned.approves(&link, Some(&request_ids[1])).await;
    assert!(link.is_approved(&app, &second).await);
    owned.approves(&link, Some(&third)).await;
    assert!(link.is_approved(&app, &third).await);
    assert!(!link.is_approved(&app, &first).await);
    // A second approval changes nothing.
    owned.approves(&link, Some(&third)).await;
    owned.approves(&link, Some(&request_ids[1])).await;
    assert_eq!(owned.knocks().await.len(), 1);
    owned.approve(&link, Some(UNKNOWN_ID)).await_problem(409, "nothing_to_approve").await;
    assert!(!link.is_approved(&app, &first).await);
}

#[tokio::test]
async fn approving_without_a_pending_request_is_refused() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let (link, other) = (owned.link().await, owned.link().await);
    owned.approve(&link, None).await_problem(409, "nothing_to_approve").await;
    let guest = other.ask(&app).await;
    // A guest has asked, but with another link.
    owned.approve(&link, None).await_problem(409, "nothing_to_approve").await;
    owned.approve(&link, Some(&guest)).await_problem(409, "nothing_to_approve").await;
    let request_id = text_of(&owned.knocks().await[0]["knock_id"]);
    owned.approve(&link, Some(&request_id)).await_problem(409, "nothing_to_approve").await;
    assert!(!other.is_approved(&app, &guest).await);
    owned.approves(&other, None).await;
    owned.approve(&other, None).await_problem(409, "nothing_to_approve").await;
}

#[tokio::test]
async fn an_approval_status_of_false_is_refused_and_leaves_the_request_pending() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    let body = json!({"link_url": link.url, "author_id": owned.author_id, "approval_status": false});
    let problem = app.post("/v1/approval/").json(&body).await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "approval_status");
    assert_eq!(link.exchange_as(&app, &guest).await_status(202).await.json()["approval_status"], false);
    owned.approves(&link, None).await;
}

#[tokio::test]
async fn field_names_and_booleans_are_accepted_as_the_document_spells_them() {
    let app = TestApp::new();
    // "`Approval_Status` is return (`bool`)"; "Chat creator change link URL to approved (`True`)".
    let owned = chat(&app).await;
    let author = &owned.author_id;
    for (number, yes) in [json!("True"), json!("true"), json!("TRUE"), json!(true)].into_iter().enumerate() {
        let link = json!({"Chat_URL": owned.chat_url, "Author_ID": author, "Approval": yes});
        let link = app.post("/v1/links").json(&link).await_status(201).await.json();
        let link = Link { url: text_of(&link["link_url"]), id: text_of(&link["link_id"]) };
        let pending = link.exchange(&app).await_status(202).await.json();
        let guest = text_of(&pending["client_id"]);
        // Answers always have the same spelling.
        let mut names: Vec<&String> = pending.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["approval_status", "chat", "client_id", "link_url", "request_sent_status"]);
        let status = app.get(format!("/v1/approval/?Link_URL={}&Client_ID={guest}", link.url));
        assert_eq!(status.await_status(200).await.json(), json!({"approval_status": false}));
        let approval = json!({"Link_URL": link.url, "AUTHOR_ID": author, "Approval_Status": yes, "Client_Id": guest});
        let approval = app.post("/v1/approval/").json(&approval).await_status(200).await.json();
        assert_eq!(approval, json!({"approval_status": true}));
        assert!(link.is_approved(&app, &guest).await);
        let message = json!({"Author_ID": guest, "Message": format!("hello {number}")});
        app.post(path(&owned.chat_url)).json(&message).await_status(201).await;
        let read = app.get(format!("{}?Author_ID={guest}", path(&owned.chat_url))).await_status(200).await;
        assert_eq!(texts(&read).last().unwrap(), &format!("hello {number}"));
        let again = app.get(format!("{}?CLIENT_ID={guest}", path(&link.url))).await_status(200).await.json();
        assert_eq!(again["client_id"], json!(guest));
    }
    for no in [json!("False"), json!("false"), json!(false)] {
        let link = json!({"chat_url": owned.chat_url, "author_id": author, "approval": no});
        let link = app.post("/v1/links").json(&link).await_status(201).await.json();
        app.get(path(&text_of(&link["link_url"]))).await_status(200).await;
    }
}

#[tokio::test]
async fn form_fields_are_accepted_as_the_document_spells_them() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let form = |address: &str, body: String| {
        app.post(address).header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    let author = &owned.author_id;
    let body = format!("Chat_URL={}&Author_ID={author}&Approval=True", owned.chat_url);
    let link = form("/v1/links", body).await_status(201).await.json();
    let link = Link { url: text_of(&link["link_url"]), id: text_of(&link["link_id"]) };
    let guest = link.ask(&app).await;
    let body = |status: &str| format!("Link_URL={}&Author_ID={author}&Approval_Status={status}", link.url);
    let problem = form("/v1/approval/", body("False")).await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "approval_status");
    form("/v1/approval/", body("True")).await_status(200).await;
    assert!(link.is_approved(&app, &guest).await);
    form(&path(&owned.chat_url), format!("Author_ID={guest}&Message=a+b")).await_status(201).await;
    assert_eq!(owned.texts().await, ["a b"]);
}

#[tokio::test]
async fn non_boolean_statuses_and_duplicate_field_names_are_refused() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    for status in [json!("yes"), json!(""), json!(1), json!(null), json!(["True"])] {
        let body = json!({"link_url": link.url, "author_id": owned.author_id, "Approval_Status": status});
        let problem = app.post("/v1/approval/").json(&body).await_problem(422, "invalid_request").await;
        assert_eq!(problem["field"], "approval_status", "{problem}");
    }
    let body = json!({"message": "one", "Message": "two", "author_id": owned.author_id});
    let problem = app.post(path(&owned.chat_url)).json(&body).await_problem(422, "invalid_request").await;
    assert_eq!(problem["field"], "message");
    assert!(owned.texts().await.is_empty());
    assert!(!link.is_approved(&app, &guest).await);
}

#[tokio::test]
async fn only_the_owner_can_approve() {
    let app = TestApp::new();
    let (owned, other) = (chat(&app).await, chat(&app).await);
    let link = owned.link().await;
    let (seated, waiting) = (link.ask(&app).await, link.ask(&app).await);
    owned.approves(&link, Some(&seated)).await;
    let requests = owned.knocks().await;
    let request_id = text_of(&requests[0]["knock_id"]);
    for client_id in [None, Some(&*waiting), Some(&*request_id)] {
        owned.approve_as(&seated, &link, client_id).await_problem(403, "owner_only").await;
        for forged in [UNKNOWN_ID, &waiting, &request_id, &other.author_id] {
            let problem = owned.approve_as(forged, &link, client_id).await_problem(401, "session_required").await;
            assert_eq!(problem["field"], "author_id");
        }
    }
    assert!(!link.is_approved(&app, &waiting).await);
    assert_eq!(owned.knocks().await, requests);
}

#[tokio::test]
async fn a_client_id_gives_no_access_before_approval() {
    let app = TestApp::new();
    let owned = chat(&app).await;
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    let requests = owned.knocks().await;
    let body = json!({"chat_url": owned.chat_url, "author_id": guest});
    let calls = [
        owned.say_as(&guest, "me too"),
        owned.read_as(&guest),
        owned.read_as(&guest).header("accept", "text/event-stream"),
        owned.approve_as(&guest, &link, None),
        owned.approve_as(&guest, &link, Some(&guest)),
        app.post("/v1/links").json(&body),
    ];
    for call in calls {
        assert_eq!(call.await_problem(401, "session_required").await["field"], "author_id");
    }
    assert!(owned.texts().await.is_empty());
    assert_eq!(owned.knocks().await, requests);
    assert!(!link.is_approved(&app, &guest).await);
    let invites = owned.native(app.get(format!("/{}/invites", owned.id()))).await_status(200).await.json();
    assert_eq!(invites["invites"].as_array().unwrap().len(), 1, "{invites}");
    owned.approves(&link, None).await;
    owned.say_as(&guest, "me too").await_status(201).await;
    assert_eq!(owned.texts().await, ["me too"]);
}

#[tokio::test]
async fn the_approval_status_for_an_invalid_link_is_refused() {
    let app = TestApp::new();
    let (owned, other) = (chat(&app).await, chat(&app).await);
    let link = owned.link().await;
    let guest = link.ask(&app).await;
    let others = other.link().await;
    for key in [others.key(), "nonsense"] {
        let url = format!("http://chat.test/v1/links/{}.{key}", owned.id());
        let call = app.get(format!("/v1/approval/?link_url={url}&client_id={guest}"));
        call.await_problem(403, "invalid_invite").await;
    }
}
