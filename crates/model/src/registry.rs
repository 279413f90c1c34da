//! Registry credentials: user and password for registries that require a login before a pull.

use crate::{
    form::FieldFaults,
    ids::{CredentialId, ProjectId},
};

/// The registry of an image whose name has no registry.
pub const DEFAULT_REGISTRY: &str = "docker.io";

/// A user at a registry. The store keeps the password encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Kozmic's own id.
    pub id: CredentialId,
    /// The project whose pulls use it.
    pub project: ProjectId,
    /// Host, and port if it needs one, as in image names: `ghcr.io`, `registry.example:5000`, `docker.io`.
    pub registry: String,
    /// The user there.
    pub username: String,
}

/// A credential as typed into the form, right or wrong.
#[derive(Clone, Debug, Default)]
pub struct CredentialDraft {
    /// The registry field.
    pub registry: String,
    /// The user field.
    pub username: String,
    /// The password field.
    pub password: String,
}

impl CredentialDraft {
    /// The draft with spaces removed, or a fault for each wrong field.
    ///
    /// # Errors
    /// Names every field that is wrong and says what would be right.
    pub fn check(self) -> Result<Self, FieldFaults> {
        let mut faults = FieldFaults::new();
        let registry = host_of(&self.registry);
        let username = self.username.trim().to_owned();
        if !is_host(&registry) {
            let fault = "Name the registry as in image names, such as ghcr.io or registry.example:5000.";
            faults.insert("registry", fault.to_owned());
        }
        if username.is_empty() || username.chars().any(char::is_control) || username.len() > 200 {
            faults.insert("username", "Say as whom Kozmic pulls from this registry.".to_owned());
        }
        if self.password.is_empty() || self.password.len() > 4096 {
            faults.insert("password", "Give the password, or better a token that may only read.".to_owned());
        }
        if faults.is_empty() { Ok(Self { registry, username, password: self.password }) } else { Err(faults) }
    }
}

/// The host under which a registry is known in Kozmic. People paste addresses, and Docker's own registry has many
/// names.
pub fn host_of(text: &str) -> String {
    let text = text.trim().trim_start_matches("https://").trim_start_matches("http://");
    let host = text.split('/').next().unwrap_or_default().to_lowercase();
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" | "hub.docker.com" => DEFAULT_REGISTRY.to_owned(),
        _ => host,
    }
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "1"));
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 253
        && name.chars().all(fits)
        && port.parse::<u16>().is_ok()
        && (name.contains('.') || text.contains(':') || name == "localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(registry: &str) -> CredentialDraft {
        CredentialDraft { registry: registry.into(), username: " bot ".into(), password: "secret".into() }
    }

    #[test]
    fn a_pasted_address_becomes_the_host_that_image_names_have() {
        let host = |registry: &str| draft(registry).check().unwrap().registry;
        assert_eq!(host("https://GHCR.io/team/image"), "ghcr.io");
        assert_eq!(host("registry.example:5000"), "registry.example:5000");
        assert_eq!(host("https://index.docker.io/v1/"), "docker.io");
        assert_eq!(host("localhost"), "localhost");
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let faults = CredentialDraft::default().check().unwrap_err();
        assert_eq!(faults.keys().copied().collect::<Vec<_>>(), ["password", "registry", "username"]);
        assert!(draft("not a host").check().is_err() && draft("team").check().is_err());
        for host in ["-x.example", "x_y.example", "x.example:y", "x.example:70000", ""] {
            assert!(draft(host).check().is_err(), "{host}");
        }
    }

    #[test]
    fn each_field_may_be_as_long_as_said_and_no_longer() {
        let of = |host: usize, username: usize, password: usize| {
            let registry = format!("{}.e", "h".repeat(host - 2));
            let (username, password) = ("u".repeat(username), "p".repeat(password));
            CredentialDraft { registry, username, password }.check().err().unwrap_or_default()
        };
        assert!(of(253, 200, 4096).is_empty());
        for (faults, field) in [
            (of(254, 200, 4096), "registry"),
            (of(253, 201, 4096), "username"),
            (of(253, 200, 4097), "password"),
        ] {
            assert_eq!(faults.keys().copied().collect::<Vec<_>>(), [field]);
        }
    }
}
