//! Cached images: an install script makes an image, and a key over all of its inputs finds it again.

use crate::{
    git::GitRef,
    ids::{CachedImageId, ProjectId},
    image::RESERVED,
    install::{Install, TrackedPath},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// All inputs of a cached image. The same inputs give the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheInputs {
    /// The engine's id of the base image's content.
    pub base: String,
    /// SHA-256 of the install script, in hexadecimal digits.
    pub script: String,
    /// Each tracked path with its git object id in the commit; none if the path is missing.
    pub tracked: Vec<(TrackedPath, Option<String>)>,
}

impl CacheInputs {
    /// The inputs of a base image and an install script. `objects` has the git object ids of the tracked paths, in the
    /// order of the paths: a change is detected without reading content.
    pub fn new(base: &str, install: &Install, objects: Vec<Option<String>>) -> Self {
        let tracked = install.tracked.iter().cloned().zip(objects).collect();
        Self { base: base.to_owned(), script: digest(&[&install.script]), tracked }
    }

    /// The key that finds a cached image on a runner's engine: SHA-256 over all inputs, in hexadecimal digits, with the
    /// runner's name behind it. Each installation has keys of its own, because two installations that share an engine
    /// both count their projects from 1. So has each runner, because two runners that share an engine know nothing of
    /// each other's images. A runner that has its installation's name is not named again: its images are from before
    /// runners had names of their own.
    pub fn key(&self, instance: &str, runner: &str) -> String {
        let mut parts = vec![instance, self.base.as_str(), self.script.as_str()];
        for (path, object) in &self.tracked {
            parts.extend([path.as_str(), object.as_deref().unwrap_or("missing")]);
        }
        let shared = digest(&parts);
        if runner == instance { shared } else { format!("{shared}-{runner}") }
    }

    /// The changes since the hook's image was last searched for, each as a few words.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.base != before.base {
            changes.push("the base image changed".to_owned());
        }
        if self.script != before.script {
            changes.push("the install script changed".to_owned());
        }
        for (path, object) in &self.tracked {
            let there = before.tracked.iter().find(|(known, _)| known == path);
            let path = words(path);
            match there {
                Some((_, known)) if known == object => {}
                Some((_, None)) => changes.push(format!("{path} was added")),
                Some(_) if object.is_none() => changes.push(format!("{path} was removed")),
                Some(_) => changes.push(format!("{path} changed")),
                None => changes.push(format!("{path} is tracked now")),
            }
        }
        let dropped =
            before.tracked.iter().filter(|(path, _)| self.tracked.iter().all(|(own, _)| own != path));
        changes.extend(dropped.map(|(path, _)| format!("{} is not tracked any more", words(path))));
        changes
    }
}

fn words(path: &TrackedPath) -> &str {
    if path.is_everything() { "the repository" } else { path.as_str() }
}

/// SHA-256 over all parts. Each part has its length before it, so no two lists of parts give the same bytes.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

/// An image that an install script made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedImage {
    /// Kozmic's own id.
    pub id: CachedImageId,
    /// The project whose jobs use it.
    pub project: ProjectId,
    /// The name of the runner whose engine has it.
    pub runner: String,
    /// The key that finds it.
    pub key: String,
    /// The name that the base image had when the image was made, for people.
    pub base: String,
    /// The size in bytes, all layers together.
    pub size: i64,
    /// Time at which it was made.
    pub created_at: Timestamp,
    /// Time at which a job last used it.
    pub used_at: Timestamp,
}

impl CachedImage {
    /// The image's name on the engine: `kozmic-cache/<key>:<project>`.
    pub fn name(&self) -> String {
        cached_image_name(self.project, &self.key)
    }

    /// True if the other image has the same inputs, on this runner's engine or on another one's.
    pub fn is_like(&self, other: &Self) -> bool {
        self.project == other.project && self.shared_key() == other.shared_key()
    }

    /// The part of the key that is the same on all runners.
    fn shared_key(&self) -> &str {
        let shared = self.key.strip_suffix(&self.runner).and_then(|rest| rest.strip_suffix('-'));
        shared.unwrap_or(&self.key)
    }
}

/// The keys of the images that a job may use. If none of the images exists, the job makes one under the first key.
///
/// Anybody may propose a change from a fork. An image that such a change's install script made must never be used by
/// the project's own branches. So the image is kept apart, for that pull request alone.
pub fn usable_keys(git_ref: &GitRef, shared: String) -> Vec<String> {
    match git_ref {
        GitRef::Branch(_) | GitRef::Tag(_) => vec![shared],
        GitRef::PullRequest(number) => vec![format!("{APART}{number}-{shared}"), shared],
    }
}

/// True if the image was made for a pull request from a fork.
pub fn is_apart(key: &str) -> bool {
    key.starts_with(APART)
}

/// The prefix of keys of images that are kept apart. No digest begins with it.
const APART: &str = "pr";

/// The name on the engine of the image with that key.
pub fn cached_image_name(project: ProjectId, key: &str) -> String {
    format!("{RESERVED}{key}:{project}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(base: &str, script: &str, tracked: &[(&str, Option<&str>)]) -> CacheInputs {
        let paths = tracked.iter().map(|(path, _)| path.parse().unwrap()).collect();
        let objects = tracked.iter().map(|(_, object)| object.map(str::to_owned)).collect();
        CacheInputs::new(base, &Install { script: script.to_owned(), tracked: paths }, objects)
    }

    #[test]
    fn every_input_counts_and_a_missing_path_too() {
        let same = inputs("sha256:1", "#!/bin/sh", &[("a", Some("1")), ("b", None)]);
        let again = inputs("sha256:1", "#!/bin/sh", &[("a", Some("1")), ("b", None)]);
        assert_eq!(same.key("here", "one"), again.key("here", "one"));
        assert_ne!(
            same.key("here", "one"),
            again.key("there", "one"),
            "another installation beside the same engine"
        );
        assert_ne!(
            same.key("here", "one"),
            again.key("here", "two"),
            "another runner beside the same engine"
        );
        for other in [
            inputs("sha256:2", "#!/bin/sh", &[("a", Some("1")), ("b", None)]),
            inputs("sha256:1", "#!/bin/bash", &[("a", Some("1")), ("b", None)]),
            inputs("sha256:1", "#!/bin/sh", &[("a", Some("2")), ("b", None)]),
            inputs("sha256:1", "#!/bin/sh", &[("a", Some("1")), ("b", Some("1"))]),
            inputs("sha256:1", "#!/bin/sh", &[("a", Some("1"))]),
            inputs("sha256:1", "#!/bin/sh", &[("a", Some("1")), ("c", None)]),
        ] {
            assert_ne!(same.key("here", "one"), other.key("here", "one"), "{other:?}");
        }
    }

    #[test]
    fn images_of_the_same_inputs_are_alike_on_all_runners() {
        let image = |runner: &str, script: &str, git_ref: &GitRef| {
            let key = inputs("sha256:1", script, &[]).key("here", runner);
            let (key, runner) = (usable_keys(git_ref, key).remove(0), runner.to_owned());
            let (id, project, base) = (CachedImageId(1), ProjectId(1), "debian".to_owned());
            CachedImage {
                id,
                project,
                runner,
                key,
                base,
                size: 1,
                created_at: Timestamp(0),
                used_at: Timestamp(0),
            }
        };
        let main = GitRef::Branch("main".into());
        let one = image("one", "#!/bin/sh", &main);
        assert!(one.is_like(&image("two", "#!/bin/sh", &main)));
        assert!(one.is_like(&image("here", "#!/bin/sh", &main)), "a runner with the installation's name");
        assert!(!one.is_like(&image("one", "#!/bin/bash", &main)));
        assert!(!one.is_like(&image("one", "#!/bin/sh", &GitRef::PullRequest(7))), "a fork's is kept apart");
    }

    #[test]
    fn what_a_fork_makes_is_kept_apart_from_what_branches_use() {
        let branch = usable_keys(&GitRef::Branch("main".into()), "ab".into());
        let fork = usable_keys(&GitRef::PullRequest(7), "ab".into());
        assert_eq!(branch, ["ab"]);
        assert_eq!(fork, ["pr7-ab", "ab"]);
        assert!(is_apart(&fork[0]) && !is_apart(&branch[0]));
        assert_eq!(cached_image_name(ProjectId(7), "pr7-ab"), "kozmic-cache/pr7-ab:7");
    }

    #[test]
    fn each_change_is_named() {
        let before = inputs("1", "x", &[("a", Some("1")), ("b", Some("1")), ("c", None), ("d", Some("1"))]);
        let now = inputs("2", "y", &[("a", Some("2")), ("b", None), ("c", Some("1")), ("e", Some("1"))]);
        assert_eq!(
            now.changes_since(&before),
            [
                "the base image changed",
                "the install script changed",
                "a changed",
                "b was removed",
                "c was added",
                "e is tracked now",
                "d is not tracked any more",
            ]
        );
        assert!(now.changes_since(&now).is_empty());
        let all = |tree| inputs("1", "x", &[(".", Some(tree))]);
        assert_eq!(all("2").changes_since(&all("1")), ["the repository changed"]);
    }
}
