//! Badges: a small picture for readmes that shows how a branch's last build ended. No sign-in is needed. The badge of a
//! private project needs the token in its address, unless the project's managers opened it to everybody.

use crate::{
    address::{Ask, At},
    app::Shared,
    auth,
    error::WebError,
    refs,
};
use askama::Template;
use axum::{
    extract::State,
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, EXPIRES, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use kozmic_model::{git::GitRef, project::Project, status::Status};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The word on the left.
const LABEL: &str = "build";

/// The word for a branch of which no build has a result.
const UNKNOWN: &str = "unknown";

/// Headers that make others ask each time if the badge has changed. Readmes are shown by others: GitHub's picture
/// proxy, or any page.
const MANNERS: [(HeaderName, &str); 4] = [
    (CONTENT_TYPE, "image/svg+xml; charset=utf-8"),
    (CACHE_CONTROL, "no-cache, max-age=0, must-revalidate"),
    (EXPIRES, "Thu, 01 Jan 1970 00:00:00 GMT"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
];

/// The values in the query.
#[derive(Deserialize)]
pub(crate) struct Shown {
    #[serde(default)]
    token: String,
}

/// The picture. Lengths are in tenths of a pixel, so that letters can be placed exactly.
#[derive(Template)]
#[template(path = "badge.svg", escape = "html")]
struct Badge {
    title: String,
    word: &'static str,
    colour: &'static str,
    label_length: u32,
    word_length: u32,
}

/// `GET /badges/<owner>/<name>`: the badge of the default branch.
pub(crate) async fn default(
    State(app): State<Shared>,
    At((owner, name)): At<(String, String)>,
    Ask(shown): Ask<Shown>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let project = project(&app, &owner, &name, &shown).await?;
    let branch = GitRef::Branch(project.repository.default_branch.clone());
    badge(&app, &project, &branch, &headers).await
}

/// `GET /badges/<owner>/<name>/<ref>`: the badge of a branch, whose name may have slashes, or of a pull request.
pub(crate) async fn of_ref(
    State(app): State<Shared>,
    At((owner, name, git_ref)): At<(String, String, String)>,
    Ask(shown): Ask<Shown>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let project = project(&app, &owner, &name, &shown).await?;
    let mut git_ref = git_ref;
    if let Some(stem) = git_ref.strip_suffix(".svg") {
        let is_built = match refs::named(&git_ref) {
            Some(named) => app.edges.store.builds().latest_build(project.id, Some(&named)).await?.is_some(),
            None => false,
        };
        git_ref = if is_built { git_ref } else { stem.to_owned() };
    }
    let branch = || GitRef::Branch(project.repository.default_branch.clone());
    let git_ref = refs::named(&git_ref).unwrap_or_else(branch);
    badge(&app, &project, &git_ref, &headers).await
}

/// The project of that name, if this request may see its badge. `.svg` may follow the name.
async fn project(app: &Shared, owner: &str, name: &str, shown: &Shown) -> Result<Project, WebError> {
    let store = &app.edges.store;
    let found = match (store.projects().project_named(owner, name).await?, name.strip_suffix(".svg")) {
        (None, Some(stem)) => store.projects().project_named(owner, stem).await?,
        (found, _) => found,
    };
    found.filter(|project| may_see(project, &shown.token)).ok_or(WebError::NotFound)
}

fn may_see(project: &Project, token: &str) -> bool {
    let is_open = !project.repository.private || project.open_badge;
    is_open || (!token.is_empty() && auth::same(token, &project.badge_token))
}

async fn badge(
    app: &Shared,
    project: &Project,
    git_ref: &GitRef,
    headers: &HeaderMap,
) -> Result<Response, WebError> {
    let build = app.edges.store.builds().last_verdict(project.id, git_ref).await?;
    let name = format!("{}, {}", project.repository.full_name(), refs::name(git_ref));
    let svg = Badge::of(&name, build.map(|build| build.status)).render()?;
    let etag = format!("W/\"{}\"", &hex::encode(Sha256::digest(&svg))[..20]);
    let is_known =
        headers.get(IF_NONE_MATCH).is_some_and(|known| names(known.to_str().unwrap_or_default(), &etag));
    let about = (MANNERS, [(ETAG, etag)]);
    match is_known {
        true => Ok((StatusCode::NOT_MODIFIED, about).into_response()),
        false => Ok((about, svg).into_response()),
    }
}

/// True if a list of tags has this one. A tag's prefix for compression in transit is ignored.
fn names(list: &str, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    list.split(',').any(|tag| tag.trim() == "*" || bare(tag) == bare(etag))
}

impl Badge {
    fn of(name: &str, verdict: Option<Status>) -> Self {
        let word = verdict.map_or(UNKNOWN, Status::word);
        let colour = match verdict {
            Some(Status::Success) => "#1a7f4b",
            Some(Status::Failure | Status::Error) => "#c2293f",
            Some(Status::Held | Status::Enqueued | Status::Pending | Status::Canceled) | None => "#5f6474",
        };
        let title = format!("{LABEL} of {name}: {word}");
        Self { title, word, colour, label_length: length(LABEL), word_length: length(word) }
    }

    /// The width of the left part: the text, and 6 pixels on each side.
    fn left(&self) -> u32 {
        self.label_length + 120
    }

    fn width(&self) -> u32 {
        self.left() + self.word_length + 120
    }
}

/// The length of a word at 11 pixels in Verdana. The widths of its letters are listed here in whole pixels. Other fonts
/// are stretched to that length.
fn length(word: &str) -> u32 {
    let wide = |letter: char| match letter {
        'i' | 'l' => 30,
        'r' | 't' | 'f' => 44,
        'm' => 107,
        'w' => 90,
        's' | 'c' => 58,
        _ => 67,
    };
    word.chars().map(wide).sum::<u32>().next_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    #[test]
    fn a_branch_that_was_never_built_is_unknown() {
        let svg = Badge::of("anna/hello, main", None).render().unwrap();
        assert!(svg.contains("unknown") && !svg.contains("success"));
    }

    #[test]
    fn what_others_named_is_text() {
        let svg = Badge::of("anna/<script>\"&", Some(Status::Success)).render().unwrap();
        assert!(svg.contains("anna/&#60;script&#62;") && !svg.contains("<script"), "{svg}");
        assert!(svg.contains(">success<") && !svg.contains("style"));
    }

    #[test]
    fn a_private_badge_takes_its_token() {
        let mut project = samples::project();
        assert!(may_see(&project, ""));
        project.repository.private = true;
        assert!(may_see(&project, &project.badge_token));
        assert!(!may_see(&project, "") && !may_see(&project, "guessed"));
        project.open_badge = true;
        assert!(may_see(&project, "") && may_see(&project, "guessed"));
        project.open_badge = false;
        project.badge_token = String::new();
        assert!(!may_see(&project, ""));
    }

    #[test]
    fn a_known_picture_is_not_sent_again() {
        for list in ["W/\"a\"", "\"a\"", "\"b\", W/\"a\"", "*"] {
            assert!(names(list, "W/\"a\""), "{list}");
        }
        assert!(!names("", "W/\"a\"") && !names("\"b\"", "W/\"a\""));
    }
}
