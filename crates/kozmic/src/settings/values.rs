//! Parses the text of a setting to its value. On failure it describes a right value.

use kozmic_edges::{
    engine::docker::{MemoryLimit, UserNamespace},
    store::{self, ServerAddress},
};
use kozmic_model::image::ImageName;
use secrecy::SecretString;
use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};
use url::Url;

pub(super) type Parsed<T> = Result<T, &'static str>;

pub(super) fn text(text: &str) -> Parsed<String> {
    Ok(text.to_owned())
}

/// Levels of the server's own log, as `tracing` reads them.
pub(super) fn log_filter(text: &str) -> Parsed<String> {
    const RIGHT: &str = "a level (off, error, warn, info, debug or trace), and for single parts target=level, such as \
                         info,kozmic_flow=debug";
    // A word that is no level would be read as a target, and all other targets would log nothing.
    let fits = |word: &&str| word.parse::<LevelFilter>().is_ok() || is_assignment(word);
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect::<Vec<_>>();
    let is_right = !words.is_empty() && words.iter().all(fits);
    let bare = words.join(",");
    EnvFilter::try_new(&bare).ok().filter(|_| is_right).map(|_| bare).ok_or(RIGHT)
}

/// True if a directive has a level behind its target or span.
fn is_assignment(directive: &str) -> bool {
    directive.rsplit(['}', ']']).next().is_some_and(|end| end.contains('='))
}

pub(super) fn path(text: &str) -> Parsed<PathBuf> {
    Ok(PathBuf::from(text))
}

/// An address of this machine. If a name has several addresses, IPv4 comes first, and the first one counts.
pub(super) fn address(text: &str) -> Parsed<SocketAddr> {
    const RIGHT: &str = "an address with a port, such as 127.0.0.1:8080, [::]:8080 or localhost:8080, whose name this machine \
                         can look up";
    let mut addresses = text.to_socket_addrs().map_err(|_| RIGHT)?.collect::<Vec<_>>();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.first().copied().ok_or(RIGHT)
}

pub(super) fn url(text: &str) -> Parsed<Url> {
    const RIGHT: &str =
        "an address that starts with https:// or http:// and names no user, such as https://ci.example.org";
    let url = Url::parse(text).map_err(|_| RIGHT)?;
    let is_nobodys = url.username().is_empty() && url.password().is_none();
    let fits =
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none() && is_nobodys;
    if fits { Ok(url) } else { Err(RIGHT) }
}

/// The public address of the server. It has no path: pages need the whole host.
pub(super) fn public_url(text: &str) -> Parsed<Url> {
    const RIGHT: &str = "an address without a path, query, fragment or user, such as https://ci.example.org: Kozmic needs \
                         a name or a port of its own";
    let url = url(text)?;
    let is_bare = url.path() == "/" && url.fragment().is_none();
    if is_bare { Ok(url) } else { Err(RIGHT) }
}

pub(super) fn docker_url(text: &str) -> Parsed<String> {
    const RIGHT: &str =
        "an engine's address that starts with unix://, tcp://, http:// or https:// and names no user";
    let known = ["unix:///", "tcp://", "http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    let is_nobodys = text.starts_with("unix:") || !text.contains('@');
    if known && is_nobodys { Ok(text.to_owned()) } else { Err(RIGHT) }
}

pub(crate) fn database_url(text: &str) -> Result<String, Cow<'static, str>> {
    if store::is_server(text) {
        let read = ServerAddress::read(text);
        return read.map(|_| text.to_owned()).map_err(|right| right.to_string().into());
    }
    if !text.starts_with("sqlite:") {
        return Err("an address that begins with sqlite:, postgres:// or mysql://".into());
    }
    store::file_of(text).ok_or(
        "the address of a file, such as sqlite:///var/lib/kozmic/kozmic.db?mode=rwc, where mode=rwc makes a file that \
         is missing (what is in memory only would be gone with the server)",
    )?;
    Ok(text.to_owned())
}

pub(super) fn secret_key(text: &str) -> Parsed<SecretString> {
    match text.len() >= 32 {
        true => Ok(text.to_owned().into()),
        false => Err("at least 32 characters long, such as the output of openssl rand -hex 32"),
    }
}

/// A number of connections to a database server. With a single one, a long statement would hold up everything else.
pub(super) fn connections(text: &str) -> Parsed<u32> {
    text.parse().ok().filter(|count| (2..=1_000).contains(count)).ok_or("a number from 2 to 1000")
}

pub(super) fn count(text: &str) -> Parsed<usize> {
    text.parse().ok().filter(|count| (1..=1_000).contains(count)).ok_or("a number from 1 to 1000")
}

pub(super) fn seconds(text: &str) -> Parsed<Duration> {
    let seconds = text.parse().ok().filter(|seconds| (1..=604_800).contains(seconds));
    seconds.map(Duration::from_secs).ok_or("a whole number of seconds from 1 to 604800")
}

/// The time for which a session may be unused, at most 30 days.
pub(super) fn idle(text: &str) -> Parsed<Duration> {
    let seconds = text.parse().ok().filter(|seconds| (1..=2_592_000).contains(seconds));
    seconds.map(Duration::from_secs).ok_or("a whole number of seconds from 1 to 2592000, which is 30 days")
}

pub(super) fn days(text: &str) -> Parsed<Duration> {
    let days = text.parse::<u64>().ok().filter(|days| (1..=3_650).contains(days));
    days.map(|days| Duration::from_secs(days * 86_400)).ok_or("a whole number of days from 1 to 3650")
}

/// A number of files.
pub(super) fn files(text: &str) -> Parsed<u64> {
    const RIGHT: &str = "a number of files from 1 to 1000000000, such as 200000";
    text.parse().ok().filter(|files| (1..=1_000_000_000).contains(files)).ok_or(RIGHT)
}

/// An amount that is sensible for memory and logs.
pub(super) fn bytes(text: &str) -> Parsed<i64> {
    const RIGHT: &str = "a number of bytes, with k, m or g behind it if you like, such as 2g; at least 6m";
    amount(text).filter(|bytes| *bytes >= 6 << 20).ok_or(RIGHT)
}

/// Any amount, including 0.
pub(super) fn reserve(text: &str) -> Parsed<u64> {
    const RIGHT: &str =
        "a number of bytes, with k, m or g behind it if you like, such as 2g; 0 keeps nothing free";
    amount(text).and_then(|bytes| bytes.try_into().ok()).ok_or(RIGHT)
}

fn amount(text: &str) -> Option<i64> {
    let lower = text.to_lowercase();
    let (number, unit) = match lower.strip_suffix(['k', 'm', 'g']) {
        Some(number) => (number, &lower[number.len()..]),
        None => (lower.as_str(), ""),
    };
    let factor = match unit {
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => 1_i64,
    };
    number.parse::<i64>().ok().and_then(|number| number.checked_mul(factor))
}

pub(super) fn millicores(text: &str) -> Parsed<i64> {
    const RIGHT: &str = "a number of processors from 0.01 to 1024, such as 1.5";
    let cores = text.parse::<f64>().ok().filter(|cores| (0.01..=1024.0).contains(cores)).ok_or(RIGHT)?;
    format!("{:.0}", cores * 1_000.0).parse().map_err(|_| RIGHT)
}

/// A number of processes; none: no limit.
pub(super) fn processes(text: &str) -> Parsed<Option<i64>> {
    const RIGHT: &str = "a number of processes, such as 4096, or none";
    if is_none(text) {
        return Ok(None);
    }
    text.parse().ok().filter(|count| *count >= 1).map(Some).ok_or(RIGHT)
}

/// The memory of each job's container.
pub(super) fn memory(text: &str) -> Parsed<MemoryLimit> {
    const RIGHT: &str =
        "a number of bytes, with k, m or g behind it if you like, such as 2g; at least 6m; or none";
    match is_none(text) {
        true => Ok(MemoryLimit::None),
        false => bytes(text).map(MemoryLimit::Bytes).map_err(|_| RIGHT),
    }
}

/// True if there is no limit: written as a word, or as Docker's own tools write it.
fn is_none(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "none" | "0")
}

pub(super) fn user_namespace(text: &str) -> Parsed<UserNamespace> {
    match text {
        "engine" => Ok(UserNamespace::Engine),
        "remapped" => Ok(UserNamespace::Remapped),
        "host" => Ok(UserNamespace::Host),
        _ => Err("engine, remapped or host"),
    }
}

/// People and organizations, at least one: an empty list would mean everybody.
pub(super) fn logins(text: &str) -> Parsed<Vec<String>> {
    names(
        text,
        "names of people and organizations as in their addresses, with commas between, such as anna, adlift",
    )
}

/// People, at least one.
pub(super) fn admins(text: &str) -> Parsed<Vec<String>> {
    names(
        text,
        "logins of people, with commas between, such as anna, eve; an organization does not count here",
    )
}

/// Names at the forge. No name contains a blank. A blank means that a comma is missing, and such an entry would match
/// nobody.
fn names(text: &str, right: &'static str) -> Parsed<Vec<String>> {
    let names = list(text)?;
    let is_name = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !names.is_empty() && names.iter().all(is_name) { Ok(names) } else { Err(right) }
}

pub(super) fn list(text: &str) -> Parsed<Vec<String>> {
    Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

pub(super) fn truth(text: &str) -> Parsed<bool> {
    match text.to_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("true or false"),
    }
}

pub(super) fn log_format(text: &str) -> Parsed<bool> {
    match text {
        "json" => Ok(true),
        "text" => Ok(false),
        _ => Err("text or json"),
    }
}

pub(super) fn repository(text: &str) -> Parsed<String> {
    const RIGHT: &str = "a repository by its owner and name, such as adlift/recipes";
    let (owner, name) = text.split_once('/').ok_or(RIGHT)?;
    let fits = |part: &str, others: &str| {
        !part.is_empty()
            && part.chars().all(|letter| letter.is_ascii_alphanumeric() || others.contains(letter))
    };
    let is_right = fits(owner, "-_") && fits(name, "-_.") && !matches!(name, "." | "..");
    if is_right { Ok(text.to_owned()) } else { Err(RIGHT) }
}

pub(super) fn image(text: &str) -> Parsed<ImageName> {
    text.parse().map_err(|_| "the name of a Docker image, such as ubuntu:16.04")
}

/// A file or directory in a container, without slashes at its end.
pub(super) fn place(text: &str) -> Parsed<String> {
    const RIGHT: &str = "a path that begins with / and has neither . nor .. between slashes, such as /tmp/archives; \
                         /kozmic is taken";
    let parts = text.trim_end_matches('/').strip_prefix('/').ok_or(RIGHT)?;
    let is_odd = |part: &str| matches!(part, "" | "." | "..") || part.contains(char::is_control);
    match parts.split('/').any(is_odd) || parts.split('/').next() == Some("kozmic") {
        false => Ok(format!("/{parts}")),
        true => Err(RIGHT),
    }
}

pub(super) fn token(text: &str) -> Parsed<SecretString> {
    match text.chars().all(|letter| letter.is_ascii_graphic() && !";,\"\\".contains(letter)) {
        true => Ok(text.to_owned().into()),
        false => {
            Err("a token on one line, just as it was given out: letters, digits and - . _ without spaces")
        }
    }
}

pub(super) fn webhook_secret(text: &str) -> Parsed<SecretString> {
    match text.len() >= 16 {
        true => Ok(text.to_owned().into()),
        false => Err("at least 16 characters long, such as the output of openssl rand -hex 32"),
    }
}

pub(super) fn hub_user(text: &str) -> Parsed<String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.@+".contains(letter);
    let is_right = text.chars().all(fits) && !matches!(text, "." | "..");
    if is_right { Ok(text.to_owned()) } else { Err("a user's name: letters, digits and - _ . @ +") }
}

pub(super) fn hosts(text: &str) -> Parsed<Vec<String>> {
    const RIGHT: &str =
        "names with their addresses, such as registry.internal:10.0.0.5, with commas between them";
    let hosts = list(text)?;
    let fits = |host: &String| {
        host.split_once(':').is_some_and(|(name, address)| {
            let address =
                address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
            let is_address = address == "host-gateway" || address.parse::<IpAddr>().is_ok();
            is_address && !name.is_empty() && !name.contains(char::is_whitespace)
        })
    };
    if hosts.iter().all(fits) { Ok(hosts) } else { Err(RIGHT) }
}

/// Registries, or `*` for all.
pub(super) fn registries(text: &str) -> Parsed<Vec<String>> {
    const RIGHT: &str = "registries as in images' names, such as registry.internal:5000, with commas between them, or * for all";
    let names = list(text)?;
    let fits = |name: &String| {
        name == "*"
            || format!("{name}/image").parse::<ImageName>().is_ok_and(|image| image.registry() == name)
    };
    if names.iter().all(fits) { Ok(names) } else { Err(RIGHT) }
}

pub(super) fn status_context(text: &str) -> Parsed<String> {
    match text.chars().count() <= 100 && !text.contains(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err("a name of at most 100 characters on one line"),
    }
}

/// True if everybody may look at the monitor.
pub(super) fn monitor(text: &str) -> Parsed<bool> {
    match text {
        "public" => Ok(true),
        "signed_in" => Ok(false),
        _ => Err("signed_in or public"),
    }
}

#[cfg(test)]
mod tests;
