//! Cases of GitHub alone, at a double that knows git.

use super::double;
use crate::forge::{Forge, ForgeFormat, Interest, Sent, Webhook, tests::OtherSide};
use kozmic_model::{event::Event, ids::WebhookId, project::Repository, time::Timestamp};
use kozmic_testkit::github::{Commit, Permission};
use secrecy::SecretString;

/// A double with Anna's private repository `anna/app`. A builder administers it by a token with no more rights than a
/// builder needs. The webhook's deliveries go nowhere.
async fn stage() -> (double::Double, SecretString, Repository) {
    let stage = double::start().await;
    for login in ["anna", "builder"] {
        stage.add_person(login);
    }
    stage.add_repository("anna/app", true);
    stage.github.set_permission("anna/app", "builder", Some(Permission::Admin));
    stage.push("anna/app", "main", &["First"]).await;
    let token = stage.github.personal_token("builder").into();
    let app = stage.forge.repository_named(&token, "anna", "app").await.unwrap().expect("a repository");
    let url = "http://127.0.0.1:1/hook".parse().unwrap();
    let wanted = Webhook { url, interest: Interest::Pushes, secret: "s3cret".into() };
    stage.forge.ensure_webhook(&token, &app, &wanted, None).await.unwrap();
    (stage, token, app)
}

#[tokio::test]
async fn the_twenty_newest_commits_of_a_push_are_told() {
    let (stage, ..) = stage().await;
    let hooks = stage.github.hooks("anna/app");
    assert_eq!(hooks.first().map(|hook| hook.events.join(" ")).as_deref(), Some("push"));
    let commits = (1..=30).map(|number| Commit::new(&format!("Step {number}\n\nWhy")));
    let pushed = stage.github.push_commits("anna/app", "main", commits).await.unwrap();
    let [delivery] = &pushed.deliveries[..] else { panic!("one delivery") };
    let event = stage.forge.event(&delivery.event, &delivery.body).unwrap();
    let Event::Change(change) = event else { panic!("a change: {event:?}") };
    let messages = change.commits.iter().map(|commit| commit.message.as_str()).collect::<Vec<_>>();
    assert_eq!((messages.len(), messages[0], messages[19]), (20, "Step 11", "Step 30"));
    assert!(change.commits.iter().all(|commit| commit.url.ends_with(commit.sha.as_str())));
}

#[tokio::test]
async fn a_book_of_many_pages_is_read_to_its_end() {
    let (stage, token, app) = stage().await;
    let hook = stage.github.hooks("anna/app").first().expect("a webhook").id;
    let body = serde_json::json!({ "ref": "refs/heads/main" });
    for _ in 0..230 {
        stage.github.deliver_event("anna/app", hook, "push", &body).await.unwrap();
    }
    let webhook = WebhookId(i64::try_from(hook).unwrap());
    let sent = stage.forge.sent(&token, &app, webhook, Timestamp(0)).await.unwrap();
    let Sent::Listed(all) = sent else { panic!("a list") };
    let different = all.iter().map(|one| one.uuid.as_str()).collect::<std::collections::HashSet<_>>();
    assert!(all.len() >= 230 && different.len() == all.len(), "{} of {}", different.len(), all.len());
    stage.assert_understood();
}
