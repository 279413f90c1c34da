//! Tests all settings together.

use super::*;

fn read(environment: &[(&str, &str)]) -> Result<Settings, SettingsFaults> {
    read_all("", environment)
}

fn read_all(file: &str, environment: &[(&str, &str)]) -> Result<Settings, SettingsFaults> {
    let needed = [("KOZMIC_GITHUB_CLIENT_ID", "id"), ("KOZMIC_GITHUB_CLIENT_SECRET", "secret")];
    let all = needed.iter().chain(environment).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_source(Source::from_text(file, all)?)
}

#[test]
fn defaults_are_as_documented() {
    let settings = read(&[]).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.server.public_url.as_str(), "http://127.0.0.1:8080/");
    assert_eq!(settings.runner.stall_timeout, Duration::from_secs(900));
    assert_eq!(settings.runner.job_timeout, Duration::from_secs(2_700));
    assert_eq!(settings.github.api_url.as_str(), "https://api.github.com/");
    assert_eq!(settings.docker.network, JobNetwork::Own);
    assert!(!settings.runner.may_call);
    assert_eq!(settings.docker.memory, MemoryLimit::Share(settings.runner.concurrency));
    assert_eq!(settings.docker.processes, Some(4096));
    assert!(settings.runner.concurrency > 0);
}

#[test]
fn a_range_has_room_for_each_job_and_for_the_one_before() {
    let with = |jobs: &str| {
        let range = ("KOZMIC_DOCKER_JOB_SUBNETS", "10.213.0.0/24");
        read(&[range, ("KOZMIC_RUNNER_CONCURRENCY", jobs)]).map(|settings| settings.docker.network)
    };
    assert!(matches!(with("16"), Ok(JobNetwork::Each(_))));
    let Err(fault) = with("17") else { panic!("it is too small") };
    let words = "in the environment) has room for 32 networks, and 17 jobs at once need 34";
    assert!(fault.to_string().contains(&format!("KOZMIC_DOCKER_JOB_SUBNETS {words}")), "{fault}");
}

#[test]
fn a_wrong_value_is_named_with_what_would_be_right() {
    for (name, value, right) in [
        ("KOZMIC_LISTEN", "8080", "127.0.0.1:8080"),
        ("KOZMIC_RUNNER_CONCURRENCY", "two", "from 0 to 1000"),
        ("KOZMIC_RUNNER_CONCURRENCY", "1001", "from 0 to 1000"),
        ("KOZMIC_RUNNER_LEASE", "29", "from 30 to 86400"),
        ("KOZMIC_STALL_TIMEOUT", "15m", "seconds"),
        ("KOZMIC_PUBLIC_URL", "ci.example.org", "https://"),
        ("KOZMIC_PUBLIC_URL", "https://example.org/ci", "without a path"),
        ("KOZMIC_DATABASE_URL", "redis://db/0", "postgres://"),
        ("KOZMIC_DATABASE_URL", "postgres://kozmic:hush@db", "of one database"),
        ("KOZMIC_DATABASE_URL", "sqlite::memory:", "of a file"),
        ("KOZMIC_DATABASE_URL", "sqlite://?cache=shared", "of a file"),
        ("KOZMIC_DATABASE_URL", "sqlite://kozmic?mode=memory&cache=shared", "of a file"),
        ("KOZMIC_DOCKER_MEMORY_LIMIT", "lots", "2g"),
        ("KOZMIC_DOCKER_JOB_SUBNETS", "10.213.0.0/29", "10.213.0.0/16"),
        ("KOZMIC_DOCKER_JOB_SUBNETS", "fd00::/64", "10.213.0.0/16"),
        ("KOZMIC_DOCKER_USER_NAMESPACE", "none", "engine, remapped or host"),
        ("KOZMIC_JOBS_MAY_CALL", "some", "true or false"),
        ("KOZMIC_DOCKER_CPU_LIMIT", "-1", "1.5"),
        ("KOZMIC_DOCKER_URL", "/var/run/docker.sock", "unix://"),
        ("KOZMIC_DISK_RESERVE", "some", "0 keeps nothing free"),
        ("KOZMIC_AUDIT_RETENTION_DAYS", "0", "from 1 to 3650"),
        ("KOZMIC_SESSION_IDLE_TIMEOUT", "2592001", "from 1 to 2592000"),
        ("KOZMIC_TRUSTED_PROXIES", "proxy", "or none"),
        ("KOZMIC_CONNECTIONS_LIMIT", "9", "from 10"),
        ("KOZMIC_CONNECTIONS_PER_CLIENT", "many", "from 10"),
        ("KOZMIC_WEBHOOK_MEMORY", "8m", "at least 32m"),
        ("KOZMIC_LOGS_KEPT_DAYS", "0", "or none"),
        ("KOZMIC_LOG", "inof", "target=level"),
        ("KOZMIC_LOG_FORMAT", "xml", "json"),
        ("KOZMIC_SECRET_KEY", "short", "32"),
        ("KOZMIC_SMTP_URL", "mail.example.org:587", "smtps://"),
        ("KOZMIC_MAIL_DEFAULT_SENDER", "Kozmic", "Kozmic <kozmic@example.org>"),
        ("KOZMIC_ENABLE_EMAIL_NOTIFICATIONS", "perhaps", "true or false"),
        ("KOZMIC_MAIL_LIMIT", "0", "from 1 to 1000, or none"),
        ("KOZMIC_MAIL_LIMIT", "1001", "from 1 to 1000, or none"),
    ] {
        let Err(fault) = read(&[(name, value)]) else { panic!("{name}={value} is refused") };
        let fault = fault.to_string();
        assert!(fault.contains(name) && fault.contains(right), "{fault}");
        let is_secret = ["KOZMIC_SECRET_KEY", "KOZMIC_DATABASE_URL", "KOZMIC_SMTP_URL"].contains(&name);
        assert!(is_secret != fault.contains(value), "{fault}");
    }
}

#[test]
fn an_empty_file_with_the_databases_address_is_refused_and_an_empty_variable_is_not_set() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let path = empty.path().display().to_string();
    let Err(fault) = read(&[("KOZMIC_DATABASE_URL_FILE", &path)]) else { panic!("it is refused") };
    assert!(fault.to_string().contains(&path) && fault.to_string().contains("kozmic.db"), "{fault}");
    for name in ["KOZMIC_DATABASE_URL_FILE", "KOZMIC_DATABASE_URL"] {
        assert!(read(&[(name, "")]).is_ok_and(|settings| settings.server.database_url.is_none()), "{name}");
    }
}

#[test]
fn jobs_have_one_network_or_one_each() {
    let name = ("KOZMIC_DOCKER_NETWORK", "bridge");
    let range = ("KOZMIC_DOCKER_JOB_SUBNETS", "10.213.0.0/16");
    let network = |environment: &[_]| {
        read(environment).map(|settings| settings.docker.network).map_err(|fault| fault.to_string())
    };
    assert_eq!(network(&[name]), Ok(JobNetwork::Named("bridge".to_owned())));
    assert_eq!(network(&[range]), Ok(JobNetwork::Each("10.213.0.0/16".parse().unwrap())));
    let fault = network(&[name, range]).unwrap_err();
    assert!(fault.contains("are both set: only one"), "{fault}");
}

#[test]
fn mail_is_on_if_there_is_a_mail_server_unless_somebody_says_otherwise() {
    let url = ("KOZMIC_SMTP_URL", "smtp://ci:hush@mail.example.org");
    let sender = ("KOZMIC_MAIL_DEFAULT_SENDER", "Kozmic <kozmic@example.org>");
    let switch = |value| ("KOZMIC_ENABLE_EMAIL_NOTIFICATIONS", value);
    let is_on = |environment: &[_]| {
        read(environment).map(|settings| settings.mail.is_some()).map_err(|fault| fault.to_string())
    };
    assert_eq!(is_on(&[]), Ok(false));
    assert_eq!(is_on(&[url, sender]), Ok(true));
    assert_eq!(is_on(&[url, sender, switch("false")]), Ok(false));
    assert_eq!(is_on(&[url, switch("False")]), Ok(false));
    for (environment, missing) in [
        (&[switch("true"), sender][..], "smtp_url (KOZMIC_SMTP_URL in the environment) is missing: "),
        (&[url], "mail_default_sender (KOZMIC_MAIL_DEFAULT_SENDER in the environment) is missing: "),
    ] {
        let fault = is_on(environment).unwrap_err();
        assert!(fault.starts_with(missing) && !fault.contains("hush"), "{fault}");
    }
}

#[test]
fn an_empty_list_lets_nobody_in_by_mistake() {
    let invited = |file: &str, environment: &[(&str, &str)]| {
        read_all(file, environment)
            .map(|settings| settings.server.sign_in_allowed.to_string())
            .map_err(|fault| fault.to_string())
    };
    let blank = [("KOZMIC_SIGN_IN_ALLOWED", " ")];
    assert_eq!(invited("", &blank), Ok(String::new()), "nothing is said");
    assert_eq!(invited("sign_in_allowed = 'anna'", &blank), Ok("anna".to_owned()));
    for file in ["sign_in_allowed = ''", "sign_in_allowed = []", "sign_in_allowed = ' '"] {
        let fault = invited(file, &[]).unwrap_err();
        assert!(fault.contains("without the setting everybody may sign in"), "{fault}");
    }
}

fn faults(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let mut source = Source::from_file(file).unwrap_or_else(|fault| panic!("{fault}"));
    source.take_environment(environment);
    match Settings::from_source(source) {
        Ok(_) => Vec::new(),
        Err(SettingsFaults { faults, .. }) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn all_that_is_wrong_or_missing_is_named_at_once() {
    let file = "listn = '80'\nlisten = '80'\nkernel = 'generic'\nsign_in_allowed = ','\nsmtp_url = 'mail'";
    let environment = [
        ("KOZMIC_LOG", "inof"),
        ("KOZMIC_SECRET_KEY_FILE", "/does/not/exist"),
        ("KOZMIC_GITHUB_CLIENT_SECRET_FILE", "/does/not/exist/either"),
        ("KOZMIC_AUTOBUILD_HUB_USER", "a/b"),
        ("KOZMIC_DOCKER_NETWORK", "bridge"),
        ("KOZMIC_DOCKER_JOB_SUBNETS", "10.213.0.0/16"),
    ];
    let told = faults(file, &environment);
    for words in [
        "kozmic.toml: there is no setting \"listn\"",
        "kozmic.toml: kernel rules are tables",
        "cannot read /does/not/exist: ",
        "cannot read /does/not/exist/either: ",
        "listen in kozmic.toml is \"80\": ",
        "sign_in_allowed in kozmic.toml is \",\": ",
        "smtp_url in kozmic.toml has a wrong value",
        "mail_default_sender (KOZMIC_MAIL_DEFAULT_SENDER in the environment) is missing: ",
        "github_client_id (KOZMIC_GITHUB_CLIENT_ID in the environment) is missing: run kozmic setup",
        "KOZMIC_LOG in the environment is \"inof\"",
        "KOZMIC_AUTOBUILD_HUB_USER in the environment is \"a/b\"",
        "docker_network (KOZMIC_DOCKER_NETWORK in the environment) and docker_job_subnets (",
    ] {
        let times = told.iter().filter(|fault| fault.starts_with(words)).count();
        assert_eq!(times, 1, "{words} in {told:#?}");
    }
    assert!(
        !told.iter().any(|fault| fault.starts_with("github_client_secret")),
        "its file is told: {told:#?}"
    );
}

#[test]
fn wrong_kernel_rules_do_not_hide_what_else_is_wrong() {
    let needed = "github_client_id = 'id'\nautobuild_github_token = 'token'\nlog_format = 'xml'\n";
    let told = faults(&format!("{needed}[[kernel]]\nkind = 'odd'\n"), &[]);
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told.iter().any(|fault| fault.contains("kernel rule 1")), "{told:#?}");
    assert!(told.iter().any(|fault| fault.starts_with("log_format")), "{told:#?}");
}

#[test]
fn a_command_without_the_forge_needs_no_application_there() {
    let mut source = Source::from_text("", []).unwrap_or_else(|fault| panic!("{fault}"));
    source.do_without_forge();
    assert!(Settings::from_source(source).is_ok());
}

#[test]
fn a_name_is_looked_up_to_listen_at_its_address() {
    let listen = |text| read(&[("KOZMIC_LISTEN", text)]).map(|settings| settings.server.listen.to_string());
    assert_eq!(listen("localhost:8080").ok().as_deref(), Some("127.0.0.1:8080"));
    assert_eq!(listen("[::1]:8080").ok().as_deref(), Some("[::1]:8080"));
    for wrong in ["localhost", ":8080", "no-such-name.invalid:80", "localhost:http", "127.0.0.1:65536"] {
        let Err(fault) = listen(wrong) else { panic!("{wrong} is refused") };
        assert!(fault.to_string().contains("or localhost:8080"), "{fault}");
    }
}

#[test]
fn a_settings_file_that_was_not_found_is_told_where_something_is_missing() {
    let words = |file: Option<&str>, environment: &[(&str, &str)]| {
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let mut source = file.map_or_else(|| Ok(Source::empty()), Source::from_file);
        source.as_mut().map(|source| source.take_environment(environment)).unwrap();
        Settings::from_source(source.unwrap()).err().map(|faults| faults.to_string()).unwrap_or_default()
    };
    assert!(words(None, &[]).ends_with(
        "\nno settings file was read: this directory has no kozmic.toml, and --config names none"
    ));
    assert!(!words(Some(""), &[]).contains("no settings file"));
    let whole =
        [("KOZMIC_GITHUB_CLIENT_ID", "id"), ("KOZMIC_GITHUB_CLIENT_SECRET", "s"), ("KOZMIC_LOG", "x")];
    assert!(!words(None, &whole).contains("no settings file"), "nothing is missing");
}
