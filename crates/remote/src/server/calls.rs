//! Calls: each passes one question or report of a runner to its coordinator.

use super::{Server, caller::Caller, refusal::Refusal};
use crate::protocol::{
    At,
    call::{About, Answer, Call, State, Step},
    fault::Kind,
    image::{Change, Needless},
    order::{Part, Sent, parts, phases},
    text::NAME,
};
use axum::{Json, body::Bytes, extract::State as Shared};
use kozmic_edges::logs::Position;
use kozmic_model::job::{Attempt, Outcome};
use kozmic_runner::{
    coordinator::{Beginning, Coordinator, ImageChange, Standing},
    order::Order,
};
use std::sync::Arc;

/// The most phases of an attempt.
const PHASES: usize = 500;

/// `POST call`
pub(super) async fn call(
    Shared(server): Shared<Arc<Server>>,
    caller: Caller,
    body: Bytes,
) -> Result<Json<Answer>, Refusal> {
    let call = serde_json::from_slice(&body).map_err(|fault| Refusal::invalid(fault.to_string()))?;
    let coordinator = caller.coordinator.as_ref();
    let answer = match call {
        Call::Held => {
            let held = caller.held.renew(coordinator).await?;
            Answer::Held { attempts: held.into_iter().map(At::from).collect() }
        }
        Call::Claim { key } => {
            let key = key.parse().map_err(|_| Refusal::invalid("a claim has no valid key"))?;
            let order = coordinator.claim(&key).await?.map(|order| caller.held.note(order));
            sent(order.as_deref())?
        }
        Call::KeptImage { name } => Answer::Kept { id: coordinator.kept_image(&name).await? },
        Call::Surplus { there } => {
            let surplus = coordinator.surplus_images(&there).await?;
            Answer::Surplus { images: surplus.into_iter().map(Into::into).collect() }
        }
        Call::Removed { image } => {
            if let Needless::Nameless(id) = &image {
                named(id)?;
            }
            coordinator.note_removed(&image.into()).await?;
            Answer::Done
        }
        Call::Attempt { of, step } => {
            let attempt = Attempt::from(of);
            match caller.held.order(coordinator, attempt).await? {
                Some(order) => about_attempt(&server, &caller, &order, step).await?,
                None => about_lost(step)?,
            }
        }
        Call::Image { of, about } => {
            about_image(coordinator, &*caller.current(of.into()).await?, about).await?
        }
    };
    Ok(Json(answer))
}

/// The answer about an attempt that the runner does not hold: its reports change nothing.
fn about_lost(step: Step) -> Result<Answer, Refusal> {
    Ok(match step {
        Step::Order => sent(None)?,
        Step::Standing => Answer::Standing { standing: None },
        Step::Begin { .. } => Answer::Begun { is_ours: false },
        Step::Repository { .. } => return Err(Refusal::not_held()),
        Step::GiveBack | Step::Phases { .. } | Step::Forget | Step::End { .. } | Step::Cleared => {
            Answer::Done
        }
    })
}

async fn about_attempt(
    server: &Arc<Server>,
    caller: &Caller,
    order: &Arc<Order>,
    step: Step,
) -> Result<Answer, Refusal> {
    let (coordinator, attempt) = (caller.coordinator.as_ref(), order.attempt);
    match step {
        Step::Order => return sent(Some(order)),
        Step::Standing => return Ok(standing(coordinator.standing(attempt).await?)),
        Step::Begin { container, cache_key, phases } => {
            return begin(coordinator, order, (container, cache_key, phases)).await;
        }
        Step::Repository { complaint } => {
            return server.repository(caller, order, complaint.map(Into::into)).await;
        }
        Step::Phases { phases } => coordinator.note_phases(order, &bounded(phases)?).await?,
        Step::GiveBack => coordinator.give_back(order).await?,
        Step::Forget => coordinator.forget_container(attempt).await?,
        Step::End { outcome, log } => end(server, caller, order, (outcome.into(), log)).await?,
        Step::Cleared => {
            coordinator.cleared(attempt).await;
            caller.held.forget(attempt);
            server.fetches.forget(attempt);
        }
    }
    Ok(Answer::Done)
}

fn sent(order: Option<&Order>) -> Result<Answer, Refusal> {
    let sent = serde_json::to_value(order.map(Sent::from)).map_err(anyhow::Error::from)?;
    Ok(Answer::Order { of: order.map(|order| order.attempt.into()), order: sent })
}

fn standing(standing: Option<Standing>) -> Answer {
    let standing = standing.map(|Standing { phases, container, cancellation }| State {
        phases: parts(&phases),
        container,
        cancellation: cancellation.as_ref().map(Into::into),
    });
    Answer::Standing { standing }
}

async fn begin(
    coordinator: &dyn Coordinator,
    order: &Order,
    (container, cache_key, phases): (String, Option<String>, Vec<Part>),
) -> Result<Answer, Refusal> {
    let phases = bounded(phases)?;
    named(&container)?;
    cache_key.as_deref().map_or(Ok(()), named)?;
    let beginning = Beginning { container: &container, cache_key: cache_key.as_deref(), phases: &phases };
    Ok(Answer::Begun { is_ours: coordinator.begin_script(order, &beginning).await? })
}

/// Ends an attempt, if the server has its whole log.
async fn end(
    server: &Server,
    caller: &Caller,
    order: &Order,
    (outcome, log): (Outcome, Option<Position>),
) -> Result<(), Refusal> {
    let attempt = order.attempt;
    // An attempt that ended before has no log to wait for: its end is only reported again.
    if caller.coordinator.standing(attempt).await?.is_some() {
        match log {
            Some(log) if server.log_end(attempt).await? != log => {
                return Err(Refusal::new(Kind::LogIncomplete, "the server does not have the whole log yet"));
            }
            Some(_) => {}
            None => {
                tracing::warn!(job.id = attempt.job.0, "a job ends, and the server lacks a part of its log")
            }
        }
    }
    Ok(caller.coordinator.end(order, &outcome).await?)
}

async fn about_image(coordinator: &dyn Coordinator, order: &Order, about: About) -> Result<Answer, Refusal> {
    Ok(match about {
        About::Use { key } => {
            named(&key)?;
            Answer::Image { image: coordinator.use_image(order, &key).await?.map(Into::into) }
        }
        About::Inputs { inputs } => {
            Answer::Inputs { inputs: coordinator.compare_inputs(order, &inputs).await? }
        }
        About::Leave { name, id } => {
            named(&id)?;
            Answer::Permission { leave: coordinator.leave(order, &name, &id).await?.into() }
        }
        About::Name { plain } => {
            let given = coordinator.image_name(order, &plain).await?;
            Answer::Name { name: given.name, has_newer: given.has_newer }
        }
        About::Note { change } => {
            note(coordinator, order, change).await?;
            Answer::Done
        }
    })
}

async fn note(coordinator: &dyn Coordinator, order: &Order, change: Change) -> Result<(), Refusal> {
    let change = match &change {
        Change::Gone { key } => {
            named(key)?;
            if let Some(known) = coordinator.use_image(order, key).await? {
                coordinator.note_image(order, ImageChange::Gone(&known)).await?;
            }
            return Ok(());
        }
        Change::Made { key, size } => {
            named(key)?;
            ImageChange::Made { key, size: *size }
        }
        Change::Kept { name, id } => {
            named(id)?;
            ImageChange::Kept { name, id }
        }
        Change::Pulling { name } => ImageChange::Pulling(name),
        Change::Pulled { name, has_login } => ImageChange::Pulled { name, has_login: *has_login },
        Change::NotPulled { name } => ImageChange::NotPulled(name),
    };
    Ok(coordinator.note_image(order, change).await?)
}

/// Checks the length of a name.
fn named(name: &str) -> Result<(), Refusal> {
    match name.len() <= NAME {
        true => Ok(()),
        false => Err(Refusal::invalid(format!("a name has more than {NAME} bytes"))),
    }
}

/// The phases, if they are not too many.
fn bounded(parts: Vec<Part>) -> Result<Vec<kozmic_model::phase::Phase>, Refusal> {
    match parts.len() <= PHASES {
        true => Ok(phases(parts)),
        false => Err(Refusal::invalid(format!("an attempt has more than {PHASES} phases"))),
    }
}
