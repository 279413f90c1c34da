//! People's own settings: mail, API tokens, sessions.

use crate::world::{GATE, LIMIT, World};
use anyhow::{Context, Result};
use kozmic_testkit::{html::unescape, person::Person};

const PAGE: &str = "/account/settings/";

#[tokio::test]
async fn a_person_says_where_and_of_what_they_want_mail() -> Result<()> {
    let world = World::new().await?;
    let change = async |fields: &[(&str, &str)]| {
        let page = world.anna.get(PAGE).await?;
        let mut form = page.form(|form| form.action == "/account/settings/mail/").context("a form")?;
        form.fields.retain(|(name, _)| name == "csrf_token");
        world.anna.submit(&page, &form, fields).await
    };
    let fresh = world.anna.get(PAGE).await?;
    let form = fresh.form(|form| form.action == "/account/settings/mail/").context("a form")?;
    assert_eq!((form.field("address"), form.field("is_on")), (Some(""), Some("yes")));
    assert_eq!(form.field("only_own_commits"), None);

    let saved = change(&[("address", " anna@work.example "), ("only_own_commits", "yes")]).await?;
    assert!(saved.body.contains("saved"), "{saved}");
    let form = saved.form(|form| form.action == "/account/settings/mail/").context("a form")?;
    assert_eq!(form.field("address"), Some("anna@work.example"));
    assert_eq!((form.field("is_on"), form.field("only_own_commits")), (None, Some("yes")));

    let refused =
        change(&[("address", "anna@work.example\r\nBcc: eve@example.com"), ("is_on", "yes")]).await?;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("That is not an address") && refused.body.contains("aria-invalid"));
    let kept = world.anna.get(PAGE).await?;
    let form = kept.form(|form| form.action == "/account/settings/mail/").context("a form")?;
    assert_eq!(form.field("address"), Some("anna@work.example"));
    world.end().await
}

#[tokio::test]
async fn an_api_token_is_told_once_and_can_be_ended() -> Result<()> {
    let world = World::new().await?;
    let nameless = world.anna.post_form(PAGE, "/account/tokens/", &[("title", " ")]).await?;
    assert_eq!(nameless.status, 422);
    let made = world.anna.post_form(PAGE, "/account/tokens/", &[("title", "Deploys <b>")]).await?;
    made.ensure_ok()?;
    assert_eq!(made.url.path(), "/account/tokens/");
    assert_eq!(made.headers.get("cache-control").context("a rule")?, "no-store");
    assert!(made.headers.get("set-cookie").is_none());
    let token = made.body.split_once("<code class=\"secret\">").context("a token")?.1;
    let token = unescape(token.split_once('<').context("an end")?.0);
    assert!(token.starts_with("kozmic_") && token.len() > 40, "{token}");
    let later = world.anna.get(PAGE).await?;
    assert!(!later.body.contains(&token) && later.body.contains("Deploys &#60;b&#62;"), "{later}");
    assert!(later.body.contains("never used"));
    let database = world.server.data_dir().join("kozmic.db");
    for file in [database.clone(), database.with_extension("db-wal")] {
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(!bytes.windows(token.len()).any(|piece| piece == token.as_bytes()), "{}", file.display());
    }
    let gone = world.anna.post_form(PAGE, "/account/tokens/1/delete/", &[]).await?;
    assert!(gone.body.contains("The token is gone") && !gone.body.contains("Deploys &#60;"), "{gone}");
    world.end().await
}

#[tokio::test]
async fn other_browsers_are_signed_out_and_this_one_stays() -> Result<()> {
    let world = World::new().await?;
    let page = world.anna.get(PAGE).await?;
    assert!(page.body.contains("this browser") && !page.body.contains("sign-out-others"), "{page}");
    let elsewhere = Person::sign_in(&world.server, &world.github, "anna").await?;
    world.hook(&format!("echo begun; {GATE}")).await?;
    world.push("Begin").await?;
    let mut watched = elsewhere.live(world.project, world.build().await?.job()?, 0).await?;
    watched.read_until("begun", LIMIT).await?;
    let page = world.anna.get(PAGE).await?;
    assert_eq!(page.body.matches("this browser").count(), 1);
    assert!(page.body.contains("Kozmic&#39;s tests"), "{page}");
    let done = world.anna.post_form(PAGE, "/account/sessions/sign-out-others/", &[]).await?;
    assert!(done.body.contains("All other browsers are signed out."), "{done}");
    assert!(elsewhere.get(PAGE).await?.url.path().starts_with("/login/"));
    // The log that it watched goes dark although the job runs on.
    while watched.next(LIMIT).await?.is_some() {}
    assert_eq!(world.anna.get(PAGE).await?.url.path(), PAGE);
    world.open_gate().await?;
    world.finished().await?;
    world.end().await
}
