//! Connects a hook with the forge, restores what it needs there, and removes that.

use super::super::{
    button::Sent,
    frame::Visit,
    settings::{self, Said},
};
use super::hook_of;
use crate::{address::At, app::Shared, auth::Nothing, error::WebError};
use axum::{extract::State, response::Response};
use kozmic_flow::at_forge;
use kozmic_model::{
    hook::Hook,
    ids::{HookId, ProjectId},
    project::Role,
};

/// `POST /projects/<id>/hooks/<hook>/connect/`: tries again to create the webhook at the forge.
pub(crate) async fn connect(
    State(app): State<Shared>,
    At((project, hook)): At<(ProjectId, HookId)>,
    Sent(Nothing {}, visit): Sent<Nothing>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, project, Role::Manager).await?;
    let hook = hook_of(&app, &project, hook).await?;
    let good = format!("{} calls the hook now.", app.face.forge);
    connected(&app, visit, &hook, &good).await
}

/// `POST /projects/<id>/hooks/restore/`: restores everything that was changed or removed at the forge.
pub(crate) async fn restore(
    State(app): State<Shared>,
    At(project): At<ProjectId>,
    Sent(Nothing {}, visit): Sent<Nothing>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, project, Role::Manager).await?;
    let forge = &app.face.forge;
    let faults = at_forge::restore(&visit.edges(&app), &app.face.public_url, project.id).await?;
    if faults.is_empty() {
        let good = format!("All that this project needs at {forge} is in place.");
        return visit.lead(&app, &settings::path(project.id), Ok(good)).await;
    }
    let said = Said::left(format!("Not all could be put back at {forge}. You can try again."), faults);
    settings::page(&app, visit, project.id, said).await
}

/// `POST /projects/<id>/hooks/<hook>/delete/`: removes the webhook first, so that none is left without a hook.
pub(crate) async fn delete(
    State(app): State<Shared>,
    At((project, hook)): At<(ProjectId, HookId)>,
    Sent(Nothing {}, visit): Sent<Nothing>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, project, Role::Manager).await?;
    let hook = hook_of(&app, &project, hook).await?;
    let title = &hook.settings.title;
    let said = match at_forge::delete_hook(&visit.edges(&app), &app.face.public_url, &hook).await {
        Ok(()) => Ok(format!("The hook {title} is deleted. Its builds stay.")),
        Err(fault) => {
            tracing::warn!(hook.id = hook.id.0, "cannot delete the hook: {fault:#}");
            let forge = &app.face.forge;
            Err(format!("The hook {title} stays, because {forge} still calls it: {}", fault.root_cause()))
        }
    };
    visit.lead(&app, &settings::path(project.id), said).await
}

/// Creates the webhook at the forge, and tells the result. The hook itself is saved either way.
pub(super) async fn connected(
    app: &Shared,
    visit: Visit,
    hook: &Hook,
    good: &str,
) -> Result<Response, WebError> {
    let said = match at_forge::webhook(&visit.edges(app), &app.face.public_url, hook).await {
        Ok(()) => Ok(good.to_owned()),
        Err(fault) => {
            tracing::warn!(hook.id = hook.id.0, "cannot connect the hook: {fault:#}");
            let forge = &app.face.forge;
            Err(format!("The hook is saved, but {forge} does not call it yet: {}", fault.root_cause()))
        }
    };
    visit.lead(app, &settings::path(hook.project), said).await
}
