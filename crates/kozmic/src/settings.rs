//! Settings of an installation: `kozmic.toml`, and the environment, which overrides it.
//!
//! Every setting has one name. `runner_concurrency` in the file is `KOZMIC_RUNNER_CONCURRENCY` in the environment.
//! `KOZMIC_RUNNER_CONCURRENCY_FILE`, or `runner_concurrency_file` in the settings file, names a file with the value.
//! Kernel rules can only be in the file.

mod autobuild;
mod fault;
mod kernels;
mod keys;
mod limits;
mod mail;
pub(crate) mod proposed;
mod retention;
mod shown;
mod source;
mod values;
mod walls;

pub(crate) use autobuild::AutoBuilder;
pub(crate) use fault::{SettingsFault, SettingsFaults, Written};
pub(crate) use limits::LimitSettings;
pub(crate) use mail::MailSettings;
pub(crate) use retention::in_words as kept_in_words;
pub(crate) use shown::Shown;

use kozmic_edges::{
    engine::docker::{DockerSettings, JobNetwork, MemoryLimit},
    forge::github::GitHubSettings,
    git::TreeSize,
};
use kozmic_flow::Retention;
use kozmic_model::{invited::Invited, label::Labels};
use secrecy::SecretString;
use source::Source;
pub(crate) use source::read_file;
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use url::Url;
pub(crate) use values::database_url;

/// All settings, parsed.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) server: ServerSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) retention: Retention,
    pub(crate) github: GitHubSettings,
    pub(crate) docker: DockerSettings,
    pub(crate) runner: RunnerSettings,
    /// Settings of mails; none: no mail is sent.
    pub(crate) mail: Option<MailSettings>,
    /// Settings of the Auto Builder; none: only hooks build.
    pub(crate) autobuild: Option<AutoBuilder>,
    pub(crate) log: LogSettings,
    /// Files from which secrets were read.
    pub(crate) secret_files: Vec<PathBuf>,
}

/// Settings of the server's addresses and storage.
#[derive(Clone)]
pub(crate) struct ServerSettings {
    /// `KOZMIC_LISTEN`
    pub(crate) listen: SocketAddr,
    /// `KOZMIC_PUBLIC_URL`
    pub(crate) public_url: Url,
    /// `KOZMIC_SECRET_KEY`; none: the one in the data directory.
    pub(crate) secret_key: Option<SecretString>,
    /// `KOZMIC_DATA_DIR`
    pub(crate) data_dir: PathBuf,
    /// `KOZMIC_DATABASE_URL`; none: a file in the data directory.
    pub(crate) database_url: Option<String>,
    /// `KOZMIC_DATABASE_CONNECTIONS`: the most connections to a database server.
    pub(crate) database_connections: u32,
    /// `KOZMIC_DISK_RESERVE`, in bytes; none: the default of `Room`.
    pub(crate) disk_reserve: Option<u64>,
    /// `KOZMIC_SIGN_IN_ALLOWED`
    pub(crate) sign_in_allowed: Invited,
    /// `KOZMIC_SESSION_IDLE_TIMEOUT`
    pub(crate) session_idle: Duration,
    /// `KOZMIC_ADMINS`; empty: nobody.
    pub(crate) admins: Vec<String>,
    /// `KOZMIC_AUDIT_RETENTION_DAYS`
    pub(crate) audit_kept: Duration,
}

/// Settings of jobs.
#[derive(Clone)]
pub(crate) struct RunnerSettings {
    /// `KOZMIC_RUNNER_CONCURRENCY`
    pub(crate) concurrency: usize,
    /// `KOZMIC_RUNNER_LABELS`
    pub(crate) labels: Labels,
    /// `KOZMIC_RUNNER_LEASE`
    pub(crate) lease: Duration,
    /// `KOZMIC_STALL_TIMEOUT`
    pub(crate) stall_timeout: Duration,
    /// `KOZMIC_JOB_TIMEOUT`
    pub(crate) job_timeout: Duration,
    /// `KOZMIC_LOG_LIMIT`, in bytes.
    pub(crate) log_limit: u64,
    /// `KOZMIC_STOP_TIMEOUT`
    pub(crate) stop_timeout: Duration,
    /// `KOZMIC_CACHED_IMAGES_LIMIT`
    pub(crate) cached_images: usize,
    /// `KOZMIC_CHECKOUT_LIMIT` and `KOZMIC_CHECKOUT_FILES_LIMIT`
    pub(crate) largest_checkout: TreeSize,
    /// `KOZMIC_DOCKER_PRIVATE_REGISTRIES`
    pub(crate) private_registries: Vec<String>,
    /// `KOZMIC_JOBS_MAY_CALL`: true if the server answers jobs' containers.
    pub(crate) may_call: bool,
}

/// Settings of the server's own log.
#[derive(Clone)]
pub(crate) struct LogSettings {
    /// `KOZMIC_LOG`
    pub(crate) filter: String,
    /// `KOZMIC_LOG_FORMAT` is `json`.
    pub(crate) is_json: bool,
}

impl Settings {
    /// Reads the file, if there is one, and the environment.
    ///
    /// # Errors
    /// Names every setting that is wrong or missing, its place, and a right value.
    pub(crate) fn read(config: Option<PathBuf>) -> Result<Self, SettingsFaults> {
        Self::from_source(Source::read(config, std::env::vars_os())?)
    }

    /// The same for a command that never calls the forge: the settings of its OAuth application may be missing.
    ///
    /// # Errors
    /// As for [`Settings::read`].
    pub(crate) fn read_without_forge(config: Option<PathBuf>) -> Result<Self, SettingsFaults> {
        let mut source = Source::read(config, std::env::vars_os())?;
        source.do_without_forge();
        Self::from_source(source)
    }

    /// Parses the settings. A setting with a fault is replaced by a sample and parsed again, until all faults are
    /// known.
    fn from_source(mut source: Source) -> Result<Self, SettingsFaults> {
        let (mut faults, has_file) = (source.take_faults(), source.has_file);
        loop {
            match Self::parse(&source) {
                Ok(settings) if faults.is_empty() => return Ok(settings),
                Ok(_) => return Err(SettingsFaults { faults, has_file }),
                Err(fault) => {
                    let goes_on = source.pass_over(&fault);
                    faults.push(fault);
                    if !goes_on {
                        return Err(SettingsFaults { faults, has_file });
                    }
                }
            }
        }
    }

    fn parse(source: &Source) -> Result<Self, SettingsFault> {
        Ok(Self {
            server: server(source)?,
            limits: limits::limits(source)?,
            retention: retention::retention(source)?,
            github: github(source)?,
            docker: docker(source)?,
            runner: RunnerSettings {
                concurrency: concurrency(source)?,
                labels: source.parse("runner_labels", labels)?.unwrap_or_default(),
                lease: source.required("runner_lease", lease)?,
                stall_timeout: source.required("stall_timeout", values::seconds)?,
                job_timeout: source.required("job_timeout", values::seconds)?,
                log_limit: source.required("log_limit", values::bytes)?.unsigned_abs(),
                stop_timeout: source.required("stop_timeout", values::seconds)?,
                cached_images: source.required("cached_images_limit", values::count)?,
                largest_checkout: TreeSize {
                    files: source.required("checkout_files_limit", values::files)?,
                    bytes: source.required("checkout_limit", values::bytes)?.unsigned_abs(),
                },
                private_registries: source
                    .parse("docker_private_registries", values::registries)?
                    .unwrap_or_default(),
                may_call: source.required("jobs_may_call", values::truth)?,
            },
            mail: mail::mail(source)?,
            autobuild: autobuild::auto_builder(source)?,
            log: LogSettings {
                filter: source.required("log", values::log_filter)?,
                is_json: source.required("log_format", values::log_format)?,
            },
            secret_files: source.secret_files.clone(),
        })
    }
}

fn server(source: &Source) -> Result<ServerSettings, SettingsFault> {
    let listen = source.required("listen", values::address)?;
    let public_url = match source.parse("public_url", values::public_url)? {
        Some(url) => url,
        None => Url::parse(&format!("http://{listen}")).expect("an address with port makes a URL"),
    };
    Ok(ServerSettings {
        listen,
        public_url,
        secret_key: source.parse("secret_key", values::secret_key)?,
        data_dir: source.required("data_dir", values::path)?,
        database_url: database_url_in(source)?,
        database_connections: source.required("database_connections", values::connections)?,
        disk_reserve: source.parse("disk_reserve", values::reserve)?,
        sign_in_allowed: invited(source)?,
        session_idle: source.required("session_idle_timeout", values::idle)?,
        admins: source.parse("admins", values::admins)?.unwrap_or_default(),
        audit_kept: source.required("audit_retention_days", values::days)?,
    })
}

/// The address of the database. An empty file with the address is refused, because the server would begin anew in a
/// database of its own.
fn database_url_in(source: &Source) -> Result<Option<String>, SettingsFault> {
    let right = "an address; without the setting the database is the file kozmic.db in the data directory";
    source.refuse_blank("database_url", right)?;
    source.parse("database_url", values::database_url)
}

fn github(source: &Source) -> Result<GitHubSettings, SettingsFault> {
    Ok(GitHubSettings {
        url: source.required("github_url", values::url)?,
        api_url: source.required("github_api_url", values::url)?,
        client_id: source.required("github_client_id", values::text)?,
        client_secret: source.required("github_client_secret", values::text)?.into(),
    })
}

fn docker(source: &Source) -> Result<DockerSettings, SettingsFault> {
    let url = source.parse("docker_url", values::docker_url)?.or_else(|| variable("DOCKER_HOST"));
    let url = url.unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned());
    let certificates = source.parse("docker_cert_path", values::path)?.or_else(|| docker_certificates(&url));
    Ok(DockerSettings {
        url,
        certificates,
        network: network(source)?,
        memory: match source.parse("docker_memory_limit", values::memory)? {
            Some(limit) => limit,
            None => MemoryLimit::Share(concurrency(source)?.max(1)),
        },
        millicores: source.parse("docker_cpu_limit", values::millicores)?,
        processes: source.required("docker_process_limit", values::processes)?,
        extra_hosts: source.parse("docker_extra_hosts", values::hosts)?.unwrap_or_default(),
        capabilities: source.parse("docker_capabilities", walls::capabilities)?.unwrap_or_default(),
        runtime: source.parse("docker_runtime", values::text)?,
        user_namespace: source.required("docker_user_namespace", values::user_namespace)?,
    })
}

/// The network of jobs: a named one, one for each job, or Kozmic's own.
fn network(source: &Source) -> Result<JobNetwork, SettingsFault> {
    let named = source.parse("docker_network", values::text)?;
    let range = source.parse("docker_job_subnets", walls::job_subnets)?;
    match (named, range) {
        (Some(_), Some(_)) => Err(SettingsFault::Both { one: "docker_network", other: "docker_job_subnets" }),
        (Some(name), None) => Ok(JobNetwork::Named(name)),
        (None, Some(range)) => {
            let (room, jobs) = (JobNetwork::room(range), concurrency(source)?);
            if room < jobs * 2 {
                Err(SettingsFault::FewSubnets { room, jobs })
            } else {
                Ok(JobNetwork::Each(range))
            }
        }
        (None, None) => Ok(JobNetwork::Own),
    }
}

/// The number of jobs that run at once.
fn labels(text: &str) -> Result<Labels, &'static str> {
    text.parse().map_err(|_| "up to 10 labels such as gpu or ssd, of letters, digits, '.', '_' and '-'")
}

fn lease(text: &str) -> Result<Duration, &'static str> {
    let seconds = values::seconds(text)?;
    match (30..=86_400).contains(&seconds.as_secs()) {
        true => Ok(seconds),
        false => Err("a number of seconds from 30 to 86400"),
    }
}

/// The number of jobs at once. None: all jobs are for other machines.
fn slots(text: &str) -> Result<usize, &'static str> {
    if text == "0" { Ok(0) } else { values::count(text).map_err(|_| "a number from 0 to 1000") }
}

fn concurrency(source: &Source) -> Result<usize, SettingsFault> {
    Ok(source.parse("runner_concurrency", slots)?.unwrap_or_else(processors))
}

/// Directory in which Docker's own tools look for certificates, if the engine is reached with TLS.
fn docker_certificates(url: &str) -> Option<PathBuf> {
    let is_on_tls = url.starts_with("https://") || variable("DOCKER_TLS_VERIFY").is_some();
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".docker"));
    is_on_tls.then(|| variable("DOCKER_CERT_PATH").map(PathBuf::from).or_else(home))?
}

/// A variable of another program's convention. An empty one counts as unset.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The people who may sign in: everybody by default. A list without names is refused, because it would let everybody in
/// by mistake.
fn invited(source: &Source) -> Result<Invited, SettingsFault> {
    source.refuse_blank("sign_in_allowed", "names; without the setting everybody may sign in")?;
    Ok(Invited::new(source.parse("sign_in_allowed", values::logins)?.unwrap_or_default()))
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests;
