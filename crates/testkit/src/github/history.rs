//! Facts that git knows of commits, in the form in which payloads and REST answers need them.

use anyhow::{Context, Result};

use super::git::Git;

/// The most commits that a push payload lists.
const MOST_COMMITS: &str = "2048";

/// One commit, as git tells it.
#[derive(Debug, Clone)]
pub(super) struct CommitFacts {
    pub(super) sha: String,
    pub(super) tree: String,
    pub(super) parents: Vec<String>,
    pub(super) author: Signature,
    pub(super) committer: Signature,
    pub(super) message: String,
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    pub(super) modified: Vec<String>,
}

/// A person and a time (RFC 3339).
#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) date: String,
}

impl Git {
    /// One commit.
    pub(super) async fn commit_facts(&self, sha: &str) -> Result<CommitFacts> {
        let one = self.log(&["-1", sha]).await?;
        one.into_iter().next().with_context(|| format!("git shows no commit {sha}"))
    }

    /// The commits that a push to `after` brings to a clone that has these commits and all before them; oldest first.
    pub(super) async fn commits_since(&self, known: &[String], after: &str) -> Result<Vec<CommitFacts>> {
        let known = known.iter().map(|sha| format!("^{sha}")).collect::<Vec<_>>();
        let range = std::iter::once(after).chain(known.iter().map(String::as_str)).collect::<Vec<_>>();
        self.log(&range).await
    }

    async fn log(&self, range: &[&str]) -> Result<Vec<CommitFacts>> {
        let format = "--format=%x01%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x02";
        let mut args = vec!["-c", "core.quotePath=false", "log", "--reverse", "--name-status"];
        args.extend(["--diff-merges=first-parent", "--no-renames", "--max-count", MOST_COMMITS, format]);
        args.extend(range);
        let output = self.feed(&args, b"").await?;
        let text = String::from_utf8_lossy(&output);
        text.split('\u{1}').skip(1).map(parse).collect()
    }
}

fn parse(text: &str) -> Result<CommitFacts> {
    let (head, changes) = text.split_once('\u{2}').context("git's log has another form")?;
    let fields: Vec<&str> = head.split('\0').collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or_default().to_owned();
    let signature = |first| Signature {
        name: field(first),
        email: field(first + 1),
        date: field(first + 2).replace("+00:00", "Z"),
    };
    let changed = |letter: char| {
        let line = |line: &str| line.strip_prefix(letter).map(|path| path.trim().to_owned());
        changes.lines().filter_map(line).collect()
    };
    Ok(CommitFacts {
        sha: field(0),
        tree: field(1),
        parents: field(2).split(' ').filter(|sha| !sha.is_empty()).map(str::to_owned).collect(),
        author: signature(3),
        committer: signature(6),
        message: field(9).trim_end().to_owned(),
        added: changed('A'),
        removed: changed('D'),
        modified: changed('M'),
    })
}
