//! The images that kernels' builds keep: their names, and the one on which a dependent build starts.

use crate::{
    git::GitRef,
    image::ImageName,
    names::{NameOwner, Wish, flat, is_flat},
};
use std::collections::BTreeMap;

/// The beginning of an image's tag for a Git tag, so that the tag `v1` is never taken for the branch `v1`.
const OF_TAG: &str = "tag.";

/// The longest tag that an image may have, in characters.
const LONGEST_TAG: usize = 128;

/// The tag of the image that is kept for a ref; none for pull requests.
pub(crate) fn image_tag(git_ref: &GitRef) -> Option<String> {
    let text = match git_ref {
        GitRef::Branch(name) => flat(name),
        GitRef::Tag(name) => format!("{OF_TAG}{}", flat(name)),
        GitRef::PullRequest(_) => return None,
    };
    // A tag begins with a letter, digit or `_` at Docker. A branch may also have a name that looks like the image of a
    // tag.
    let is_branch = matches!(git_ref, GitRef::Branch(_));
    let needs_more = text.starts_with(['-', '.']) || (is_branch && text.starts_with(OF_TAG));
    let tag = if needs_more { format!("_{text}") } else { text };
    Some(tag.chars().take(LONGEST_TAG).collect())
}

/// True if names of images and kernels show the ref without loss, except for slashes.
pub(crate) fn is_certain(git_ref: &GitRef) -> bool {
    match git_ref {
        GitRef::Branch(name) => is_flat(name) && !name.starts_with(OF_TAG) && name.len() <= LONGEST_TAG,
        GitRef::Tag(name) => is_flat(name) && name.len() + OF_TAG.len() <= LONGEST_TAG,
        GitRef::PullRequest(_) => false,
    }
}

/// The name to request if an image of another ref may have the same name. `image` is its plain name.
pub fn image_wish(full_name: &str, git_ref: &GitRef, image: &ImageName) -> Wish {
    let owner = NameOwner::kernel(full_name, git_ref);
    let longest = image.repository().len() + 1 + LONGEST_TAG;
    Wish::new(owner, image.to_string(), "", longest, is_certain(git_ref))
}

/// The tag of the image that a dependent build starts from: the tag of the longest branch that is a prefix of the
/// pushed branch's name. If a tag was pushed, tags are compared instead. `tags` are the tags on the engine; `owners`
/// has the owner of each image of this repository.
pub fn base_tag<'a>(
    tags: &'a [String],
    owners: &BTreeMap<String, String>,
    repository: &str,
    pushed: &GitRef,
) -> Option<&'a str> {
    let name = |tag: &str| format!("{repository}:{tag}");
    beginnings(pushed).find_map(|git_ref| {
        let own = NameOwner::kernel(repository, &git_ref);
        let plain = name(&image_tag(&git_ref)?).parse::<ImageName>().ok()?;
        let wish = image_wish(repository, &git_ref, &plain);
        let is_its = |tag: &&String| match owners.get(&name(tag)) {
            Some(owner) => owner == own.as_str(),
            // The image has no owner in the store: it was on the engine before owners were stored.
            None => wish.candidates().any(|candidate| candidate == name(tag)),
        };
        tags.iter().find(is_its).map(String::as_str)
    })
}

/// A ref and all shorter refs whose names are prefixes of its name, the longest first.
fn beginnings(git_ref: &GitRef) -> impl Iterator<Item = GitRef> {
    let (name, of): (&str, fn(String) -> GitRef) = match git_ref {
        GitRef::Branch(name) => (name, GitRef::Branch),
        GitRef::Tag(name) => (name, GitRef::Tag),
        GitRef::PullRequest(_) => ("", GitRef::Branch),
    };
    let ends = name.char_indices().map(|(at, letter)| at + letter.len_utf8()).collect::<Vec<_>>();
    ends.into_iter().rev().map(move |end| of(name[..end].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_image_that_may_be_anothers_is_as_long_as_a_tag_may_be() {
        let long = GitRef::Branch("b/".repeat(80));
        let image = format!("zero-os/base:{}", image_tag(&long).unwrap()).parse::<ImageName>().unwrap();
        let wish = image_wish("zero-os/base", &long, &image);
        let names = wish.candidates().collect::<Vec<_>>();
        assert_eq!(
            names.iter().map(|name| name.len()).collect::<Vec<_>>(),
            ["zero-os/base:".len() + LONGEST_TAG]
        );
        assert!(names[0].parse::<ImageName>().is_ok(), "{names:?}");
    }

    fn base(tags: &[&str], owners: &[(&str, GitRef)], pushed: GitRef) -> Option<String> {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let owner = |(tag, git_ref): &(&str, GitRef)| {
            (format!("o/r:{tag}"), NameOwner::kernel("O/r", git_ref).as_str().to_owned())
        };
        let owners = owners.iter().map(owner).collect();
        base_tag(&tags, &owners, "o/r", &pushed).map(str::to_owned)
    }

    #[test]
    fn the_base_is_the_longest_branch_that_the_pushed_one_begins_with() {
        let tags = ["master", "master-1", "mast", "dev", "tag.v1", "tag.v1.2"];
        let (branch, tag) = (|name: &str| GitRef::Branch(name.into()), |name: &str| GitRef::Tag(name.into()));
        for (pushed, found) in [
            (branch("master-12"), Some("master-1")),
            (branch("master"), Some("master")),
            (branch("feature"), None),
            (branch("v1"), None),
            (branch("tag.v1.2"), None),
            (tag("v1.2.3"), Some("tag.v1.2")),
            (tag("v"), None),
            (tag("master"), None),
        ] {
            assert_eq!(base(&tags, &[], pushed.clone()).as_deref(), found, "{pushed}");
        }
    }

    #[test]
    fn branches_with_the_same_letters_left_have_bases_of_their_own() {
        let branch = |name: &str| GitRef::Branch(name.into());
        let suffixed = |name: &str| {
            let plain = format!("o/r:{}", image_tag(&branch(name)).unwrap()).parse().unwrap();
            image_wish("o/r", &branch(name), &plain).first().split_once(':').unwrap().1.to_owned()
        };
        let (one, other) = (suffixed("фича"), suffixed("тест"));
        let tags = ["----", "feature-x", one.as_str(), other.as_str()];
        assert_eq!(base(&tags, &[], branch("фича-2")), Some(one.clone()));
        assert_eq!(base(&tags, &[], branch("тест")), Some(other.clone()));
        assert_eq!(base(&tags, &[], branch("ветка")), None);
        // An image without a stored owner may belong to either branch; an image with one belongs to its owner alone.
        assert_eq!(base(&tags, &[], branch("feature/x-1")).as_deref(), Some("feature-x"));
        let owners = [("feature-x", branch("feature/x"))];
        assert_eq!(base(&tags, &owners, branch("feature/x-1")).as_deref(), Some("feature-x"));
        assert_eq!(base(&tags, &owners, branch("feature-x-1")), None);
    }

    #[test]
    fn a_branch_that_is_called_like_a_tags_image_has_another_one() {
        let tags =
            [GitRef::Branch("tag.v1".into()), GitRef::Tag("v1".into())].map(|it| image_tag(&it).unwrap());
        assert_eq!(tags, ["_tag.v1", "tag.v1"]);
    }

    #[test]
    fn every_branch_makes_a_tag_that_an_image_may_have() {
        for branch in ["-x", ".x", "ü/ü", "a b", &"x".repeat(300)] {
            let tag = image_tag(&GitRef::Branch(branch.into())).unwrap();
            let name = format!("a/b:{tag}").parse::<ImageName>().unwrap();
            let suffixed = image_wish("a/b", &GitRef::Branch(branch.into()), &name).suffixed;
            assert!(suffixed.parse::<ImageName>().is_ok(), "{suffixed}");
        }
    }
}
