//! The addresses that the demo prints. Each one is checked before it is printed.

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::sample;
use super::stage::Stage;
use super::story::Report;
use crate::person::Person;

/// Addresses of what the story made.
pub(super) struct Links {
    /// Kozmic's first page.
    pub(super) open: String,
    /// The build's page.
    pub(super) build: String,
    /// The commit's page at the double.
    pub(super) commit: String,
    /// The repository, for git, with Anna's token.
    pub(super) clone: String,
}

impl Links {
    pub(super) fn new(stage: &Stage, report: &Report) -> Self {
        let (kozmic, github) = (stage.server.url(), stage.github.url());
        Self {
            open: format!("{kozmic}/"),
            build: format!("{kozmic}/projects/{}/builds/latest/", report.project),
            commit: format!("{github}/{}/commit/{}", sample::REPOSITORY, report.sha),
            clone: stage.github.clone_url_as(sample::LOGIN, sample::REPOSITORY),
        }
    }

    /// Checks that all of them answer a person who has not signed in, and git.
    pub(super) async fn check(&self, stage: &Stage) -> Result<()> {
        let visitor = Person::visitor(&stage.server.url(), &stage.github, sample::LOGIN)?;
        for link in [&self.open, &self.build, &self.commit] {
            visitor.get(link).await?.ensure_ok().with_context(|| format!("{link} does not answer"))?;
        }
        let mut git = Command::new("git");
        let git = git.args(["ls-remote", "--exit-code", &self.clone, "main"]).env("GIT_TERMINAL_PROMPT", "0");
        let answer = git.output().await.context("run git")?;
        let complaint = String::from_utf8_lossy(&answer.stderr);
        ensure!(answer.status.success(), "the repository cannot be cloned: {complaint}");
        Ok(())
    }
}
