//! A project's settings: hooks, members, builds, badge, keys, registries, cached images, and its deletion.

pub(crate) mod badge;
pub(crate) mod builds;
pub(crate) mod delete;
pub(crate) mod images;
pub(crate) mod members;
pub(crate) mod registries;

use super::frame::{Frame, Visit};
use super::{missed, parts, projects::Tab};
use crate::{address::At, app::Shared, error::WebError};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use badge::Badge;
use kozmic_edges::clock;
use kozmic_model::{
    cache::CachedImage,
    deploy_key::DeployKey,
    fork::ForkRule,
    form::FieldFaults,
    hook::Hook,
    ids::ProjectId,
    project::{Member, Project, Role},
    registry::{Credential, CredentialDraft},
    sudo::SudoRule,
};

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    project: Project,
    tab: Tab,
    facts: Facts,
    said: Said,
}

/// The things that belong to the project.
struct Facts {
    hooks: Vec<Hook>,
    members: Vec<Member>,
    badge: Badge,
    key: Option<DeployKey>,
    credentials: Vec<Credential>,
    images: Vec<CachedImage>,
    /// Sentences about deliveries that did not arrive.
    missed: Vec<String>,
    /// The reasons why missed deliveries cannot be looked for, in sentences.
    deaf: Vec<String>,
    /// The repository's page at the forge.
    repository: Option<String>,
}

/// The rules for pull requests from forks, in words, each with its effect.
const FORK_RULES: [(ForkRule, &str, &str); 3] = [
    (ForkRule::Never, "Never build them", "Nothing of a fork runs here."),
    (
        ForkRule::AfterApproval,
        "Build them after approval",
        "A person who manages the project looks at each commit first. Who may push to the repository needs no approval.",
    ),
    (
        ForkRule::Always,
        "Always build them",
        "Anybody's code runs in your containers at once, with their network and processor.",
    ),
];

/// The rules for scripts that gain rights, in words, each with its effect.
const SUDO_RULES: [(SudoRule, &str, &str); 3] = [
    (SudoRule::Always, "All scripts may", "Many install packages with it."),
    (
        SudoRule::NotForks,
        "All but those of pull requests from forks",
        "A stranger's script stays the user that it starts as. Install scripts of forks cannot use sudo either.",
    ),
    (SudoRule::Never, "No script may", "Packages belong into the image then."),
];

/// The page's reply to a form that was sent from it.
#[derive(Default)]
pub(super) struct Said {
    /// The things that are left to do at the forge: a headline, and a sentence for each of them.
    pub(super) left: Option<(String, Vec<String>)>,
    /// Sentences beside fields.
    pub(super) faults: FieldFaults,
    /// The credential as typed. Its password is not shown again.
    pub(super) credential: CredentialDraft,
}

impl Said {
    /// A reply that something is left to do at the forge.
    pub(super) fn left(headline: String, sentences: Vec<String>) -> Self {
        Self { left: Some((headline, sentences)), ..Self::default() }
    }
}

impl SettingsPage {
    fn fault(&self, field: &str) -> Option<&str> {
        self.said.faults.get(field).map(String::as_str)
    }

    /// True for the first wrong field in the page's order: the person begins to correct there.
    fn begins(&self, field: &str) -> bool {
        let fields = ["registry", "username", "password", "name"];
        fields.into_iter().find(|name| self.said.faults.contains_key(name)) == Some(field)
    }

    /// True if the repository is fetched with a deploy key.
    fn needs_key(&self) -> bool {
        self.project.repository.private || self.facts.key.is_some()
    }

    /// True if a hook's deliveries are refused because its webhook does not sign them.
    fn lacks_signature(&self) -> bool {
        self.facts.hooks.iter().any(|hook| hook.is_unsigned)
    }

    /// True if there is no key, or the forge does not have it.
    fn lacks_key(&self) -> bool {
        self.facts.key.as_ref().is_none_or(|key| key.at_forge.is_none())
    }
}

/// `GET /projects/<id>/settings/`
pub(crate) async fn settings(
    State(app): State<Shared>,
    visit: Visit,
    At(id): At<ProjectId>,
) -> Result<Response, WebError> {
    page(&app, visit, id, Said::default()).await
}

/// The address of a project's settings.
pub(super) fn path(project: ProjectId) -> String {
    format!("/projects/{project}/settings/")
}

/// The page, with a reply to the form that was sent.
pub(super) async fn page(
    app: &Shared,
    visit: Visit,
    id: ProjectId,
    said: Said,
) -> Result<Response, WebError> {
    let project = visit.project(app, id, Role::Manager).await?;
    let frame = visit.frame(app, Some(id)).await?;
    let facts = facts(app, &project).await?;
    let status = if said.faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = visit.show(&SettingsPage { frame, project, tab: Tab::Settings, facts, said })?;
    Ok((status, page).into_response())
}

async fn facts(app: &Shared, project: &Project) -> Result<Facts, WebError> {
    let (store, now) = (&app.edges.store, clock::now());
    let count = store.missed().missed_count(Some(project.repository.id), now.before(missed::SHOWN)).await?;
    Ok(Facts {
        missed: missed::sentences(&count, &app.face.forge, now),
        deaf: count.faults,
        hooks: store.hooks().hooks_of(project.id).await?,
        members: store.projects().members(project.id).await?,
        badge: Badge::of(project, &app.face),
        key: store.keys().deploy_key(project.id).await?,
        credentials: store.keys().credentials(project.id).await?,
        images: store.images().cached_images(project.id).await?,
        repository: parts::repository_url(&app.face.forge, project),
    })
}
