//! The Auto Builder's settings. It is on if there is a configuration repository or a kernel rule.

use super::{fault::SettingsFault, kernels, source::Source, values, walls};
use kozmic_edges::publisher::HubSettings;
use kozmic_flow::AutobuildSettings;
use kozmic_model::{kernel::KernelRule, recipe::RecipeDefaults};
use secrecy::SecretString;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use url::Url;

/// Settings of the Auto Builder: its builds, and the places for its artifacts.
#[derive(Clone, Debug)]
pub(crate) struct AutoBuilder {
    building: Building,
    /// `KOZMIC_AUTOBUILD_WEBHOOK_SECRET`; none: derived from the installation's key.
    webhook_secret: Option<SecretString>,
    /// `KOZMIC_AUTOBUILD_GITHUB_TOKEN`
    pub(crate) github_token: SecretString,
    /// `KOZMIC_AUTOBUILD_HUB_…`; none: file lists cannot be published.
    pub(crate) hub: Option<HubSettings>,
    /// `KOZMIC_AUTOBUILD_BINARY_DIRECTORY`; none: `artifacts/binary` in the data directory.
    binary_directory: Option<PathBuf>,
    /// `KOZMIC_AUTOBUILD_KERNEL_DIRECTORY`; none: `artifacts/kernel` in the data directory.
    kernel_directory: Option<PathBuf>,
    /// `KOZMIC_AUTOBUILD_SERVE_ARTIFACTS`
    pub(crate) serves_artifacts: bool,
    /// `KOZMIC_AUTOBUILD_MONITOR` is `public`.
    pub(crate) monitor_is_public: bool,
}

/// Settings of the Auto Builder's builds.
#[derive(Clone, Debug)]
struct Building {
    /// `KOZMIC_AUTOBUILD_CONFIGURATION_REPOSITORY`
    configuration: Option<String>,
    /// The tables `[[kernel]]` of the file.
    kernels: Vec<KernelRule>,
    /// `KOZMIC_AUTOBUILD_DEFAULT_ARCHIVES` and `KOZMIC_AUTOBUILD_DEFAULT_BASEIMAGE`
    defaults: RecipeDefaults,
    /// `KOZMIC_AUTOBUILD_MAXIMUM_EXECUTION_TIME`
    maximum_time: Duration,
    /// `KOZMIC_AUTOBUILD_MEMORY_LIMIT`, in bytes.
    memory: Option<i64>,
    /// `KOZMIC_AUTOBUILD_EXTRA_HOSTS`
    extra_hosts: Vec<String>,
    /// `KOZMIC_AUTOBUILD_CAPABILITIES`
    capabilities: Vec<String>,
    /// `KOZMIC_AUTOBUILD_STATUS_CONTEXT`
    status_context: Option<String>,
    /// `KOZMIC_AUTOBUILD_KEPT_ARTIFACTS`
    kept_artifacts: usize,
}

impl AutoBuilder {
    /// Settings of the steps. `drawn` derives the webhooks' secret from the installation's key if none is set.
    pub(crate) fn flow(&self, drawn: impl FnOnce() -> SecretString) -> AutobuildSettings {
        let building = self.building.clone();
        AutobuildSettings {
            configuration: building.configuration,
            kernels: building.kernels,
            defaults: building.defaults,
            maximum_time: building.maximum_time,
            memory: building.memory,
            extra_hosts: building.extra_hosts,
            capabilities: building.capabilities,
            status_context: building.status_context,
            kept_artifacts: building.kept_artifacts,
            webhook_secret: self.webhook_secret.clone().unwrap_or_else(drawn),
        }
    }

    /// The directory of artifacts in the formats `binary` and `directory`.
    pub(crate) fn binaries(&self, data_dir: &Path) -> PathBuf {
        self.binary_directory.clone().unwrap_or_else(|| data_dir.join("artifacts/binary"))
    }

    /// The directory of kernels.
    pub(crate) fn kernels(&self, data_dir: &Path) -> PathBuf {
        self.kernel_directory.clone().unwrap_or_else(|| data_dir.join("artifacts/kernel"))
    }

    /// `owner/name` of the configuration repository, if there is one.
    pub(crate) fn configuration(&self) -> Option<&str> {
        self.building.configuration.as_deref()
    }

    /// `owner/name` of each repository in these settings, with its purpose.
    pub(crate) fn repositories(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let of_kernels =
            self.building.kernels.iter().map(|rule| ("repository of kernels", rule.repository.as_str()));
        self.configuration().map(|name| ("configuration repository", name)).into_iter().chain(of_kernels)
    }

    /// Number of kernel rules.
    pub(crate) fn kernel_rules(&self) -> usize {
        self.building.kernels.len()
    }
}

/// The Auto Builder's settings; none if it is off. Wrong values are faults even then, and only missing ones are not.
pub(super) fn auto_builder(source: &Source) -> Result<Option<AutoBuilder>, SettingsFault> {
    let building = building(source)?;
    let github_token = source.parse("autobuild_github_token", values::token)?;
    let webhook_secret = source.parse("autobuild_webhook_secret", values::webhook_secret)?;
    let hub = Hub::read(source)?;
    let binary_directory = source.parse("autobuild_binary_directory", values::path)?;
    let kernel_directory = source.parse("autobuild_kernel_directory", values::path)?;
    let serves_artifacts = source.required("autobuild_serve_artifacts", values::truth)?;
    let monitor_is_public = source.required("autobuild_monitor", values::monitor)?;
    if building.configuration.is_none() && building.kernels.is_empty() {
        return Ok(None);
    }
    Ok(Some(AutoBuilder {
        building,
        webhook_secret,
        github_token: github_token.ok_or_else(|| SettingsFault::missing("autobuild_github_token"))?,
        hub: hub.whole()?,
        binary_directory,
        kernel_directory,
        serves_artifacts,
        monitor_is_public,
    }))
}

fn building(source: &Source) -> Result<Building, SettingsFault> {
    let image = source.required("autobuild_default_baseimage", values::image)?;
    Ok(Building {
        configuration: source.parse("autobuild_configuration_repository", values::repository)?,
        kernels: kernels::rules(source.rules(), &image)?,
        defaults: RecipeDefaults {
            archives: source.parse("autobuild_default_archives", values::place)?,
            image,
        },
        maximum_time: source.required("autobuild_maximum_execution_time", values::seconds)?,
        memory: source.parse("autobuild_memory_limit", values::bytes)?,
        extra_hosts: source.parse("autobuild_extra_hosts", values::hosts)?.unwrap_or_default(),
        capabilities: source.parse("autobuild_capabilities", walls::capabilities)?.unwrap_or_default(),
        status_context: source.parse("autobuild_status_context", values::status_context)?,
        kept_artifacts: source.required("autobuild_kept_artifacts", values::count)?,
    })
}

/// Settings of the hub, some of which may be missing.
struct Hub {
    url: Option<Url>,
    auth_url: Option<Url>,
    user: Option<String>,
    token: Option<SecretString>,
}

impl Hub {
    fn read(source: &Source) -> Result<Self, SettingsFault> {
        Ok(Self {
            url: source.parse("autobuild_hub_url", values::url)?,
            auth_url: source.parse("autobuild_hub_auth_url", values::url)?,
            user: source.parse("autobuild_hub_user", values::hub_user)?,
            token: source.parse("autobuild_hub_token", values::token)?,
        })
    }

    /// All settings of the hub, or none.
    fn whole(self) -> Result<Option<HubSettings>, SettingsFault> {
        let is_absent =
            self.url.is_none() && self.auth_url.is_none() && self.user.is_none() && self.token.is_none();
        if is_absent {
            return Ok(None);
        }
        let missing = SettingsFault::missing;
        Ok(Some(HubSettings {
            url: self.url.ok_or_else(|| missing("autobuild_hub_url"))?,
            auth_url: self.auth_url.ok_or_else(|| missing("autobuild_hub_auth_url"))?,
            user: self.user.ok_or_else(|| missing("autobuild_hub_user"))?,
            token: self.token.ok_or_else(|| missing("autobuild_hub_token"))?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const REPOSITORY: (&str, &str) = ("CONFIGURATION_REPOSITORY", "adlift/recipes");
    const TOKEN: (&str, &str) = ("GITHUB_TOKEN", "ghp_hush");
    const HUB: [(&str, &str); 4] = [
        ("HUB_URL", "https://hub.example.org"),
        ("HUB_AUTH_URL", "https://id.example.org"),
        ("HUB_USER", "zero-os"),
        ("HUB_TOKEN", "jwt.hush"),
    ];
    const RULE: &str =
        "[[kernel]]\nkind = 'generic'\nrepository = 'zero-os/0-initramfs'\nscript = '/x/build.sh'";

    fn read(file: &str, environment: &[(&str, &str)]) -> Result<Option<AutoBuilder>, String> {
        let variable =
            |(name, value): &(&str, &str)| (format!("KOZMIC_AUTOBUILD_{name}"), (*value).to_owned());
        let source = Source::from_text(file, environment.iter().map(variable)).unwrap();
        auto_builder(&source).map_err(|fault| fault.to_string())
    }

    #[test]
    fn it_is_on_if_there_is_a_configuration_repository_or_a_kernel_rule() {
        assert!(read("", &[]).unwrap().is_none());
        assert!(
            read("", &[TOKEN, ("MEMORY_LIMIT", "2g"), HUB[0]]).unwrap().is_none(),
            "a hub's rest may lack"
        );
        let builder = read("", &[REPOSITORY, TOKEN]).unwrap().unwrap();
        assert_eq!((builder.configuration(), builder.kernel_rules()), (Some("adlift/recipes"), 0));
        let builder = read(RULE, &[TOKEN]).unwrap().unwrap();
        assert_eq!((builder.configuration(), builder.kernel_rules()), (None, 1));
    }

    #[test]
    fn a_token_is_needed_as_soon_as_it_is_on() {
        for (file, environment) in [("", &[REPOSITORY][..]), (RULE, &[])] {
            let fault = read(file, environment).unwrap_err();
            let words =
                "autobuild_github_token (KOZMIC_AUTOBUILD_GITHUB_TOKEN in the environment) is missing: ";
            assert!(fault.starts_with(words), "{fault}");
            assert!(fault.contains("the rights repo and admin:repo_hook"), "{fault}");
        }
    }

    #[test]
    fn defaults_are_as_documented() {
        let builder = read("", &[REPOSITORY, TOKEN]).unwrap().unwrap();
        assert!(builder.hub.is_none() && !builder.serves_artifacts && !builder.monitor_is_public);
        let data_dir = Path::new("/data");
        assert_eq!(builder.binaries(data_dir), Path::new("/data/artifacts/binary"));
        assert_eq!(builder.kernels(data_dir), Path::new("/data/artifacts/kernel"));
        let flow = builder.flow(|| "drawn".into());
        assert_eq!(flow.webhook_secret.expose_secret(), "drawn");
        assert_eq!(flow.defaults.image.to_string(), "ubuntu:16.04");
        assert_eq!((flow.defaults.archives, flow.memory, flow.status_context), (None, None, None));
        assert_eq!((flow.maximum_time, flow.kept_artifacts), (Duration::from_secs(2_700), 10));
        assert!(flow.extra_hosts.is_empty() && flow.capabilities.is_empty());
    }

    #[test]
    fn all_that_is_set_arrives() {
        let set = [
            REPOSITORY,
            TOKEN,
            ("WEBHOOK_SECRET", "sixteen or longer"),
            ("DEFAULT_BASEIMAGE", "debian:bookworm"),
            ("DEFAULT_ARCHIVES", "/tmp/archives"),
            ("MAXIMUM_EXECUTION_TIME", "60"),
            ("MEMORY_LIMIT", "2g"),
            ("EXTRA_HOSTS", "registry.internal:10.0.0.5"),
            ("CAPABILITIES", "SYS_ADMIN"),
            ("STATUS_CONTEXT", "autobuild"),
            ("BINARY_DIRECTORY", "/srv/binary"),
            ("KERNEL_DIRECTORY", "/srv/kernel"),
            ("SERVE_ARTIFACTS", "true"),
            ("KEPT_ARTIFACTS", "3"),
            ("MONITOR", "public"),
        ];
        let builder = read(RULE, &[&set[..], &HUB].concat()).unwrap().unwrap();
        assert!(builder.serves_artifacts && builder.monitor_is_public);
        assert_eq!(builder.binaries(Path::new("/data")), Path::new("/srv/binary"));
        assert_eq!(builder.kernels(Path::new("/data")), Path::new("/srv/kernel"));
        assert_eq!(builder.github_token.expose_secret(), "ghp_hush");
        let flow = builder.flow(|| panic!("a secret is set"));
        assert_eq!(flow.webhook_secret.expose_secret(), "sixteen or longer");
        assert_eq!(flow.configuration.as_deref(), Some("adlift/recipes"));
        assert_eq!((flow.maximum_time, flow.memory), (Duration::from_secs(60), Some(2 << 30)));
        assert_eq!(flow.extra_hosts, ["registry.internal:10.0.0.5"]);
        assert_eq!((flow.capabilities, flow.kept_artifacts), (vec!["SYS_ADMIN".to_owned()], 3));
        assert_eq!(flow.status_context.as_deref(), Some("autobuild"));
        assert_eq!(flow.defaults.archives.as_deref(), Some("/tmp/archives"));
        let [rule] = &flow.kernels[..] else { panic!("one rule") };
        assert!(format!("{:?}", rule.start).contains("bookworm"), "the default image is the rule's, too");
        let hub = builder.hub.unwrap();
        assert_eq!((hub.url.as_str(), hub.user.as_str()), ("https://hub.example.org/", "zero-os"));
        assert_eq!(
            (hub.auth_url.as_str(), hub.token.expose_secret()),
            ("https://id.example.org/", "jwt.hush")
        );
    }

    #[test]
    fn a_hub_is_told_of_wholly_or_not_at_all() {
        for missing in HUB {
            let rest = HUB.into_iter().filter(|setting| *setting != missing);
            let environment = [REPOSITORY, TOKEN].into_iter().chain(rest).collect::<Vec<_>>();
            let fault = read("", &environment).unwrap_err();
            let words = format!(
                "KOZMIC_AUTOBUILD_{} in the environment) is missing: other settings of the hub",
                missing.0
            );
            assert!(fault.contains(&words) && !fault.contains("hush"), "{fault}");
        }
    }

    #[test]
    fn a_wrong_value_is_named_whether_it_is_on_or_off() {
        for (name, value, right) in [
            ("CONFIGURATION_REPOSITORY", "https://github.com/adlift/recipes", "adlift/recipes"),
            ("GITHUB_TOKEN", "two words", "a token on one line"),
            ("WEBHOOK_SECRET", "short", "at least 16 characters"),
            ("DEFAULT_BASEIMAGE", "Ubuntu", "ubuntu:16.04"),
            ("DEFAULT_ARCHIVES", "archives", "/tmp/archives"),
            ("MAXIMUM_EXECUTION_TIME", "45m", "seconds"),
            ("MEMORY_LIMIT", "lots", "2g"),
            ("EXTRA_HOSTS", "registry", "registry.internal:10.0.0.5"),
            ("STATUS_CONTEXT", "one\ntwo", "on one line"),
            ("HUB_URL", "hub.example.org", "https://"),
            ("HUB_AUTH_URL", "id", "https://"),
            ("HUB_USER", "zero/os", "letters, digits"),
            ("HUB_TOKEN", "a;b", "a token on one line"),
            ("SERVE_ARTIFACTS", "perhaps", "true or false"),
            ("KEPT_ARTIFACTS", "0", "from 1 to 1000"),
            ("MONITOR", "private", "signed_in or public"),
        ] {
            for others in [&[][..], &[REPOSITORY, TOKEN]] {
                let others = others.iter().copied().filter(|(other, _)| *other != name);
                let fault = read("", &others.chain([(name, value)]).collect::<Vec<_>>()).unwrap_err();
                let is_secret = name.ends_with("_TOKEN") || name.ends_with("_SECRET");
                let verb = if is_secret { "has a wrong value" } else { "is" };
                let words = format!("KOZMIC_AUTOBUILD_{name} in the environment {verb} ");
                assert!(fault.starts_with(&words) && fault.contains(right), "{fault}");
                assert!(is_secret != fault.contains(value), "{fault}");
            }
        }
    }
}
