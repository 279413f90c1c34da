//! How the Auto Builder works, as the settings say: what it builds for pushes, and the limits of its containers.

use kozmic_model::{kernel::KernelRule, recipe::RecipeDefaults};
use secrecy::SecretString;
use std::time::Duration;

/// How the Auto Builder works.
#[derive(Clone, Debug)]
pub struct AutobuildSettings {
    /// `owner/name` of the configuration repository; none: kernel rules only.
    pub configuration: Option<String>,
    /// What is built for pushes to repositories that kernels are made of.
    pub kernels: Vec<KernelRule>,
    /// What stands in where a recipe says nothing.
    pub defaults: RecipeDefaults,
    /// A job that takes longer is stopped.
    pub maximum_time: Duration,
    /// Memory of a container in bytes; none: 16 GiB, or the machine's if that is less.
    pub memory: Option<i64>,
    /// Lines for a container's `/etc/hosts`, as `name:address`.
    pub extra_hosts: Vec<String>,
    /// Capabilities beyond the engine's default ones.
    pub capabilities: Vec<String>,
    /// One name for all commit statuses, in place of `kozmic/<script>`.
    pub status_context: Option<String>,
    /// So many artifacts of each name are kept in directories.
    pub kept_artifacts: usize,
    /// What webhooks are signed with.
    pub webhook_secret: SecretString,
}
