//! The list of all builds, filtered by branch and state, in pages; and the latest build of a branch.

use crate::world::{LIMIT, REPOSITORY, World};
use anyhow::Result;
use kozmic_testkit::github::{Commit, NewPull, State};

#[tokio::test]
async fn the_history_is_filtered_by_branch_and_state() -> Result<()> {
    let world = World::new().await?;
    world.hook("exit $(cat file)").await?;
    for (branch, code) in [("main", "0"), ("feature/a&b", "0"), ("feature/a&b", "1")] {
        let commit = Commit::new(&format!("On {branch} returning {code}")).file("file", code);
        let pushed = world.github.push_commit(REPOSITORY, branch, commit).await?;
        let state = if code == "0" { State::Success } else { State::Failure };
        world.github.wait_for_status(REPOSITORY, &pushed.sha, state, LIMIT).await?;
    }
    let numbers = async |query: &str| {
        let page = world.page(&format!("history/{query}")).await?;
        let found = ["#1", "#2", "#3"].into_iter().filter(|number| page.contains(&format!("{number}</a>")));
        anyhow::Ok(found.collect::<Vec<_>>().join(" "))
    };
    for (query, found) in [
        ("", "#1 #2 #3"),
        ("?ref=main", "#1"),
        ("?ref=refs/heads/main&status=", "#1"),
        ("?ref=feature%2Fa%26b", "#2 #3"),
        ("?ref=feature%2Fa%26b&status=failure&page=1", "#3"),
        ("?status=success", "#1 #2"),
        ("?status=nonsense", "#1 #2 #3"),
        ("?ref=main&status=failure", ""),
        ("?ref=never", ""),
    ] {
        assert_eq!(numbers(query).await?, found, "{query}");
    }
    let page = world.page("history/?ref=never&status=error").await?;
    assert!(page.contains("No such build") && page.contains("value=\"never\""), "{page}");
    assert!(page.contains("<option value=\"feature/a&#38;b\">"), "refs are proposed: {page}");
    let turned = world.anna.get(&format!("/projects/{}/history/?ref=main&page=7", world.project)).await?;
    assert_eq!(turned.url.query(), Some("ref=main&page=1"));

    let latest = async |git_ref: &str| {
        let path = format!("/projects/{}/builds/latest/?ref={git_ref}", world.project);
        anyhow::Ok(world.anna.get(&path).await?.number_after("/builds/"))
    };
    assert_eq!(latest("").await?, Some(3));
    assert_eq!(latest("main").await?, Some(1));
    assert_eq!(latest("refs/heads/feature%2Fa%26b").await?, Some(3));
    assert_eq!(latest("never").await?, None);
    world.end().await
}

#[tokio::test]
async fn builds_of_a_pull_request_from_a_fork_are_found_by_its_number() -> Result<()> {
    let world = World::new().await?;
    world.github.commit(REPOSITORY, "main", Commit::new("First").file("a", "1")).await?;
    world.hook("true").await?;
    world.build_forks().await?;
    let fork = world.github.fork(REPOSITORY, "eve").await?;
    world.github.commit(&fork, "topic", Commit::new("Proposed").file("b", "1")).await?;
    world
        .github
        .open_pull_request(NewPull::new(REPOSITORY, "topic", "Topic").from_fork(&fork).by("eve"))
        .await?;
    world.finished().await?;
    let page = world.page("history/?ref=%231").await?;
    assert!(page.contains("Proposed") || page.contains("Topic"), "{page}");
    assert!(page.contains("value=\"#1\""), "{page}");
    assert!(world.page("history/?ref=%232").await?.contains("No such build"));
    world.end().await
}
