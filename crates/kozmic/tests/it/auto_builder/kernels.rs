//! Kernels: complete ones on a fresh image, which is kept, and parts on a kept image.

mod moved;
pub(super) mod scene;

use crate::world::{GATE, IMAGE, LIMIT, github, options};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{Commit, State},
    server::Server,
};
use scene::{DEPENDENT, GENERIC, Scene, WHOLE, nameless_commit, removed};
use std::{fs, process::Command};

/// A kernel that is longer than what lies between two sockets.
const LARGE: &str = "#!/bin/bash
echo once >> /runs
head -c 17000000 /dev/urandom > /target/vmlinuz.efi
";

#[tokio::test]
async fn a_whole_kernel_is_kept_and_a_part_is_built_on_it() -> Result<()> {
    let scene = Scene::new(WHOLE).await?;
    let sha = scene.push("0-initramfs", "master").await?;
    let log = scene.stage.report(&scene.success("0-initramfs", &sha).await?).await?;
    for line in ["git version", "called with master 0-initramfs\n", &format!("at {sha}, 0 files")] {
        assert!(log.contains(line), "{line:?} stands in:\n{log}");
    }
    let name = format!("zero-os-master-generic-{}", &sha[..10]);
    assert_eq!(scene.link("zero-os-master-generic.efi")?, format!("{name}.efi"));
    assert_eq!(scene.kernel(&format!("{name}.efi"))?, format!("base of master at {sha}\n"));
    assert_eq!(scene.stage.hub.links().get("zero-os-master-generic.flist"), Some(&format!("{name}.flist")));
    archive_is_right(&scene, &name, &format!("base of master at {sha}\n"))?;
    let left = "git -C /0-initramfs rev-parse HEAD; cat /base; ls -A /target /kozmic 2>/dev/null";
    let inside = scene.look_into("master", left).await?;
    assert!(inside.starts_with(&format!("{sha}\nbase of master at {sha}")), "{inside}");
    for volume in ["vmlinuz.efi", ".started"] {
        assert!(!inside.contains(volume), "{inside}");
    }

    let part = scene.push("0-core", "master-fix").await?;
    let log = scene.stage.report(&scene.success("0-core", &part).await?).await?;
    for line in ["called with master-fix 0-core\n", "\n0 files\n", "The base image for master-fix is"] {
        assert!(log.contains(line), "{line:?} stands in:\n{log}");
    }
    let name = format!("zero-os-master-fix-0-core-{}", &part[..10]);
    assert_eq!(scene.link("zero-os-master-fix.efi")?, format!("{name}.efi"));
    let kernel = format!("base of master at {sha}\n{part}\n");
    assert_eq!(scene.kernel(&format!("{name}.efi"))?, kernel);
    archive_is_right(&scene, &name, &kernel)?;
    assert_eq!(scene.tags().await?, ["master"], "a part is not kept");
    let shown = |name: &str, sha: &str| {
        let all = scene.stage.github.statuses(&scene.repository(name), sha);
        all.into_iter().map(|status| status.context).collect::<Vec<_>>()
    };
    assert!(shown("0-initramfs", &sha).iter().all(|context| context == GENERIC));
    assert!(shown("0-core", &part).iter().all(|context| context == DEPENDENT));
    scene.end().await
}

/// Whether the hub got a kernel with what tells how to boot it.
fn archive_is_right(scene: &Scene, name: &str, kernel: &str) -> Result<()> {
    let uploads = scene.stage.hub.uploads();
    let archive = uploads.iter().find(|one| one.name == format!("{name}.tar.gz")).context("an upload")?;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("archive.tar.gz");
    fs::write(&path, &archive.bytes)?;
    let unpacked = Command::new("tar").arg("-xzf").arg(&path).arg("-C").arg(dir.path()).status()?;
    assert!(unpacked.success());
    assert_eq!(fs::read_to_string(dir.path().join("kernel.efi"))?, kernel);
    let boot = fs::read_to_string(dir.path().join("boot/boot.yaml"))?;
    assert_eq!(boot.lines().collect::<Vec<_>>(), ["kernel: /kernel.efi", "nodefault: true"]);
    Ok(())
}

#[tokio::test]
async fn a_part_starts_from_the_longest_branch_that_its_own_begins_with() -> Result<()> {
    let scene = Scene::new(WHOLE).await?;
    scene.build("master").await?;
    let longer = scene.build("master-2").await?;
    let near = scene.push("0-core", "master-21").await?;
    scene.success("0-core", &near).await?;
    let kernel = scene.kernel("zero-os-master-21.efi")?;
    assert_eq!(kernel, format!("base of master-2 at {longer}\n{near}\n"));
    let far = scene.push("0-core", "dev").await?;
    assert_eq!(scene.error("0-core", &far).await?, "No base image found for branch: dev.");
    scene.end().await
}

#[tokio::test]
async fn branches_with_the_same_letters_left_have_kernels_and_images_of_their_own() -> Result<()> {
    let scene = Scene::new(WHOLE).await?;
    let bases = [scene.build("фича").await?, scene.build("тест").await?];
    let tags = scene.tags().await?;
    assert!(tags.len() == 2 && tags.iter().all(|tag| tag.starts_with("_----..")), "{tags:?}");
    for (branch, base) in ["фича-2", "тест/2"].into_iter().zip(&bases) {
        let part = scene.push("0-core", branch).await?;
        let log = scene.stage.report(&scene.success("0-core", &part).await?).await?;
        let started = log.lines().find(|line| line.contains("The base image for")).context("a base image")?;
        assert!(started.contains(branch), "{started}");
        let kernel = format!("base of {} at {base}\n{part}\n", &branch[.."фича".len()]);
        let kernels = scene.kernels()?;
        let name = kernels.iter().find(|name| name.contains(&part[..10])).context("a kernel")?;
        assert_eq!(scene.kernel(name)?, kernel);
    }
    let none = scene.push("0-core", "ветк").await?;
    assert_eq!(scene.error("0-core", &none).await?, "No base image found for branch: ветк.");
    scene.end().await
}

#[tokio::test]
async fn the_image_of_a_deleted_branch_goes_and_the_others_stay() -> Result<()> {
    let mut scene = Scene::new(WHOLE).await?;
    scene.build("master").await?;
    scene.build("фича").await?;
    let tags = scene.tags().await?;
    let image = scene.image_id(tags.iter().find(|tag| *tag != "master").context("a tag")?).await?;
    let initramfs = scene.repository("0-initramfs");
    scene.stage.github.delete_branch(&initramfs, "фича").await?;
    assert!(scene.stage.server.terminate().await?.success());
    scene.stage.server.restart().await?;
    removed(&image).await?;
    assert_eq!(scene.tags().await?, ["master"]);
    scene.end().await
}

#[tokio::test]
async fn a_tag_is_never_taken_for_a_branch_of_its_name() -> Result<()> {
    let scene = Scene::new(WHOLE).await?;
    let initramfs = scene.repository("0-initramfs");
    let tagged = scene.stage.github.head(&initramfs, "master").await.context("a commit")?;
    scene.stage.github.push_tag(&initramfs, "v1", "master").await?;
    let log = scene.stage.report(&scene.success("0-initramfs", &tagged).await?).await?;
    assert!(log.contains("called with v1 0-initramfs release\n"), "{log}");
    let of_tag = format!("zero-os-tag.v1-generic-{}.efi", &tagged[..10]);
    assert_eq!(scene.link("zero-os-tag.v1-generic.efi")?, of_tag);
    assert_eq!(scene.tags().await?, ["tag.v1"]);

    let part = scene.push("0-core", "v1").await?;
    assert_eq!(scene.error("0-core", &part).await?, "No base image found for branch: v1.");

    let branch = scene.build("v1").await?;
    assert_eq!(scene.tags().await?, ["tag.v1", "v1"]);
    assert_eq!(scene.link("zero-os-v1-generic.efi")?, format!("zero-os-v1-generic-{}.efi", &branch[..10]));
    assert_eq!(scene.link("zero-os-tag.v1-generic.efi")?, of_tag);
    let part = scene.push("0-core", "v1").await?;
    scene.success("0-core", &part).await?;
    assert_eq!(scene.kernel("zero-os-v1.efi")?, format!("base of v1 at {branch}\n{part}\n"));

    let (core, later) = (scene.repository("0-core"), Commit::new("Later").file("branch", "v1.2"));
    let part = scene.stage.github.commit(&core, "v1", later).await?;
    scene.stage.github.push_tag(&core, "v1.2", &part).await?;
    scene.success("0-core", &part).await?;
    let of_tag = scene.kernel(&format!("zero-os-tag.v1.2-0-core-{}.efi", &part[..10]))?;
    assert_eq!(of_tag, format!("base of v1 at {tagged}\n{part}\n"));
    scene.end().await
}

#[tokio::test]
async fn an_image_that_lost_its_name_goes_as_soon_as_nothing_needs_it_and_no_other_goes() -> Result<()> {
    let scene = Scene::new(WHOLE).await?;
    let docker = &scene.stage.docker;
    scene.build("master").await?;
    let first = scene.image_id("master").await?;
    let made_of_it = nameless_commit(docker, &first).await?;
    let stranger = nameless_commit(docker, IMAGE).await?;

    scene.build("master").await?;
    let second = scene.image_id("master").await?;
    assert_ne!(first, second, "the name has moved");
    scene.build("master").await?;
    removed(&second).await?;
    for stays in [&first, &made_of_it, &stranger] {
        docker.run(&["image", "inspect", stays]).await?;
    }

    docker.run(&["rmi", "--no-prune", &made_of_it]).await?;
    scene.build("master").await?;
    removed(&first).await?;
    docker.run(&["image", "inspect", &stranger]).await?;
    docker.run(&["rmi", &stranger]).await?;
    assert_eq!(scene.tags().await?, ["master"]);
    scene.end().await
}

#[tokio::test]
async fn a_build_that_fails_or_makes_no_kernel_is_not_kept() -> Result<()> {
    let scene = Scene::new("#!/bin/bash\ntouch /target/vmlinuz.efi; exit 3\n").await?;
    let fails = scene.push("0-initramfs", "master").await?;
    assert!(scene.error("0-initramfs", &fails).await?.contains("returned 3"));
    let empty = Commit::new("Make nothing").file("autobuild/build.sh", "#!/bin/bash\ntouch /base\n");
    let empty = scene.push_change("0-initramfs", "master", empty).await?;
    assert_eq!(scene.error("0-initramfs", &empty).await?, "The script left no /target/vmlinuz.efi.");
    assert_eq!(scene.images().await?, [""; 0]);
    assert_eq!(scene.kernels()?, [""; 0]);
    assert!(scene.stage.hub.uploads().is_empty());
    scene.end().await
}

#[tokio::test]
async fn a_kernel_outlives_kill_9_while_its_script_runs() -> Result<()> {
    let build = format!("#!/bin/bash\necho once >> /runs\n{GATE}\ncp /runs /target/vmlinuz.efi\n");
    let mut scene = Scene::new(&build).await?;
    let sha = scene.push("0-initramfs", "master").await?;
    let container = scene.running("/runs").await?;
    scene.stage.server.kill_9().await?;
    scene.stage.docker.run(&["exec", &container, "touch", "/tmp/gate"]).await?;
    scene.stage.server.restart().await?;
    scene.success("0-initramfs", &sha).await?;
    one_of_each(&scene, &sha).await?;
    assert_eq!(scene.kernel("zero-os-master-generic.efi")?, "once\n");
    scene.end().await
}

#[tokio::test]
async fn a_kernel_outlives_kill_9_on_its_way_to_the_hub() -> Result<()> {
    let mut scene = Scene::new(LARGE).await?;
    let gate = scene.stage.hub.hold_uploads();
    let sha = scene.push("0-initramfs", "master").await?;
    scene.stage.hub.wait_for_upload_begun(LIMIT).await?;
    let kept = scene.image_id("master").await?;
    scene.stage.server.kill_9().await?;
    assert_eq!(scene.kernels()?, [""; 0]);
    gate.open();
    scene.stage.hub.wait_for_broken_uploads(1, LIMIT).await?;
    scene.stage.server.restart().await?;
    scene.success("0-initramfs", &sha).await?;
    if scene.image_id("master").await? != kept {
        removed(&kept).await?;
    }
    one_of_each(&scene, &sha).await?;
    assert_eq!(scene.look_into("master", "cat /runs").await?, "once", "the script ran once");
    scene.end().await
}

/// Whether a commit came to one success, one kernel, one archive with its link, and one image.
async fn one_of_each(scene: &Scene, sha: &str) -> Result<()> {
    let statuses = scene.stage.github.statuses(&scene.repository("0-initramfs"), sha);
    let ends = statuses.iter().filter(|status| status.state != State::Pending).collect::<Vec<_>>();
    assert!(matches!(ends[..], [status] if status.state == State::Success), "{statuses:?}");
    let name = format!("zero-os-master-generic-{}", &sha[..10]);
    let files = scene.kernels()?.into_iter().filter(|file| file.ends_with(".efi")).collect::<Vec<_>>();
    assert_eq!(files, [format!("{name}.efi"), "zero-os-master-generic.efi".to_owned()]);
    assert_eq!(scene.link("zero-os-master-generic.efi")?, format!("{name}.efi"));
    let uploads = scene.stage.hub.uploads().into_iter().map(|upload| upload.name).collect::<Vec<_>>();
    assert_eq!(uploads, [format!("{name}.tar.gz")]);
    let links = scene.stage.hub.links().into_iter().collect::<Vec<_>>();
    assert_eq!(links, [("zero-os-master-generic.flist".to_owned(), format!("{name}.flist"))]);
    assert_eq!(scene.images().await?, [scene.image_id("master").await?]);
    Ok(())
}

#[tokio::test]
async fn without_a_hub_a_kernel_goes_to_the_directory_alone() -> Result<()> {
    let unset = ["URL", "AUTH_URL", "USER", "TOKEN"].map(|name| format!("KOZMIC_AUTOBUILD_HUB_{name}"));
    let unset = unset.each_ref().map(|name| (name.as_str(), ""));
    let scene = Scene::with(WHOLE, &unset).await?;
    let sha = scene.build("master").await?;
    assert_eq!(scene.kernel("zero-os-master-generic.efi")?, format!("base of master at {sha}\n"));
    assert!(scene.stage.hub.requests().is_empty());
    scene.end().await
}

#[tokio::test]
async fn a_wrong_kernel_rule_stops_the_start_and_is_named() -> Result<()> {
    const RULE: &str = "[[kernel]]\nkind = 'generic'\nrepository = 'a/b'\nscript = '/b/build.sh'\n";
    for (more, words) in [
        ("scrip = '/x'", "kernel rule 1: there is no key \"scrip\"; did you mean \"script\"?"),
        (
            "kernel = '/k.efi'",
            "kernel rule 1: \"kernel\" is \"/k.efi\": it needs to be a file's path in a directory",
        ),
        (RULE, "kernel rule 2: a/b has rule 1 already: write one rule for each repository"),
        (
            "[[kernel]]\nkind = 'dependent'\nrepository = 'a/c'\nbase = 'a/x'\nscript = '/c.sh'",
            "kernel rule 2: \"base\" is \"a/x\": it needs to be the repository of a generic rule, and none has it",
        ),
    ] {
        let dir = tempfile::tempdir()?;
        let config = dir.path().join("kozmic.toml");
        fs::write(&config, format!("{RULE}{more}\n"))?;
        let github = github().await?;
        let options = options(&github).quiet().env("KOZMIC_CONFIG", &config.display().to_string());
        let mut server = Server::launch(options.env("KOZMIC_AUTOBUILD_GITHUB_TOKEN", "ghp_of_the_builder"))?;
        let status = server.wait_exit(LIMIT).await?;
        assert_eq!(status.code(), Some(2), "{}", server.output());
        assert!(server.output().contains(words), "{words:?} stands in: {}", server.output());
    }
    Ok(())
}
