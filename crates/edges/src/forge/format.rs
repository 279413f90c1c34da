//! The format of a forge, which is known without a question to it: its name and pages, its deliveries and their
//! signatures, the events in them. Nothing here makes a call.

use super::{DeliveryLimits, Proof, ReadDelivery, RefusedDelivery, Site, UnreadablePayload};
use http::HeaderMap;
use kozmic_model::{event::Event, git::GitRef, project::Repository, touched::Touched};
use secrecy::SecretString;

/// The format of a forge. Each method is pure.
pub trait ForgeFormat: Send + Sync {
    /// The forge as people see it.
    fn site(&self) -> Site;

    /// The name that a ref has in the forge's repositories, to fetch it. Branches and tags have git's own names. Each
    /// forge has a name of its own for the head of a pull request.
    fn remote_ref(&self, git_ref: &GitRef) -> String;

    /// The host keys of the forge's SSH server that are built in, as lines of OpenSSH's `known_hosts`. Empty if there
    /// are none.
    fn known_hosts(&self) -> &'static str;

    /// The limits that the forge itself has for its deliveries.
    fn delivery_limits(&self) -> DeliveryLimits;

    /// The proof that a delivery comes from the forge. It stands in the headers: a body without a proof need not be
    /// read.
    ///
    /// # Errors
    /// [`RefusedDelivery::Unproven`] if there is no proof.
    fn proof(&self, headers: &HeaderMap) -> Result<Proof, RefusedDelivery>;

    /// Checks a proof by the webhook's secret and by the body as it came. The comparison takes constant time.
    ///
    /// # Errors
    /// [`RefusedDelivery::Unproven`] if the proof does not fit.
    fn check(&self, proof: &Proof, secret: &SecretString, body: &[u8]) -> Result<(), RefusedDelivery>;

    /// Reads a delivery, after [`ForgeFormat::check`]: its id, its event, and its payload as JSON.
    ///
    /// # Errors
    /// No version of Kozmic can read it.
    fn delivery(&self, headers: &HeaderMap, body: Vec<u8>) -> Result<ReadDelivery, RefusedDelivery>;

    /// True if Kozmic makes anything of an event of this name. People can let a webhook tell more than Kozmic asked
    /// for.
    fn is_of_use(&self, event: &str, interest: Interest) -> bool;

    /// The meaning of a delivery.
    ///
    /// A pushed tag is a change at the commit that the tag points to, also if the tag is an object of its own. The
    /// forge does not decide whether anything is built.
    ///
    /// # Errors
    /// The payload is not as the forge documents it.
    fn event(&self, name: &str, payload: &[u8]) -> Result<Event, UnreadablePayload>;

    /// The files that the change of a delivery touches. If the payload may lack one, it is no list: then it tells which
    /// commits to compare.
    ///
    /// # Errors
    /// The payload is not as the forge documents it.
    fn touched(&self, name: &str, payload: &[u8]) -> Result<Touched, UnreadablePayload>;

    /// The repository that a delivery of any kind is about. It is as true as the delivery's proof.
    ///
    /// # Errors
    /// The payload names no repository, or one with an impossible name.
    fn pushed_repository(&self, payload: &[u8]) -> Result<Repository, UnreadablePayload>;
}

/// The events that a webhook is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Pushes alone.
    Pushes,
    /// Pushes and pull requests.
    PushesAndPulls,
}
