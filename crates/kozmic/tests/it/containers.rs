//! Images that were not made for Kozmic work as well, and nothing is left on the engine.

use crate::{api::Program, world::World};
use anyhow::{Context, Result};
use kozmic_testkit::{github::State, person::NewHook};
use serde_json::Value;

/// Makes an image by running commands in the base image; returns its name.
async fn image(world: &World, name: &str, commands: &str, change: &str) -> Result<String> {
    let name = format!("kozmic-test/{name}:latest");
    let run = ["run", "-d", "--user", "root", crate::world::IMAGE, "bash", "-c", commands];
    let container = world.docker.run(&run).await?;
    anyhow::ensure!(world.docker.run(&["wait", &container]).await? == "0", "prepare {name}");
    world.docker.run(&["commit", "--change", change, &container, &name]).await?;
    world.docker.remove(&container).await?;
    Ok(name)
}

/// Pushes, and waits until all jobs of the build have ended; gives them, as programs see them.
async fn ended(world: &World) -> Result<Vec<Value>> {
    let pushed = world.push("Begin").await?;
    world.status(&pushed.sha, State::Error).await?;
    Program::of(&world.anna, world).await?.ended_jobs(world).await
}

#[tokio::test]
async fn without_a_user_kozmic_the_images_own_user_runs_the_script() -> Result<()> {
    let world = World::new().await?;
    let prepare = "userdel kozmic && useradd --create-home worker";
    let image = image(&world, "worker", prepare, "USER worker").await?;
    world.hook_in(&image, "id -un; git log --format=%s; touch mine; echo $HOME").await?;
    world.push("Begin").await?;
    let build = world.finished().await?;
    let log = world.log().await?;
    assert_eq!(build.status, "success", "{log}");
    assert!(log.contains("worker\nBegin\n/home/worker\n"), "{log}");
    world.remove_image(&image).await?;
    world.end().await
}

#[tokio::test]
async fn the_user_kozmic_is_found_in_any_list_of_users() -> Result<()> {
    let world = World::new().await?;
    let users = "i=0; while [ $i -lt 30000 ]; do echo user$i:x:$i:$i:an odd user of this image:/home/$i:/bin/sh; \
                 i=$((i + 1)); done >/users; grep kozmic /etc/passwd >>/users; ln -sf ../users /etc/passwd";
    let image = image(&world, "users", users, "USER root").await?;
    world.hook_in(&image, "echo $HOME as $(id -u)").await?;
    let pushed = world.push("Begin").await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.log().await?;
    assert!(log.contains("/home/kozmic as 1000"), "{log}");
    world.remove_image(&image).await?;
    world.end().await
}

#[tokio::test]
async fn no_container_is_started_whose_users_and_groups_cannot_be_read() -> Result<()> {
    let world = World::new().await?;
    let cases = [
        ("endless", "mv /etc/passwd /p; truncate -s 1G /etc/passwd", "/etc/passwd is longer than 16 MiB"),
        ("pipe", "rm /etc/passwd; mkfifo /etc/passwd", "/etc/passwd is no plain file"),
        ("groups", "rm /etc/group; mkfifo /etc/group", "/etc/group is no plain file"),
        ("line", "sed -i s/^kozmic:.*/kozmic/ /etc/passwd", "/etc/passwd: its line for kozmic is not whole"),
    ];
    for (title, commands, _) in cases {
        let image = image(&world, title, commands, "USER root").await?;
        world
            .anna
            .add_hook(world.project, NewHook { title, image: &image, script: "#!/bin/sh\nid -un\n" })
            .await?;
    }
    let jobs = ended(&world).await?;
    for (title, _, why) in cases {
        let job = jobs.iter().find(|job| job["title"] == title).context(title)?;
        assert_eq!(job["reason"], format!("Look into the image: {why}."));
        world.remove_image(&format!("kozmic-test/{title}:latest")).await?;
    }
    world.end().await
}

#[tokio::test]
async fn a_script_that_leaves_a_pipe_for_the_list_of_groups_keeps_nobody_waiting() -> Result<()> {
    let world = World::new().await?;
    let pipe = "sudo rm /etc/group; sudo mkfifo /etc/group";
    world.hook(&format!("{pipe}; exit 3")).await?;
    world.push("Leave it").await?;
    assert_eq!(world.finished().await?.status, "error");
    let log = world.log().await?;
    assert!(log.contains("/etc/group is no plain file"), "{log}");
    world.end().await
}

#[tokio::test]
async fn an_image_whose_shell_is_none_passes_no_job() -> Result<()> {
    let world = World::new().await?;
    for (title, program) in [("true", "/bin/true"), ("false", "/bin/false")] {
        let image = image(&world, title, &format!("cp {program} /bin/sh"), "USER root").await?;
        world
            .anna
            .add_hook(world.project, NewHook { title, image: &image, script: "#!/bin/sh\nid -un\n" })
            .await?;
    }
    let jobs = ended(&world).await?;
    for (title, code) in [("true", 0), ("false", 1)] {
        let job = jobs.iter().find(|job| job["title"] == title).context(title)?;
        let why = format!("The image's /bin/sh ended with {code} before the script began");
        assert!(job["reason"].as_str().is_some_and(|reason| reason.starts_with(&why)), "{job}");
        assert_eq!(job["attempt"], 1);
        world.remove_image(&format!("kozmic-test/{title}:latest")).await?;
    }
    world.end().await
}

#[tokio::test]
async fn an_image_without_a_shell_runs_what_it_can() -> Result<()> {
    let world = World::new().await?;
    let prepare = "cp /bin/bash /bin/only && rm -f /bin/sh /bin/dash /usr/bin/sh /usr/bin/dash; true";
    let image = image(&world, "shell-less", prepare, "USER root").await?;
    let script = "#!/bin/only\necho in $PWD; echo $(<file)";
    let hook = kozmic_testkit::person::NewHook { title: "Tests", image: &image, script };
    world.anna.add_hook(world.project, hook).await?;
    world.push("Begin").await?;
    let build = world.finished().await?;
    let log = world.log().await?;
    assert_eq!(build.status, "success", "{log}");
    assert!(log.contains("in /kozmic/src\nBegin\n"), "{log}");
    world.remove_image(&image).await?;
    world.end().await
}

#[tokio::test]
async fn symbolic_links_modes_and_odd_names_arrive_as_they_are() -> Result<()> {
    let world = World::new().await?;
    let work = tempfile::tempdir()?;
    let url = world.github.clone_url_as("anna", crate::world::REPOSITORY);
    let long = "d".repeat(120);
    let script = format!(
        "set -e; git init -q -b main .; git config user.name A; git config user.email a@example.com; \
         ln -s /etc/passwd outside; ln -s ../.. up; ln -s run//./sh untidy; ln -s {long}//{long} far; echo x > 'a b \"c\"'; mkdir -p {long}/{long}; echo deep > {long}/{long}/{long}; \
         printf '#!/bin/sh\\necho ran' > run.sh; chmod +x run.sh; mkdir empty; touch empty/.keep; \
         git add -A; git commit -qm Odd; git push -q {url} main"
    );
    let pushed = tokio::process::Command::new("bash").args(["-c", &script]).current_dir(work.path()).output();
    let hook = format!(
        "set -e; ./run.sh; readlink outside up untidy far; cat 'a b \"c\"' {long}/{long}/{long}; git status --porcelain; git diff-index HEAD; echo end"
    );
    world.hook(&hook).await?;
    let pushed = pushed.await?;
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    let build = world.finished().await?;
    let log = world.log().await?;
    assert_eq!(build.status, "success", "{log}");
    let links = format!("/etc/passwd\n../..\nrun//./sh\n{long}//{long}\n");
    assert!(["ran", "ran\n"].iter().any(|ran| log.contains(&format!("{ran}{links}x\ndeep\nend\n"))), "{log}");
    world.end().await
}
