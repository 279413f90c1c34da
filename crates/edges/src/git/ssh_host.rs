//! The server in an SSH address for git.

use super::GitError;
use std::fmt;

const PORT: u16 = 22;

/// A server's name and port, in the format of `known_hosts`: `github.com`, `[git.example.org]:2222`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SshHost {
    name: String,
    port: u16,
}

impl SshHost {
    /// The server in `ssh://user@host:port/path` or `user@host:path`. All other addresses are refused, and so are names
    /// that are not valid on the Internet.
    pub(super) fn of(url: &str) -> Result<Self, GitError> {
        let parts = match url.strip_prefix("ssh://") {
            Some(rest) => with_scheme(rest),
            None => like_scp(url),
        };
        let fault = || GitError::NotSsh(url.chars().take(200).collect());
        let (server, port) = parts.ok_or_else(fault)?;
        let (user, host) = server.rsplit_once('@').unwrap_or(("git", server));
        let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match is_plain(user) && is_plain(name) {
            true => Ok(Self { name: name.to_lowercase(), port }),
            false => Err(fault()),
        }
    }
}

impl fmt::Display for SshHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            PORT => f.write_str(&self.name),
            port => write!(f, "[{}]:{port}", self.name),
        }
    }
}

/// Reads `user@host:port/path`.
fn with_scheme(rest: &str) -> Option<(&str, u16)> {
    let (server, _) = rest.split_once('/')?;
    // An IPv6 address has colons itself, within brackets.
    match server.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((server, "")) => Some((server, PORT)),
        Some((server, port)) => Some((server, port.parse().ok()?)),
        None => Some((server, PORT)),
    }
}

/// Reads `user@host:path`. The colon comes before any slash; otherwise the text is a local path.
fn like_scp(url: &str) -> Option<(&str, u16)> {
    let colon = match url.find("]:") {
        Some(bracket) => bracket + 1,
        None => url.find(':')?,
    };
    let (server, path) = url.split_at(colon);
    (!server.contains('/') && !path.starts_with("://") && path.len() > 1).then_some((server, PORT))
}

/// True if both ssh and `known_hosts` read it as a plain name.
fn is_plain(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_name_the_same_server() {
        for (url, host) in [
            ("git@github.com:anna/app.git", "github.com"),
            ("GitHub.com:anna/app.git", "github.com"),
            ("ssh://git@github.com/anna/app.git", "github.com"),
            ("ssh://git@github.com:22/anna/app.git", "github.com"),
            ("ssh://git@ghe.example.org:2222/a/b.git", "[ghe.example.org]:2222"),
            ("ssh://127.0.0.1:4022/a.git", "[127.0.0.1]:4022"),
            ("ssh://git@[::1]:4022/a.git", "[::1]:4022"),
            ("ssh://git@[::1]/a.git", "::1"),
            ("git@[::1]:a.git", "::1"),
        ] {
            assert_eq!(SshHost::of(url).unwrap().to_string(), host, "{url}");
        }
    }

    #[test]
    fn what_ssh_might_read_otherwise_is_refused() {
        for url in [
            "",
            "https://github.com/anna/app.git",
            "/srv/git/app.git",
            "./a:b",
            "-oProxyCommand=x:a",
            "ssh://-oProxyCommand=x/a",
            "git@*:a",
            "ssh://git@a,b/a",
            "ssh://git@a b/a",
            "ssh://git@host:99999/a",
            "ssh://git@host",
            "git@host:",
            "-l@host:a",
        ] {
            assert!(matches!(SshHost::of(url), Err(GitError::NotSsh(_))), "{url}");
        }
    }
}
