//! All builds of a project in pages, the newest first; filtered by branch or state if asked for.

use super::frame::{Frame, Visit};
use super::{parts, projects::Tab};
use crate::{
    address::{Ask, At},
    app::Shared,
    error::WebError,
    refs,
};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use kozmic_edges::store::{BuildFilter, PageAsked};
use kozmic_model::{
    build::Build,
    git::GitRef,
    ids::ProjectId,
    project::{Project, Role},
    spent::Spent,
    status::Status,
};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

/// Builds on a page.
const PER_PAGE: u64 = 25;

/// A page number beyond any history. A larger number would not fit into a database's count of rows.
const LAST_PAGE: u64 = 1_000_000_000;

/// The most refs that the field proposes.
const PROPOSED: u64 = 200;

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    frame: Frame,
    project: Project,
    tab: Tab,
    asked: Asked,
    refs: Vec<GitRef>,
    builds: Vec<(Build, Spent)>,
    total: u64,
    pages: u64,
}

/// The page and filter that are asked for, as typed.
#[derive(Deserialize)]
pub(crate) struct Turned {
    #[serde(default)]
    page: String,
    #[serde(default, rename = "ref")]
    git_ref: String,
    #[serde(default)]
    status: String,
}

/// The page and filter that are asked for, as understood.
struct Asked {
    page: u64,
    filter: BuildFilter,
}

impl From<&Turned> for Asked {
    fn from(Turned { page, git_ref, status }: &Turned) -> Self {
        let page = page.parse::<u64>().unwrap_or(1).clamp(1, LAST_PAGE);
        Self { page, filter: BuildFilter { git_ref: refs::named(git_ref), status: status.parse().ok() } }
    }
}

impl Asked {
    /// The branch or pull request, as its field shows it.
    fn label(&self) -> String {
        self.filter.git_ref.as_ref().map(refs::name).unwrap_or_default()
    }

    /// True if the filter leaves out builds.
    fn is_narrow(&self) -> bool {
        self.filter.git_ref.is_some() || self.filter.status.is_some()
    }

    fn is_status(&self, status: &Status) -> bool {
        self.filter.status.as_ref() == Some(status)
    }

    /// The address of another page of the same list.
    fn turn_to(&self, page: u64) -> String {
        let mut query = Serializer::for_suffix(String::from("?"), 1);
        if self.filter.git_ref.is_some() {
            query.append_pair("ref", &self.label());
        }
        if let Some(status) = self.filter.status {
            query.append_pair("status", status.word());
        }
        query.append_pair("page", &page.to_string()).finish()
    }
}

/// `GET /projects/<id>/history/?page=&ref=&status=`
pub(crate) async fn history(
    State(app): State<Shared>,
    visit: Visit,
    At(id): At<ProjectId>,
    Ask(turned): Ask<Turned>,
) -> Result<Response, WebError> {
    let (project, store) = (visit.project(&app, id, Role::Member).await?, &app.edges.store);
    let asked = Asked::from(&turned);
    let page = PageAsked { number: asked.page, size: PER_PAGE };
    let found = store.builds().builds(id, &asked.filter, page).await?;
    let pages = found.total.div_ceil(PER_PAGE).max(1);
    if asked.page > pages {
        let last = format!("/projects/{id}/history/{}", asked.turn_to(pages));
        return Ok(Redirect::to(&last).into_response());
    }
    let frame = visit.frame(&app, Some(id)).await?;
    let refs = if visit.only_live { Vec::new() } else { store.builds().refs(id, PROPOSED).await? };
    let (spans, total) = (store.builds().spans_of(&found.items).await?, found.total);
    let spent =
        |build: &Build| spans.get(&build.id).map(|spans| Spent::of(spans, frame.now)).unwrap_or_default();
    let builds = found.items.into_iter().map(|build| (build.clone(), spent(&build))).collect();
    visit.show(&HistoryPage { frame, project, tab: Tab::History, asked, refs, builds, total, pages })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    fn asked(page: &str, git_ref: &str, status: &str) -> Asked {
        let [page, git_ref, status] = [page, git_ref, status].map(str::to_owned);
        Asked::from(&Turned { page, git_ref, status })
    }

    fn page(asked: Asked, builds: Vec<Build>) -> String {
        let builds = builds.into_iter().map(|build| (build, Spent::default())).collect();
        let (frame, project, total) = (samples::frame(), samples::project(), 60);
        let refs = vec![GitRef::Branch("a\"><script>".into()), GitRef::PullRequest(12)];
        let page = HistoryPage { frame, project, tab: Tab::History, asked, refs, builds, total, pages: 3 };
        page.render().unwrap()
    }

    #[test]
    fn turning_the_page_keeps_the_filters() {
        assert_eq!(asked("2", "", "").turn_to(3), "?page=3");
        assert_eq!(
            asked("", "feature/a&b", "failure").turn_to(2),
            "?ref=feature%2Fa%26b&status=failure&page=2"
        );
        assert_eq!(asked("x", "#12", "nonsense").turn_to(1), "?ref=%2312&page=1");
        let page = page(asked("2", "#12", "error"), vec![samples::build(Status::Error)]);
        let (newer, older) =
            ("?ref=%2312&#38;status=error&#38;page=1", "?ref=%2312&#38;status=error&#38;page=3");
        assert!(page.contains(newer) && page.contains(older), "{page}");
    }

    #[test]
    fn the_form_shows_what_is_left_out() {
        let page = page(asked("", "refs/heads/a\"b", "failure"), vec![samples::build(Status::Failure)]);
        assert!(page.contains(r#"value="a&#34;b""#) && !page.contains("<script>slot"));
        assert!(page.contains(r#"<option value="failure" selected>"#) && !page.contains("\"><script>"));
    }

    #[test]
    fn an_empty_list_says_why() {
        assert!(page(asked("", "never", ""), Vec::new()).contains("No such build"));
        assert!(page(asked("", "", ""), Vec::new()).contains("No build yet"));
    }
}
