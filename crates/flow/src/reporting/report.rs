//! Sends the messages in the outbox. The outbox outlives crashes of Kozmic and outages of the recipients. Pages do not
//! need it, because they are woken by bells.
//!
//! Each lane is sent by a task of its own, one message after another. So a lane whose other side hangs delays no other
//! lane.

use super::{mails, news, notices, statuses};
use crate::{Flow, at_forge::patience};
use anyhow::{Error, Result};
use kozmic_edges::{
    broker::Topic,
    clock,
    forge::ForgeError,
    notifier::NotifyError,
    store::{OutboxLane, Outgoing, Subject},
};
use kozmic_model::{ids::UserId, time::Timestamp};
use std::{collections::HashMap, time::Duration};

/// Pause after a fault of the database.
const TROUBLE: Duration = Duration::from_secs(5);

/// Longest pause between two checks of the outbox.
const LOOK: Duration = Duration::from_secs(30);

/// Number of refusals by the forge, over about a day, after which a message is given up. Before that, somebody may
/// still fix the cause, for example sign in again, or bring the commit back.
const REFUSALS: i32 = 150;

/// Number of times that a message is tried again after a notifier refused it. Servers make mistakes, but a sender that
/// insists is taken for a sender of spam.
const RETRIES: i32 = 2;

/// Next step after a check of the outbox.
enum Next {
    /// Check again at once.
    Look,
    /// Wait for this time, or until a new message comes in.
    Wait(Duration),
}

/// The part of a lane that its other side can ask to wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    /// Calls of one person: the forge limits each person separately.
    Of(UserId),
    /// The whole lane: a notifier limits all messages together.
    Whole,
}

/// Time until which each part of the lane waits, because its other side asked for it.
type Quiet = HashMap<Part, Timestamp>;

/// Sends the messages of one lane, one after another, in the order of the times from which they may be sent.
pub(crate) async fn forever(flow: Flow, lane: OutboxLane) {
    let mut bell = flow.edges.broker.bell(Topic::Outbox);
    let mut quiet = Quiet::new();
    while !flow.stop.is_cancelled() {
        match next(&flow, lane, &mut quiet).await {
            Ok(Next::Look) => {}
            Ok(Next::Wait(wait)) => tokio::select! {
                () = bell.rung() => {}
                () = tokio::time::sleep(wait.min(LOOK)) => {}
                () = flow.stop.cancelled() => {}
            },
            Err(fault) => {
                let error = format!("{fault:#}");
                tracing::error!(lane = lane.name(), error, "the outbox cannot be worked on");
                flow.pause(TROUBLE).await;
            }
        }
    }
}

/// Sends one message if one is due.
async fn next(flow: &Flow, lane: OutboxLane, quiet: &mut Quiet) -> Result<Next> {
    let Some(outgoing) = flow.edges.store.outbox().next_outgoing(lane).await? else {
        return Ok(Next::Wait(LOOK));
    };
    let ahead = outgoing.not_before.since(clock::now());
    if !ahead.is_zero() {
        return Ok(Next::Wait(ahead));
    }
    let part = part(flow, outgoing).await?;
    quiet.retain(|_, until| *until > clock::now());
    if let Some(until) = part.and_then(|part| quiet.get(&part)) {
        return flow.edges.store.outbox().hold_back(outgoing, *until).await.map(|()| Next::Look);
    }
    let told = tokio::select! {
        told = tell(flow, outgoing) => told,
        () = flow.stop.cancelled() => return Ok(Next::Look),
    };
    match told {
        Ok(()) => flow.edges.store.outbox().sent(outgoing).await.map(|()| Next::Look),
        Err(fault) => {
            let until = postpone(flow, lane, outgoing, &fault).await?;
            if asks_for_quiet(&fault) {
                quiet.extend(part.zip(until));
            }
            Ok(Next::Look)
        }
    }
}

/// The part of the lane to which a message belongs. For the forge, it is usually the person in whose name the forge is
/// called.
async fn part(flow: &Flow, outgoing: Outgoing) -> Result<Option<Part>> {
    let build = match outgoing.subject {
        Subject::CommitStatus(build) => build,
        Subject::JobStatus(_) => {
            return Ok(flow.edges.store.auto_builder().auto_builder().await?.map(Part::Of));
        }
        Subject::Mail(_) | Subject::MailLink(_) | Subject::Notice(..) => return Ok(Some(Part::Whole)),
        Subject::News(_) => return Ok(None),
    };
    let Some(build) = flow.edges.store.builds().build_by_id(build).await? else { return Ok(None) };
    let project = flow.edges.store.projects().project(build.project).await?;
    Ok(project.map(|project| Part::Of(project.owner)))
}

async fn tell(flow: &Flow, outgoing: Outgoing) -> Result<()> {
    match outgoing.subject {
        Subject::CommitStatus(build) => statuses::of_build(flow, build).await,
        Subject::JobStatus(job) => statuses::of_job(flow, job).await,
        Subject::News(build) => news::spread(flow, outgoing, build).await,
        Subject::Mail(mail) => mails::send(flow, mail).await,
        Subject::MailLink(user) => mails::send_link(flow, outgoing, user).await,
        Subject::Notice(to, build) => notices::send(flow, outgoing, to, build).await,
    }
}

/// Notes the time of the next try; none if another try makes no sense.
async fn postpone(
    flow: &Flow,
    lane: OutboxLane,
    outgoing: Outgoing,
    fault: &Error,
) -> Result<Option<Timestamp>> {
    let words = format!("{fault:#}");
    tracing::warn!(
        lane = lane.name(),
        subject = ?outgoing.subject,
        tries = outgoing.tries,
        error = words,
        "a message was not sent"
    );
    if is_given_up(fault, outgoing.tries) {
        return flow.edges.store.outbox().sent(outgoing).await.map(|()| None);
    }
    let until = clock::now().after(asked_wait(fault).max(backoff(outgoing.tries)));
    flow.edges.store.outbox().postpone(outgoing, until, &words).await?;
    Ok(Some(until))
}

/// True if a message is given up after this number of failed tries.
fn is_given_up(fault: &Error, tries: i32) -> bool {
    let is_refused = of_notifier(fault).is_some_and(|fault| fault.try_again().is_none());
    (patience::is_refusal(fault) && tries >= REFUSALS) || (is_refused && tries >= RETRIES)
}

/// True if the other side asks to get no message of this part of the lane for a while.
fn asks_for_quiet(fault: &Error) -> bool {
    matches!(fault.downcast_ref(), Some(ForgeError::RateLimited { .. }))
        || matches!(of_notifier(fault), Some(NotifyError::PutOff { wait, .. }) if !wait.is_zero())
}

/// The time to wait that the other side asks for, up to a limit; zero if it asks for none.
fn asked_wait(fault: &Error) -> Duration {
    let of_notifier = of_notifier(fault).and_then(NotifyError::try_again).unwrap_or_default();
    patience::asked_wait(fault).max(of_notifier.min(patience::LONGEST_WAIT))
}

fn of_notifier(fault: &Error) -> Option<&NotifyError> {
    fault.downcast_ref()
}

/// The pause before the next try: 1 s, doubled with each try, up to 10 minutes.
fn backoff(tries: i32) -> Duration {
    Duration::from_secs(1_u64 << tries.clamp(0, 20)).min(Duration::from_secs(600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_ever_more_seldom_up_to_ten_minutes() {
        let seconds = [0, 1, 2, 9, 10, 500].map(|tries| backoff(tries).as_secs());
        assert_eq!(seconds, [1, 2, 4, 512, 600, 600]);
    }

    #[test]
    fn a_notifier_is_asked_again_as_its_fault_says() {
        let server = || "the chat".to_owned();
        let put_off = |wait| NotifyError::PutOff {
            server: server(),
            answer: "Later.".into(),
            wait: Duration::from_secs(wait),
        };
        let faults = [
            NotifyError::Unreachable { server: server(), cause: "no answer".into() },
            put_off(0),
            put_off(30),
            put_off(90_000),
            NotifyError::Refused { server: server(), answer: "No.".into() },
        ];
        let told = faults.map(|fault| {
            let fault = Error::from(fault);
            (asked_wait(&fault).as_secs(), asks_for_quiet(&fault), is_given_up(&fault, RETRIES))
        });
        assert_eq!(
            told,
            [(0, false, false), (0, false, false), (30, true, false), (3_600, true, false), (0, false, true)]
        );
    }
}
