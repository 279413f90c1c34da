//! New project: the repositories that a person may administer, and one click that makes a project of one.

use super::frame::{Frame, Visit};
use super::parts;
use crate::{
    app::Shared,
    auth::{Checked, Cookies, Nothing, Notice, Tone},
    error::WebError,
};
use askama::Template;
use axum::{
    extract::State,
    response::{Redirect, Response},
};
use kozmic_edges::clock;
use kozmic_flow::sync;
use kozmic_model::{
    ids::{ProjectId, RepositoryId, UserId},
    project::Repository,
};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "repositories.html")]
struct RepositoriesPage {
    frame: Frame,
    owners: Vec<Owner>,
}

/// The repositories of one owner.
struct Owner {
    login: String,
    lines: Vec<Line>,
}

/// A repository, and its project if there is one.
struct Line {
    repository: Repository,
    project: Option<ProjectId>,
}

/// Which repository to make a project of.
#[derive(Deserialize)]
pub(crate) struct Choice {
    repository: String,
}

/// `GET /repositories/`: what is known; where nothing is known yet, what the forge says.
pub(crate) async fn list(State(app): State<Shared>, visit: Visit) -> Result<Response, WebError> {
    let mut frame = visit.frame(&app, None).await?;
    let user = visit.person.user.id;
    let known = app.edges.store.repositories(user).await?;
    // A page that only looks for news must not make the forge work, whatever rings.
    let repositories = match known.is_empty() && frame.notice.is_none() && !visit.only_live {
        true => sync::repositories(&app.edges, user).await.unwrap_or_else(|fault| {
            let text = unreachable(user, &fault);
            frame.notice = Some(Notice { tone: Tone::Bad, text });
            known
        }),
        false => known,
    };
    let owners = by_owner(repositories, &frame);
    visit.show(&RepositoriesPage { frame, owners })
}

/// `POST /repositories/`: asks the forge again.
pub(crate) async fn refresh(
    State(app): State<Shared>,
    cookies: Cookies,
    Checked(Nothing {}, person): Checked<Nothing>,
) -> Response {
    let back = Redirect::to("/repositories/");
    match sync::repositories(&app.edges, person.user.id).await {
        Ok(_) => cookies.set_notice(Tone::Good, "The list is up to date.").onto(back),
        Err(fault) => cookies.set_notice(Tone::Bad, unreachable(person.user.id, &fault)).onto(back),
    }
}

/// `POST /projects/`: makes a project of a repository.
pub(crate) async fn choose(
    State(app): State<Shared>,
    cookies: Cookies,
    Checked(Choice { repository }, person): Checked<Choice>,
) -> Result<Response, WebError> {
    let id = repository.parse::<RepositoryId>();
    let id = id.map_err(|_| WebError::Senseless("That is not a repository.".to_owned()))?;
    let user = person.user.id;
    let offered = app.edges.store.repositories(user).await?;
    let chosen = offered.into_iter().find(|repository| repository.id == id).ok_or(WebError::NotFound)?;
    let project = app.edges.store.add_project(user, id, clock::now()).await?;
    if project.role_of(user).is_none() {
        let taken = format!("{} is already a project of somebody else here.", chosen.full_name());
        return Ok(cookies.set_notice(Tone::Bad, taken).onto(Redirect::to("/repositories/")));
    }
    Ok(cookies.onto(Redirect::to(&format!("/projects/{}/", project.id))))
}

/// What to tell the person when the forge gave no list.
fn unreachable(user: UserId, fault: &anyhow::Error) -> String {
    tracing::warn!(user.id = user.0, "cannot list repositories: {fault:#}");
    format!("The list stays as it was: {}", fault.root_cause())
}

/// The repositories, owner by owner, each with its project.
fn by_owner(repositories: Vec<Repository>, frame: &Frame) -> Vec<Owner> {
    let projects = frame.projects.iter().map(|line| (line.project.repository.id, line.project.id));
    let projects = projects.collect::<BTreeMap<_, _>>();
    let mut owners = BTreeMap::<String, Owner>::new();
    for repository in repositories {
        let login = repository.owner.clone();
        let owner = owners.entry(login.to_lowercase()).or_insert(Owner { login, lines: Vec::new() });
        owner.lines.push(Line { project: projects.get(&repository.id).copied(), repository });
    }
    let mut owners = owners.into_values().collect::<Vec<_>>();
    for owner in &mut owners {
        owner.lines.sort_by_key(|line| line.repository.name.to_lowercase());
    }
    owners
}
