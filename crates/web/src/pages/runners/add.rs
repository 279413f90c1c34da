//! The form that adds a runner, and the only page that shows its token.

use super::super::{button::Sent, parts};
use super::{Frame, show};
use crate::{app::Shared, error::WebError, runners};
use askama::Template;
use axum::{extract::State, response::Response};
use kozmic_edges::loopback::is_loopback;
use kozmic_flow::runners::{Added, Decisions};
use kozmic_model::{
    form::FieldFaults,
    runner::{RunnerDraft, StartLines, TOKEN_FILE},
};
use secrecy::ExposeSecret;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "runner_added.html")]
struct AddedPage {
    frame: Frame,
    title: String,
    token: String,
    lines: StartLines,
    /// True if other machines do not reach the address in the lines.
    is_loopback: bool,
}

/// The fields as typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    title: String,
    #[serde(default)]
    labels: String,
    #[serde(default)]
    projects: String,
    #[serde(default)]
    forks: String,
}

impl From<Typed> for RunnerDraft {
    fn from(Typed { title, labels, projects, forks }: Typed) -> Self {
        Self { title, labels, projects, forks }
    }
}

/// `POST /runners/`: this answer is the only one that shows the token.
pub(crate) async fn add(
    State(app): State<Shared>,
    Sent(typed, visit): Sent<Typed>,
) -> Result<Response, WebError> {
    runners::allow(&app, &visit.person.user)?;
    let draft = RunnerDraft::from(typed);
    let (title, rules) = match draft.check() {
        Ok(checked) => checked,
        Err(faults) => return show(&app, visit, draft, faults).await,
    };
    match Decisions::of(&visit.edges(&app)).add(&title, &rules).await? {
        Some(Added { token, .. }) => {
            let frame = visit.frame(&app, None).await?;
            let (title, token) = (title.to_string(), token.expose_secret().to_owned());
            let server = &app.face.public_url;
            let (lines, is_loopback) = (StartLines::of(server.as_str()), is_loopback(server));
            visit.show(&AddedPage { frame, title, token, lines, is_loopback })
        }
        None => {
            let faults = FieldFaults::from([("title", runners::taken(&title))]);
            show(&app, visit, draft, faults).await
        }
    }
}
