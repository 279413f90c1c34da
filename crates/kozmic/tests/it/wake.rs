//! The rules of a hook: what wakes it, and what does not.

use crate::world::{IMAGE, LIMIT, REPOSITORY, World};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    github::{Commit, NewPull, State},
    html::Form,
    person::Page,
};

const RULES: [(&str, &str); 5] = [
    ("wake_branches", "main\r\n!old/**"),
    ("wake_tags", "v*\n!*-rc?"),
    ("wake_targets", "main"),
    ("wake_drafts", "rest"),
    ("wake_skip_words", "[skip tests]"),
];

/// The hook's form as it stands on a page.
fn form(page: &Page) -> Result<Form> {
    page.form(|form| form.field("wake_branches").is_some()).context("the page has the hook's form")
}

/// A world with a hook that has these fields beside title, image and script.
async fn with_rules(rules: &[(&str, &str)]) -> Result<World> {
    let world = World::new().await?;
    let add = format!("/projects/{}/hooks/add/", world.project);
    let hook = [("title", "Tests"), ("image", IMAGE), ("script", "#!/bin/sh\necho on $KOZMIC_REF")];
    let typed = [&hook, rules].concat();
    world.anna.post_form(&add, &add, &typed).await?.ensure_ok()?;
    Ok(world)
}

/// The numbers of all builds so far.
async fn builds(world: &World) -> Result<Vec<u64>> {
    let history = world.page("history/").await?;
    let is_there = |number: &u64| history.contains(&format!("#{number}<"));
    Ok((1..20).filter(is_there).collect())
}

#[tokio::test]
async fn rules_are_shown_again_and_wrong_ones_have_a_sentence_beside_them() -> Result<()> {
    let world = with_rules(&RULES).await?;
    let edit = format!("/projects/{}/hooks/1/edit/", world.project);
    let page = world.anna.get(&edit).await?;
    let kept = form(&page)?;
    assert_eq!(kept.field("wake_branches"), Some("main\n!old/**"));
    assert_eq!((kept.field("wake_on"), kept.field("wake_drafts")), (Some("both"), Some("rest")));
    let wrong = [("wake_on", "tags"), ("wake_tags", ""), ("wake_branches", "main, develop")];
    let page = world.anna.post_form(&edit, &edit, &wrong).await?;
    assert_eq!(page.status, 422, "{page}");
    for (field, words) in [("wake_tags", "nothing else does"), ("wake_branches", "write one pattern a line")]
    {
        let beside = page.body.split(&format!("id=\"{field}-fault\"")).nth(1).context(field)?;
        assert!(beside.split("</p>").next().unwrap_or_default().contains(words), "{field}: {page}");
    }
    assert_eq!(form(&page)?.field("wake_branches"), Some("main, develop"));
    world.end().await
}

#[tokio::test]
async fn a_hook_runs_for_the_events_that_its_rules_name_and_for_no_others() -> Result<()> {
    let world = with_rules(&RULES).await?;
    let github = &world.github;
    let first = world.push("Begin").await?;
    world.status(&first.sha, State::Success).await?;
    github.set_branch(REPOSITORY, "stable", &first.sha).await?;
    let topic = Commit::new("Topic").file("t", "1");
    github.push_commit(REPOSITORY, "topic", topic).await?;
    let pull = github.open_pull_request(NewPull::new(REPOSITORY, "topic", "Topic").draft()).await?;
    github.push_tag(REPOSITORY, "v1-rc1", &first.sha).await?;
    github.push_tag(REPOSITORY, "x1", &first.sha).await?;
    world.push("Docs [Skip tests]").await?;
    let ready = github.ready_for_review(REPOSITORY, pull.number).await?;
    world.status(&ready.sha, State::Success).await?;
    assert_eq!(builds(&world).await?, [1, 2], "only the first push and the draft that became ready");
    assert!(world.log().await?.contains("on refs/heads/topic\n"));

    github.push_tag(REPOSITORY, "v1", &first.sha).await?;
    let of_tag = world.anna.wait_for_build(world.project, LIMIT, |build| build.build > 2).await?;
    assert_eq!(of_tag.build, 3);
    world.finished().await?;
    assert!(world.log().await?.contains("on refs/tags/v1\n"));
    world.end().await
}

#[tokio::test]
async fn a_pull_request_that_turns_to_a_branch_of_the_rules_runs_the_hook() -> Result<()> {
    let world = with_rules(&[("wake_on", "pulls"), ("wake_targets", "stable")]).await?;
    let github = &world.github;
    let first = world.push("Begin").await?;
    github.set_branch(REPOSITORY, "stable", &first.sha).await?;
    github.push_commit(REPOSITORY, "topic", Commit::new("Topic").file("t", "1")).await?;
    let pull = github.open_pull_request(NewPull::new(REPOSITORY, "topic", "Topic")).await?;
    github.edit_pull_request(REPOSITORY, pull.number, "Topic", "more").await?;
    github.retarget_pull_request(REPOSITORY, pull.number, "stable").await?;
    world.status(&pull.sha, State::Success).await?;
    assert_eq!(builds(&world).await?, [1]);
    assert!(world.log().await?.contains("on refs/heads/topic\n"));
    world.end().await
}

/// Waits until the hook rested so many times for a reason with these words.
async fn rested(world: &World, times: usize, words: &str) -> Result<()> {
    let search = async {
        // Each is logged once.
        while world.server.output().matches(words).count() < times {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, search).await.with_context(|| format!("{times} times {words}"))
}

#[tokio::test]
async fn a_hook_that_names_files_runs_for_pushes_that_change_one_of_them() -> Result<()> {
    let world = with_rules(&[("wake_paths", "src/**\n!**/*.md")]).await?;
    let github = &world.github;
    let file = |path: &str| Commit::new(path).file(path, "1");
    let none = "the hook does not run for the file that it changes";
    let first = github.push_commit(REPOSITORY, "main", file("README.md")).await?;
    world.status(&first.sha, State::Success).await?;
    github.push_commit(REPOSITORY, "main", file("src/README.md")).await?;
    rested(&world, 1, none).await?;
    // A new branch, and a branch with a pull request, are compared by the mirror.
    let docs = github.push_commit(REPOSITORY, "docs", file("docs/a").onto(&first.sha)).await?;
    rested(&world, 2, none).await?;
    let source = github.push_commit(REPOSITORY, "main", file("src/a.c")).await?;
    world.status(&source.sha, State::Success).await?;
    github.open_pull_request(NewPull::new(REPOSITORY, "docs", "Docs")).await?;
    rested(&world, 3, none).await?;
    let topic = github.push_commit(REPOSITORY, "topic", file("src/b.c").onto(&docs.sha)).await?;
    world.status(&topic.sha, State::Success).await?;
    // The branch is moved back and on, without the file.
    let forced = github.push_commit(REPOSITORY, "topic", file("docs/b").onto(&docs.sha)).await?;
    world.status(&forced.sha, State::Success).await?;
    let last = github.push_commit(REPOSITORY, "main", file("src/c.c")).await?;
    world.status(&last.sha, State::Success).await?;
    assert_eq!(builds(&world).await?, [1, 2, 3, 4, 5], "a file that a forced push drops is a change of it");
    ensure!(!world.server.output().contains("could not be compared"), "{}", world.server.output());
    world.end().await
}

#[tokio::test]
async fn a_push_of_more_commits_than_a_payload_lists_is_compared_as_a_whole() -> Result<()> {
    let world = with_rules(&[("wake_paths", "src/**")]).await?;
    let github = &world.github;
    let first = github.push_commit(REPOSITORY, "main", Commit::new("First").file("a", "0")).await?;
    world.status(&first.sha, State::Success).await?;
    let many = |path: &'static str| {
        (0..301)
            .map(move |number: u32| Commit::new("More").file(path, number.to_string()))
            .collect::<Vec<_>>()
    };
    github.push_commits(REPOSITORY, "main", many("docs/a")).await?;
    rested(&world, 1, "the hook does not run for the file that it changes").await?;
    let pushed = github.push_commits(REPOSITORY, "main", many("src/a")).await?;
    world.status(&pushed.sha, State::Success).await?;
    assert_eq!(builds(&world).await?, [1, 2]);
    world.end().await
}
