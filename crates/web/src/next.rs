//! The path to open after signing in. Only paths of this server are accepted, so that no link can lead people to
//! another.

use url::form_urlencoded;

/// The longest path that is kept, in bytes. As hexadecimal digits of JSON it has to fit into a cookie of 4 KiB.
const LONGEST: usize = 900;

/// The path, if it stays on this server.
pub(crate) fn local_path(path: &str) -> Option<&str> {
    // Browsers read a backslash as a slash, and `//host` as another host.
    let stays = path.starts_with('/') && !path[1..].starts_with(['/', '\\']);
    let clean = path.bytes().all(|byte| byte.is_ascii_graphic());
    (stays && clean && path.len() <= LONGEST).then_some(path)
}

/// The address for signing in and coming back to `path` afterwards.
pub(crate) fn sign_in_address(path: &str) -> String {
    match local_path(path) {
        None | Some("/") => "/login/".to_owned(),
        Some(path) => {
            format!("/login/?next={}", form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_ours_are_followed() {
        for path in ["/", "/projects/1/", "/projects/1/history/?page=2"] {
            assert_eq!(local_path(path), Some(path));
        }
        let astray =
            ["", "projects", "//x", "/\\x", "https://x/", "/a b", "/a\nb", "/ä", "javascript:alert(1)"];
        for path in astray {
            assert_eq!(local_path(path), None, "{path:?}");
        }
    }

    #[test]
    fn the_longest_path_fits_into_a_cookie() {
        let longest = format!("/{}", "\\".repeat(LONGEST - 1)).replacen("/\\", "/x", 1);
        assert!(local_path(&longest).is_some() && local_path(&format!("{longest}x")).is_none());
        let json =
            serde_json::json!({ "state": "0".repeat(64), "verifier": "0".repeat(64), "next": longest })
                .to_string();
        let (digits, around) = (2 * json.len(), "__Host-kozmic_sign_in=".len() + 44);
        assert!(digits + around <= 4096, "{}", digits + around);
    }

    #[test]
    fn after_signing_in_one_comes_back() {
        assert_eq!(sign_in_address("/projects/1/?a=b"), "/login/?next=%2Fprojects%2F1%2F%3Fa%3Db");
        assert_eq!(sign_in_address("/"), "/login/");
        assert_eq!(sign_in_address("//evil.example/"), "/login/");
    }
}
