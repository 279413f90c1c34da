//! The work of a job of the Auto Builder, and the artifacts that it made.

use crate::{
    app::Face,
    artifacts::{Links, spoken_size},
};
use kozmic_model::{
    artifact::{Artifact, ArtifactPlace},
    spec::{self, Base, Task},
    time::Timestamp,
};

/// The work of a job without a hook: its script is a program in the repository, or there is none.
pub(super) enum Work {
    /// A program runs in a container.
    Program(Box<Program>),
    /// The configuration repository is read and checked.
    Configuration,
}

/// A program, and the image in which it runs.
pub(super) struct Program {
    /// Its path in the repository, or else in the container, with its arguments.
    pub(super) line: String,
    pub(super) image: String,
    /// True if an image with the longest matching tag is used instead.
    pub(super) by_prefix: bool,
    /// The path at which it leaves its artifact.
    pub(super) output: String,
    /// The name of the image that is made of its container.
    pub(super) kept: Option<String>,
}

/// An artifact, as a page shows it.
pub(super) struct Made {
    pub(super) name: String,
    pub(super) stable: String,
    pub(super) links: Links,
    /// Its kind and its place.
    pub(super) word: String,
    pub(super) size: String,
    pub(super) sha256: String,
    pub(super) removed_at: Option<Timestamp>,
}

impl Work {
    /// The work of a job; none for a job of a hook.
    pub(super) fn of(task: &Task) -> Option<Self> {
        match task {
            Task::Hook(_) => None,
            Task::Program(program) => Some(Self::Program(Box::new(Program::of(program)))),
            Task::Configuration => Some(Self::Configuration),
        }
    }

    /// The same work, with the name under which its container is really kept.
    pub(super) fn kept_as(self, name: Option<String>) -> Self {
        match self {
            Self::Program(program) if name.is_some() => {
                Self::Program(Box::new(Program { kept: name, ..*program }))
            }
            other => other,
        }
    }
}

impl Program {
    fn of(program: &spec::Program) -> Self {
        let inside = program.path.strip_prefix(&program.source).and_then(|path| path.strip_prefix('/'));
        let path = inside.unwrap_or(&program.path);
        let words = [path].into_iter().chain(program.arguments.iter().map(String::as_str));
        Self {
            line: words.collect::<Vec<_>>().join(" "),
            image: program.image.to_string(),
            by_prefix: program.base == Base::LongestPrefix,
            output: format!("{}/{}", program.output.trim_end_matches('/'), program.product.path),
            kept: program.product.keep.as_ref().map(ToString::to_string),
        }
    }
}

impl Made {
    /// The lines of a page about a job's artifacts.
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
    use kozmic_model::status::Status;

    fn shown(task: &Task) -> Program {
        match Work::of(task) {
            Some(Work::Program(program)) => *program,
            _ => panic!("a program"),
        }
    }

    #[test]
    fn a_program_is_named_by_its_path_in_the_repository() {
        let mut program = samples::program();
        program.product.keep = Some("zero-os/0-core:main".parse().unwrap());
        let inside = shown(&Task::Program(program.clone()));
        assert_eq!((inside.line.as_str(), inside.image.as_str()), ("autobuild/flist.sh", "debian:bookworm"));
        assert_eq!(inside.output, "/tmp/archives/result.tar.gz");
        assert_eq!((inside.kept.as_deref(), inside.by_prefix), (Some("zero-os/0-core:main"), false));
        let elsewhere = shown(&Task::Program(spec::Program {
            path: "/0-core-x/build.sh".into(),
            arguments: vec!["main".into(), "0-core".into()],
            base: Base::LongestPrefix,
            ..program
        }));
        assert_eq!((elsewhere.line.as_str(), elsewhere.by_prefix), ("/0-core-x/build.sh main 0-core", true));
    }

    #[test]
    fn a_hooks_job_and_a_reading_of_the_configuration_run_no_program() {
        assert!(Work::of(&samples::job(Status::Success).spec.task).is_none());
        assert!(matches!(Work::of(&Task::Configuration), Some(Work::Configuration)));
    }
}
