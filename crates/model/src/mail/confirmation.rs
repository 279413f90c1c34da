//! The mail that asks for a confirmation that an address is the person's. Its reader may not have asked for it, so it
//! is short, and the login is the only part that a stranger chose.

use super::{Mail, html};
use crate::{clean, news::host};

/// The facts from which the mail is made.
#[derive(Clone, Copy, Debug)]
pub struct ConfirmationFacts<'a> {
    /// The mail's name among all mails of this kind, such as `7.1`: the same each time the mail is sent.
    pub name: &'a str,
    /// The login of the person who gave the address.
    pub login: &'a str,
    /// The address at which they confirm it.
    pub confirm_url: &'a str,
    /// The address of Kozmic for browsers.
    pub public_url: &'a str,
}

impl Mail {
    /// Asks for a confirmation of the address.
    pub fn confirmation(facts: &ConfirmationFacts<'_>) -> Self {
        let ConfirmationFacts { name, login, confirm_url, public_url } = facts;
        let login = clean::name(login);
        let server = public_url.trim_end_matches('/');
        let verdict = format!("{login} wants mail about builds from {server} at this address.");
        let how = format!("If you are {login}, open this link within three days, signed in as {login}:");
        let otherwise = "If you are not, ignore this mail: nothing about builds will come here.";
        Self {
            subject: format!("Confirm your address for mail from {}", host(public_url)),
            text: format!("{verdict}\n\n{how}\n\n    {confirm_url}\n\n{otherwise}\n"),
            html: html::confirmation(&verdict, &how, confirm_url, otherwise),
            message_id: format!("<confirm-{name}@{}>", host(public_url)),
            list: None,
        }
    }
}
