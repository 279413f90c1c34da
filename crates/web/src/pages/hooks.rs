//! The form that a hook is written in: title, image, script.

use super::frame::{Frame, Visit};
use super::{parts, projects::Tab};
use crate::{
    address::At,
    app::Shared,
    auth::{self, Checked, Cookies, Nothing, Tone},
    error::WebError,
};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use kozmic_edges::clock;
use kozmic_flow::sync;
use kozmic_model::{
    hook::{DEFAULT_SCRIPT, FieldFaults, Hook, HookDraft, HookRecipe, TITLE_LIMIT},
    ids::{HookId, ProjectId},
    project::{Project, Role},
};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "hook.html")]
struct HookPage {
    frame: Frame,
    project: Project,
    tab: Tab,
    hook: Option<Hook>,
    draft: HookDraft,
    faults: FieldFaults,
}

impl HookPage {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.get(field).map(String::as_str)
    }

    /// Whether to begin mending here: the first wrong field in the form's order.
    fn begins(&self, field: &str) -> bool {
        ["title", "image", "script"].into_iter().find(|name| self.faults.contains_key(name)) == Some(field)
    }
}

/// The fields as typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    title: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    script: String,
}

impl From<Typed> for HookDraft {
    fn from(Typed { title, image, script }: Typed) -> Self {
        Self { title, image, script }
    }
}

/// `GET /projects/<id>/hooks/add/`
pub(crate) async fn blank(
    State(app): State<Shared>,
    visit: Visit,
    At(project): At<ProjectId>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, project, Role::Manager).await?;
    let draft = HookDraft { script: DEFAULT_SCRIPT.to_owned(), ..HookDraft::default() };
    form(&app, visit, (project, None), draft, FieldFaults::new()).await
}

/// `POST /projects/<id>/hooks/add/`
pub(crate) async fn add(
    State(app): State<Shared>,
    At(project): At<ProjectId>,
    headers: HeaderMap,
    Checked(typed, person): Checked<Typed>,
) -> Result<Response, WebError> {
    let project = auth::project(&app, &person, project, Role::Manager).await?;
    let draft = HookDraft::from(typed);
    let visit = Visit::new(person, &headers, &app);
    match draft.check() {
        Ok(recipe) => {
            let hook = app.edges.store.add_hook(project.id, &recipe, clock::now()).await?;
            Ok(connected(&app, visit.cookies, &hook, "The hook is in place: the next push runs it.").await)
        }
        Err(faults) => form(&app, visit, (project, None), draft, faults).await,
    }
}

/// `GET /projects/<id>/hooks/<hook>/edit/`
pub(crate) async fn filled(
    State(app): State<Shared>,
    visit: Visit,
    At((project, hook)): At<(ProjectId, HookId)>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, project, Role::Manager).await?;
    let hook = hook_of(&app, &project, hook).await?;
    let draft = HookDraft::from(&hook.recipe);
    form(&app, visit, (project, Some(hook)), draft, FieldFaults::new()).await
}

/// `POST /projects/<id>/hooks/<hook>/edit/`
pub(crate) async fn edit(
    State(app): State<Shared>,
    At((project, hook)): At<(ProjectId, HookId)>,
    headers: HeaderMap,
    Checked(typed, person): Checked<Typed>,
) -> Result<Response, WebError> {
    let project = auth::project(&app, &person, project, Role::Manager).await?;
    let hook = hook_of(&app, &project, hook).await?;
    let draft = HookDraft::from(typed);
    let visit = Visit::new(person, &headers, &app);
    match draft.check() {
        Ok(recipe) => save(&app, visit.cookies, &hook, &recipe).await,
        Err(faults) => form(&app, visit, (project, Some(hook)), draft, faults).await,
    }
}

/// `POST /projects/<id>/hooks/<hook>/connect/`: tries again to make the webhook at the forge.
pub(crate) async fn connect(
    State(app): State<Shared>,
    cookies: Cookies,
    At((project, hook)): At<(ProjectId, HookId)>,
    Checked(Nothing {}, person): Checked<Nothing>,
) -> Result<Response, WebError> {
    let project = auth::project(&app, &person, project, Role::Manager).await?;
    let hook = hook_of(&app, &project, hook).await?;
    let good = format!("{} calls the hook now.", app.face.forge_name);
    Ok(connected(&app, cookies, &hook, &good).await)
}

async fn save(
    app: &Shared,
    cookies: Cookies,
    hook: &Hook,
    recipe: &HookRecipe,
) -> Result<Response, WebError> {
    let hook = app.edges.store.change_hook(hook.id, recipe).await?;
    Ok(connected(app, cookies, &hook, "The hook is saved: the next push runs it like this.").await)
}

/// Makes the webhook at the forge, and says how that went. The hook itself is saved either way.
async fn connected(app: &Shared, cookies: Cookies, hook: &Hook, good: &str) -> Response {
    let settings = Redirect::to(&format!("/projects/{}/settings/", hook.project));
    match sync::webhook(&app.edges, &app.face.public_url, hook).await {
        Ok(()) => cookies.set_notice(Tone::Good, good).onto(settings),
        Err(fault) => {
            tracing::warn!(hook.id = hook.id.0, "cannot connect the hook: {fault:#}");
            let said = format!(
                "The hook is saved, but {} does not call it yet: {}",
                app.face.forge_name,
                fault.root_cause()
            );
            cookies.set_notice(Tone::Bad, said).onto(settings)
        }
    }
}

async fn hook_of(app: &Shared, project: &Project, hook: HookId) -> Result<Hook, WebError> {
    let hook = app.edges.store.hook(hook).await?;
    hook.filter(|hook| hook.project == project.id).ok_or(WebError::NotFound)
}

async fn form(
    app: &Shared,
    visit: Visit,
    (project, hook): (Project, Option<Hook>),
    draft: HookDraft,
    faults: FieldFaults,
) -> Result<Response, WebError> {
    let frame = visit.frame(app, Some(project.id)).await?;
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = visit.show(&HookPage { frame, project, tab: Tab::Settings, hook, draft, faults })?;
    Ok((status, page).into_response())
}
