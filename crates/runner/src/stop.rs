//! The end of a step after which the next one does not follow.

use anyhow::Error;
use kozmic_model::job::Outcome;

/// The reason why an attempt does not go on to its next step.
#[derive(Debug)]
pub enum Stop {
    /// The attempt ends with this outcome: it was stopped, or there is nothing more to do.
    End(Outcome),
    /// A step failed. If the connection to the engine failed, the attempt can be taken up again.
    Fault(Error),
}

/// The outcome of a step.
pub type Step<T> = Result<T, Stop>;

impl Stop {
    /// The end of an attempt that cannot run, with the reason in a sentence.
    pub fn broken(why: impl Into<String>) -> Self {
        Self::End(Outcome::Broken(why.into()))
    }
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

/// The outcome of the attempt; an error if it is not known yet.
///
/// # Errors
/// A step failed.
pub fn outcome(step: Step<Outcome>) -> anyhow::Result<Outcome> {
    match step {
        Ok(outcome) | Err(Stop::End(outcome)) => Ok(outcome),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}
