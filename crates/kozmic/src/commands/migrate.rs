//! `kozmic migrate`: brings the database's tables up to date, or moves an installation to another database.

use crate::{data_dir::DataDir, failure::Failure, settings::Settings, wire};
use anyhow::anyhow;
use clap::Args;
use kozmic_edges::store::{self, Condition, Moved};
use std::process::ExitCode;

/// Arguments of the command.
#[derive(Args)]
pub(crate) struct MigrateArguments {
    /// Moves everything from the database at this address; its tables have to be up to date. KOZMIC_MIGRATE_FROM takes
    /// the place of this argument: the address may have a password.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// The address of an empty database that everything moves to, such as postgres://kozmic:password@host/kozmic. The
    /// old database and the settings stay as they are. Set `database_url` afterwards. KOZMIC_MIGRATE_TO takes the place
    /// of this argument.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Takes the present secret key, although another one sealed the secrets in the database. Everybody has to sign in
    /// again, and Restore hooks has to be pressed in the settings of each project.
    #[arg(long, conflicts_with_all = ["from", "to"])]
    accept_secret_key: bool,
}

/// Runs the command. No server may run on the data directory.
pub(crate) async fn migrate(settings: Settings, arguments: &MigrateArguments) -> Result<ExitCode, Failure> {
    let dir = DataDir::take(&settings.server.data_dir)?;
    if arguments.accept_secret_key {
        return accept_key(&settings, &dir).await.map(|()| ExitCode::SUCCESS);
    }
    match addresses(arguments, |variable| std::env::var(variable).ok())? {
        Some([from, to]) => move_all(&checked(&from, "--from")?, &checked(&to, "--to")?).await,
        None => bring_up(&wire::database_url(&settings, &dir)).await,
    }
    .map(|()| ExitCode::SUCCESS)
}

/// The addresses between which everything moves. None if only tables are brought up to date: a variable alone asks for
/// no move.
fn addresses(
    MigrateArguments { from, to, .. }: &MigrateArguments,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<[String; 2]>, Failure> {
    let or_variable = |given: &Option<String>, name| {
        let given = given.clone().or_else(|| variable(name));
        given.filter(|address| !address.is_empty())
    };
    match (or_variable(from, "KOZMIC_MIGRATE_FROM"), or_variable(to, "KOZMIC_MIGRATE_TO")) {
        (Some(from), Some(to)) => Ok(Some([from, to])),
        _ if from.is_some() || to.is_some() => Err(Failure::other(anyhow!(
            "a move needs both --from and --to, or KOZMIC_MIGRATE_FROM and KOZMIC_MIGRATE_TO in their place"
        ))),
        _ => Ok(None),
    }
}

/// An address as the settings would take it.
fn checked(address: &str, argument: &str) -> Result<String, Failure> {
    let fault =
        |right| Failure::other(anyhow!("{argument} has a wrong value (not shown); it needs to be {right}"));
    crate::settings::database_url(address).map_err(fault)
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
    println!("Set database_url to the new address and start the server. {here} stays as it is.");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outcome for `--from`, `--to` and the variables in their place.
    fn found(given: [Option<&str>; 2], variables: [Option<&str>; 2]) -> Result<Option<[String; 2]>, Failure> {
        let [from, to] = given.map(|address| address.map(str::to_owned));
        let variable = |name: &str| variables[usize::from(name.ends_with("_TO"))].map(str::to_owned);
        addresses(&MigrateArguments { from, to, accept_secret_key: false }, variable)
    }

    #[test]
    fn each_address_of_a_move_may_be_in_a_variable() {
        let (a, b) = (Some("a"), Some("b"));
        for (given, variables) in
            [([a, b], [None, None]), ([a, None], [None, b]), ([None, b], [a, None]), ([None, None], [a, b])]
        {
            assert_eq!(found(given, variables).unwrap().unwrap(), ["a", "b"]);
        }
    }

    #[test]
    fn one_variable_alone_asks_for_no_move_and_one_argument_alone_is_refused() {
        let one = Some("x");
        for variables in [[None, None], [one, None], [None, one], [Some(""), one]] {
            assert!(found([None, None], variables).unwrap().is_none(), "{variables:?}");
        }
        for given in [[one, None], [None, one]] {
            assert!(found(given, [None, None]).unwrap_err().to_string().contains("both --from and --to"));
        }
    }
}
