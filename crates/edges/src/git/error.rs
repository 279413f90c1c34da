//! Reasons why a commit is not available: sentences for people, and kinds for the code that decides the next step.

use kozmic_model::git::{GitRef, Sha};

/// The reason why a commit is not available.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The installed git is too old for strangers' repositories.
    #[error(
        "{found} is too old, {needed} or newer is needed: who can push to a repository may make older ones run code on this \
         machine (CVE-2022-23521, CVE-2022-41903)"
    )]
    TooOld {
        /// The version in git's own words.
        found: String,
        /// The oldest version that is safe.
        needed: String,
    },
    /// The repository has no such commit (any more).
    #[error(
        "commit {sha} is not in the repository: {git_ref} was probably rewritten or deleted since the push"
    )]
    NoSuchCommit {
        /// The commit.
        sha: Sha,
        /// The ref that should have it.
        git_ref: GitRef,
    },
    /// The server does not accept the deploy key. Trying again changes nothing until the key is registered again.
    #[error(
        "the deploy key is not accepted: it was removed at the forge. \"Restore hooks\" puts it back. \
         The server's words: {words}"
    )]
    KeyRefused {
        /// ssh's own words.
        words: String,
    },
    /// The server has another key than before. Trying again changes nothing until a person has checked it.
    #[error(
        "the SSH host key of {host} is not the one that was pinned: this may be an attack, or the server is a new one. \
         If the change is known to be right, {remedy}"
    )]
    HostKeyChanged {
        /// The server, as in `known_hosts`.
        host: String,
        /// The command or advice for a legitimate change.
        remedy: String,
    },
    /// The server shows the repository to nobody without credentials, or does not accept these.
    #[error("the server does not show the repository: {words}")]
    NotShown {
        /// Git's own words.
        words: String,
    },
    /// The address cannot be used to fetch over SSH.
    #[error("\"{0}\" is no address to fetch from over SSH, such as git@host:path or ssh://git@host:22/path")]
    NotSsh(String),
    /// A commit has too many files to read.
    #[error("there are more than {limit} YAML files at this commit, and no more are read")]
    TooManyFiles {
        /// The most that are read.
        limit: usize,
    },
    /// A commit's files are too large together to read.
    #[error("the YAML files at this commit are larger than {limit} bytes together, and no more is read")]
    TooMuch {
        /// The limit in bytes.
        limit: u64,
    },
    /// A commit has too many files and directories to write or list.
    #[error("the commit has more than {limit} files and directories")]
    TooManyEntries {
        /// The limit.
        limit: u64,
    },
    /// A commit has a path that no system can open.
    #[error("the commit has a path of about {length} bytes, and no system opens more than 4095")]
    LongPath {
        /// The length in bytes, with some bytes that are beside the path in git's list.
        length: u64,
    },
    /// A commit's files take too much of a disk.
    #[error("the commit's files take more than {limit} bytes of a disk")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Git failed. For a fetch, trying again may help.
    #[error("git {what} failed: {words}")]
    Failed {
        /// The command.
        what: &'static str,
        /// Git's own words.
        words: String,
    },
    /// Git took too long.
    #[error("git {what} took longer than {seconds} s")]
    TooSlow {
        /// The command.
        what: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// A program is missing.
    #[error(
        "{0} is not installed: Kozmic needs git and an OpenSSH client (Debian: apt install git openssh-client)"
    )]
    NotInstalled(&'static str),
    /// The disk failed, or the system cannot start a process.
    #[error("git {what} cannot run: {cause}")]
    Io {
        /// The command or step.
        what: &'static str,
        /// The system's error.
        #[source]
        cause: std::io::Error,
    },
}

impl GitError {
    /// An error for `map_err`, with the step that failed in the system.
    pub(super) fn io(what: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |cause| Self::Io { what, cause }
    }
}
