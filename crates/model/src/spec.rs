//! What a job needs to run, frozen when it is planned: a restart runs what ran.

use crate::{
    event::{Author, Trigger},
    git::{GitRef, Sha},
    ids::{BuildId, HookId, JobId},
    image::ImageName,
    install::{Install, PullPolicy},
};
use serde::{Deserialize, Serialize};

/// The snapshot of everything a job needs; a hook is one way to write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// The name on the job's tab.
    pub title: String,
    /// The image that the script runs in.
    pub image: ImageName,
    /// The script, starting with its shebang.
    pub script: String,
    /// What runs before the script, kept as an image.
    #[serde(default)]
    pub install: Option<Install>,
    /// Whether to look for a newer image first.
    #[serde(default)]
    pub pull: PullPolicy,
    /// What the spec was written from.
    pub origin: Origin,
}

/// What a job's spec was written from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A hook that a delivery woke.
    Hook(HookId),
}

/// The facts of a build that its scripts are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildFacts<'a> {
    /// `owner/name` of the project.
    pub project: &'a str,
    /// Kozmic's id of the build.
    pub build: BuildId,
    /// The number that people see.
    pub number: i64,
    /// The build's page.
    pub url: &'a str,
    /// The branch or pull request.
    pub git_ref: &'a GitRef,
    /// The commit.
    pub sha: &'a Sha,
    /// Who wrote the commit.
    pub author: &'a Author,
    /// The commit's message, as far as it is known when the job starts.
    pub message: &'a str,
    /// What brought the change.
    pub trigger: &'a Trigger,
}

/// The variables that a job's script finds in its environment (all but `HOME`, which the image decides).
pub fn environment(facts: &BuildFacts<'_>, job: JobId, title: &str) -> Vec<(String, String)> {
    // Always all of them: an image that an install script made has the variables of the job that made it.
    let pull_request = match facts.trigger {
        Trigger::PullRequest { number, .. } => number.to_string(),
        Trigger::Push => String::new(),
    };
    let variables = vec![
        ("CI", "true".to_owned()),
        ("TERM", "xterm".to_owned()),
        ("KOZMIC", "true".to_owned()),
        ("KOZMIC_PROJECT", facts.project.to_owned()),
        ("KOZMIC_BUILD_ID", facts.build.to_string()),
        ("KOZMIC_BUILD_NUMBER", facts.number.to_string()),
        ("KOZMIC_BUILD_URL", facts.url.to_owned()),
        ("KOZMIC_JOB_ID", job.to_string()),
        ("KOZMIC_JOB_TITLE", title.to_owned()),
        ("KOZMIC_REF", facts.git_ref.to_string()),
        ("KOZMIC_REF_NAME", facts.git_ref.label()),
        ("KOZMIC_SHA", facts.sha.to_string()),
        ("KOZMIC_AUTHOR", facts.author.name.clone()),
        ("KOZMIC_AUTHOR_EMAIL", facts.author.email.clone().unwrap_or_default()),
        ("KOZMIC_MESSAGE", facts.message.to_owned()),
        ("KOZMIC_EVENT", facts.trigger.word().to_owned()),
        ("KOZMIC_PULL_REQUEST", pull_request),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), for_the_environment(value))).collect()
}

/// A NUL byte ends a variable, and one of more than 128 KiB keeps the kernel from starting the script.
fn for_the_environment(value: String) -> String {
    const LIMIT: usize = 64 * 1024;
    let clean = value.replace('\0', "");
    let cut = clean.floor_char_boundary(LIMIT);
    clean[..cut].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_messages_fit_into_the_environment() {
        let value = for_the_environment(format!("a\0b{}", "ü".repeat(100_000)));
        assert!(value.starts_with("abü") && value.len() <= 64 * 1024);
    }
}
