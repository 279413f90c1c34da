//! Places and age of an original's database, errors of a database that cannot be read, and the remains of an
//! interrupted import.

use super::{KINDS, SECRET_KEY, Takeover};
use crate::world::LIMIT;
use anyhow::{Context, Result};
use kozmic_testkit::mariadb::MySql55;
use std::{fs, time::Duration};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    time::timeout,
};

#[tokio::test]
async fn a_database_of_the_originals_time_is_taken_over() -> Result<()> {
    let world = Takeover::new().await?;
    let direct = world.import(SECRET_KEY, &["--dry-run"]).await?;
    // The limit that servers had of old.
    world.old.execute("SET GLOBAL max_allowed_packet = 1048576").await?;
    let old = MySql55::before(&world.old).await?;
    let words = world.import_from(&old.url("kozmic"), SECRET_KEY, &[]).await?;
    for kind in KINDS {
        assert_eq!(words.numbers(kind), direct.numbers(kind), "{kind}: {}", words.0);
    }
    let log = fs::read(world.server.data_dir().join("logs/0/42-1.log"))?;
    assert_eq!(log.len(), 3_200_000, "a log of several pieces is whole");
    assert!(!old.refused().is_empty(), "it was asked for a promise that it does not know");
    let is_question = |words: &String| words.trim_start().starts_with("SELECT") || words.starts_with("SET ");
    assert!(old.statements().iter().all(is_question), "{:?}", old.statements());
    Ok(())
}

#[tokio::test]
async fn an_address_of_sqlalchemys_and_a_key_in_pythons_words_are_understood() -> Result<()> {
    let world = Takeover::new().await?;
    world
        .old
        .execute("CREATE USER 'py'@'127.0.0.1' IDENTIFIED BY 'p@s/s%w'; GRANT ALL ON *.* TO 'py'@'127.0.0.1'")
        .await?;
    let from = world.old.url("kozmic").replace("mysql://", "mysql+pymysql://") + "?charset=latin1";
    let from = from.replace("kozmic:kozmic-password", "py:p%40s%2Fs%25w");
    let settings = r"    SECRET_KEY = 'the original\'s secret\x20ke\171'";
    let words = world.import_from(&from, settings, &["--dry-run"]).await?;
    assert_eq!(words.numbers("deploy key "), [1, 1, 0, 0], "{}", words.0);
    words.has("mysql://127.0.0.1:");
    Ok(())
}

#[tokio::test]
async fn what_keeps_the_old_database_closed_is_said_once() -> Result<()> {
    let world = Takeover::new().await?;
    let from = world.old.url("kozmic");
    let place = from.split_once('@').context("an address has a host")?.1;
    let expect = async |from: &str, words: &[&str]| -> Result<()> {
        let refusal = world.refusal(from).await?;
        for words in words {
            assert_eq!(refusal.matches(words).count(), 1, "{words}: {refusal}");
        }
        assert!(!refusal.contains("kozmic-password") && !refusal.contains("pool"), "{refusal}");
        Ok(())
    };
    let wrong = from.replace("kozmic-password", "wrong");
    expect(&wrong, &["does not accept the user, the password", "Access denied", "percent-encoded"]).await?;
    expect(&world.old.url("nothing"), &["has no database of that name", "Unknown database"]).await?;
    expect(&from.replace("127.0.0.1", "no-such-host.invalid"), &["its host is not known"]).await?;
    expect("mysql://me@localhost/kozmic?socket=/nowhere/socket", &["there is no such socket"]).await?;
    expect(&format!("{from}?ssl-mode=REQUIRED"), &["cannot be encrypted here"]).await?;
    world.old.execute("CREATE USER 'dumb'@'127.0.0.1'; CREATE DATABASE empty; GRANT ALL ON empty.* TO 'dumb'@'127.0.0.1'").await?;
    let empty = format!("mysql://dumb@{}", place.replace("kozmic", "empty"));
    expect(&empty, &["names no revision, and only revision 375111a5fd54", "manage.py db upgrade"]).await?;
    world.there("CREATE TABLE alembic_version (version_num VARCHAR(32)); INSERT INTO alembic_version VALUES ('1c314d48261a');
        ALTER TABLE project DROP COLUMN gh_https_clone_url").await?;
    expect(&from, &["has revision 1c314d48261a, and only revision 375111a5fd54", "Unknown column"]).await?;
    world.old.execute("SET GLOBAL require_secure_transport = ON").await?;
    expect(&from, &["a connection without TLS"]).await
}

#[tokio::test]
async fn an_import_whose_connection_breaks_off_goes_on_at_the_next_run() -> Result<()> {
    let world = Takeover::new().await?;
    let old = MySql55::before(&world.old).await?;
    let whole = world.import_from(&old.url("kozmic"), SECRET_KEY, &["--dry-run"]).await?;
    let all = old.answered();
    for after in [all / 4, all / 2, all - 2] {
        old.break_off_after(after);
        let refusal = world.refusal(&old.url("kozmic")).await?;
        assert!(
            refusal.contains("cannot read mysql://127.0.0.1") && refusal.contains("broke off"),
            "{refusal}"
        );
    }
    let rest = world.import_from(&old.url("kozmic"), SECRET_KEY, &[]).await?;
    for kind in KINDS {
        let [_, taken, there, left_out] = rest.numbers(kind);
        assert_eq!(
            [taken + there, left_out],
            [whole.numbers(kind)[1], whole.numbers(kind)[3]],
            "{kind}: {}",
            rest.0
        );
    }
    let log = fs::read(world.server.data_dir().join("logs/0/42-1.log"))?;
    assert_eq!(log.len(), 3_200_000);
    Ok(())
}

#[tokio::test]
async fn a_trial_that_is_stopped_or_killed_leaves_nothing() -> Result<()> {
    let world = Takeover::new().await?;
    let old = MySql55::before(&world.old).await?;
    let trials = || -> Result<usize> {
        let files = fs::read_dir(world.server.data_dir())?.flatten();
        Ok(files.filter(|file| file.file_name().to_string_lossy().starts_with("trial-")).count())
    };
    for signal in ["TERM", "INT"] {
        let mut child = paused(&world, &old).await?;
        assert!(trials()? > 0, "a trial has a database");
        send(&child, signal).await?;
        let status = timeout(LIMIT, child.wait()).await??;
        let mut words = String::new();
        child.stderr.take().context("it can speak")?.read_to_string(&mut words).await?;
        assert!(!status.success() && words.contains("stopped by a signal; nothing was changed"), "{words}");
        assert_eq!(trials()?, 0, "{signal}");
    }
    paused(&world, &old).await?.kill().await?;
    assert!(trials()? > 0, "a kill leaves it");
    world.import(SECRET_KEY, &[]).await?;
    assert_eq!(trials()?, 0, "the next run removes it");
    Ok(())
}

/// An import that waits for an answer in the middle of its trial.
async fn paused(world: &Takeover, old: &MySql55) -> Result<Child> {
    const FIRST_QUESTION: &str = "gh_access_token";
    let asked = || old.statements().iter().filter(|words| words.contains(FIRST_QUESTION)).count();
    let before = asked();
    old.hold(Some(FIRST_QUESTION));
    let child = world.server.spawn(&["import", "--from", &old.url("kozmic"), "--dry-run"])?;
    let wait = async {
        while asked() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, wait).await.context("wait for a question")?;
    Ok(child)
}

async fn send(child: &Child, signal: &str) -> Result<()> {
    let process = child.id().context("it runs")?.to_string();
    let status =
        Command::new("sh").args(["-c", "kill -\"$1\" \"$2\"", "kill", signal, &process]).status().await?;
    anyhow::ensure!(status.success(), "kill: {status}");
    Ok(())
}
