//! A server on this machine for tests. It gives one prepared answer to each request, and records the requests.

use super::super::Client;
use kozmic_model::{ids::RepositoryId, project::Repository};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use url::Url;

/// A status line's number with further header lines, and a body.
type Answer = (String, String);

pub(in crate::forge::github) struct Loopback {
    pub(in crate::forge::github) origin: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// `anna/app`.
pub(in crate::forge::github) fn repository() -> Repository {
    Repository {
        id: RepositoryId(1),
        owner: "anna".to_owned(),
        name: "app".to_owned(),
        private: true,
        default_branch: "main".to_owned(),
        html_url: String::new(),
        clone_url: String::new(),
        ssh_url: String::new(),
    }
}

impl Loopback {
    /// Answers with these statuses and bodies.
    pub(in crate::forge::github) async fn answering(
        answers: impl IntoIterator<Item = (u16, String)>,
    ) -> Self {
        let answers = answers.into_iter().map(|(status, body)| (format!("{status} X\r\n"), body));
        Self::start(|_| answers.collect()).await
    }

    /// Gives the answers that `answers` makes for the server's own origin. After the last answer it closes each
    /// connection.
    pub(in crate::forge::github) async fn start(answers: impl FnOnce(&str) -> Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let answers = answers(&origin);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            for answer in answers {
                let mut stream = BufReader::new(listener.accept().await.unwrap().0);
                let request = read(&mut stream).await;
                noted.lock().unwrap().push(request);
                give(stream, &answer).await;
            }
        });
        Self { origin, asked }
    }

    pub(in crate::forge::github) fn client(&self) -> Client {
        rustls::crypto::ring::default_provider().install_default().ok();
        Client::new(Url::parse(&format!("{}/api", self.origin)).unwrap()).unwrap()
    }

    /// The requests so far: method and path, then `!` if the request had no token.
    pub(in crate::forge::github) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> String {
    let (mut first, mut length, mut has_token) = (String::new(), 0, false);
    stream.read_line(&mut first).await.unwrap();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let line = line.trim_end().to_lowercase();
        match line.split_once(": ") {
            Some(("content-length", digits)) => length = digits.parse().unwrap(),
            Some(("authorization", value)) => has_token = value == "bearer t0ken",
            Some(_) => {}
            None => break,
        }
    }
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    let request = first.trim_end().trim_end_matches(" HTTP/1.1");
    if has_token { request.to_owned() } else { format!("{request} !") }
}

async fn give(mut stream: BufReader<TcpStream>, (head, body): &Answer) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {head}connection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await.unwrap();
}
