//! People's pictures, served by us: a page asks no other host for anything.

use crate::{address::At, app::Shared, auth::SignedIn, error::WebError};
use askama::Template;
use axum::{
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use kozmic_model::ids::UserId;

/// A person's initials, where there is no picture.
#[derive(Template)]
#[template(path = "initials.svg", escape = "html")]
struct Initials {
    letters: String,
}

/// The types that browsers draw and that can carry nothing else.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// `GET /avatars/<user>`: one's own.
pub(crate) async fn avatar(
    State(app): State<Shared>,
    person: SignedIn,
    At(user): At<UserId>,
) -> Result<Response, WebError> {
    // No page shows anybody else yet, so nobody can count through who is here.
    if user != person.user.id {
        return Err(WebError::NotFound);
    }
    let kept = app.edges.store.avatar(user).await?;
    let drawable = kept.filter(|avatar| PICTURES.contains(&avatar.content_type.as_str()));
    if let Some(avatar) = drawable {
        return Ok(picture(&avatar.content_type, avatar.bytes));
    }
    Ok(picture("image/svg+xml", Initials { letters: person.user.initials() }.render()?))
}

fn picture(content_type: &str, body: impl IntoResponse) -> Response {
    let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "private, max-age=3600")];
    (headers, body).into_response()
}
