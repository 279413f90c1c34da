//! Looks of `kozmic check` at the server's addresses: the one that it listens on, and the one that the forge calls.

use super::report::Finding;
use crate::{data_dir::DataDir, settings::Settings};
use kozmic_edges::secret;
use reqwest::redirect::Policy;
use secrecy::ExposeSecret;
use std::{error::Error, net::IpAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, lookup_host},
    time::{sleep, timeout},
};
use url::{Host, Url};

/// Longest wait for an answer from the public address.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time between two glances at the data directory.
const GLANCE: Duration = Duration::from_millis(50);

/// The most bytes of an answer that are read.
const ANSWER: usize = 4096;

/// The answer of a server that runs.
const ALIVE: &str = "ok";

/// The address that is listened on, and the public one.
pub(super) struct Addresses {
    pub(super) own: Finding,
    pub(super) public: Finding,
}

/// Looks at both. Where no server runs, something listens in its place for a moment, and the public address has to lead
/// there.
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

/// Answers with a sign that nobody else knows, until it is dropped.
async fn stand_in(listener: TcpListener, sign: &str) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(timeout(PATIENCE, answer(stream, sign.to_owned())));
    }
}

/// Answers the check's own request. A delivery of the forge gets 503, so that it is sent or asked for again.
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

/// Whether the public address leads to what gives this answer, and whether the forge has a chance to get there.
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

/// The reason of a fault: the last of its causes names it.
fn causes(fault: &reqwest::Error) -> String {
    let mut words = fault.to_string();
    let mut cause = fault.source();
    while let Some(inner) = cause {
        words = inner.to_string();
        cause = inner.source();
    }
    words
}

/// Whether an address is one of this machine alone.
pub(super) async fn is_this_machine(url: &Url) -> bool {
    nearness(url).await == Near::Machine
}

/// Distance of a host, as far as its address tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Near {
    Machine,
    Network,
    Far,
}

/// The distance of an address's host, which is the farthest of all that its name stands for.
async fn nearness(url: &Url) -> Near {
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses = match url.host() {
        Some(Host::Ipv4(address)) => vec![IpAddr::from(address)],
        Some(Host::Ipv6(address)) => vec![IpAddr::from(address)],
        Some(Host::Domain(name)) => match timeout(PATIENCE, lookup_host((name, port))).await {
            Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
            _ => return Near::Far,
        },
        None => return Near::Far,
    };
    if addresses.iter().all(|address| address.is_loopback() || address.is_unspecified()) {
        Near::Machine
    } else if addresses.iter().all(is_private) {
        Near::Network
    } else {
        Near::Far
    }
}

/// Whether an address is one of this machine or of a private network (RFC 1918, RFC 4193, link-local, RFC 6598).
fn is_private(address: &IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(four) => {
            let [first, second, ..] = four.octets();
            let is_of_carrier = first == 100 && (64..128).contains(&second);
            four.is_loopback() || four.is_private() || four.is_link_local() || is_of_carrier
        }
        IpAddr::V6(six) => six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_is_as_far_as_its_address() {
        let near = async |url: &str| nearness(&url.parse().unwrap()).await;
        for own in ["http://127.0.0.1:8080", "http://[::1]", "http://0.0.0.0:80"] {
            assert_eq!(near(own).await, Near::Machine, "{own}");
        }
        for inside in [
            "http://10.1.2.3",
            "http://192.168.1.5",
            "http://[fd00::1]",
            "http://100.64.0.1",
            "http://169.254.1.1",
        ] {
            assert_eq!(near(inside).await, Near::Network, "{inside}");
        }
        for far in [
            "https://192.0.2.1",
            "http://[2001:db8::1]",
            "https://no-such-host.invalid",
            "http://100.128.0.1",
        ] {
            assert_eq!(near(far).await, Near::Far, "{far}");
        }
    }

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
