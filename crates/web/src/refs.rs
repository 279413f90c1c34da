//! The names by which people ask for a branch or a pull request.

use kozmic_model::git::GitRef;

/// What a text names: a pull request by `#12`, anything by its full ref, a branch by its name; none if it is empty.
pub(crate) fn named(text: &str) -> Option<GitRef> {
    let text = text.trim();
    let number = || text.strip_prefix('#').and_then(|digits| digits.parse().ok()).map(GitRef::PullRequest);
    let branch = || GitRef::Branch(text.to_owned());
    (!text.is_empty()).then(|| text.parse().ok().or_else(number).unwrap_or_else(branch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_are_found_by_the_names_that_people_use() {
        let branch = |name: &str| Some(GitRef::Branch(name.to_owned()));
        assert_eq!(named(" main "), branch("main"));
        assert_eq!(named("refs/heads/feature/x"), branch("feature/x"));
        assert_eq!(named("#12"), Some(GitRef::PullRequest(12)));
        assert_eq!(named("refs/pull/12/head"), Some(GitRef::PullRequest(12)));
        assert_eq!(named("#twelve"), branch("#twelve"));
        assert_eq!(named("  "), None);
    }
}
