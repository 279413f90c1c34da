//! The names of branches, tags and pull requests, as people type them and as pages show them.

use kozmic_model::git::GitRef;

/// The ref that a text names: a pull request by `#12`, a tag by `tags/v1`, anything by its full ref, a branch by its
/// name; none if it is empty.
pub(crate) fn named(text: &str) -> Option<GitRef> {
    let text = text.trim();
    let number = || text.strip_prefix('#').and_then(|digits| digits.parse().ok()).map(GitRef::PullRequest);
    let tag = || text.starts_with("tags/").then(|| format!("refs/{text}").parse().ok()).flatten();
    let branch = || GitRef::Branch(text.to_owned());
    let full = text.parse().ok();
    (!text.is_empty()).then(|| full.or_else(number).or_else(tag).unwrap_or_else(branch))
}

/// The shortest name that means this ref and no other.
pub(crate) fn name(git_ref: &GitRef) -> String {
    let short = match git_ref {
        GitRef::Tag(tag) => format!("tags/{tag}"),
        GitRef::Branch(_) | GitRef::PullRequest(_) => git_ref.label(),
    };
    if named(&short).as_ref() == Some(git_ref) { short } else { git_ref.to_string() }
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
        assert_eq!(named("tags/v1"), Some(GitRef::Tag("v1".to_owned())));
        assert_eq!(named("refs/tags/v1"), Some(GitRef::Tag("v1".to_owned())));
        assert_eq!(named("v1"), branch("v1"));
        assert_eq!(named("  "), None);
    }

    #[test]
    fn a_name_means_one_ref_only() {
        let branches = ["main", "#12", "tags/v1", "refs/tags/v1", "refs/heads/x"]
            .map(|name| GitRef::Branch(name.into()));
        let others = [GitRef::Tag("v1".into()), GitRef::Tag("tags/v1".into()), GitRef::PullRequest(12)];
        for git_ref in branches.into_iter().chain(others) {
            assert_eq!(named(&name(&git_ref)), Some(git_ref));
        }
        assert_eq!(name(&GitRef::Tag("v1".into())), "tags/v1");
    }
}
