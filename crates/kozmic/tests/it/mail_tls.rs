//! Mails over TLS to a real server with a certificate of a private authority. They arrive if everything is right.
//! Otherwise `kozmic check` and the server's log explain the fault in a sentence.

use crate::world::{LIMIT, World, github, options};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    authority::Authority,
    mail::{MailServer, Tls},
    server::Server,
};

const SENDER: &str = "Kozmic <kozmic@example.org>";
const USER: &str = "kozmic";
const PASSWORD: &str = "a%2Fsecret";

/// Line of `kozmic check` for mail with this address and these authorities.
async fn mail_line(server: &Server, url: &str, trusted: &Authority) -> Result<String> {
    let trusted = trusted.certificate();
    let env = [
        ("KOZMIC_SMTP_URL", url),
        ("KOZMIC_MAIL_DEFAULT_SENDER", SENDER),
        ("SSL_CERT_FILE", trusted.to_str().context("a path of letters")?),
    ];
    let output = server.run_with(&["check"], &env).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(!text.contains(PASSWORD) && !text.contains("a/secret"), "{text}");
    text.lines().find(|line| line.contains(" mail: ")).map(str::to_owned).context(text)
}

#[tokio::test]
async fn mails_arrive_over_starttls_and_smtps() -> Result<()> {
    let authority = Authority::new("Ours")?;
    let shown = authority.certify("localhost")?;
    for tls in [Tls::Upgrade, Tls::FromStart] {
        let server = MailServer::start_on_tls(tls, &shown, USER, "a/secret").await?;
        let url = server.url().replace("a/secret", PASSWORD);
        let trusted = authority.certificate();
        let trusted = trusted.to_str().context("a path of letters")?;
        let settings = [
            ("KOZMIC_SMTP_URL", url.as_str()),
            ("KOZMIC_MAIL_DEFAULT_SENDER", SENDER),
            ("SSL_CERT_FILE", trusted),
        ];
        let world = World::with(&settings).await?;
        let line = mail_line(&world.server, &url, &authority).await?;
        assert!(line.starts_with("ok    mail: localhost:") && line.ends_with(" takes mails"), "{line}");
        world.hook("exit 3").await?;
        world.push("Begin").await?;
        let mails = server.wait_for(LIMIT, |mails| !mails.is_empty()).await?;
        assert!(mails[0].subject.starts_with("[failure] "), "{tls:?}");
        world.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_mail_server_on_tls_is_said_in_a_sentence() -> Result<()> {
    let github = github().await?;
    let kozmic = Server::start(options(&github)).await?;
    let (authority, stranger) = (Authority::new("Ours")?, Authority::new("Theirs")?);
    let namesake = Authority::new("Ours")?;
    let right = authority.certify("localhost")?;
    let other = authority.certify("mail.example.org")?;
    let old = authority.certify_in_the_past("localhost")?;
    for tls in [Tls::Upgrade, Tls::FromStart] {
        let unknown = "it shows a certificate of an authority that is not trusted here; the machine's list";
        for (shown, trusted, words) in [
            (&right, &namesake, unknown),
            (&right, &stranger, unknown),
            (&other, &authority, "it shows a certificate for another name"),
            (&old, &authority, "it shows a certificate that has expired"),
        ] {
            let server = MailServer::start_on_tls(tls, shown, USER, "a/secret").await?;
            let line = mail_line(&kozmic, &server.url().replace("a/secret", PASSWORD), trusted).await?;
            assert!(line.starts_with("FAIL  mail: the mail server localhost:"), "{line}");
            assert!(line.contains(words), "{tls:?}: {line}");
        }
        let server = MailServer::start_on_tls(tls, &right, USER, "a/secret").await?;
        let line = mail_line(&kozmic, &server.url().replace("a/secret", "wrong"), &authority).await?;
        assert!(line.contains("it refuses user and password: ") && line.contains("535"), "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_to_be_encrypted_is_never_sent_in_the_clear() -> Result<()> {
    let github = github().await?;
    let kozmic = Server::start(options(&github)).await?;
    let authority = Authority::new("Ours")?;
    let plain = MailServer::start_with_login(USER, "a/secret").await?;
    let address = plain.url().replace("a/secret", PASSWORD).replace("127.0.0.1", "localhost");
    let line = mail_line(&kozmic, &format!("{address}?tls=required"), &authority).await?;
    assert!(line.contains("it offers no STARTTLS, and nothing is sent without; smtps://"), "{line}");
    let line = mail_line(&kozmic, &address.replace("smtp://", "smtps://"), &authority).await?;
    assert!(line.contains("it does not speak TLS there; if it has STARTTLS"), "{line}");
    assert!(plain.messages()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn the_servers_log_says_why_mails_wait() -> Result<()> {
    let (authority, stranger) = (Authority::new("Ours")?, Authority::new("Theirs")?);
    let server =
        MailServer::start_on_tls(Tls::Upgrade, &authority.certify("localhost")?, USER, "a/secret").await?;
    let trusted = stranger.certificate();
    let world = World::with(&[
        ("KOZMIC_SMTP_URL", &server.url().replace("a/secret", PASSWORD)),
        ("KOZMIC_MAIL_DEFAULT_SENDER", SENDER),
        ("SSL_CERT_FILE", trusted.to_str().context("a path of letters")?),
    ])
    .await?;
    world.hook("exit 3").await?;
    world.push("Begin").await?;
    world.server.wait_for_output("a certificate of an authority that is not trusted here", LIMIT).await?;
    let output = world.server.output();
    assert!(!output.contains("secret") && !output.contains("rustls_platform_verifier"), "{output}");
    world.end().await
}
