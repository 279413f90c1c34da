//! The audit trail: a project's for its owner, the whole one for administrators.

use super::frame::{Frame, Visit};
use super::{parts, projects::Tab};
use crate::{
    address::{Ask, At},
    app::Shared,
    error::WebError,
};
use askama::Template;
use axum::{extract::State, response::Response};
use kozmic_edges::store::PageAsked;
use kozmic_model::{
    audit::{Actor, AuditEntry},
    ids::ProjectId,
    project::{Project, Role},
};
use serde::Deserialize;

/// Entries on a page.
const PER_PAGE: u64 = 50;

/// A page number beyond any trail.
const LAST_PAGE: u64 = 1_000_000_000;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    trail: Trail,
}

#[derive(Template)]
#[template(path = "project_audit.html")]
struct ProjectAuditPage {
    frame: Frame,
    project: Project,
    tab: Tab,
    trail: Trail,
}

/// One page of the trail.
struct Trail {
    lines: Vec<Line>,
    /// True if it is the trail of all projects, so that each line names its own.
    names_projects: bool,
    page: u64,
    pages: u64,
    total: u64,
}

/// One entry, in words.
struct Line {
    entry: AuditEntry,
    who: String,
    /// The title of the token that they used.
    token: Option<String>,
}

/// The page that is asked for, as typed.
#[derive(Deserialize)]
pub(crate) struct Turned {
    #[serde(default)]
    page: String,
}

/// `GET /audit/?page=`: for administrators. For all others it does not exist.
pub(crate) async fn all(
    State(app): State<Shared>,
    visit: Visit,
    Ask(turned): Ask<Turned>,
) -> Result<Response, WebError> {
    if !app.face.is_admin(&visit.person.user) {
        return Err(WebError::NotFound);
    }
    let trail = trail(&app, None, &turned).await?;
    let frame = visit.frame(&app, None).await?;
    visit.show(&AuditPage { frame, trail })
}

/// `GET /projects/<id>/audit/?page=`
pub(crate) async fn of_project(
    State(app): State<Shared>,
    visit: Visit,
    At(id): At<ProjectId>,
    Ask(turned): Ask<Turned>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Owner).await?;
    let trail = trail(&app, Some(id), &turned).await?;
    let frame = visit.frame(&app, Some(id)).await?;
    visit.show(&ProjectAuditPage { frame, project, tab: Tab::Audit, trail })
}

async fn trail(app: &Shared, of: Option<ProjectId>, turned: &Turned) -> Result<Trail, WebError> {
    let page = turned.page.parse::<u64>().unwrap_or(1).clamp(1, LAST_PAGE);
    let found = app.edges.store.audit().audit(of, PageAsked { number: page, size: PER_PAGE }).await?;
    let (total, pages) = (found.total, found.total.div_ceil(PER_PAGE).max(1));
    let lines = found.items.into_iter().map(Line::of).collect();
    Ok(Trail { lines, names_projects: of.is_none(), page, pages, total })
}

impl Line {
    fn of(entry: AuditEntry) -> Self {
        let (who, token) = match entry.actor.clone() {
            Actor::Kozmic => ("Kozmic".to_owned(), None),
            Actor::Operator => ("Who runs the server".to_owned(), None),
            Actor::Person { login, token, .. } => (login, token),
        };
        Self { entry, who, token }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;
    use kozmic_model::{
        audit::{Action, Deed},
        ids::{AuditEntryId, UserId},
        time::Timestamp,
    };

    fn entry(actor: Actor, subject: &str) -> AuditEntry {
        let deed = Deed::new(Action::HookChanged, Some(ProjectId(1)), subject);
        AuditEntry { id: AuditEntryId(1), at: Timestamp(0), actor, deed, project_name: "a/<i>b".into() }
    }

    #[test]
    fn a_line_says_who_did_what_and_shows_strangers_words_as_text() {
        let anna = Actor::Person { user: UserId(1), login: "anna".into(), token: Some("<u>CI".into()) };
        let entries = vec![entry(anna, "<b>Tests</b>"), entry(Actor::Kozmic, "")];
        let lines = entries.into_iter().map(Line::of).collect();
        let trail = Trail { lines, names_projects: true, page: 2, pages: 3, total: 120 };
        let page = AuditPage { frame: samples::frame(), trail };
        let html = page.render().unwrap();
        for words in ["anna", "changed the hook", "token &#60;u&#62;CI", "Kozmic", "?page=1", "?page=3"] {
            assert!(html.contains(words), "{words}");
        }
        assert!(!html.contains("<u>") && !html.contains("<b>Tests") && !html.contains("<i>b"), "{html}");
    }
}
