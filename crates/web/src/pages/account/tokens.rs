//! Keys to the API: each is told once, and can be ended at any time.

use super::{PATH, Told, show};
use crate::{address::At, app::Shared, auth::Nothing, error::WebError, pages::button::Sent};
use axum::{extract::State, response::Response};
use kozmic_edges::clock;
use kozmic_model::ids::ApiTokenId;
use serde::Deserialize;

/// The longest name of a token, in characters.
pub(super) const TITLE_LIMIT: usize = 80;

/// The field as typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    title: String,
}

/// `POST /account/tokens/`: the answer itself shows the token, and nothing else ever does.
pub(crate) async fn add(
    State(app): State<Shared>,
    Sent(Typed { title }, visit): Sent<Typed>,
) -> Result<Response, WebError> {
    let told = match read(&title) {
        Ok(title) => {
            let token = app.edges.store.add_api_token(visit.person.user.id, title, clock::now()).await?;
            Told { token: Some(token), ..Told::default() }
        }
        Err(fault) => Told { title, fault: Some(fault), token: None },
    };
    show(&app, visit, None, told).await
}

/// `POST /account/tokens/<id>/delete/`
pub(crate) async fn remove(
    State(app): State<Shared>,
    At(token): At<ApiTokenId>,
    Sent(Nothing {}, visit): Sent<Nothing>,
) -> Result<Response, WebError> {
    app.edges.store.remove_api_token(visit.person.user.id, token).await?;
    visit.lead(&app, PATH, Ok("The token is gone: programs that had it are let in no more.".to_owned())).await
}

fn read(title: &str) -> Result<&str, &'static str> {
    match title.trim() {
        "" => Err("Name what the token is for, such as Deploys."),
        title if title.chars().count() > TITLE_LIMIT => Err("That name is too long."),
        title if title.chars().any(char::is_control) => Err("A name has one line."),
        title => Ok(title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_short_name() {
        assert_eq!(read(" Deploys "), Ok("Deploys"));
        assert!(read(" ").is_err() && read("a\nb").is_err() && read(&"a".repeat(81)).is_err());
    }
}
