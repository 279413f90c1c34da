//! A type for every id, so that no project's number is ever taken for a job's.

use serde::{Deserialize, Serialize};
use std::{fmt, num::ParseIntError, str::FromStr};

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

id!(
    /// A person who signed in, or may see a project at the forge.
    UserId,
    /// A repository that Kozmic builds.
    ProjectId,
    /// The image and the scripts to run for a project's pushes.
    HookId,
    /// A stored request of the forge.
    DeliveryId,
    /// All that one commit on one ref made run; not the number that people see.
    BuildId,
    /// One script of a build.
    JobId,
    /// A message to the forge or to people that waits to be sent.
    OutboxId,
    /// The forge's own number of a repository; it outlives renames and transfers.
    RepositoryId,
    /// The forge's own number of a user.
    ForgeUserId,
    /// The forge's own number of a webhook.
    WebhookId,
    /// The forge's own number of a deploy key.
    DeployKeyId,
    /// An image that install scripts made, kept for later jobs.
    CachedImageId,
    /// A user and password for a registry.
    CredentialId,
    /// A user's key to the API.
    ApiTokenId,
    /// A mail to one person.
    MailId,
    /// Something that a job made and published.
    ArtifactId,
    /// An entry of the audit trail.
    AuditEntryId,
);
