//! People's pictures, served by this server: a page asks no other host for anything.

use crate::{
    address::At,
    app::Shared,
    auth::{self, SignedIn},
    error::WebError,
};
use askama::Template;
use axum::{
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use kozmic_model::{
    ids::{ProjectId, UserId},
    project::Role,
    user::User,
};

/// A person's initials, used if there is no picture.
#[derive(Template)]
#[template(path = "initials.svg", escape = "html")]
struct Initials {
    letters: String,
}

/// Types of pictures that browsers show and that can contain no code.
const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// `GET /avatars/<user>`: one's own picture. Nobody can list the users by counting numbers up.
pub(crate) async fn avatar(
    State(app): State<Shared>,
    person: SignedIn,
    At(user): At<UserId>,
) -> Result<Response, WebError> {
    if user != person.user.id {
        return Err(WebError::NotFound);
    }
    picture_of(&app, &person.user).await
}

/// `GET /projects/<id>/avatars/<user>`: a member's picture, for the other members.
pub(crate) async fn member(
    State(app): State<Shared>,
    person: SignedIn,
    At((project, user)): At<(ProjectId, UserId)>,
) -> Result<Response, WebError> {
    let project = auth::project(&app, &person, project, Role::Member).await?;
    app.edges.store.projects().role_in(project.id, user).await?.ok_or(WebError::NotFound)?;
    let user = app.edges.store.people().user(user).await?.ok_or(WebError::NotFound)?;
    picture_of(&app, &user).await
}

/// The picture that the forge gave when the person signed in; initials if they never signed in.
async fn picture_of(app: &Shared, user: &User) -> Result<Response, WebError> {
    let kept = app.edges.store.people().avatar(user.id).await?;
    let drawable = kept.filter(|avatar| PICTURES.contains(&avatar.content_type.as_str()));
    if let Some(avatar) = drawable {
        return Ok(picture(&avatar.content_type, avatar.bytes));
    }
    Ok(picture("image/svg+xml", Initials { letters: user.initials() }.render()?))
}

fn picture(content_type: &str, body: impl IntoResponse) -> Response {
    let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "private, max-age=3600")];
    (headers, body).into_response()
}
