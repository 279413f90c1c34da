//! Counts the requests and live views that each client behind a proxy has open. Without a proxy, connections are
//! counted instead when they are accepted (`crate::listen`).

use super::{Client, TrustedProxies};
use crate::{error::WebError, holding::Holding};
use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// The counts of all clients; cheap to clone.
#[derive(Clone)]
pub struct Crowd {
    proxies: TrustedProxies,
    /// The most that each client may have open.
    limit: usize,
    present: Arc<Mutex<HashMap<Client, usize>>>,
}

/// One request or live view of a client. It counts until all of its clones are dropped.
#[derive(Clone)]
pub(crate) struct OpenRequest {
    _present: Option<Arc<Presence>>,
}

struct Presence {
    client: Client,
    crowd: Crowd,
}

impl Crowd {
    /// Allows each client behind these proxies this many open requests and live views.
    pub fn new(proxies: TrustedProxies, limit: usize) -> Self {
        Self { proxies, limit, present: Arc::default() }
    }

    /// Counts one more for a client; none if that is one too many.
    fn take(&self, client: Client) -> Option<OpenRequest> {
        if client == Client::UNKNOWN {
            return Some(OpenRequest { _present: None });
        }
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let count = present.entry(client).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(OpenRequest { _present: Some(Arc::new(Presence { client, crowd: self.clone() })) })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut present = self.crowd.present.lock().unwrap_or_else(PoisonError::into_inner);
        let left = present.get(&self.client).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => present.remove(&self.client),
            left => present.insert(self.client, left),
        };
    }
}

/// Determines the client, and refuses it if it has too much open already. An admitted request counts until the last
/// byte of its answer is sent, or until its live view ends.
pub(crate) async fn admit(State(crowd): State<Crowd>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let client = peer.map_or(Client::UNKNOWN, |peer| crowd.proxies.client(peer, request.headers()));
    request.extensions_mut().insert(client);
    let is_behind = peer.is_some_and(|peer| crowd.proxies.contain(peer));
    let Some(open) = crowd.take(if is_behind { client } else { Client::UNKNOWN }) else {
        tracing::debug!(?client, "a client has too much open");
        return WebError::Crowded.into_response();
    };
    request.extensions_mut().insert(open.clone());
    next.run(request).await.map(|body| Body::new(Holding::new(body, open)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::trial::Trial;

    fn client(last: u8) -> Client {
        Client::at([192, 0, 2, last].into())
    }

    #[test]
    fn each_client_has_so_many_and_gets_them_back() {
        let crowd = Crowd::new(TrustedProxies::default(), 2);
        let [one, two] = [crowd.take(client(1)), crowd.take(client(1))];
        assert!(one.is_some() && two.is_some() && crowd.take(client(1)).is_none());
        assert!(crowd.take(client(2)).is_some(), "others are not minded");
        let again = two.clone();
        drop(two);
        assert!(crowd.take(client(1)).is_none(), "a part of it is still there");
        drop(again);
        assert!(crowd.take(client(1)).is_some());
        drop(one);
        assert!(crowd.present.lock().unwrap().is_empty());
    }

    #[test]
    fn clients_that_nobody_names_have_no_limit_together() {
        let crowd = Crowd::new(TrustedProxies::default(), 1);
        let all = (0..9).map(|_| crowd.take(Client::UNKNOWN)).collect::<Option<Vec<_>>>();
        assert!(all.is_some() && crowd.present.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_client_behind_a_proxy_is_refused_when_it_has_too_much_open_and_others_are_served() {
        let trial = Trial::plain().await;
        let ask = |client: &str| {
            let request = Request::get("/healthz").header("X-Forwarded-For", client);
            let peer = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 50_000)));
            trial.begin(request.extension(peer).body(Body::empty()).unwrap())
        };
        let mut open = Vec::new();
        for _ in 0..Trial::CROWD {
            let answer = ask("192.0.2.1").await;
            assert_eq!(answer.status(), 200);
            open.push(answer);
        }
        let refused = ask("192.0.2.1").await;
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["Retry-After"]),
            (429, &"5".parse().unwrap())
        );
        assert_eq!(ask("192.0.2.2").await.status(), 200);
        open.pop();
        assert_eq!(ask("192.0.2.1").await.status(), 200);
    }
}
