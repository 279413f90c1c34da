//! For tests only: the client at a GitHub double that knows git, where prepared answers would prove too little.

use super::{GitHub, GitHubSettings};
use crate::forge::{Forge, Interest, Sent, Webhook, Words};
use anyhow::{Context, Result};
use kozmic_model::{
    event::{Change, Event},
    git::GitRef,
    ids::WebhookId,
    project::Repository,
    time::Timestamp,
};
use kozmic_testkit::github::{self, Commit, Delivery, NewRepository, Permission, Tag};
use secrecy::SecretString;

/// A double with Anna's private repository `anna/app` of one commit, and a builder who administers it.
struct Stage {
    double: github::GitHub,
    forge: GitHub,
    token: SecretString,
}

impl Stage {
    async fn new() -> Result<Self> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let double = github::GitHub::start().await?;
        for login in ["anna", "builder"] {
            double.add_user(login, login, &format!("{login}@example.com"));
        }
        double.add_repository(NewRepository::private("anna/app").allow("builder", Permission::Admin))?;
        double.push_commit("anna/app", "main", Commit::new("First").file("a", "1")).await?;
        let settings = GitHubSettings {
            url: double.url().parse()?,
            api_url: double.api_url().parse()?,
            client_id: String::new(),
            client_secret: SecretString::default(),
        };
        let token = double.personal_token("builder").into();
        Ok(Self { double, forge: GitHub::new(settings)?, token })
    }

    async fn named(&self, owner: &str, name: &str) -> Result<Option<Repository>> {
        Ok(self.forge.repository_named(&self.token, owner, name).await?)
    }

    /// The repository, with a webhook whose deliveries nobody takes: they are only looked at.
    async fn listened_to(&self) -> Result<Repository> {
        let repository = self.named("anna", "app").await?.context("a repository")?;
        let url = "http://127.0.0.1:1/hook".parse()?;
        let wanted = Webhook { url, interest: Interest::Pushes, secret: "s3cret".into() };
        self.forge.ensure_webhook(&self.token, &repository, &wanted, None).await?;
        Ok(repository)
    }

    /// The change that the only delivery tells.
    fn change(&self, deliveries: &[Delivery]) -> Change {
        let [delivery] = deliveries else { panic!("one delivery: {deliveries:?}") };
        match self.forge.event(&delivery.event, &delivery.body) {
            Ok(Event::Change(change)) => *change,
            other => panic!("a change: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_repository_is_found_by_name_and_by_the_name_that_it_had() -> Result<()> {
    let stage = Stage::new().await?;
    let found = stage.named("anna", "app").await?.context("a repository")?;
    stage.double.rename_repository("anna/app", "anna/tool").await?;
    let renamed = stage.named("anna", "app").await?.context("the same")?;
    assert_eq!((renamed.id, renamed.full_name().as_str()), (found.id, "anna/tool"));
    assert_eq!(stage.named("anna", "none").await?, None);
    stage.double.set_permission("anna/tool", "builder", None);
    assert_eq!(stage.named("anna", "tool").await?, None);
    stage.double.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_tag_is_never_taken_for_the_branch_of_its_name() -> Result<()> {
    let stage = Stage::new().await?;
    let repository = stage.named("anna", "app").await?.context("a repository")?;
    stage.double.push_tag("anna/app", "v1", Tag::Annotated("main")).await?;
    assert_eq!(stage.forge.head(&stage.token, &repository, "v1").await?, None);
    let branch = stage.double.push_commit("anna/app", "v1", Commit::new("On the branch")).await?.sha;
    let head = stage.forge.head(&stage.token, &repository, "v1").await?.context("a head")?;
    assert_eq!((head.sha.as_str(), head.message.as_str()), (branch.as_str(), "On the branch"));
    assert_eq!(head.author.email.as_deref(), Some("anna@example.com"));
    assert_eq!(head.url, format!("{}/anna/app/commit/{branch}", stage.double.url()));
    stage.double.add_repository(NewRepository::public("anna/empty"))?;
    let empty = stage.named("anna", "empty").await?.context("a repository")?;
    assert_eq!(stage.forge.head(&stage.token, &empty, "main").await?, None);
    stage.double.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_pushed_tag_is_a_change_at_its_commit() -> Result<()> {
    let stage = Stage::new().await?;
    stage.listened_to().await?;
    let sha = stage.double.head("anna/app", "main").await.context("a head")?;
    for (name, tag) in [("v1", Tag::Light("main")), ("v2", Tag::Annotated("main"))] {
        let change = stage.change(&stage.double.push_tag("anna/app", name, tag).await?);
        assert_eq!((change.git_ref, change.sha.as_str()), (GitRef::Tag(name.to_owned()), sha.as_str()));
        assert_eq!(change.commits.first().map(|commit| commit.sha.as_str()), Some(sha.as_str()));
    }
    let deleted = stage.double.delete_tag("anna/app", "v2").await?;
    let event = stage.forge.event("push", &deleted.first().context("a delivery")?.body)?;
    let Event::Gone(gone) = event else { panic!("gone: {event:?}") };
    assert_eq!((gone.git_ref, gone.why.as_str()), (GitRef::Tag("v2".to_owned()), "refs/tags/v2 was deleted"));
    assert!(gone.after.is_nowhere() && gone.before.is_some() && gone.at.is_some());
    Ok(())
}

#[tokio::test]
async fn a_push_tells_its_repository_and_its_commits() -> Result<()> {
    let stage = Stage::new().await?;
    let repository = stage.listened_to().await?;
    let hooks = stage.double.hooks("anna/app");
    assert_eq!(hooks.first().map(|hook| hook.events.join(" ")).as_deref(), Some("push"));
    let commits = (1..=30).map(|number| Commit::new(&format!("Step {number}\n\nWhy")));
    let pushed = stage.double.push_commits("anna/app", "main", commits).await?;
    let change = stage.change(&pushed.deliveries);
    let messages = change.commits.iter().map(|commit| commit.message.as_str()).collect::<Vec<_>>();
    assert_eq!((messages.len(), messages[0], messages[19]), (20, "Step 11", "Step 30"));
    assert!(change.commits.iter().all(|commit| commit.url.ends_with(commit.sha.as_str())));
    assert_eq!(stage.forge.pushed_repository(&pushed.deliveries[0].body)?, repository);
    Ok(())
}

#[tokio::test]
async fn a_book_of_many_pages_is_read_to_its_end() -> Result<()> {
    let stage = Stage::new().await?;
    let repository = stage.listened_to().await?;
    let hook = stage.double.hooks("anna/app").first().context("a webhook")?.id;
    let body = serde_json::json!({ "ref": "refs/heads/main" });
    for _ in 0..230 {
        stage.double.deliver_event("anna/app", hook, "push", &body).await?;
    }
    let webhook = WebhookId(i64::try_from(hook)?);
    let sent = stage.forge.sent(&stage.token, &repository, webhook, Timestamp(0)).await?;
    let Sent::Listed(all) = sent else { panic!("a list") };
    let different = all.iter().map(|one| one.uuid.as_str()).collect::<std::collections::HashSet<_>>();
    assert!(all.len() >= 230 && different.len() == all.len(), "{} of {}", different.len(), all.len());
    stage.double.assert_no_wrong_calls();
    Ok(())
}
