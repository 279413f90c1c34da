//! Bodies of deliveries in memory whose signatures are not checked yet. Strangers may send them, so there is a limit
//! for all of them together. If there is no room for a body, a larger one is dropped, so small deliveries always get
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
    /// The limit for all bodies together, in bytes.
    limit: usize,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    /// The size of all bodies that are arriving, or that have arrived and are being checked.
    bytes: usize,
    next: u64,
    arriving: HashMap<u64, Arriving>,
}

struct Arriving {
    client: Client,
    bytes: Vec<u8>,
}

/// There is no room, and this body is the one to drop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// A body that is arriving. Its bytes are freed when this is dropped.
pub(crate) struct Gathering {
    bodies: Bodies,
    number: u64,
}

/// The memory of a body that has arrived. It is given back when this is dropped.
pub(crate) struct Counted {
    bodies: Bodies,
    bytes: usize,
}

impl Bodies {
    /// Holds at most `limit` bytes of bodies. One body of the largest size that a forge sends always fits.
    pub fn new(limit: usize, largest: usize) -> Self {
        Self { limit: limit.max(largest), held: Arc::default() }
    }

    /// Begins a body that a client sends.
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
    /// Adds the next piece. While there is no room for the piece, the largest body of the client that holds most is
    /// dropped, and its bytes are freed at once.
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

    /// The length of the body so far, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.bodies.held().arriving.get(&self.number).map_or(0, |arriving| arriving.bytes.len())
    }

    /// The complete body: it is not dropped any more in favour of others.
    pub(crate) fn end(self) -> Result<(Vec<u8>, Counted), NoRoom> {
        let arriving = self.bodies.held().arriving.remove(&self.number).ok_or(NoRoom)?;
        let counted = Counted { bodies: self.bodies.clone(), bytes: arriving.bytes.len() };
        Ok((arriving.bytes, counted))
    }
}

impl Held {
    /// The largest arriving body of the client that holds most, if the body `growing` gets `more` bytes.
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
