//! The environment of a job's script: the variables that tell of its build.

use crate::{
    event::{Author, Trigger},
    git::{GitRef, Sha},
    ids::BuildId,
    job::Attempt,
};

/// The facts of a build that its scripts get.
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
    /// The commit's author.
    pub author: &'a Author,
    /// The commit's message, as far as it is known when the job starts.
    pub message: &'a str,
    /// The event that brought the change.
    pub trigger: &'a Trigger,
}

/// The variables that a job's script finds in its environment (all but `HOME`, which the image decides).
pub fn environment(facts: &BuildFacts<'_>, attempt: Attempt, title: &str) -> Vec<(String, String)> {
    // All variables are always set: an image that an install script made has the variables of the job that made it.
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
        ("KOZMIC_JOB_ID", attempt.job.to_string()),
        ("KOZMIC_ATTEMPT", attempt.number.to_string()),
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

/// Removes NUL bytes, which end a variable, and shortens long values: the kernel does not start a script with a
/// variable of more than 128 KiB.
fn for_the_environment(value: String) -> String {
    const LIMIT: usize = 64 * 1024;
    let clean = value.replace('\0', "");
    let cut = clean.floor_char_boundary(LIMIT);
    clean[..cut].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::JobId;

    #[test]
    fn a_script_is_told_all_that_is_known_of_its_build() {
        let (git_ref, sha) = (GitRef::PullRequest(12), "a".repeat(40).parse().unwrap());
        let author = Author { name: "Anna".into(), email: None };
        let trigger = Trigger::PullRequest { number: 12, title: "Fix".into() };
        let facts = BuildFacts {
            project: "anna/hello",
            build: BuildId(5),
            number: 3,
            url: "https://ci.example.org/b",
            git_ref: &git_ref,
            sha: &sha,
            author: &author,
            message: "Fix it",
            trigger: &trigger,
        };
        let attempt = Attempt { job: JobId(9), number: 2 };
        let told = environment(&facts, attempt, "Tests");
        let lines = told.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let sha = format!("KOZMIC_SHA={sha}");
        let wanted = [
            "CI=true",
            "TERM=xterm",
            "KOZMIC=true",
            "KOZMIC_PROJECT=anna/hello",
            "KOZMIC_BUILD_ID=5",
            "KOZMIC_BUILD_NUMBER=3",
            "KOZMIC_BUILD_URL=https://ci.example.org/b",
            "KOZMIC_JOB_ID=9",
            "KOZMIC_ATTEMPT=2",
            "KOZMIC_JOB_TITLE=Tests",
            "KOZMIC_REF=refs/pull/12/head",
            "KOZMIC_REF_NAME=#12",
            &sha,
            "KOZMIC_AUTHOR=Anna",
            "KOZMIC_AUTHOR_EMAIL=",
            "KOZMIC_MESSAGE=Fix it",
            "KOZMIC_EVENT=pull_request",
            "KOZMIC_PULL_REQUEST=12",
        ];
        assert_eq!(lines, wanted);
        let pushed = environment(&BuildFacts { trigger: &Trigger::Push, ..facts }, attempt, "Tests");
        let last = [("KOZMIC_EVENT", "push"), ("KOZMIC_PULL_REQUEST", "")];
        assert_eq!(pushed[16..], last.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn hostile_messages_fit_into_the_environment() {
        let value = for_the_environment(format!("a\0b{}", "ü".repeat(100_000)));
        assert!(value.starts_with("abü") && value.len() <= 64 * 1024);
    }
}
