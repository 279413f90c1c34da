//! Sign-in: the web flow, and the person that a token belongs to.

use super::{Client, ForgeError, GitHubSettings, Token};
use crate::clock;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kozmic_model::{ids::ForgeUserId, user::Profile};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::time::Duration;
use url::Url;

/// The rights that a sign-in asks for. Private repositories, commit statuses, webhooks and deploy keys need `repo`: an
/// OAuth application has no smaller scope for them. With `read:org` GitHub tells the people who may see an
/// organization's repository. `user:email` gives the address for mails.
const SCOPE: &str = "repo read:org user:email";

/// A code that a browser brought back.
pub(super) struct Code<'a> {
    pub(super) code: &'a str,
    pub(super) verifier: &'a SecretString,
    pub(super) redirect: &'a Url,
}

/// The page of the sign-in. GitHub takes only S256. An Enterprise server that is too old ignores the two fields.
pub(super) fn authorize_url(
    settings: &GitHubSettings,
    state: &str,
    verifier: &SecretString,
    redirect: &Url,
) -> Url {
    let mut url = page(settings, "login/oauth/authorize");
    url.query_pairs_mut()
        .append_pair("client_id", &settings.client_id)
        .append_pair("redirect_uri", redirect.as_str())
        .append_pair("scope", SCOPE)
        .append_pair("state", state)
        .append_pair("code_challenge", &challenge(verifier))
        .append_pair("code_challenge_method", "S256");
    url
}

/// GitHub answers a refused code with status 200 and an `error` field. Only a token that ends has `expires_in`.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<SecretString>,
    refresh_token: Option<SecretString>,
    /// In seconds.
    expires_in: Option<u64>,
    error: Option<String>,
    error_description: Option<String>,
}

pub(super) async fn exchange_code(
    client: &Client,
    settings: &GitHubSettings,
    Code { code, verifier, redirect }: Code<'_>,
) -> Result<Token, ForgeError> {
    let form = [
        ("client_id", settings.client_id.as_str()),
        ("client_secret", settings.client_secret.expose_secret()),
        ("code", code),
        ("redirect_uri", redirect.as_str()),
        ("code_verifier", verifier.expose_secret()),
    ];
    let answer = client.post_form::<TokenAnswer>(page(settings, "login/oauth/access_token"), &form).await?;
    match answer.access_token {
        Some(access) => {
            let expires_at =
                answer.expires_in.map(|seconds| clock::now().after(Duration::from_secs(seconds)));
            Ok(Token { access, refresh: answer.refresh_token, expires_at })
        }
        None => {
            let words = answer.error_description.or(answer.error).unwrap_or_else(|| "no token".to_owned());
            Err(client.refused(StatusCode::UNAUTHORIZED, words))
        }
    }
}

/// A code that GitHub never gave out.
const NO_CODE: &str = "kozmic-asks-whether-the-secret-fits";

/// Tries the application with an invented code. GitHub checks the application first: if it complains about the code, it
/// knows the application.
pub(super) async fn try_client(
    client: &Client,
    settings: &GitHubSettings,
    redirect: &Url,
) -> Result<(), ForgeError> {
    let form = [
        ("client_id", settings.client_id.as_str()),
        ("client_secret", settings.client_secret.expose_secret()),
        ("code", NO_CODE),
        ("redirect_uri", redirect.as_str()),
    ];
    let page = page(settings, "login/oauth/access_token");
    let answer = match client.post_form::<TokenAnswer>(page, &form).await {
        Err(ForgeError::Refused { status: 404, .. }) => {
            let words = format!("it has no OAuth application with the client ID {}", settings.client_id);
            return Err(client.refused(StatusCode::NOT_FOUND, words));
        }
        answer => answer?,
    };
    let words = match answer.error.as_deref() {
        Some("bad_verification_code") => return Ok(()),
        Some("incorrect_client_credentials") => {
            "client ID and secret of the OAuth application do not fit together".to_owned()
        }
        Some("redirect_uri_mismatch") => {
            format!("the OAuth application's callback address is not {redirect}")
        }
        _ => answer.error_description.or(answer.error).unwrap_or_else(|| "no reason is told".to_owned()),
    };
    Err(client.refused(StatusCode::UNAUTHORIZED, words))
}

/// The hash of a verifier, by RFC 7636.
fn challenge(verifier: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret()))
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
    let UserAnswer { id, login, name, avatar_url, email: public } = user;
    Ok(Profile {
        forge_id: ForgeUserId(id),
        name: name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| login.clone()),
        login,
        avatar_url: avatar_url.unwrap_or_default(),
        email: verified(emails, public.as_deref()),
    })
}

/// The primary address, else the public one. It counts only if GitHub has verified it.
fn verified(emails: Vec<EmailAnswer>, public: Option<&str>) -> Option<String> {
    let is_meant =
        |email: &EmailAnswer| email.verified && (email.primary || Some(email.email.as_str()) == public);
    emails.into_iter().filter(is_meant).max_by_key(|email| email.primary).map(|email| email.email)
}

fn page(settings: &GitHubSettings, path: &str) -> Url {
    let mut url = settings.url.clone();
    let base = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{base}/{path}"));
    url
}

#[cfg(test)]
mod tests {
    use super::{super::tests::loopback::Loopback, *};

    #[test]
    fn an_address_counts_if_the_forge_has_verified_it() {
        let email = |email: &str, primary, verified| EmailAnswer { email: email.into(), primary, verified };
        let all = |primary, public| {
            vec![email("a@x", false, public), email("b@x", true, primary), email("c@x", false, true)]
        };
        assert_eq!(verified(all(true, true), Some("a@x")).as_deref(), Some("b@x"));
        assert_eq!(verified(all(false, true), Some("a@x")).as_deref(), Some("a@x"));
        assert_eq!(verified(all(false, false), Some("a@x")), None);
        assert_eq!(verified(all(false, true), None), None);
        assert_eq!(verified(Vec::new(), Some("a@x")), None);
    }

    /// The judgement of an application after this answer.
    async fn judged(status: u16, body: &str) -> Result<(), String> {
        let github = Loopback::answering([(status, body.to_owned())]).await;
        let settings = GitHubSettings {
            url: Url::parse(&github.origin).unwrap(),
            api_url: Url::parse(&github.origin).unwrap(),
            client_id: "id".to_owned(),
            client_secret: "hush".into(),
        };
        let redirect = Url::parse("https://ci.example.com/_auth/auth-callback/").unwrap();
        try_client(&github.client(), &settings, &redirect).await.map_err(|fault| fault.to_string())
    }

    #[tokio::test]
    async fn an_application_is_right_if_only_the_invented_code_is_refused() {
        assert_eq!(judged(200, r#"{"error":"bad_verification_code"}"#).await, Ok(()));
        for (status, body, words) in [
            (200, r#"{"error":"incorrect_client_credentials"}"#, "do not fit together"),
            (
                200,
                r#"{"error":"redirect_uri_mismatch"}"#,
                "is not https://ci.example.com/_auth/auth-callback/",
            ),
            (200, r#"{"error":"application_suspended","error_description":"Suspended."}"#, "Suspended."),
            (200, "{}", "no reason is told"),
            (200, "<html>", "unexpected"),
            (404, "Not Found", "no OAuth application with the client ID id"),
            (502, "", "has a fault (502)"),
        ] {
            let fault = judged(status, body).await.unwrap_err();
            assert!(fault.contains(words) && !fault.contains("hush"), "{fault}");
        }
    }

    #[tokio::test]
    async fn an_api_is_known_by_its_answer_to_strangers() {
        let greeted = async |status: u16, body: &str| {
            let github = Loopback::answering([(status, body.to_owned())]).await;
            github.client().greet().await.map_err(|fault| fault.to_string())
        };
        assert!(
            greeted(200, r#"{"current_user_url":"…"}"#).await.unwrap().ends_with("/api answers (200 OK)")
        );
        assert!(greeted(401, r#"{"message":"Requires authentication"}"#).await.is_ok(), "private mode");
        assert!(greeted(403, r#"{"message":"API rate limit exceeded"}"#).await.is_ok(), "asked too often");
        for (status, body, words) in [
            (404, "Not Found", "refused (404)"),
            (301, "", "refused (301)"),
            (200, "<html>a page</html>", "no API of GitHub is at http://127.0.0.1:"),
            (200, "[]", "no API of GitHub is at"),
            (401, "<html>who are you?</html>", "no API of GitHub is at"),
            (503, "{}", "has a fault (503)"),
        ] {
            let fault = greeted(status, body).await.unwrap_err();
            assert!(fault.contains(words), "{fault}");
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_standards_own_example() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into();
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
