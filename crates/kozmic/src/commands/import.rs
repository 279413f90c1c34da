//! `kozmic import`: takes over an installation of the original while no server runs, and reports the result for each
//! thing.

use crate::{data_dir::DataDir, failure::Failure, settings::Settings, wire};
use anyhow::{Context, Result, anyhow};
use clap::Args;
use kozmic_edges::{
    Edges, clock,
    logs::Logs,
    small_file,
    store::{self, Store},
};
use kozmic_import::{Import, Installation, Kind, Remark, Report, SecretKey};
use kozmic_model::audit::Actor;
use secrecy::{ExposeSecret, SecretSlice};
use std::{
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};

/// The variable with the original's `SECRET_KEY`.
const SECRET_KEY: &str = "KOZMIC_IMPORT_SECRET_KEY";

/// Installation to take over, and how to do it.
#[derive(Args)]
pub(crate) struct ImportArguments {
    /// The address of the original's database, such as mysql://user:password@host/database.
    ///
    /// The original's own form, mysql+pymysql://…, is right as well.
    #[arg(
        long,
        env = "KOZMIC_IMPORT_FROM",
        hide_env_values = true,
        value_name = "ADDRESS",
        required_unless_present = "from_file"
    )]
    from: Option<String>,
    /// A file that contains this address with its password.
    #[arg(long, env = "KOZMIC_IMPORT_FROM_FILE", value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// The file with the original's SECRET_KEY, which opens its deploy keys.
    ///
    /// The file contains the key itself, or the key as Python's settings write it. The variable
    /// KOZMIC_IMPORT_SECRET_KEY can contain the key instead.
    #[arg(long, env = "KOZMIC_IMPORT_SECRET_KEY_FILE", value_name = "FILE")]
    secret_key_file: Option<PathBuf>,
    /// Print the result that an import would have, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Takes an installation over. A signal ends it between two rows, and everything that was taken over until then stays.
pub(crate) async fn import(settings: Settings, arguments: &ImportArguments) -> Result<ExitCode, Failure> {
    let dir = DataDir::take(&settings.server.data_dir)?;
    let url = wire::database_url(&settings, &dir);
    if store::is_server(&url) {
        return Err(Failure::other(anyhow!(
            "an installation is taken over into a file of SQLite's: leave database_url out, import, and move everything \
             with `kozmic migrate --from … --to …`"
        )));
    }
    dir.judge_database(&url)?;
    // Before signals are handled here, because reading a file may take long.
    let (from, secret_key) = (from(arguments)?, secret_key(arguments)?);
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut stopped = pin!(async {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    });
    let opened =
        async { anyhow::Ok((Installation::open(&from).await?, wire::server(&settings, &dir).await?)) };
    let (old, server) = tokio::select! {
        opened = opened => opened.map_err(Failure::Other)?,
        () = &mut stopped => return Err(was_stopped(arguments)),
    };
    let edges = server.flow.edges.acting(Actor::Operator);
    let work = async {
        tokio::select! {
            ended = take_over(&old, &edges, &dir, secret_key.as_ref(), arguments) => ended.map_err(Failure::Other),
            () = stopped => Err(was_stopped(arguments)),
        }
    };
    Box::pin(wire::closing(&edges.store, work)).await
}

fn was_stopped(arguments: &ImportArguments) -> Failure {
    Failure::other(match arguments.dry_run {
        true => anyhow!("stopped by a signal; nothing was changed"),
        false => {
            anyhow!("stopped by a signal: what was taken over stays, and another run goes on from there")
        }
    })
}

async fn take_over(
    old: &Installation,
    Edges { store, logs, .. }: &Edges,
    dir: &DataDir,
    secret_key: Option<&SecretKey>,
    arguments: &ImportArguments,
) -> Result<ExitCode> {
    let report = match arguments.dry_run {
        true => try_out(old, store, dir, secret_key).await?,
        false => run(old, store, Some(logs), secret_key).await?,
    };
    tell(old.source(), &report, arguments.dry_run);
    Ok(ExitCode::SUCCESS)
}

/// Tries the import on a copy of the database, without logs.
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

/// A database for a try. It is removed together with SQLite's files beside it.
struct Trial(PathBuf);

impl Trial {
    fn remove(&self) {
        for end in ["db", "db-wal", "db-shm"] {
            // The file holds nothing that is not elsewhere.
            let _ = std::fs::remove_file(self.0.with_extension(end));
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The address of the original's database.
fn from(arguments: &ImportArguments) -> Result<String> {
    match (&arguments.from, &arguments.from_file) {
        (None, Some(path)) => {
            let text =
                String::from_utf8(read(path)?).context("the address of the old database is not text")?;
            Ok(text.trim().to_owned())
        }
        (from, _) => from.clone().context("the address of the old database is missing"),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let read = small_file::bytes(path, |words| eprintln!("kozmic: {words}"));
    read.with_context(|| format!("cannot read {}", path.display()))
}

fn secret_key(arguments: &ImportArguments) -> Result<Option<SecretKey>> {
    let written = match &arguments.secret_key_file {
        Some(path) => Some(read(path)?),
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

/// Replaces control characters, because a terminal would obey them.
fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
