//! Requests at a hook's address, well-meant and hostile ones.

use crate::world::{LIMIT, REPOSITORY, World, github};
use anyhow::{Context, Result};
use kozmic_testkit::github::{Commit, NewPull, State, sign};
use reqwest::{Client, Response};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

async fn post(world: &World, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Response> {
    let hook = world.github.hooks(REPOSITORY).into_iter().next().context("a webhook")?;
    let request = Client::new().post(&hook.url).body(body);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Ok(request.send().await?)
}

/// The first line of the answer to a delivery that announces this many bytes. None is sent: the server closes the
/// connection after its refusal, and a client that goes on writing may not see it.
async fn announced(world: &World, url: &str, length: usize) -> Result<String> {
    let address = world.server.url().replace("http://", "");
    let path = url.split_once(&address).context("a hook's address")?.1;
    let mut peer = BufReader::new(TcpStream::connect(&address).await?);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nX-GitHub-Event: ping\r\n\
         X-GitHub-Delivery: 4-5-6\r\nX-Hub-Signature-256: sha256={}\r\n\r\n",
        "0".repeat(64)
    );
    peer.write_all(head.as_bytes()).await?;
    let mut line = String::new();
    peer.read_line(&mut line).await?;
    Ok(line)
}

#[tokio::test]
async fn only_signed_deliveries_are_taken() -> Result<()> {
    let world = World::new().await?;
    world.hook("true").await?;
    let hook = world.github.hooks(REPOSITORY).into_iter().next().context("a webhook")?;
    assert!(hook.url.contains("/_hooks/hook/"));
    let secret = hook.secret.context("the webhook has a secret")?;
    let body = json!({ "zen": "Keep it logically awesome." }).to_string().into_bytes();
    let good = sign(&secret, &body);
    let wrong = sign("a guess", &body);
    let signed = |signature| {
        [("X-GitHub-Event", "ping"), ("X-GitHub-Delivery", "1-2-3"), ("X-Hub-Signature-256", signature)]
    };
    assert_eq!(post(&world, &signed(&wrong), body.clone()).await?.status(), 401);
    assert_eq!(post(&world, &signed("sha256=zz"), body.clone()).await?.status(), 401);
    assert_eq!(post(&world, &signed(&good)[..2], body.clone()).await?.status(), 401);
    assert_eq!(post(&world, &signed(&good)[1..], body.clone()).await?.status(), 400);
    assert_eq!(post(&world, &signed(&good), body.clone()).await?.status(), 202);
    assert!(post(&world, &signed(&good), body.clone()).await?.text().await?.contains("duplicate"));
    let unknown = Client::new().post(hook.url.replace("/hook/1/", "/hook/999/")).body(body);
    let unknown = unknown.header("X-Hub-Signature-256", &good);
    assert_eq!(unknown.send().await?.status(), 404);
    assert!(announced(&world, &hook.url, 26 * 1024 * 1024).await?.starts_with("HTTP/1.1 413 "));
    world.end().await
}

#[tokio::test]
async fn a_webhook_that_sends_forms_builds_and_what_it_cannot_say_it_is_told() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo once").await?;
    let hook = world.github.hooks(REPOSITORY).into_iter().next().context("a webhook")?;
    world.github.change_hook(REPOSITORY, hook.id, |hook| hook.content_type = "form".to_owned())?;
    let pushed = world.push("Begin \u{fc} & + % =").await?;
    world.status(&pushed.sha, State::Success).await?;
    let odd = world.github.deliver_event(REPOSITORY, hook.id, "push", &json!({ "after": "x" })).await?;
    let (status, words) = odd.answer.map_err(|fault| anyhow::anyhow!(fault))?;
    assert_eq!(status, 422, "{words}");
    assert!(words.contains("the payload of \\\"push\\\" cannot be read: missing field `ref`"), "{words}");
    world.end().await
}

#[tokio::test]
async fn a_second_delivery_of_the_same_push_joins_the_build() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo once").await?;
    let pushed = world.push("Begin").await?;
    world.status(&pushed.sha, State::Success).await?;
    let again = world.github.redeliver(&pushed.deliveries[0]).await?;
    assert!(again.arrived());
    let payload = pushed.deliveries[0].payload();
    world.github.deliver(REPOSITORY, "push", &payload).await?;
    // A push and a pull request of one commit on one branch are one build, too.
    world.github.commit(REPOSITORY, "feature", Commit::new("Feature").file("b", "2")).await?;
    world.github.push(REPOSITORY, "feature").await?;
    let pull = world.github.open_pull_request(NewPull::new(REPOSITORY, "feature", "A feature")).await?;
    world.status(&pull.sha, State::Success).await?;
    let last = world.push("End").await?;
    world.status(&last.sha, State::Success).await?;
    let history = world.page("history/").await?;
    assert!(history.contains("#3") && !history.contains("#4"), "three commits, three builds: {history}");
    world.end().await
}

#[tokio::test]
async fn what_asks_to_be_skipped_and_what_is_no_branch_builds_nothing() -> Result<()> {
    let world = World::new().await?;
    world.hook("true").await?;
    let first = world.push("Begin").await?;
    for word in ["[ci skip]", "[skip ci]", "skip_ci", "ci_skip"] {
        world.push(&format!("Docs {word}")).await?;
    }
    let tag = world.github.push_tag(REPOSITORY, "v1", &first.sha).await?;
    assert!(tag.iter().all(|delivery| delivery.arrived()));
    world.github.set_branch(REPOSITORY, "old", &first.sha).await?;
    world.github.push_silently(REPOSITORY, "old").await?;
    let deleted = world.github.delete_branch(REPOSITORY, "old").await?;
    assert!(deleted.iter().all(|delivery| delivery.arrived()));
    world.github.deliver(REPOSITORY, "pull_request", &json!({ "this": "is not what GitHub sends" })).await?;
    let last = world.push("End").await?;
    world.status(&last.sha, State::Success).await?;
    let history = world.page("history/").await?;
    assert!(history.contains("#2") && !history.contains("#3"), "{history}");
    world.end().await
}

#[tokio::test]
async fn a_pull_request_from_a_fork_is_built_with_its_commits_message() -> Result<()> {
    let world = World::new().await?;
    world.hook("git log -1 --format=%s; echo $KOZMIC_EVENT $KOZMIC_PULL_REQUEST $KOZMIC_REF").await?;
    world.push("Begin").await?;
    world.build_forks().await?;
    let fork = world.github.fork(REPOSITORY, "eve").await?;
    world.github.commit(&fork, "main", Commit::new("From outside").file("c", "3")).await?;
    let pull = world
        .github
        .open_pull_request(NewPull::new(REPOSITORY, "main", "Please").from_fork(&fork).by("eve"))
        .await?;
    world.status(&pull.sha, State::Success).await?;
    let log = world.log().await?;
    let number = pull.number;
    assert!(log.contains(&format!("From outside\npull_request {number} refs/pull/{number}/head\n")), "{log}");
    let is_described = |page: String| page.contains("From outside").then_some(());
    while is_described(world.page("builds/latest/").await?).is_none() {
        tokio::task::yield_now().await;
    }
    world.github.commit(&fork, "main", Commit::new("More").file("c", "4")).await?;
    let more = world.github.synchronize(REPOSITORY, number).await?;
    world.status(&more.sha, State::Success).await?;
    world.github.close_pull_request(REPOSITORY, number).await?;
    world.end().await
}

#[tokio::test]
async fn a_pull_requests_title_may_ask_to_skip_it() -> Result<()> {
    let world = World::new().await?;
    world.hook("true").await?;
    world.push("Begin").await?;
    world.build_forks().await?;
    let fork = world.github.fork(REPOSITORY, "eve").await?;
    world.github.commit(&fork, "docs", Commit::new("Docs").file("d", "5")).await?;
    let pull = NewPull::new(REPOSITORY, "docs", "Typo [skip ci]").from_fork(&fork).by("eve");
    world.github.open_pull_request(pull).await?;
    let last = world.push("End").await?;
    world.status(&last.sha, State::Success).await?;
    assert!(!world.page("history/").await?.contains("#3"));
    world.end().await
}

#[tokio::test]
async fn a_burst_of_pushes_loses_nothing() -> Result<()> {
    let world = World::new().await?;
    world.hook("true").await?;
    let mut shas = Vec::new();
    for number in 0..12 {
        let commit = Commit::new(&format!("Push {number}")).file("n", number.to_string());
        shas.push(world.github.commit(REPOSITORY, &format!("b{number}"), commit).await?);
    }
    let branches = (0..12).map(|number| format!("b{number}")).collect::<Vec<_>>();
    let pushes = branches.iter().map(|branch| world.github.push(REPOSITORY, branch));
    for deliveries in futures_util::future::join_all(pushes).await {
        assert!(deliveries?.iter().all(|delivery| delivery.status() == Some(202)));
    }
    for sha in &shas {
        world.github.wait_for_status(REPOSITORY, sha, State::Success, LIMIT).await?;
    }
    world.end().await
}

#[tokio::test]
async fn the_double_is_found_wanting_if_it_is_called_wrongly() -> Result<()> {
    let github = github().await?;
    Client::new().get(format!("{}/no/such/call", github.api_url())).send().await?;
    assert_eq!(github.take_wrong_calls().len(), 1);
    Ok(())
}
