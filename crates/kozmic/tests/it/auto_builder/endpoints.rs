//! Requests at the Auto Builder's addresses, well-meant and hostile ones.

use super::stage::{CONFIGURATION, CORE, Script, Stage};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::github::{Commit, FaultKind, FaultRule, NewRepository, Permission, State, sign};
use reqwest::{Client, Response};
use serde_json::{Value, json};

const SECRET: &str = "a secret of the stage's own";

const ADDRESSES: [&str; 4] =
    ["/build/any-name/hook", "/hook/monitor-update", "/hook/monitor-watch", "/hook/kernel"];

const RECIPE: &str = "\
buildscripts: [build.sh]
build.sh: {archives: /tmp/archives, artifact: out.bin, format: binary}
";

const BUILD: &str = "#!/bin/sh\ncp /core/file /tmp/archives/out.bin\n";

fn script() -> Script<'static> {
    Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: &[("build.sh", BUILD)],
        settings: &[("KOZMIC_AUTOBUILD_WEBHOOK_SECRET", SECRET)],
        ..Script::default()
    }
}

/// A delivery, as somebody sends it.
struct Letter<'a> {
    uuid: &'a str,
    event: &'a str,
    signature: Option<String>,
    body: Vec<u8>,
}

impl<'a> Letter<'a> {
    fn signed(uuid: &'a str, body: Vec<u8>) -> Self {
        Self { uuid, event: "push", signature: Some(sign(SECRET, &body)), body }
    }

    async fn send(&self, stage: &Stage, address: &str) -> Result<Response> {
        let request = Client::new().post(format!("{}{address}", stage.server.url()));
        let request = request.header("X-GitHub-Delivery", self.uuid).header("X-GitHub-Event", self.event);
        let request = match &self.signature {
            Some(signature) => request.header("X-Hub-Signature-256", signature),
            None => request,
        };
        Ok(request.body(self.body.clone()).send().await?)
    }

    /// Sends it and says what became of it.
    async fn is_taken(&self, stage: &Stage, address: &str, word: &str) -> Result<()> {
        let response = self.send(stage, address).await?;
        let (status, text) = (response.status(), response.text().await?);
        ensure!(status == 202 && text.contains(word), "{address}: {status} {text}");
        Ok(())
    }
}

/// GitHub's words for a commit that nobody was told of: the payload of an earlier push with the ids exchanged.
async fn untold(stage: &Stage, payload: &str, message: &str) -> Result<(String, Vec<u8>)> {
    let told = serde_json::from_str::<Value>(payload)?;
    let told = told["after"].as_str().context("a push names its commit")?.to_owned();
    let sha = stage.github.commit(CORE, "main", Commit::new(message).file("file", message)).await?;
    stage.github.push_silently(CORE, "main").await?;
    Ok((sha.clone(), payload.replace(&told, &sha).into_bytes()))
}

async fn payload(stage: &Stage) -> Result<String> {
    let pushed = stage.push("main", "Told by GitHub").await?;
    assert_eq!(stage.outcome(&pushed.sha, "build.sh").await?.state, State::Success);
    let delivery = pushed.deliveries.first().context("GitHub told of it")?;
    Ok(String::from_utf8(delivery.body.clone())?)
}

#[tokio::test]
async fn each_address_takes_what_is_signed_and_each_delivery_counts_once() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    assert_eq!(stage.github.hooks(CORE)[0].secret.as_deref(), Some(SECRET));
    let payload = payload(&stage).await?;
    let mut shas = Vec::new();
    for (number, address) in ADDRESSES.iter().enumerate() {
        let (sha, body) = untold(&stage, &payload, &format!("Push {number}")).await?;
        let uuid = format!("0000-{number}");
        let letter = Letter::signed(&uuid, body.clone());
        letter.is_taken(&stage, address, "accepted").await?;
        letter.is_taken(&stage, ADDRESSES[(number + 1) % 4], "duplicate").await?;
        // The same push under another id is no new one either.
        Letter::signed(&format!("1111-{number}"), body).is_taken(&stage, address, "accepted").await?;
        shas.push(sha);
    }
    for sha in &shas {
        assert_eq!(stage.outcome(sha, "build.sh").await?.state, State::Success);
    }
    let last = stage.push("main", "Last").await?;
    assert_eq!(stage.outcome(&last.sha, "build.sh").await?.state, State::Success);
    let history = stage.json("/build/history").await?;
    let built = history.as_array().context("a list")?.len();
    assert_eq!(built, 1 + 1 + shas.len() + 1, "the reading and each push once: {history:#}");
    stage.end().await
}

#[tokio::test]
async fn what_is_not_signed_builds_nothing() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let payload = payload(&stage).await?;
    let (sha, body) = untold(&stage, &payload, "Forged").await?;
    for address in ADDRESSES {
        for signature in [None, Some("sha256=zz".to_owned()), Some(sign("a guess of sixteen", &body))] {
            let letter = Letter { uuid: "forged", event: "push", signature, body: body.clone() };
            assert_eq!(letter.send(&stage, address).await?.status(), 401, "{address}");
        }
    }
    let last = stage.push("main", "Last").await?;
    assert_eq!(stage.outcome(&last.sha, "build.sh").await?.state, State::Success);
    assert!(stage.contexts(&sha).is_empty());
    stage.end().await
}

#[tokio::test]
async fn strangers_repositories_garbage_and_other_events_do_no_harm() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let payload = payload(&stage).await?;
    let mut stranger = serde_json::from_str::<Value>(&payload)?;
    stranger["repository"]["full_name"] = "mallory/core".into();
    stranger["repository"]["owner"]["login"] = "mallory".into();
    stranger["repository"]["owner"]["name"] = "mallory".into();
    stranger["repository"]["id"] = 987_654_321_u64.into();
    let mut odd = serde_json::from_str::<Value>(&payload)?;
    odd["ref"] = "refs/heads/--upload-pack=touch${IFS}x".into();
    let mut short = serde_json::from_str::<Value>(&payload)?;
    short["after"] = "../../../etc/passwd".into();
    let bodies = [
        (202, stranger.to_string().into_bytes()),
        (202, odd.to_string().into_bytes()),
        (422, short.to_string().into_bytes()),
        (400, b"not JSON at all \xff\xfe".to_vec()),
        (422, b"{}".to_vec()),
        (422, b"[]".to_vec()),
        (422, b"null".to_vec()),
        (422, b"{\"repository\": 7, \"ref\": {}}".to_vec()),
        (400, "[".repeat(100_000).into_bytes()),
    ];
    for (number, (status, body)) in bodies.into_iter().enumerate() {
        let uuid = format!("odd-{number}");
        let answer = Letter::signed(&uuid, body).send(&stage, ADDRESSES[number % 4]).await?;
        let answer = (answer.status().as_u16(), answer.text().await?);
        assert_eq!(answer.0, status, "{number}: {}", answer.1);
    }
    for event in ["ping", "pull_request", "repository", "nobody knows this"] {
        let letter = Letter { event, ..Letter::signed(event, payload.clone().into_bytes()) };
        letter.is_taken(&stage, ADDRESSES[0], "accepted").await?;
    }
    let last = stage.push("main", "Last").await?;
    assert_eq!(stage.outcome(&last.sha, "build.sh").await?.state, State::Success);
    let history = stage.json("/build/history").await?;
    assert_eq!(history.as_array().context("a list")?.len(), 3, "{history:#}");
    stage.end().await
}

#[tokio::test]
async fn a_push_that_comes_before_the_configuration_was_ever_read_waits_for_it() -> Result<()> {
    let fault = FaultRule::new(FaultKind::Hang).path(&format!("/{CONFIGURATION}.git/"));
    let mut stage = Stage::unread(Script { fault: Some(fault), ..script() }).await?;
    // GitHub knows no webhook yet; somebody set one by hand.
    let told = stage.push("main", "Early").await?;
    ensure!(told.deliveries.is_empty(), "nobody was told");
    let repository = stage.github.repository(CORE).context("the repository")?;
    let body = serde_json::json!({
        "ref": "refs/heads/main",
        "before": "0".repeat(40),
        "after": told.sha,
        "repository": {
            "id": repository.id, "name": "core", "full_name": CORE, "private": false,
            "owner": { "login": "anna", "name": "anna" }, "default_branch": "main",
            "clone_url": stage.github.clone_url(CORE), "ssh_url": "",
            "html_url": format!("{}/{CORE}", stage.github.url()),
        },
        "head_commit": {
            "id": told.sha, "message": "Early", "timestamp": "2026-11-21T09:00:00Z",
            "author": { "name": "Anna Orbit", "email": "anna@example.com" },
            "url": format!("{}/{CORE}/commit/{}", stage.github.url(), told.sha),
        },
        "commits": [], "pusher": { "name": "anna" }, "sender": { "login": "anna" },
    });
    Letter::signed("early", body.to_string().into_bytes()).is_taken(&stage, ADDRESSES[2], "accepted").await?;
    assert!(stage.contexts(&told.sha).is_empty());
    stage.fault.take().context("git hangs")?.release();
    let built = stage.outcome(&told.sha, "build.sh").await?;
    assert_eq!(built.state, State::Success, "{}", stage.report(&built).await?);
    stage.end().await
}

#[tokio::test]
async fn a_payload_with_the_name_of_another_repository_is_built_as_the_one_that_it_is_about() -> Result<()> {
    let stage = Stage::sound(script()).await?;
    let payload = payload(&stage).await?;
    let other = stage.github.add_repository(NewRepository::public("anna/other"))?;
    stage.github.set_permission("anna/other", "builder", Some(Permission::Admin));
    let there =
        stage.github.push_commit("anna/other", "main", Commit::new("There").file("file", "1")).await?;
    let mut forged = serde_json::from_str::<Value>(&payload)?;
    forged["after"] = json!(there.sha);
    forged["head_commit"]["id"] = json!(there.sha);
    forged["repository"]["id"] = json!(other);
    Letter::signed("forged", forged.to_string().into_bytes())
        .is_taken(&stage, ADDRESSES[0], "accepted")
        .await?;
    let last = stage.push("main", "Last").await?;
    assert_eq!(stage.outcome(&last.sha, "build.sh").await?.state, State::Success);
    assert!(stage.github.statuses("anna/other", &there.sha).is_empty(), "no recipe is about it");
    assert!(stage.contexts(&there.sha).is_empty());
    stage.end().await
}
