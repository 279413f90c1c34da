//! The form for a hook: title, image, scripts.

mod forge;
mod wake;

pub(crate) use forge::{connect, delete, restore};

use super::button::Sent;
use super::frame::{Frame, Visit};
use super::{parts, projects::Tab};
use crate::{address::At, app::Shared, error::WebError};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kozmic_edges::clock;
use kozmic_model::{
    form::FieldFaults,
    hook::{DEFAULT_SCRIPT, Hook, HookDraft, TITLE_LIMIT},
    ids::{HookId, ProjectId},
    install::PullPolicy,
    interruption::IfInterrupted,
    project::{Project, Role},
    wake::{Drafts, WakeOn},
};
use serde::Deserialize;
use wake::TypedWake;

/// The form's fields, in its order.
const FIELDS: [&str; 16] = [
    "title",
    "image",
    "pull",
    "install_script",
    "tracked_files",
    "script",
    "wake_on",
    "wake_branches",
    "wake_tags",
    "wake_targets",
    "wake_drafts",
    "wake_paths",
    "wake_words",
    "wake_skip_words",
    "labels",
    "if_interrupted",
];

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

    /// True for the first wrong field in the form's order: the person begins to correct there.
    fn begins(&self, field: &str) -> bool {
        FIELDS.into_iter().find(|name| self.faults.contains_key(name)) == Some(field)
    }

    /// True if this policy is chosen.
    fn pulls(&self, policy: PullPolicy) -> bool {
        self.draft.pull.parse::<PullPolicy>().unwrap_or_default() == policy
    }

    /// True if this is the chosen end of an interrupted job.
    fn ends_as(&self, choice: IfInterrupted) -> bool {
        self.draft.if_interrupted.parse::<IfInterrupted>().unwrap_or_default() == choice
    }

    /// True if the part about the install script has content.
    fn installs(&self) -> bool {
        let is_filled = !self.draft.install_script.is_empty() || !self.draft.tracked_files.is_empty();
        is_filled || self.fault("install_script").is_some() || self.fault("tracked_files").is_some()
    }
}

/// The form to show to a person, without the page around it.
struct Form {
    project: Project,
    /// The hook to change; none: the form is for a new hook.
    hook: Option<Hook>,
    draft: HookDraft,
    faults: FieldFaults,
}

impl Form {
    async fn show(self, app: &Shared, visit: Visit) -> Result<Response, WebError> {
        let Self { project, hook, draft, faults } = self;
        let frame = visit.frame(app, Some(project.id)).await?;
        let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        let page = visit.show(&HookPage { frame, project, tab: Tab::Settings, hook, draft, faults })?;
        Ok((status, page).into_response())
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
    #[serde(default)]
    install_script: String,
    #[serde(default)]
    tracked_files: String,
    #[serde(default)]
    pull: String,
    #[serde(default)]
    if_interrupted: String,
    #[serde(default)]
    labels: String,
    #[serde(flatten)]
    wake: TypedWake,
}

impl From<Typed> for HookDraft {
    fn from(typed: Typed) -> Self {
        let Typed { title, image, script, install_script, tracked_files, pull, if_interrupted, labels, wake } =
            typed;
        let wake = wake.into();
        Self { title, image, script, install_script, tracked_files, pull, if_interrupted, labels, wake }
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
    Form { project, hook: None, draft, faults: FieldFaults::new() }.show(&app, visit).await
}

/// `POST /projects/<id>/hooks/add/`
pub(crate) async fn add(
    State(app): State<Shared>,
    At(project): At<ProjectId>,
    Sent(typed, visit): Sent<Typed>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, project, Role::Manager).await?;
    let draft = HookDraft::from(typed);
    match draft.check() {
        Ok(settings) => {
            let hook = visit.edges(&app).store.hooks().add_hook(project.id, &settings, clock::now()).await?;
            forge::connected(&app, visit, &hook, "The hook is in place: the next push runs it.").await
        }
        Err(faults) => Form { project, hook: None, draft, faults }.show(&app, visit).await,
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
    let draft = HookDraft::from(&hook.settings);
    Form { project, hook: Some(hook), draft, faults: FieldFaults::new() }.show(&app, visit).await
}

/// `POST /projects/<id>/hooks/<hook>/edit/`
pub(crate) async fn edit(
    State(app): State<Shared>,
    At((project, hook)): At<(ProjectId, HookId)>,
    Sent(typed, visit): Sent<Typed>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, project, Role::Manager).await?;
    let hook = hook_of(&app, &project, hook).await?;
    let draft = HookDraft::from(typed);
    match draft.check() {
        Ok(settings) => {
            let hook = visit.edges(&app).store.hooks().change_hook(hook.id, &settings).await?;
            forge::connected(&app, visit, &hook, "The hook is saved: the next push runs it like this.").await
        }
        Err(faults) => Form { project, hook: Some(hook), draft, faults }.show(&app, visit).await,
    }
}

async fn hook_of(app: &Shared, project: &Project, hook: HookId) -> Result<Hook, WebError> {
    let hook = app.edges.store.hooks().hook(hook).await?;
    hook.filter(|hook| hook.project == project.id).ok_or(WebError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    fn page(draft: HookDraft) -> HookPage {
        let faults = draft.check().err().unwrap_or_default();
        let (frame, project) = (samples::frame(), samples::project());
        HookPage { frame, project, tab: Tab::Settings, hook: None, draft, faults }
    }

    #[test]
    fn every_message_stands_beside_its_field_and_the_first_has_the_focus() {
        let draft = HookDraft {
            image: "debian".into(),
            script: "make".into(),
            install_script: "apt-get".into(),
            tracked_files: "/etc".into(),
            title: "Tests".into(),
            pull: "never".into(),
            if_interrupted: "maybe".into(),
            labels: "<gpu>".into(),
            wake: wake::tests::wrong(),
        };
        let page = page(draft);
        assert_eq!(page.faults.len(), 14, "{:?}", page.faults);
        assert!(page.begins("pull"));
        let html = page.render().unwrap();
        for field in page.faults.keys() {
            assert!(html.contains(&format!("id=\"{field}-fault\"")), "{field}");
        }
        assert_eq!(html.matches(" autofocus").count(), 1);
    }

    #[test]
    fn the_chosen_policy_is_checked_and_a_blank_form_has_the_default() {
        let checked = |pull: &str| {
            let page = page(HookDraft { pull: pull.into(), ..HookDraft::default() });
            [PullPolicy::IfAbsent, PullPolicy::Newer].map(|policy| page.pulls(policy))
        };
        assert_eq!(checked(""), [true, false]);
        assert_eq!(checked("newer"), [false, true]);
        let checked = |word: &str| {
            let page = page(HookDraft { if_interrupted: word.into(), ..HookDraft::default() });
            IfInterrupted::ALL.map(|choice| page.ends_as(choice))
        };
        assert_eq!(checked(""), [true, false]);
        assert_eq!(checked("error"), [false, true]);
    }
}
