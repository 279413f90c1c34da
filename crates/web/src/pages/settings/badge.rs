//! The text to paste into a README, so that it shows the state of the default branch.

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

/// A badge's address, and the texts to show it elsewhere.
pub(super) struct Badge {
    /// The whole address.
    pub(super) address: String,
    /// The address as seen from this server's own pages.
    pub(super) local: String,
    /// The text for HTML.
    pub(super) html: String,
    /// The text for Markdown.
    pub(super) markdown: String,
}

impl Badge {
    /// The badge of a project's default branch. The address of a private project's badge has a token, so that everybody
    /// who sees the README may see the badge. It has none if everybody may see the badge anyway.
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

/// The switch. A browser sends it only if it is on.
#[derive(Deserialize)]
pub(crate) struct Switch {
    open: Option<String>,
}

/// `POST /projects/<id>/settings/badge/`: sets if everybody may see a private project's badge.
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

/// The address for an attribute in double quotes. An address contains no bare quote.
fn attribute(url: &Url) -> String {
    url.as_str().replace('&', "&amp;")
}

/// The address for Markdown: a parenthesis would end it.
fn plain(url: &Url) -> String {
    url.as_str().replace('(', "%28").replace(')', "%29")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pages::samples, tests::trial};

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
