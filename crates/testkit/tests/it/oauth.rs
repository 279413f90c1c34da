//! Signing in: the calls of a browser and of Kozmic together.

use anyhow::{Context, Result};
use kozmic_testkit::github::GitHub;
use serde_json::Value;
use std::time::Duration;
use url::Url;

use crate::support::{call, client, github_of_anna};

const BACK: &str = "http://127.0.0.1:9/_auth/auth-callback/";

/// The example of RFC 7636.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn press(github: &GitHub, login: &str) -> Result<Url> {
    let fields = [
        ("client_id", github.client_id()),
        ("redirect_uri", BACK),
        ("scope", "repo user:email"),
        ("state", "s t"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("login", login),
    ];
    let url = format!("{}/login/oauth/authorize", github.url());
    let response = client().post(url).form(&fields).send().await?;
    assert_eq!(response.status(), 302);
    let location = response.headers().get("location").context("a redirect says where")?;
    Ok(Url::parse(location.to_str()?)?)
}

async fn exchange(github: &GitHub, code: &str, secret: &str) -> Result<Value> {
    exchange_with(github, code, &[("client_secret", secret), ("code_verifier", VERIFIER)]).await
}

async fn exchange_with(github: &GitHub, code: &str, more: &[(&str, &str)]) -> Result<Value> {
    let fields = [&[("client_id", github.client_id()), ("code", code)], more].concat();
    let url = format!("{}/login/oauth/access_token", github.url());
    let response = client().post(url).header("Accept", "application/json").form(&fields).send().await?;
    assert_eq!(response.status(), 200);
    Ok(response.json().await?)
}

fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[tokio::test]
async fn the_page_offers_each_person_and_an_organization_cannot_sign_in() -> Result<()> {
    let github = github_of_anna().await?;
    github.add_user("bob", "Bob <b>", "bob@example.com");
    github.add_organization("orbit", &["anna"]);
    let query = [("client_id", github.client_id()), ("redirect_uri", BACK), ("state", "\"s")];
    let url = format!("{}/login/oauth/authorize", github.url());
    let page = client().get(url).query(&query).send().await?.text().await?;
    assert!(page.contains("Authorize Kozmic as Anna Orbit (anna)"), "{page}");
    assert!(page.contains("Bob &lt;b&gt;"), "{page}");
    assert!(page.contains("value=\"&quot;s\""), "{page}");
    assert!(!page.contains("orbit"), "{page}");
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_code_buys_one_token_that_works() -> Result<()> {
    let github = github_of_anna().await?;
    let back = press(&github, "anna").await?;
    assert!(back.as_str().starts_with(BACK));
    assert_eq!(parameter(&back, "state"), "s t");
    let code = parameter(&back, "code");
    let answer = exchange(&github, &code, github.client_secret()).await?;
    assert_eq!(answer["scope"], "repo,user:email");
    assert_eq!(answer["token_type"], "bearer");
    let token = answer["access_token"].as_str().context("a token")?;

    let user = call(&github, token, reqwest::Method::GET, "/user").send().await?;
    assert_eq!(user.headers()["x-oauth-scopes"], "repo, user:email");
    let user: Value = user.json().await?;
    assert_eq!((&user["login"], &user["name"]), (&"anna".into(), &"Anna Orbit".into()));
    let emails: Value =
        call(&github, token, reqwest::Method::GET, "/user/emails").send().await?.json().await?;
    assert_eq!(emails[1]["email"], "anna@example.com");
    assert_eq!(emails[1]["primary"], true);

    let again = exchange(&github, &code, github.client_secret()).await?;
    assert_eq!(again["error"], "bad_verification_code");
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_token_that_ends_says_when_and_opens_nothing_after_that() -> Result<()> {
    let github = github_of_anna().await?;
    let status = async |token: &Value| -> Result<u16> {
        let token = token["access_token"].as_str().context("a token")?;
        Ok(call(&github, token, reqwest::Method::GET, "/user").send().await?.status().as_u16())
    };
    for (seconds, expected) in [(28_800, 200), (0, 401)] {
        github.expire_tokens(Duration::from_secs(seconds));
        let code = parameter(&press(&github, "anna").await?, "code");
        let token = exchange(&github, &code, github.client_secret()).await?;
        assert_eq!(token["expires_in"], seconds);
        assert!(token["refresh_token"].as_str().is_some_and(|refresh| refresh.starts_with("ghr_")));
        assert_eq!(status(&token).await?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn cancel_goes_back_with_the_reason() -> Result<()> {
    let github = github_of_anna().await?;
    let back = press(&github, "").await?;
    assert_eq!(parameter(&back, "error"), "access_denied");
    assert_eq!(parameter(&back, "state"), "s t");
    Ok(())
}

#[tokio::test]
async fn an_unknown_application_is_shown_an_error_and_noted() -> Result<()> {
    let github = github_of_anna().await?;
    let query = [("client_id", "nobody"), ("redirect_uri", BACK)];
    let url = format!("{}/login/oauth/authorize", github.url());
    assert_eq!(client().get(url).query(&query).send().await?.status(), 404);
    let back = press(&github, "anna").await?;
    let answer = exchange(&github, &parameter(&back, "code"), "guessed").await?;
    assert_eq!(answer["error"], "incorrect_client_credentials");
    assert_eq!(github.take_wrong_calls().len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_code_is_no_use_without_the_verifier_that_it_began_with() -> Result<()> {
    let github = github_of_anna().await?;
    let other = "another-verifier-that-is-long-enough-to-be-one";
    for verifier in [None, Some(other), Some("short")] {
        let code = parameter(&press(&github, "anna").await?, "code");
        let verifier = verifier.map(|verifier| ("code_verifier", verifier));
        let fields =
            [("client_secret", github.client_secret())].into_iter().chain(verifier).collect::<Vec<_>>();
        let answer = exchange_with(&github, &code, &fields).await?;
        assert_eq!(answer["error"], "bad_verification_code", "{verifier:?}");
        assert_eq!(github.take_wrong_calls().len(), 1, "{verifier:?}");
    }
    Ok(())
}
