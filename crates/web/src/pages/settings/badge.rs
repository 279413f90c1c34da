//! The text to paste into a README, so that it shows how the default branch stands.

use super::{super::button::Sent, path};
use crate::{
    address::At,
    app::{Face, Shared},
    error::WebError,
};
use axum::{extract::State, response::Response};
use kozmic_model::{
    ids::ProjectId,
    project::{Project, Role},
};
use serde::Deserialize;
use url::{Position, Url};

/// A badge's address, and how to show it elsewhere.
pub(super) struct Badge {
    /// Its address, whole.
    pub(super) address: String,
    /// Its address as seen from our own pages.
    pub(super) local: String,
    /// For HTML.
    pub(super) html: String,
    /// For Markdown.
    pub(super) markdown: String,
}

impl Badge {
    /// The badge of a project's default branch. A private project's has a token, by which whoever sees the README may
    /// see it, unless everybody may.
    pub(super) fn of(project: &Project, face: &Face) -> Self {
        let repository = &project.repository;
        let branch = repository.default_branch.split('/');
        let parts = ["badges", &repository.owner, &repository.name].into_iter().chain(branch);
        let mut address = below(&face.public_url, parts);
        if repository.private && !project.open_badge {
            address.query_pairs_mut().append_pair("token", &project.badge_token);
        }
        let page = below(&face.public_url, ["projects", &project.id.to_string(), ""]);
        let (image, link) = (attribute(&address), attribute(&page));
        Self {
            html: format!(r#"<a href="{link}"><img src="{image}" alt="Build status"></a>"#),
            markdown: format!("[![Build status]({})]({})", plain(&address), plain(&page)),
            local: address[Position::BeforePath..].to_owned(),
            address: address.to_string(),
        }
    }
}

/// The switch; a browser sends it if it is on.
#[derive(Deserialize)]
pub(crate) struct Switch {
    open: Option<String>,
}

/// `POST /projects/<id>/settings/badge/`: whether everybody may see a private project's badge.
pub(crate) async fn change(
    State(app): State<Shared>,
    At(id): At<ProjectId>,
    Sent(switch, visit): Sent<Switch>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Manager).await?;
    visit.edges(&app).store.projects().open_badge(project.id, switch.open.is_some()).await?;
    let said = match switch.open {
        Some(_) => "Saved: everybody may see the badge now.",
        None => "Saved: the badge takes its token now.",
    };
    visit.lead(&app, &path(project.id), Ok(said.to_owned())).await
}

/// An address on this server.
fn below<'a>(root: &Url, parts: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = root.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts);
    }
    url
}

/// As an attribute in double quotes wants it; a quote is never bare in an address.
fn attribute(url: &Url) -> String {
    url.as_str().replace('&', "&amp;")
}

/// As Markdown wants it: a parenthesis would end the address.
fn plain(url: &Url) -> String {
    url.as_str().replace('(', "%28").replace(')', "%29")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pages::samples, trial};

    fn face(url: &str) -> Face {
        Face { public_url: url.parse().unwrap(), ..trial::face(None) }
    }

    #[test]
    fn a_badge_has_this_servers_address_and_leads_to_the_project() {
        let badge = Badge::of(&samples::project(), &face("https://ci.example.org"));
        assert_eq!(badge.address, "https://ci.example.org/badges/adlift/show/master");
        assert_eq!(
            badge.markdown,
            "[![Build status](https://ci.example.org/badges/adlift/show/master)](https://ci.example.org/projects/1/)"
        );
        let badge = Badge::of(&samples::project(), &face("http://localhost:8080/ci/"));
        assert!(badge.html.contains(r#"<img src="http://localhost:8080/ci/badges/adlift/show/master""#));
    }

    #[test]
    fn a_private_projects_badge_has_its_token_and_any_branch_fits_into_it() {
        let mut project = samples::project();
        project.repository.private = true;
        project.repository.default_branch = "a(b)/c d?\"<".into();
        let badge = Badge::of(&project, &face("https://ci.example.org"));
        assert!(badge.address.ends_with("/show/a(b)/c%20d%3F%22%3C?token=badge"), "{}", badge.address);
        assert!(badge.markdown.contains("/a%28b%29/c%20d%3F%22%3C?token=badge)]("), "{}", badge.markdown);
        project.open_badge = true;
        let badge = Badge::of(&project, &face("https://ci.example.org"));
        assert!(!badge.address.contains("token"), "{}", badge.address);
    }
}
