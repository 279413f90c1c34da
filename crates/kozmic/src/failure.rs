//! Reasons for the program's end, with exit codes by which scripts can distinguish them.

use crate::settings::{SettingsFault, SettingsFaults};
use anyhow::Error;
use kozmic_edges::store::WrongTables;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

/// Reason for the program's end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Exit code 2: settings are wrong or missing.
    #[error(transparent)]
    Settings(#[from] SettingsFaults),
    /// Exit code 2: the settings name another database than the one of the data directory.
    #[error(
        "the data directory {} belongs to the database {noted}, and the settings name {given}: set database_url to the \
         first one; if you mean the other one, remove {}", path.display(), note.display()
    )]
    OtherDatabase { path: PathBuf, noted: String, given: String, note: PathBuf },
    /// Exit code 2: an argument, or the file that it names, is wrong.
    #[error("{}", said_once(.0))]
    Argument(Error),
    /// Exit code 3: the program cannot listen on the address and port.
    #[error(
        "cannot listen on {address}: {cause}. Another program may use the port; set KOZMIC_LISTEN to another one"
    )]
    Listen { address: SocketAddr, cause: std::io::Error },
    /// Exit code 4: another process uses the data directory.
    #[error(
        "the data directory {} is used by another Kozmic (process {process}): stop it first", path.display()
    )]
    DataDirInUse { path: PathBuf, process: String },
    /// Exit code 4: another server uses the database.
    #[error("the database is used by another Kozmic ({process}): stop it first")]
    DatabaseInUse { process: String },
    /// Exit code 4: another program has the database's file open.
    #[error("{} is open in another program, such as a Kozmic with another data directory: stop it first", path.display())]
    FileInUse { path: PathBuf },
    /// Exit code 4: another server took the database from this one.
    #[error("another Kozmic has taken the database, because this one did not reach it for a while")]
    DatabaseTaken,
    /// Exit code 5: the database's tables are of another version or program. Exit code 1: any other reason.
    #[error("{}", said_once(.0))]
    Other(Error),
}

impl Failure {
    pub(crate) fn other(fault: Error) -> Self {
        Self::Other(fault)
    }

    /// Prints the reason on standard error; gives the exit code.
    pub(crate) fn tell(&self) -> ExitCode {
        eprintln!("kozmic: {self}");
        match self {
            Self::Other(fault) if fault.chain().any(|cause| cause.is::<WrongTables>()) => ExitCode::from(5),
            Self::Other(_) => ExitCode::from(1),
            Self::Settings(_) | Self::OtherDatabase { .. } | Self::Argument(_) => ExitCode::from(2),
            Self::Listen { .. } => ExitCode::from(3),
            Self::DataDirInUse { .. }
            | Self::DatabaseInUse { .. }
            | Self::FileInUse { .. }
            | Self::DatabaseTaken => ExitCode::from(4),
        }
    }
}

/// A fault with its causes. Words that a fault repeats of its cause are printed once.
pub(crate) fn said_once(fault: &Error) -> String {
    let mut said = Vec::<String>::new();
    for words in fault.chain().map(ToString::to_string) {
        if !said.iter().any(|before| before.contains(&words)) {
            said.push(words);
        }
    }
    said.join(": ")
}

impl From<SettingsFault> for Failure {
    fn from(fault: SettingsFault) -> Self {
        Self::Settings(fault.into())
    }
}

impl From<Error> for Failure {
    fn from(fault: Error) -> Self {
        match fault.downcast::<Self>() {
            Ok(failure) => failure,
            Err(fault) => Self::Other(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn what_a_fault_repeats_of_its_cause_is_said_once() {
        let cause = Err::<(), _>(anyhow!("the disk is full"));
        let fault = cause.context("Connection Error: the disk is full").context("open the database");
        assert_eq!(said_once(&fault.unwrap_err()), "open the database: Connection Error: the disk is full");
    }
}
