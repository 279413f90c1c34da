//! The port: each method becomes a call, or a message on a connection that is there.

use super::{Away, Shared, ask::in_words, link::LinkFault, pauses::Pauses};
use crate::protocol::{
    call::{About, Answer, Call, Place, Step},
    fault::Kind,
    order::{Sent, parts, phases},
};
use anyhow::{Error, Result, bail};
use async_trait::async_trait;
use kozmic_edges::git::Credentials;
use kozmic_model::{
    cache::{CacheInputs, CachedImage},
    image::ImageName,
    job::{Attempt, Outcome},
    phase::Phase,
    runner::ClaimKey,
};
use kozmic_runner::{
    coordinator::{
        Archive, Beginning, Complaint, Coordinator, GivenName, ImageChange, Leave, Published, Repository,
        Standing, State, Surplus,
    },
    order::Order,
};
use std::{collections::HashSet, sync::Arc};
use tokio::sync::mpsc;

/// The error for an answer to another call.
const OTHER: &str = "the server answered another call";

/// The value in an answer of this kind.
macro_rules! answer {
    ($answer:expr, $kind:pat => $value:expr) => {
        match $answer {
            $kind => Ok($value),
            _ => Err(anyhow::anyhow!(OTHER)),
        }
    };
}

#[async_trait]
impl Coordinator for Away {
    async fn held(&self) -> Result<Vec<Order>> {
        self.shared.connected().await?;
        let attempts =
            answer!(self.shared.ask_once(Call::Held).await?, Answer::Held { attempts } => attempts)?;
        let mut orders = Vec::with_capacity(attempts.len());
        for of in attempts {
            let order = self.shared.ask_once(Call::Attempt { of, step: Step::Order }).await?;
            match self.shared.order(order).await {
                Ok(order) => orders.extend(order),
                Err(fault) => tracing::error!(job.id = of.job, error = format!("{fault:#}"), "a job ends"),
            }
        }
        // The machine may have lost the end of a log that the server has. Nobody writes to it yet.
        for order in &orders {
            self.shared.attempts.note(order.attempt);
            self.shared.take_up_log(order.attempt).await?;
        }
        self.shared.forget_all_but(&orders).await;
        Ok(orders)
    }

    async fn claim(&self, key: &ClaimKey) -> Result<Option<Order>> {
        self.shared.connected().await?;
        let call = Call::Claim { key: key.as_str().to_owned() };
        let answer = self.shared.ask_once(call).await?;
        let Some(order) = self.shared.order(answer).await? else { return Ok(None) };
        self.shared.attempts.note(order.attempt);
        self.shared.begin_log(order.attempt);
        Ok(Some(order))
    }

    async fn give_back(&self, order: &Order) -> Result<()> {
        self.shared.ask(order.attempt, Step::GiveBack).await?;
        match self.standing(order.attempt).await? {
            // A script may have begun, so the runner still holds it.
            Some(_) => Ok(()),
            None => self.shared.forget(order.attempt).await,
        }
    }

    async fn woken(&self) {
        self.shared.woken.notified().await;
    }

    /// Tells the state. The line beats by itself, and tells when it cannot.
    async fn beat(&self, state: &State) -> Result<()> {
        self.note_state(state).await
    }

    async fn note_state(&self, state: &State) -> Result<()> {
        self.shared.state.send_if_modified(|known| {
            let has_changed = known != state;
            known.clone_from(state);
            has_changed
        });
        Ok(())
    }

    async fn standing(&self, attempt: Attempt) -> Result<Option<Standing>> {
        let standing = self.shared.ask(attempt, Step::Standing).await?;
        let standing = answer!(standing, Answer::Standing { standing } => standing)?;
        Ok(standing.map(|state| Standing {
            phases: phases(state.phases),
            container: state.container,
            cancellation: state.cancellation.map(Outcome::from),
        }))
    }

    async fn note_phases(&self, order: &Order, phases: &[Phase]) -> Result<()> {
        self.shared.ask(order.attempt, Step::Phases { phases: parts(phases) }).await.map(drop)
    }

    async fn begin_script(&self, order: &Order, beginning: &Beginning<'_>) -> Result<bool> {
        // The log may have a mark that another container begins.
        self.shared.uplinks.grew(order.attempt);
        let step = Step::Begin {
            container: beginning.container.to_owned(),
            cache_key: beginning.cache_key.map(str::to_owned),
            phases: parts(beginning.phases),
        };
        answer!(self.shared.ask(order.attempt, step).await?, Answer::Begun { is_ours } => is_ours)
    }

    async fn forget_container(&self, attempt: Attempt) -> Result<()> {
        self.shared.ask(attempt, Step::Forget).await.map(drop)
    }

    async fn stopped(&self, attempt: Attempt) -> Outcome {
        self.shared.stopped(attempt).await
    }

    fn log_grew(&self, order: &Order) {
        self.shared.uplinks.grew(order.attempt);
    }

    async fn end(&self, order: &Order, outcome: &Outcome) -> Result<()> {
        self.shared.end(order.attempt, outcome).await
    }

    async fn cleared(&self, attempt: Attempt) {
        // If the server is away, it finds surplus images later.
        let _ = self.shared.ask_once(Call::Attempt { of: attempt.into(), step: Step::Cleared }).await;
        self.shared.attempts.forget(attempt);
    }

    async fn repository(&self, order: &Order, complaint: Option<Complaint>) -> Result<Repository> {
        let step = Step::Repository { complaint: complaint.map(Into::into) };
        let answer = self.shared.ask(order.attempt, step).await?;
        let (at, default_branch) =
            answer!(answer, Answer::Repository { at, default_branch } => (at, default_branch))?;
        let (url, credentials) = match at {
            Place::Forge { url } => (url, Credentials::Open),
            Place::Server => self.shared.own_repository(order.attempt),
        };
        Ok(Repository { url, credentials, default_branch })
    }

    async fn use_image(&self, order: &Order, key: &str) -> Result<Option<CachedImage>> {
        let about = About::Use { key: key.to_owned() };
        let image = self.shared.ask_of_image(order.attempt, about).await?;
        answer!(image, Answer::Image { image } => image.map(CachedImage::from))
    }

    async fn compare_inputs(&self, order: &Order, inputs: &CacheInputs) -> Result<Option<CacheInputs>> {
        let about = About::Inputs { inputs: inputs.clone() };
        answer!(self.shared.ask_of_image(order.attempt, about).await?, Answer::Inputs { inputs } => inputs)
    }

    async fn leave(&self, order: &Order, image: &ImageName, id: &str) -> Result<Leave> {
        let about = About::Leave { name: image.clone(), id: id.to_owned() };
        let leave = self.shared.ask_of_image(order.attempt, about).await?;
        answer!(leave, Answer::Permission { leave } => leave.into())
    }

    async fn kept_image(&self, name: &ImageName) -> Result<Option<String>> {
        let call = Call::KeptImage { name: name.clone() };
        answer!(self.shared.ask_for_a_while(call).await?, Answer::Kept { id } => id)
    }

    async fn note_image(&self, order: &Order, change: ImageChange<'_>) -> Result<()> {
        self.shared.ask_of_image(order.attempt, About::Note { change: change.into() }).await.map(drop)
    }

    async fn surplus_images(&self, there: &[ImageName]) -> Result<Vec<Surplus>> {
        let answer = self.shared.ask_once(Call::Surplus { there: there.to_vec() }).await?;
        let images = answer!(answer, Answer::Surplus { images } => images)?;
        Ok(images.into_iter().map(Surplus::from).collect())
    }

    async fn note_removed(&self, image: &Surplus) -> Result<()> {
        self.shared.ask_once(Call::Removed { image: image.clone().into() }).await.map(drop)
    }

    async fn image_name(&self, order: &Order, plain: &ImageName) -> Result<GivenName> {
        let about = About::Name { plain: plain.clone() };
        let given = self.shared.ask_of_image(order.attempt, about).await?;
        answer!(given, Answer::Name { name, has_newer } => GivenName { name, has_newer })
    }

    async fn publish(
        &self,
        order: &Order,
        archive: Archive,
        words: mpsc::Sender<String>,
    ) -> Result<Published> {
        super::artifact::publish(&self.shared.link, order.attempt, archive, words).await
    }
}

impl Shared {
    /// Waits until the line is open. Jobs are for the process that the server lets in: another machine may have the same
    /// token.
    async fn connected(&self) -> Result<()> {
        let mut is_connected = self.is_connected.subscribe();
        tokio::select! {
            connected = is_connected.wait_for(|is_connected| *is_connected) => Ok(connected.map(drop)?),
            () = self.stop.cancelled() => bail!("the runner ends"),
        }
    }

    /// The order in an answer. The attempt of an order that cannot be read ends, because this runner cannot begin it.
    async fn order(self: &Arc<Self>, answer: Answer) -> Result<Option<Order>> {
        let (of, order) = answer!(answer, Answer::Order { of, order } => (of, order))?;
        let Some(of) = of else { return Ok(None) };
        let read = serde_json::from_value::<Sent>(order).map_err(Error::from).and_then(Order::try_from);
        match read {
            Ok(order) => Ok(Some(order)),
            Err(fault) => {
                let reason = format!("The runner cannot read the job's order: {fault:#}. Update the runner.");
                self.end(of.into(), &Outcome::Broken(reason.clone())).await?;
                bail!(reason)
            }
        }
    }

    /// Waits until an attempt must stop: by the server's word, or because the server is away for too long.
    pub(super) async fn stopped(&self, attempt: Attempt) -> Outcome {
        let mut stop = self.attempts.note(attempt);
        let told = async {
            match stop.wait_for(Option::is_some).await.ok().and_then(|stop| stop.clone()) {
                Some(outcome) => outcome,
                // The attempt has ended: nothing stops it any more.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            outcome = told => outcome,
            time = self.contact.lost() => {
                let reason = format!("The server could not be reached for {} s.", time.as_secs());
                // The outcome stays, even if the server comes back.
                self.attempts.stop(attempt, Outcome::Interrupted(reason.clone()));
                Outcome::Interrupted(reason)
            }
        }
    }

    /// Ends an attempt. The server must have the whole log before. Repeats this until the server has taken it.
    async fn end(self: &Arc<Self>, attempt: Attempt, outcome: &Outcome) -> Result<()> {
        let mut pauses = Pauses::new();
        loop {
            let log = self.whole_log(attempt).await?;
            let step = Step::End { outcome: outcome.into(), log };
            match self.link.call(&Call::Attempt { of: attempt.into(), step }).await {
                Ok(_) => return self.forget(attempt).await,
                Err(fault) if fault.is(Kind::LogIncomplete) => self.uplinks.begin_again(attempt),
                Err(fault) if fault.is(Kind::Unauthorized) => {
                    tracing::warn!(
                        job.id = attempt.job.0,
                        "the end of a removed runner's attempt is given up"
                    );
                    return self.forget(attempt).await;
                }
                Err(LinkFault::Lost(fault)) => {
                    tracing::debug!(
                        job.id = attempt.job.0,
                        error = format!("{fault:#}"),
                        "an end is repeated"
                    );
                }
                Err(fault) => return Err(in_words(fault)),
            }
            tokio::select! {
                () = pauses.next() => {}
                () = self.stop.cancelled() => bail!("the runner ends"),
            }
        }
    }

    /// Forgets the attempts of before that this runner no longer holds, with their logs.
    async fn forget_all_but(&self, held: &[Order]) {
        let is_lost = |attempt: &Attempt| held.iter().all(|order| order.attempt != *attempt);
        let forget = async {
            let known = self.attempts.all().into_iter().chain(self.logs.all().await?);
            for attempt in known.filter(is_lost).collect::<HashSet<_>>() {
                self.forget(attempt).await?;
            }
            anyhow::Ok(())
        };
        if let Err(fault) = forget.await {
            tracing::warn!(error = format!("{fault:#}"), "logs of lost attempts stay");
        }
    }

    /// Forgets an attempt that the server has ended, with its log: the server has all of it.
    async fn forget(&self, attempt: Attempt) -> Result<()> {
        self.uplinks.end(attempt);
        self.attempts.forget(attempt);
        self.logs.remove(attempt).await
    }

    /// The server as the place of an attempt's repository.
    fn own_repository(&self, attempt: Attempt) -> (String, Credentials) {
        let path = crate::protocol::At::from(attempt).path("repository.git");
        (self.link.address(&path).into(), Credentials::Token(self.link.token().into()))
    }
}
