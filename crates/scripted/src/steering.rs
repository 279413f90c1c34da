//! Steers the engine from a test: faults for future calls, and the record of calls.

use crate::{
    ScriptedEngine, Verb,
    plans::{At, Fault, Held, Restart, Side, pass},
    world::{World, refused, unreachable},
};
use kozmic_edges::engine::EngineError;

impl ScriptedEngine {
    /// Plans a fault. If several match a call, the first one counts, and the others stay planned: one for a verb waits
    /// for the next call of it.
    pub fn fail(&self, at: At, fault: Fault) {
        self.change(|world| world.plans.fail(at, fault));
    }

    /// Holds a call before or after the engine executes it.
    #[must_use = "it goes on when this is dropped"]
    pub fn hold(&self, at: At, side: Side) -> Held {
        self.change(|world| world.plans.hold(at, side))
    }

    /// The calls in their order: the index of a call is its number.
    pub fn calls(&self) -> Vec<Verb> {
        self.look(|world| world.plans.calls())
    }

    /// Forgets the recorded calls: the next one has the number 0.
    pub fn forget_calls(&self) {
        self.change(|world| world.plans.forget_calls());
    }

    /// Number of planned faults that did not happen yet.
    pub fn faults_left(&self) -> usize {
        self.look(|world| world.plans.faults_left())
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
        let (fault, hold) = self.change(|world| world.plans.note(verb));
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
