//! The monitor's card of one job: its build's name, its state, its commits, its artifacts, and the end of its log.

use super::{sight::Sight, terminal::LastLines};
use crate::{address::of_web, app::Face, artifacts::Links};
use kozmic_edges::{forge::Site, store::Monitored};
use kozmic_model::{
    artifact::Artifact,
    event::PushedCommit,
    ids::{JobId, ProjectId},
    job::{Attempt, Job},
    monitor::{MonitorState, build_name},
    spec::Origin,
    time::Timestamp,
};
use std::sync::Arc;

/// All facts that the monitor shows about one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    /// The job.
    pub(crate) id: JobId,
    /// The attempt whose log is shown.
    pub(crate) attempt: Attempt,
    /// Its project.
    pub(crate) project: ProjectId,
    /// True if only invited people see the repository.
    pub(crate) is_private: bool,
    /// `<owner>/<repository>/<branch>`.
    pub(crate) name: String,
    /// The word that distinguishes the script's artifact from others.
    pub(crate) tag: Option<String>,
    /// The script's name.
    pub(crate) title: String,
    /// Its state.
    pub(crate) state: MonitorState,
    /// The reason why the job did not succeed.
    pub(crate) error: Option<String>,
    /// The image of the job's container; none if the job has no container.
    pub(crate) image: Option<String>,
    /// The first digits of the container's id; empty before there is one.
    pub(crate) container: String,
    /// Time at which a runner took the job; for a waiting job, the time since which it waits. If the job ended before a
    /// runner took it, this is the time of its end. So the time between this and the end is the time of the attempt.
    pub(crate) started_at: Timestamp,
    /// Time at which the job ended.
    pub(crate) finished_at: Option<Timestamp>,
    /// The commits of the push, the newest first.
    pub(crate) commits: Vec<CommitLine>,
    /// The artifacts that the job published.
    pub(crate) artifacts: Vec<ArtifactLine>,
    /// The end of the job's log.
    pub(crate) tail: Arc<LastLines>,
    /// The job's page, for its project's members.
    pub(crate) page: String,
    /// The address of the job's whole log.
    pub(crate) log: String,
}

/// A commit of the push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommitLine {
    /// Its id.
    pub(crate) id: String,
    /// The first line of the message.
    pub(crate) message: String,
    /// The name of the author.
    pub(crate) author: String,
    /// The commit's page at the forge, if it has one on the web.
    pub(crate) url: Option<String>,
}

/// An artifact that the job published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArtifactLine {
    /// `flist`, `binary` or `kernel`.
    pub(crate) place: &'static str,
    /// The versioned name of the artifact.
    pub(crate) name: String,
    /// The stable name, which leads to the newest artifact.
    pub(crate) link: String,
    /// The address for a download, if there is one.
    pub(crate) url: Option<String>,
    /// Size in bytes.
    pub(crate) size: u64,
    /// SHA-256 as 64 hexadecimal digits.
    pub(crate) sha256: String,
    /// True if the artifact was removed since.
    pub(crate) is_removed: bool,
}

impl Card {
    /// The card of a job.
    pub(super) fn of(seen: &Monitored, artifacts: &[Artifact], tail: Arc<LastLines>, face: &Face) -> Self {
        let Monitored { job, build, project } = seen;
        let state = MonitorState::of(job);
        let digits = |container: &String| container.chars().take(10).collect();
        Self {
            id: job.id,
            attempt: job.shown_attempt(),
            project: project.id,
            is_private: project.repository.private,
            name: build_name(&project.repository, &build.git_ref),
            tag: job.spec.origin.tag().map(str::to_owned),
            title: title(job),
            state,
            error: (state == MonitorState::Error).then(|| reason(job)),
            image: job.spec.task.image().map(ToString::to_string),
            container: job.container.as_ref().map(digits).unwrap_or_default(),
            started_at: job.started_at.or(job.finished_at).or(job.queued_at).unwrap_or(job.created_at),
            finished_at: job.finished_at,
            commits: commits(seen, &face.forge),
            artifacts: artifacts.iter().map(|artifact| ArtifactLine::of(artifact, face)).collect(),
            tail,
            page: format!("/projects/{}/builds/{}/jobs/{}/", job.project, job.build, job.id),
            log: face.join(&format!("report/{}", job.id)).into(),
        }
    }

    /// A card without content.
    pub(crate) fn blank() -> Self {
        let (id, project) = (JobId(0), ProjectId(0));
        Self {
            id,
            attempt: Attempt { job: id, number: 0 },
            project,
            is_private: true,
            name: String::new(),
            tag: None,
            title: String::new(),
            state: MonitorState::Waiting,
            error: None,
            image: None,
            container: String::new(),
            started_at: Timestamp(0),
            finished_at: Some(Timestamp(0)),
            commits: Vec::new(),
            artifacts: Vec::new(),
            tail: Arc::default(),
            page: String::new(),
            log: String::new(),
        }
    }

    /// True if a viewer may see the card.
    pub(crate) fn is_for(&self, sight: &Sight) -> bool {
        sight.reaches(self.project, self.is_private)
    }
}

impl CommitLine {
    /// The first digits of the commit's id, enough for people.
    pub(crate) fn short(&self) -> &str {
        self.id.get(..10).unwrap_or(&self.id)
    }
}

impl ArtifactLine {
    fn of(artifact: &Artifact, face: &Face) -> Self {
        Self {
            place: artifact.place.directory().unwrap_or("flist"),
            name: artifact.name.versioned.clone(),
            link: artifact.name.stable.clone(),
            url: Links::of(artifact, face).versioned,
            size: artifact.size,
            sha256: artifact.sha256.clone(),
            is_removed: artifact.removed_at.is_some(),
        }
    }
}

/// The title on the card. For a recipe it is the name of the script alone, because the tag is shown beside it.
fn title(job: &Job) -> String {
    match &job.spec.origin {
        Origin::Recipe { script, .. } => script.clone(),
        Origin::Hook(_) | Origin::Kernel(_) | Origin::Configuration => job.spec.title.clone(),
    }
}

fn reason(job: &Job) -> String {
    job.reason.clone().unwrap_or_else(|| format!("{}.", job.status.label()))
}

/// The commits of the push. If the forge told none, the commit of the build alone.
fn commits(Monitored { build, project, .. }: &Monitored, forge: &Site) -> Vec<CommitLine> {
    let built = || {
        let url = forge.commit_page(&project.repository, &build.sha);
        let (message, author) = (build.headline().to_owned(), build.author.name.clone());
        CommitLine { id: build.sha.to_string(), message, author, url: of_web(&url) }
    };
    let pushed = |commit: &PushedCommit| CommitLine {
        id: commit.sha.to_string(),
        message: commit.message.clone(),
        author: commit.author.clone(),
        url: of_web(&commit.url),
    };
    match build.commits.is_empty() {
        true => vec![built()],
        false => build.commits.iter().rev().map(pushed).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::samples::{self, artifact, monitored};
    use kozmic_model::{artifact::ArtifactPlace, status::Status};

    fn card(seen: &Monitored, artifacts: &[Artifact]) -> Card {
        Card::of(seen, artifacts, Arc::default(), &samples::face(true))
    }

    #[test]
    fn only_addresses_of_the_web_are_shown() {
        let mut seen = monitored(Status::Pending);
        seen.build.commits[0].url = "javascript:alert(1)".into();
        let hub = ArtifactPlace::Hub { url: "data:text/html,x".into(), stable_url: String::new() };
        let card = card(&seen, &[artifact(hub)]);
        assert_eq!(card.commits.last().unwrap().url, None);
        assert_eq!((card.artifacts[0].place, card.artifacts[0].url.as_deref()), ("flist", None));
    }

    #[test]
    fn commits_stand_newest_first_and_never_miss() {
        let mut seen = monitored(Status::Pending);
        let messages = |seen: &Monitored| {
            card(seen, &[]).commits.into_iter().map(|commit| commit.message).collect::<Vec<_>>()
        };
        assert_eq!(messages(&seen), ["Second <b>", "First"]);
        seen.build.commits.clear();
        assert_eq!(messages(&seen), ["Add JSONP as an option"]);
    }

    #[test]
    fn an_artifact_leads_somewhere_only_while_it_is_there_and_served() {
        let seen = monitored(Status::Success);
        let there = artifact(ArtifactPlace::Kernels);
        let gone = Artifact { removed_at: Some(Timestamp(9)), ..there.clone() };
        let url = |artifact: &Artifact, is_served| {
            let card =
                Card::of(&seen, std::slice::from_ref(artifact), Arc::default(), &samples::face(is_served));
            card.artifacts[0].url.clone()
        };
        let address = format!("https://ci.example.org/artifacts/kernel/{}", there.name.versioned);
        assert_eq!(url(&there, true), Some(address));
        assert_eq!((url(&there, false), url(&gone, true)), (None, None));
    }

    #[test]
    fn a_pause_before_a_restart_is_no_part_of_a_run() {
        let mut seen = monitored(Status::Enqueued);
        let minutes = 26 * 60_000;
        let times =
            |seen: &Monitored| (card(seen, &[]).started_at.0, card(seen, &[]).finished_at.map(|end| end.0));
        (seen.job.started_at, seen.job.queued_at) = (None, Some(Timestamp(minutes)));
        assert_eq!(times(&seen), (minutes, None), "it waits since it was restarted");
        seen.job.finished_at = Some(Timestamp(minutes + 9));
        assert_eq!(times(&seen), (minutes + 9, Some(minutes + 9)), "it never ran");
    }

    #[test]
    fn only_what_ended_badly_has_an_error() {
        assert_eq!(card(&monitored(Status::Canceled), &[]).error.as_deref(), Some("Canceled."));
        let mut waits = monitored(Status::Enqueued);
        waits.job.reason = Some("Waits.".into());
        assert_eq!(card(&waits, &[]).error, None);
    }
}
