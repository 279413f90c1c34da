//! Webhooks at the double: made, refused, pinged, and called with a signature.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use kozmic_testkit::github::{Commit, GitHub, NO_COMMIT, sign};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{LIMIT, call, github_of_anna};

/// A server in Kozmic's place. It passes the received deliveries on.
pub(crate) async fn receiver(status: StatusCode) -> Result<(String, mpsc::Receiver<(HeaderMap, Bytes)>)> {
    let (sender, receiver) = mpsc::channel(100);
    let take = move |State(sender): State<mpsc::Sender<_>>, headers: HeaderMap, body: Bytes| async move {
        sender.send((headers, body)).await.ok();
        (status, "thanks")
    };
    let app = Router::new().route("/_hooks/hook/1/", post(take)).with_state(sender);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/_hooks/hook/1/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok((url, receiver))
}

/// Makes a webhook as Kozmic does, and waits for its ping.
pub(crate) async fn add_hook(github: &GitHub, repository: &str, url: &str) -> Result<u64> {
    let owner = repository.split('/').next().unwrap_or_default();
    add_hook_for(github, owner, repository, url, &["push", "pull_request"]).await
}

/// The same as this person and for these events.
pub(crate) async fn add_hook_for(
    github: &GitHub,
    login: &str,
    repository: &str,
    url: &str,
    events: &[&str],
) -> Result<u64> {
    let body = json!({
        "name": "web",
        "active": true,
        "events": events,
        "config": {"url": url, "content_type": "json", "secret": "s3cret", "insecure_ssl": "0"},
    });
    let path = format!("/repos/{repository}/hooks");
    let response = call(github, &github.token(login), Method::POST, &path).json(&body).send().await?;
    assert_eq!(response.status(), 201);
    let id = response.json::<Value>().await?["id"].as_u64().context("a hook's id")?;
    github
        .wait_for_delivery(LIMIT, |one| one.event == "ping" && one.hook_id == id)
        .await
        .context("a ping")?;
    Ok(id)
}

#[tokio::test]
async fn a_push_arrives_signed_and_whole() -> Result<()> {
    let github = github_of_anna().await?;
    let (url, mut received) = receiver(StatusCode::ACCEPTED).await?;
    add_hook(&github, "anna/hello", &url).await?;
    received.recv().await.context("the ping")?;
    github.push_silently("anna/hello", "main").await?;
    let before = github.head("anna/hello", "main").await.context("a head")?;
    github.commit("anna/hello", "main", Commit::new("Second").file("a", "1")).await?;
    let pushed = github.push_commit("anna/hello", "main", Commit::new("Third").delete("README.md")).await?;

    let (headers, body) = received.recv().await.context("a delivery")?;
    assert_eq!(headers["x-github-event"], "push");
    assert_eq!(headers["x-hub-signature-256"], sign("s3cret", &body).as_str());
    assert!(headers["user-agent"].to_str()?.starts_with("GitHub-Hookshot/"));
    let payload: Value = serde_json::from_slice(&body)?;
    assert_eq!(payload["ref"], "refs/heads/main");
    assert_eq!((&payload["before"], &payload["after"]), (&json!(before), &json!(pushed.sha)));
    assert_eq!((&payload["created"], &payload["forced"]), (&json!(false), &json!(false)));
    assert_eq!(payload["commits"].as_array().map(Vec::len), Some(2));
    assert_eq!(payload["commits"][0]["added"], json!(["a"]));
    assert_eq!(payload["head_commit"]["message"], "Third");
    assert_eq!(payload["head_commit"]["removed"], json!(["README.md"]));
    assert_eq!(payload["head_commit"]["author"]["username"], "anna");
    assert_eq!(payload["repository"]["full_name"], "anna/hello");
    assert_eq!(payload["pusher"]["name"], "anna");

    let delivery = &pushed.deliveries[0];
    assert_eq!(delivery.answer, Ok((202, "thanks".to_owned())));
    let again = github.redeliver(delivery).await?;
    let (second, same) = received.recv().await.context("it comes again")?;
    assert_eq!((second["x-github-delivery"].to_str()?, &same), (delivery.uuid.as_str(), &body));
    assert!(again.redelivery && again.arrived());
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn branches_and_tags_come_and_go() -> Result<()> {
    let github = github_of_anna().await?;
    let (url, _received) = receiver(StatusCode::OK).await?;
    add_hook(&github, "anna/hello", &url).await?;
    let first = github.head("anna/hello", "main").await.context("a head")?;
    let payload = |deliveries: Vec<kozmic_testkit::github::Delivery>| deliveries[0].payload();

    let created = payload(github.push("anna/hello", "main").await?);
    assert_eq!((&created["created"], &created["before"]), (&json!(true), &json!(NO_COMMIT)));
    assert!(github.push("anna/hello", "main").await?.is_empty());

    github.push_commit("anna/hello", "main", Commit::new("Second")).await?;
    let other = Commit::new("Other").file("b", "2").onto(&first);
    let forced = payload(github.push_commit("anna/hello", "main", other).await?.deliveries);
    assert_eq!(forced["forced"], true);

    let tag = payload(github.push_tag("anna/hello", "v1", &first).await?);
    assert_eq!((&tag["ref"], &tag["head_commit"]["id"]), (&json!("refs/tags/v1"), &json!(first)));

    github.set_branch("anna/hello", "topic", &first).await?;
    github.push("anna/hello", "topic").await?;
    let deleted = payload(github.delete_branch("anna/hello", "topic").await?);
    assert_eq!((&deleted["deleted"], &deleted["after"]), (&json!(true), &json!(NO_COMMIT)));
    assert_eq!(deleted["head_commit"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_refuses_or_is_gone_is_noted() -> Result<()> {
    let github = github_of_anna().await?;
    let (url, _received) = receiver(StatusCode::BAD_GATEWAY).await?;
    add_hook(&github, "anna/hello", &url).await?;
    add_hook(&github, "anna/hello", "http://127.0.0.1:1/").await?;
    let deliveries = github.push("anna/hello", "main").await?;
    assert_eq!(deliveries.iter().map(|one| one.status()).collect::<Vec<_>>(), [Some(502), None]);
    assert!(deliveries.iter().all(|one| !one.arrived()));
    assert_eq!(deliveries[0].uuid, deliveries[1].uuid, "one event has one id, whichever webhook it goes to");
    let next = github.push_commit("anna/hello", "main", Commit::new("Next")).await?.deliveries;
    assert_ne!(next[0].uuid, deliveries[0].uuid);
    Ok(())
}

#[tokio::test]
async fn the_same_address_twice_is_refused_and_only_admins_may() -> Result<()> {
    let github = github_of_anna().await?;
    github.add_user("bob", "Bob", "bob@example.com");
    let (url, _received) = receiver(StatusCode::OK).await?;
    let id = add_hook(&github, "anna/hello", &url).await?;
    let token = github.token("anna");
    let body = json!({"config": {"url": url, "content_type": "json"}, "events": ["push"]});
    let again = call(&github, &token, Method::POST, "/repos/anna/hello/hooks").json(&body).send().await?;
    assert_eq!(again.status(), 422);
    let answer: Value = again.json().await?;
    assert_eq!(answer["errors"][0]["message"], "Hook already exists on this repository");
    let bob = github.token("bob");
    assert_eq!(call(&github, &bob, Method::GET, "/repos/anna/hello/hooks").send().await?.status(), 404);

    let path = format!("/repos/anna/hello/hooks/{id}");
    let shown: Value = call(&github, &token, Method::GET, &path).send().await?.json().await?;
    assert_eq!(shown["config"]["secret"], "********");
    let change = json!({"active": false, "events": ["push"]});
    let changed: Value =
        call(&github, &token, Method::PATCH, &path).json(&change).send().await?.json().await?;
    assert_eq!((&changed["active"], &changed["events"]), (&json!(false), &json!(["push"])));
    assert!(github.push("anna/hello", "main").await?.is_empty());
    assert_eq!(call(&github, &token, Method::DELETE, &path).send().await?.status(), 204);
    assert_eq!(call(&github, &token, Method::GET, &path).send().await?.status(), 404);
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_webhook_that_github_would_refuse_is_noted() -> Result<()> {
    let github = github_of_anna().await?;
    let token = github.token("anna");
    let config = json!({"url": "http://127.0.0.1:1/", "content_type": "json"});
    let cases = [
        json!({"config": {"url": "kozmic"}, "events": ["push"]}),
        json!({"config": config, "events": ["pushes"]}),
        json!({"config": config, "events": []}),
        json!({"config": config, "event": ["push"]}),
        json!({"config": {"url": "http://127.0.0.1:1/", "content_type": "yaml"}}),
        json!({"config": {"uri": "http://127.0.0.1:1/"}}),
    ];
    for body in &cases {
        let response =
            call(&github, &token, Method::POST, "/repos/anna/hello/hooks").json(body).send().await?;
        assert_eq!(response.status(), 422, "{body}");
    }
    assert_eq!(github.take_wrong_calls().len(), cases.len());
    assert!(github.hooks("anna/hello").is_empty());
    Ok(())
}

#[tokio::test]
async fn a_webhook_is_changed_by_hand() -> Result<()> {
    let github = github_of_anna().await?;
    let (url, mut received) = receiver(StatusCode::OK).await?;
    let id = add_hook(&github, "anna/hello", "http://127.0.0.1:1/").await?;
    github.change_hook("anna/hello", id, |hook| {
        hook.url = url;
        hook.secret = Some("another".to_owned());
        hook.events = vec!["push".to_owned()];
    })?;
    github.push("anna/hello", "main").await?;
    let (headers, body) = received.recv().await.context("a delivery")?;
    assert_eq!(headers["x-hub-signature-256"], sign("another", &body).as_str());

    github.change_hook("anna/hello", id, |hook| hook.active = false)?;
    assert!(github.push_commit("anna/hello", "main", Commit::new("Unheard")).await?.deliveries.is_empty());
    let release = github.deliver_event("anna/hello", id, "release", &json!({"action": "published"})).await?;
    assert!(release.arrived());
    let (headers, body) = received.recv().await.context("a delivery")?;
    assert_eq!(headers["x-github-event"], "release");
    assert_eq!(headers["x-hub-signature-256"], sign("another", &body).as_str());
    github.delete_hook("anna/hello", id);
    assert!(github.change_hook("anna/hello", id, |_| {}).is_err());
    Ok(())
}

#[tokio::test]
async fn admins_read_the_book_of_deliveries_and_have_one_sent_again() -> Result<()> {
    let github = github_of_anna().await?;
    let (url, mut inbox) = receiver(StatusCode::ACCEPTED).await?;
    let id = add_hook(&github, "anna/hello", &url).await?;
    let token = github.token("anna");
    github.change_hook("anna/hello", id, |hook| "http://127.0.0.1:9/".clone_into(&mut hook.url))?;
    let pushed = github.push("anna/hello", "main").await?;
    assert!(!pushed[0].arrived());
    github.change_hook("anna/hello", id, |hook| hook.url.clone_from(&url))?;
    let path = format!("/repos/anna/hello/hooks/{id}/deliveries");
    let list = async |query: &str| {
        let response = call(&github, &token, Method::GET, &format!("{path}{query}")).send().await?;
        let link = response.headers().get("link").map(|link| link.to_str().map(str::to_owned));
        anyhow::Ok((link.transpose()?, response.json::<Vec<Value>>().await?))
    };
    let (link, page) = list("?per_page=1").await?;
    let (guid, item) = (page[0]["guid"].clone(), page[0]["id"].clone());
    assert_eq!((&page[0]["event"], &page[0]["status_code"]), (&json!("push"), &json!(502)));
    let link = link.context("a second page")?;
    let next = link.split(['<', '>']).nth(1).and_then(|url| url.split_once('?')).context("its address")?.1;
    let (link, page) = list(&format!("?{next}")).await?;
    assert_eq!((link, &page[0]["event"], &page[0]["status_code"]), (None, &json!("ping"), &json!(202)));
    let one = format!("{path}/{item}");
    let shown = call(&github, &token, Method::GET, &one).send().await?.json::<Value>().await?;
    assert_eq!(shown["request"]["payload"]["ref"], "refs/heads/main");
    while inbox.try_recv().is_ok() {}
    let again =
        call(&github, &token, Method::POST, &format!("{one}/attempts")).json(&json!({})).send().await?;
    assert_eq!(again.status(), 202);
    inbox.recv().await.context("it comes")?;
    github.wait_for_delivery(LIMIT, |one| one.redelivery).await.context("it is noted")?;
    let (_, all) = list("").await?;
    assert_eq!((&all[0]["guid"], &all[0]["redelivery"], all.len()), (&guid, &json!(true), 3));
    github.keep_deliveries(1);
    assert_eq!(list("").await?.1.len(), 1);
    assert_eq!(call(&github, &token, Method::GET, &one).send().await?.status(), 404);
    let branches = call(&github, &token, Method::GET, "/repos/anna/hello/branches").send().await?;
    assert_eq!(branches.json::<Value>().await?[0]["name"], "main");
    github.assert_no_wrong_calls();
    Ok(())
}
