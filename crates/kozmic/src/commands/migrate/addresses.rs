//! The addresses between which everything moves: arguments, variables, or files that variables name. An address has a
//! password, which other users of the machine can see in an argument.

use crate::{failure::Failure, settings::read_file};
use anyhow::anyhow;
use std::path::Path;

/// The addresses of the old and the new database, by the arguments for them. None if only tables are brought up to
/// date: a variable alone asks for no move.
pub(super) fn addresses(
    [from, to]: [Option<&String>; 2],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<[String; 2]>, Failure> {
    let old = given(from, "KOZMIC_MIGRATE_FROM", &variable)?;
    let new = given(to, "KOZMIC_MIGRATE_TO", &variable)?;
    match (old, new) {
        (Some(old), Some(new)) => Ok(Some([right(&old, "--from")?, right(&new, "--to")?])),
        _ if from.is_some() || to.is_some() => Err(Failure::other(anyhow!(
            "a move needs both --from and --to, or in their place KOZMIC_MIGRATE_FROM and KOZMIC_MIGRATE_TO, or these with \
             _FILE behind them, which name files"
        ))),
        _ => Ok(None),
    }
}

/// An address as it is given. An empty variable counts as unset.
fn given(
    argument: Option<&String>,
    name: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, Failure> {
    if let Some(argument) = argument {
        return Ok(Some(argument.clone()));
    }
    let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let name_of_file = format!("{name}_FILE");
    match (variable(name), variable(&name_of_file)) {
        (Some(_), Some(_)) => {
            Err(Failure::other(anyhow!("{name} and {name_of_file} are both set: only one of them can hold")))
        }
        (None, Some(file)) => match read_file(Path::new(&file))?.trim() {
            "" => Err(Failure::other(anyhow!("{file} is empty, and {name_of_file} names it"))),
            address => Ok(Some(address.to_owned())),
        },
        (address, None) => Ok(address),
    }
}

/// An address as the settings would take it.
fn right(address: &str, argument: &str) -> Result<String, Failure> {
    let fault =
        |right| Failure::other(anyhow!("{argument} has a wrong value (not shown); it needs to be {right}"));
    crate::settings::database_url(address.trim()).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sqlite://a";
    const B: &str = "postgres://kozmic:hush@host/b";

    /// The outcome for `--from`, `--to` and variables.
    fn found(given: [Option<&str>; 2], variables: &[(&str, &str)]) -> Result<Option<[String; 2]>, String> {
        let [from, to] = given.map(|address| address.map(str::to_owned));
        let variable = |name: &str| {
            let with_name = variables.iter().find(|(known, _)| format!("KOZMIC_MIGRATE_{known}") == name);
            with_name.map(|(_, value)| (*value).to_owned())
        };
        addresses([from.as_ref(), to.as_ref()], variable).map_err(|fault| fault.to_string())
    }

    #[test]
    fn each_address_of_a_move_may_be_an_argument_a_variable_or_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{B}\n")).unwrap();
        let path = file.path().display().to_string();
        for (given, variables) in [
            ([Some(A), Some(B)], &[][..]),
            ([Some(A), None], &[("TO", B)]),
            ([None, Some(B)], &[("FROM", A), ("TO", "sqlite://c")]),
            ([None, None], &[("FROM", A), ("TO_FILE", path.as_str())]),
        ] {
            assert_eq!(found(given, variables), Ok(Some([A.to_owned(), B.to_owned()])), "{variables:?}");
        }
        let both = found([Some(A), None], &[("TO", B), ("TO_FILE", &path)]).unwrap_err();
        assert!(both.contains("KOZMIC_MIGRATE_TO and KOZMIC_MIGRATE_TO_FILE are both set"), "{both}");
        std::fs::write(file.path(), "\n").unwrap();
        let empty = found([Some(A), None], &[("TO_FILE", &path)]).unwrap_err();
        assert!(empty.contains("is empty, and KOZMIC_MIGRATE_TO_FILE names it"), "{empty}");
    }

    #[test]
    fn a_variable_alone_asks_for_no_move_and_an_argument_alone_is_refused() {
        for variables in [&[][..], &[("FROM", A)], &[("TO", B)], &[("FROM", ""), ("TO", B)]] {
            assert_eq!(found([None, None], variables), Ok(None), "{variables:?}");
        }
        for given in [[Some(A), None], [None, Some(B)]] {
            assert!(found(given, &[("TO", ""), ("FROM", "")]).unwrap_err().contains("both --from and --to"));
        }
    }

    #[test]
    fn a_wrong_address_is_not_repeated() {
        let fault = found([Some(A), Some("postgres://kozmic:hu@sh@host/b")], &[]).unwrap_err();
        assert!(fault.contains("--to has a wrong value (not shown)") && !fault.contains("sh@"), "{fault}");
    }
}
