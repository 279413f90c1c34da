//! The main job: sign in, project, hook, push, live log, commit status.

use crate::world::{IMAGE, LIMIT, REPOSITORY, World};
use anyhow::Result;
use kozmic_testkit::github::{Area, Commit, State};

#[tokio::test]
async fn a_push_runs_the_script_and_github_shows_it() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo \"It works!\"").await?;
    let pushed = world.push("Begin").await?;
    assert!(pushed.deliveries.iter().all(|delivery| delivery.arrived()));

    let mut live = world.live().await?;
    live.read_until("It works!", LIMIT).await?;
    let finished = live.read_to_end(LIMIT).await?;
    assert_eq!((finished.status.as_str(), finished.return_code), ("success", Some(0)));

    assert_eq!(world.status(&pushed.sha, State::Pending).await?, "Kozmic build #1 is pending");
    assert_eq!(world.status(&pushed.sha, State::Success).await?, "Kozmic build #1 has passed");
    let statuses = world.github.statuses(REPOSITORY, &pushed.sha);
    let build = world.finished().await?;
    let page = format!("{}/projects/{}/builds/{}/", world.server.url(), world.project, build.build);
    assert!(statuses.iter().all(|status| status.context == "Kozmic-CI"));
    assert!(statuses.iter().all(|status| status.target_url.as_deref() == Some(&page)));

    assert_eq!(live.text(), world.log().await?, "the log afterwards is what was seen live");
    let html = world.page("builds/latest/").await?;
    for fact in ["Success", "#1", "Begin", "main", &pushed.sha[..10], "checkout", "build"] {
        assert!(html.contains(fact), "{fact} stands on the page");
    }
    assert!(world.page("history/").await?.contains("Begin"));
    world.end().await
}

#[tokio::test]
async fn a_script_finds_its_repository_user_and_variables() -> Result<()> {
    let world = World::new().await?;
    world.github.commit(REPOSITORY, "main", Commit::new("First").file("a", "1")).await?;
    world
        .hook(
            "set -e; pwd; id -un; sudo id -un; echo HOME=$HOME; git log --format=%s; git status --short --branch; \
             git rev-parse HEAD; cat file; echo; env | grep ^KOZMIC_ | sort; echo CI=$CI TERM=$TERM; \
             touch can-write; ls -ld /kozmic; echo stdin: $(cat | wc -c)",
        )
        .await?;
    let pushed = world.push("Second\n\nwith a \"body\" and $HOME").await?;
    assert_eq!(world.finished().await?.status, "success", "{}", world.log().await?);
    let log = world.log().await?;
    for line in [
        "/kozmic/src\nkozmic\nroot\nHOME=/home/kozmic\nSecond\nFirst\n## main...origin/main\n",
        &pushed.sha,
        "KOZMIC_AUTHOR=",
        "KOZMIC_BUILD_NUMBER=1",
        "KOZMIC_EVENT=push",
        "KOZMIC_JOB_TITLE=Tests",
        "KOZMIC_PROJECT=anna/hello",
        "KOZMIC_REF=refs/heads/main",
        &format!("KOZMIC_SHA={}", pushed.sha),
        "with a \"body\" and $HOME",
        "CI=true TERM=xterm",
        "stdin: 0",
    ] {
        assert!(log.contains(line), "{line:?} stands in:\n{log}");
    }
    world.end().await
}

#[tokio::test]
async fn no_call_to_github_lies_between_a_push_and_its_container() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo first line").await?;
    let before = world.github.requests().len();
    let pushed = world.push("Begin").await?;
    world.status(&pushed.sha, State::Success).await?;
    let calls = world.github.requests().split_off(before);
    let rest = calls.iter().filter(|call| call.area == Area::Rest).collect::<Vec<_>>();
    assert!(rest.iter().all(|call| call.path.contains("/statuses/")), "{rest:?}");
    assert!(calls.iter().all(|call| call.area != Area::OAuth));
    world.end().await
}

#[tokio::test]
async fn two_hooks_make_two_jobs_of_one_build() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo one").await?;
    let lint = kozmic_testkit::person::NewHook { title: "Lint", image: IMAGE, script: "#!/bin/sh\nexit 3\n" };
    world.anna.add_hook(world.project, lint).await?;
    let pushed = world.push("Begin").await?;
    let line = world.status(&pushed.sha, State::Failure).await?;
    assert_eq!(line, "Kozmic build #1 has failed because of the \"Lint\" job");
    let html = world.page("builds/latest/").await?;
    assert!(html.contains("Tests") && html.contains("Lint"));
    let history = world.page("history/").await?;
    assert!(history.contains("#1") && !history.contains("#2"));
    world.anna.wait_for_build(world.project, LIMIT, |build| build.status == "failure").await?;
    world.end().await
}
