//! Kernel rules: a push to certain repositories builds a kernel, on an image that earlier builds kept.
//!
//! A *generic* rule builds everything on a fresh image and keeps its container as an image, one for each branch. A
//! *dependent* rule starts from the image that the generic rule kept, and builds only the part that its repository
//! changes.

use crate::{
    artifact::{ArtifactName, Format, Product},
    git::{GitRef, Sha},
    image::{ImageName, NotAnImage},
    interruption::IfInterrupted,
    names::{NameOwner, Wish, flat, is_flat},
    spec::{Base, JobSpec, Origin, Program, Task},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The beginning of an image's tag for a Git tag, so that the tag `v1` is never taken for the branch `v1`.
const OF_TAG: &str = "tag.";

/// The longest tag that an image may have, in characters.
const LONGEST_TAG: usize = 128;

/// The kind of a rule, by the part that it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelKind {
    /// One part, on an image that a generic build kept.
    Generic,
    /// One part, on an image that a generic build left.
    Dependent,
}

impl KernelKind {
    /// The word in settings and on pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Dependent => "dependent",
        }
    }
}

/// The image and the script to run for pushes to a repository that kernels are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelRule {
    /// `owner/name` of the repository whose pushes start the rule's jobs.
    pub repository: String,
    /// The image from which the build starts.
    pub start: KernelStart,
    /// Commands that a shell runs first, such as installing git; none if empty.
    pub before: String,
    /// The script's path in the container. It is called with the branch's name, the repository's name and, for a
    /// tag, the word `release`.
    pub script: String,
    /// The place where the script leaves the kernel.
    pub kernel: KernelFile,
    /// The prefix of kernels' names.
    pub prefix: String,
    /// The rule for a job that is interrupted.
    pub if_interrupted: IfInterrupted,
}

/// The image from which a kernel's build starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelStart {
    /// This image; the build's container is kept as `<owner>/<repository>:<branch>`.
    Fresh(ImageName),
    /// The image that the generic rule of this repository, `owner/name`, kept.
    Kept(String),
}

/// The place where a script leaves the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelFile {
    /// A directory that is empty at the start, such as `/target`.
    pub directory: String,
    /// The kernel's file in the directory, such as `vmlinuz.efi`.
    pub file: String,
}

impl KernelRule {
    /// The kind of the rule.
    pub fn kind(&self) -> KernelKind {
        match self.start {
            KernelStart::Fresh(_) => KernelKind::Generic,
            KernelStart::Kept(_) => KernelKind::Dependent,
        }
    }

    /// True if pushes to that repository start the rule's jobs. The case of letters does not matter.
    pub fn is_for(&self, full_name: &str) -> bool {
        self.repository.eq_ignore_ascii_case(full_name)
    }

    /// True if the image has a name under which this rule's builds are kept.
    pub fn keeps(&self, image: &ImageName) -> bool {
        self.kind() == KernelKind::Generic && image.listed_repository() == self.repository.to_lowercase()
    }

    /// The job that a push causes by this rule; none for pull requests. `name` is the repository's name without its
    /// owner.
    ///
    /// # Errors
    /// The repository's name makes no image name.
    pub fn job(&self, name: &str, git_ref: &GitRef, sha: &Sha) -> Result<Option<JobSpec>, NotAnImage> {
        let Some(tag) = image_tag(git_ref) else { return Ok(None) };
        let kept = |repository: &str| format!("{}:{tag}", repository.to_lowercase()).parse::<ImageName>();
        let (image, base, keep) = match &self.start {
            KernelStart::Fresh(image) => (image.clone(), Base::Named, Some(kept(&self.repository)?)),
            KernelStart::Kept(repository) => (kept(repository)?, Base::LongestPrefix, None),
        };
        let release = matches!(git_ref, GitRef::Tag(_)).then(|| "release".to_owned());
        let product = Product {
            path: self.kernel.file.clone(),
            format: Format::Kernel,
            name: self.name(name, &tag, sha),
            keep,
            is_met: false,
        };
        let program = Program {
            image,
            base,
            source: format!("/{name}"),
            before: self.before.clone(),
            path: self.script.clone(),
            arguments: [git_ref.label(), name.to_owned()].into_iter().chain(release).collect(),
            output: self.kernel.directory.clone(),
            product,
        };
        Ok(Some(JobSpec {
            title: format!("Kernel ({})", self.kind().word()),
            if_interrupted: self.if_interrupted,
            origin: Origin::Kernel(self.kind()),
            task: Task::Program(program),
        }))
    }

    /// `zero-os-<branch>-generic-<commit>.efi`, or with the repository's name in place of `generic`.
    fn name(&self, name: &str, tag: &str, sha: &Sha) -> ArtifactName {
        let stem = format!("{}-{tag}", self.prefix);
        let (part, stable) = match self.kind() {
            KernelKind::Generic => ("generic", format!("{stem}-generic")),
            KernelKind::Dependent => (name, stem.clone()),
        };
        let versioned = flat(&format!("{stem}-{part}-{}.efi", sha.short()));
        ArtifactName { versioned, stable: flat(&format!("{stable}.efi")) }
    }
}

/// The tag of the image that is kept for a ref; none for pull requests.
fn image_tag(git_ref: &GitRef) -> Option<String> {
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

    fn rule(start: KernelStart) -> KernelRule {
        KernelRule {
            repository: "Zero-OS/0-initramfs".into(),
            start,
            before: String::new(),
            script: "/0-initramfs/autobuild/build.sh".into(),
            kernel: KernelFile { directory: "/target".into(), file: "vmlinuz.efi".into() },
            prefix: "zero-os".into(),
            if_interrupted: IfInterrupted::Error,
        }
    }

    fn job(start: KernelStart, name: &str, git_ref: GitRef) -> JobSpec {
        rule(start).job(name, &git_ref, &"a".repeat(40).parse().unwrap()).unwrap().unwrap()
    }

    fn program(spec: JobSpec) -> Program {
        match spec.task {
            Task::Program(program) => program,
            other => panic!("{other:?}"),
        }
    }

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

    #[test]
    fn a_generic_rule_keeps_all_images_of_its_repository() {
        let keeps = |start, name: &str| rule(start).keeps(&name.parse().unwrap());
        let fresh = || KernelStart::Fresh("ubuntu:16.04".parse().unwrap());
        assert!(keeps(fresh(), "zero-os/0-initramfs:any") && keeps(fresh(), "docker.io/zero-os/0-initramfs"));
        assert!(!keeps(fresh(), "ubuntu:16.04") && !keeps(fresh(), "ghcr.io/zero-os/0-initramfs"));
        assert!(!keeps(KernelStart::Kept("zero-os/other".into()), "zero-os/0-initramfs"));
    }

    #[test]
    fn a_generic_build_is_kept_under_its_branch() {
        let fresh = || KernelStart::Fresh("ubuntu:16.04".parse().unwrap());
        let built = program(job(fresh(), "0-initramfs", GitRef::Branch("feature/x".into())));
        let product = built.product;
        assert_eq!(built.image.to_string(), "ubuntu:16.04");
        assert_eq!(product.keep.unwrap().to_string(), "zero-os/0-initramfs:feature-x");
        assert_eq!(product.name.versioned, "zero-os-feature-x-generic-aaaaaaaaaa.efi");
        assert_eq!(product.name.stable, "zero-os-feature-x-generic.efi");
        assert_eq!(product.name.flist(), "zero-os-feature-x-generic-aaaaaaaaaa.flist");
        assert_eq!((built.source.as_str(), built.output.as_str()), ("/0-initramfs", "/target"));
        assert_eq!(built.arguments, ["feature/x", "0-initramfs"]);
        let released = program(job(fresh(), "0-initramfs", GitRef::Tag("v1".into())));
        assert_eq!(released.arguments, ["v1", "0-initramfs", "release"]);
        let pull = rule(fresh()).job("x", &GitRef::PullRequest(1), &"a".repeat(40).parse().unwrap());
        assert_eq!(pull, Ok(None));
    }

    #[test]
    fn a_dependent_build_starts_from_what_the_generic_one_left() {
        let start = KernelStart::Kept("Zero-OS/0-initramfs".into());
        let spec = job(start, "0-core", GitRef::Branch("master-fix".into()));
        assert_eq!(spec.if_interrupted, IfInterrupted::Error);
        let Program { image, product, .. } = program(spec);
        assert_eq!(image.to_string(), "zero-os/0-initramfs:master-fix");
        assert_eq!(product.keep, None);
        assert_eq!(product.name.versioned, "zero-os-master-fix-0-core-aaaaaaaaaa.efi");
        assert_eq!(product.name.stable, "zero-os-master-fix.efi");
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
