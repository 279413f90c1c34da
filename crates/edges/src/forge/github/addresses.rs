//! Addresses at a GitHub that follow from its own address. The set-up proposes them.

use url::Url;

/// The address of the API of a GitHub. None if the text is no address.
pub fn api_of(github: &str) -> Option<String> {
    let url = Url::parse(github).ok()?;
    match url.host_str()? {
        "github.com" => Some("https://api.github.com".to_owned()),
        // GitHub runs these servers, one for each enterprise.
        host if host.ends_with(".ghe.com") => Some(format!("https://api.{host}")),
        _ => Some(format!("{github}/api/v3")),
    }
}

/// The address of the page where people register an OAuth application, with its fields filled in. `home` is Kozmic's
/// address, and `callback` is the address where a sign-in comes back.
pub fn application_link(github: &str, home: &str, callback: &str) -> Option<Url> {
    let mut link = Url::parse(&format!("{github}/settings/applications/new")).ok()?;
    link.query_pairs_mut()
        .append_pair("oauth_application[name]", "Kozmic")
        .append_pair("oauth_application[url]", home)
        .append_pair("oauth_application[callback_url]", callback);
    Some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn github_has_its_api_at_the_address_that_belongs_to_it() {
        assert_eq!(api_of("https://github.com").unwrap(), "https://api.github.com");
        assert_eq!(api_of("https://adlift.ghe.com").unwrap(), "https://api.adlift.ghe.com");
        assert_eq!(api_of("https://git.example.org:8443").unwrap(), "https://git.example.org:8443/api/v3");
        assert_eq!(api_of("github"), None);
    }
}
