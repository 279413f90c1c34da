//! Settings of the Auto Builder: its builds for pushes, and the limits of its containers.

use kozmic_model::{kernel::KernelRule, recipe::RecipeDefaults};
use secrecy::SecretString;
use std::time::Duration;

/// Settings of the Auto Builder.
#[derive(Clone, Debug)]
pub struct AutobuildSettings {
    /// `owner/name` of the configuration repository; none: kernel rules only.
    pub configuration: Option<String>,
    /// Rules for pushes to repositories that kernels are made of.
    pub kernels: Vec<KernelRule>,
    /// Defaults for everything that a recipe leaves out.
    pub defaults: RecipeDefaults,
    /// A job that takes longer is stopped.
    pub maximum_time: Duration,
    /// Memory of a container in bytes; none: 16 GiB, or the machine's less 1 GiB if that is less.
    pub memory: Option<i64>,
    /// Lines for a container's `/etc/hosts`, as `name:address`.
    pub extra_hosts: Vec<String>,
    /// Capabilities beyond the engine's default ones.
    pub capabilities: Vec<String>,
    /// One name for all commit statuses, in place of `kozmic/<script>`.
    pub status_context: Option<String>,
    /// Number of artifacts of each name that are kept in directories.
    pub kept_artifacts: usize,
    /// Secret that webhooks are signed with.
    pub webhook_secret: SecretString,
}
