//! The terminal of a recipe's script has a size, and no input.

use super::stage::{CONFIGURATION, Script, Stage};
use crate::world::IMAGE;
use anyhow::Result;
use kozmic_testkit::github::{Commit, State};

const RECIPE: &str = "\
buildscripts: [facts.sh]
facts.sh:
  archives: /tmp/archives
  artifact: out.bin
  format: binary
";

/// The script has the network of this machine, where GitHub's double is.
async fn stage() -> Result<Stage> {
    let script = Script {
        recipes: &[("anna/core/main.yaml", RECIPE)],
        core: &[("facts.sh", "#!/bin/sh\n")],
        settings: &[("KOZMIC_DOCKER_NETWORK", "host"), ("KOZMIC_STOP_TIMEOUT", "80")],
        ..Script::default()
    };
    Stage::sound(script).await
}

/// The log of a script that ends well.
async fn log_of(stage: &Stage, script: &str) -> Result<String> {
    let script = format!("#!/bin/bash\n{script}\necho done >/tmp/archives/out.bin\n");
    let pushed = stage.push_of("main", Commit::new("Facts").file("facts.sh", &script)).await?;
    let built = stage.outcome(&pushed.sha, "facts.sh").await?;
    let log = stage.report(&built).await?;
    assert_eq!(built.state, State::Success, "{log}");
    Ok(log)
}

fn has_lines(log: &str, lines: &[&str]) {
    for line in lines {
        assert!(log.contains(&format!("{line}\n")), "{line:?} stands in:\n{log}");
    }
}

#[tokio::test]
async fn a_terminal_has_a_size_and_whoever_asks_there_is_told_that_nobody_answers() -> Result<()> {
    let stage = stage().await?;
    let private = stage.github.clone_url(CONFIGURATION);
    let script = format!(
        r#"echo size=$(stty size </dev/tty) $(tput cols)
stty size; [ -t 0 ] && [ -t 1 ] && echo is a terminal
read -p 'sure? ' answer; echo "read=$?"
cat; echo "cat=$?"
read answer </dev/tty; echo "tty=$?"
sudo -k; sudo -u kozmic sh -c 'read answer'; echo "sudo=$?"
git ls-remote {private}; echo "git=$?"
echo $DEBIAN_FRONTEND $GIT_TERMINAL_PROMPT $PAGER"#
    );
    let log = log_of(&stage, &script).await?;
    has_lines(
        &log,
        &["size=24 120 120", "24 120", "is a terminal", "sure? read=1", "cat=0", "tty=1", "sudo=1"],
    );
    has_lines(&log, &["git=128", "noninteractive 0 cat"]);
    assert!(log.contains("terminal prompts disabled"), "{log}");
    stage.end().await
}

#[tokio::test]
async fn an_image_without_stty_gets_its_size_from_the_engine_and_keeps_its_own_settings() -> Result<()> {
    let stage = stage().await?;
    let image = format!("kozmic-story/{}:no-stty", stage.server.instance().unwrap_or_default());
    let make = ["create", "--user", "root", "--env", "PAGER=less", "--env", "GIT_TERMINAL_PROMPT="];
    let make = [&make[..], &[IMAGE, "rm", "/bin/stty"]].concat();
    let made = stage.docker.run(&make).await?;
    stage.docker.run(&["start", "--attach", &made]).await?;
    stage.docker.run(&["commit", &made, &image]).await?;
    stage.docker.remove(&made).await?;
    let recipe = format!("{RECIPE}  baseimage: {image}\n");
    let read = stage.configure(Commit::new("Image").file("anna/core/main.yaml", &recipe)).await?;
    assert_eq!(read.state, State::Success, "{}", stage.report(&read).await?);
    let script = r#"perl -e 'until ($rows) {
  ioctl(STDOUT, 0x5413, $size = "\0" x 8); ($rows, $columns) = unpack("S2", $size); select(undef, undef, undef, 0.02);
} print "size=$rows $columns\n"'
read answer; echo "read=$?"
echo "$DEBIAN_FRONTEND <$GIT_TERMINAL_PROMPT> $PAGER""#;
    let log = log_of(&stage, script).await?;
    has_lines(&log, &["size=24 120", "read=1", "noninteractive <> less"]);
    stage.docker.wait_until_clean(&stage.label()?, crate::world::LIMIT).await?;
    stage.docker.run(&["rmi", &image]).await?;
    stage.end().await
}

#[tokio::test]
async fn a_program_of_a_recipe_has_the_time_to_tidy_up() -> Result<()> {
    let stage = stage().await?;
    let (anna, project) = stage.anna().await?;
    let script =
        format!("#!/bin/bash\n{}\nsetsid /tmp/tool session & /tmp/tool front", crate::stopping::TOOL);
    let pushed = stage.push_of("main", Commit::new("Facts").file("facts.sh", &script)).await?;
    let job = stage.job(&pushed.sha, "facts.sh").await?;
    stage.printed(&job, "session runs").await?;
    stage.printed(&job, "front runs").await?;
    stage.press(&anna, (project, &job), "cancel").await?;
    stage.printed(&job, "session has 1").await?;
    stage.open_gate(&job).await?;
    let ended = stage.outcome(&pushed.sha, "facts.sh").await?;
    has_lines(&stage.report(&ended).await?, &["session is tidy after 1", "front is tidy after 1"]);
    stage.end().await
}
