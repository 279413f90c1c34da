//! The end of a step after which the next one does not follow.

use crate::coordinator::Stopped;
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
        Err(Stop::Fault(fault)) => match fault.downcast::<Stopped>() {
            Ok(Stopped(outcome)) => Ok(outcome),
            Err(fault) => Err(fault),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_given_up_ends_the_attempt_and_other_faults_do_not() {
        let interrupted = Outcome::Interrupted("The server is away.".to_owned());
        let given_up = Error::new(Stopped(interrupted.clone())).context("fetch the commit");
        assert_eq!(outcome(Err(Stop::Fault(given_up))).unwrap(), interrupted);
        assert_eq!(outcome(Err(Stop::End(Outcome::Returned(0)))).unwrap(), Outcome::Returned(0));
        let fault = outcome(Err(Stop::Fault(anyhow::anyhow!("no").context("fetch the commit")))).unwrap_err();
        assert_eq!(format!("{fault:#}"), "fetch the commit: no");
    }
}
