//! Tests of runners in the API: the part that each program sees, and the decisions of administrators.

use super::{BOUNDLESS, Stage, code};
use crate::tests::{
    machines::{BIG, facts},
    people::Person,
    trial::Answer,
};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use kozmic_edges::{
    clock,
    store::{PageAsked, RunnerReport},
};
use kozmic_model::{
    audit::{Action, Actor},
    runner::RunnerRules,
    token::TokenRights,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

fn told(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

async fn send(stage: &Stage, token: &SecretString, body: &Value) -> Answer {
    let request = Request::post("/api/v1/runners")
        .header("Authorization", format!("Bearer {}", token.expose_secret()))
        .body(Body::from(body.to_string()));
    stage.trial.ask(request.unwrap()).await
}

/// The token of a person who is no administrator.
async fn of_eve(stage: &Stage) -> SecretString {
    let eve = Person::sign_in(&stage.trial, "eve", 9).await;
    stage.trial.edges.store.people().add_api_token(eve.user, "Test", BOUNDLESS, clock::now()).await.unwrap()
}

#[tokio::test]
async fn a_program_sees_runners_and_an_administrators_sees_their_rules() {
    let stage = Stage::new().await;
    stage.trial.add_runner("big").await;
    stage.trial.report(&facts("20.10.24"), None).await;
    stage.trial.give_job(stage.projects[0], "Tests").await;
    let (eve, anna) = (of_eve(&stage).await, stage.token(BOUNDLESS).await);
    let [project, _] = stage.projects;
    let narrow = stage.token(TokenRights { project: Some(project), ..BOUNDLESS }).await;
    let rules = json!({ "labels": ["gpu"], "projects": ["secret/project"], "forks": "only" });
    for (token, rules) in [(&eve, Value::Null), (&narrow, Value::Null), (&anna, rules)] {
        let one = told(&stage.ask("get", &format!("/runners/{BIG}"), token).await);
        let seen_at = one["seen_at"].as_str().unwrap();
        assert_eq!(
            one,
            json!({
                "name": BIG, "title": "big", "remote": true, "state": "busy", "trouble": null, "draining": false,
                "slots": 4, "busy": 1, "labels": ["docker-20", "docker-20.10", "gpu"],
                "architecture": "20.10.24", "engine": "20.10.24", "version": "20.10.24",
                "disk": { "free": 12_340_000_000_u64, "total": 40_000_000_000_u64 }, "seen_at": seen_at, "rules": rules
            })
        );
        assert_eq!(told(&stage.ask("get", "/runners", token).await), json!({ "runners": [one] }));
    }
    assert_eq!(stage.ask("get", "/runners/nobody", &eve).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_administrators_program_adds_drains_resumes_and_removes_a_runner() {
    let stage = Stage::new().await;
    let token = stage.token(BOUNDLESS).await;
    let wanted = json!({ "title": "big-1", "labels": ["GPU"], "projects": ["Anna/*"], "forks": "no" });
    let added = send(&stage, &token, &wanted).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    let added = told(&added);
    let rules = json!({ "labels": ["gpu"], "projects": ["anna/*"], "forks": "no" });
    assert_eq!((&added["runner"]["state"], &added["runner"]["rules"]), (&json!("never_seen"), &rules));
    assert!(added["token"].as_str().unwrap().starts_with("kzr_"));
    let again = send(&stage, &token, &wanted).await;
    assert_eq!((again.status, code(&again).as_str()), (StatusCode::CONFLICT, "conflict"));
    assert!(again.text().contains("There is a runner big-1 already."), "{}", again.text());
    let address = format!("/runners/{}", added["runner"]["name"].as_str().unwrap());
    for (verb, draining) in [("drain", true), ("drain", true), ("resume", false)] {
        let now = told(&stage.ask("post", &format!("{address}/{verb}"), &token).await);
        assert_eq!(now["draining"], json!(draining), "{verb}");
    }
    let removed = stage.ask("post", &format!("{address}/remove"), &token).await;
    assert_eq!((removed.status, &told(&removed)["title"]), (StatusCode::OK, &json!("big-1")));
    for verb in ["drain", "resume", "remove"] {
        assert_eq!(
            stage.ask("post", &format!("{address}/{verb}"), &token).await.status,
            StatusCode::NOT_FOUND
        );
    }
    assert_eq!(told(&stage.ask("get", "/runners", &token).await), json!({ "runners": [] }));
    let asked = PageAsked { number: 1, size: 1 };
    let trail = stage.trial.edges.store.audit().audit(None, asked).await.unwrap().items;
    assert_eq!(trail[0].deed.action, Action::RunnerRemoved);
    assert!(matches!(&trail[0].actor, Actor::Person { login, token: Some(_), .. } if login == "anna"));
}

#[tokio::test]
async fn a_runner_with_jobs_is_removed_by_force_only_and_the_servers_own_never() {
    let stage = Stage::new().await;
    let token = stage.token(BOUNDLESS).await;
    stage.trial.add_runner("big").await;
    stage.trial.give_job(stage.projects[0], "Tests").await;
    let report =
        RunnerReport { name: "here", slots: 1, busy: 0, trouble: None, facts: None, seen_at: clock::now() };
    stage.trial.edges.store.runners().note_runner(report, &RunnerRules::default()).await.unwrap();
    for (path, status) in [
        (format!("/runners/{BIG}/remove"), StatusCode::CONFLICT),
        (format!("/runners/{BIG}/remove?force=false"), StatusCode::CONFLICT),
        (format!("/runners/{BIG}/remove?force=yes"), StatusCode::BAD_REQUEST),
        ("/runners/here/remove?force=true".to_owned(), StatusCode::CONFLICT),
        (format!("/runners/{BIG}/remove?force=true"), StatusCode::OK),
    ] {
        assert_eq!(stage.ask("post", &path, &token).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn decisions_are_refused_to_others_and_to_tokens_of_one_project() {
    let stage = Stage::new().await;
    stage.trial.add_runner("big").await;
    let narrow = stage.token(TokenRights { project: Some(stage.projects[0]), ..BOUNDLESS }).await;
    for token in [of_eve(&stage).await, narrow] {
        for verb in ["drain", "resume", "remove?force=true"] {
            for name in [BIG, "nobody"] {
                let answer = stage.ask("post", &format!("/runners/{name}/{verb}"), &token).await;
                assert_eq!((answer.status, code(&answer).as_str()), (StatusCode::FORBIDDEN, "admins_only"));
            }
        }
        let answer = send(&stage, &token, &json!({ "title": "mine" })).await;
        assert_eq!((answer.status, code(&answer).as_str()), (StatusCode::FORBIDDEN, "admins_only"));
    }
    let known = stage.trial.edges.store.runners().runners().await.unwrap();
    assert!(known.len() == 1 && !known[0].is_draining);
}

#[tokio::test]
async fn a_body_that_is_no_runner_is_refused() {
    let stage = Stage::new().await;
    let token = stage.token(BOUNDLESS).await;
    for body in [
        json!(null),
        json!(["big"]),
        json!({}),
        json!({ "title": "" }),
        json!({ "title": "<b>" }),
        json!({ "title": "big", "labels": "gpu" }),
        json!({ "title": "big", "labels": ["two words"] }),
        json!({ "title": "big", "labels": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"] }),
        json!({ "title": "big", "labels": vec!["a"; 11] }),
        json!({ "title": "big", "projects": ["anna"] }),
        json!({ "title": "big", "projects": vec!["a/b"; 101] }),
        json!({ "title": "big", "forks": "some" }),
    ] {
        let answer = send(&stage, &token, &body).await;
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (StatusCode::BAD_REQUEST, "bad_request"),
            "{body}"
        );
    }
    assert!(stage.trial.edges.store.runners().runners().await.unwrap().is_empty());
}
