//! The host keys of GitHub's SSH servers: those that its API publishes, and those of github.com, which are built in.

use super::{Client, ForgeError};
use secrecy::SecretString;
use serde::Deserialize;

/// The keys of github.com, from
/// <https://docs.github.com/authentication/keeping-your-account-and-data-secure/githubs-ssh-key-fingerprints>.
pub(super) const BUILT_IN: &str = "\
github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl
github.com ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=
github.com ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCj7ndNxQowgcQnjshcLrqPEiiphnt+VTTvDP6mHBL9j1aNUkY4Ue1gvwnGLVlOhGeYrnZaMgRK6+PKCUXaDbC7qtbW8gIkhL7aGCsOr/C56SJMy/BCZfxd1nWzAOxSDPgVsmerOBYfNqltV9/hWCqBywINIR+5dIg6JTJ72pcEpEjcYgXkE2YEFXV1JHnsKgbLWNlhScqb2UmyRkQyytRLtL+38TGxkxCflmO+5Z8CSSNY7GidjMIZ7Q4zMjA2n1nGrlTDkzwDCsw+wqFPGQA179cnfGWOWRVruj16z6XyvxvjJwbz0wQZ75XK5tKSb7FNyeIEs4TT4jk+S4dhPeAUC5y+bDYirYgM4GC7uEnztnZyaVWQ7B381AK4Qdrwt51ZqExKbQpTUNn+EjqoTwvqNj4kqx5QUCI0ThS/YkOxJCXmPUWZbhjpCg56i+2aB6CmK2JGhn57K5mj0MNdBXA4/WnwH6XoPWJzK5Nyu2zB3nAZp+S5hpQs+p1vN1/wsjk=
";

#[derive(Deserialize)]
struct MetaAnswer {
    ssh_keys: Option<Vec<String>>,
}

/// The published keys. An Enterprise server publishes them only if its administrator lets it.
pub(super) async fn host_keys(client: &Client, token: &SecretString) -> Result<Vec<String>, ForgeError> {
    match client.get::<MetaAnswer>(client.path(&["meta"])?, token).await {
        Ok(meta) => Ok(meta.ssh_keys.unwrap_or_default()),
        Err(fault) if fault.is_missing() => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use sha2::{Digest, Sha256};

    #[test]
    fn githubs_keys_have_the_fingerprints_that_it_publishes() {
        let fingerprints = BUILT_IN.lines().map(|line| {
            let key = BASE64_STANDARD.decode(line.split(' ').nth(2).unwrap()).unwrap();
            BASE64_STANDARD.encode(Sha256::digest(key)).trim_end_matches('=').to_owned()
        });
        assert_eq!(
            fingerprints.collect::<Vec<_>>(),
            [
                "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
                "p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
                "uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
            ]
        );
    }
}
