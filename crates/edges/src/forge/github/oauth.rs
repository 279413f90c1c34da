//! Signing in: the web flow, and who the token belongs to.

use super::{Client, ForgeError, GitHubSettings};
use kozmic_model::{ids::ForgeUserId, user::Profile};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

/// Private repositories, commit statuses, webhooks and deploy keys need `repo`; an OAuth application has no narrower
/// scope that covers them. GitHub tells only for `read:org` who may see an organization's repository. `user:email` is
/// for the address that mails go to.
const SCOPE: &str = "repo read:org user:email";

pub(super) fn authorize_url(settings: &GitHubSettings, state: &str, redirect: &Url) -> Url {
    let mut url = page(settings, "login/oauth/authorize");
    url.query_pairs_mut()
        .append_pair("client_id", &settings.client_id)
        .append_pair("redirect_uri", redirect.as_str())
        .append_pair("scope", SCOPE)
        .append_pair("state", state);
    url
}

/// GitHub answers a refused code with status 200 and an `error` field.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<SecretString>,
    error: Option<String>,
    error_description: Option<String>,
}

pub(super) async fn exchange_code(
    client: &Client,
    settings: &GitHubSettings,
    code: &str,
    redirect: &Url,
) -> Result<SecretString, ForgeError> {
    let form = [
        ("client_id", settings.client_id.as_str()),
        ("client_secret", settings.client_secret.expose_secret()),
        ("code", code),
        ("redirect_uri", redirect.as_str()),
    ];
    let answer = client.post_form::<TokenAnswer>(page(settings, "login/oauth/access_token"), &form).await?;
    answer.access_token.ok_or_else(|| {
        let words = answer.error_description.or(answer.error).unwrap_or_else(|| "no token".to_owned());
        client.refused(StatusCode::UNAUTHORIZED, words)
    })
}

#[derive(Deserialize)]
struct UserAnswer {
    id: i64,
    login: String,
    name: Option<String>,
    avatar_url: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
struct EmailAnswer {
    email: String,
    primary: bool,
    verified: bool,
}

pub(super) async fn profile(client: &Client, token: &SecretString) -> Result<Profile, ForgeError> {
    let user = client.get::<UserAnswer>(client.path(&["user"])?, token).await?;
    let emails = client.get::<Vec<EmailAnswer>>(client.path(&["user", "emails"])?, token).await?;
    let primary = emails.into_iter().find(|email| email.primary && email.verified).map(|email| email.email);
    let UserAnswer { id, login, name, avatar_url, email } = user;
    Ok(Profile {
        forge_id: ForgeUserId(id),
        name: name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| login.clone()),
        login,
        avatar_url: avatar_url.unwrap_or_default(),
        email: primary.or(email),
    })
}

fn page(settings: &GitHubSettings, path: &str) -> Url {
    let mut url = settings.url.clone();
    let base = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{base}/{path}"));
    url
}
