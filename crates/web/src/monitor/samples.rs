//! Samples of what the monitor may have to show, for tests of its parts.

use super::{card::Card, terminal::LastLines};
use crate::{
    app::{ArtifactDirs, Face},
    pages::samples,
    tests::trial,
};
use kozmic_edges::store::Monitored;
use kozmic_model::{
    artifact::{Artifact, ArtifactName, ArtifactPlace, Format},
    event::PushedCommit,
    ids::{ArtifactId, BuildId, JobId, ProjectId},
    job::Job,
    spec::{JobSpec, Origin, Program, Task},
    status::Status,
    time::Timestamp,
};
use std::sync::Arc;

/// The settings of an installation with an Auto Builder, which serves artifacts or not.
pub(crate) fn face(serves: bool) -> Face {
    let mut face =
        trial::face(Some(ArtifactDirs { binary: "/srv/binary".into(), kernel: "/srv/kernel".into() }));
    if let Some(auto_builder) = face.auto_builder.as_mut().filter(|_| !serves) {
        auto_builder.artifacts = None;
    }
    face
}

/// A job of a recipe, its build and its project.
pub(crate) fn monitored(status: Status) -> Monitored {
    let job = samples::job(status);
    let origin = Origin::Recipe { script: "autobuild/flist.sh".into(), tag: Some("special-tag".into()) };
    let image = "ubuntu:16.04".parse().unwrap();
    let task = Task::Program(Program { image, ..samples::program() });
    let spec = JobSpec { title: "autobuild/flist.sh [special-tag]".into(), origin, task, ..job.spec };
    let finished_at = status.is_finished().then_some(Timestamp(66_000));
    let mut build = samples::build(status);
    build.commits = [("a", "First", "Bob"), ("b", "Second <b>", "Anna <i>Li</i>")]
        .map(|(digit, message, author)| PushedCommit {
            sha: digit.repeat(40).parse().unwrap(),
            message: message.into(),
            author: author.into(),
            url: format!("https://github.com/adlift/show/commit/{digit}"),
        })
        .to_vec();
    Monitored { job: Job { spec, finished_at, ..job }, build, project: samples::project() }
}

/// A kernel that was published at this place.
pub(crate) fn artifact(place: ArtifactPlace) -> Artifact {
    let (versioned, stable) = ("zero-os-main-generic-aaaaaaaaaa.efi", "zero-os-main-generic.efi");
    Artifact {
        id: ArtifactId(1),
        project: ProjectId(1),
        build: BuildId(5),
        job: JobId(9),
        format: Format::Kernel,
        name: ArtifactName { versioned: versioned.into(), stable: stable.into() },
        place,
        size: 12_345_678,
        sha256: "c".repeat(64),
        pushed_at: Timestamp(1_000),
        created_at: Timestamp(66_000),
        removed_at: None,
    }
}

/// The card of the job with this number.
pub(crate) fn card(id: i64, status: Status) -> Card {
    let tail = LastLines { text: "last line".into(), html: "last <span class=\"f1\">line</span>".into() };
    let made = if status.is_finished() { vec![artifact(ArtifactPlace::Kernels)] } else { Vec::new() };
    let mut seen = monitored(status);
    seen.job.id = JobId(id);
    Card::of(&seen, &made, Arc::new(tail), &face(true))
}
