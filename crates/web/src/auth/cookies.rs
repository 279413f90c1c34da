//! The three cookies: the session, a sign-in in progress at the forge, and a notice for the next page. All are signed,
//! and scripts can read none.

use super::Session;
use crate::app::Face;
use axum::{
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use axum_extra::extract::cookie::{Cookie, Key, SameSite, SignedCookieJar};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest time that a sign-in at the forge may take.
const SIGN_IN_TIME: Duration = Duration::from_secs(600);

/// Longest time that a notice waits for the next page.
const NOTICE_TIME: Duration = Duration::from_secs(60);

/// A browser's cookies: reads those that it sent, and sets new ones.
pub(crate) struct Cookies {
    jar: SignedCookieJar<Key>,
    secure: bool,
}

/// A sign-in in progress at the forge.
#[derive(Serialize, Deserialize)]
pub(crate) struct PendingSignIn {
    /// The text that the forge must send back, so that nobody can make a browser use another person's sign-in.
    pub(crate) state: String,
    /// The secret that the forge requires together with the code of this sign-in.
    pub(crate) verifier: String,
    /// The path to go to afterwards.
    pub(crate) next: String,
}

/// A sentence for the next page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// Its tone.
    pub(crate) tone: Tone,
    /// The sentence.
    pub(crate) text: String,
}

/// The tone of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tone {
    /// The notice reports a success.
    Good,
    /// The notice reports a failure.
    Bad,
}

impl Cookies {
    /// The cookies that a browser sent.
    pub(crate) fn of(headers: &HeaderMap, face: &Face) -> Self {
        Self {
            jar: SignedCookieJar::from_headers(headers, face.cookie_key.clone()),
            secure: face.is_secure(),
        }
    }

    /// The browser's session, if it has one and the signature is valid.
    pub(crate) fn session(&self) -> Option<Session> {
        self.read("session").map(|secret| Session(secret.into()))
    }

    /// The browser's sign-in in progress.
    pub(crate) fn pending_sign_in(&self) -> Option<PendingSignIn> {
        self.read_json("sign_in")
    }

    /// The notice that waits for a page.
    pub(crate) fn notice(&self) -> Option<Notice> {
        self.read_json("notice")
    }

    /// Begins a session.
    pub(crate) fn set_session(self, secret: &SecretString, lasts: Duration) -> Self {
        self.set("session", secret.expose_secret().to_owned(), lasts)
    }

    /// Stores a sign-in in progress.
    pub(crate) fn set_pending_sign_in(self, pending: &PendingSignIn) -> Self {
        self.set_json("sign_in", pending, SIGN_IN_TIME)
    }

    /// Leaves a notice for the next page.
    pub(crate) fn set_notice(self, tone: Tone, text: impl Into<String>) -> Self {
        // Browsers keep 4 KiB a cookie. As hexadecimal digits the text needs up to eight times as many bytes as it has
        // characters.
        let text = text.into().chars().take(400).collect();
        self.set_json("notice", &Notice { tone, text }, NOTICE_TIME)
    }

    /// Ends the session.
    pub(crate) fn forget_session(self) -> Self {
        self.set("session", String::new(), Duration::ZERO)
    }

    /// Removes the sign-in in progress, after a success or a failure.
    pub(crate) fn forget_departure(self) -> Self {
        self.set("sign_in", String::new(), Duration::ZERO)
    }

    /// Removes the notice, because it was shown.
    pub(crate) fn forget_notice(self) -> Self {
        self.set("notice", String::new(), Duration::ZERO)
    }

    /// Adds the changed cookies to an answer.
    pub(crate) fn onto(self, response: impl IntoResponse) -> Response {
        (self.jar, response).into_response()
    }

    fn read(&self, name: &str) -> Option<String> {
        self.jar.get(&self.full(name)).map(|cookie| cookie.value().to_owned())
    }

    fn read_json<T: for<'a> Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&hex::decode(self.read(name)?).ok()?).ok()
    }

    fn set(self, name: &str, value: String, lasts: Duration) -> Self {
        let cookie = cookie(self.full(name), value, lasts, self.secure);
        Self { jar: self.jar.add(cookie), ..self }
    }

    fn set_json(self, name: &str, value: &impl Serialize, lasts: Duration) -> Self {
        let text = serde_json::to_vec(value).unwrap_or_default();
        self.set(name, hex::encode(text), lasts)
    }

    /// The cookie's full name. With https its prefix makes browsers accept the cookie from this host alone.
    fn full(&self, name: &str) -> String {
        format!("{}kozmic_{name}", if self.secure { "__Host-" } else { "" })
    }
}

fn cookie(name: String, value: String, lasts: Duration, secure: bool) -> Cookie<'static> {
    // Max-Age has whole seconds. The cookie's own type for time cannot be named in this crate.
    let max_age = lasts.try_into().unwrap_or_default();
    Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(secure)
        .max_age(max_age)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::trial;
    use axum::http::header::{COOKIE, SET_COOKIE};

    fn face(url: &str) -> Face {
        Face { public_url: url.parse().unwrap(), ..trial::face(None) }
    }

    fn sent_back(cookies: Cookies) -> (String, HeaderMap) {
        let response = cookies.onto(());
        let line = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, line.split(';').next().unwrap().parse().unwrap());
        (line, headers)
    }

    #[test]
    fn the_session_cookie_is_signed_and_kept_from_scripts() {
        let face = face("https://ci.example.org");
        let cookies = Cookies::of(&HeaderMap::new(), &face);
        let (line, headers) = sent_back(cookies.set_session(&"abc".into(), Duration::from_secs(60)));
        assert!(line.starts_with("__Host-kozmic_session="));
        for flag in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=60"] {
            assert!(line.contains(flag), "{flag} is missing in {line}");
        }
        assert_eq!(Cookies::of(&headers, &face).session().unwrap().0.expose_secret(), "abc");
        let mut forged = headers.clone();
        forged.insert(COOKIE, "__Host-kozmic_session=abc".parse().unwrap());
        assert!(Cookies::of(&forged, &face).session().is_none());
    }

    #[test]
    fn without_https_the_cookie_works_as_well() {
        let face = face("http://127.0.0.1:8080");
        let cookies = Cookies::of(&HeaderMap::new(), &face);
        let (line, headers) = sent_back(cookies.set_session(&"abc".into(), Duration::from_secs(60)));
        assert!(line.starts_with("kozmic_session=") && !line.contains("Secure"));
        assert!(Cookies::of(&headers, &face).session().is_some());
    }

    #[test]
    fn a_notice_of_any_signs_arrives_and_is_cut_to_fit() {
        let face = face("http://127.0.0.1:8080");
        let text = "„ü; 🚀 <b>\r\n\" ".repeat(100);
        let cookies = Cookies::of(&HeaderMap::new(), &face).set_notice(Tone::Bad, text.clone());
        let (line, headers) = sent_back(cookies);
        assert!(line.len() < 4_096, "{}", line.len());
        let notice = Cookies::of(&headers, &face).notice().unwrap();
        assert_eq!(notice.text, text.chars().take(400).collect::<String>());
    }

    #[test]
    fn an_ended_session_tells_the_browser_to_forget() {
        let face = face("http://127.0.0.1:8080");
        let (line, _) = sent_back(Cookies::of(&HeaderMap::new(), &face).forget_session());
        assert!(line.contains("Max-Age=0"));
    }
}
