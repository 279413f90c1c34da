//! A job's repository is like a fresh clone: the same questions are asked of both, about a deliberately awkward
//! repository. It contains nothing more: commits that no ref reaches are missing.

pub mod awkward;

use crate::world::{IMAGE, REPOSITORY, World};
use anyhow::{Context, Result, ensure};
use awkward::{ASK, AWKWARD, GROWN, bash};
use kozmic_testkit::{
    github::{Commit, NewPull, State},
    person::NewHook,
};
use std::{collections::BTreeSet, path::Path};

/// Lines that a script printed between its two marks.
pub fn told(log: &str) -> Result<Vec<String>> {
    let (_, rest) = log.split_once("== begin\n").with_context(|| format!("a beginning in {log}"))?;
    let (told, _) = rest.split_once("== end\n").with_context(|| format!("an end in {log}"))?;
    Ok(told.lines().map(str::to_owned).collect())
}

/// A world whose repository is the awkward one, with a hook that asks; and a directory to work in.
async fn awkward() -> Result<(World, tempfile::TempDir)> {
    let world = World::new().await?;
    let dir = tempfile::tempdir()?;
    bash(dir.path(), AWKWARD, &[&world.github.clone_url_as("anna", REPOSITORY)]).await?;
    world.hook(ASK).await?;
    Ok((world, dir))
}

/// Answers of a real clone, as `prepare` leaves it, with the remote-tracking branches that a job has.
pub async fn cloned(url: &str, dir: &Path, (prepare, branches): (&str, &[&str])) -> Result<Vec<String>> {
    let reduced = format!(
        "set -e; git clone --quiet {prepare}\n\
         git for-each-ref --format='%(refname)' refs/remotes | grep -vxE 'refs/remotes/origin/({})' | \
         while read -r name; do git update-ref -d \"$name\"; done\n{ASK}",
        branches.join("|")
    );
    told(&bash(dir, &reduced.replace("URL", url), &[]).await?)
}

/// Compares line by line, so that a difference names itself.
pub fn alike(job: &[String], clone: &[String]) -> Result<()> {
    let [of_job, of_clone] = [job, clone].map(|lines| lines.iter().collect::<BTreeSet<_>>());
    let only = |a: &BTreeSet<&String>, b: &BTreeSet<&String>| {
        a.difference(b).map(|line| (*line).clone()).collect::<Vec<_>>().join("\n")
    };
    let (more, less) = (only(&of_job, &of_clone), only(&of_clone, &of_job));
    ensure!(job == clone, "only in the job:\n{more}\n\nonly in the clone:\n{less}");
    Ok(())
}

#[tokio::test]
async fn a_job_finds_what_a_fresh_clone_of_its_branch_has() -> Result<()> {
    let (world, dir) = awkward().await?;
    let log = push(&world, dir.path(), "main").await?;
    let url = world.github.clone_url(REPOSITORY);
    let clone = cloned(&url, dir.path(), ("URL clone; cd clone", &["HEAD", "main"])).await?;
    alike(&told(&log)?, &clone)?;
    let log = push(&world, dir.path(), "feature/deep").await?;
    let prepare = "--branch feature/deep URL deep; cd deep";
    let clone = cloned(&url, dir.path(), (prepare, &["HEAD", "main", "feature/deep"])).await?;
    alike(&told(&log)?, &clone)?;
    world.end().await
}

/// Pushes one more commit to a branch and gives the job's log.
async fn push(world: &World, dir: &Path, branch: &str) -> Result<String> {
    bash(dir, GROWN, &[branch]).await?;
    let sha = world.github.head(REPOSITORY, branch).await.context("the branch is there")?;
    world.status(&sha, State::Success).await?;
    world.log().await
}

#[tokio::test]
async fn a_pull_requests_job_finds_what_its_commit_the_default_branch_and_the_tags_reach() -> Result<()> {
    let (world, dir) = awkward().await?;
    world.github.set_default_branch(REPOSITORY, "develop").await?;
    world.build_forks().await?;
    let fork = world.github.fork(REPOSITORY, "eve").await?;
    world.github.commit(&fork, "main", Commit::new("Offer").file("offer", "cheap")).await?;
    let pull = NewPull::new(REPOSITORY, "main", "Please").from_fork(&fork).by("eve");
    let pull = world.github.open_pull_request(pull).await?;
    world.status(&pull.sha, State::Success).await?;
    let prepare = "URL pull; cd pull; git fetch --quiet origin refs/pull/1/head; \
        git checkout --quiet FETCH_HEAD; git branch --quiet -D develop; rm .git/FETCH_HEAD; git repack -adq; \
        printf '%040d %s A <a@b> 1 +0000\tclone: from URL\n' 0 $(git rev-parse HEAD) > .git/logs/HEAD";
    let url = world.github.clone_url(REPOSITORY);
    let clone = cloned(&url, dir.path(), (prepare, &["HEAD", "develop"])).await?;
    alike(&told(&world.log().await?)?, &clone)?;
    world.end().await
}

#[tokio::test]
async fn what_was_pushed_over_or_deleted_is_in_no_later_job() -> Result<()> {
    let world = World::new().await?;
    world.hook("git cat-file --batch-all-objects --batch-check='object %(objectname)'; git fsck").await?;
    let first = world.push("Begin").await?;
    world.status(&first.sha, State::Success).await?;
    let commit = Commit::new("Oops").file("secret", "hunter2");
    let oops = world.github.push_commit(REPOSITORY, "main", commit).await?;
    world.status(&oops.sha, State::Success).await?;
    world.github.set_branch(REPOSITORY, "main", &first.sha).await?;
    let commit = Commit::new("Dropped").file("draft", "unfinished");
    world.github.set_branch(REPOSITORY, "draft", &first.sha).await?;
    let draft = world.github.push_commit(REPOSITORY, "draft", commit).await?;
    world.status(&draft.sha, State::Success).await?;
    world.github.delete_branch(REPOSITORY, "draft").await?;
    world.build_forks().await?;
    let fork = world.github.fork(REPOSITORY, "eve").await?;
    let pull =
        world.github.commit(&fork, "main", Commit::new("Hm").file("file", "what else is here?")).await?;
    let offer = NewPull::new(REPOSITORY, "main", "Please").from_fork(&fork).by("eve");
    world.github.open_pull_request(offer).await?;
    world.status(&pull, State::Success).await?;
    let log = world.log().await?;
    // Two commits, each with one tree and one file.
    assert_eq!(log.matches("object ").count(), 6, "{log}");
    assert!(log.contains(&pull) && !log.contains(&oops.sha) && !log.contains(&draft.sha), "{log}");
    assert!(!log.contains("dangling"), "{log}");
    world.end().await
}

#[tokio::test]
async fn tags_are_those_of_the_forge_at_the_push_or_later() -> Result<()> {
    let world = World::new().await?;
    world.hook("git tag --list --format='%(refname:short)=%(objectname)' | sed 's/^/tag /'").await?;
    let first = world.push("Begin").await?;
    world.status(&first.sha, State::Success).await?;
    world.github.push_tag(REPOSITORY, "moved", "main").await?;
    world.github.push_tag(REPOSITORY, "gone", "main").await?;
    let second = world.push("Go on").await?;
    world.status(&second.sha, State::Success).await?;
    let log = world.log().await?;
    let (at, tags) = (|name: &str, sha: &str| format!("tag {name}={sha}\n"), log.matches("tag ").count());
    assert!(tags == 2 && log.contains(&at("moved", &first.sha)), "{log}");
    world.github.push_tag(REPOSITORY, "moved", "main").await?;
    world.github.delete_tag(REPOSITORY, "gone").await?;
    world.github.push_tag(REPOSITORY, "late", "main").await?;
    let job = world.build().await?.job()?;
    let page = format!("/projects/{}/builds/{}/jobs/{job}/", world.project, world.build().await?.build);
    let again = format!("/projects/{}/jobs/{job}/restart/", world.project);
    world.anna.post_form(&page, &again, &[]).await?.ensure_ok()?;
    world.anna.wait_for_build(world.project, crate::world::LIMIT, |build| build.status != "success").await?;
    world.finished().await?;
    let log = world.log().await?;
    assert!(log.contains(&at("moved", &second.sha)) && log.contains(&at("late", &second.sha)), "{log}");
    assert!(!log.contains("gone"), "{log}");
    world.end().await
}

#[tokio::test]
async fn jobs_of_one_push_fetch_once() -> Result<()> {
    let world = World::new().await?;
    for title in ["Tests", "Lint", "Docs"] {
        let script = "#!/bin/bash\ngit describe --always\n";
        world.anna.add_hook(world.project, NewHook { title, image: IMAGE, script }).await?;
    }
    for number in 1..=2 {
        let pushed = world.push(&format!("Number {number}")).await?;
        world.status(&pushed.sha, State::Success).await?;
        let requests = world.github.requests();
        let fetches = requests.iter().filter(|request| request.path.ends_with("/info/refs")).count();
        assert_eq!(fetches, number);
    }
    world.end().await
}

/// Changes a letter in place or by a new file, gives the new file the old one's time, and asks git in two ways. At last
/// in place with the old time, which only the time of the change tells. A second has passed then: a file may have come
/// into the container a second after it was sent, and git does not compare its content in that one.
const SLY: &str = r#"
asks() { git diff --exit-code "$1" >/dev/null && echo "missed by diff: $1"
    git diff-files --quiet "$1" && echo "missed by diff-files: $1"; }
replace() { s=$(stat -c %Y "$1"); sed -i 's/hello/HELLO/' "$1"; touch -d "@$s" "$1"; asks "$1"; }
write() { printf H | dd of="$1" conv=notrunc status=none; asks "$1"; }
git diff-files --quiet && git diff-index --quiet HEAD || echo changed before anything was
replace one; write two
git status >/dev/null
replace three; write four
until [ "$(date +%s)" -gt "$(stat -c %Z five)" ]; do :; done
touch -r five /tmp/five; printf H | dd of=five conv=notrunc status=none; touch -r /tmp/five five; asks five
echo asked
"#;

#[tokio::test]
async fn a_change_is_seen_also_within_the_second_of_the_checkout() -> Result<()> {
    let world = World::new().await?;
    world.hook(SLY).await?;
    for round in 0..3 {
        let commit = ["one", "two", "three", "four", "five"]
            .into_iter()
            .fold(Commit::new("Begin"), |commit, name| commit.file(name, format!("hello {round}\n")));
        let pushed = world.github.push_commit(REPOSITORY, "main", commit).await?;
        world.status(&pushed.sha, State::Success).await?;
        let log = world.log().await?;
        assert!(log.contains("asked") && !log.contains("missed") && !log.contains("changed"), "{log}");
    }
    world.end().await
}
