//! The addresses at which git asks over smart HTTP.

/// Services that git asks for below a repository's address.
const SERVICES: [&str; 3] = ["info/refs", "git-upload-pack", "git-receive-pack"];

/// The full name of the repository and the service, if git asks at this path.
pub(super) fn parse(path: &str) -> Option<(String, &str)> {
    let (owner, rest) = path.strip_prefix('/')?.split_once('/')?;
    let (name, service) = rest.split_once('/')?;
    let name = name.strip_suffix(".git").unwrap_or(name);
    SERVICES.contains(&service).then(|| (format!("{owner}/{name}"), service))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn git_asks_with_and_without_the_suffix() {
        let expected = Some(("anna/hello".to_owned(), "info/refs"));
        assert_eq!(parse("/anna/hello.git/info/refs"), expected);
        assert_eq!(parse("/anna/hello/info/refs"), expected);
        assert_eq!(parse("/anna/hello/commit/abc"), None);
    }
}
