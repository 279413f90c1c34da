//! The limit of open files of this process: connections are files, too. Many systems start with a low soft limit for
//! old programs, so it is raised as far as the hard limit allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Number of files beyond which more are useless.
const PLENTY: u64 = 65_536;

/// The least number of files that stay free for the database, logs and git.
const OTHERS: u64 = 256;

/// Raises the limit of open files; gives the new limit.
pub(crate) fn raise_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = PLENTY.min(maximum.unwrap_or(PLENTY));
    match current {
        Some(current) if current < wanted => {
            let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
            raised.map_or(current, |()| wanted)
        }
        Some(current) => current,
        None => u64::MAX,
    }
}

/// The number of connections for which there are enough files, at most the wanted number.
pub(crate) fn bear(files: u64, wanted: usize) -> usize {
    let left = files.saturating_sub((files / 4).max(OTHERS)).max(10);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_to_others() {
        assert_eq!(bear(65_536, 20_000), 20_000);
        assert_eq!(bear(1_024, 20_000), 768);
        assert_eq!(bear(4_096, 20_000), 3_072);
        assert_eq!(bear(64, 20_000), 10);
        assert_eq!(bear(u64::MAX, 20_000), 20_000);
    }
}
