//! The frame around every page of a person who signed in: the header, the list of projects, and the banner about
//! trouble.

use crate::{
    app::Shared,
    auth::{Cookies, Notice, PART, SignedIn},
    error::WebError,
};
use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
    response::{Html, Response},
};
use kozmic_edges::{Edges, clock, forge::Site, store::ProjectLine};
use kozmic_model::{
    build::Build,
    ids::ProjectId,
    project::{Project, Role},
    runner::{self, Runner},
    time::Timestamp,
    user::User,
};

/// Number of projects from which on a filter field is shown.
const MANY_PROJECTS: usize = 9;

/// A person's request for a page.
pub(crate) struct Visit {
    /// The person who asks.
    pub(crate) person: SignedIn,
    /// Their browser's cookies.
    pub(crate) cookies: Cookies,
    /// True if the page is already open, and only its changing parts are needed.
    pub(crate) only_live: bool,
}

/// The facts for the frame around a page.
pub(crate) struct Frame {
    /// The time to which all ages on the page refer.
    pub(crate) now: Timestamp,
    /// The person who asks.
    pub(crate) user: User,
    /// The token in the page's forms.
    pub(crate) csrf: String,
    /// The list on the left.
    pub(crate) projects: Vec<ProjectLine>,
    /// The project that the page is about.
    pub(crate) current: Option<ProjectId>,
    /// The person's role in that project.
    pub(crate) role: Option<Role>,
    /// The known runners.
    pub(crate) runners: Vec<Runner>,
    /// A sentence that the page before left.
    pub(crate) notice: Option<Notice>,
    /// The forge as people see it.
    pub(crate) forge: Site,
    /// True if there is a monitor.
    pub(crate) has_monitor: bool,
    /// True if the page is the monitor.
    pub(crate) is_monitor: bool,
    /// True if the person may see the whole audit trail, and decide about runners.
    pub(crate) is_admin: bool,
}

impl FromRequestParts<Shared> for Visit {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, WebError> {
        let person = <SignedIn as FromRequestParts<Shared>>::from_request_parts(parts, app).await?;
        Ok(Self::new(person, &parts.headers, app))
    }
}

impl Visit {
    /// A request by a person who is already known.
    pub(crate) fn new(person: SignedIn, headers: &HeaderMap, app: &Shared) -> Self {
        Self { person, cookies: Cookies::of(headers, &app.face), only_live: only_live(headers) }
    }

    /// The edges, for changes that this person makes.
    pub(crate) fn edges(&self, app: &Shared) -> Edges {
        self.person.edges(app)
    }

    /// Collects the frame of a page, about a project or not.
    pub(crate) async fn frame(&self, app: &Shared, current: Option<ProjectId>) -> Result<Frame, WebError> {
        let store = &app.edges.store;
        let projects = store.projects().projects_of(self.person.user.id).await?;
        let role = projects.iter().find(|line| current == Some(line.project.id)).map(|line| line.role);
        Ok(Frame {
            now: clock::now(),
            user: self.person.user.clone(),
            csrf: self.person.session.csrf_token(),
            projects,
            current,
            role,
            runners: store.runners().runners().await?,
            notice: if self.only_live { None } else { self.cookies.notice() },
            forge: app.face.forge,
            has_monitor: app.face.auto_builder.is_some(),
            is_monitor: false,
            is_admin: app.face.is_admin(&self.person.user),
        })
    }

    /// The project, if this person has at least `role` in it.
    pub(crate) async fn project(&self, app: &Shared, id: ProjectId, role: Role) -> Result<Project, WebError> {
        crate::auth::project(app, &self.person, id, role).await
    }

    /// The page as an answer. A notice that it showed is not shown again.
    pub(crate) fn show(self, page: &impl Template) -> Result<Response, WebError> {
        let html = Html(page.render()?);
        let shown = !self.only_live && self.cookies.notice().is_some();
        let cookies = if shown { self.cookies.forget_notice() } else { self.cookies };
        Ok(cookies.onto(html))
    }
}

/// True if the page is already open, and only asks for its changing parts.
pub(crate) fn only_live(headers: &HeaderMap) -> bool {
    headers.contains_key(PART)
}

impl Frame {
    /// True if the person may configure the page's project.
    pub(crate) fn manages(&self) -> bool {
        self.role >= Some(Role::Manager)
    }

    /// True if the person may delete the page's project.
    pub(crate) fn owns(&self) -> bool {
        self.role == Some(Role::Owner)
    }

    /// The reason why no job can start anywhere; none if jobs can start.
    pub(crate) fn trouble(&self) -> Option<String> {
        runner::trouble(&self.runners, self.now)
    }

    /// True if the list is long enough for a filter field.
    pub(crate) fn many_projects(&self) -> bool {
        self.projects.len() >= MANY_PROJECTS
    }

    /// The address from which the page learns of changes.
    pub(crate) fn news_address(&self) -> String {
        match self.current {
            Some(project) => format!("/live?project={project}"),
            None => "/live".to_owned(),
        }
    }

    /// The latest build of the page's project.
    pub(crate) fn latest(&self) -> Option<&Build> {
        self.projects.iter().find(|line| self.is_current(&line.project))?.latest.as_ref()
    }

    /// True if no newer build of the page's project is known.
    pub(crate) fn is_latest(&self, build: &Build) -> bool {
        self.latest().is_none_or(|latest| latest.id == build.id)
    }

    /// True if a line of the list is the page's project.
    pub(crate) fn is_current(&self, project: &Project) -> bool {
        self.current == Some(project.id)
    }
}

/// A project, builds and jobs for tests of pages.
#[cfg(test)]
pub(crate) mod samples {
    use super::{Frame, ProjectLine, Role, Timestamp};
    use kozmic_edges::forge::github;
    use kozmic_model::{
        artifact::{ArtifactName, Format, Product},
        build::Build,
        event::{Author, Trigger},
        git::GitRef,
        hook::DEFAULT_SCRIPT,
        ids::{BuildId, ForgeUserId, HookId, JobId, ProjectId, RepositoryId, UserId},
        install::PullPolicy,
        interruption::IfInterrupted,
        invited::Admission,
        job::Job,
        project::{Project, ProjectSettings, Repository},
        spec::{Base, HookTask, JobSpec, Origin, Program, Task},
        status::Status,
        user::{MailSettings, Profile, User},
    };

    /// The frame of a page about that project.
    pub(crate) fn frame() -> Frame {
        let profile = Profile {
            forge_id: ForgeUserId(3),
            login: "anna".into(),
            name: "Anna <i>Li</i>".into(),
            avatar_url: String::new(),
            email: None,
        };
        let latest = Some(build(Status::Pending));
        let line = ProjectLine { project: project(), role: Role::Owner, latest };
        Frame {
            now: Timestamp(66_000),
            user: User {
                id: UserId(1),
                profile,
                mail: MailSettings::default(),
                admission: Admission::Unasked,
            },
            csrf: "token".into(),
            projects: vec![line],
            current: Some(ProjectId(1)),
            role: Some(Role::Owner),
            runners: Vec::new(),
            notice: None,
            forge: github::SITE,
            has_monitor: true,
            is_monitor: false,
            is_admin: false,
        }
    }

    /// A project of `adlift/show`.
    pub(crate) fn project() -> Project {
        let repository = Repository {
            id: RepositoryId(7),
            owner: "adlift".into(),
            name: "show".into(),
            private: false,
            default_branch: "master".into(),
            html_url: "https://github.com/adlift/show".into(),
            clone_url: "https://github.com/adlift/show.git".into(),
            ssh_url: "git@github.com:adlift/show.git".into(),
        };
        Project {
            id: ProjectId(1),
            owner: UserId(1),
            repository,
            settings: ProjectSettings::default(),
            badge_token: "badge".into(),
            open_badge: false,
            synced_at: None,
            sync_fault: None,
        }
    }

    /// A build of that project.
    pub(crate) fn build(status: Status) -> Build {
        Build {
            id: BuildId(5),
            project: ProjectId(1),
            number: 62,
            git_ref: GitRef::Branch("79-render-js-callback".into()),
            sha: "fb383b8665".repeat(4).parse().unwrap(),
            status,
            trigger: Trigger::PullRequest { number: 241, title: "JSONP".into() },
            author: Author { name: "Andy <b>Mikhaylenko</b>".into(), email: None },
            message: "Add JSONP as an option\n\nfor generating <script>slot</script> JS".into(),
            commits: Vec::new(),
            pusher: None,
            created_at: Timestamp(1_000),
            started_at: Some(Timestamp(2_000)),
            finished_at: None,
        }
    }

    /// A program of a recipe.
    pub(crate) fn program() -> Program {
        let name = ArtifactName { versioned: "x-1.tar.gz".into(), stable: "x.flist".into() };
        Program {
            image: "debian:bookworm".parse().unwrap(),
            base: Base::Named,
            source: "/0-core".into(),
            before: String::new(),
            path: "/0-core/autobuild/flist.sh".into(),
            arguments: Vec::new(),
            output: "/tmp/archives/".into(),
            product: Product {
                path: "result.tar.gz".into(),
                format: Format::Flist,
                name,
                keep: None,
                is_met: false,
            },
        }
    }

    /// A job of that build.
    pub(crate) fn job(status: Status) -> Job {
        Job {
            id: JobId(9),
            build: BuildId(5),
            project: ProjectId(1),
            spec: JobSpec {
                title: "Tests".into(),
                if_interrupted: IfInterrupted::default(),
                origin: Origin::Hook(HookId(1)),
                labels: kozmic_model::label::Labels::default(),
                task: Task::Hook(HookTask {
                    image: "debian:bookworm".parse().unwrap(),
                    script: DEFAULT_SCRIPT.into(),
                    install: None,
                    pull: PullPolicy::default(),
                }),
            },
            status,
            attempt: 1,
            interruptions: 0,
            ending: None,
            reason: None,
            return_code: None,
            cancel_requested: false,
            canceled_by: None,
            container: None,
            cache_key: None,
            phases: Vec::new(),
            created_at: Timestamp(1_000),
            queued_at: Some(Timestamp(1_000)),
            started_at: Some(Timestamp(2_000)),
            finished_at: None,
        }
    }
}
