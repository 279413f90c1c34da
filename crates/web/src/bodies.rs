//! Bodies of deliveries in memory before anybody looked at their signatures: strangers send them, so all of them
//! together have a limit. A body that finds no room takes the place of a larger one, and small deliveries always get
//! in.

use crate::clients::Client;
use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// All bodies of deliveries that are in memory; cheap to clone.
#[derive(Clone)]
pub struct Bodies {
    /// In bytes, for all together.
    limit: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    /// Of those that arrive, and of those that have arrived and are looked at.
    bytes: usize,
    next: u64,
    arriving: HashMap<u64, Arriving>,
}

struct Arriving {
    client: Client,
    bytes: Vec<u8>,
}

/// No room: this body is the one to give way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// A body that arrives. Its bytes go when this is dropped.
pub(crate) struct Gathering {
    bodies: Bodies,
    number: u64,
}

/// The room of a body that has arrived, given back when this is dropped.
pub(crate) struct Counted {
    bodies: Bodies,
    bytes: usize,
}

impl Bodies {
    /// Holds at most so many bytes of bodies. One body of the largest size that a forge sends always fits.
    pub fn new(limit: usize, largest: usize) -> Self {
        Self { limit: limit.max(largest), held: Arc::default() }
    }

    /// A body that a client begins to send.
    pub(crate) fn begin(&self, client: Client) -> Gathering {
        let mut held = self.held();
        held.next += 1;
        let number = held.next;
        held.arriving.insert(number, Arriving { client, bytes: Vec::new() });
        Gathering { bodies: self.clone(), number }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathering {
    /// Takes the next piece. While there is no room for it, the largest body of the client that holds most gives way; its
    /// bytes go at once.
    pub(crate) fn add(&self, piece: &[u8]) -> Result<(), NoRoom> {
        let mut held = self.bodies.held();
        while held.bytes + piece.len() > self.bodies.limit {
            let Some(number) = held.largest(self.number, piece.len()) else { break };
            held.remove(number);
            if number == self.number {
                return Err(NoRoom);
            }
        }
        if held.bytes + piece.len() > self.bodies.limit {
            held.remove(self.number);
            return Err(NoRoom);
        }
        held.arriving.get_mut(&self.number).ok_or(NoRoom)?.bytes.extend_from_slice(piece);
        held.bytes += piece.len();
        Ok(())
    }

    /// Its length so far, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.bodies.held().arriving.get(&self.number).map_or(0, |arriving| arriving.bytes.len())
    }

    /// The body, all of which has arrived: it gives way no more.
    pub(crate) fn end(self) -> Result<(Vec<u8>, Counted), NoRoom> {
        let arriving = self.bodies.held().arriving.remove(&self.number).ok_or(NoRoom)?;
        let counted = Counted { bodies: self.bodies.clone(), bytes: arriving.bytes.len() };
        Ok((arriving.bytes, counted))
    }
}

impl Held {
    /// The largest arriving body of the client that holds most, if `more` bytes came to one of them.
    fn largest(&self, growing: u64, more: usize) -> Option<u64> {
        let size = |number: u64, body: &Arriving| body.bytes.len() + if number == growing { more } else { 0 };
        let mut clients = HashMap::<Client, usize>::new();
        for (&number, body) in &self.arriving {
            *clients.entry(body.client).or_default() += size(number, body);
        }
        let largest = self.arriving.iter().max_by_key(|(number, body)| {
            (clients.get(&body.client).copied(), size(**number, body), **number)
        });
        largest.map(|(number, _)| *number)
    }

    fn remove(&mut self, number: u64) {
        let bytes = self.arriving.remove(&number).map_or(0, |arriving| arriving.bytes.len());
        self.bytes -= bytes;
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        self.bodies.held().remove(self.number);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.bodies.held().bytes -= mem::take(&mut self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;
    const LARGEST: usize = 25 * MIB;

    fn client(last: u8) -> Client {
        Client::at([10, 0, 0, last].into())
    }

    #[test]
    fn all_bodies_together_stay_within_the_limit() {
        let bodies = Bodies::new(64 * MIB, LARGEST);
        let arriving = (0..80).map(|_| bodies.begin(client(1))).collect::<Vec<_>>();
        let piece = vec![b'x'; MIB];
        let mut refused = 0;
        for _ in 0..23 {
            for body in &arriving {
                refused += usize::from(body.add(&piece).is_err());
                assert!(bodies.held().bytes <= 64 * MIB);
            }
        }
        let whole = arriving.into_iter().filter_map(|body| body.end().ok()).collect::<Vec<_>>();
        assert!(refused > 0 && !whole.is_empty(), "some arrive all the same");
        drop(whole);
        assert_eq!(bodies.held().bytes, 0);
    }

    #[test]
    fn a_small_body_takes_the_place_of_the_largest() {
        let bodies = Bodies::new(0, LARGEST);
        let [large, other] = [bodies.begin(client(1)), bodies.begin(client(1))];
        large.add(&vec![0; LARGEST - MIB]).unwrap();
        other.add(&vec![0; MIB]).unwrap();
        let small = bodies.begin(client(1));
        assert_eq!((small.add(b"{}"), small.length()), (Ok(()), 2));
        assert_eq!((large.add(b"x"), large.length()), (Err(NoRoom), 0));
        assert!(large.end().is_err() && other.length() == MIB);
    }

    #[test]
    fn a_client_that_holds_most_gives_way_to_others() {
        let bodies = Bodies::new(0, LARGEST);
        let many = (0..25).map(|_| bodies.begin(client(1))).collect::<Vec<_>>();
        for body in &many {
            body.add(&vec![0; MIB]).unwrap();
        }
        let one = bodies.begin(client(2));
        for _ in 0..8 {
            one.add(&vec![0; MIB]).unwrap();
        }
        assert_eq!(one.length(), 8 * MIB, "larger than each of the others, and yet it stays");
        assert_eq!(many.iter().filter(|body| body.length() > 0).count(), 17);
    }

    #[test]
    fn what_has_arrived_gives_way_to_nobody_until_it_is_done_with() {
        let bodies = Bodies::new(0, LARGEST);
        let first = bodies.begin(client(1));
        first.add(&vec![0; LARGEST]).unwrap();
        let (bytes, counted) = first.end().unwrap();
        assert_eq!(bytes.len(), LARGEST);
        let late = bodies.begin(client(2));
        assert_eq!(late.add(b"{}"), Err(NoRoom));
        drop(counted);
        assert_eq!(bodies.begin(client(2)).add(b"{}"), Ok(()));
    }
}
