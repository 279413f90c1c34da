//! Pull requests from strangers' forks: nothing of them runs before a person who manages the project has approved it.

use crate::{
    api::Program,
    world::{LIMIT, REPOSITORY, World},
};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    browser::{Browser, View},
    github::{Commit, NewPull, Permission, State},
    mail::MailServer,
    person::{Page, Person},
};
use serde_json::{Value, json};
use tokio::time::timeout;

const SCRIPT: &str = "echo \"$KOZMIC_SHA\" >> /dev/stderr";

/// A fork of Eve's with a pull request.
pub struct Offer<'a> {
    world: &'a World,
    fork: String,
    number: u64,
}

impl<'a> Offer<'a> {
    /// Opened by Eve, with a commit of hers; gives that, too.
    pub async fn new(world: &'a World) -> Result<(Self, String)> {
        let fork = world.github.fork(REPOSITORY, "eve").await?;
        let first = commit(world, &fork, "eve", "First").await?;
        let pull = NewPull::new(REPOSITORY, "topic", "Topic").from_fork(&fork).by("eve");
        let number = world.github.open_pull_request(pull).await?.number;
        Ok((Self { world, fork, number }, first))
    }

    /// Pushed to its branch by somebody.
    async fn push(&self, login: &str, message: &str) -> Result<String> {
        let sha = commit(self.world, &self.fork, login, message).await?;
        self.world.github.push(&self.fork, "topic").await?;
        Ok(sha)
    }

    /// Waits until the commit's build is held.
    pub async fn held(&self, sha: &str) -> Result<u64> {
        let build = self.of(sha, "held").await?;
        let said = self.world.status(sha, State::Pending).await?;
        ensure!(said.ends_with("waits: a manager has to approve it"), "{said}");
        Ok(build)
    }

    /// Waits until the newest build is of this commit and has this status; its number.
    async fn of(&self, sha: &str, status: &str) -> Result<u64> {
        let World { anna, project, .. } = self.world;
        let search = async {
            loop {
                let build = anna.wait_for_build(*project, LIMIT, |build| build.status == status).await?;
                let page = format!("/projects/{project}/builds/{}/", build.build);
                if anna.get(&page).await?.body.contains(&sha[..10]) {
                    return Ok(build.build);
                }
            }
        };
        timeout(LIMIT, search).await.with_context(|| format!("no build of {sha} is {status}"))?
    }

    /// Presses the button on a build's page.
    async fn approve(&self, build: u64, fields: &[(&str, &str)]) -> Result<Page> {
        let page = format!("/projects/{}/builds/{build}/", self.world.project);
        self.world.anna.post_form(&page, &format!("{page}approve/"), fields).await
    }

    /// Whether a container ever ran for the commit: its log says so.
    async fn has_run(&self, build: u64) -> Result<bool> {
        let job = self.world.anna.build(self.world.project, build).await?.job()?;
        let log = self.world.anna.raw_log(self.world.project, job).await?;
        Ok(!log.is_empty())
    }
}

async fn commit(world: &World, fork: &str, login: &str, message: &str) -> Result<String> {
    let commit = Commit::new(message).by(login, &format!("{login}@example.com")).file("file", message);
    world.github.commit(fork, "topic", commit).await
}

/// With a hook and a build that ended well.
pub async fn world() -> Result<World> {
    world_with(&[]).await
}

/// The same, with these settings beyond the defaults.
pub async fn world_with(settings: &[(&str, &str)]) -> Result<World> {
    let world = World::with(settings).await?;
    world.hook(SCRIPT).await?;
    world.push("Begin").await?;
    world.finished().await?;
    Ok(world)
}

#[tokio::test]
async fn a_strangers_commit_runs_when_it_was_approved_and_the_next_one_waits_again() -> Result<()> {
    let world = world().await?;
    let (offer, first) = Offer::new(&world).await?;
    let build = offer.held(&first).await?;
    assert!(!offer.has_run(build).await?, "nothing of it ran");
    let page = world.page(&format!("builds/{build}/")).await?;
    for words in ["pushed by <b>eve</b>", "Approve and run", "Approve later pushes by eve", "pill held"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    offer.approve(build, &[]).await?.ensure_ok()?;
    world.status(&first, State::Success).await?;
    assert!(offer.has_run(build).await?);
    let page = world.page(&format!("builds/{build}/")).await?;
    assert!(page.contains("approved by <b>anna</b>") && !page.contains("Approve and run"), "{page}");

    let second = offer.push("eve", "Second").await?;
    let waits = offer.held(&second).await?;
    assert!(!offer.has_run(waits).await?, "an approval is for the commit that was looked at");
    world.github.close_pull_request(REPOSITORY, offer.number).await?;
    offer.of(&second, "canceled").await?;
    world.github.reopen_pull_request(REPOSITORY, offer.number).await?;
    offer.held(&second).await?;
    world.end().await
}

#[tokio::test]
async fn an_approval_of_a_commit_that_the_pull_request_has_left_is_refused() -> Result<()> {
    let world = world().await?;
    let (offer, first) = Offer::new(&world).await?;
    let old = offer.held(&first).await?;
    let second = offer.push("eve", "Second").await?;
    let new = offer.held(&second).await?;
    let program = Program::of(&world.anna, &world).await?;
    let send = async |build: u64, body: &Value| {
        program.post_json(&format!("projects/{}/builds/{build}/approve", world.project), body).await
    };
    let approve = async |build: u64, sha: &str| send(build, &json!({ "sha": sha })).await;
    assert_eq!(approve(old, &first).await?.0, 409, "it is canceled, and another commit is newer");
    assert_eq!(approve(new, &first).await?.0, 409, "that was not looked at");
    assert_eq!(approve(new, "main").await?.0, 400);
    assert_eq!(send(new, &json!([second, false])).await?.0, 400, "a list is no approval");
    let (status, answer) = send(new, &json!({ "sha": "a".repeat(2 << 20) })).await?;
    assert_eq!((status, &answer["error"]["code"]), (413, &json!("too_large")), "{answer}");
    let (status, answer) = approve(new, &second).await?;
    assert_eq!((status, &answer["sha"]), (200, &json!(second)), "{answer}");
    assert_eq!(approve(new, &second).await?.0, 409, "nothing is held any more");
    world.status(&second, State::Success).await?;
    assert!(!offer.has_run(old).await?);
    world.end().await
}

#[tokio::test]
async fn a_pull_request_is_approved_as_a_whole_until_somebody_else_pushes_to_it() -> Result<()> {
    let world = world().await?;
    world.github.add_user("mallory", "Mallory Other", "mallory@example.com");
    let (offer, first) = Offer::new(&world).await?;
    offer.approve(offer.held(&first).await?, &[("for_all", "on")]).await?.ensure_ok()?;
    world.status(&first, State::Success).await?;
    let second = offer.push("eve", "Second").await?;
    world.status(&second, State::Success).await?;
    let foreign = offer.push("mallory", "Third").await?;
    offer.held(&foreign).await?;
    let third = offer.push("eve", "Fourth").await?;
    offer.held(&third).await?;
    world.end().await
}

#[tokio::test]
async fn somebody_elses_push_ends_an_approval_of_the_whole_though_no_hook_runs_for_it() -> Result<()> {
    let world = world().await?;
    world.github.add_user("mallory", "Mallory Other", "mallory@example.com");
    let (offer, first) = Offer::new(&world).await?;
    offer.approve(offer.held(&first).await?, &[("for_all", "on")]).await?.ensure_ok()?;
    world.status(&first, State::Success).await?;
    offer.push("mallory", "Second [skip ci]").await?;
    let skipped = async {
        while !world.server.output().contains("its author asks to skip it") {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, skipped).await.context("the push is not skipped")?;
    let third = offer.push("eve", "Third").await?;
    offer.held(&third).await?;
    world.end().await
}

#[tokio::test]
async fn a_commit_that_passed_stays_so_though_a_stranger_proposes_it_once_more() -> Result<()> {
    let world = world().await?;
    let sha = world.github.head(REPOSITORY, "main").await.context("a head")?;
    world.status(&sha, State::Success).await?;
    let fork = world.github.fork(REPOSITORY, "eve").await?;
    world.github.set_branch(&fork, "topic", &sha).await?;
    let pull = NewPull::new(REPOSITORY, "topic", "Topic").from_fork(&fork).by("eve");
    let number = world.github.open_pull_request(pull).await?.number;
    let offer = Offer { world: &world, fork, number };
    offer.of(&sha, "held").await?;
    let last = world.push("Last").await?;
    world.status(&last.sha, State::Success).await?;
    let told = world.github.statuses(REPOSITORY, &sha);
    let last = told.last().context("a status")?;
    assert_eq!(last.state, State::Success, "{told:?}");
    world.end().await
}

#[tokio::test]
async fn who_may_push_by_now_needs_no_approval_and_who_no_longer_may_does() -> Result<()> {
    let world = world().await?;
    world.github.set_permission(REPOSITORY, "eve", Some(Permission::Push));
    let (offer, first) = Offer::new(&world).await?;
    world.status(&first, State::Success).await?;
    // Nobody has told Kozmic of it: GitHub is asked.
    world.github.set_permission(REPOSITORY, "eve", Some(Permission::Pull));
    let second = offer.push("eve", "Second").await?;
    offer.held(&second).await?;
    world.end().await
}

#[tokio::test]
async fn a_project_may_build_no_fork_at_all_or_each_at_once() -> Result<()> {
    let world = world().await?;
    let settings = format!("/projects/{}/settings/", world.project);
    let choose = async |rule: &str| {
        let page = world.anna.post_form(&settings, &format!("{settings}builds/"), &[("forks", rule)]).await?;
        ensure!(page.body.contains(&format!("value=\"{rule}\" checked")), "{page}");
        anyhow::Ok(())
    };
    choose("never").await?;
    let (offer, first) = Offer::new(&world).await?;
    let last = world.push("Between").await?;
    world.status(&last.sha, State::Success).await?;
    assert!(world.github.statuses(REPOSITORY, &first).is_empty(), "nothing is built of a fork");
    choose("always").await?;
    let second = offer.push("eve", "Second").await?;
    world.status(&second, State::Success).await?;
    world.end().await
}

#[tokio::test]
async fn managers_are_asked_by_mail_and_held_jobs_outlive_a_kill() -> Result<()> {
    let server = MailServer::start().await?;
    let sender = ("KOZMIC_MAIL_DEFAULT_SENDER", "Kozmic <kozmic@example.org>");
    let mut world = World::with(&[("KOZMIC_SMTP_URL", &server.url()), sender]).await?;
    world.hook(SCRIPT).await?;
    world.github.add_user("carl", "Carl Looker", "carl@example.com");
    world.github.set_permission(REPOSITORY, "carl", Some(Permission::Pull));
    Person::sign_in(&world.server, &world.github, "carl").await?;
    world.push("Begin").await?;
    world.finished().await?;
    let sha = {
        let (offer, sha) = Offer::new(&world).await?;
        offer.held(&sha).await?;
        sha
    };
    let mails = server.wait_for(LIMIT, |mails| !mails.is_empty()).await?;
    let [mail] = &mails[..] else { anyhow::bail!("one mail: {}", mails.len()) };
    assert_eq!(mail.recipients, ["anna@example.com"], "who may only look is not asked");
    assert!(mail.subject.starts_with("[held] anna/hello#2 (#1"), "{}", mail.subject);

    world.server.kill_9().await?;
    world.server.restart().await?;
    let offer = Offer { world: &world, fork: String::new(), number: 1 };
    let build = offer.held(&sha).await.context("it is held after a kill")?;
    offer.approve(build, &[]).await?.ensure_ok()?;
    world.status(&sha, State::Success).await?;
    world.end().await
}

#[tokio::test]
async fn a_manager_approves_a_commit_in_the_browser_and_sees_it_run() -> Result<()> {
    let world = world().await?;
    let (offer, first) = Offer::new(&world).await?;
    let build = offer.held(&first).await?;
    let browser = Browser::start(View::DESKTOP).await?;
    browser.sign_in(&world.server.url(), "anna").await?;
    browser.open(&format!("{}/projects/{}/builds/{build}/", world.server.url(), world.project)).await?;
    browser.click(".approve [name=for_all]").await?;
    browser.click(".approve .primary").await?;
    browser.wait_for("document.querySelector('main').dataset.status === 'success'", LIMIT).await?;
    browser.wait_for("!document.querySelector('.approve')", LIMIT).await?;
    assert!(browser.complaints().await?.is_empty());
    browser.close().await?;
    let second = offer.push("eve", "Second").await?;
    world.status(&second, State::Success).await?;
    world.end().await
}

#[tokio::test]
async fn a_project_keeps_the_scripts_of_forks_or_all_of_them_from_sudo() -> Result<()> {
    let world = World::new().await?;
    world.hook("sudo -n id -u; echo end").await?;
    let choose = async |rule: &str| {
        let of_project = |page: &str| format!("/projects/{}/{page}", world.project);
        let (page, action) = (of_project("settings/"), of_project("settings/builds/"));
        let fields = [("forks", "always"), ("sudo", rule)];
        world.anna.post_form(&page, &action, &fields).await?.ensure_ok()
    };
    let log_of = async |sha: &str| {
        world.status(sha, State::Success).await?;
        world.log().await
    };
    choose("not_forks").await?;
    let pushed = world.push("Ours").await?;
    let log = log_of(&pushed.sha).await?;
    assert!(log.contains("0\nend\n"), "a push to the repository gains rights: {log}");
    let (offer, first) = Offer::new(&world).await?;
    let log = log_of(&first).await?;
    assert!(log.contains("no new privileges") && !log.contains("0\nend\n"), "{log}");
    choose("always").await?;
    let second = offer.push("eve", "Second").await?;
    assert!(log_of(&second).await?.contains("0\nend\n"));
    choose("never").await?;
    let pushed = world.push("All").await?;
    assert!(log_of(&pushed.sha).await?.contains("no new privileges"));
    world.end().await
}
