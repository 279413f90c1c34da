//! Steers the engine from a test: faults for future calls, and the record of calls.

use crate::{
    ScriptedEngine, Verb,
    world::{Restart, World, refused, unreachable},
};
use kozmic_edges::engine::EngineError;
use tokio::sync::watch;

/// A future call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The call with this number, from 0.
    Call(usize),
    /// The next call of this verb for which nothing else is planned.
    Next(Verb),
}

/// A fault of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The engine refuses the call and does nothing.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The message.
        message: String,
    },
    /// The engine cannot be reached, and does nothing.
    Unreachable,
    /// The engine executes the call, but its answer is lost.
    Lost,
    /// The engine cannot be reached from this call on, until [`ScriptedEngine::come_back`].
    Away,
    /// The engine restarts instead of an answer.
    Restart(Restart),
    /// The call's stream breaks off with a lost connection: an archive in the middle, output after its first piece. For
    /// calls without a stream, the same as [`Fault::Lost`].
    Cut,
    /// The call's archive ends in the middle, as if it were complete. For calls without one, the same as
    /// [`Fault::Lost`].
    Torn,
}

/// A side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The engine has done nothing yet.
    Question,
    /// The engine has executed the call.
    Answer,
}

/// The state of a held call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Expected,
    Waiting,
    Open,
}

/// A call that is held until this is dropped or released.
pub struct Held(watch::Sender<Way>);

impl Held {
    /// Waits until the call has arrived and waits.
    pub async fn arrived(&self) {
        let mut way = self.0.subscribe();
        let there = way.wait_for(|way| *way == Way::Waiting).await;
        there.map(drop).expect("the sender is here");
    }

    /// Lets the call continue.
    pub fn release(self) {}
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_replace(Way::Open);
    }
}

/// A call that waits until it is released.
struct Hold {
    side: Side,
    way: watch::Sender<Way>,
}

impl Hold {
    async fn pass(&self) {
        let mut way = self.way.subscribe();
        self.way.send_if_modified(|way| {
            let is_shut = *way == Way::Expected;
            if is_shut {
                *way = Way::Waiting;
            }
            is_shut
        });
        let open = way.wait_for(|way| *way == Way::Open).await;
        open.map(drop).expect("the sender is here");
    }
}

/// The record of calls, and the plans for future ones.
#[derive(Default)]
pub(crate) struct Steering {
    calls: Vec<Verb>,
    faults: Vec<(At, Fault)>,
    holds: Vec<(At, Hold)>,
}

impl Steering {
    fn note(&mut self, verb: Verb) -> (Option<Fault>, Option<Hold>) {
        let now = At::Call(self.calls.len());
        self.calls.push(verb);
        (take(&mut self.faults, now, verb), take(&mut self.holds, now, verb))
    }
}

fn take<T>(planned: &mut Vec<(At, T)>, now: At, verb: Verb) -> Option<T> {
    let mine = |at: &At| *at == now || *at == At::Next(verb);
    let place = planned.iter().position(|(at, _)| mine(at))?;
    Some(planned.remove(place).1)
}

impl ScriptedEngine {
    /// Plans a fault. If several match a call, the first one counts, and the others stay planned: one for a verb waits
    /// for the next call of it.
    pub fn fail(&self, at: At, fault: Fault) {
        self.change(|world| world.steering.faults.push((at, fault)));
    }

    /// Holds a call before or after the engine executes it.
    #[must_use = "it goes on when this is dropped"]
    pub fn hold(&self, at: At, side: Side) -> Held {
        let way = watch::Sender::new(Way::Expected);
        let hold = Hold { side, way: way.clone() };
        self.change(|world| world.steering.holds.push((at, hold)));
        Held(way)
    }

    /// The calls in their order: the index of a call is its number.
    pub fn calls(&self) -> Vec<Verb> {
        self.look(|world| world.steering.calls.clone())
    }

    /// Forgets the recorded calls: the next one has the number 0.
    pub fn forget_calls(&self) {
        self.change(|world| world.steering.calls.clear());
    }

    /// Number of planned faults that did not happen yet.
    pub fn faults_left(&self) -> usize {
        self.look(|world| world.steering.faults.len())
    }

    /// Answers no calls from now on. Connections are lost, and containers continue.
    pub fn go_away(&self) {
        self.change(World::go_away);
    }

    /// Answers again.
    pub fn come_back(&self) {
        self.change(|world| world.is_away = false);
    }

    /// Restarts the engine: connections are lost, and it forgets all earlier events.
    pub fn restart(&self, how: Restart) {
        self.change(|world| world.restart(how));
    }

    /// Forgets the events, as an engine does after too many others.
    pub fn forget_events(&self) {
        self.change(World::forget);
    }

    /// Executes a call, with the faults and holds that are planned for it.
    pub(crate) async fn call<T>(
        &self,
        verb: Verb,
        act: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        self.call_for_stream(verb, act).await.map(|(done, _)| done)
    }

    /// The same for a call with a stream. Also returns the fault for the stream.
    pub(crate) async fn call_for_stream<T>(
        &self,
        verb: Verb,
        act: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<(T, Option<Fault>), EngineError> {
        let (fault, hold) = self.change(|world| world.steering.note(verb));
        pass(hold.as_ref(), Side::Question).await;
        self.begin(fault.as_ref())?;
        let done = act.await;
        pass(hold.as_ref(), Side::Answer).await;
        // A start is answered before its script can send the engine away.
        if verb != Verb::Start || hold.is_some() {
            self.is_there()?;
        }
        match fault {
            Some(Fault::Cut) if verb.is_of_stream() => Ok((done?, fault)),
            Some(Fault::Torn) if verb == Verb::Download => Ok((done?, fault)),
            Some(Fault::Lost | Fault::Cut | Fault::Torn) => Err(unreachable("the answer was lost")),
            _ => Ok((done?, None)),
        }
    }

    fn begin(&self, fault: Option<&Fault>) -> Result<(), EngineError> {
        self.is_there()?;
        match fault {
            Some(Fault::Refused { status, message }) => return Err(refused(*status, message)),
            Some(Fault::Unreachable) => return Err(unreachable("the question was lost")),
            Some(Fault::Away) => self.go_away(),
            Some(Fault::Restart(how)) => {
                self.restart(*how);
                return Err(unreachable("it was started anew"));
            }
            Some(Fault::Lost | Fault::Cut | Fault::Torn) | None => {}
        }
        self.is_there()
    }

    fn is_there(&self) -> Result<(), EngineError> {
        match self.look(|world| world.is_away) {
            true => Err(unreachable("it is away")),
            false => Ok(()),
        }
    }
}

async fn pass(hold: Option<&Hold>, side: Side) {
    if let Some(hold) = hold.filter(|hold| hold.side == side) {
        hold.pass().await;
    }
}
