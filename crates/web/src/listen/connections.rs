//! Counts the connections, in all and for each address that is no proxy. At the limit, the connection that has waited
//! longest for a request is closed for a new one.

use super::Limits;
use crate::clients::Client;
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Shortest time between two lines in the log about refused connections.
const SELDOM: Duration = Duration::from_secs(60);

/// All connections.
pub(super) struct Connections {
    limits: Limits,
    state: Mutex<State>,
    warned: Mutex<Option<Instant>>,
}

/// The counted connections. Keys and turns are numbers that are never used twice.
#[derive(Default)]
struct State {
    next: u64,
    all: HashMap<u64, Entry>,
    of: HashMap<Client, usize>,
    /// Keys of the connections that wait for a request, by the turn at which they began to wait.
    waiting: BTreeMap<u64, u64>,
}

struct Entry {
    /// The client; none for a proxy.
    client: Option<Client>,
    /// The turn since which it waits; none: a request is being answered.
    turn: Option<u64>,
    leave: CancellationToken,
}

/// One connection. It counts until this is dropped.
pub(super) struct Connection {
    connections: Arc<Connections>,
    key: u64,
    leave: CancellationToken,
}

/// A request that is being answered. Its connection waits again when this is dropped.
pub(super) struct Busy {
    connection: Arc<Connection>,
    waits_again: bool,
}

/// The reason why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The server has too many connections.
    Full,
    /// The address has too many connections.
    OfOneAddress,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default(), warned: Mutex::default() })
    }

    /// Counts a new connection, which waits for its first request.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Arc<Connection>, Refusal> {
        let Limits { connections, of_one_address, proxies } = &self.limits;
        let client = (!proxies.contain(peer)).then(|| Client::at(peer));
        let mut state = self.state();
        if client.is_some_and(|client| state.of.get(&client).is_some_and(|count| count >= of_one_address)) {
            self.warn(format_args!(
                "{peer} has {of_one_address} connections and gets no more; if it is a proxy, name it in trusted_proxies"
            ));
            return Err(Refusal::OfOneAddress);
        }
        if state.all.len() >= *connections && !state.make_room() {
            self.warn(format_args!("all {connections} connections are in use, and none of them waits"));
            return Err(Refusal::Full);
        }
        let leave = CancellationToken::new();
        let key = state.add(client, leave.clone());
        Ok(Arc::new(Connection { connections: Arc::clone(self), key, leave }))
    }

    /// Closes the connection that has waited longest.
    pub(super) fn make_room(&self) {
        self.state().make_room();
    }

    /// Writes a warning to the log, not too often.
    pub(super) fn warn(&self, words: impl std::fmt::Display) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|before| before.elapsed() >= SELDOM) {
            *warned = Some(Instant::now());
            tracing::warn!("{words}");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, client: Option<Client>, leave: CancellationToken) -> u64 {
        let key = self.number();
        if let Some(client) = client {
            *self.of.entry(client).or_default() += 1;
        }
        self.all.insert(key, Entry { client, turn: None, leave });
        self.wait(key);
        key
    }

    /// Puts a connection at the end of the waiting ones. A connection that was closed for another is ignored.
    fn wait(&mut self, key: u64) {
        let turn = self.number();
        if let Some(entry) = self.all.get_mut(&key) {
            entry.turn = Some(turn);
            self.waiting.insert(turn, key);
        }
    }

    fn work(&mut self, key: u64) {
        let turn = self.all.get_mut(&key).and_then(|entry| entry.turn.take());
        turn.and_then(|turn| self.waiting.remove(&turn));
    }

    fn remove(&mut self, key: u64) {
        self.work(key);
        let Some(client) = self.all.remove(&key).and_then(|entry| entry.client) else { return };
        match self.of.get_mut(&client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.of.remove(&client)),
        }
    }

    /// Closes the connection that has waited longest; false if none waits.
    fn make_room(&mut self) -> bool {
        let Some(key) = self.waiting.first_key_value().map(|(_, key)| *key) else { return false };
        if let Some(entry) = self.all.get(&key) {
            entry.leave.cancel();
        }
        self.remove(key);
        true
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Connection {
    /// The token that tells this connection to close.
    pub(super) fn leave(&self) -> CancellationToken {
        self.leave.clone()
    }

    /// Notes that a request is being answered: a busy connection is not closed for another.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.connections.state().work(self.key);
        Busy { connection: Arc::clone(self), waits_again: true }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.state().remove(self.key);
    }
}

impl Busy {
    /// Makes the connection never wait for a request again.
    pub(super) fn stays(mut self) {
        self.waits_again = false;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.waits_again {
            self.connection.connections.state().wait(self.connection.key);
        }
    }
}

impl Refusal {
    /// The whole answer for a peer whose request is not read.
    pub(super) fn answer(self) -> String {
        let (status, words) = match self {
            Self::Full => {
                ("503 Service Unavailable", "This server has all the connections that it can bear.\n")
            }
            Self::OfOneAddress => {
                ("429 Too Many Requests", "This address has too many connections already.\n")
            }
        };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nRetry-After: 5\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n{words}",
            words.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::TrustedProxies;

    fn connections(all: usize, of_one_address: usize) -> Arc<Connections> {
        let proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
        Connections::new(Limits { connections: all, of_one_address, proxies })
    }

    fn peer(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn an_address_has_so_many_and_a_proxy_as_many_as_there_are() {
        let all = connections(9, 2);
        let mut held = vec![all.admit(peer(1)).unwrap(), all.admit(peer(1)).unwrap()];
        assert_eq!(all.admit(peer(1)).err(), Some(Refusal::OfOneAddress));
        held.extend((0..6).map(|_| all.admit([127, 0, 0, 1].into()).unwrap()));
        held.push(all.admit(peer(2)).unwrap());
        held.remove(0);
        assert!(all.admit(peer(1)).is_ok());
        drop(held);
        let state = all.state();
        assert!(state.all.is_empty() && state.of.is_empty() && state.waiting.is_empty());
    }

    #[test]
    fn the_connection_that_waited_longest_gives_way_and_none_that_works() {
        let all = connections(3, 9);
        let [one, two, three] = [1, 2, 3].map(|last| all.admit(peer(last)).unwrap());
        let busy = one.busy();
        let four = all.admit(peer(4)).unwrap();
        let has_left = |connection: &Connection| connection.leave.is_cancelled();
        assert_eq!([&one, &two, &three].map(|connection| has_left(connection)), [false, true, false]);
        drop(busy);
        let five = all.admit(peer(5)).unwrap();
        assert!(has_left(&three) && !has_left(&one), "its turn began anew with its last answer");
        let busy = [&one, &four, &five].map(|connection| connection.busy());
        assert_eq!(all.admit(peer(6)).err(), Some(Refusal::Full));
        drop((two, three));
        assert_eq!(all.admit(peer(6)).err(), Some(Refusal::Full), "who gave way was not counted any more");
        busy.into_iter().for_each(Busy::stays);
        assert!(all.admit(peer(6)).is_err(), "a WebSocket gives way to nobody");
        drop(four);
        assert!(all.admit(peer(6)).is_ok());
    }
}
