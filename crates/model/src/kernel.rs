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
    kernel_image::image_tag,
    label::Labels,
    names::flat,
    spec::{Base, JobSpec, KernelKind, Origin, Program, Task},
};

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
    /// The labels that a job's runner must have.
    pub labels: Labels,
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
            labels: self.labels.clone(),
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
            labels: "gpu".parse().unwrap(),
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
        assert_eq!((spec.if_interrupted, spec.labels.to_string()), (IfInterrupted::Error, "gpu".into()));
        let Program { image, product, .. } = program(spec);
        assert_eq!(image.to_string(), "zero-os/0-initramfs:master-fix");
        assert_eq!(product.keep, None);
        assert_eq!(product.name.versioned, "zero-os-master-fix-0-core-aaaaaaaaaa.efi");
        assert_eq!(product.name.stable, "zero-os-master-fix.efi");
    }
}
