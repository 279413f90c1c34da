//! Making commits: one `git fast-import` each, without a work tree, so that a test has them in milliseconds.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::{GitHub, stamp};

/// A commit to be made.
#[derive(Debug, Clone)]
pub struct Commit {
    message: String,
    author: Option<(String, String)>,
    time: SystemTime,
    parent: Option<String>,
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { path: String, content: Vec<u8> },
    Delete { path: String },
}

impl Commit {
    /// A commit with this message, made now by the repository's owner, that changes nothing yet.
    pub fn new(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            author: None,
            time: SystemTime::now(),
            parent: None,
            changes: Vec::new(),
        }
    }

    /// Sets the author.
    #[must_use]
    pub fn by(mut self, name: &str, email: &str) -> Self {
        self.author = Some((name.to_owned(), email.to_owned()));
        self
    }

    /// Sets the time, in seconds since 1970.
    #[must_use]
    pub fn at(mut self, seconds: u64) -> Self {
        self.time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        self
    }

    /// Writes a file; one that starts with `#!` becomes executable.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref().to_vec();
        self.changes.push(Change::Write { path: path.to_owned(), content });
        self
    }

    /// Writes several files.
    #[must_use]
    pub fn files(self, files: &[(&str, &str)]) -> Self {
        files.iter().fold(self, |commit, (path, content)| commit.file(path, content))
    }

    /// Deletes a file or a directory.
    #[must_use]
    pub fn delete(mut self, path: &str) -> Self {
        self.changes.push(Change::Delete { path: path.to_owned() });
        self
    }

    /// Builds on this commit instead of the branch's head: what a force push does.
    #[must_use]
    pub fn onto(mut self, parent: &str) -> Self {
        self.parent = Some(parent.to_owned());
        self
    }

    /// The stream that `git fast-import` reads, which prints the new commit's id.
    fn stream(&self, branch: &str, parent: Option<&str>, owner: &(String, String)) -> Vec<u8> {
        let (name, email) = self.author.as_ref().unwrap_or(owner);
        let when = stamp::unix(self.time);
        let mut stream = format!(
            "commit refs/heads/{branch}\nmark :1\nauthor {name} <{email}> {when} +0000\n\
             committer {name} <{email}> {when} +0000\ndata {}\n{}\n",
            self.message.len(),
            self.message
        )
        .into_bytes();
        if let Some(parent) = parent {
            stream.extend(format!("from {parent}\n").into_bytes());
        }
        self.changes.iter().for_each(|change| change.write_to(&mut stream));
        stream.extend(b"\nget-mark :1\ndone\n");
        stream
    }
}

impl Change {
    fn write_to(&self, stream: &mut Vec<u8>) {
        match self {
            Self::Write { path, content } => {
                let mode = if content.starts_with(b"#!") { "100755" } else { "100644" };
                stream.extend(format!("M {mode} inline {path}\ndata {}\n", content.len()).into_bytes());
                stream.extend(content);
                stream.push(b'\n');
            }
            Self::Delete { path } => stream.extend(format!("D {path}\n").into_bytes()),
        }
    }
}

impl GitHub {
    /// Makes a commit on a branch (which it makes if need be) and answers its id. Nobody is told:
    /// [`GitHub::push`] does that.
    pub async fn commit(&self, repository: &str, branch: &str, commit: Commit) -> Result<String> {
        let git = self.double.git(repository);
        let head = git.resolve(&format!("refs/heads/{branch}")).await;
        let parent = commit.parent.clone().or(head);
        let stream = commit.stream(branch, parent.as_deref(), &self.identity_of_owner(repository));
        let output = git
            .feed(&["fast-import", "--quiet", "--done", "--force"], &stream)
            .await
            .with_context(|| format!("commit on {branch} of {repository}"))?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    }

    /// Name and address of mail of a repository's owner; for an organization, somebody's.
    pub(super) fn identity_of_owner(&self, repository: &str) -> (String, String) {
        let owner = repository.split('/').next().unwrap_or_default();
        self.double.read(|world| {
            let account = world.account(owner).filter(|account| account.is_person());
            account.map_or_else(
                || ("Anna Orbit".to_owned(), "anna@example.com".to_owned()),
                |account| (account.name.clone(), account.email.clone()),
            )
        })
    }
}
