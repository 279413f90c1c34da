//! The names of all settings, with their defaults.

/// A setting.
pub(super) struct Key {
    /// Name in the file. In the environment it is in capitals after `KOZMIC_`.
    pub(super) name: &'static str,
    /// Default; none: it has no fixed default, or none at all.
    pub(super) default: Option<&'static str>,
    /// Hint for a message that it is missing.
    pub(super) hint: &'static str,
    /// A right value, if it may be needed. It replaces a missing or wrong value, so that further faults are found.
    pub(super) sample: Option<&'static str>,
    /// True if no message may show its value.
    pub(super) is_secret: bool,
}

const fn key(name: &'static str, default: Option<&'static str>) -> Key {
    Key { name, default, hint: "", sample: None, is_secret: false }
}

const fn needed(name: &'static str, sample: &'static str, hint: &'static str) -> Key {
    Key { name, default: None, hint, sample: Some(sample), is_secret: false }
}

const fn secret(key: Key) -> Key {
    Key { is_secret: true, ..key }
}

/// Name of the tables of kernel rules in the file.
pub(super) const RULES: &str = "kernel";

/// All settings; `kozmic.example.toml` explains each.
pub(super) const KEYS: &[Key] = &[
    key("listen", Some("127.0.0.1:8080")),
    key("trusted_proxies", Some("127.0.0.0/8,::1")),
    key("connections_limit", Some("20000")),
    key("connections_per_client", Some("1000")),
    key("webhook_memory", Some("128m")),
    key("public_url", None),
    secret(key("secret_key", None)),
    key("data_dir", Some("./data")),
    // Addresses of other databases contain a password.
    secret(key("database_url", None)),
    key("database_connections", Some("16")),
    key("disk_reserve", None),
    key("failed_deliveries_kept_days", Some("90")),
    key("logs_kept_days", Some("none")),
    key("attempts_kept_days", Some("none")),
    key("sign_in_allowed", None),
    key("session_idle_timeout", Some("1209600")),
    key("admins", None),
    key("audit_retention_days", Some("365")),
    key("github_url", Some("https://github.com")),
    key("github_api_url", Some("https://api.github.com")),
    needed(
        "github_client_id",
        "id",
        "run kozmic setup, or make an OAuth application at GitHub yourself (Settings, Developer settings, OAuth Apps) whose callback address is \
         <public URL>/_auth/auth-callback/, and take its client ID",
    ),
    secret(needed(
        "github_client_secret",
        "secret",
        "make a client secret on the OAuth application's page at GitHub",
    )),
    key("docker_url", None),
    key("docker_cert_path", None),
    key("docker_network", None),
    key("docker_job_subnets", None),
    key("docker_memory_limit", None),
    key("docker_cpu_limit", None),
    key("docker_process_limit", Some("4096")),
    key("docker_extra_hosts", None),
    key("docker_capabilities", None),
    key("docker_private_registries", None),
    key("docker_runtime", None),
    key("docker_user_namespace", Some("engine")),
    key("jobs_may_call", Some("false")),
    key("runner_concurrency", None),
    key("runner_labels", None),
    key("runner_lease", Some("180")),
    key("stall_timeout", Some("900")),
    key("job_timeout", Some("2700")),
    key("log_limit", Some("1g")),
    key("checkout_limit", Some("2g")),
    key("checkout_files_limit", Some("200000")),
    key("stop_timeout", Some("10")),
    key("cached_images_limit", Some("3")),
    key("enable_email_notifications", None),
    secret(needed(
        "smtp_url",
        "smtp://mail.example.org",
        "mail is switched on and needs a mail server, such as smtp://user:password@smtp.example.org:587; without one, \
         set KOZMIC_ENABLE_EMAIL_NOTIFICATIONS to false",
    )),
    needed(
        "mail_default_sender",
        "kozmic@example.org",
        "mail is switched on and needs somebody to come from, such as Kozmic <kozmic@example.org>",
    ),
    key("mail_limit", Some("30")),
    key("autobuild_configuration_repository", None),
    secret(needed(
        "autobuild_github_token",
        "token",
        "the Auto Builder is switched on, and fetches, sets webhooks and shows statuses with a personal access token: \
         make one at GitHub (Settings, Developer settings, Personal access tokens) with the rights repo and \
         admin:repo_hook",
    )),
    secret(key("autobuild_webhook_secret", None)),
    key("autobuild_default_baseimage", Some("ubuntu:16.04")),
    key("autobuild_default_archives", None),
    key("autobuild_maximum_execution_time", Some("2700")),
    key("autobuild_memory_limit", None),
    key("autobuild_extra_hosts", None),
    key("autobuild_capabilities", None),
    key("autobuild_status_context", None),
    needed(
        "autobuild_hub_url",
        "https://hub.example.org",
        "other settings of the hub are there; name its address, https://hub.grid.tf for instance",
    ),
    needed(
        "autobuild_hub_auth_url",
        "https://hub.example.org",
        "other settings of the hub are there; name the server that renews its tokens, https://itsyou.online for instance",
    ),
    needed(
        "autobuild_hub_user",
        "user",
        "other settings of the hub are there; name the user that artifacts go to",
    ),
    secret(needed(
        "autobuild_hub_token",
        "token",
        "other settings of the hub are there; give a JWT of the hub's user that can be renewed",
    )),
    key("autobuild_binary_directory", None),
    key("autobuild_kernel_directory", None),
    key("autobuild_serve_artifacts", Some("false")),
    key("autobuild_kept_artifacts", Some("10")),
    key("autobuild_monitor", Some("signed_in")),
    key("log", Some("info")),
    key("log_format", Some("text")),
];

/// The setting of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The known setting that is most similar to an unknown one.
pub(super) fn nearest(name: &str) -> &'static str {
    most_like(name, KEYS.iter().map(|key| key.name))
}

/// The same for the file, which can also have kernel rules.
pub(super) fn nearest_in_file(name: &str) -> &'static str {
    most_like(name, KEYS.iter().map(|key| key.name).chain([RULES]))
}

/// The name that is most similar to another; the first of several.
pub(super) fn most_like(name: &str, known: impl Iterator<Item = &'static str>) -> &'static str {
    known.min_by_key(|known| strsim::damerau_levenshtein(known, name)).unwrap_or_default()
}

/// The setting's name in the environment.
pub(super) fn variable(name: &str) -> String {
    format!("KOZMIC_{}", name.to_uppercase())
}

/// A setting's two names, for people.
pub(super) fn names(name: &str) -> String {
    format!("{name} ({} in the environment)", variable(name))
}
