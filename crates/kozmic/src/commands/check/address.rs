//! Looks of `kozmic check` at the server's addresses: the one on which it listens, and the one that the forge calls.

use crate::commands::{
    finding::Finding,
    looks::near::{Near, nearness},
};
use crate::{data_dir::DataDir, settings::Settings};
use kozmic_edges::secret;
use reqwest::redirect::Policy;
use secrecy::ExposeSecret;
use std::{error::Error, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use url::Url;

/// Longest wait for an answer from the public address.
const PATIENCE: Duration = Duration::from_secs(10);

/// Interval between two looks at the data directory.
const GLANCE: Duration = Duration::from_millis(50);

/// The most bytes of an answer that are read.
const ANSWER: usize = 4096;

/// The answer of a running server.
const ALIVE: &str = "ok";

/// The results for the address to listen on and for the public address.
pub(super) struct Addresses {
    pub(super) own: Finding,
    pub(super) public: Finding,
}

/// Looks at both addresses. If no server runs, the check itself listens for a moment, and the public address has to
/// lead there.
pub(super) async fn look(settings: &Settings, is_served: bool) -> Addresses {
    let address = settings.server.listen;
    if is_served {
        let own = Finding::Well(format!("{address}, served now"));
        return Addresses { own, public: public(settings, ALIVE).await };
    }
    match TcpListener::bind(address).await {
        Ok(listener) => {
            let sign = secret::random().expose_secret().to_owned();
            let public = tokio::select! {
                public = public(settings, &sign) => public,
                () = stand_in(listener, &sign) => Finding::Mind("not tried: nothing more can be accepted".to_owned()),
                () = server(settings) => Finding::Mind("not tried: a server starts now; check again".to_owned()),
            };
            Addresses { own: Finding::Well(format!("{address} is free")), public }
        }
        Err(cause) => Addresses {
            own: Finding::Bad(format!(
                "cannot listen on {address}: {cause}. Another program may use the port; set listen to another one"
            )),
            public: Finding::Mind("not tried: the server cannot listen".to_owned()),
        },
    }
}

/// Waits until a server takes the data directory: it needs the port a moment later.
async fn server(settings: &Settings) {
    let is_taken = || {
        let dir = DataDir::look(&settings.server.data_dir).ok().flatten();
        dir.is_some_and(|dir| matches!(dir.holder(), Ok(Some(_))))
    };
    while !is_taken() {
        sleep(GLANCE).await;
    }
}

/// Answers with a random sign that nobody else knows, until it is dropped.
async fn stand_in(listener: TcpListener, sign: &str) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(timeout(PATIENCE, answer(stream, sign.to_owned())));
    }
}

/// Answers the check's own request. A delivery of the forge gets 503, so that it counts as not delivered.
async fn answer(mut stream: TcpStream, sign: String) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < ANSWER {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = match request.starts_with(b"GET /healthz ") {
        true => ("200 OK", sign.as_str()),
        false => ("503 Service Unavailable", "kozmic check stands here for a moment; no server runs"),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nConnection: close");
    stream.write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    stream.shutdown().await
}

/// Judges if the public address gives this answer, and if the forge can reach it.
async fn public(settings: &Settings, sign: &str) -> Finding {
    let url = &settings.server.public_url;
    let (ours, forges) = (nearness(url).await, nearness(&settings.github.url).await);
    let forge = settings.github.url.host_str().unwrap_or("the forge");
    if ours == Near::Machine && forges != Near::Machine {
        return Finding::Bad(format!(
            "only this machine gets to {url}, and {forge} calls it for each push: set public_url to an address that {forge} reaches"
        ));
    }
    match ask(url).await {
        Ok((_, body)) if body.trim() == sign => match (ours, forges) {
            (Near::Network, Near::Far) => Finding::Mind(format!(
                "{url} leads here, by an address of a private network: {forge}, which calls it for each push, gets there only \
                 if it is led in another way"
            )),
            _ => Finding::Well(format!("{url} leads here")),
        },
        Ok((status, _)) if status.starts_with('3') => Finding::Bad(format!(
            "{url} only sends on to another address ({status}), where no webhook follows: set public_url to that one"
        )),
        Ok((status, _)) => Finding::Bad(format!(
            "{url} is answered by something else ({status}): lead it to {}, as the proxies in README.md do",
            settings.server.listen
        )),
        Err(fault) if fault.is_timeout() => Finding::Mind(format!(
            "{url} does not answer from here. Some routers lead nobody to their own outside: look at a webhook's recent \
             deliveries at {forge}"
        )),
        Err(fault) => Finding::Bad(format!("{url} cannot be reached from here: {}", causes(&fault))),
    }
}

async fn ask(url: &Url) -> Result<(String, String), reqwest::Error> {
    let client = reqwest::Client::builder().timeout(PATIENCE).redirect(Policy::none()).build()?;
    let mut page = url.clone();
    page.set_path("/healthz");
    let mut response = client.get(page).send().await?;
    let status = response.status().to_string();
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > ANSWER {
            break;
        }
    }
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// The words of the last cause: they name the reason.
fn causes(fault: &reqwest::Error) -> String {
    let mut words = fault.to_string();
    let mut cause = fault.source();
    while let Some(inner) = cause {
        words = inner.to_string();
        cause = inner.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stand_in_answers_the_check_alone() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stand_in = tokio::spawn(async move { stand_in(listener, "sign").await });
        let mut odd = TcpStream::connect(address).await.unwrap();
        odd.write_all(&[b'x'; ANSWER]).await.unwrap();
        let (status, body) = ask(&format!("http://{address}").parse().unwrap()).await.unwrap();
        assert_eq!((status.as_str(), body.as_str()), ("200 OK", "sign"));
        let delivery = reqwest::Client::new().post(format!("http://{address}/_hooks/hook/1/")).body("{}");
        assert_eq!(delivery.send().await.unwrap().status(), 503, "a push is not taken for delivered");
        stand_in.abort();
    }
}
