//! `kozmic import`: takes over an installation of the original, while no server runs, and says what became of it.

use crate::{data_dir::DataDir, failure::Failure, settings::Settings, wire};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use kozmic_edges::{Edges, clock, logs::Logs, store::Store};
use kozmic_import::{
    Import, Kind, Remark, Report,
    legacy::{Installation, SecretKey},
};
use secrecy::{ExposeSecret, SecretSlice};
use std::{os::unix::ffi::OsStringExt, path::PathBuf, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};

/// Variable that has the original's `SECRET_KEY`.
const SECRET_KEY: &str = "KOZMIC_IMPORT_SECRET_KEY";

/// Installation to take over, and how to do it.
#[derive(Args)]
pub(crate) struct ImportArguments {
    /// The original's database: mysql://user:password@host/database, or as the original has it,
    /// mysql+pymysql://…
    #[arg(long, env = "KOZMIC_IMPORT_FROM", hide_env_values = true, value_name = "ADDRESS")]
    from: String,
    /// The file with the original's SECRET_KEY in it, which opens its deploy keys: the key itself, or as Python's
    /// settings write it. The variable KOZMIC_IMPORT_SECRET_KEY can have the key instead.
    #[arg(long, value_name = "FILE")]
    secret_key_file: Option<PathBuf>,
    /// Says what would become of everything, and changes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Takes an installation over. A signal ends it between two rows: what was taken over stays.
pub(crate) async fn import(settings: Settings, arguments: &ImportArguments) -> Result<ExitCode, Failure> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let stopped = async {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    };
    tokio::select! {
        ended = take_over(settings, arguments) => ended,
        () = stopped => Err(Failure::other(match arguments.dry_run {
            true => anyhow!("stopped by a signal; nothing was changed"),
            false => anyhow!("stopped by a signal: what was taken over stays, and another run goes on from there"),
        })),
    }
}

async fn take_over(settings: Settings, arguments: &ImportArguments) -> Result<ExitCode, Failure> {
    let dir = DataDir::take(&settings.server.data_dir)?;
    let secret_key = secret_key(arguments)?;
    let old = Installation::open(&arguments.from).await?;
    let Edges { store, logs, .. } = wire::server(&settings, &dir).await?.flow.edges;
    let report = match arguments.dry_run {
        true => try_out(&old, &store, &dir, secret_key.as_ref()).await?,
        false => run(&old, &store, Some(&logs), secret_key.as_ref()).await?,
    };
    tell(old.source(), &report, arguments.dry_run);
    Ok(ExitCode::SUCCESS)
}

/// On a copy of the database, and without logs.
async fn try_out(
    old: &Installation,
    store: &Store,
    dir: &DataDir,
    secret_key: Option<&SecretKey>,
) -> Result<Report> {
    let copy = Trial(dir.trial());
    copy.remove();
    let trial = store.copy_to(&copy.0).await?;
    run(old, &trial, None, secret_key).await
}

async fn run(
    old: &Installation,
    store: &Store,
    logs: Option<&Logs>,
    secret_key: Option<&SecretKey>,
) -> Result<Report> {
    Import { old, store, logs, secret_key, now: clock::now() }.run().await
}

/// A database that is removed with all that SQLite keeps beside it.
struct Trial(PathBuf);

impl Trial {
    fn remove(&self) {
        for end in ["db", "db-wal", "db-shm"] {
            // It holds nothing that is not elsewhere.
            let _ = std::fs::remove_file(self.0.with_extension(end));
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.remove();
    }
}

fn secret_key(arguments: &ImportArguments) -> Result<Option<SecretKey>> {
    let written = match &arguments.secret_key_file {
        Some(path) => Some(std::fs::read(path).with_context(|| format!("read {}", path.display()))?),
        None => std::env::var_os(SECRET_KEY).map(OsStringExt::into_vec),
    };
    let Some(written) = written.map(SecretSlice::from) else { return Ok(None) };
    let key = SecretKey::read(written.expose_secret());
    key.context("the original's secret key is empty").map(Some)
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn tell(source: &str, report: &Report, is_trial: bool) {
    let what = if is_trial { "would be taken over; this was a trial" } else { "taken over" };
    println!("{source}: {what}");
    println!("{:<13} {:>8} {:>11} {:>14} {:>9}", "", "found", "taken over", "already there", "left out");
    for kind in Kind::ALL {
        let tally = report.tally(kind);
        let (found, taken, there, left_out) = (tally.found(), tally.taken, tally.there, tally.left_out);
        println!("{kind:<13} {found:>8} {taken:>11} {there:>14} {left_out:>9}");
    }
    for (word, remarks) in [
        ("left out", &report.left_out),
        ("mended", &report.mended),
        ("followed", &report.followed),
        ("deleted", &report.gone),
        ("to do", &report.to_do),
    ] {
        for Remark { what, why } in remarks {
            println!("{word}: {}: {}", on_one_line(what), on_one_line(why));
        }
    }
}

/// Replaces characters that a terminal would obey.
fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
