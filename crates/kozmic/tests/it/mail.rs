//! Members get mails of a real mail server about builds that broke or were mended, and none that they do not want.

use crate::{
    mail_addresses::confirm,
    world::{LIMIT, REPOSITORY, World},
};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{Commit, Permission, Pushed, State},
    mail::{Mail, MailServer},
    person::Person,
    server::Server,
};
use tokio::net::TcpListener;

const SENDER: &str = "Kozmic <kozmic@example.org>";
const SETTINGS: &str = "/account/settings/";

pub(crate) async fn world(smtp_url: &str) -> Result<World> {
    limited_world(smtp_url, "30").await
}

/// A world where people get so many mails within an hour.
pub(crate) async fn limited_world(smtp_url: &str, limit: &str) -> Result<World> {
    let settings = [
        ("KOZMIC_SMTP_URL", smtp_url),
        ("KOZMIC_MAIL_DEFAULT_SENDER", SENDER),
        ("KOZMIC_MAIL_LIMIT", limit),
        ("KOZMIC_ADMINS", "anna"),
    ];
    World::with(&settings).await
}

/// Pushes a commit whose job returns this; each branch has commits of its own.
async fn push(world: &World, branch: &str, code: &str, author: &str) -> Result<Pushed> {
    let commit = Commit::new(&format!("Return {code}")).by(author, &format!("{author}@example.com"));
    world
        .github
        .push_commit(REPOSITORY, branch, commit.file("code", code).file("by", author).file("branch", branch))
        .await
}

/// Pushes a commit of Anna's and waits until its build ended.
pub(crate) async fn build(world: &World, branch: &str, code: &str) -> Result<()> {
    let pushed = push(world, branch, code, "anna").await?;
    let state = if code == "0" { State::Success } else { State::Failure };
    world.status(&pushed.sha, state).await.map(drop)
}

pub(crate) async fn set_mail(person: &Person, fields: &[(&str, &str)]) -> Result<()> {
    let page = person.get(SETTINGS).await?;
    let mut form = page.form(|form| form.action == "/account/settings/mail/").context("a form for mail")?;
    form.fields.retain(|(name, _)| name == "csrf_token");
    person.submit(&page, &form, fields).await?.ensure_ok()
}

pub(crate) async fn join(world: &World, login: &str) -> Result<Person> {
    world.github.set_permission(REPOSITORY, login, Some(Permission::Pull));
    Person::sign_in(&world.server, &world.github, login).await
}

/// Subject of each mail, without the commit, and its recipient.
pub(crate) fn told(mails: &[Mail]) -> Vec<(&str, &str)> {
    let about = mails.iter().map(|mail| mail.subject.split(" — ").next().unwrap_or_default());
    let recipients = mails.iter().map(|mail| mail.recipients.first().map_or("", String::as_str));
    about.zip(recipients).collect()
}

#[tokio::test]
async fn a_failure_is_mailed_with_all_that_one_needs_and_no_harm() -> Result<()> {
    let server = MailServer::start().await?;
    let world = world(&server.url()).await?;
    world.hook("for i in $(seq 1 60); do echo \"line $i\"; done\nprintf '\\033[31m<b>red</b>\\033[0m\\n'; exit 3").await?;
    let commit = Commit::new("<script>alert(1)</script>\r\nBcc: eve@example.com").file("file", "x");
    let pushed = world.github.push_commit(REPOSITORY, "<i>&\"x\"", commit).await?;
    let mails = server.wait_for(LIMIT, |mails| !mails.is_empty()).await?;
    let mail = mails.first().context("a mail")?;
    assert_eq!(mail.subject, format!("[failure] {REPOSITORY}#1 (<i>&\"x\" — {})", &pushed.sha[..8]));
    assert_eq!(
        (mail.from.as_str(), mail.recipients.as_slice()),
        ("kozmic@example.org", ["anna@example.com".to_owned()].as_slice())
    );

    let text = mail.text.as_deref().context("a text")?;
    let last = (33..=60).map(|number| format!("    line {number}\n")).collect::<String>();
    let last = format!("{last}    <b>red</b>\n    The script returned 3.");
    assert!(text.contains(&format!("The end of the log of \"Tests\":\n\n{last}\n\n-- \n")), "{text}");
    let build = world.build().await?;
    let address = format!("{}/projects/{}/builds/{}/", world.server.url(), world.project, build.build);
    for words in [
        "Build #1 of anna/hello failed.",
        "The script returned 3.",
        "<script>alert(1)</script>",
        &address,
        &format!("{address}jobs/{}/", build.job()?),
        &format!("{}{SETTINGS}", world.server.url()),
    ] {
        assert!(text.contains(words), "{words} is missing in\n{text}");
    }
    let html = mail.html.as_deref().context("an HTML part")?;
    assert!(
        html.contains("&lt;b&gt;red&lt;/b&gt;") && html.contains(&format!("href=\"{address}\"")),
        "{html}"
    );
    for tag in ["<script", "<b>", "<i>", "\u{1b}", "src="] {
        assert!(!html.contains(tag), "{tag} in\n{html}");
    }
    assert_eq!((mail.header("Bcc"), mail.header("Auto-Submitted")), (None, Some("auto-generated")));
    world.end().await
}

#[tokio::test]
async fn a_success_is_mailed_only_if_it_mends_something() -> Result<()> {
    let server = MailServer::start().await?;
    let world = world(&server.url()).await?;
    world.hook("exit $(cat code)").await?;
    for (branch, code) in [("main", "0"), ("main", "1"), ("main", "0"), ("main", "0"), ("other", "1")] {
        build(&world, branch, code).await?;
    }
    // Mails go out in the order of their news: with the last one, all are there.
    let mails = server.wait_for(LIMIT, |mails| mails.iter().any(|mail| mail.subject.contains("#5 "))).await?;
    let anna = "anna@example.com";
    assert_eq!(
        told(&mails),
        [
            ("[failure] anna/hello#2 (main", anna),
            ("[success] anna/hello#3 (main", anna),
            ("[failure] anna/hello#5 (other", anna)
        ]
    );
    let thread = |mail: &Mail| mail.header("References").map(str::to_owned);
    assert!(thread(&mails[0]).is_some() && thread(&mails[0]) == thread(&mails[1]));
    assert_ne!(thread(&mails[0]), thread(&mails[2]));
    assert_ne!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    world.end().await
}

#[tokio::test]
async fn mails_wait_for_a_mail_server_that_is_down_and_statuses_do_not() -> Result<()> {
    let mut server = MailServer::start().await?;
    let mut world = world(&server.url()).await?;
    let eve = join(&world, "eve").await?;
    world.hook("exit $(cat code)").await?;
    server.stop().await?;
    build(&world, "main", "1").await?;
    world.server.kill_9().await?;
    world.server.restart().await?;
    assert!(server.messages()?.is_empty());
    set_mail(&eve, &[("address", "")]).await?;
    server.start_again().await?;
    build(&world, "other", "1").await?;
    let mails = server.wait_for(LIMIT, |mails| mails.len() >= 2).await?;
    let mut told = told(&mails);
    told.sort_unstable();
    let anna = "anna@example.com";
    assert_eq!(told, [("[failure] anna/hello#1 (main", anna), ("[failure] anna/hello#2 (other", anna)]);
    world.end().await
}

#[tokio::test]
async fn a_mail_server_that_hangs_holds_up_no_status_and_an_admin_sees_what_waits() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let world = world(&format!("smtp://{}", silent.local_addr()?)).await?;
    world.hook("exit $(cat code)").await?;
    build(&world, "main", "1").await?;
    let (connection, _) = silent.accept().await?;
    let ready = world.anna.get("/readyz").await?;
    assert!(ready.body.contains(r#""mail":{"fault":null,"waiting":1}"#), "{ready}");
    let ready = join(&world, "eve").await?.get("/readyz").await?;
    assert!(!ready.body.contains("outbox"), "{ready}");
    build(&world, "main", "0").await?;
    let heard = connection.try_read(&mut [0]).map_err(|fault| fault.kind());
    assert_eq!(heard, Err(std::io::ErrorKind::WouldBlock), "it still waits for the mail server's first word");
    world.end().await
}

#[tokio::test]
async fn members_get_what_they_want_where_they_want_it() -> Result<()> {
    let server = MailServer::start().await?;
    let world = world(&server.url()).await?;
    let eve = join(&world, "eve").await?;
    world.hook("exit $(cat code)").await?;
    set_mail(&eve, &[("address", "eve@work.example"), ("is_on", "yes")]).await?;
    set_mail(&world.anna, &[("address", "Anna@work.example"), ("is_on", "yes"), ("only_own_commits", "yes")])
        .await?;
    confirm(&world, &server, &eve, "eve@work.example").await?;
    set_mail(&eve, &[("address", "eve@work.example")]).await?;
    confirm(&world, &server, &world.anna, "Anna@work.example").await?;
    let fail = async |author| {
        let pushed = push(&world, "main", "1", author).await?;
        world.status(&pushed.sha, State::Failure).await
    };
    fail("bob").await?;
    fail("anna").await?;
    server.wait_for(LIMIT, |mails| mails.len() >= 3).await?;
    set_mail(&eve, &[("address", "eve@work.example"), ("is_on", "yes")]).await?;
    fail("bert").await?;
    let mut mails = server.wait_for(LIMIT, |mails| mails.len() >= 4).await?;
    mails.drain(..2); // the links
    assert_eq!(
        told(&mails),
        [
            ("[failure] anna/hello#2 (main", "Anna@work.example"),
            ("[failure] anna/hello#3 (main", "eve@work.example")
        ]
    );
    let why =
        |place: usize, words: &str| mails[place].text.as_deref().is_some_and(|text| text.contains(words));
    assert!(why(0, "because you wrote this commit") && why(1, "because you are a member"), "{mails:?}");
    world.end().await
}

#[tokio::test]
async fn a_check_says_whether_mails_are_taken() -> Result<()> {
    let server = MailServer::start_with_login("ci", "right").await?;
    let github = crate::world::github().await?;
    let check = async |smtp_url: &str| {
        let options = crate::world::options(&github).env("KOZMIC_MAIL_DEFAULT_SENDER", SENDER);
        let kozmic = Server::start(options.env("KOZMIC_SMTP_URL", smtp_url)).await?;
        let output = kozmic.run(&["check"]).await?;
        anyhow::Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    let (is_well, words) = check(&server.url()).await?;
    assert!(is_well && words.contains("ok    mail: 127.0.0.1:") && words.contains("takes mails"), "{words}");
    let (is_well, words) = check(&server.url().replace("right", "wrong")).await?;
    assert!(!is_well && words.contains("FAIL  mail: ") && words.contains("535"), "{words}");
    assert!(!words.contains("wrong"), "{words}");
    Ok(())
}
