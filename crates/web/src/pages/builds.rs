//! A build's page: its facts, a tab for each job, and the shown job's phases and log.

mod view;

use super::frame::{Frame, Visit};
use super::{parts, projects::Tab, tail};
use crate::{
    address::{Ask, At},
    app::Shared,
    error::WebError,
};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use kozmic_edges::clock;
use kozmic_model::{
    build::Build,
    git::GitRef,
    hook::Hook,
    ids::{BuildId, JobId, ProjectId},
    job::Job,
    project::{Project, Role},
    status::Status,
};
use serde::Deserialize;
use view::{JobTab, Note, PhasePart, telling};

#[derive(Template)]
#[template(path = "build.html")]
struct BuildPage {
    frame: Frame,
    project: Project,
    tab: Tab,
    build: Build,
    tabs: Vec<JobTab>,
    shown: Option<Shown>,
}

/// The job whose log is shown.
struct Shown {
    job: Job,
    phases: Vec<PhasePart>,
    reason: Option<String>,
    tail: String,
}

/// A project that nothing was built of yet.
#[derive(Template)]
#[template(path = "empty.html")]
struct EmptyPage {
    frame: Frame,
    project: Project,
    tab: Tab,
    hooks: Vec<Hook>,
    git_ref: Option<String>,
}

/// Which ref's latest build is wanted: a full ref or a branch's name.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(rename = "ref")]
    git_ref: Option<String>,
}

/// `GET /projects/<id>/builds/latest/?ref=`
pub(crate) async fn latest(
    State(app): State<Shared>,
    visit: Visit,
    At(id): At<ProjectId>,
    Ask(Wanted { git_ref }): Ask<Wanted>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Member).await?;
    let git_ref = git_ref.filter(|text| !text.is_empty());
    let wanted = git_ref.clone().map(|text| text.parse().unwrap_or(GitRef::Branch(text)));
    if let Some(build) = app.edges.store.latest_build(id, wanted.as_ref()).await? {
        return Ok(Redirect::to(&format!("/projects/{id}/builds/{}/", build.id)).into_response());
    }
    let frame = visit.frame(&app, Some(id)).await?;
    let hooks = app.edges.store.hooks_of(id).await?;
    visit.show(&EmptyPage { frame, project, tab: Tab::Latest, hooks, git_ref })
}

/// `GET /projects/<id>/builds/<build>/`: with the job that tells most.
pub(crate) async fn build(
    State(app): State<Shared>,
    visit: Visit,
    At((project, build)): At<(ProjectId, BuildId)>,
) -> Result<Response, WebError> {
    show(&app, visit, (project, build), None).await
}

/// `GET /projects/<id>/builds/<build>/jobs/<job>/`
pub(crate) async fn job(
    State(app): State<Shared>,
    visit: Visit,
    At((project, build, job)): At<(ProjectId, BuildId, JobId)>,
) -> Result<Response, WebError> {
    show(&app, visit, (project, build), Some(job)).await
}

async fn show(
    app: &Shared,
    visit: Visit,
    (project, build): (ProjectId, BuildId),
    wanted: Option<JobId>,
) -> Result<Response, WebError> {
    let project = visit.project(app, project, Role::Member).await?;
    let build = app.edges.store.build(project.id, build).await?.ok_or(WebError::NotFound)?;
    let jobs = app.edges.store.jobs_of(build.id).await?;
    let job = match wanted {
        Some(id) => Some(jobs.iter().find(|job| job.id == id).ok_or(WebError::NotFound)?),
        None => telling(&jobs),
    };
    let frame = visit.frame(app, Some(project.id)).await?;
    let tabs = jobs.iter().map(|each| JobTab::of(each, job, &frame)).collect();
    let shown = match job {
        Some(job) => Some(shown(app, job, &frame, visit.only_live).await?),
        None => None,
    };
    let tab = if frame.is_latest(&build) { Tab::Latest } else { Tab::Other };
    visit.show(&BuildPage { frame, project, tab, build, tabs, shown })
}

async fn shown(app: &Shared, job: &Job, frame: &Frame, only_live: bool) -> Result<Shown, WebError> {
    let tail = match only_live {
        true => String::new(),
        false => tail::of(&app.edges.logs.reader(job.attempt())).await?,
    };
    let phases = PhasePart::of(&job.phases, job.status, clock::now());
    Ok(Shown { phases, reason: view::reason(job, frame), tail, job: job.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    fn page(status: Status) -> String {
        let (frame, job) = (samples::frame(), samples::job(status));
        let tabs = vec![JobTab::of(&job, Some(&job), &frame)];
        let shown = Shown { phases: Vec::new(), reason: None, tail: "<b>end</b>".into(), job };
        let (project, build) = (samples::project(), samples::build(status));
        let page = BuildPage { frame, project, tab: Tab::Latest, build, tabs, shown: Some(shown) };
        page.render().unwrap()
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
    fn only_what_goes_on_can_be_canceled() {
        assert!(page(Status::Pending).contains("/jobs/9/cancel/"));
        assert!(!page(Status::Success).contains("/jobs/9/cancel/"));
    }
}
