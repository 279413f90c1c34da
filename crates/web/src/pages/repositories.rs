//! New project: lists the repositories that a person may administer, and makes a project of one with one click.

use super::button::Sent;
use super::frame::{Frame, Visit};
use super::parts;
use crate::{
    app::Shared,
    auth::{self, Notice, Tone},
    error::WebError,
};
use askama::Template;
use axum::{extract::State, response::Response};
use kozmic_edges::forge::Site;
use kozmic_flow::at_forge;
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

/// The repository to make a project of.
#[derive(Deserialize)]
pub(crate) struct Choice {
    repository: String,
}

/// The page that has the button for asking the forge again.
#[derive(Deserialize)]
pub(crate) struct Stood {
    /// The project of that page, if any.
    project: Option<String>,
}

/// `GET /repositories/`: the known repositories. If none is known yet, the forge is asked.
pub(crate) async fn list(State(app): State<Shared>, visit: Visit) -> Result<Response, WebError> {
    let user = visit.person.user.id;
    let mut repositories = app.edges.store.projects().repositories(user).await?;
    let mut fault = None;
    // A page that only looks for changes must not call the forge, whatever rings.
    if repositories.is_empty() && visit.cookies.notice().is_none() && !visit.only_live {
        match at_forge::repositories(&app.edges, user).await {
            Ok(found) => repositories = found,
            Err(_) if !auth::is_signed_in(&app, &visit.person).await? => {
                return Ok(visit.signed_out(&app, "/repositories/"));
            }
            Err(unanswered) => fault = Some(unreachable(user, &unanswered)),
        }
    }
    let mut frame = visit.frame(&app, None).await?;
    frame.notice = frame.notice.or(fault.map(|text| Notice { tone: Tone::Bad, text }));
    let owners = by_owner(repositories, &frame, app.edges.store.auto_builder().auto_builder().await?);
    visit.show(&RepositoriesPage { frame, owners })
}

/// `POST /repositories/`: asks the forge again for the repositories and projects that the person can reach.
pub(crate) async fn refresh(
    State(app): State<Shared>,
    Sent(stood, visit): Sent<Stood>,
) -> Result<Response, WebError> {
    let user = visit.person.user.id;
    let said = match at_forge::repositories(&app.edges, user).await {
        Ok(_) => Ok("Projects and repositories are up to date.".to_owned()),
        Err(fault) => Err(unreachable(user, &fault)),
    };
    let back = back(&app, user, stood).await?;
    visit.lead(&app, &back, said).await
}

/// `POST /projects/`: makes a project of a repository, or leads to the one that others made of it.
pub(crate) async fn choose(
    State(app): State<Shared>,
    Sent(Choice { repository }, visit): Sent<Choice>,
) -> Result<Response, WebError> {
    let id = repository.parse::<RepositoryId>();
    let id = id.map_err(|_| WebError::Senseless("That is not a repository.".to_owned()))?;
    let user = visit.person.user.id;
    let offered = app.edges.store.projects().repositories(user).await?;
    let chosen = offered.into_iter().find(|repository| repository.id == id).ok_or(WebError::NotFound)?;
    let (project, trouble) = at_forge::add_project(&visit.edges(&app), user, id).await?;
    let belongs = app.edges.store.projects().role_in(project.id, user).await?.is_some();
    let there = if belongs { format!("/projects/{}/", project.id) } else { "/repositories/".to_owned() };
    let name = chosen.full_name();
    let forge = &app.face.forge;
    let said = match belongs {
        true => made(&name, forge, project.owner == user, trouble),
        false => Err(out_of_reach(&name, forge, trouble)),
    };
    visit.lead(&app, &there, said).await
}

/// The words about a project that is the person's own, or of which they are a member.
fn made(name: &str, forge: &Site, is_own: bool, trouble: Option<String>) -> Result<String, String> {
    match trouble {
        None if is_own => Ok(format!("{name} is a project now.")),
        None => Ok(format!("{name} was a project already: here it is.")),
        Some(trouble) => {
            Err(format!("{name} is a project, but not all is in order at {forge} yet: {trouble}"))
        }
    }
}

/// The words about a project that others made, and of which the person is no member.
fn out_of_reach(name: &str, forge: &Site, trouble: Option<String>) -> String {
    let why = match trouble {
        None => "does not count you among its people".to_owned(),
        Some(trouble) => format!("did not say whether you belong to it: {trouble}"),
    };
    format!("{name} is a project here already, but {forge} {why}")
}

/// The address of the page with the button, or another one if its project cannot be seen any more.
async fn back(app: &Shared, user: UserId, Stood { project }: Stood) -> Result<String, WebError> {
    let Some(project) = project else { return Ok("/repositories/".to_owned()) };
    let project = project.parse().unwrap_or(ProjectId(0));
    Ok(match app.edges.store.projects().role_in(project, user).await? {
        Some(_) => format!("/projects/{project}/"),
        None => "/projects/".to_owned(),
    })
}

/// The words for the person if the forge gave no list.
fn unreachable(user: UserId, fault: &anyhow::Error) -> String {
    tracing::warn!(user.id = user.0, "cannot list repositories: {fault:#}");
    format!("Nothing changed: {}", fault.root_cause())
}

/// The repositories, grouped by owner, each with its project. A repository that only the Auto Builder builds can still
/// become a person's project.
fn by_owner(repositories: Vec<Repository>, frame: &Frame, auto_builder: Option<UserId>) -> Vec<Owner> {
    let made = frame.projects.iter().filter(|line| Some(line.project.owner) != auto_builder);
    let projects = made.map(|line| (line.project.repository.id, line.project.id));
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
