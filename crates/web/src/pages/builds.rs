//! A build's page: its facts, a tab for each job, and the shown job's attempts, phases and log.

mod made;
mod shown;
mod view;

use super::frame::{Frame, Visit};
use super::{parts, projects::Tab};
use crate::{
    address::{Ask, At},
    app::Shared,
    attempts,
    error::WebError,
    refs,
};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use kozmic_model::{
    build::Build,
    git::GitRef,
    hook::Hook,
    ids::{BuildId, JobId, ProjectId},
    job::Job,
    project::{Project, Role},
    spent::Spent,
    status::Status,
};
use made::Work;
use serde::Deserialize;
use shown::Shown;
use view::{Around, JobTab, Note, Orders, telling};

#[derive(Template)]
#[template(path = "build.html")]
struct BuildPage {
    frame: Frame,
    project: Project,
    tab: Tab,
    build: Build,
    spent: Spent,
    orders: Orders,
    tabs: Vec<JobTab>,
    shown: Option<Shown>,
    /// The logins of those who approved it, if it is from a fork.
    approved_by: Vec<String>,
}

/// A project of which nothing was built yet.
#[derive(Template)]
#[template(path = "empty.html")]
struct EmptyPage {
    frame: Frame,
    project: Project,
    tab: Tab,
    hooks: Vec<Hook>,
    git_ref: Option<String>,
}

/// The ref whose latest build is asked for: a full ref, a branch's name, `tags/` and a tag's name, or `#` and a pull
/// request's number.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default, rename = "ref")]
    git_ref: String,
}

/// `GET /projects/<id>/builds/latest/?ref=`
pub(crate) async fn latest(
    State(app): State<Shared>,
    visit: Visit,
    At(id): At<ProjectId>,
    Ask(Wanted { git_ref }): Ask<Wanted>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Member).await?;
    let wanted = refs::named(&git_ref);
    if let Some(build) = app.edges.store.builds().latest_build(id, wanted.as_ref()).await? {
        return Ok(Redirect::to(&address(&build)).into_response());
    }
    let frame = visit.frame(&app, Some(id)).await?;
    let hooks = app.edges.store.hooks().hooks_of(id).await?;
    let git_ref = wanted.as_ref().map(refs::name);
    visit.show(&EmptyPage { frame, project, tab: Tab::Latest, hooks, git_ref })
}

/// `GET /projects/<id>/builds/<build>/`: shows the most informative job.
pub(crate) async fn build(
    State(app): State<Shared>,
    visit: Visit,
    At((project, build)): At<(ProjectId, BuildId)>,
) -> Result<Response, WebError> {
    show(&app, visit, project, build, None).await
}

/// `GET /projects/<id>/builds/<build>/jobs/<job>/?attempt=`
pub(crate) async fn job(
    State(app): State<Shared>,
    visit: Visit,
    At((project, build, job)): At<(ProjectId, BuildId, JobId)>,
    Ask(wanted): Ask<attempts::Wanted>,
) -> Result<Response, WebError> {
    show(&app, visit, project, build, Some((job, wanted))).await
}

/// The address of a build's page.
pub(super) fn address(build: &Build) -> String {
    format!("/projects/{}/builds/{}/", build.project, build.id)
}

/// The address of a job's page.
pub(super) fn job_address(job: &Job) -> String {
    format!("/projects/{}/builds/{}/jobs/{}/", job.project, job.build, job.id)
}

async fn show(
    app: &Shared,
    visit: Visit,
    project: ProjectId,
    build: BuildId,
    wanted: Option<(JobId, attempts::Wanted)>,
) -> Result<Response, WebError> {
    let project = visit.project(app, project, Role::Member).await?;
    let build = app.edges.store.builds().build(project.id, build).await?.ok_or(WebError::NotFound)?;
    let jobs = app.edges.store.builds().jobs_of(build.id).await?;
    let job = match &wanted {
        Some((id, _)) => Some(jobs.iter().find(|job| job.id == *id).ok_or(WebError::NotFound)?),
        None => telling(&jobs),
    };
    let frame = visit.frame(app, Some(project.id)).await?;
    let around = Around { frame: &frame, project: &project, build: &build };
    let tabs = jobs.iter().map(|each| JobTab::of(each, job, around)).collect();
    let shown = match job {
        Some(job) => {
            let run = wanted.map(|(_, run)| run).unwrap_or_default();
            Some(Shown::of(app, job, &run, around, visit.only_live).await?)
        }
        None => None,
    };
    let orders = Orders::of(&jobs, &frame);
    let spent = Spent::of(&jobs.iter().map(Job::span).collect::<Vec<_>>(), frame.now);
    let approved_by = match build.git_ref {
        GitRef::PullRequest(_) => app.edges.store.builds().approved_by(&build).await?,
        GitRef::Branch(_) | GitRef::Tag(_) => Vec::new(),
    };
    let tab = if frame.is_latest(&build) { Tab::Latest } else { Tab::Other };
    visit.show(&BuildPage { frame, project, tab, build, spent, orders, tabs, shown, approved_by })
}

#[cfg(test)]
mod tests {
    use super::{made::Made, *};
    use crate::{pages::samples, tests::trial::face};
    use kozmic_model::{
        artifact::{Artifact, ArtifactName, ArtifactPlace, Format},
        ids::ArtifactId,
        spec::{Base, Program, Task},
        time::Timestamp,
    };

    fn page(status: Status) -> String {
        as_seen_by(samples::frame(), status)
    }

    fn as_seen_by(frame: Frame, status: Status) -> String {
        rendered(frame, samples::job(status), Vec::new())
    }

    fn rendered(frame: Frame, job: Job, made: Vec<Made>) -> String {
        let status = job.status;
        let (project, build) = (samples::project(), samples::build(status));
        let around = Around { frame: &frame, project: &project, build: &build };
        let tabs = vec![JobTab::of(&job, Some(&job), around)];
        let orders = Orders::of(std::slice::from_ref(&job), &frame);
        let (phases, attempts) = (Vec::new(), Vec::new());
        let (tail, work) = ("<b>end</b>".into(), Work::of(&job.spec.task));
        let spent = job.span().spent(frame.now);
        let shown = Shown { phases, spent, reason: None, tail, work, made, job, attempts, is_past: false };
        let (tab, shown, approved_by) = (Tab::Latest, Some(shown), vec!["anna".to_owned()]);
        let page = BuildPage { frame, project, tab, build, spent, orders, tabs, shown, approved_by };
        page.render().unwrap()
    }

    fn artifact(place: ArtifactPlace) -> Artifact {
        let name = ArtifactName { versioned: "show-<i>1.tar.gz".into(), stable: "show.flist".into() };
        Artifact {
            id: ArtifactId(1),
            project: ProjectId(1),
            build: BuildId(5),
            job: JobId(9),
            format: Format::Flist,
            name,
            place,
            size: 1_572_864,
            sha256: "ab".repeat(32),
            pushed_at: Timestamp(0),
            created_at: Timestamp(0),
            removed_at: None,
        }
    }

    #[test]
    fn artifacts_have_names_sizes_checksums_and_links() {
        let hub =
            |url: &str| ArtifactPlace::Hub { url: url.into(), stable_url: "https://hub/show.flist".into() };
        let page = |artifact| {
            let made = Made::all(vec![artifact], &face(None));
            rendered(samples::frame(), samples::job(Status::Success), made)
        };
        let shown = page(artifact(hub("https://hub/1.flist")));
        let sum = "ab".repeat(32);
        for fact in [r#"href="https://hub/1.flist""#, r#"href="https://hub/show.flist""#, "1.5 MiB", &sum] {
            assert!(shown.contains(fact), "{fact}");
        }
        assert!(shown.contains("show-&#60;i&#62;1.tar.gz") && shown.contains("flist at the hub"));
        assert!(!page(artifact(hub("javascript:alert(1)"))).contains("javascript:"));
        let unserved = page(artifact(ArtifactPlace::Binaries));
        assert!(unserved.contains("in the directory of binaries") && !unserved.contains("/artifacts/"));
        let removed =
            Artifact { removed_at: Some(Timestamp(60_000)), ..artifact(hub("https://hub/1.flist")) };
        let removed = page(removed);
        assert!(removed.contains("Taken away") && !removed.contains("https://hub/1.flist"));
    }

    #[test]
    fn a_job_that_is_no_hooks_says_what_runs() {
        let mut job = samples::job(Status::Pending);
        assert!(!as_seen_by(samples::frame(), Status::Pending).contains("What runs"));
        job.spec.task = Task::Configuration;
        assert!(rendered(samples::frame(), job.clone(), Vec::new()).contains("reads and checks the recipes"));
        job.spec.task = Task::Program(Program {
            source: "/show".into(),
            path: "/show/autobuild/<b>.sh".into(),
            base: Base::LongestPrefix,
            ..samples::program()
        });
        let page = rendered(samples::frame(), job, Vec::new());
        for fact in
            ["<code>autobuild/&#60;b&#62;.sh</code>", "<code>debian:bookworm</code>, or in the kept image"]
        {
            assert!(page.contains(fact), "{fact}");
        }
        assert!(page.contains("<code>/tmp/archives/result.tar.gz</code>"));
    }

    #[test]
    fn a_job_says_which_labels_it_needs() {
        let mut job = samples::job(Status::Enqueued);
        job.spec.labels = "gpu,arm64".parse().unwrap();
        let line = "needs a runner with <code>arm64</code>, <code>gpu</code></li>";
        assert!(rendered(samples::frame(), job.clone(), Vec::new()).contains(line));
        job.spec.task = Task::Program(samples::program());
        let page = rendered(samples::frame(), job, Vec::new());
        assert!(page.contains(line) && page.contains("<code>debian:bookworm</code>"), "{page}");
        assert!(!as_seen_by(samples::frame(), Status::Enqueued).contains("needs a runner"));
    }

    #[test]
    fn the_page_says_what_it_shows_to_scripts() {
        let page = page(Status::Pending);
        for fact in
            [r#"data-project="1""#, r#"data-build="5""#, r#"data-job="9""#, r#"data-status="pending""#]
        {
            assert!(page.contains(fact), "{fact}");
        }
        assert!(page.contains("/projects/1/jobs/9/log/live"));
    }

    #[test]
    fn what_others_wrote_is_shown_as_text() {
        let page = page(Status::Pending);
        for markup in ["<script>slot", "<b>Mik", "<i>Li", "<b>end"] {
            assert!(!page.contains(markup), "{markup}");
        }
        assert!(!page.contains(" style=") && !page.contains("javascript:"));
    }

    #[test]
    fn what_goes_on_can_be_canceled_and_what_ended_can_run_again() {
        for (status, jobs, builds) in [
            (Status::Pending, "/jobs/9/cancel/", "/builds/5/cancel/"),
            (Status::Failure, "/jobs/9/restart/", "/builds/5/restart/"),
        ] {
            let page = page(status);
            for order in ["/jobs/9/cancel/", "/builds/5/cancel/", "/jobs/9/restart/", "/builds/5/restart/"] {
                assert_eq!(page.contains(order), order == jobs || order == builds, "{status} {order}");
            }
        }
        let well = page(Status::Success);
        assert!(well.contains("/jobs/9/restart/") && !well.contains("/builds/5/restart/"));
    }

    #[test]
    fn who_may_only_look_has_no_buttons() {
        for status in Status::ALL {
            let frame = Frame { role: Some(Role::Member), ..samples::frame() };
            let page = as_seen_by(frame, status);
            assert!(!page.contains("/cancel/") && !page.contains("/restart/"), "{status}");
        }
    }
}
