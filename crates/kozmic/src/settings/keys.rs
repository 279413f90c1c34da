//! The names of all settings, with what stands in where nothing is said.

/// A setting.
pub(super) struct Key {
    /// In the file; in the environment it is `KOZMIC_` and this in capitals.
    pub(super) name: &'static str,
    /// None: it has no fixed default, or none at all.
    pub(super) default: Option<&'static str>,
    /// Said if it is needed and missing.
    pub(super) hint: &'static str,
    /// No message shows its value.
    pub(super) is_secret: bool,
}

const fn key(name: &'static str, default: Option<&'static str>) -> Key {
    Key { name, default, hint: "", is_secret: false }
}

const fn needed(name: &'static str, hint: &'static str) -> Key {
    Key { name, default: None, hint, is_secret: false }
}

const fn secret(key: Key) -> Key {
    Key { is_secret: true, ..key }
}

/// All settings; `kozmic.example.toml` explains each.
pub(super) const KEYS: &[Key] = &[
    key("listen", Some("127.0.0.1:8080")),
    key("public_url", None),
    secret(key("secret_key", None)),
    key("data_dir", Some("./data")),
    // Other databases' addresses have a password in them.
    secret(key("database_url", None)),
    key("sign_in_allowed", None),
    key("github_url", Some("https://github.com")),
    key("github_api_url", Some("https://api.github.com")),
    needed(
        "github_client_id",
        "make an OAuth application at GitHub (Settings, Developer settings, OAuth Apps) whose callback address is \
         <public URL>/_auth/auth-callback/, and take its client ID",
    ),
    secret(needed("github_client_secret", "make a client secret on the OAuth application's page at GitHub")),
    key("docker_url", None),
    key("docker_network", Some("bridge")),
    key("docker_memory_limit", None),
    key("docker_cpu_limit", None),
    key("docker_process_limit", None),
    key("docker_extra_hosts", None),
    key("docker_capabilities", None),
    key("runner_concurrency", None),
    key("stall_timeout", Some("900")),
    key("job_timeout", Some("2700")),
    key("log_limit", Some("1g")),
    key("stop_timeout", Some("10")),
    key("cached_images_limit", Some("3")),
    key("enable_email_notifications", None),
    secret(needed(
        "smtp_url",
        "mail is switched on and needs a mail server, such as smtp://user:password@smtp.example.org:587; without one, \
         set KOZMIC_ENABLE_EMAIL_NOTIFICATIONS to false",
    )),
    needed(
        "mail_default_sender",
        "mail is switched on and needs somebody to come from, such as Kozmic <kozmic@example.org>",
    ),
    key("log", Some("info")),
    key("log_format", Some("text")),
];

/// The setting of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The known name that is most like an unknown one.
pub(super) fn nearest(name: &str) -> &'static str {
    let likeness = |key: &&Key| strsim::damerau_levenshtein(key.name, name);
    KEYS.iter().min_by_key(likeness).map_or("listen", |key| key.name)
}

/// The name in the environment.
pub(super) fn variable(name: &str) -> String {
    format!("KOZMIC_{}", name.to_uppercase())
}
