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

/// `GET /avatars/<user>`
pub(crate) async fn avatar(
    State(app): State<Shared>,
    _: SignedIn,
    At(user): At<UserId>,
) -> Result<Response, WebError> {
    let kept = app.edges.store.avatar(user).await?;
    let drawable = kept.filter(|avatar| PICTURES.contains(&avatar.content_type.as_str()));
    if let Some(avatar) = drawable {
        return Ok(picture(&avatar.content_type, avatar.bytes));
    }
    let person = app.edges.store.user(user).await?.ok_or(WebError::NotFound)?;
    Ok(picture("image/svg+xml", Initials { letters: person.initials() }.render()?))
}

fn picture(content_type: &str, body: impl IntoResponse) -> Response {
    let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "private, max-age=3600")];
    (headers, body).into_response()
}
