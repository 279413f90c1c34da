//! The mail server, with SMTP line by line.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kozmic_testkit::mail::MailServer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use url::Url;

use crate::support::LIMIT;

/// Sends these lines to a mail server; gives the first three digits of each answer.
async fn say(server: &MailServer, lines: &[&str]) -> Result<Vec<String>> {
    tokio::time::timeout(LIMIT, talk(server, lines)).await.context("a talk takes too long")?
}

async fn talk(server: &MailServer, lines: &[&str]) -> Result<Vec<String>> {
    let url = Url::parse(&server.url())?;
    let stream = TcpStream::connect(("127.0.0.1", url.port().context("a port")?)).await?;
    let mut stream = BufReader::new(stream);
    let mut codes = vec![answer(&mut stream).await?];
    for line in lines {
        stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        codes.push(answer(&mut stream).await?);
    }
    Ok(codes)
}

async fn answer(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    loop {
        line.clear();
        ensure!(stream.read_line(&mut line).await? > 3, "the server has closed the connection");
        if line.as_bytes()[3] != b'-' {
            return Ok(line[..3].to_owned());
        }
    }
}

const ENVELOPE: [&str; 4] =
    ["EHLO kozmic", "MAIL FROM:<ci@example.com>", "RCPT TO:<anna@example.com>", "DATA"];
const MAIL: &str = "From: ci@example.com\r\nTo: Anna <anna@example.com>\r\nSubject: Failed\r\n\
    List-Id: <hello.example.com>\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain\r\n\r\nsad\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>sad</p>\r\n--b--\r\n.";

#[tokio::test]
async fn a_mail_is_kept_also_over_a_stop() -> Result<()> {
    let mut server = MailServer::start().await?;
    assert!(server.messages()?.is_empty());
    let codes = say(&server, &[&ENVELOPE[..], &[MAIL]].concat()).await?;
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250"]);
    let mails = server.wait_for(LIMIT, |mails| mails.len() == 1).await?;
    let mail = &mails[0];
    assert_eq!((mail.from.as_str(), mail.subject.as_str()), ("ci@example.com", "Failed"));
    assert_eq!((&mail.to, &mail.recipients), (&mail.recipients, &vec!["anna@example.com".to_owned()]));
    assert_eq!(mail.text.as_deref().map(str::trim), Some("sad"));
    assert_eq!(mail.html.as_deref().map(str::trim), Some("<p>sad</p>"));
    assert_eq!(mail.header("list-id"), Some("<hello.example.com>"));

    server.stop().await?;
    assert!(say(&server, &[]).await.is_err());
    server.start_again().await?;
    say(&server, &[&ENVELOPE[..], &["Subject: Second\r\n\r\nx\r\n."]].concat()).await?;
    let mails = server.wait_for(LIMIT, |mails| mails.len() == 2).await?;
    assert_eq!(mails[1].subject, "Second");
    Ok(())
}

#[tokio::test]
async fn a_server_with_a_password_wants_it() -> Result<()> {
    let server = MailServer::start_with_login("ci", "s3cret").await?;
    assert!(server.url().starts_with("smtp://ci:s3cret@127.0.0.1:"));
    let login = |password: &str| format!("AUTH PLAIN {}", STANDARD.encode(format!("\0ci\0{password}")));
    let codes = say(&server, &["EHLO kozmic", "MAIL FROM:<ci@example.com>", &login("wrong")]).await?;
    assert_eq!(codes, ["220", "250", "530", "535"]);
    let right = login("s3cret");
    let lines = [ENVELOPE[0], &right, ENVELOPE[1], ENVELOPE[2], ENVELOPE[3], MAIL];
    assert_eq!(say(&server, &lines).await?, ["220", "250", "235", "250", "250", "354", "250"]);
    assert_eq!(server.messages()?.len(), 1);
    Ok(())
}
