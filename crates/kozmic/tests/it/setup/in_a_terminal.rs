//! The questions of the terminal, answered through a pipe and on a terminal, with wrong and missing answers as well.

use super::{Fresh, of_nobody, run};
use crate::world::LIMIT;
use anyhow::{Context, Result};
use kozmic_testkit::person::Person;
use std::{fs, process::Stdio};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
};

#[tokio::test]
async fn a_server_is_set_up_by_answers_checked_and_used() -> Result<()> {
    let fresh = Fresh::new().await?;
    let mut answers = fresh.answers();
    answers.insert(0, "ci.example.com".to_owned());
    let ended = fresh.setup(&answers).await?;
    let said = &ended.said;
    assert_eq!(ended.code, Some(0), "{said}");
    assert!(
        said.contains("That cannot be used: it needs to be an address that starts with https://"),
        "{said}"
    );
    let callback = format!("{}%2F_auth%2Fauth-callback%2F", fresh.listen.replace(':', "%3A"));
    assert!(
        said.contains(&format!("{}/settings/applications/new?", fresh.github.url()))
            && said.contains(&callback)
    );
    assert!(said.contains("ok    Docker engine: ") && said.contains("ok    OAuth application: "), "{said}");
    assert!(!said.contains(fresh.github.client_secret()) && ended.out.is_empty(), "{said}");
    assert_eq!(fresh.names()?, ["github-client-secret", "kozmic.toml"]);
    assert_eq!((fresh.mode("github-client-secret")?, fresh.mode("kozmic.toml")?), (0o600, 0o640));
    assert!(!fresh.read("kozmic.toml")?.contains(fresh.github.client_secret()));

    let settings = fresh.path("kozmic.toml").display().to_string();
    assert!(
        said.contains(&format!("check --config {settings}"))
            && said.contains(&format!("serve --config {settings}"))
    );
    let checked = fresh.run(&["check", "--config", &settings], &[]).await?;
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.said);
    let mut server = fresh.serve().await?;
    let url = format!("http://{}", fresh.listen);
    Person::sign_in_at(&url, &fresh.github, "anna").await?;
    let eve = Person::visitor(&url, &fresh.github, "eve")?;
    let page = eve.go_through_github("eve").await?;
    assert!(page.body.contains("for invited people only"), "{page}");
    server.kill().await?;
    fresh.github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_second_run_changes_what_is_answered_otherwise_and_keeps_the_rest() -> Result<()> {
    let fresh = Fresh::new().await?;
    assert_eq!(fresh.setup(&fresh.answers()).await?.code, Some(0));
    let old = format!("# Ours, since May.\n{}stop_timeout = 20\n", fresh.read("kozmic.toml")?);
    fs::write(fresh.path("kozmic.toml"), &old)?;
    let kept = ["", "", "", "", "", "", "", "", ""].map(str::to_owned);
    let ended = fresh.setup(&kept).await?;
    assert!(ended.code == Some(0) && ended.said.contains("Nothing changes in "), "{}", ended.said);
    assert_eq!(fresh.read("kozmic.toml")?, old);
    let others = ["", "", "", "", "", "", "anna, adlift", "", "y"].map(str::to_owned);
    let ended = fresh.setup(&others).await?;
    assert!(ended.said.contains("  sign_in_allowed: anna → anna,adlift"), "{}", ended.said);
    let new = old.replace("sign_in_allowed = \"anna\"", "sign_in_allowed = \"anna,adlift\"");
    assert_eq!(fresh.read("kozmic.toml")?, new);
    assert_eq!(fresh.read("kozmic.toml.bak")?, old);
    Ok(())
}

#[tokio::test]
async fn whoever_breaks_off_or_says_no_leaves_all_as_it_was() -> Result<()> {
    let fresh = Fresh::new().await?;
    let answers = fresh.answers();
    for count in 0..answers.len() {
        let ended = fresh.setup(&answers[..count]).await?;
        assert_eq!(ended.code, Some(1), "after {count} answers: {}", ended.said);
        assert!(ended.said.ends_with("nothing was written\n"), "{}", ended.said);
    }
    let mut no = answers.clone();
    no[8] = "n".to_owned();
    let ended = fresh.setup(&no).await?;
    assert!(ended.code == Some(1) && ended.said.ends_with("kozmic: nothing was written\n"), "{}", ended.said);
    assert!(fresh.names()?.is_empty(), "{:?}", fresh.names()?);
    Ok(())
}

#[tokio::test]
async fn answers_that_do_not_work_are_told_and_may_be_kept() -> Result<()> {
    let fresh = Fresh::new().await?;
    let mut answers = fresh.answers();
    answers.truncate(7);
    answers.splice(5..5, ["not-the-secret", "n", ""].map(str::to_owned));
    let engine = ["unix:///nowhere/docker.sock", "n", "unix:///nowhere/docker.sock", "y", "y"];
    answers.extend(engine.map(str::to_owned));
    let ended = fresh.setup(&answers).await?;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(ended.said.matches("FAIL  OAuth application: ").count(), 1, "{}", ended.said);
    assert!(ended.said.contains("do not fit together"), "{}", ended.said);
    assert_eq!(ended.said.matches("FAIL  Docker engine: ").count(), 2, "{}", ended.said);
    assert!(fresh.read("kozmic.toml")?.contains("docker_url = \"unix:///nowhere/docker.sock\""));
    Ok(())
}

#[tokio::test]
async fn settings_are_printed_and_nothing_is_written() -> Result<()> {
    let fresh = Fresh::new().await?;
    let dir = fresh.dir.path().display().to_string();
    let ended = fresh.run(&["setup", "--output", &dir, "--print=env"], &fresh.answers()).await?;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let secret = format!("KOZMIC_GITHUB_CLIENT_SECRET={}", fresh.github.client_secret());
    assert!(ended.out.lines().any(|line| line == secret), "{}", ended.out);
    assert!(ended.out.lines().any(|line| line == format!("KOZMIC_LISTEN={}", fresh.listen)), "{}", ended.out);
    let ended = fresh.run(&["setup", "--output", &dir, "--print"], &fresh.answers()).await?;
    let table = ended.out.parse::<toml::Table>().context("it prints a settings file")?;
    assert_eq!(table["listen"].as_str(), Some(fresh.listen.as_str()));
    assert!(!ended.out.contains(fresh.github.client_secret()), "{}", ended.out);
    assert!(fresh.names()?.is_empty(), "{:?}", fresh.names()?);
    Ok(())
}

/// The system kills a command that writes more of a file than it may: the settings are cut in the middle.
#[tokio::test]
async fn a_command_that_is_killed_while_it_writes_leaves_the_old_files() -> Result<()> {
    let fresh = Fresh::new().await?;
    assert_eq!(fresh.setup(&fresh.answers()).await?.code, Some(0));
    let old = (fresh.read("kozmic.toml")?, fresh.read("github-client-secret")?);
    let mut answers = fresh.answers();
    answers[2] = format!("{}/{}", fresh.path("data").display(), "long/".repeat(180));
    answers.splice(5..6, ["another-secret", "y"].map(str::to_owned));
    let dir = fresh.dir.path().display().to_string();
    let limited = [
        "-c",
        "ulimit -c 0; ulimit -f 1; exec \"$0\" setup --output \"$1\"",
        env!("CARGO_BIN_EXE_kozmic"),
        &dir,
    ];
    let ended = run(of_nobody(Command::new("bash"), fresh.dir.path(), &limited), &answers.join("\n")).await?;
    assert_eq!(ended.code, None, "it is killed: {}", ended.said);
    assert_eq!((fresh.read("kozmic.toml")?, fresh.read("github-client-secret")?), old);
    let begun = fresh.names()?.into_iter().filter(|name| name.ends_with(".begun")).count();
    assert!(begun > 0, "it was in the middle: {:?}", fresh.names()?);
    let ended = fresh.setup(&answers).await?;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(fresh.read("github-client-secret")?, "another-secret\n");
    assert_eq!(
        fresh.names()?,
        ["github-client-secret", "kozmic.toml", "kozmic.toml.bak"],
        "what was begun is gone"
    );
    Ok(())
}

/// A person at a terminal, who answers when asked.
#[tokio::test]
async fn a_secret_is_not_shown_where_it_is_typed() -> Result<()> {
    let fresh = Fresh::new().await?;
    let line = format!("{} setup --output {}", env!("CARGO_BIN_EXE_kozmic"), fresh.dir.path().display());
    let terminal = ["--quiet", "--return", "--command", &line, "/dev/null"];
    let mut command = of_nobody(Command::new("script"), fresh.dir.path(), &terminal);
    let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (input, output) = (script.stdin.take(), script.stdout.take());
    let (mut input, mut output) = (input.context("an input")?, output.context("an output")?);
    let asked = [
        "Public",
        "listen on [",
        "Data",
        "GitHub [",
        "Client ID",
        "secret: ",
        "sign in [",
        "engine [",
        "Write",
    ];
    let mut shown = String::new();
    for (question, answer) in asked.into_iter().zip(fresh.answers()) {
        let from = shown.len();
        while !shown[from..].contains(question) {
            let mut bytes = [0; 4096];
            let count = tokio::time::timeout(LIMIT, output.read(&mut bytes)).await??;
            anyhow::ensure!(count > 0, "it ended: {shown}");
            shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        input.write_all(format!("{answer}\n").as_bytes()).await?;
    }
    output.read_to_string(&mut shown).await?;
    assert!(script.wait().await?.success(), "{shown}");
    assert!(shown.contains(fresh.github.client_id()), "other answers are shown: {shown}");
    assert!(!shown.contains(fresh.github.client_secret()), "{shown}");
    assert_eq!(fresh.read("github-client-secret")?.trim_end(), fresh.github.client_secret());
    Ok(())
}

#[tokio::test]
async fn a_server_without_an_oauth_application_names_the_command() -> Result<()> {
    let fresh = Fresh::new().await?;
    let ended = tokio::time::timeout(LIMIT, fresh.run(&["serve"], &[])).await??;
    assert!(ended.code == Some(2) && ended.said.contains("kozmic setup"), "{}", ended.said);
    Ok(())
}
