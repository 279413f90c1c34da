//! Tells by a fault's chain of causes if and when the forge may be asked again.

use anyhow::Error;
use kozmic_edges::forge::ForgeError;
use std::time::Duration;

/// Longest wait for which Kozmic obeys the forge.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// True if the forge refused: another try changes nothing.
pub(crate) fn is_refusal(fault: &Error) -> bool {
    of_forge(fault).is_some_and(|fault| fault.try_again().is_none())
}

/// True if the forge did not answer as it should, and may do so later.
pub(crate) fn may_pass(fault: &Error) -> bool {
    of_forge(fault).is_some_and(|fault| fault.try_again().is_some())
}

/// The wait that the forge asks for, at most [`LONGEST_WAIT`]; zero if it asks for none.
pub(crate) fn asked_wait(fault: &Error) -> Duration {
    of_forge(fault).and_then(ForgeError::try_again).unwrap_or_default().min(LONGEST_WAIT)
}

/// Pause after a number of tries: one of `pauses`, in seconds, or longer if the forge asks for it. The last pause is
/// repeated. `pauses` must not be empty.
pub(crate) fn pause(pauses: &[u64], tries: usize, fault: &Error) -> Duration {
    Duration::from_secs(pauses[tries.min(pauses.len() - 1)]).max(asked_wait(fault))
}

fn of_forge(fault: &Error) -> Option<&ForgeError> {
    fault.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(wait: u64) -> Error {
        let (forge, message) = ("GitHub".to_owned(), "Wait.".to_owned());
        let limited = ForgeError::RateLimited { forge, wait: Duration::from_secs(wait), message };
        Error::from(limited).context("ask it")
    }

    #[test]
    fn pauses_grow_and_the_forge_may_ask_for_longer_ones_within_reason() {
        let own = |tries| pause(&[1, 5, 60], tries, &anyhow::anyhow!("the database"));
        assert_eq!([0, 1, 2, 9].map(|tries| own(tries).as_secs()), [1, 5, 60, 60]);
        assert_eq!([3, 30, 90_000].map(|wait| pause(&[1, 5], 1, &limited(wait)).as_secs()), [5, 30, 3_600]);
    }

    #[test]
    fn a_refusal_is_told_from_what_may_pass_and_from_what_is_not_the_forges() {
        let refused = ForgeError::Refused { forge: "GitHub".into(), status: 403, message: "No.".into() };
        let kinds = [refused.into(), limited(1), anyhow::anyhow!("the database")];
        let told = kinds.map(|fault| (is_refusal(&fault), may_pass(&fault)));
        assert_eq!(told, [(true, false), (false, true), (false, false)]);
    }
}
