//! The name of a Docker image, parsed once, where it comes in.

use crate::registry::DEFAULT_REGISTRY;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The beginning of the names of cached images.
pub const RESERVED: &str = "kozmic-cache/";

/// The beginning of the names of images that Kozmic's own scripts make.
const OWN: &str = "kozmic/";

/// An image's name as people write it: `debian`, `ubuntu:24.04`, `registry.example:5000/team/image@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageName {
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl ImageName {
    /// The name without tag and digest.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The registry that has the image: `docker.io` if the name has no registry.
    pub fn registry(&self) -> &str {
        match self.repository.split_once('/') {
            Some(("index.docker.io", _)) => DEFAULT_REGISTRY,
            Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
            _ => DEFAULT_REGISTRY,
        }
    }

    /// The name as engines list it. Docker's own registry and its namespace `library` are left out; the version is
    /// always there. If there is a digest, it is the version, without a tag.
    pub fn listed(&self) -> String {
        let repository = self.listed_repository();
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("{repository}@{digest}"),
            (None, Some(tag)) => format!("{repository}:{tag}"),
            (None, None) => format!("{repository}:latest"),
        }
    }

    /// True if Kozmic keeps results of install scripts under such names, each for one project.
    pub fn is_reserved(&self) -> bool {
        self.listed_repository().starts_with(RESERVED)
    }

    /// The name, if anybody may use it; else a sentence with the reason.
    ///
    /// # Errors
    /// The name is reserved.
    pub fn unless_reserved(self) -> Result<Self, String> {
        match self.is_reserved() {
            true => {
                Err(format!("{self} is a name of Kozmic's own: each image there is kept for one project."))
            }
            false => Ok(self),
        }
    }

    /// True if it is an official image of Docker's own registry, which everybody may use.
    pub fn is_official(&self) -> bool {
        self.registry() == DEFAULT_REGISTRY && !self.listed_repository().contains('/')
    }

    /// True if Kozmic's own scripts make images under such names. At Docker's registry the name would be a stranger's.
    pub fn is_of_kozmic(&self) -> bool {
        self.listed_repository().starts_with(OWN)
    }

    /// True if it is a user's repository at Docker's own registry: any stranger may own it, and the name has no
    /// registry.
    pub fn is_users(&self) -> bool {
        self.registry() == DEFAULT_REGISTRY && self.listed_repository().contains('/')
    }

    /// The name without tag and digest, as engines list it.
    pub fn listed_repository(&self) -> &str {
        let own =
            ["docker.io/", "index.docker.io/"].iter().find_map(|host| self.repository.strip_prefix(host));
        let repository = own.unwrap_or(&self.repository);
        repository.strip_prefix("library/").filter(|name| !name.contains('/')).unwrap_or(repository)
    }

    /// The version to pull: the digest if one is given, else the tag, else `latest`.
    pub fn reference(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// The reason why a text is not an image name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotAnImage {
    /// Nothing was written.
    #[error("Name a Docker image, such as debian:bookworm.")]
    Empty,
    /// The part before tag and digest breaks Docker's rules.
    #[error(
        "\"{0}\" is not the name of a Docker image: use lower-case letters, digits and . _ - between slashes."
    )]
    Repository(String),
    /// The part after the colon breaks Docker's rules.
    #[error("\"{0}\" is not a tag: use up to 128 letters, digits, and . _ -")]
    Tag(String),
    /// The part after the @ breaks Docker's rules.
    #[error("\"{0}\" is not a digest: it looks like sha256: and 64 hexadecimal digits.")]
    Digest(String),
}

impl FromStr for ImageName {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NotAnImage::Empty);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (rest, None),
        };
        let cut = |part: &str| part.chars().take(80).collect::<String>();
        if !is_repository(repository) {
            return Err(NotAnImage::Repository(cut(repository)));
        }
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(NotAnImage::Tag(cut(tag)));
        }
        if let Some(digest) = digest.filter(|digest| !is_digest(digest)) {
            return Err(NotAnImage::Digest(cut(digest)));
        }
        let own = |part: Option<&str>| part.map(str::to_owned);
        Ok(Self { repository: repository.to_owned(), tag: own(tag), digest: own(digest) })
    }
}

fn is_repository(text: &str) -> bool {
    let (host, path) = match text.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, text),
    };
    // Engines take 64 hexadecimal digits for an id.
    let is_id = host.is_none() && is_hex(text);
    text.len() <= 255 && !is_id && host.is_none_or(is_host) && path.split('/').all(is_component)
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "1"));
    let plain = |c: char| c.is_ascii_alphanumeric();
    let is_label = |label: &str| {
        label.starts_with(plain) && label.ends_with(plain) && label.chars().all(|c| plain(c) || c == '-')
    };
    name.split('.').all(is_label) && port.parse::<u16>().is_ok()
}

/// Accepts letters and digits with one of `.` `_` `__`, or any number of `-`, between them.
fn is_component(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut between = text.split(plain).filter(|signs| !signs.is_empty());
    let is_right = |signs: &str| matches!(signs, "." | "_" | "__") || signs.chars().all(|sign| sign == '-');
    text.starts_with(plain) && text.ends_with(plain) && between.all(is_right)
}

fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_tag(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128 && text.starts_with(plain) && text.chars().all(|c| plain(c) || c == '.' || c == '-')
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(is_hex)
}

impl TryFrom<String> for ImageName {
    type Error = NotAnImage;
    fn try_from(text: String) -> Result<Self, NotAnImage> {
        text.parse()
    }
}

impl From<ImageName> for String {
    fn from(image: ImageName) -> Self {
        image.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_people_write_them_are_understood() {
        let digest = format!("debian@sha256:{}", "0".repeat(64));
        for text in [
            "debian",
            "kozmic/debian:bookworm",
            "localhost:5000/a/b:1.2",
            "ghcr.io/team/image",
            digest.as_str(),
        ] {
            assert_eq!(text.parse::<ImageName>().unwrap().to_string(), text);
        }
        assert_eq!("localhost:5000/a".parse::<ImageName>().unwrap().reference(), "latest");
        assert_eq!("localhost:5000/a".parse::<ImageName>().unwrap().registry(), "localhost:5000");
        assert_eq!("team/a".parse::<ImageName>().unwrap().registry(), "docker.io");
        assert_eq!(digest.parse::<ImageName>().unwrap().reference(), &digest[7..]);
        let name = "registry.example:5000/team/image:1".parse::<ImageName>().unwrap();
        assert_eq!((name.repository(), name.reference()), ("registry.example:5000/team/image", "1"));
    }

    #[test]
    fn names_that_engines_refuse_are_none() {
        let id = "0f".repeat(32);
        let loud = format!("debian@sha256:{}", "A".repeat(64));
        for text in
            ["a..b/x", "localhost.:5000/x", "-a.b/x", "a-_b", "a___b", "a._b", &id, &loud, &format!("{id}:1")]
        {
            assert!(text.parse::<ImageName>().is_err(), "{text}");
        }
        for text in ["a.b/x", "a_b", "a__b", "a---b", &format!("team/{id}"), "856ad0d85155"] {
            assert!(text.parse::<ImageName>().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_name_is_told_as_engines_list_it() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (name, listed) in [
            ("debian", "debian:latest".to_owned()),
            ("docker.io/library/debian:12", "debian:12".to_owned()),
            ("index.docker.io/team/image", "team/image:latest".to_owned()),
            ("library/debian", "debian:latest".to_owned()),
            ("library/team/image", "library/team/image:latest".to_owned()),
            ("localhost:5000/library/a:1", "localhost:5000/library/a:1".to_owned()),
            (&format!("debian:12@{digest}"), format!("debian@{digest}")),
        ] {
            assert_eq!(name.parse::<ImageName>().unwrap().listed(), listed);
        }
    }

    #[test]
    fn a_users_repository_has_a_user_and_no_registry() {
        let is_users = |name: &str| name.parse::<ImageName>().unwrap().is_users();
        let is_official = |name: &str| name.parse::<ImageName>().unwrap().is_official();
        assert!(is_official("debian:12") && is_official("docker.io/library/debian"));
        assert!(is_official("index.docker.io/debian") && is_users("index.docker.io/team/image"));
        assert!(!is_official("team/image") && !is_official("localhost/debian"));
        let is_of_kozmic = |name: &str| name.parse::<ImageName>().unwrap().is_of_kozmic();
        assert!(is_of_kozmic("kozmic/debian:bookworm") && is_of_kozmic("index.docker.io/kozmic/debian"));
        assert!(!is_of_kozmic("kozmic") && !is_of_kozmic("ghcr.io/kozmic/debian"));
        assert!(is_users("team/image:1") && is_users("docker.io/team/image"));
        assert!(!is_users("debian") && !is_users("library/debian") && !is_users("ghcr.io/team/image"));
    }

    #[test]
    fn names_of_cached_images_are_reserved_however_they_are_written() {
        let is_reserved = |name: &str| name.parse::<ImageName>().unwrap().is_reserved();
        for name in ["kozmic-cache/ab:1", "docker.io/kozmic-cache/ab", "index.docker.io/kozmic-cache/ab:1"] {
            assert!(is_reserved(name), "{name}");
        }
        for name in
            ["kozmic-cache:1", "kozmic/kozmic-cache/ab", "ghcr.io/kozmic-cache/ab", "library/kozmic-cache/ab"]
        {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn each_wrong_part_is_named() {
        let fault = |text: &str| text.parse::<ImageName>().unwrap_err();
        assert_eq!(fault("  "), NotAnImage::Empty);
        assert_eq!(fault("Debian"), NotAnImage::Repository("Debian".into()));
        assert_eq!(fault("a b"), NotAnImage::Repository("a b".into()));
        assert_eq!(fault("debian:-x"), NotAnImage::Tag("-x".into()));
        assert_eq!(fault("debian@sha256:1"), NotAnImage::Digest("sha256:1".into()));
        assert_eq!(fault("../x"), NotAnImage::Repository("../x".into()));
        for host in ["-a.example", "a_b.example", "a.example:x", "a.example:70000", "a..b/c d:1"] {
            assert_eq!(fault(&format!("{host}/x")), NotAnImage::Repository(format!("{host}/x")), "{host}");
        }
        assert!(fault(&format!("debian:{}", "x".repeat(129))).to_string().contains("is not a tag"));
        let long = format!("debian@sha256:{}", "g".repeat(64));
        assert!(fault(&long).to_string().contains("is not a digest"));
        assert!(
            "a".repeat(255).parse::<ImageName>().is_ok() && "a".repeat(256).parse::<ImageName>().is_err()
        );
    }

    #[test]
    fn hosts_have_letters_digits_dots_dashes_and_a_port() {
        for name in ["a-1.example/x", "A.example/x", "1.example:65535/x", "localhost/x"] {
            assert_eq!(name.parse::<ImageName>().unwrap().to_string(), name);
        }
    }
}
