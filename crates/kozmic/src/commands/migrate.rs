//! `kozmic migrate`: brings the database's tables up to date, or moves an installation to another database.

mod addresses;
mod held;

use crate::{data_dir::DataDir, failure::Failure, settings::Settings, wire};
use addresses::addresses;
use anyhow::anyhow;
use clap::Args;
use held::Held;
use kozmic_edges::store::{self, Condition, Moved};
use std::process::ExitCode;

/// Arguments of the command.
#[derive(Args)]
pub(crate) struct MigrateArguments {
    /// The address of the database to copy, whose tables are up to date.
    ///
    /// Without it, the tables of the settings' database are brought up to date. KOZMIC_MIGRATE_FROM takes the place of
    /// this argument, because an address has a password; KOZMIC_MIGRATE_FROM_FILE names a file with the address.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// The address of an empty database to copy to, such as postgres://kozmic:password@host/kozmic.
    ///
    /// A new file of SQLite is sqlite:///path/kozmic.db?mode=rwc. Set `database_url` afterwards. KOZMIC_MIGRATE_TO and
    /// KOZMIC_MIGRATE_TO_FILE take the place of this argument.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Take the present secret key, although another one sealed the secrets in the database.
    ///
    /// Everybody has to sign in again, and Restore hooks has to be pressed in the settings of each project.
    #[arg(long, conflicts_with_all = ["from", "to"])]
    accept_secret_key: bool,
}

/// Runs the command. No server may run on the data directory, nor on the databases.
pub(crate) async fn migrate(settings: Settings, arguments: &MigrateArguments) -> Result<ExitCode, Failure> {
    let dir = DataDir::take_existing(&settings.server.data_dir)?;
    let url = wire::database_url(&settings, &dir);
    let sides = [arguments.from.as_ref(), arguments.to.as_ref()];
    match addresses(sides, |variable| std::env::var(variable).ok())? {
        Some(sides) if !arguments.accept_secret_key => Box::pin(move_between(&sides, &dir, &url)).await?,
        _ => {
            dir.judge_database(&url)?;
            let held = Held::take(&url, &dir).await?;
            let done = match arguments.accept_secret_key {
                true => Box::pin(held.during(accept_key(&settings, &dir))).await,
                false => Box::pin(held.during(bring_up(&url))).await,
            };
            held.leave().await;
            done?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Moves everything, and notes the new database if the data directory belongs to the old one.
async fn move_between([from, to]: &[String; 2], dir: &DataDir, of_settings: &str) -> Result<(), Failure> {
    if let Some(file) = store::file_of(from).filter(|file| !file.exists()) {
        return Err(Failure::other(anyhow!(
            "there is no {}: --from needs a database that is there",
            file.display()
        )));
    }
    if dir.is_same_database(from, to) {
        return Err(Failure::other(anyhow!("--from and --to are the same database")));
    }
    let old = Held::take(from, dir).await?;
    let moved = match Held::take(to, dir).await {
        Ok(new) => {
            // The new one is not kept: its row of the installation is replaced. It was free a moment ago.
            let moved = Box::pin(old.during(move_all(from, to))).await;
            new.leave().await;
            moved
        }
        Err(failure) => Err(failure),
    };
    old.leave().await;
    moved?;
    tell_new(from, to, dir, of_settings)
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn tell_new(from: &str, to: &str, dir: &DataDir, of_settings: &str) -> Result<(), Failure> {
    if dir.belongs_to(from, of_settings)? {
        dir.note_database(to)?;
        println!("The data directory belongs to {} now.", store::name_of(to));
    }
    println!(
        "Set database_url to the new address and start the server. {} stays as it is.",
        store::name_of(from)
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn accept_key(settings: &Settings, dir: &DataDir) -> Result<(), Failure> {
    let url = wire::database_url(settings, dir);
    store::accept_key(&url, &wire::secret_key(settings, dir)?).await.map_err(Failure::Other)?;
    println!("the secret key is the one of {} now", store::name_of(&url));
    println!("Secrets that another key sealed stay closed: everybody has to sign in again.");
    println!("Press Restore hooks in the settings of each project.");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn bring_up(url: &str) -> Result<(), Failure> {
    let name = store::name_of(url);
    match store::migrate(url).await.map_err(Failure::Other)? {
        Condition::Ready => println!("{name} was up to date"),
        Condition::Missing => println!("{name} has its tables now"),
        Condition::Behind(1) => println!("{name} is up to date now: 1 step was made"),
        Condition::Behind(steps) => println!("{name} is up to date now: {steps} steps were made"),
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn move_all(from: &str, to: &str) -> Result<(), Failure> {
    let (here, there) = (store::name_of(from), store::name_of(to));
    let moved = store::transfer(from, to).await.map_err(Failure::Other)?;
    let width = moved.iter().map(|Moved { table, .. }| table.len()).max().unwrap_or_default();
    for Moved { table, rows } in moved.iter().filter(|moved| moved.rows > 0) {
        println!("{table:width$}  {rows}");
    }
    let rows = moved.iter().map(|moved| moved.rows).sum::<u64>();
    println!("{rows} rows of {here} are in {there} now, and were counted on both sides.");
    Ok(())
}
