//! The access check of the set-up: a code that only the terminal shows. Foreign names and forms are refused.

use crate::auth::same;
use axum::http::{HeaderMap, header};
use kozmic_edges::secret;
use secrecy::{ExposeSecret, SecretString};
use std::{
    net::IpAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// Letters of the code: 128 bits, which fit on a terminal line together with an address.
const LETTERS: usize = 32;

/// Number of wrong codes after which nobody gets in any more, because somebody is guessing.
const GUESSES: u32 = 100;

/// The access check of the set-up.
pub struct AccessCheck {
    code: SecretString,
    /// True while the right code lets people in.
    open: Mutex<bool>,
    wrong: AtomicU32,
    stop: CancellationToken,
}

impl AccessCheck {
    /// An access check with a new code. The token is cancelled when it closes for good.
    pub fn new(stop: CancellationToken) -> Self {
        let code = secret::random().expose_secret()[..LETTERS].into();
        Self { code, open: Mutex::new(true), wrong: AtomicU32::new(0), stop }
    }

    /// The code that lets people in.
    pub fn code(&self) -> &str {
        self.code.expose_secret()
    }

    /// True if it was closed because of too many wrong codes.
    pub fn was_guessed_at(&self) -> bool {
        self.wrong.load(Ordering::Relaxed) >= GUESSES
    }

    /// True if this code is right and the access is open. A missing code does not count as a guess.
    pub(super) fn accepts(&self, code: &str) -> bool {
        if same(code, self.code()) {
            return *self.open.lock().unwrap_or_else(PoisonError::into_inner);
        }
        if !code.is_empty() && self.wrong.fetch_add(1, Ordering::Relaxed) + 1 >= GUESSES {
            self.close();
        }
        false
    }

    /// Closes the access for good.
    pub(super) fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.stop.cancel();
    }
}

/// True if a request comes from a page of this server, or from the address line of a browser. Its host has to be an IP
/// address or `localhost`: any other name that leads here may belong to somebody else.
pub(super) fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let Some(host) = text(header::HOST) else { return false };
    let is_from_here = text(header::ORIGIN).is_none_or(|origin| origin == format!("http://{host}"));
    is_of_machine(host) && is_from_here
}

fn is_of_machine(host: &str) -> bool {
    let has_port = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()));
    let name = has_port.map_or(host, |(name, _)| name);
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_others_leads_nowhere() {
        for host in
            ["127.0.0.1:8080", "127.0.0.1", "localhost:9000", "LOCALHOST", "[::1]:8080", "10.0.0.5:8080"]
        {
            assert!(is_of_machine(host), "{host}");
        }
        for host in [
            "",
            ":8080",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "127.0.0.1:80:80",
            "x@127.0.0.1:80",
        ] {
            assert!(!is_of_machine(host), "{host}");
        }
    }

    #[test]
    fn wrong_codes_close_the_access_for_good() {
        let stop = CancellationToken::new();
        let access = AccessCheck::new(stop.clone());
        let code = access.code().to_owned();
        assert!(code.len() == LETTERS && code != AccessCheck::new(stop.clone()).code());
        assert!(
            access.accepts(&code)
                && !access.accepts("")
                && !access.accepts(&code[1..])
                && !access.accepts(&format!("{code}0"))
        );
        for _ in 2..GUESSES {
            assert!(!stop.is_cancelled());
            assert!(!access.accepts("guess"));
        }
        assert!(access.was_guessed_at() && stop.is_cancelled() && !access.accepts(&code));
    }
}
