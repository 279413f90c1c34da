//! Reasons why a commit could not be had: sentences for people, and kinds for the code that decides what to do next.

use kozmic_model::git::{GitRef, Sha};

/// The reason why a commit could not be had.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The installed git is too old to be let near strangers' repositories.
    #[error(
        "{found} is too old, {needed} or newer is needed: who can push to a repository may make older ones run code on this \
         machine (CVE-2022-23521, CVE-2022-41903)"
    )]
    TooOld {
        /// Its own words.
        found: String,
        /// The oldest version that is good enough.
        needed: String,
    },
    /// The repository has no such commit (any more).
    #[error(
        "commit {sha} is not in the repository: {git_ref} was probably rewritten or deleted since the push"
    )]
    NoSuchCommit {
        /// The commit.
        sha: Sha,
        /// The ref where it was to be found.
        git_ref: GitRef,
    },
    /// The server knows no such deploy key; trying again changes nothing until it is registered again.
    #[error(
        "the deploy key is not accepted: it was removed at the forge. \"Restore hooks\" puts it back. \
         The server's words: {words}"
    )]
    KeyRefused {
        /// The words of ssh.
        words: String,
    },
    /// The server proves itself by another key than before; trying again changes nothing until somebody has looked.
    #[error(
        "the SSH host key of {host} is not the one that was pinned: this may be an attack, or the server is a new one. \
         If the change is known to be right, {remedy}"
    )]
    HostKeyChanged {
        /// The server, as in `known_hosts`.
        host: String,
        /// The remedy in that case.
        remedy: String,
    },
    /// The server shows the repository to nobody without credentials, or does not accept these.
    #[error("the server does not show the repository: {words}")]
    NotShown {
        /// Git's own words.
        words: String,
    },
    /// The address is none that git fetches over SSH.
    #[error("\"{0}\" is no address to fetch from over SSH, such as git@host:path or ssh://git@host:22/path")]
    NotSsh(String),
    /// A commit has more files than are read of it.
    #[error("there are more than {limit} YAML files at this commit, and no more are read")]
    TooManyFiles {
        /// The most that are read.
        limit: usize,
    },
    /// A commit's files are larger together than is read.
    #[error("the YAML files at this commit are larger than {limit} bytes together, and no more is read")]
    TooMuch {
        /// In bytes.
        limit: u64,
    },
    /// A commit has more files and directories than are written or listed.
    #[error("the commit has more than {limit} files and directories")]
    TooManyEntries {
        /// The most.
        limit: u64,
    },
    /// A commit has a path that no system opens.
    #[error("the commit has a path of about {length} bytes, and no system opens more than 4095")]
    LongPath {
        /// In bytes, with some that stand beside it in git's list.
        length: u64,
    },
    /// A commit's files take more of a disk than they may.
    #[error("the commit's files take more than {limit} bytes of a disk")]
    TooLarge {
        /// In bytes.
        limit: u64,
    },
    /// Git said no; for a fetch, trying again may help.
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
    /// The disk, or the system starts no process.
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
    /// For `map_err`: the step that the system let fail.
    pub(super) fn io(what: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |cause| Self::Io { what, cause }
    }
}
