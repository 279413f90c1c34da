//! The work of a job of the Auto Builder, and the artifacts that it made.

use crate::{
    app::Face,
    artifacts::{Links, spoken_size},
};
use kozmic_model::{
    artifact::{Artifact, ArtifactPlace},
    spec::{Base, JobSpec, Manner},
    time::Timestamp,
};

/// The work of a job that is no hook's: its script is a program in the repository, or there is none.
pub(super) enum Work {
    /// A program runs in a container.
    Program(Box<Program>),
    /// The configuration repository is read and checked.
    Check,
}

/// A program, and the image that it runs in.
pub(super) struct Program {
    /// Its path in the repository, or else in the container, and what it is called with.
    pub(super) line: String,
    pub(super) image: String,
    /// Whether the image of the longest tag that fits stands for this one.
    pub(super) by_prefix: bool,
    /// The path where it leaves what it makes.
    pub(super) output: String,
    /// The image that its container becomes.
    pub(super) kept: Option<String>,
}

/// An artifact, as a page shows it.
pub(super) struct Made {
    pub(super) name: String,
    pub(super) stable: String,
    pub(super) links: Links,
    /// Its kind, and where it lies.
    pub(super) word: String,
    pub(super) size: String,
    pub(super) sha256: String,
    pub(super) removed_at: Option<Timestamp>,
}

impl Work {
    /// The work of a job; none for a hook's.
    pub(super) fn of(spec: &JobSpec) -> Option<Self> {
        let bare = match &spec.manner {
            Manner::Hooked => return None,
            Manner::Check => return Some(Self::Check),
            Manner::Bare(bare) => bare,
        };
        let inside = bare.program.strip_prefix(&bare.source).and_then(|path| path.strip_prefix('/'));
        let words =
            [inside.unwrap_or(&bare.program)].into_iter().chain(bare.arguments.iter().map(String::as_str));
        let product = spec.product.as_ref();
        let path = product.map(|product| format!("/{}", product.path)).unwrap_or_default();
        Some(Self::Program(Box::new(Program {
            line: words.collect::<Vec<_>>().join(" "),
            image: spec.image.to_string(),
            by_prefix: bare.base == Base::LongestPrefix,
            output: format!("{}{path}", bare.output.trim_end_matches('/')),
            kept: product.and_then(|product| product.keep.as_ref()).map(ToString::to_string),
        })))
    }
}

impl Work {
    /// The same, with the name that its container is really kept under.
    pub(super) fn kept_as(self, name: Option<String>) -> Self {
        match self {
            Self::Program(program) if name.is_some() => {
                Self::Program(Box::new(Program { kept: name, ..*program }))
            }
            other => other,
        }
    }
}

impl Made {
    /// A page's lines about a job's artifacts.
    pub(super) fn all(artifacts: Vec<Artifact>, face: &Face) -> Vec<Self> {
        artifacts.into_iter().map(|artifact| Self::of(artifact, face)).collect()
    }

    fn of(artifact: Artifact, face: &Face) -> Self {
        let links = Links::of(&artifact, face);
        let place = match &artifact.place {
            ArtifactPlace::Hub { .. } => "at the hub",
            ArtifactPlace::Binaries => "in the directory of binaries",
            ArtifactPlace::Kernels => "in the directory of kernels",
        };
        Self {
            word: format!("{} {place}", artifact.format),
            name: artifact.name.versioned,
            stable: artifact.name.stable,
            links,
            size: spoken_size(artifact.size),
            sha256: artifact.sha256,
            removed_at: artifact.removed_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;
    use kozmic_model::{
        artifact::{ArtifactName, Format, Product},
        spec::Bare,
        status::Status,
    };

    fn spec(program: &str, arguments: &[&str], base: Base) -> JobSpec {
        let bare = Bare {
            source: "/0-core".into(),
            before: String::new(),
            program: program.into(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            output: "/tmp/archives/".into(),
            base,
        };
        let name = ArtifactName { versioned: "x-1.tar.gz".into(), stable: "x.flist".into() };
        let keep = Some("zero-os/0-core:main".parse().unwrap());
        let product =
            Some(Product { path: "result.tar.gz".into(), format: Format::Flist, name, keep, is_met: false });
        JobSpec { manner: Manner::Bare(bare), product, ..samples::job(Status::Success).spec }
    }

    fn program(spec: &JobSpec) -> Program {
        match Work::of(spec) {
            Some(Work::Program(program)) => *program,
            _ => panic!("a program"),
        }
    }

    #[test]
    fn a_program_is_named_by_its_path_in_the_repository() {
        let inside = program(&spec("/0-core/autobuild/flist.sh", &[], Base::Named));
        assert_eq!((inside.line.as_str(), inside.image.as_str()), ("autobuild/flist.sh", "debian:bookworm"));
        assert_eq!(inside.output, "/tmp/archives/result.tar.gz");
        assert_eq!((inside.kept.as_deref(), inside.by_prefix), (Some("zero-os/0-core:main"), false));
        let elsewhere = program(&spec("/0-core-x/build.sh", &["main", "0-core"], Base::LongestPrefix));
        assert_eq!((elsewhere.line.as_str(), elsewhere.by_prefix), ("/0-core-x/build.sh main 0-core", true));
    }

    #[test]
    fn a_hooks_job_and_a_check_run_no_program() {
        let hooked = samples::job(Status::Success).spec;
        assert!(Work::of(&hooked).is_none());
        assert!(matches!(Work::of(&JobSpec { manner: Manner::Check, ..hooked }), Some(Work::Check)));
    }
}
