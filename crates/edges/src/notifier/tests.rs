//! Tests of mail alone: its headers, and the meanings of a mail server's answers. A server on loopback gives the
//! answers that a test needs. The contract of all notifiers is in `crates/scripted/tests/notifiers`.

use super::MailSender;
use kozmic_model::mail::{Mail, MailList};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

/// A server for one connection: gives a certain answer to commands with a certain start, and 250 to all others.
struct MailServer {
    port: u16,
    heard: JoinHandle<String>,
}

impl MailServer {
    async fn start(answers: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { port, heard: tokio::spawn(serve(listener, answers)) }
    }

    fn sender(&self, login: &str) -> MailSender {
        let url = format!("smtp://{login}127.0.0.1:{}", self.port);
        let sender = "Kozmic <kozmic@example.org>".parse().unwrap();
        MailSender::new(url.parse().ok().unwrap(), sender).unwrap()
    }
}

async fn serve(listener: TcpListener, answers: &'static [(&'static str, &'static str)]) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    let mut heard = String::new();
    let mut in_mail = false;
    let answer =
        |line: &str| answers.iter().find(|(start, _)| line.starts_with(start)).map(|(_, answer)| *answer);
    write.write_all(answer("(greeting)").unwrap_or("220 hello\r\n").as_bytes()).await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        heard.push_str(&line);
        heard.push('\n');
        let usual = match line.as_str() {
            "DATA" => "354 go on\r\n",
            _ if in_mail && line != "." => continue,
            _ if line.starts_with("EHLO") => "250-here\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n",
            _ => "250 fine\r\n",
        };
        let answer = answer(&line).unwrap_or(usual);
        in_mail = answer.starts_with("354");
        write.write_all(answer.as_bytes()).await.unwrap();
    }
    heard
}

fn mail() -> Mail {
    Mail {
        subject: "[failure] anna/hello#12 (main — 1a2b3c4d)".into(),
        text: "It failed.\n.\nFrom here on: ü\n".into(),
        html: "<p>It failed.</p>".into(),
        message_id: "<mail-9.1000@ci.example.org>".into(),
        list: Some(MailList {
            thread_id: "<project-3.aa@ci.example.org>".into(),
            id: "anna/hello <hello.anna.ci.example.org>".into(),
            unsubscribe_url: "https://ci.example.org/mail/unsubscribe/?link=abc".into(),
        }),
    }
}

#[tokio::test]
async fn a_mail_has_both_bodies_and_is_known_as_a_machines() {
    let server = MailServer::start(&[]).await;
    server.sender("ci:x@").send("bob@example.com", &mail()).await.unwrap();
    let heard = server.heard.await.unwrap();
    for line in [
        "EHLO example.org",
        "MAIL FROM:<kozmic@example.org>",
        "RCPT TO:<bob@example.com>",
        "From: Kozmic <kozmic@example.org>",
        "To: bob@example.com",
        "Message-ID: <mail-9.1000@ci.example.org>",
        "In-Reply-To: <project-3.aa@ci.example.org>",
        "References: <project-3.aa@ci.example.org>",
        "Auto-Submitted: auto-generated",
        "List-Id: anna/hello <hello.anna.ci.example.org>",
        "List-Unsubscribe: <https://ci.example.org/mail/unsubscribe/?link=abc>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "QUIT",
    ] {
        assert!(heard.lines().any(|heard| heard.starts_with(line)), "{line} is missing in\n{heard}");
    }
    assert!(heard.contains("AUTH PLAIN ") && heard.contains("multipart/alternative"), "{heard}");
    assert!(
        heard.contains("text/plain; charset=utf-8") && heard.contains("text/html; charset=utf-8"),
        "{heard}"
    );
}

#[tokio::test]
async fn no_line_break_in_a_header_begins_another_one() {
    let server = MailServer::start(&[]).await;
    let broken = |text: &str| format!("{text}\r\nBcc: eve@example.com\r\n\r\n<script>");
    let mail = mail();
    let mail = Mail {
        subject: broken(&mail.subject),
        message_id: broken(&mail.message_id),
        list: mail.list.map(|list| MailList {
            id: broken(&list.id),
            unsubscribe_url: broken(&list.unsubscribe_url),
            thread_id: broken(&list.thread_id),
        }),
        ..mail
    };
    let sent = server.sender("").send("bob@example.com", &mail).await;
    let heard = server.heard.await.unwrap();
    assert!(sent.is_ok() && !heard.lines().any(|line| line.starts_with("Bcc:")), "{heard}");
}

#[tokio::test]
async fn a_refusal_is_told_from_what_may_pass() {
    for (answers, is_refusal) in [
        (&[("RCPT", "550 bob@example.com is nobody here\r\n")] as &[_], true),
        (&[("RCPT", "450 Bob@Example.com and BOB@example.com are out\r\n")], false),
        (&[("DATA", "452 no room\r\n")], false),
        (&[("AUTH", "535 who are you?\r\n")], false),
        (&[("(greeting)", "554 go away\r\n")], false),
    ] {
        let server = MailServer::start(answers).await;
        let fault = server.sender("ci:x@").send("bob@example.com", &mail()).await.unwrap_err();
        assert_eq!(fault.try_again().is_none(), is_refusal, "{fault}");
        let words = fault.to_string();
        assert!(!words.to_lowercase().contains("bob@") && words.contains("127.0.0.1:"), "{words}");
    }
}

#[tokio::test]
async fn a_mail_to_what_is_no_address_is_refused_before_a_connection() {
    let url = "smtp://127.0.0.1:9".parse().ok().unwrap();
    let sender = MailSender::new(url, "kozmic@example.org".parse().unwrap()).unwrap();
    assert!(sender.send("bob\r\nQUIT", &mail()).await.unwrap_err().try_again().is_none());
}

#[tokio::test]
async fn a_check_connects_and_logs_in_and_sends_nothing() {
    let server = MailServer::start(&[]).await;
    server.sender("ci:x@").check().await.unwrap();
    let heard = server.heard.await.unwrap();
    assert!(heard.contains("AUTH PLAIN") && !heard.contains("MAIL FROM"), "{heard}");
    let server = MailServer::start(&[("AUTH", "535 who are you?\r\n")]).await;
    let fault = server.sender("ci:x@").check().await.unwrap_err().to_string();
    assert!(fault.contains("535") && fault.contains("who are you?"), "{fault}");
}
