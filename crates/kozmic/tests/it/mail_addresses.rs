//! Mail goes only to addresses whose readers asked for it: an address is confirmed first, a link in each mail ends all
//! mail, and nobody gets more than a limit within an hour.

use crate::{
    mail::{build, join, set_mail, told, world},
    world::{LIMIT, World},
};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    mail::{Mail, MailServer},
    person::Person,
};

const SETTINGS: &str = "/account/settings/";
const CONFIRM: &str = "/account/settings/mail/confirm/?link=";

/// The path of the first link in a mail that begins so.
fn link(world: &World, mail: &Mail, path: &str) -> Result<String> {
    let text = mail.text.as_deref().context("a text")?;
    let start = text
        .find(&format!("{}{path}", world.server.url()))
        .with_context(|| format!("no {path} in {text}"))?;
    let link = text[start..].split_whitespace().next().unwrap_or_default();
    Ok(link.trim_start_matches(&world.server.url()).to_owned())
}

/// The newest mail that asks this address to be confirmed, once there are so many.
async fn asked(server: &MailServer, address: &str, count: usize) -> Result<Mail> {
    let is_it = |mail: &&Mail| mail.subject.starts_with("Confirm") && mail.recipients == [address];
    let mails = server.wait_for(LIMIT, |mails| mails.iter().filter(is_it).count() >= count).await?;
    mails.into_iter().rfind(|mail| is_it(&mail)).context("a mail")
}

/// Follows the link that went to an address, and presses the button.
pub(crate) async fn confirm(
    world: &World,
    server: &MailServer,
    person: &Person,
    address: &str,
) -> Result<()> {
    let page = person.get(&link(world, &asked(server, address, 1).await?, CONFIRM)?).await?;
    let form =
        page.form(|form| form.action.ends_with("/confirm/")).with_context(|| format!("a form on {page}"))?;
    let page = person.submit(&page, &form, &[]).await?;
    ensure!(page.body.contains(&format!("{address} is confirmed. Your mail now goes there.")), "{page}");
    Ok(())
}

fn about_builds(mails: Vec<Mail>) -> Vec<Mail> {
    mails.into_iter().filter(|mail| !mail.subject.starts_with("Confirm")).collect()
}

#[tokio::test]
async fn an_address_gets_mail_once_the_person_confirmed_it_who_reads_it() -> Result<()> {
    let server = MailServer::start().await?;
    let world = world(&server.url()).await?;
    let eve = join(&world, "eve").await?;
    set_mail(&eve, &[]).await?;
    world.hook("exit $(cat code)").await?;
    set_mail(&world.anna, &[("address", "anna@work.example"), ("is_on", "yes")]).await?;
    let asks = asked(&server, "anna@work.example", 1).await?;
    assert!(
        asks.text.as_deref().is_some_and(|text| text.contains("anna wants mail about builds from")),
        "{asks:?}"
    );
    assert_eq!(
        (asks.header("List-Unsubscribe"), asks.header("Auto-Submitted")),
        (None, Some("auto-generated"))
    );
    build(&world, "main", "1").await?;

    let path = link(&world, &asks, CONFIRM)?;
    let nobody = Person::visitor(&world.server.url(), &world.github, "anna")?;
    assert!(nobody.get(&path).await?.url.path().starts_with("/login/"));
    let of_eve = eve.get(&path).await?;
    assert!(of_eve.status == 400 && of_eve.body.contains("for another person than eve"), "{of_eve}");
    let damaged = world.anna.get(&path[..path.len() - 1]).await?;
    assert!(damaged.status == 400 && damaged.body.contains("lacks a part"), "{damaged}");
    let page = world.anna.get(SETTINGS).await?;
    assert!(page.body.contains("<b>anna@work.example</b> is not confirmed yet."), "{page}");
    world.anna.get(&path).await?.ensure_ok()?;
    build(&world, "other", "1").await?;
    server.wait_for(LIMIT, |mails| mails.iter().any(|mail| mail.subject.contains("#2 "))).await?;
    confirm(&world, &server, &world.anna, "anna@work.example").await?;
    assert!(world.anna.get(&path).await?.body.contains("anna@work.example is confirmed already."));
    build(&world, "third", "1").await?;

    let mails = server.wait_for(LIMIT, |mails| mails.iter().any(|mail| mail.subject.contains("#3 "))).await?;
    let (forge, work) = ("anna@example.com", "anna@work.example");
    let expected = [
        ("[failure] anna/hello#1 (main", forge),
        ("[failure] anna/hello#2 (other", forge),
        ("[failure] anna/hello#3 (third", work),
    ];
    assert_eq!(told(&about_builds(mails)), expected);
    let page = world.anna.get("/audit/").await?;
    for words in ["changed their mail settings", "confirmed their address for mail"] {
        assert!(page.body.contains(words), "{words} is missing on {page}");
    }
    assert!(!page.body.contains("work.example"), "{page}");
    world.end().await
}

#[tokio::test]
async fn a_newer_address_ends_the_link_of_the_one_before_and_links_are_few() -> Result<()> {
    let server = MailServer::start().await?;
    let world = world(&server.url()).await?;
    for name in ["one", "two", "three", "four"] {
        let address = format!("{name}@work.example");
        set_mail(&world.anna, &[("address", &address), ("is_on", "yes")]).await?;
        asked(&server, &address, 1).await?;
    }
    let old = link(&world, &asked(&server, "one@work.example", 1).await?, CONFIRM)?;
    let page = world.anna.get(&old).await?;
    assert!(
        page.status == 400 && page.body.contains("one@work.example is not to be confirmed any more"),
        "{page}"
    );

    let again = async || world.anna.post_form(SETTINGS, "/account/settings/mail/link/", &[]).await;
    assert!(again().await?.body.contains("A link to confirm the address is on its way there."));
    asked(&server, "four@work.example", 2).await?;
    assert!(again().await?.body.contains("You have asked for too many links within a day."));
    let page = world.anna.get(SETTINGS).await?;
    let mut form = page.form(|form| form.action == "/account/settings/mail/").context("a form")?;
    form.fields.retain(|(name, _)| name == "csrf_token");
    let page = world.anna.submit(&page, &form, &[("address", "six@work.example"), ("is_on", "yes")]).await?;
    assert!(
        page.status == 422 && page.body.contains("You have asked for too many links within a day."),
        "{page}"
    );
    set_mail(&world.anna, &[("address", ""), ("is_on", "yes")]).await?;
    assert!(!world.anna.get(SETTINGS).await?.body.contains("is not confirmed yet"));
    world.end().await
}

#[tokio::test]
async fn one_click_in_a_mailbox_ends_all_mail_of_its_person_and_of_nobody_else() -> Result<()> {
    let server = MailServer::start().await?;
    let world = world(&server.url()).await?;
    join(&world, "eve").await?;
    world.hook("exit $(cat code)").await?;
    build(&world, "main", "1").await?;
    let mails = server.wait_for(LIMIT, |mails| mails.len() >= 2).await?;
    let mail = mails.iter().find(|mail| mail.recipients == ["anna@example.com"]).context("Anna's mail")?;
    assert_eq!(mail.header("List-Unsubscribe-Post"), None, "mailboxes do it by https only");
    let url = mail.header("List-Unsubscribe").context("a link")?.trim_matches(['<', '>']).to_owned();
    assert_eq!(format!("{}{}", world.server.url(), link(&world, mail, "/mail/unsubscribe/?link=")?), url);

    // A mailbox's program looks at the link, and has no cookies.
    let mailbox = reqwest::Client::new();
    let shown = mailbox.get(&url).send().await?;
    assert_eq!(shown.status(), 200);
    assert!(shown.text().await?.contains("No more mail?"));
    build(&world, "other", "1").await?;
    server.wait_for(LIMIT, |mails| mails.len() >= 4).await?;
    assert_eq!(mailbox.post(format!("{url}x")).send().await?.status(), 400);
    for says in ["<h1>Unsubscribed</h1>", "<h1>No mail goes there</h1>"] {
        let click = mailbox.post(&url).form(&[("List-Unsubscribe", "One-Click")]).send().await?;
        assert_eq!(click.status(), 200);
        assert!(click.text().await?.contains(says), "{says}");
    }
    build(&world, "third", "1").await?;
    let mails = server.wait_for(LIMIT, |mails| mails.iter().any(|mail| mail.subject.contains("#3 "))).await?;
    let third = mails.iter().filter(|mail| mail.subject.contains("#3 "));
    assert_eq!(third.map(|mail| mail.recipients[0].as_str()).collect::<Vec<_>>(), ["eve@example.com"]);
    assert!(world.anna.get("/audit/").await?.body.contains("switched off mail, by the link in one, for"));
    let page = world.anna.get(SETTINGS).await?;
    let form = page.form(|form| form.action == "/account/settings/mail/").context("a form")?;
    assert!(!form.fields.iter().any(|(name, _)| name == "is_on"), "{form:?}");
    world.end().await
}

#[tokio::test]
async fn the_last_mail_of_an_hour_says_so_and_none_follows() -> Result<()> {
    let server = MailServer::start().await?;
    let world = crate::mail::limited_world(&server.url(), "2").await?;
    world.hook("exit $(cat code)").await?;
    for branch in ["main", "other", "third"] {
        build(&world, branch, "1").await?;
    }
    // Links are sent after the news of the builds and the mails about it. The second link shows that all of these were
    // tried.
    set_mail(&world.anna, &[("address", "anna@work.example"), ("is_on", "yes")]).await?;
    asked(&server, "anna@work.example", 1).await?;
    world.anna.post_form(SETTINGS, "/account/settings/mail/link/", &[]).await?;
    asked(&server, "anna@work.example", 2).await?;
    let mails = about_builds(server.messages()?);
    let anna = "anna@example.com";
    assert_eq!(
        told(&mails),
        [("[failure] anna/hello#1 (main", anna), ("[failure] anna/hello#2 (other", anna)]
    );
    let is_last =
        |mail: &Mail| mail.text.as_deref().is_some_and(|text| text.contains("you have got 2 within an hour"));
    assert_eq!(mails.iter().map(is_last).collect::<Vec<_>>(), [false, true]);
    world.end().await
}
